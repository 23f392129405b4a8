"""The linear model of noise: what a language loses is a sum over groups of weights.

A group is a layer, a channel or a weight, with `n[i]` weights, of `N = sum n`. Its
noise power `u[i]` is relative to a reference precision (1 unprotected, 0 protected), or
`4^-b` for `b` bits. A language loses `D[l] = sum_i g[l, i] u[i]`, with `g >= 0`
measured by quantizing one group at a time, or half the trace of Hessian times
covariance.

All of this holds only while losses are of second order in the errors;
`search.surrogate.additivity` says how far from that a measurement is.
"""

import math

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Num

# of the size of the terms; far above the rounding of their sum, far below a claim
ROUNDING = 1e-14


def sensitivities(
    values: Num[ArrayLike, " *batch group"], name: str
) -> Float[np.ndarray, " *batch group"]:
    """Checks what a language loses per unit of noise in each group.

    Args:
        values: `g`, in any unit of loss.
        name: what to call them in a message.

    Raises:
        ValueError: if one is negative, infinite or not a number.

    Reference: our own definition.
    """
    g = np.asarray(values, np.float64)
    if not np.isfinite(g).all():
        raise ValueError(f"{name} must be finite, {np.sum(~np.isfinite(g))} are not")
    if (g < 0).any():
        raise ValueError(
            f"{name} must be at least 0, {np.sum(g < 0)} of {g.size} are negative (the "
            f"least is {g.min():.3g}); set them to 0 and report how many were"
        )
    return g


def pair(
    losses: Num[ArrayLike, " *batch group"], reference: Num[ArrayLike, " *other group"]
) -> tuple[Float[np.ndarray, " *batch group"], Float[np.ndarray, " *other group"]]:
    """Checks what languages and the reference lose per unit of noise in each group.

    Args:
        losses: `g[l]`, in any unit of loss.
        reference: `g[h]`, in the same unit.

    Raises:
        ValueError: as `sensitivities`.

    Reference: our own definition.
    """
    return sensitivities(losses, "losses"), sensitivities(reference, "reference")


def excess(
    losses: Float[np.ndarray, " *batch group"],
    reference: Float[np.ndarray, " *other group"],
    limit: float,
) -> Float[np.ndarray, " *batch group"]:
    """Finds what a language loses beyond the limit per unit of noise in each group.

    Formula: `v = g[l] - k g[h]`, 0 where that is within its own rounding, so that
    languages in exactly the allowed ratio do not differ by chance.

    Args:
        losses: `g[l]`, checked.
        reference: `g[h]`, checked.
        limit: `k`, checked.

    Reference: our own definition.
    """
    allowed = limit * reference
    v = losses - allowed
    return np.where(np.abs(v) <= ROUNDING * allowed, 0.0, v)


def residuals(
    values: Num[ArrayLike, " *groups"] | float, share: Float[np.ndarray, " group"]
) -> Float[np.ndarray, " group"]:
    """Checks the noise that protected groups keep, one number for all or one for each.

    Args:
        values: noise power relative to that of the unprotected group.
        share: of all weights, by group.

    Raises:
        ValueError: if one is not at least 0 and below 1.

    Reference: our own definition.
    """
    left = np.broadcast_to(np.asarray(values, np.float64), share.shape)
    if not ((left >= 0) & (left < 1)).all():
        raise ValueError(
            "residual must be at least 0 and below 1, a share of the noise of what is "
            f"not protected, got {np.unique(left).tolist()}"
        )
    return left


def shares(sizes: Num[ArrayLike, " group"]) -> Float[np.ndarray, " group"]:
    """Turns numbers of weights into shares of all weights.

    Formula: `n[i] / N`.

    Args:
        sizes: weights in each group.

    Raises:
        ValueError: if there is no group, or one has not a positive number of weights.

    Reference: our own definition.
    """
    n = np.asarray(sizes, np.float64)
    if n.size == 0 or not (np.isfinite(n) & (n > 0)).all():
        raise ValueError(
            f"sizes must be positive numbers of weights by group, got {n.tolist()}"
        )
    return n / n.sum()


def limit_of_ratio(limit: float) -> float:
    """Checks the largest ratio of losses that is allowed.

    Args:
        limit: `k` of `D[l] <= k D[h]`, no unit.

    Raises:
        ValueError: if it is not a positive number.

    Reference: our own definition.
    """
    if not 0 < limit < math.inf:
        raise ValueError(f"limit must be a positive number, got {limit}")
    return float(limit)


def rounded_down(terms: Float[np.ndarray, " term"]) -> Float[np.ndarray, ""]:
    """Sums terms to a number that is surely not above their exact sum.

    Formula: `sum t - 1e-14 sum |t|`, of which the first sum has one rounding.

    Args:
        terms: each exact to a few roundings.

    Reference: our own definition.
    """
    total = math.fsum(terms) - ROUNDING * math.fsum(np.abs(terms))
    return np.asarray(total, np.float64)
