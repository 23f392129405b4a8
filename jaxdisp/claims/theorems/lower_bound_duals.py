"""What prices prove of protection and bits, and allocations that ruin one group."""

import math

import numpy as np
from jaxtyping import Float

BITS_RANGE = (2.0, 8.0)


def dual_share(
    prices: Float[np.ndarray, " price"],
    excess: Float[np.ndarray, " group"],
    share: Float[np.ndarray, " group"],
    residual: float = 0.0,
) -> Float[np.ndarray, " price"]:
    """Evaluates what prices prove of the share of weights to be protected.

    Definition: `y sum v - sum (y (1 - r) v - n / N)_+`.

    Args:
        prices: `y`, at least 0.
        excess: `v = g[l] - k g[h]`, by group.
        share: `n / N`.
        residual: `r`, the share of its noise that a protected group keeps.

    Reference: our own derivation (theorem 5.1).
    """
    over = np.maximum(prices[:, None] * (1 - residual) * excess - share, 0.0)
    return prices * excess.sum() - over.sum(axis=1)


def best_dual_share(
    excess: Float[np.ndarray, " group"],
    share: Float[np.ndarray, " group"],
    residual: float = 0.0,
) -> float:
    """Maximises `dual_share`, which is concave with corners at `y (1 - r) v = n / N`.

    Args:
        excess: `v`, by group.
        share: `n / N`.
        residual: `r`, less than 1.

    Reference: our own derivation (theorem 5.1).
    """
    useful = excess > 0
    corners = share[useful] / ((1 - residual) * excess[useful])
    return float(dual_share(np.append(corners, 0.0), excess, share, residual).max())


def dual_bits(
    prices: tuple[float, float],
    losses: Float[np.ndarray, " group"],
    reference: Float[np.ndarray, " group"],
    share: Float[np.ndarray, " group"],
    limits: tuple[float, float],
) -> float:
    """Evaluates what prices prove of the mean bits needed.

    Definition: `sum_i min {-(w / 2) log2 u + r u} - z q` over the range of `u`, with
    `r = y (g[l] - k g[h]) + z g[h]`, `w = n / N`; the minimum is at
    `u = w / (2 ln 2 r)`, cut to the range, or at the largest u where r is not positive.

    Args:
        prices: `y` and `z`, at least 0.
        losses: `g[l]`.
        reference: `g[h]`.
        share: `w`.
        limits: `k` and `q`.

    Reference: our own derivation (theorem 5.2).
    """
    (y, z), (ratio, quality) = prices, limits
    r = y * (losses - ratio * reference) + z * reference
    most, least = (4.0**-bits for bits in BITS_RANGE)
    free = share / (2 * math.log(2) * np.where(r > 0, r, 1.0))
    u = np.where(r > 0, np.clip(free, least, most), most)
    return float(np.sum(-share / 2 * np.log2(u) + r * u) - z * quality)


def floor_at(
    mixture: Float[np.ndarray, "*mixture language"],
    losses: Float[np.ndarray, "language group"],
    share: Float[np.ndarray, " group"],
    bits: float,
) -> Float[np.ndarray, "*mixture"]:
    """Evaluates the floor of the worst language at weights of the languages.

    Definition: `4^-B prod (gbar / w)^w` with `gbar = sum nu g` and `w = n / N`, which
    is `N 4^-B prod (gbar / n)^(n / N)`.

    Args:
        mixture: `nu`, of sum 1.
        losses: `g` at 0 bits.
        share: `w`.
        bits: `B`, the mean over weights.

    Reference: our own derivation (theorem 5.3).
    """
    logs = np.log((mixture @ losses) / share) @ share
    return np.asarray(4.0**-bits * np.exp(logs))


def ruinous_bits(
    share: Float[np.ndarray, " group"], group: int, bits: float, ruin: float
) -> Float[np.ndarray, " group"]:
    """Takes bits from one group and gives them to the others, the mean kept.

    Args:
        share: `n / N`.
        group: the one that is ruined.
        bits: mean over weights, before and after.
        ruin: by how many bits the others end above that group.

    Reference: our own derivation (theorem 5.4).
    """
    others = np.arange(len(share)) != group
    return bits + ruin * (others - share @ others)
