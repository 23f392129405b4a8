"""Grids: the levels a word of a few bits can hold, and rounding to them.

A grid of `b` bits lays its levels over a range. With `t` the largest magnitude in the
range, `h = 2^(b-1)`, and integers `k`:

    symmetric        k step,          k = -(h-1) .. h-1,  step = t / (h - 1)
    twos_complement  k step,          k = -h .. h-1,      step = t / (h - 1)
    midrise          (k + 1/2) step,  k = -h .. h-1,      step = t / h
    affine           (k - zero) step, k = 0 .. 2h-1,      step = (high - low) / (2h - 1)

The threshold is the top level of the first two and the outer edge of the last cell of
`midrise` (ACIQ's convention). The range of `affine` is first widened to contain 0 and
`zero = round(-low / step)`, so that 0 is represented exactly; `midrise` has no 0.

Values round to the nearest level, halves to the even code; in `midrise`, whose ties are
the multiples of the step, upwards. NaN gives NaN, as does a range that is not finite.
A subnormal step, which XLA flushes to 0 on the CPU, gives code 0.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.result import result

Grid = Literal["symmetric", "twos_complement", "midrise", "affine"]


@result
class Range:
    """The values a grid is laid over, from `low` to `high`, in the values' unit."""

    low: Float[Array, ""]
    high: Float[Array, ""]

    @property
    def threshold(self) -> Array:
        """Half the width of the smallest range about 0 that contains this one."""
        return jnp.maximum(jnp.maximum(-self.low, self.high), 0.0)


class Lattice(NamedTuple):
    """Levels `(k + offset) step` for the integers `k` from `lowest` to `highest`.

    `inverse` is `1 / step`, or 0 where that is not finite; values from `low` to `high`
    are not clipped. All but `offset` may be traced.
    """

    step: Array
    inverse: Array
    lowest: Array
    highest: Array
    low: Array
    high: Array
    offset: float = 0.0


def within(threshold: Float[Array, ""]) -> Range:
    """Returns `[-threshold, threshold]`; if negative, everything in it rounds to 0.

    Reference: our own definition.
    """
    return Range(low=-threshold, high=threshold)


def extent(x: Float[Array, " value"]) -> Range:
    """Finds the smallest range that contains zero and every value.

    Formula: `[min(0, x_1, x_2, ...), max(0, x_1, x_2, ...)]`; nothing is clipped in it.

    Args:
        x: values, in any unit; NaN gives NaN.

    Reference: our own definition; known as absmax and min-max calibration.
    """
    return Range(low=jnp.min(x, initial=0.0), high=jnp.max(x, initial=0.0))


def word_length(bits: Int[Array, ""] | int) -> Int[Array, ""]:
    """Returns a number of bits as an array; the value of a traced one is not checked.

    Raises:
        ValueError: if `bits` is a Python integer outside 2..8.

    Reference: our own definition.
    """
    if isinstance(bits, int) and not 2 <= bits <= 8:
        raise ValueError(
            f"bits must be between 2 and 8, got {bits}; keep wider words as they are"
        )
    return jnp.asarray(bits, jnp.int32)


def round_trip(
    x: Float[Array, " value"], limits: Range, bits: Int[Array, ""] | int, *, grid: Grid
) -> Float[Array, " value"]:
    """Rounds values to the levels of a grid, clipping those outside it.

    Formula: `(k + offset) step` with `k = clip(round(x / step), lowest, highest)`, the
    offset being 1/2 in `midrise`, which takes `floor` for `round`, and else 0. No error
    inside the range exceeds `step / 2`. The quotient is `x * (1 / step)` in floats.

    Derivatives hold `k` constant: with respect to the range they are those of the
    formula, exact except where a value changes its level; with respect to `x` they are
    1 for values inside the range and 0 outside (straight-through).

    Args:
        x: values, in any unit.
        limits: range of the grid, in the unit of `x`; a width of 0 gives 0.
        bits: word length; a traced one outside 2..8 gives NaN.
        grid: which levels.

    Raises:
        ValueError: if `bits` is a Python integer outside 2..8, or the grid is unknown.

    Reference: `midrise` is Banner et al. 2019, arXiv:1810.05723, section 3; `affine` is
    Jacob et al. 2018, arXiv:1712.05877, equation 1; straight-through derivatives are
    Bengio et al. 2013, arXiv:1308.3432.
    """
    levels_of = lattice(limits, bits, grid=grid)
    inside = (x >= levels_of.low) & (x <= levels_of.high)
    value = (indices(x, levels_of) + levels_of.offset) * levels_of.step
    passing = jnp.where(inside, x, 0.0)
    # Adds exactly 0 (and turns -0 into 0, as integer codes would).
    return value + (passing - jax.lax.stop_gradient(passing))


def codes(
    x: Float[Array, " value"], limits: Range, bits: Int[Array, ""] | int, *, grid: Grid
) -> Int[Array, " value"]:
    """Finds the integer that a word of a few bits stores for every value.

    Formula: `k` of the module's table, for the level that `round_trip` returns; 0 in a
    range of width 0, and void where `round_trip` gives NaN.

    Args and Raises: as `round_trip`.

    Reference: as `round_trip`.
    """
    all_levels = lattice(limits, bits, grid=grid)
    first = all_levels.lowest if grid == "affine" else 0 * all_levels.lowest
    return (indices(x, all_levels) - first).astype(jnp.int32)


def levels(limits: Range, bits: int, *, grid: Grid) -> Float[Array, " level"]:
    """Lists the levels of a grid, from the lowest to the highest.

    Formula: the module's table; there are `2^bits` levels, `symmetric` has one less.

    Args and Raises: as `round_trip`.

    Reference: as `round_trip`.
    """
    found = lattice(limits, bits, grid=grid)
    count = 2**bits - (grid == "symmetric")
    numbers = jnp.arange(count).astype(found.step.dtype)
    return (found.lowest + numbers + found.offset) * found.step


def indices(x: Float[Array, " value"], lattice: Lattice) -> Float[Array, " value"]:
    """Finds the integer `k` of the nearest level of a lattice, as a float.

    Formula: `clip(round(x / step), lowest, highest)`, with `floor` for `round` where
    levels lie half a step off the multiples of the step. Its derivative is 0.

    Args:
        x: values, in the unit of the step.
        lattice: the levels.

    Reference: as `round_trip`.
    """
    scaled = x * lattice.inverse
    nearest = jnp.floor(scaled) if lattice.offset else jnp.round(scaled)
    return jax.lax.stop_gradient(jnp.clip(nearest, lattice.lowest, lattice.highest))


def lattice(limits: Range, bits: Int[Array, ""] | int, *, grid: Grid) -> Lattice:
    """Lays the levels of a grid over a range.

    Formula: the module's table.

    Args and Raises: as `round_trip`.

    Reference: as `round_trip`.
    """
    word = word_length(bits)
    valid = (word >= 2) & (word <= 8)
    half = jnp.left_shift(jnp.int32(1), word - 1).astype(limits.low.dtype)  # 2^(b-1)
    if grid == "affine":
        return _affine(limits, 2 * half - 1, valid)
    shapes = {  # steps from 0 to the threshold, lowest index, highest index, offset
        "symmetric": (half - 1, 1 - half, half - 1, 0.0),
        "twos_complement": (half - 1, -half, half - 1, 0.0),
        "midrise": (half, -half, half - 1, 0.5),
    }
    if grid not in shapes:
        raise ValueError(f"grid must be affine or one of {list(shapes)}, got {grid!r}")
    count, lowest, highest, offset = shapes[grid]
    top = limits.threshold
    step, inverse = _spacing(top, count, valid)
    low = lowest * step if grid == "twos_complement" else -top
    return Lattice(step, inverse, lowest, highest, low, top, offset)


def _affine(limits: Range, count: Array, valid: Array) -> Lattice:
    low, high = jnp.minimum(limits.low, 0.0), jnp.maximum(limits.high, 0.0)
    step, inverse = _spacing(high - low, count, valid)
    zero = jax.lax.stop_gradient(jnp.round(-low * inverse))
    return Lattice(step, inverse, -zero, count - zero, low, high)


def _spacing(width: Array, count: Array, valid: Array) -> tuple[Array, Array]:
    # XLA turns divisions by constants and by broadcast arrays into products with the
    # reciprocal, an ulp away, so that a tie would fall differently under vmap. Values
    # are therefore multiplied, and no divisor here is a constant, whatever is traced.
    usable = (width > 0) & (count > 0)
    step = width / jnp.where(usable, count, 1.0)
    inverse = count / jnp.where(usable, width, 1.0)
    normal = step >= jnp.finfo(step.dtype).tiny
    valid = valid & (step < jnp.inf)
    return jnp.where(valid, step, jnp.nan), jnp.where(normal, inverse, 0.0)
