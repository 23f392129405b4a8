"""Stochastic rounding: to one of the two neighbouring levels, right on average.

Rounding to the nearest level makes the same error every time. Rounding up as often as
a value lies close to the upper level makes errors of mean 0, and errors that are
independent wherever the draws are: of copies of one weight, too.
"""

import functools as ft

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jaxdisp.quant import grids
from jaxdisp.quant.granularity import Grouping, grouped, ungrouped


def round_by(
    x: Float[Array, " value"],
    uniform: Float[Array, " value"],
    limits: grids.Range,
    bits: Int[Array, ""] | int,
    *,
    grid: grids.Grid,
) -> Float[Array, " value"]:
    """Rounds values up where a number drawn for each says so, and else down.

    Definition: `(k + [u < f] + offset) step`, with `k + f = x / step - offset` clipped
    to the codes of the grid, k an integer and `0 <= f < 1`. For uniform u the mean is
    the value, if it is between the outermost levels; others go to the nearer of these.
    Values on a level stay there, up to the rounding of `x (1 / step)`.

    Args:
        x: values, in any unit.
        uniform: numbers from 0 to below 1.
        limits: range of the grid, in the unit of `x`; a width of 0 gives 0.
        bits: word length; a traced one outside 2..8 gives NaN.
        grid: which levels.

    Raises:
        ValueError: if `bits` is a Python integer outside 2..8, or the grid is unknown.

    Reference: Gupta et al. 2015, arXiv:1502.02551, section 3.1.
    """
    levels = grids.lattice(limits, bits, grid=grid)
    below, fraction = _between(x, levels)
    up = (uniform < fraction).astype(x.dtype)
    return (below + up + levels.offset) * levels.step


def error_variance(
    x: Float[Array, " value"],
    limits: grids.Range,
    bits: Int[Array, ""] | int,
    *,
    grid: grids.Grid,
) -> Float[Array, " value"]:
    """Says how much the results of stochastic rounding vary, in squared units of `x`.

    Definition: `f (1 - f) step^2`, f as in `round_by`: none on a level, `step^2 / 4`
    half way between two.

    Args and Raises: as `round_by`.

    Reference: variance of a Bernoulli variable.
    """
    levels = grids.lattice(limits, bits, grid=grid)
    _, fraction = _between(x, levels)
    return fraction * (1 - fraction) * levels.step**2


def mean_of_roundings(
    weight: Float[Array, "rows columns"] | Float[Array, " rows"],
    limits: grids.Range,
    bits: Int[Array, ""] | int,
    *,
    grid: grids.Grid,
    grouping: Grouping,
    key: PRNGKeyArray,
    copies: Int[Array, ""] | int = 1,
) -> Float[Array, "..."]:
    """Rounds a weight stochastically, so many times, and averages the results.

    Definition: the mean over j of `round_by` with numbers drawn by `fold_in(key, j)`,
    group by group; one copy is stochastic rounding itself. The error's variance is
    `error_variance / copies` where nothing is clipped.

    Args:
        weight: a matrix, input-first, or a vector.
        limits: a range per group, in the order of `granularity.grouped`.
        bits: word length; a traced one outside 2..8 gives NaN.
        grid: which levels.
        grouping: which weights form a group.
        key: of the draws.
        copies: how many roundings, at least 1; a traced number is not checked.

    Raises:
        ValueError: as `round_by` and `granularity.grouped`, or if there is no copy.

    Reference: Gupta et al. 2015, arXiv:1502.02551, section 3.1; the mean of independent
        draws is a textbook matter.
    """
    if isinstance(copies, int) and copies < 1:
        raise ValueError(f"copies must be at least 1, got {copies}")
    return _mean_of_roundings(
        weight,
        limits,
        grids.word_length(bits),
        key,
        jnp.asarray(copies, jnp.int32),
        grid=grid,
        grouping=grouping,
    )


@ft.partial(jax.jit, static_argnames=("grid", "grouping"))
def _mean_of_roundings(
    weight: Array,
    limits: grids.Range,
    word: Array,
    key: PRNGKeyArray,
    copies: Array,
    *,
    grid: grids.Grid,
    grouping: Grouping,
) -> Array:
    values = grouped(weight, grouping)
    one = ft.partial(round_by, bits=word, grid=grid)

    def add(number: Array, total: Array) -> Array:
        own = jax.random.fold_in(key, number)
        uniform = jax.random.uniform(own, values.shape, values.dtype)
        return total + jax.vmap(one)(values, uniform, limits)

    total = jax.lax.fori_loop(0, copies, add, jnp.zeros_like(values))
    mean = total / copies.astype(values.dtype)
    return ungrouped(mean, weight.shape, grouping)


def _between(x: Array, levels: grids.Lattice) -> tuple[Array, Array]:
    """The code of the level below each value, and how far it lies above, in steps."""
    scaled = x * levels.inverse - levels.offset
    inside = jnp.clip(scaled, levels.lowest, levels.highest)
    below = jnp.floor(inside)
    return below, inside - below
