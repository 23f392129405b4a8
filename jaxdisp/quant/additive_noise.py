"""The additive-noise objective of clipping, which ACIQ minimises, and its optimum.

    J(a) = E(|X| - a)_+^2 + c a^2

adds what clipping at `a` costs to what uniform noise within cells of width `step`
costs, `step^2 / 12 = c a^2`. With `G(a) = E(|X| - a)_+`, `P(a) = Pr(|X| > a)` and `S(a)
= E[|X|; |X| > a]`,

    J' = 2 (c a - G),    J'' = 2 (P + c) > 0,    minimum where c a = G(a).

J is strongly convex, so its minimum is unique; Newton's method is the fixed point
`a <- S(a) / (c + P(a))`, which rises to it from 0 for every law, and stops after
finitely many steps for data. It is an approximation of the true error of a grid
(`expected_error`, `sweep`), good at 4 bits for laws without heavy tails.
"""

import functools as ft
from collections.abc import Callable
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.quant import laws
from jaxdisp.result import result

Step = Literal["cells", "levels", "symmetric"]
"""The width of a cell: `2 a / 2^b`, `2 a / (2^b - 1)`, `a / (2^(b-1) - 1)`."""

GRID_STEP: dict[str, Step] = {
    "symmetric": "symmetric",
    "twos_complement": "symmetric",
    "midrise": "cells",
    "affine": "levels",
}
"""The width of a cell of each grid over a symmetric range."""

MOST_STEPS = 300


@result
class Curve:
    """An objective at a threshold, with its first and second derivative by it."""

    value: Float[Array, ""]
    slope: Float[Array, ""]
    curvature: Float[Array, ""]


def noise_constant(bits: Int[Array, ""] | int, *, step: Step) -> Float[Array, ""]:
    """Returns `c`, the variance of rounding over the square of the threshold.

    Formula: `c = (step / a)^2 / 12`.

    Args:
        bits: word length; must be at least 2.
        step: which width of a cell.

    Raises:
        ValueError: if `step` is unknown.

    Reference: `cells` is Banner et al. 2019, arXiv:1810.05723, equation 5; `levels`
        divides the range into the gaps between 2^b levels; `symmetric` is the step of
        the grid of that name.
    """
    half = 2.0 ** (jnp.asarray(bits).astype(float) - 1.0)
    counts = {"cells": half, "levels": half - 0.5, "symmetric": half - 1.0}
    if step not in counts:
        raise ValueError(
            f"step must be one of {', '.join(get_args(Step))}, got {step!r}"
        )
    return 1.0 / (12.0 * counts[step] ** 2)


def law_objective(
    threshold: Float[Array, ""],
    shape: Float[Array, ""],
    c: Float[Array, ""],
    *,
    family: laws.Family,
) -> Curve:
    """Evaluates J for a law with variance 1.

    Formula: `J = Q - 2 a S + a^2 P + c a^2`; see the module for its derivatives.

    Args:
        threshold: `a`, in standard deviations.
        shape: of the family.
        c: as from `noise_constant`.
        family: which laws.

    Reference: Banner et al. 2019, arXiv:1810.05723, equations 6 to 9, for any law.
    """
    first = laws.first_moment(threshold, shape, family=family)
    beyond = laws.tail(threshold, shape, family=family)
    second = laws.second_moment(threshold, shape, family=family)
    clipped = second - 2.0 * threshold * first + threshold**2 * beyond
    return Curve(
        value=clipped + c * threshold**2,
        slope=2.0 * (c * threshold - (first - threshold * beyond)),
        curvature=2.0 * (beyond + c),
    )


@ft.partial(jax.jit, static_argnames="family")
def law_threshold(
    shape: Float[Array, ""], c: Float[Array, ""], *, family: laws.Family
) -> Float[Array, ""]:
    """Finds the threshold that minimises J for a law, in standard deviations.

    Formula: the fixed point of `a <- S(a) / (c + P(a))` from 0; for the Laplace law
    `b W(1 / c)` with `b = 1 / sqrt(2)` and Lambert's `W`. Its derivatives are exact;
    JAX has none by the degrees of freedom of a Student-t law.

    Args:
        shape: of the family.
        c: as from `noise_constant`.
        family: which laws.

    Reference: our own derivation of the fixed point (Newton's method on a concave
        function); Banner et al. 2019, section 3.1, for the condition `J' = 0`.
    """
    if family == "laplace":
        return laws.LAPLACE_SCALE * lambert_w(1.0 / c)

    def moments(threshold: Array) -> tuple[Array, Array]:
        return (
            laws.first_moment(threshold, shape, family=family),
            laws.tail(threshold, shape, family=family),
        )

    return _fixed_point(moments, c, jnp.zeros_like(c))


def lambert_w(x: Float[Array, ""]) -> Float[Array, ""]:
    """Solves `w exp(w) = x` for `x >= 0`.

    Formula: Newton's method on `w + ln w = ln x`, which is concave and increasing, from
    `ln(1 + x)`, or 0 at 0.

    Args:
        x: at least 0.

    Reference: Corless et al. 1996, On the Lambert W function, equation 1.1; the
        iteration is our own choice.
    """
    positive = x > 0
    safe = jnp.where(positive, x, 1.0)
    target = jnp.log(safe)

    def refine(_: object, w: Array) -> Array:
        return w * (1.0 + target - jnp.log(w)) / (1.0 + w)

    start = jax.lax.stop_gradient(jnp.log1p(safe))
    found = jax.lax.stop_gradient(jax.lax.fori_loop(0, 8, refine, start))
    return jnp.where(positive, refine(0, found), 0.0)


def objective(
    x: Float[Array, " value"],
    weights: Float[Array, " value"],
    threshold: Float[Array, ""],
    c: Float[Array, ""],
) -> Curve:
    """Evaluates J for weighted data, as sums over the values.

    Formula: `J = sum w (|x| - a)_+^2 + c a^2 sum w`: divide by `sum w` for a mean.

    Args:
        x: values, in any unit.
        weights: of the values, at least 0.
        threshold: `a`, in the unit of `x`.
        c: as from `noise_constant`.

    Reference: as `law_objective`, for the empirical law.
    """
    excess = jnp.maximum(jnp.abs(x) - threshold, 0.0)
    clipped = weights * excess
    total = c * jnp.sum(weights)
    return Curve(
        value=jnp.sum(clipped * excess) + total * threshold**2,
        slope=2.0 * (total * threshold - jnp.sum(clipped)),
        curvature=2.0 * (total + jnp.sum(jnp.where(excess > 0, weights, 0.0))),
    )


@jax.jit
def threshold(
    x: Float[Array, " value"], weights: Float[Array, " value"], c: Float[Array, ""]
) -> Float[Array, ""]:
    """Finds the threshold that minimises J for weighted data, without sorting.

    Formula: the fixed point of `a <- S(a) / (c + P(a))` from 0, `S` and `P` weighted
    means. Its derivatives by values and weights are exact where no value lies at the
    threshold. Where all weighted values are 0, so is the threshold.

    Args:
        x: values, in any unit.
        weights: of the values, at least 0.
        c: as from `noise_constant`.

    Reference: as `law_threshold`, for the empirical law.
    """
    size, total = jnp.abs(x), jnp.sum(weights)
    share = weights / jnp.where(total > 0, total, 1.0)

    def moments(at: Array) -> tuple[Array, Array]:
        beyond = jnp.where(size > at, share, 0.0)
        return jnp.sum(beyond * size), jnp.sum(beyond)

    return _fixed_point(moments, c, jnp.zeros_like(c))


@jax.jit
def sorted_threshold(
    x: Float[Array, " value"], weights: Float[Array, " value"], c: Float[Array, ""]
) -> Float[Array, ""]:
    """Finds the threshold that minimises J for weighted data, by sorting.

    Formula: with magnitudes in descending order and `S_k`, `W_k` the sums of `w |x|`
    and `w` over the first `k`, the largest of `S_k / (c W + W_k)`, for the iterates of
    Newton's method never exceed the optimum, and it is one of them. `O(n log n)`; XLA
    sorts slowly on CPUs, where `threshold` is faster.

    Args: as `threshold`.

    Reference: our own derivation.
    """
    size = jnp.abs(x)
    order = jnp.argsort(size, descending=True)
    mass = weights[order]
    above = jnp.cumsum(mass)
    noise = c * above[-1]
    candidates = jnp.cumsum(mass * size[order]) / jnp.where(noise > 0, noise + above, 1)
    return jnp.max(candidates)


def _fixed_point(
    moments: Callable[[Array], tuple[Array, Array]], c: Array, start: Array
) -> Array:
    """Iterates Newton's map until it no longer rises, then once more for derivatives.

    At the fixed point the map does not depend on where it starts from, to first order,
    so that its partial derivatives by everything else are those of the optimum.
    """

    def step(at: Array) -> Array:
        first, beyond = moments(at)
        return first / (c + beyond)

    def rising(state: tuple[Array, Array, Array]) -> Array:
        before, after, number = state
        grows = after > before * (1.0 + 4.0 * jnp.finfo(after.dtype).eps)
        return jnp.any(grows) & (number < MOST_STEPS)

    def advance(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        _, after, number = state
        return after, jax.lax.stop_gradient(step(after)), number + 1

    first = jax.lax.stop_gradient(step(start))
    begin = (jax.lax.stop_gradient(start), first, jnp.asarray(0))
    _, found, _ = jax.lax.while_loop(rising, advance, begin)
    return step(jax.lax.stop_gradient(found))
