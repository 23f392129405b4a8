"""Simultaneous comparisons: critical values of the largest of many statistics."""

import math

import numpy as np
from jaxtyping import Array, Bool, Float
from scipy import special, stats

from jaxdisp.stats import bca


def critical_values(
    maxima: Float[np.ndarray, "family draw"],
    *,
    level: float = 0.95,
    clusters: int | None = None,
) -> Float[np.ndarray, " family"]:
    """Finds what the largest studentized deviation of a family rarely exceeds.

    Definition: the smallest of the maxima that at least `level (draws + 1)` of them do
    not exceed, `q`. With n clusters, the standard errors of a bootstrap are too small
    by `sqrt((n - 1) / n)` and are estimates themselves; `q` is therefore taken as a
    normal quantile and replaced by Student's of the same tail,
    `sqrt(n / (n - 1)) t_{n-1}(Phi(q))`. For a family of one comparison this is what
    `bca.bca_interval` does when expanded; for larger ones it is an approximation, which
    assumes that no direction between the comparisons is far noisier than they are.

    Args:
        maxima: over the family, in each draw; in standard errors of each comparison.
        level: probability aimed at that no comparison is wrong.
        clusters: number of clusters that were resampled; without it `q` is kept.

    Raises:
        ValueError: if `level` is not between 0 and 1.

    Reference: Romano and Wolf 2005, Econometrica 73 (studentized, its first step);
    Hesterberg 2015, arXiv:1411.5279, section 5.3 (the expansion of one interval).
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    draws = maxima.shape[1]
    place = min(math.ceil(level * (draws + 1)), draws) - 1
    quantile = np.partition(maxima, place, axis=1)[:, place].astype(np.float64)
    if clusters is None:
        return quantile
    expanded = stats.t.isf(special.ndtr(-quantile), clusters - 1)
    return np.sqrt(clusters / (clusters - 1)) * expanded


def studentized(
    difference: Float[np.ndarray, " *comparison"],
    standard_error: Float[np.ndarray, " *comparison"],
    tie: Float[np.ndarray, " *#comparison"],
) -> Float[np.ndarray, " *comparison"]:
    """Divides by the standard error; without spread, 0 for a tie and else infinite.

    Args:
        difference: in any unit.
        standard_error: in the same unit.
        tie: what roundings may add up to; neither a smaller difference nor a smaller
            standard error is told from 0.

    Reference: our own definition.
    """
    spread = standard_error > tie
    ratio = difference / np.where(spread, standard_error, 1.0)
    constant = np.where(abs(difference) > tie, np.copysign(np.inf, difference), 0.0)
    return np.where(spread, ratio, constant)


def above_noise(
    estimate: Float[Array, " comparison"],
    replicates: Float[Array, "draw comparison"],
    *,
    clusters: int,
    level: float = 0.95,
) -> Bool[np.ndarray, " comparison"]:
    """Flags the numbers that differ from 0, with one error rate for all together.

    Definition: `|estimate| / se` exceeds the critical value of the largest
    `|replicate - estimate| / se` of the family, `se` the replicates' standard
    deviation.

    Args:
        estimate: of the data, in any unit.
        replicates: of each draw.
        clusters: number of clusters that were resampled.
        level: one minus the probability of any flag where all are 0.

    Reference: Romano and Wolf 2005, Econometrica 73 (studentized, its first step).
    """
    eps = np.finfo(replicates.dtype).eps
    values = np.asarray(replicates, np.float64)
    centre = np.asarray(estimate, np.float64)
    tie = bca.ROUNDINGS * eps * abs(values).max(axis=0)
    spread = values.std(axis=0, ddof=1)
    deviations = np.where(
        spread > tie, (values - centre) / np.where(spread > tie, spread, 1.0), 0.0
    )
    largest = abs(deviations).max(axis=1)
    critical = critical_values(largest[None], level=level, clusters=clusters)
    return abs(studentized(centre, spread, tie)) > critical
