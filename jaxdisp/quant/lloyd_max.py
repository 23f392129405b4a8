"""Scalar quantizers of a law: any levels, the best uniform ones, and the best of all.

Levels are those of a symmetric quantizer and given by their magnitudes, ascending from
0 or more; with a 0 their number is odd, without it even. Every value goes to the
nearest level, so that with the borders halfway between magnitudes

    D = E X^2 - 2 sum l E[|X|; cell] + sum l^2 Pr(cell).
"""

import functools as ft
import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from scipy import optimize

from jaxdisp.quant import additive_noise, laws
from jaxdisp.result import result

MOST_LEVELS, MOST_STEPS, PADDED = 64, 20_000, 512
TOLERANCE = 1e-10
"""Standard deviations by which levels still move when they count as at rest; in float32
a few of its steps."""


@result
class Quantizer:
    """Levels by magnitude, in standard deviations, and their mean squared error.

    `moved` is by how much the last step of an iteration moved a level at most.
    """

    levels: Float[Array, " level"]
    error: Float[Array, ""]
    moved: Float[Array, ""]


@ft.partial(jax.jit, static_argnames="family")
def distortion(
    levels: Float[Array, " level"], shape: Float[Array, ""], *, family: laws.Family
) -> Float[Array, ""]:
    """Evaluates the mean squared error of a quantizer for a law with variance 1.

    Formula: the module's.

    Args:
        levels: magnitudes, ascending from 0 or more, in standard deviations.
        shape: of the family.
        family: which laws.

    Reference: Max 1960, Quantizing for minimum distortion, equation 1.
    """
    mass, first = _cells(levels, shape, family)
    return 1.0 - 2.0 * jnp.sum(levels * first) + jnp.sum(levels**2 * mass)


def lloyd_max(count: int, shape: Float[Array, ""], *, family: laws.Family) -> Quantizer:
    """Finds the levels with the least mean squared error, by Lloyd's algorithm.

    Formula: from evenly spaced levels, each goes to the mean of its cell and borders go
    halfway between levels, until nothing moves. For laws whose density has a concave
    logarithm (exponents of 1 or more) there is a single place of rest.

    Args:
        count: how many levels, both signs and 0 together; from 2 to 64.
        shape: of the family.
        family: which laws.

    Raises:
        ValueError: if there are too few or too many levels.

    Reference: Lloyd 1982, IEEE Transactions on Information Theory 28, method I;
        Max 1960; Fleischer 1964 (uniqueness).
    """
    if not 2 <= count <= MOST_LEVELS:
        raise ValueError(f"levels must be 2 to {MOST_LEVELS}, got {count}")
    return _lloyd(count, shape, family=family)


def best_uniform(
    count: int, shape: Float[Array, ""], *, family: laws.Family
) -> Quantizer:
    """Finds the equally spaced levels with the least mean squared error.

    Formula: the least `distortion` over spacings from 0.4 to 2 times that at which the
    additive-noise model has its optimum.

    Args:
        count: how many levels, both signs and 0 together; at least 2.
        shape: of the family.
        family: which laws.

    Raises:
        ValueError: if there are fewer than 2 levels.

    Reference: Max 1960, table II. That the error has one minimum in this range was
        checked numerically, not proved.
    """
    if count < 2:
        raise ValueError(f"levels must be 2 or more, got {count}")
    half = (count + 1) // 2
    # filled up with the outermost level, so that a few sizes are compiled
    numbers = jnp.arange(max(half, PADDED)).astype(float) + 0.5 * (1 - count % 2)
    numbers = jnp.minimum(numbers, (count - 1) / 2.0)
    c = additive_noise.noise_constant(round(math.log2(count)), step="cells")
    near = 2.0 * float(additive_noise.law_threshold(shape, c, family=family)) / count

    def error(step: float) -> float:
        return float(distortion(step * numbers, shape, family=family))

    # the tolerance is relative to the step; the error is flat at its minimum
    found: Any = optimize.minimize_scalar(
        error,
        bounds=(0.4 * near, 2.0 * near),
        method="bounded",
        options={"xatol": 1e-8 * near},
    )
    return Quantizer(
        levels=found.x * numbers[:half],
        error=jnp.asarray(found.fun, numbers.dtype),
        moved=jnp.zeros((), numbers.dtype),
    )


def effective_bits(error: float) -> float:
    """Counts the bits with which the best code of a Gaussian would leave an error.

    Formula: `R = (1 / 2) log2(1 / D)`, the inverse of `gaussian_distortion`.

    Args:
        error: mean squared error over the variance.

    Raises:
        ValueError: if the error is not positive.

    Reference: Shannon 1959; Cover and Thomas 2006, theorem 10.3.2.
    """
    if not error > 0:
        raise ValueError(f"error must be above 0, got {error}")
    return -math.log2(error) / 2


def gaussian_distortion(bits: float) -> float:
    """Evaluates the least mean squared error of a Gaussian, over its variance.

    Formula: `D(R) = 2^(-2 R)`, in blocks without limit.

    Args:
        bits: rate R, bits per value, at least 0.

    Raises:
        ValueError: if the rate is negative.

    Reference: Shannon 1959; Cover and Thomas 2006, theorem 10.3.2.
    """
    if not bits >= 0:
        raise ValueError(f"bits must be 0 or more, got {bits}")
    return 4.0**-bits


@ft.partial(jax.jit, static_argnames=("count", "family"))
def _lloyd(count: int, shape: Array, *, family: laws.Family) -> Quantizer:
    half, odd = count // 2, count % 2
    start = (jnp.arange(half + odd).astype(float) + 0.5 * (1 - odd)) * (6.0 / count)

    def improve(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        levels, _, step = state
        mass, first = _cells(levels, shape, family)
        fresh = first / mass
        # around 0 the law is symmetric
        fresh = fresh.at[0].set(0.0) if odd else fresh
        return fresh, jnp.max(jnp.abs(fresh - levels)), step + 1

    still = max(TOLERANCE, 8 * float(jnp.finfo(start.dtype).eps))

    def restless(state: tuple[Array, Array, Array]) -> Array:
        return (state[1] > still) & (state[2] < MOST_STEPS)

    first_state = (start, jnp.asarray(jnp.inf, start.dtype), jnp.int32(0))
    levels, moved, _ = jax.lax.while_loop(restless, improve, first_state)
    error = distortion(levels, shape, family=family)
    return Quantizer(levels=levels, error=error, moved=moved)


def _cells(
    levels: Array, shape: Array, family: laws.Family
) -> tuple[Float[Array, " level"], Float[Array, " level"]]:
    """Probability and partial first moment of each cell of the magnitude."""
    middle = (levels[1:] + levels[:-1]) / 2.0
    lower = jnp.concatenate([jnp.zeros_like(levels[:1]), middle])
    beyond, first = (
        jax.vmap(ft.partial(of, family=family), (0, None))(lower, shape)
        for of in (laws.tail, laws.first_moment)
    )
    nothing = jnp.zeros_like(lower[:1])
    mass, part = (-jnp.diff(jnp.concatenate([x, nothing])) for x in (beyond, first))
    return mass, part
