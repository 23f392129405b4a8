"""How equal losses can be made: with a share of weights protected, or by ruin.

The model is that of `group_noise`.
"""

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Int, Num

from jaxdisp.quant import group_noise
from jaxdisp.result import result


@result
class LeastDisparity:
    """The smallest ratio that a share of the weights can buy, and what to protect."""

    ratio: Float[np.ndarray, ""]
    protected: Float[np.ndarray, " group"]


@result
class LeastRatio:
    """The smallest ratio of losses at any quality, and the group that attains it."""

    ratio: Float[np.ndarray, ""]
    group: Int[np.ndarray, ""]


def least_disparity(
    losses: Num[ArrayLike, " group"],
    reference: Num[ArrayLike, " group"],
    sizes: Num[ArrayLike, " group"],
    *,
    fraction: float,
    residual: Num[ArrayLike, " *groups"] | float = 0.0,
) -> LeastDisparity:
    """Finds the smallest ratio of losses that protecting a share of weights allows.

    Definition: `lambda(p) = inf D[l] / D[h]` over protections of at most the share `p`
    that leave the reference language some loss; the root of
    `sum (g[l] - lambda g[h]) = K_p(lambda)`, with `K_p` the value of the fractional
    knapsack. The converse of `least_protection`. Where all can be protected, it is the
    least `g[l] / g[h]` of a group.

    Args:
        losses: what the language loses by group, in any unit.
        reference: what the reference language loses, in that unit.
        sizes: number of weights of each group.
        fraction: `p`, share of all weights, from 0 to 1.
        residual: noise left in protected groups, a share of the unprotected one's.

    Raises:
        ValueError: if the fraction is not from 0 to 1, the reference loses nothing, or
            as `least_protection`.

    Reference: Dinkelbach 1967, On Nonlinear Fractional Programming, Management Science
    13; our own derivation.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction must be from 0 to 1, got {fraction}")
    g, base = group_noise.pair(losses, reference)
    share = group_noise.shares(sizes)
    left = group_noise.residuals(residual, share)
    _needs_a_loss(base)
    protected, ratio = np.zeros_like(share), g.sum() / base.sum()
    while True:
        relief = (1 - left) * (g - ratio * base)
        trial = _filled(relief, share, float(fraction))
        noise = 1 - (1 - left) * trial
        below = base @ noise
        lower = g @ noise / below if below > 0 else np.inf
        if not lower < ratio:
            return LeastDisparity(ratio=np.asarray(ratio), protected=protected)
        protected, ratio = trial, lower


def least_ratio_at_any_quality(
    losses: Num[ArrayLike, " group"], reference: Num[ArrayLike, " group"]
) -> LeastRatio:
    """Finds how equal two languages can be made by ruining both, whatever the bits.

    Definition: `inf_u D[l] / D[h] = min_i g[l, i] / g[h, i]`, approached by giving ever
    more noise to that group. A limit above it can be met with any number of bits, so
    that without a floor on quality no statement about bits follows from it.

    Args:
        losses: what the language loses by group, in any unit.
        reference: what the reference language loses, in that unit.

    Raises:
        ValueError: if a loss is negative, or the reference loses nothing.

    Reference: our own derivation (the mediant inequality).
    """
    g, base = group_noise.pair(losses, reference)
    _needs_a_loss(base)
    ratios = np.where(base > 0, g / np.where(base > 0, base, 1.0), np.inf)
    return LeastRatio(
        ratio=np.asarray(ratios.min()), group=np.asarray(int(ratios.argmin()))
    )


def _filled(
    relief: Float[np.ndarray, " group"],
    share: Float[np.ndarray, " group"],
    room: float,
) -> Float[np.ndarray, " group"]:
    """Fills a fractional knapsack, the most relief per weight first."""
    order = np.argsort(-relief / share, kind="stable")
    cost = np.where(relief[order] > 0, share[order], 0.0)
    before = np.cumsum(cost) - cost
    taken = np.clip((room - before) / share[order], 0.0, 1.0)
    filled = np.zeros_like(share)
    filled[order] = np.where(cost > 0, taken, 0.0)
    return filled


def _needs_a_loss(reference: Float[np.ndarray, " group"]) -> None:
    """Refuses a reference language that loses nothing."""
    if not reference.any():
        raise ValueError(
            "the reference language loses nothing in any group, so that no ratio to it "
            "is defined; choose another reference"
        )
