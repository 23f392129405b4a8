"""The best of some options against the best of others, neither known beforehand."""

import numpy as np
from jaxtyping import Float, Int

from jaxdisp.search import simultaneous


def best_difference(
    estimate: Float[np.ndarray, " option"],
    replicates: Float[np.ndarray, "draw option"],
    here: Int[np.ndarray, " claimed"],
    there: Int[np.ndarray, " other"],
    *,
    clusters: int,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Compares the largest of some means with the largest of others.

    Definition: with `d_ij` the difference of option i here and j there, and `s_ij` the
    standard deviation of its replicates, the estimate is `max_i min_j d_ij` and the
    bounds are `max_i min_j (d_ij - a_j s_ij)` and `max_i min_j (d_ij + b_i s_ij)`,
    where `a_j` is the critical value of the largest `(d*_ij - d_ij) / s_ij` over i, and
    `b_i` that of the largest `(d_ij - d*_ij) / s_ij` over j, at half the error each. So
    the lower bound holds whichever option here looks best, and the upper whichever
    there; where all are equal it is cautious.

    Args:
        estimate: mean of each option, in any unit; larger is better.
        replicates: the same in resamples.
        here: options that are claimed to hold the best.
        there: the others.
        clusters: number of clusters that were resampled.
        level: coverage aimed at.

    Returns:
        Estimate and both bounds.

    Raises:
        ValueError: if either side has no option.

    Reference: our own definition; critical values as in Romano and Wolf 2005,
        Econometrica 73.
    """
    if not (len(here) and len(there)):
        raise ValueError(
            f"both sides need an option to compare, got {len(here)} and {len(there)}"
        )
    gap = estimate[here, None] - estimate[None, there]
    moved = replicates[:, here, None] - replicates[:, None, there] - gap
    error = moved.std(axis=0, ddof=1)
    t = moved / np.where(error > 0, error, 1.0)
    tail = (1 + level) / 2
    up, down = (
        simultaneous.critical_values(largest.T, level=tail, clusters=clusters)
        for largest in (t.max(axis=1), (-t).max(axis=2))
    )
    bounds = (gap, gap - up[None] * error, gap + down[:, None] * error)
    value, low, high = (float(each.min(axis=1).max()) for each in bounds)
    return value, low, high
