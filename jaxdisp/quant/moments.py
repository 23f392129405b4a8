"""Weighted moments in one pass, in float64: of pieces, merged in any order.

Sums are of powers of the distance from the mean, so that they stay accurate where the
mean is large against the spread; merging two pieces moves both to the common mean.
Kurtosis is the excess over the Gaussian's.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdisp.result import result

SPREAD = 8.0
"""Deviations of so many units in the last place are rounding: the values are equal."""


@result
class Moments:
    """Total weight `W`, weighted mean, and sums of `w (x - mean)^p`, in float64."""

    weight: Float[Array, "*batch"]
    mean: Float[Array, "*batch"]
    second: Float[Array, "*batch"]
    third: Float[Array, "*batch"]
    fourth: Float[Array, "*batch"]


def moments(
    x: Float[Array, " value"], weights: Float[Array, " value"] | None = None
) -> Moments:
    """Computes the moments of weighted values.

    Definition: `mean = sum w x / W`, then sums of `w (x - mean)^p` for `p` = 2, 3, 4,
    all in float64. Where all weights are 0 everything is 0.

    Args:
        x: values, in any unit.
        weights: of the values, at least 0; equal if None.

    Reference: two-pass sums; textbook definitions.
    """
    with jax.enable_x64(True):
        return _moments(x, jnp.ones_like(x) if weights is None else weights)


@jax.jit
def _moments(x: Array, weights: Array) -> Moments:
    x, weights = x.astype(jnp.float64), weights.astype(jnp.float64)
    total = jnp.sum(weights)
    mean = _ratio(jnp.sum(weights * x), total)
    centred = x - mean
    square = weights * centred**2
    return Moments(
        weight=total,
        mean=mean,
        second=jnp.sum(square),
        third=jnp.sum(square * centred),
        fourth=jnp.sum(square * centred**2),
    )


def merge(first: Moments, other: Moments) -> Moments:
    """Combines the moments of two sets of values into those of their union.

    Formula: with `d` the difference of the means and `n`, `m` the weights, the sums of
    squares gain `d^2 n m / (n + m)`, and so on.

    Args:
        first: moments of one set.
        other: moments of the other.

    Reference: Pebay 2008, Sandia report SAND2008-6212, equations 2.1 to 2.9, with
        weights for counts.
    """
    with jax.enable_x64(True):
        return _merge(first, other)


@jax.jit
def _merge(first: Moments, other: Moments) -> Moments:
    total = first.weight + other.weight
    a, b = _ratio(first.weight, total), _ratio(other.weight, total)
    gap = other.mean - first.mean
    both = a * b * total
    return Moments(
        weight=total,
        mean=first.mean + gap * b,
        second=first.second + other.second + gap**2 * both,
        third=first.third
        + other.third
        + gap**3 * both * (a - b)
        + 3.0 * gap * (a * other.second - b * first.second),
        fourth=first.fourth
        + other.fourth
        + gap**4 * both * (a**2 - a * b + b**2)
        + 6.0 * gap**2 * (a**2 * other.second + b**2 * first.second)
        + 4.0 * gap * (a * other.third - b * first.third),
    )


def update(found: Moments, x: Float[Array, " value"]) -> Moments:
    """Adds values of weight 1 to moments: one step of a stream.

    Definition: `merge(found, moments(x))`.

    Args:
        found: moments so far.
        x: the next values.

    Reference: as `merge`.
    """
    return merge(found, moments(x))


def variance(found: Moments) -> Float[Array, "*batch"]:
    """Returns the weighted variance, 0 where there is no weight.

    Formula: `sum w (x - mean)^2 / W`, without a correction for small samples.

    Reference: textbook definition.
    """
    with jax.enable_x64(True):
        return _ratio(found.second, found.weight)


def excess_kurtosis(found: Moments) -> Float[Array, "*batch"]:
    """Returns the excess kurtosis, 0 where all values are equal but for rounding.

    Formula: `W sum w (x - mean)^4 / (sum w (x - mean)^2)^2 - 3`.

    Reference: textbook definition, with weights; no correction for small samples.
    """
    with jax.enable_x64(True):
        rounding = (SPREAD * jnp.finfo(jnp.float64).eps * found.mean) ** 2
        spread = found.second > found.weight * rounding
        ratio = _ratio(found.weight * found.fourth, found.second**2)
        return jnp.where(spread, ratio - 3.0, 0.0)


def _ratio(numerator: Array, denominator: Array) -> Array:
    nothing = denominator == 0
    return jnp.where(nothing, 0.0, numerator / jnp.where(nothing, 1.0, denominator))
