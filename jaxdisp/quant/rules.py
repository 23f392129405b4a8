"""Rules that set the range of every group of weights from the weights alone.

    absmax         the largest magnitude: nothing is clipped
    percentile     the 99.9th percentile of the magnitudes
    aciq_gaussian  ACIQ for a Gaussian law with the group's standard deviation
    aciq_laplace   ACIQ for a Laplace law with the group's mean absolute deviation
    exact          the range with the least mean squared error (`optimum`)

On the `affine` grid, `absmax` keeps the smallest and the largest value, `exact` chooses
both ends, and the others clip both sides alike.
"""

import functools as ft
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.quant import additive_noise, grids, laws, optimum
from jaxdisp.quant.granularity import Grouping, grouped
from jaxdisp.quant.grids import Grid, Range
from jaxdisp.quant.moments import SPREAD

Rule = Literal["absmax", "percentile", "aciq_gaussian", "aciq_laplace", "exact"]
PERCENTILE = 99.9


def ranges(
    weight: Float[Array, "rows columns"] | Float[Array, " rows"],
    bits: Int[Array, ""] | int,
    *,
    rule: Rule,
    grid: Grid,
    grouping: Grouping,
) -> Range:
    """Finds the range of every group of a weight by a rule.

    Definition: the module's table, for each row of `granularity.grouped`. What fills up
    a short last run counts for nothing; equal values are not clipped by any rule.

    Args:
        weight: a matrix, input-first, or a vector.
        bits: word length; a traced one outside 2..8 gives NaN.
        rule: which range.
        grid: which levels.
        grouping: which weights form a group.

    Raises:
        ValueError: if the rule or the grid is unknown, or `bits` a Python integer
            outside 2..8.

    Reference: `aciq_gaussian` and `aciq_laplace` are Banner et al. 2019,
        arXiv:1810.05723, section 3.1; the others are our own definitions.
    """
    if rule not in get_args(Rule):
        raise ValueError(
            f"clipping must be one of {', '.join(get_args(Rule))}, got {rule!r}"
        )
    if grid not in get_args(Grid):
        raise ValueError(
            f"grid must be one of {', '.join(get_args(Grid))}, got {grid!r}"
        )
    word = grids.word_length(bits)
    return _ranges(weight, word, rule=rule, grid=grid, grouping=grouping)


@ft.partial(jax.jit, static_argnames=("rule", "grid", "grouping"))
def _ranges(
    weight: Array, word: Array, *, rule: Rule, grid: Grid, grouping: Grouping
) -> Range:
    groups = grouped(weight, grouping)
    if rule == "absmax":
        return jax.vmap(grids.extent)(groups)
    present = grouped(jnp.ones_like(weight), grouping)
    if rule == "exact":
        whole = groups.size == weight.size
        best = ft.partial(optimum.optimum, bits=word, grid=grid)
        if whole:
            return jax.vmap(lambda x: best(x, None).limits)(groups)
        return jax.vmap(lambda x, mass: best(x, mass).limits)(groups, present)
    if rule == "percentile":
        sizes = jnp.where(present > 0, jnp.abs(groups), jnp.nan)
        return jax.vmap(grids.within)(jnp.nanpercentile(sizes, PERCENTILE, axis=1))
    return jax.vmap(grids.within)(_analytic(groups, present, word, rule))


def _analytic(groups: Array, present: Array, word: Array, rule: Rule) -> Array:
    count = jnp.sum(present, axis=1)
    mean = jnp.sum(groups, axis=1) / count
    centred = (groups - mean[:, None]) * present
    largest = jnp.max(jnp.abs(groups), axis=1)
    rounding = SPREAD * jnp.finfo(groups.dtype).eps * largest
    c = additive_noise.noise_constant(word, step="cells").astype(groups.dtype)
    shape = jnp.zeros_like(c)
    if rule == "aciq_gaussian":
        unit = jnp.sqrt(jnp.sum(centred**2, axis=1) / count)
        found = unit * additive_noise.law_threshold(shape, c, family="gaussian")
    else:
        unit = jnp.sum(jnp.abs(centred), axis=1) / count / laws.LAPLACE_SCALE
        found = unit * additive_noise.law_threshold(shape, c, family="laplace")
    return jnp.where(unit > rounding, found, largest)
