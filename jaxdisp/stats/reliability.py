"""Reliability: would another half of the data show the same profile?"""

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray


def random_halves(
    key: PRNGKeyArray, n_groups: int, draws: int
) -> Int[np.ndarray, "draw group"]:
    """Draws halves of the groups: 1 for those in the half, 0 for the others.

    Definition: each draw is one of all sets of `n_groups // 2` groups.

    Args:
        key: of the draws.
        n_groups: how many groups.
        draws: how many halves.

    Raises:
        ValueError: if there are fewer than 2 groups.

    Reference: our own definition.
    """
    if n_groups < 2:
        raise ValueError(f"halves need at least 2 groups, got {n_groups}")
    bits = np.asarray(jax.random.bits(key, (draws, n_groups)))
    places = np.argsort(np.argsort(bits, axis=1), axis=1)
    return (places < n_groups // 2).astype(int)


def split_half(
    first: Float[np.ndarray, "draw item"], second: Float[np.ndarray, "draw item"]
) -> float:
    """Estimates how reliable a profile over items is, from pairs of its halves.

    Definition: `2 r / (1 + r)`, r being Pearson's correlation over items of the two
    halves, averaged over draws; 1 for a profile without noise.

    Args:
        first: profile of one half, per draw.
        second: that of the other half.

    Raises:
        ValueError: if a profile has fewer than 3 items or is constant.

    Reference: Spearman 1910 and Brown 1910, British Journal of Psychology 3 (the
        prophecy formula for twice the length).
    """
    if first.shape[-1] < 3:
        raise ValueError(f"a profile needs at least 3 items, got {first.shape[-1]}")
    if np.any(np.ptp(first, axis=1) == 0) or np.any(np.ptp(second, axis=1) == 0):
        raise ValueError("a constant profile has no reliability")
    one, other = (side - side.mean(axis=1, keepdims=True) for side in (first, second))
    scale = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    r = float(np.mean(np.sum(one * other, axis=1) / scale))
    return 2 * r / (1 + r)
