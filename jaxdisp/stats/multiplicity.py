"""Multiplicity: p-values when several hypotheses are tested at once."""

import numpy as np
from jaxtyping import Float
from scipy import special, stats


def holm(p_values: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """Corrects p-values so that none below 0.05 is wrong, with probability 0.95.

    Definition: in ascending order, `q[i] = min(1, max_{j <= i} (m - j) p[j])` for m
    tests counted from 0, returned in the order given. Holds whatever the dependence.

    Args:
        p_values: of all tests that were made.

    Raises:
        ValueError: if one is not between 0 and 1.

    Reference: Holm 1979, Scandinavian Journal of Statistics 6, section 2.
    """
    if not np.all((p_values >= 0) & (p_values <= 1)):
        raise ValueError(f"p-values must be between 0 and 1, got {p_values.tolist()}")
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    corrected = np.empty(len(p_values))
    corrected[order] = np.maximum.accumulate(factors * p_values[order])
    return np.minimum(corrected, 1.0)


def bonferroni(p_values: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """Corrects p-values for how many there are, each by itself.

    Definition: `min(1, m p)`; controls the probability of any false rejection, whatever
    the dependence. `holm` does so too, and is never larger.

    Args:
        p_values: of all tests that were made.

    Raises:
        ValueError: if there is none, or one is not between 0 and 1.

    Reference: Dunn 1961, JASA 56, "Multiple comparisons among means".
    """
    _check(p_values)
    return np.minimum(1.0, len(p_values) * p_values)


def benjamini_hochberg(
    p_values: Float[np.ndarray, " test"],
) -> Float[np.ndarray, " test"]:
    """Corrects p-values so that few of those below a level are wrong.

    Definition: `scipy.stats.false_discovery_control`. Of the tests rejected at level q
    a share of q is false on average, at most, where tests are independent or depend
    positively on one another.

    Args:
        p_values: of all tests that were made.

    Raises:
        ValueError: if there is none, or one is not between 0 and 1.

    Reference: Benjamini and Hochberg 1995, JRSS B 57, equation 1.
    """
    _check(p_values)
    return np.asarray(stats.false_discovery_control(p_values, method="bh"))


def benjamini_yekutieli(
    p_values: Float[np.ndarray, " test"],
) -> Float[np.ndarray, " test"]:
    """Corrects p-values so that few of those below a level are wrong, in any case.

    Definition: `benjamini_hochberg` times `1 + 1/2 + ... + 1/m`, at most 1: the same
    share, whatever the dependence.

    Args:
        p_values: of all tests that were made.

    Raises:
        ValueError: if there is none, or one is not between 0 and 1.

    Reference: Benjamini and Yekutieli 2001, Annals of Statistics 29, theorem 1.3.
    """
    _check(p_values)
    return np.asarray(stats.false_discovery_control(p_values, method="by"))


def interval_p_value(
    estimate: float, low: float, high: float, *, null: float, level: float = 0.95
) -> float:
    """Reads a p-value off an interval, as if the estimate were normal.

    Definition: `2 P(Z > |estimate - null| / s)`, s such that the bound between estimate
    and null is `z((1 + level) / 2) s` away. So p is below `1 - level` just where the
    interval excludes null; elsewhere it is an approximation, good for an estimate that
    is nearly normal. An estimate outside of its own interval is moved to the middle.

    Args:
        estimate: in any unit.
        low: lower bound, perhaps infinite.
        high: upper bound.
        null: what the estimate is compared with.
        level: of the interval.

    Raises:
        ValueError: if the interval is none, the level not in (0, 1), or estimate or
            null not finite.

    Reference: Altman and Bland 2011, BMJ 343:d2304, "How to obtain the P value from a
        confidence interval" (here with the nearer bound's half-width).
    """
    if not low <= high:
        raise ValueError(f"an interval from {low} to {high} is none")
    if not 0 < level < 1:
        raise ValueError(f"a level must be in (0, 1), got {level:g}")
    if not (np.isfinite(estimate) and np.isfinite(null)):
        raise ValueError(f"needs finite numbers, got {estimate:g} against {null:g}")
    inside = low <= estimate <= high
    centre = estimate if inside else (low + high) / 2
    if np.isnan(centre) or centre == null:
        return 1.0
    half = centre - low if centre > null else high - centre
    if half == 0:
        return 0.0
    quantile = -float(special.ndtri((1 - level) / 2))
    return 2 * float(special.ndtr(-quantile * abs(centre - null) / half))


def _check(p_values: np.ndarray) -> None:
    if len(p_values) == 0:
        raise ValueError("there are no p-values to correct")
    if not np.all((p_values >= 0) & (p_values <= 1)):
        raise ValueError(f"p-values must be between 0 and 1, got {p_values.tolist()}")
