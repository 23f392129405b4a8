"""Spectra: how many directions a matrix uses, and how its large values fall off.

Singular values are those of a matrix; variances are their squares, or eigenvalues of a
covariance. Both may stand in any order and none may be negative.
"""

import numpy as np
from jaxtyping import Float

from jaxdisp.result import result

LEAST_VALUES = 50
"""Below this the exponent of a power law says little: Clauset et al. 2009, 3.1."""

LEAST_TAIL = 10


@result
class PowerLaw:
    """A tail `p(x) ~ x^-exponent` of all values from `threshold` on.

    `distance` is the largest between the distribution of the `n_tail` values and the
    law's; `error` is the standard error of the exponent.
    """

    exponent: float
    error: float
    threshold: float
    n_tail: int
    distance: float


def effective_rank(singular_values: Float[np.ndarray, " value"]) -> float:
    """Counts directions by the entropy of the singular values.

    Definition: `exp(-sum p log p)`, `p = s / sum s`; between 1 and the rank.

    Args:
        singular_values: in any unit.

    Raises:
        ValueError: if one is negative or not finite, or all are 0.

    Reference: Roy and Vetterli 2007, The effective rank, EUSIPCO, definition 1.
    """
    shares = _checked(singular_values) / singular_values.sum()
    positive = shares[shares > 0]
    return float(np.exp(-np.sum(positive * np.log(positive))))


def participation_ratio(variances: Float[np.ndarray, " value"]) -> float:
    """Counts directions by how evenly they share the variance.

    Definition: `(sum v)^2 / sum v^2`; n for n equal variances and 1 for a single one.

    Args:
        variances: in any unit.

    Raises:
        ValueError: if one is negative or not finite, or all are 0.

    Reference: Gao et al. 2017, bioRxiv 214262, section 4.1.
    """
    shares = _checked(variances) / variances.sum()
    return float(1 / np.sum(shares**2))


def stable_rank(variances: Float[np.ndarray, " value"]) -> float:
    """Divides the whole variance by the largest, which small values cannot change.

    Definition: `sum v / max v`, of a matrix `|W|_F^2 / |W|_2^2`.

    Args:
        variances: in any unit.

    Raises:
        ValueError: if one is negative or not finite, or all are 0.

    Reference: Rudelson and Vershynin 2007, Journal of the ACM 54(4), section 1.
    """
    return float(np.sum(_checked(variances) / variances.max()))


def condition_number(singular_values: Float[np.ndarray, " value"]) -> float:
    """Divides the largest singular value by the smallest.

    Definition: `max s / min s`, infinite where `min s <= n eps max s`, which rounding
    cannot tell from 0. A square matrix of n^2 independent entries has one around n
    without any structure (Edelman 1988), so that a large one by itself says nothing.

    Args:
        singular_values: n of them, in any unit.

    Raises:
        ValueError: if one is negative or not finite, or all are 0.

    Reference: Golub and Van Loan 2013, Matrix Computations, section 2.6.2; rounding as
        in numpy.linalg.matrix_rank.
    """
    largest, smallest = _checked(singular_values).max(), singular_values.min()
    lost = len(singular_values) * np.finfo(np.float64).eps * largest
    return float(largest / smallest) if smallest > lost else np.inf


def explaining_dimension(
    variances: Float[np.ndarray, " value"], share: float = 0.95
) -> int:
    """Counts the directions that it takes to explain a share of the variance.

    Definition: the least k such that the k largest add up to `share` of the sum.

    Args:
        variances: in any unit.
        share: of the variance, above 0 and at most 1.

    Raises:
        ValueError: if a variance is negative or not finite, all are 0, or the share is
            out of range.

    Reference: Jolliffe 2002, Principal Component Analysis, section 6.1.1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
    ordered = np.sort(_checked(variances))[::-1]
    explained = np.cumsum(ordered) / ordered.sum()
    enough = explained >= share * (1 - 1e-12)  # the sum's rounding
    return int(np.argmax(enough)) + 1


def power_law(values: Float[np.ndarray, " value"]) -> PowerLaw:
    """Fits a power law to the largest values, as many as follow one best.

    Definition: for each threshold t, `exponent = 1 + n / sum log(x / t)` over the n
    values from t on; the threshold is the one of least `distance = max |S(x) -
    (1 - (x / t)^(1 - exponent))|`, S being the empirical distribution of the tail.
    Thresholds leave at least 10 values. There is always a best fit: that the law fits
    at all is for the distance to say.

    Args:
        values: in any unit; zeros are in no tail.

    Raises:
        ValueError: if one is negative or not finite, fewer than 50 are positive, or all
            of the largest are equal.

    Reference: Clauset, Shalizi and Newman 2009, arXiv:0706.1062, equations 3.1, 3.2 and
        3.9; of eigenvalues of weights as in Martin and Mahoney 2021, arXiv:1810.01075.
    """
    ordered = np.sort(_checked(values))
    logs = np.log(ordered[ordered > 0])
    n_values = len(logs)
    if n_values < LEAST_VALUES:
        raise ValueError(
            f"a power law needs at least {LEAST_VALUES} positive values, got {n_values}"
        )
    best = (np.inf, 0, 0.0)
    for first in range(n_values - LEAST_TAIL + 1):
        excess = logs[first:] - logs[first]
        n_tail, total = n_values - first, excess.sum()
        if total <= 0 or (first and logs[first] == logs[first - 1]):
            continue  # no spread, or the same threshold once more
        law = -np.expm1(-excess * n_tail / total)
        steps = np.arange(n_tail + 1) / n_tail
        distance = max(np.max(steps[1:] - law), np.max(law - steps[:-1]))
        if distance < best[0]:
            best = (float(distance), first, n_tail / total)
    distance, first, slope = best
    if not slope:
        raise ValueError("values that are all equal follow no power law")
    n_tail = n_values - first
    return PowerLaw(
        exponent=1 + float(slope),
        error=float(slope) / np.sqrt(n_tail).item(),
        threshold=float(np.exp(logs[first])),
        n_tail=n_tail,
        distance=distance,
    )


def _checked(values: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
    if not (len(values) and np.all(np.isfinite(values)) and np.all(values >= 0)):
        raise ValueError("a spectrum must have finite values of 0 or more")
    if not np.any(values > 0):
        raise ValueError("a spectrum of zeros has no shape")
    return values
