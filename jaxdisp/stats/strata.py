"""Strata: means over groups of unequal size, in which every group weighs the same."""

import numpy as np
from jaxtyping import Float, Int


def member_means(
    values: Float[np.ndarray, "*axes member"], groups: Int[np.ndarray, " member"]
) -> Float[np.ndarray, "*axes group"]:
    """Averages over the members of each group.

    Args:
        values: of each member, in any unit.
        groups: number of each member's group, from 0 and without gaps.

    Raises:
        ValueError: if a number between is of no member.

    Reference: our own definition.
    """
    counts = np.bincount(groups)
    if not counts.all():
        raise ValueError(f"group {int(np.argmin(counts))} has no member")
    belongs = groups[:, None] == np.arange(len(counts))[None]
    return values.astype(np.float64) @ (belongs / counts[None])


def strata_mean(
    values: Float[np.ndarray, " member *axes"], strata: Int[np.ndarray, " member"]
) -> tuple[Float[np.ndarray, " *axes"], Float[np.ndarray, " member *axes"]]:
    """Averages over strata of any sizes, and again without each member.

    Definition: `mean over strata of (mean over the members of the stratum)`, of all
    members and of all but one, as `jackknife_interval` takes them.

    Args:
        values: of each member, in any unit.
        strata: number of each member's stratum; there may be gaps.

    Raises:
        ValueError: if a stratum has fewer than 2 members.

    Returns:
        The mean, and the means without each member.

    Reference: Cochran 1977, Sampling Techniques, equation 5.1, with equal weights.
    """
    _, place, counts = np.unique(strata, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise ValueError("every stratum needs at least 2 members")
    sums = np.zeros((len(counts), *values.shape[1:]))
    np.add.at(sums, place, values)
    axes = (-1,) + (1,) * (values.ndim - 1)
    means = sums / counts.reshape(axes)
    without = (sums[place] - values) / (counts[place] - 1).reshape(axes)
    whole = np.asarray(means.mean(axis=0))
    return whole, whole[None] + (without - means[place]) / len(counts)
