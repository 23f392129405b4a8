"""Relative errors of rounding, and what they follow from.

A grid laid over the range of the data moves with it, so that scaling all weights leaves
their relative error as it is. What matters is how far the largest weight is from the
typical one, the crest factor: with `n` steps from 0 to the largest and errors that are
uniform within cells, the error's power is `max^2 / (12 n^2)`, `crest^2 / (12 n^2)` of
the weights' own. For 4 bits symmetric that is `crest^2 / 588`.
"""

import functools as ft

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.quant import grids
from jaxdisp.quant.granularity import Grouping, grouped


def relative_error(
    weight: Float[Array, " *axes"], rounded: Float[Array, " *axes"]
) -> Float[Array, ""]:
    """Evaluates the power of rounding errors over that of the weights.

    Definition: `sum (rounded - weight)^2 / sum weight^2`; 0 where all weights are 0.

    Args:
        weight: before rounding.
        rounded: after it, in the same unit.

    Reference: our own definition; the inverse of the signal-to-noise ratio.
    """
    power = jnp.sum(weight * weight)
    lost = jnp.sum((rounded - weight) ** 2)
    return lost / jnp.where(power > 0, power, 1.0)


def crest_factor(weight: Float[Array, " *axes"]) -> Float[Array, ""]:
    """Evaluates how far the largest weight is above the typical one.

    Definition: `max |w| / sqrt(mean w^2)`; 1 where all weights are 0.

    Args:
        weight: in any unit.

    Reference: textbook definition.
    """
    power = jnp.mean(weight * weight)
    peak = jnp.max(jnp.abs(weight))
    return jnp.where(power > 0, peak / jnp.sqrt(jnp.where(power > 0, power, 1.0)), 1.0)


def uniform_error(
    weight: Float[Array, "rows columns"],
    limits: grids.Range,
    bits: Int[Array, ""] | int,
    *,
    grid: grids.Grid,
    grouping: Grouping,
) -> Float[Array, ""]:
    """Predicts the relative error if errors are uniform within cells.

    Definition: `sum over groups of n_g step_g^2 / 12`, over `sum w^2`. For one group,
    the symmetric grid and nothing clipped it is `crest^2 / (12 (2^(b-1) - 1)^2)`.

    Args:
        weight: a matrix, input-first.
        limits: range of each group, in the unit of the weights.
        bits: word length.
        grid: which levels.
        grouping: which weights form a group.

    Raises:
        ValueError: if the grid is unknown or `bits` a Python integer outside 2..8.

    Reference: Bennett 1948, Bell System Technical Journal 27, equation 1.6.
    """
    lay = ft.partial(grids.lattice, bits=grids.word_length(bits), grid=grid)
    step = jax.vmap(lambda each: lay(each).step)(limits)
    count = jnp.sum(grouped(jnp.ones_like(weight), grouping), axis=1)
    power = jnp.sum(weight * weight)
    return jnp.sum(count * step * step) / (12 * jnp.where(power > 0, power, 1.0))


def step_bits(bits: int, *, grid: grids.Grid) -> float:
    """Returns the bits that the step of a grid is worth.

    Definition: `log2(width of the range / step)`: b for `midrise`, `log2(2^b - 1)` for
    `affine`, `log2(2^b - 2)` for the others, which give up a step to have a 0. The
    noise power of any grid over a given range is in proportion to `4^-step_bits`.

    Args:
        bits: word length, from 2 to 8.
        grid: which levels.

    Raises:
        ValueError: if the bits are out of range or the grid is unknown.

    Reference: our own definition.
    """
    found = grids.lattice(grids.within(jnp.ones(())), bits, grid=grid)
    return float(jnp.log2(2.0 / found.step))
