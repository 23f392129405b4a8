"""How many bits are needed for languages to lose about equally, and not much.

In the model of `group_noise` with `u = 4^-b`, the limits `D[l] <= k D[h]` and
`D[h] <= q` are linear in `u` and the mean of bits is convex, so that the least number
of bits has a dual, here per weight: for all prices `y[l], z >= 0`, with
`r = sum_l y[l] (g[l] - k g[h]) + z g[h]` and `w = n / N`,

    mean bits  >=  sum_i min {-(w / 2) log2 u + r u} - z q,

each minimum over `4^-b_max <= u <= 4^-b_min`.
"""

import math

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Num

from jaxdisp.quant import group_noise, interior_point
from jaxdisp.result import result

NATS_PER_BIT = 2 * math.log(2)  # of log u


@result
class Certificate:
    """All that is needed to check that less than `claim` mean bits is not enough.

    `prices` are `y` by language, `quality_price` is `z`, in bits per weight over the
    unit of loss; `quality` is infinite where nothing was demanded.
    """

    claim: Float[np.ndarray, ""]
    limit: Float[np.ndarray, ""]
    quality: Float[np.ndarray, ""]
    prices: Float[np.ndarray, " language"]
    quality_price: Float[np.ndarray, ""]
    losses: Float[np.ndarray, "language group"]
    reference: Float[np.ndarray, " group"]
    sizes: Float[np.ndarray, " group"]
    bits_range: Float[np.ndarray, "2"]


@result
class BitAllocation:
    """Bits of each group, not rounded, their mean over weights, and its proof."""

    bits: Float[np.ndarray, " group"]
    mean_bits: Float[np.ndarray, ""]
    certificate: Certificate

    @property
    def gap(self) -> Float[np.ndarray, ""]:
        """Bits per weight that the proof leaves open."""
        return np.asarray(self.mean_bits - self.certificate.claim)


def least_bits(
    losses: Num[ArrayLike, "language group"],
    reference: Num[ArrayLike, " group"],
    sizes: Num[ArrayLike, " group"],
    *,
    limit: float,
    quality: float,
    bits_range: tuple[float | int, float | int],
) -> BitAllocation:
    """Finds the fewest mean bits with which no language loses too much.

    Definition: `min sum w b` with `D[l] <= k D[h]` for every language and `D[h] <= q`,
    where `D = sum g 4^-b`, `w = n / N`. Without a floor on quality the answer depends
    on the smallest bits allowed: see `attainable_ratio.least_ratio_at_any_quality`.

    Args:
        losses: `g`, what each language loses by group at 0 bits, in any unit.
        reference: what the reference language loses, in that unit.
        sizes: number of weights of each group.
        limit: `k`, the largest ratio of losses allowed.
        quality: `q`, the largest loss of the reference allowed; infinite for any.
        bits_range: fewest and most bits of a group.

    Raises:
        ValueError: if the limits cannot be met within the range, or only at its edge;
            if a loss is negative, or a size, limit, quality or range is not one.

    Reference: our own derivation (Lagrange duality); with equal sensitivities it is
    reverse water-filling, Cover and Thomas 2006, section 10.3.3.
    """
    k = group_noise.limit_of_ratio(limit)
    g, base = group_noise.pair(losses, reference)
    share = group_noise.shares(sizes)
    noisiest, finest = _noise_range(bits_range)
    if not quality > 0:
        raise ValueError(f"quality must be a positive loss or infinite, got {quality}")
    rows = np.vstack([group_noise.excess(g, base, k), base])
    limits = np.append(np.zeros(len(g)), quality)
    _each_alone_can_be_met(rows, limits, bits_range)
    # what no noise can violate has no price
    binding = rows.clip(0).sum(axis=1) * noisiest > limits
    prices = np.zeros(len(rows))
    bits = np.full(share.shape, float(bits_range[0]))
    if binding.any():
        ends = np.full_like(share, finest), np.full_like(share, noisiest)
        found = interior_point.largest_geometric_mean(
            share, rows[binding], limits[binding], *ends
        )
        if not found.feasible:
            raise ValueError(
                f"no bits from {bits_range[0]} to {bits_range[1]} keep every language "
                f"within {k:.4g} times the reference's loss and that within "
                f"{quality:.4g}; raise the limit, the quality or the most bits"
            )
        bits = -np.log(found.noise) / NATS_PER_BIT
        prices[binding] = found.prices / NATS_PER_BIT
    certificate = Certificate(
        claim=_proved(prices, g, base, share, (k, quality), (finest, noisiest)),
        limit=np.asarray(k),
        quality=np.asarray(float(quality)),
        prices=prices[:-1],
        quality_price=np.asarray(prices[-1]),
        losses=g,
        reference=base,
        sizes=np.asarray(sizes, np.float64),
        bits_range=np.asarray(bits_range, np.float64),
    )
    return BitAllocation(
        bits=bits, mean_bits=np.asarray(share @ bits), certificate=certificate
    )


def _noise_range(bits_range: tuple[float | int, float | int]) -> tuple[float, float]:
    """Turns the range of bits into the largest and the smallest noise power."""
    fewest, most = bits_range
    if not 0 <= fewest < most <= 32:
        raise ValueError(
            f"bits_range must rise from at least 0 to at most 32, got {bits_range}"
        )
    return 4.0**-fewest, 4.0**-most


def _each_alone_can_be_met(
    rows: Float[np.ndarray, "limit group"],
    limits: Float[np.ndarray, " limit"],
    bits_range: tuple[float | int, float | int],
) -> None:
    """Refuses a demand that fails even if it is the only one."""
    noisiest, finest = _noise_range(bits_range)
    least = rows.clip(0).sum(axis=1) * finest + rows.clip(max=0).sum(axis=1) * noisiest
    (fails,) = np.nonzero(least > limits)
    if fails.size == 0:
        return
    within = f"no bits from {bits_range[0]} to {bits_range[1]}"
    if fails[0] == len(limits) - 1:
        raise ValueError(
            f"{within} keep the reference's loss within {limits[-1]:.4g}: it is at "
            f"least {least[-1]:.4g}; raise the quality or the most bits"
        )
    raise ValueError(
        f"{within} keep language {fails[0]} (counted from 0) within the limit; raise "
        "the limit or the most bits"
    )


def _proved(
    prices: Float[np.ndarray, " limit"],
    losses: Float[np.ndarray, "language group"],
    base: Float[np.ndarray, " group"],
    share: Float[np.ndarray, " group"],
    limits: tuple[float, float],
    noise_range: tuple[float, float],
) -> Float[np.ndarray, ""]:
    """Evaluates the dual, rounded down."""
    k, quality = limits
    by_language, by_quality = prices[:-1], prices[-1]
    lost = by_language @ losses
    allowed = by_language.sum() * k * base
    poor = by_quality * base
    r = lost - allowed + poor
    free = share / (NATS_PER_BIT * np.where(r > 0, r, 1.0))
    noise = np.clip(np.where(r > 0, free, np.inf), *noise_range)
    cost = -share * np.log2(noise) / 2
    spent = by_quality * quality if by_quality > 0 else 0.0
    terms = [cost, lost * noise, -allowed * noise, poor * noise, np.array([-spent])]
    return group_noise.rounded_down(np.concatenate(terms))
