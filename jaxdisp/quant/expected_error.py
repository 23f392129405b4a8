"""The exact mean squared error of a grid for a law, and the threshold that is best.

Let `D` be the step and the levels lie at `k D` (or `(k + 1/2) D`). As every value goes
to the nearest level,

    M = E X^2 - 2 D A + D^2 B

with `A` and `B` sums of partial moments over the borders `t` between cells. The levels
that values go to change with `D` only where two are equally near, so

    dM/dD = 2 (D B - A),    d2M/dD2 = 2 (B - D sum of (t / D)^2 f(t)).

M is not convex, and tends to E X^2 as the threshold grows; its minimum is sought over
the whole range.
"""

import functools as ft
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.quant import laws
from jaxdisp.quant.additive_noise import Curve
from jaxdisp.result import result

LawGrid = Literal["symmetric", "twos_complement", "midrise"]
"""`affine` is left out: for a symmetric law its best levels are `twos_complement`'s."""

MOST_BORDERS = 128
CANDIDATES, LARGEST, HALVINGS = 512, 2000.0, 60


class _Borders(NamedTuple):
    """Borders in steps, what `A` and `B` get at each, and what they start from.

    `per_step` is the number of steps from 0 to the threshold.
    """

    place: Array
    share: Array
    square: Array
    first: float
    constant: float
    per_step: Array


@result
class Optimum:
    """The best threshold of a law, in standard deviations, and the error there."""

    threshold: Float[Array, ""]
    error: Float[Array, ""]


def law_error(
    threshold: Float[Array, ""],
    shape: Float[Array, ""],
    bits: Int[Array, ""] | int,
    *,
    grid: LawGrid,
    family: laws.Family,
) -> Curve:
    """Evaluates the mean squared error M of a grid for a law with variance 1.

    Formula: the module's, as a function of the threshold.

    Args:
        threshold: of the grid as in `grids`, above 0, in standard deviations.
        shape: of the family.
        bits: word length, from 2 to 8.
        grid: which levels.
        family: which laws.

    Reference: our own derivation (an envelope argument); checked by quadrature. For the
        Gaussian, Max 1960, Quantizing for minimum distortion, table II.
    """
    borders = _borders(bits, grid, threshold.dtype)
    step = threshold / borders.per_step
    at = borders.place * step
    first = jax.vmap(ft.partial(laws.first_moment, family=family), (0, None))(at, shape)
    beyond = jax.vmap(ft.partial(laws.tail, family=family), (0, None))(at, shape)
    density = jax.vmap(ft.partial(laws.density, family=family), (0, None))(at, shape)
    everything = laws.first_moment(jnp.zeros_like(threshold), shape, family=family)
    a = borders.first * everything + jnp.sum(borders.share * first)
    b = borders.constant + jnp.sum(borders.square * beyond)
    moved = borders.place * borders.square * density
    bend = b - 0.5 * step * jnp.sum(moved)
    return Curve(
        value=1.0 - 2.0 * step * a + step**2 * b,
        slope=2.0 * (step * b - a) / borders.per_step,
        curvature=2.0 * bend / borders.per_step**2,
    )


def clipping_part(
    threshold: Float[Array, ""],
    shape: Float[Array, ""],
    bits: Int[Array, ""] | int,
    *,
    grid: LawGrid,
    family: laws.Family,
) -> Float[Array, ""]:
    """Evaluates the part of M that comes from values outside the range.

    Formula: `Q(a) - 2 t S(a) + t^2 P(a)` with `a` the end of the range and `t` the
    outermost level on that side, averaged over the sides; the rest of M is rounding.

    Args: as `law_error`.

    Reference: our own definition.
    """
    per_step = _borders(bits, grid, threshold.dtype).per_step
    step = threshold / per_step
    ends = {  # end of the range and outermost level, in steps beyond the threshold
        "symmetric": ((0.0, 0.0), (0.0, 0.0)),
        "twos_complement": ((0.0, 0.0), (1.0, 1.0)),
        "midrise": ((0.0, -0.5), (0.0, -0.5)),
    }[grid]
    total = jnp.zeros_like(threshold)
    for beyond, outermost in ends:
        end, level = threshold + beyond * step, threshold + outermost * step
        total += 0.5 * (
            laws.second_moment(end, shape, family=family)
            - 2.0 * level * laws.first_moment(end, shape, family=family)
            + level**2 * laws.tail(end, shape, family=family)
        )
    return total


@ft.partial(jax.jit, static_argnames=("grid", "family"))
def best_threshold(
    shape: Float[Array, ""],
    bits: Int[Array, ""] | int,
    *,
    grid: LawGrid,
    family: laws.Family,
) -> Optimum:
    """Finds the threshold with the least mean squared error for a law.

    Formula: the best of 512 thresholds from `E|X|/2` (no optimum is as low) to 2000
    standard deviations, then bisection of `dM/da` between its neighbours.

    Args: as `law_error`.

    Reference: our own definition. That no second minimum hides between neighbours was
        checked numerically, not proved.
    """
    error = ft.partial(law_error, shape=shape, bits=bits, grid=grid, family=family)
    lowest = 0.5 * laws.first_moment(jnp.zeros_like(shape), shape, family=family)
    places = jnp.linspace(0.0, 1.0, CANDIDATES, dtype=shape.dtype)
    candidates = lowest * (LARGEST / lowest) ** places
    values = jax.lax.map(lambda at: error(at).value, candidates)
    best = jnp.clip(jnp.argmin(values), 1, CANDIDATES - 2)

    def halve(_: object, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = 0.5 * (low + high)
        falling = error(middle).slope < 0
        return jnp.where(falling, middle, low), jnp.where(falling, high, middle)

    bracket = (candidates[best - 1], candidates[best + 1])
    low, high = jax.lax.fori_loop(0, HALVINGS, halve, bracket)
    found = 0.5 * (low + high)
    return Optimum(threshold=found, error=error(found).value)


def _borders(bits: Int[Array, ""] | int, grid: LawGrid, dtype: jnp.dtype) -> _Borders:
    half = 2.0 ** (jnp.asarray(bits).astype(dtype) - 1.0)
    number = jnp.arange(1, MOST_BORDERS + 1).astype(dtype)
    if grid == "midrise":
        used = jnp.where(number < half, 1.0, 0.0).astype(dtype)
        return _Borders(number, used, 2.0 * number * used, 0.5, 0.25, half)
    used = jnp.where(number < half, 1.0, 0.0).astype(dtype)
    if grid == "twos_complement":  # one level more, on one side
        used = jnp.where(number == half, 0.5, used)
    elif grid != "symmetric":
        raise ValueError(
            "the grid of a law must be symmetric, twos_complement or midrise, got "
            f"{grid!r}; for affine, take twos_complement"
        )
    odd = (2.0 * number - 1.0) * used
    return _Borders(number - 0.5, used, odd, 0.0, 0.0, half - 1.0)
