"""Bias-corrected and accelerated (BCa) bootstrap intervals, from replicates."""

import os
from concurrent import futures

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import special, stats

from jaxdisp.result import result

# columns that one thread takes at a time
BLOCK = 400
# replicates this many roundings apart count as equal
ROUNDINGS = 4


@result
class Interval:
    """An estimate with its bounds and standard error; NaN bounds mean unbounded."""

    estimate: Float[Array, " *statistic"]
    low: Float[Array, " *statistic"]
    high: Float[Array, " *statistic"]
    standard_error: Float[Array, " *statistic"]


def bca_interval(
    estimate: Float[Array, " *statistic"],
    replicates: Float[Array, " draw *statistic"],
    jackknife: Float[Array, " cluster *statistic"],
    *,
    level: float = 0.95,
    expanded: bool = True,
) -> Interval:
    """Finds the BCa interval of each element of a statistic.

    The bounds are the replicates' quantiles (linear between order statistics) at
    Phi(z0 + (z0 + z) / (1 - a (z0 + z))), z = -/+ Phi^-1((1 + level) / 2), with
    z0 = Phi^-1(share of replicates below the estimate, ties counted half) and
    a = sum(d^3) / (6 sum(d^2)^1.5), d = mean(jackknife) - jackknife.

    With n clusters a percentile interval is too narrow by sqrt((n - 1) / n) and lacks
    Student's t; `expanded` replaces z by -/+ sqrt(n / (n - 1)) t_{n-1}, which matters
    below about 50 clusters. Off, the interval is that of `scipy.stats.bootstrap`.

    Conventions: with all replicates on one side of the estimate, the share is half a
    draw from 0 or 1. Values four roundings apart are ties; where all replicates are
    ties, both bounds are the estimate. A replicate or jackknife value that is NaN or
    infinite (the statistic is not defined there) gives NaN bounds.

    Args:
        estimate: of the data.
        replicates: of the bootstrap resamples.
        jackknife: of the data without one cluster each.
        level: coverage aimed at.
        expanded: whether to widen for the number of clusters.

    Raises:
        ValueError: if `level` is not between 0 and 1, the shapes differ beyond the
            first axis, or there are fewer than 2 draws or clusters.

    Reference: Efron 1987, JASA 82, equations 2.3 and 6.6; Hesterberg 2015,
    arXiv:1411.5279, section 5.3 (the expanded percentile interval).
    """
    _check(estimate, replicates, jackknife, level=level)
    clusters = jackknife.shape[0]
    rows = np.asarray(_by_column(replicates))
    centre = np.asarray(estimate, np.float64).reshape(-1)
    skew = acceleration(np.asarray(jackknife, np.float64).reshape(clusters, -1))
    z = half_width(level, clusters if expanded else None)

    def one_block(start: int) -> Float[np.ndarray, "3 column"]:
        part = slice(start, start + BLOCK)
        return _bounds(rows[part], centre[part], skew[part], z)

    # NumPy frees the interpreter while it sorts, so that threads use all cores
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        blocks = list(pool.map(one_block, range(0, max(1, len(rows)), BLOCK)))
    low, high, standard_error = (
        jnp.asarray(x.reshape(estimate.shape).astype(estimate.dtype))
        for x in np.concatenate(blocks, axis=1)
    )
    return Interval(
        estimate=estimate, low=low, high=high, standard_error=standard_error
    )


def _check(
    estimate: Array, replicates: Array, jackknife: Array, *, level: float
) -> None:
    """Raises unless the shapes agree and the level is a probability."""
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    for name, x in (("replicates", replicates), ("jackknife", jackknife)):
        if x.shape[1:] != estimate.shape or x.ndim == 0 or x.shape[0] < 2:
            raise ValueError(
                f"{name} must have an axis of at least 2 before the estimate's shape "
                f"{estimate.shape}, got {x.shape}"
            )


@jax.jit
def _by_column(x: Float[Array, " draw *statistic"]) -> Float[Array, "column draw"]:
    """Turns the draws of each column into one row."""
    return x.reshape(x.shape[0], -1).T


def _bounds(
    replicates: Float[np.ndarray, "column draw"],
    estimate: Float[np.ndarray, " column"],
    skew: Float[np.ndarray, " column"],
    z: float,
) -> Float[np.ndarray, "3 column"]:
    """Finds low, high and standard error of each row.

    In NumPy, because XLA's sort on a CPU is far slower.
    """
    ordered = np.sort(replicates, axis=1)
    smallest, largest = ordered[:, 0].astype(float), ordered[:, -1].astype(float)
    with np.errstate(invalid="ignore", over="ignore"):  # infinite replicates
        constant = largest - smallest <= _tie(ordered)
        spread = np.where(constant, 0.0, _standard_deviation(ordered))
        z0 = bias(ordered, estimate)
        low = quantile(ordered, adjusted(z0 - z, z0, skew))
        high = quantile(ordered, adjusted(z0 + z, z0, skew))
    bounds = np.where(constant, estimate, np.stack([low, high]))
    defined = np.isfinite([estimate, skew, smallest, largest]).all(axis=0)
    return np.vstack([np.where(defined, bounds, np.nan), spread])


def _standard_deviation(
    x: Float[np.ndarray, "column draw"],
) -> Float[np.ndarray, " column"]:
    """Finds the standard deviation of each row."""
    centred = x - x.mean(axis=1, keepdims=True)
    squares = np.einsum("cd,cd->c", centred, centred)
    return np.sqrt(squares / (x.shape[1] - 1))


def _tie(ordered: Float[np.ndarray, "column draw"]) -> Float[np.ndarray, " column"]:
    """Finds how far apart replicates of each row may be and still count as equal."""
    largest = np.maximum(abs(ordered[:, 0]), abs(ordered[:, -1])).astype(float)
    return ROUNDINGS * float(np.finfo(ordered.dtype).eps) * largest


def acceleration(
    jackknife: Float[np.ndarray, "cluster column"],
) -> Float[np.ndarray, " column"]:
    """Finds how fast the standard error changes with the statistic, on z's scale.

    Definition: `a = sum(d^3) / (6 sum(d^2)^1.5)`, `d = mean(jackknife) - jackknife`;
    0 without spread, NaN if not finite.

    Args:
        jackknife: of the data without one cluster each.

    Reference: Efron 1987, JASA 82, equation 6.6.
    """
    with np.errstate(invalid="ignore"):
        d = jackknife.mean(axis=0) - jackknife
        square = d * d
        spread, skew = square.sum(axis=0), (square * d).sum(axis=0)
        return np.where(
            spread == 0, 0.0, skew / np.where(spread == 0, 1.0, 6 * spread**1.5)
        )


def bias(
    ordered: Float[np.ndarray, "column draw"], estimate: Float[np.ndarray, " column"]
) -> Float[np.ndarray, " column"]:
    """Finds the median bias of replicates, on z's scale.

    Definition: `z0 = Phi^-1(share of replicates below the estimate)`, ties counted
    half; with all on one side, the share is half a draw from 0 or 1.

    Args:
        ordered: replicates of each column, sorted.
        estimate: of the data, in the replicates' unit.

    Reference: Efron 1987, JASA 82, equation 2.3.
    """
    draws, tie = ordered.shape[1], _tie(ordered)
    below = _count(ordered, estimate - tie, strict=True)
    up_to = _count(ordered, estimate + tie, strict=False)
    share = (below + up_to) / (2 * draws)
    return special.ndtri(np.clip(share, 0.5 / draws, 1 - 0.5 / draws))


def _count(
    ordered: Float[np.ndarray, "column draw"],
    score: Float[np.ndarray, " column"],
    *,
    strict: bool,
) -> np.ndarray:
    """Counts the replicates < score (strict) or <= score, by bisection of each row."""
    rows, draws = np.arange(len(ordered)), ordered.shape[1]
    low, high = np.zeros(len(ordered), int), np.full(len(ordered), draws)
    for _ in range(draws.bit_length()):
        middle = (low + high) // 2
        value = ordered[rows, np.minimum(middle, draws - 1)]
        inside = (value < score if strict else value <= score) & (low < high)
        low, high = np.where(inside, middle + 1, low), np.where(inside, high, middle)
    return low


def half_width(level: float, clusters: int | None = None) -> float:
    """Finds half the width of an interval of a normal value, in standard errors.

    Definition: `z = Phi^-1((1 + level) / 2)`; expanded for n clusters, `sqrt(n /
    (n - 1)) t_{n-1}`.

    Args:
        level: coverage aimed at.
        clusters: how many, if the width shall allow for their number.

    Reference: Hesterberg 2015, arXiv:1411.5279, section 5.3.
    """
    tail = (1 + level) / 2
    if clusters is None:
        return float(special.ndtri(tail))
    return float(np.sqrt(clusters / (clusters - 1)) * stats.t.ppf(tail, clusters - 1))


def adjusted(
    shifted: Float[np.ndarray, " column"],
    z0: Float[np.ndarray, " column"],
    skew: Float[np.ndarray, " column"],
) -> Float[np.ndarray, " column"]:
    """Finds the share of replicates below a bound.

    Definition: `Phi(z0 + s / (1 - a s))`; beyond the pole at `a s = 1`, 0 or 1 by the
    sign of s.

    Args:
        shifted: s, the bias z0 and what the level adds, -/+ z.
        z0: see `bias`.
        skew: a, see `acceleration`.

    Reference: Efron 1987, JASA 82, equation 2.3.
    """
    slope = 1 - skew * shifted
    beyond = np.where(slope > 0, shifted / np.where(slope > 0, slope, 1.0), np.inf)
    return special.ndtr(z0 + np.where(slope > 0, beyond, np.sign(shifted) * np.inf))


def quantile(
    ordered: Float[np.ndarray, "column draw"], share: Float[np.ndarray, " column"]
) -> Float[np.ndarray, " column"]:
    """Interpolates each row linearly between its order statistics.

    Args:
        ordered: replicates of each column, sorted.
        share: of replicates below the quantile; NaN counts as 0.

    Reference: Hyndman and Fan 1996, The American Statistician 50, definition 7.
    """
    rows, last = np.arange(len(ordered)), ordered.shape[1] - 1
    position = np.nan_to_num(share) * last
    left = np.minimum(np.floor(position).astype(int), last - 1)
    a = ordered[rows, left].astype(np.float64)
    b = ordered[rows, left + 1].astype(np.float64)
    return a + (position - left) * (b - a)
