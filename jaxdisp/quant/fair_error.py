"""One threshold for many languages, under the exact error M of a grid.

As `fair_noise`, with `J` replaced by the weighted squared error of really rounding,
which is not convex in the thresholds. So thresholds are chosen from candidates: first a
geometric grid per group, then twice a finer one about the choice. Languages are mixed
by multiplicative updates, each mix giving a choice (and its value) and a bound. The
bound covers all thresholds between the first and the last candidate (from the least
mean magnitude that a language feels, below which no best threshold lies, to the
largest) by the chord argument of `optimum`. Where few groups are chosen for, a gap
remains even at the optimum, since M is not convex; at 8 bits it says nothing.
"""

import functools as ft
from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.quant import grids
from jaxdisp.quant.fair_noise import Aim, Fair, energies
from jaxdisp.quant.grids import Grid
from jaxdisp.quant.optimum import chord_bound

COARSE, FINE, STAGES, UPDATES, POLISHES = 64, 16, 3, 200, 4
TOGETHER = 4
"""Candidates tried at once: their errors by language are one product of matrices."""
AIMS = get_args(Aim)


class _Table(NamedTuple):
    """For each candidate and group: threshold, and by language M and `sum p k^2`.

    `square` is in units of the threshold: the curvature of M by it.
    """

    threshold: Array
    error: Array
    square: Array


class _Best(NamedTuple):
    value: Array
    bound: Array
    choice: Array
    mix: Array


def error_levels(
    x: Float[Array, "group value"],
    weights: Float[Array, "language group value"],
    limits: grids.Range,
    bits: Int[Array, ""] | int,
    *,
    grid: Grid,
) -> Float[Array, " language"]:
    """Sums the weighted squared error of rounding, by language.

    Formula: `sum p (x - round_trip(x))^2` over groups and values.

    Args:
        x: weights that share a range in each row.
        weights: mean square activation that each is felt with.
        limits: a range per group.
        bits: word length, from 2 to 8.
        grid: which levels.

    Reference: our own definition.
    """
    one = ft.partial(grids.round_trip, bits=bits, grid=grid)
    return energies(x - jax.vmap(one)(x, limits), weights)


def fair_ranges(
    x: Float[Array, "group value"],
    weights: Float[Array, "language group value"],
    bits: Int[Array, ""] | int,
    *,
    aim: Aim,
    grid: Grid,
) -> Fair:
    """Finds thresholds that serve all languages by an aim, under the exact error.

    Formula: the module's. `own` is the best of the first candidates for each language,
    improved by the fixed point of `optimum`.

    Args:
        x: weights that share a threshold in each row.
        weights: mean square activation that each is felt with, at least 0.
        bits: word length, from 2 to 8.
        aim: what is minimised, as in `fair_noise`.
        grid: which levels; not `affine`, whose range has two ends.

    Raises:
        ValueError: if the grid is `affine` or the aim unknown.

    Reference: our own derivation; multiplicative weights as in Arora, Hazan and Kale
        2012, The multiplicative weights update method, section 3.2.
    """
    found = fair_ranges_of_aims(x, weights, bits, aims=(aim,), grid=grid)
    return jax.tree.map(lambda leaf: leaf[0], found)


def fair_ranges_of_aims(
    x: Float[Array, "group value"],
    weights: Float[Array, "language group value"],
    bits: Int[Array, ""] | int,
    *,
    aims: Sequence[Aim],
    grid: Grid,
) -> Fair:
    """Finds thresholds for each of several aims, which share the first candidates.

    Definition: `fair_ranges` of each aim; fields carry the aims on axis 0.

    Args:
        x: weights that share a threshold in each row.
        weights: mean square activation that each is felt with, at least 0.
        bits: word length, from 2 to 8.
        aims: what is minimised.
        grid: which levels; not `affine`, whose range has two ends.

    Raises:
        ValueError: if the grid is `affine` or an aim unknown.

    Reference: as `fair_ranges`.
    """
    if grid == "affine":
        raise ValueError(
            "the affine grid has no single threshold; use symmetric, twos_complement "
            "or midrise"
        )
    for aim in aims:
        if aim not in AIMS:
            raise ValueError(f"aim must be one of {', '.join(AIMS)}, got {aim!r}")
    numbers = jnp.asarray([AIMS.index(aim) for aim in aims])
    return _fair(x, weights, grids.word_length(bits), numbers, grid=grid)


@ft.partial(jax.jit, static_argnames="grid")
def _fair(x: Array, weights: Array, bits: Array, aims: Array, *, grid: Grid) -> Fair:
    low, high = _ends(x, weights)
    table = _table(x, weights, bits, _between(low, high, COARSE), grid=grid)
    own = _own(x, weights, bits, table, grid=grid)
    aimed = ft.partial(_aimed, x, weights, bits, table, own, grid)
    return jax.lax.map(aimed, aims)


def _aimed(
    x: Array,
    weights: Array,
    bits: Array,
    table: _Table,
    own: Array,
    grid: Grid,
    aim: Array,
) -> Fair:
    """The best thresholds for one aim, a number so that one program serves all."""
    mix = jnp.full((weights.shape[0],), 1.0 / weights.shape[0], x.dtype)
    over = jnp.where(aim == AIMS.index("regret"), own, energies(x, weights))
    over = jnp.where(over > 0, over, 1.0)
    weights = weights / over[:, None, None]
    table = _over(table, over)
    best = _improve(table, mix, aim)
    for _ in range(STAGES - 1):
        last = table.threshold.shape[0] - 1
        low = _chosen(table.threshold, jnp.maximum(best.choice - 1, 0))
        high = _chosen(table.threshold, jnp.minimum(best.choice + 1, last))
        finer = _table(x, weights, bits, _between(low, high, FINE), grid=grid)
        table = _joined(table, finer)
        best = _improve(table, best.mix, aim)
    levels = _levels(table, best.choice)
    positive = best.value > 0
    gap = (best.value - best.bound) / jnp.where(positive, best.value, 1.0)
    return Fair(
        thresholds=_chosen(table.threshold, best.choice),
        levels=levels,
        own=jnp.minimum(own / over, levels),
        value=best.value,
        bound=best.bound,
        gap=jnp.where(positive, gap, 0.0),
        mix=best.mix,
    )


def _ends(x: Array, weights: Array) -> tuple[Array, Array]:
    """The least mean magnitude that a language feels in each group, and the largest."""
    size = jnp.abs(x)
    felt = jnp.sum(weights, axis=2)
    mean = jnp.einsum("lgv,gv->lg", weights, size) / jnp.where(felt > 0, felt, 1.0)
    low = jnp.min(jnp.where(mean > 0, mean, jnp.inf), axis=0)
    high = jnp.max(size, axis=1)
    return jnp.where(low < jnp.inf, jnp.minimum(low, high), 0.0), high


def _between(low: Array, high: Array, count: int) -> Array:
    """Geometric candidates, ends included; 0 for groups of zeros."""
    places = jnp.linspace(0.0, 1.0, count, dtype=low.dtype)[:, None]
    ratio = high / jnp.where(low > 0, low, 1.0)
    return low[None] * jnp.where(low > 0, ratio, 1.0)[None] ** places


def _table(
    x: Array, weights: Array, bits: Array, thresholds: Array, *, grid: Grid
) -> _Table:
    tried = ft.partial(_tried, x, weights, bits, grid)
    return jax.lax.map(tried, thresholds, batch_size=TOGETHER)


def _joined(table: _Table, finer: _Table) -> _Table:
    both = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), table, finer)
    order = jnp.argsort(both.threshold, axis=0)
    return _Table(
        threshold=jnp.take_along_axis(both.threshold, order, axis=0),
        error=jnp.take_along_axis(both.error, order[:, None], axis=0),
        square=jnp.take_along_axis(both.square, order[:, None], axis=0),
    )


def _tried(
    x: Array, weights: Array, bits: Array, grid: Grid, threshold: Array
) -> _Table:
    """One candidate per group."""
    lost, square = jax.vmap(ft.partial(_rounded, bits, grid))(x, threshold)[:2]
    felt = ft.partial(jnp.einsum, "lgv,gv->lg", weights)
    return _Table(threshold=threshold, error=felt(lost), square=felt(square))


def _rounded(
    bits: Array, grid: Grid, values: Array, threshold: Array
) -> tuple[Array, Array, Array]:
    """Squared error, squared level and value times level, per unit of threshold."""
    lattice = grids.lattice(grids.within(threshold), bits, grid=grid)
    code = grids.indices(values, lattice) + lattice.offset
    level = code * lattice.step / jnp.where(threshold > 0, threshold, 1.0)
    return (values - code * lattice.step) ** 2, level**2, level * values


def _own(x: Array, weights: Array, bits: Array, table: _Table, *, grid: Grid) -> Array:
    """The least error of each language found, with thresholds of its own."""
    last = table.threshold.shape[0] - 1

    def language(each: tuple[Array, Array]) -> Array:
        mass, error = each
        rounded = jax.vmap(ft.partial(_rounded, bits, grid))

        def errors(at: Array) -> Array:
            return jnp.sum(mass * rounded(x, at)[0], axis=1)

        def polish(_: object, at: Array) -> Array:
            square, product = rounded(x, at)[1:]
            below = jnp.sum(mass * square, axis=1)
            above = jnp.sum(mass * product, axis=1)
            return jnp.where(below > 0, above / jnp.where(below > 0, below, 1.0), 0.0)

        best = jnp.argmin(error, axis=0)
        low = _chosen(table.threshold, jnp.maximum(best - 1, 0))
        high = _chosen(table.threshold, jnp.minimum(best + 1, last))
        finer = _between(low, high, FINE)
        start = _chosen(finer, jnp.argmin(jax.lax.map(errors, finer), axis=0))
        found = jax.lax.fori_loop(0, POLISHES, polish, start)
        return jnp.sum(jnp.minimum(errors(found), jnp.min(error, axis=0)))

    return jax.lax.map(language, (weights, jnp.swapaxes(table.error, 0, 1)))


def _over(table: _Table, denominators: Array) -> _Table:
    share = 1.0 / denominators[None, :, None]
    return table._replace(error=table.error * share, square=table.square * share)


def _chosen(candidates: Array, choice: Array) -> Array:
    return jnp.take_along_axis(candidates, choice[None], axis=0)[0]


def _levels(table: _Table, choice: Array) -> Array:
    taken = jnp.take_along_axis(table.error, choice[None, None], axis=0)[0]
    return jnp.sum(taken, axis=1)


def _improve(table: _Table, mix: Array, aim: Array) -> _Best:
    """Looks for the mix with the best bound, keeping the best choice on the way."""
    average = aim == AIMS.index("average")

    def attempt(mix: Array) -> tuple[_Best, Array]:
        error = jnp.einsum("l,clg->cg", mix, table.error)
        square = jnp.einsum("l,clg->cg", mix, table.square)
        choice = jnp.argmin(error, axis=0)
        levels = _levels(table, choice)
        value = jnp.where(average, jnp.mean(levels), jnp.max(levels))
        return _Best(value, _bound(table.threshold, error, square), choice, mix), levels

    def update(number: Array, state: tuple[_Best, Array, Array]) -> Any:
        best, mix, levels = state
        rate = 2.0 / jnp.sqrt(number.astype(mix.dtype) + 1.0)
        spread = jnp.maximum(jnp.ptp(levels), 1e-30)
        raised = jnp.log(mix) + rate * (levels - jnp.max(levels)) / spread
        mix = jnp.maximum(jax.nn.softmax(raised), 1e-12)
        new, levels = attempt(mix)
        lower, higher = new.value < best.value, new.bound > best.bound
        kept = _Best(
            value=jnp.where(lower, new.value, best.value),
            bound=jnp.where(higher, new.bound, best.bound),
            choice=jnp.where(lower, new.choice, best.choice),
            mix=jnp.where(higher, new.mix, best.mix),
        )
        return kept, mix, levels

    first, levels = attempt(mix)
    # the mix of an average is known
    updates = jnp.where(average, 0, UPDATES)
    return jax.lax.fori_loop(0, updates, update, (first, mix, levels))[0]


def _bound(threshold: Array, error: Array, square: Array) -> Array:
    """Adds up, over groups, what the mixed error cannot go below."""
    cells = jax.vmap(chord_bound, in_axes=1, out_axes=1)(threshold, error, square)
    return jnp.sum(jnp.maximum(jnp.min(cells, axis=0), 0.0))
