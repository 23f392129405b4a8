"""The optimum of clipping for data without sorting, with a proof of how good it is.

`sweep` says why the error M of a step `D`, with every value at its nearest level `k D`,
is the lower envelope of parabolas `sum w (x - k D)^2`. Three facts follow:

* From any step, `D <- sum w x k / sum w k^2` with the codes `k` of that step lowers M.
* With the outermost level at `n D`, the best step is at least `mean |x| / n`, since
  `n k >= k^2` makes `sum w x k / sum w k^2` larger than a step below. The search ends
  at `max |x| / (n - 1)`, beyond which the outermost level is not used. For a handful of
  values, or of different ones, a larger step can be best; `sweep` finds it.
* Codes shrink as the step grows. Between steps `D_1 < D_2`, with `B` the `sum w k^2` at
  `D_1`, `M - B D^2` is a minimum of concave functions and lies above its chord. This
  bounds M from below in the whole cell.

So: a geometric grid of steps, then the cells whose lower bounds are least are divided
again and again, then the fixed point. The least of the remaining bounds is the proof.
"""

import functools as ft
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.quant import grids
from jaxdisp.quant.grids import Grid, Lattice, Range
from jaxdisp.quant.sweep import Optimum

CELLS, ROUNDS, PARTS, POLISHES = 20, 7, 3, 2
BLOCK = 1024


class _Trial(NamedTuple):
    """A step, its error M, `B = sum w k^2`, and the best step for its codes."""

    step: Array
    error: Array
    square: Array
    better: Array
    better_error: Array


class _Cells(NamedTuple):
    """Intervals of steps: ends, errors there, `B` at the left, lower bound within."""

    left: Array
    right: Array
    left_error: Array
    right_error: Array
    square: Array
    bound: Array


def optimum(
    x: Float[Array, " value"],
    weights: Float[Array, " value"] | None,
    bits: Int[Array, ""] | int,
    *,
    grid: Grid,
) -> Optimum:
    """Finds the range with the least weighted mean squared error, and bounds the rest.

    `gap` is how much lower the error of any other step up to `max |x| / (n - 1)` may
    be.

    Formula: the module's; `affine` tries all `2^b` zero points. Where all weighted
    values are 0, so are the range and the error. Derivatives by values and weights are
    exact where the optimum is unique: codes do not change there.

    Args:
        x: values, in any unit; one group, a batch is the caller's `vmap`.
        weights: of the values, at least 0; None, which is faster, if they are equal.
        bits: word length; a traced one outside 2..8 gives NaN.
        grid: which levels.

    Raises:
        ValueError: if `bits` is a Python integer outside 2..8, or the grid is unknown.

    Reference: our own derivation.
    """
    return _optimum(x, weights, grids.word_length(bits), grid=grid)


@ft.partial(jax.jit, static_argnames="grid")
def _optimum(x: Array, weights: Array | None, word: Array, *, grid: Grid) -> Optimum:
    if weights is None:
        share = jnp.asarray(1.0 / x.shape[0], x.dtype)
    else:
        total = _sum(weights)
        share = weights / jnp.where(total > 0, total, 1.0)
    unit = grids.within(jnp.ones((), x.dtype))
    if grid == "affine":
        unit = Range(low=0.0 * unit.low, high=unit.high)
    levels = grids.lattice(unit, word, grid=grid)
    if grid == "affine":
        levels, found, gap = _best_zero(x, share, levels)
    else:
        found, gap = _search(x, share, levels)
    code = grids.indices(x, _at(levels, jax.lax.stop_gradient(found))) + levels.offset
    square = _sum(share * code**2)
    some = square > 0
    step = jnp.where(some, _sum(share * x * code) / jnp.where(some, square, 1.0), 0.0)
    step = jnp.maximum(step, 0.0)  # which rounding may have passed
    error = _sum(share * (x - code * step) ** 2)
    valid = jnp.isfinite(levels.step)
    step, error = (jnp.where(valid, value, jnp.nan) for value in (step, error))
    if grid == "affine":
        limits = Range(low=levels.lowest * step, high=levels.highest * step)
    else:
        limits = grids.within(step / levels.step)
    return Optimum(limits=limits, error=error, gap=jnp.minimum(gap, error))


def _best_zero(x: Array, share: Array, levels: Lattice) -> tuple[Lattice, Array, Array]:
    """Goes through all places of the zero among the levels 0 to `highest`."""
    x, share = jax.lax.stop_gradient((x, share))
    last = levels.highest

    def moved(zero: Array) -> Lattice:
        return levels._replace(lowest=-zero, highest=last - zero)

    def attempt(number: Array, best: tuple[Array, ...]) -> tuple[Array, ...]:
        zero = number.astype(x.dtype)
        step, gap = _search(x, share, moved(zero))
        error = _trial(x, share, moved(zero), step).error
        better = error < best[0]
        chosen = (
            jnp.where(better, new, old)
            for new, old in zip((error, zero, step), best[:3], strict=True)
        )
        return *chosen, jnp.minimum(best[3], error - gap)

    infinite = jnp.full_like(last, jnp.inf)
    begin = (infinite, jnp.zeros_like(last), jnp.zeros_like(last), infinite)
    n_zeros = last.astype(jnp.int32) + 1
    error, zero, step, bound = jax.lax.fori_loop(0, n_zeros, attempt, begin)
    return moved(zero), step, error - bound


def _search(x: Array, share: Array, levels: Lattice) -> tuple[Array, Array]:
    """The best step found, and how much lower the error of another could be."""
    x, share = jax.lax.stop_gradient((x, share))
    low, full, high = _ends(x, share, levels)
    places = jnp.linspace(0.0, 1.0, CELLS, dtype=x.dtype)
    steps = low * (full / jnp.where(low > 0, low, 1.0)) ** places
    steps = jnp.append(steps, high)
    tried = jax.lax.map(lambda step: _trial(x, share, levels, step), steps)
    cells = _between(tried)
    best = _least(tried)

    def divide(number: Array, state: tuple[_Cells, _Trial]) -> tuple[_Cells, _Trial]:
        cells, best = state
        at = jnp.argmin(cells.bound)
        cell = jax.tree.map(lambda leaf: leaf[at], cells)
        inner = jnp.arange(1, PARTS, dtype=x.dtype) / PARTS
        steps = cell.left + inner * (cell.right - cell.left)
        tried = jax.lax.map(lambda step: _trial(x, share, levels, step), steps)
        parts = _divided(cell, tried)
        first = jax.tree.map(lambda leaf, new: leaf.at[at].set(new[0]), cells, parts)
        start = CELLS + number * (PARTS - 1)
        cells = jax.tree.map(
            lambda leaf, new: jax.lax.dynamic_update_slice(leaf, new[1:], (start,)),
            first,
            parts,
        )
        return cells, _least(_both(tried, best))

    room = ROUNDS * (PARTS - 1)
    cells = jax.tree.map(
        lambda leaf: jnp.pad(leaf, (0, room), constant_values=jnp.inf), cells
    )
    cells, best = jax.lax.fori_loop(0, ROUNDS, divide, (cells, best))

    def polish(_: object, trial: _Trial) -> _Trial:
        return _trial(x, share, levels, trial.better)

    best = jax.lax.fori_loop(0, POLISHES, polish, best)
    gap = jnp.maximum(best.better_error - jnp.min(cells.bound), 0.0)
    return best.better, gap


def _ends(x: Array, share: Array, levels: Lattice) -> tuple[Array, Array, Array]:
    """The smallest step worth trying, the one that just clips nothing, the largest.

    All are 0 if all values are.
    """
    above = jnp.where((x > 0) & (levels.highest > 0), share, 0.0)
    below = jnp.where((x < 0) & (levels.lowest < 0), share, 0.0)
    masses = _sums((above, above * x, below, -below * x))
    means = [
        jnp.where(mass > 0, total / jnp.where(mass > 0, mass, 1.0), jnp.inf)
        for mass, total in (masses[:2], masses[2:])
    ]
    outermost = levels.highest + levels.offset, -levels.lowest - levels.offset
    counted = masses[0] + masses[2]  # values that are 0 lower both means alike
    least, most = jnp.minimum(*outermost), jnp.maximum(*outermost)
    overall = (masses[1] + masses[3]) * least / most  # sides may differ in levels
    low = jnp.maximum(counted * jnp.minimum(*means), overall) / most
    largest = (
        jnp.max(jnp.where(above > 0, x, 0.0)),
        jnp.max(jnp.where(below > 0, -x, 0.0)),
    )
    full, high = (
        jnp.maximum(*(a / b for a, b in zip(largest, counts, strict=True)))
        for counts in (
            [jnp.maximum(level + levels.offset, 0.5) for level in outermost],
            [jnp.maximum(level - 1.0, 0.5) for level in outermost],
        )
    )
    return jnp.where(full > 0, jnp.minimum(low, full), 0.0), full, high


def _at(levels: Lattice, step: Array) -> Lattice:
    positive = step > 0
    inverse = jnp.where(positive, 1.0 / jnp.where(positive, step, 1.0), 0.0)
    return levels._replace(step=step, inverse=inverse)


def _trial(x: Array, share: Array, levels: Lattice, step: Array) -> _Trial:
    code = grids.indices(x, _at(levels, step)) + levels.offset
    left = x - code * step
    counted = share * code
    terms = (share * left * left, counted * code, counted * left)
    error, square, moved = _sums(terms)
    safe = jnp.where(square > 0, square, 1.0)
    return _Trial(
        step, error, square, step + moved / safe, error - moved * moved / safe
    )


def _between(tried: _Trial) -> _Cells:
    ends = (tried.step[:-1], tried.step[1:], tried.error[:-1], tried.error[1:])
    return _bounded(*ends, tried.square[:-1])


def _divided(cell: _Cells, tried: _Trial) -> _Cells:
    steps = jnp.concatenate([cell.left[None], tried.step, cell.right[None]])
    errors = jnp.concatenate(
        [cell.left_error[None], tried.error, cell.right_error[None]]
    )
    squares = jnp.concatenate([cell.square[None], tried.square])
    return _bounded(steps[:-1], steps[1:], errors[:-1], errors[1:], squares)


def _bounded(
    left: Array, right: Array, left_error: Array, right_error: Array, square: Array
) -> _Cells:
    bound = jax.vmap(_below_chord)(left, right, left_error, right_error, square)
    return _Cells(left, right, left_error, right_error, square, bound)


def chord_bound(
    step: Float[Array, " point"],
    error: Float[Array, " point"],
    square: Float[Array, " point"],
) -> Float[Array, " cell"]:
    """Bounds the error from below between neighbouring steps.

    Formula: with `M` at the ends of a cell of width `h` and `B` at its left, the least
    of `(1 - t) M_1 + t M_2 - B h^2 t (1 - t)` for `t` from 0 to 1. The unit of the step
    may be any, such as that of thresholds, as long as `B h^2` is in that of `M`.

    Args:
        step: in ascending order.
        error: the weighted squared error at each.
        square: sum of `w k^2` at each.

    Reference: our own derivation; see the module.
    """
    return jax.vmap(_below_chord)(
        step[:-1], step[1:], error[:-1], error[1:], square[:-1]
    )


def _below_chord(
    left: Array, right: Array, left_error: Array, right_error: Array, square: Array
) -> Array:
    bend = square * (right - left) ** 2
    rise = right_error - left_error
    place = 0.5 * (1.0 - rise / jnp.where(bend > 0, bend, 1.0))
    place = jnp.clip(
        jnp.where(bend > 0, place, jnp.where(rise < 0, 1.0, 0.0)), 0.0, 1.0
    )
    return left_error + place * rise - bend * place * (1.0 - place)


def _both(some: _Trial, one: _Trial) -> _Trial:
    return jax.tree.map(
        lambda leaf, last: jnp.concatenate([leaf, last[None]]), some, one
    )


def _least(tried: _Trial) -> _Trial:
    at = jnp.argmin(tried.better_error)
    return jax.tree.map(lambda leaf: leaf[at], tried)


def _sums(terms: tuple[Array, ...]) -> tuple[Array, ...]:
    """Adds several terms in one pass over the values, where XLA would make several.

    Values are added in blocks, which keeps float32 accurate for millions of them.
    """
    block = math.gcd(terms[0].shape[0], BLOCK)
    blocks = tuple(term.reshape(-1, block) for term in terms)
    zeros = tuple(jnp.zeros((), term.dtype) for term in terms)

    def add(left: tuple[Array, ...], right: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(a + b for a, b in zip(left, right, strict=True))

    return tuple(jnp.sum(part) for part in jax.lax.reduce(blocks, zeros, add, (1,)))


def _sum(x: Array) -> Array:
    block = math.gcd(x.shape[0], BLOCK)
    return jnp.sum(jnp.sum(x.reshape(-1, block), axis=1))
