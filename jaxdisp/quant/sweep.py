"""The exact optimum of clipping for data: every choice of codes, in one sorted sweep.

For any codes `k`, `sum w (|x| - k D)^2` is least at `D = A / B` with `A = sum w |x| k`,
`B = sum w k^2`, where it is `sum w x^2 - A^2 / B`. As the step `D` falls from infinity,
codes change only at the breakpoints where two levels are equally near. Sorting these
and adding up what `A` and `B` gain at each visits every code that is best for some
step, and the largest `A^2 / B` is the optimum.

It sorts up to `2^(b-1)` breakpoints per value. XLA sorts slowly on CPUs, so there it is
the oracle of `optimum`, which is fast and says how far it may be from this.
"""

import functools as ft
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdisp.quant.grids import Grid, Range
from jaxdisp.result import result


@result
class Optimum:
    """The best range for weighted data, its mean squared error, and how sure that is.

    `gap` is how much lower the error of any other range could be at most.
    """

    limits: Range
    error: Float[Array, ""]
    gap: Float[Array, ""]


class _Best(NamedTuple):
    """The best step for given levels, and `A^2 / B`, what it takes off the error."""

    step: Array
    gain: Array


def exact_optimum(
    x: Float[Array, " value"],
    weights: Float[Array, " value"],
    bits: int,
    *,
    grid: Grid,
) -> Optimum:
    """Finds the range with the least weighted mean squared error, exactly.

    Formula: the module's, in float64; for `affine` the best over all `2^b` zero points.
    Where all weighted values are 0 the threshold and the error are 0; where only some
    are, the threshold is positive, since it fits the others.

    Args:
        x: values, in any unit.
        weights: of the values, at least 0.
        bits: word length, from 2 to 8.
        grid: which levels.

    Returns:
        The optimum, in float64, with a gap of 0.

    Raises:
        ValueError: if the bits are out of range or the grid is unknown.

    Reference: our own derivation.
    """
    if not 2 <= bits <= 8:
        raise ValueError(f"bits must be between 2 and 8, got {bits}")
    with jax.enable_x64(True):
        return _exact(x, weights, bits=bits, grid=grid)


@ft.partial(jax.jit, static_argnames=("bits", "grid"))
def _exact(x: Array, weights: Array, *, bits: int, grid: Grid) -> Optimum:
    x, weights = x.astype(jnp.float64), weights.astype(jnp.float64)
    total = jnp.sum(weights)
    share = weights / jnp.where(total > 0, total, 1.0)
    half = 2 ** (bits - 1)
    if grid == "midrise":
        best = _midrise(x, share, half)
        limits = Range(low=-half * best.step, high=half * best.step)
    elif grid == "affine":
        limits, best = _affine(x, share, 2 * half - 1)
    elif grid in ("symmetric", "twos_complement"):
        below = half - 1 if grid == "symmetric" else half
        best = _midtread(x, share, below, half - 1, most=half)
        limits = Range(low=-(half - 1) * best.step, high=(half - 1) * best.step)
    else:
        raise ValueError(f"grid is unknown: {grid!r}")
    error = jnp.maximum(jnp.sum(share * x**2) - best.gain, 0.0)
    return Optimum(limits=limits, error=error, gap=jnp.zeros_like(error))


def _midtread(
    x: Array, share: Array, below: Array | int, above: Array | int, *, most: int
) -> _Best:
    """Levels `k D` for `k` from `-below` to `above`, neither beyond `most`."""
    level = jnp.arange(1, most + 1).astype(x.dtype)[:, None]
    reached = level <= jnp.where(x >= 0, above, below)[None]
    size = jnp.abs(x)[None]
    gained = jnp.where(reached, share[None], 0.0)
    return _best(
        size / (level - 0.5),
        gained * size,
        gained * (2.0 * level - 1.0),
        jnp.zeros_like(x[0]),
        jnp.zeros_like(x[0]),
    )


def _midrise(x: Array, share: Array, half: int) -> _Best:
    """Levels `(k - 1/2) D` for `k` from 1 to `half`, on both sides."""
    level = jnp.arange(1, half).astype(x.dtype)[:, None]
    size = jnp.abs(x)[None]
    return _best(
        size / level,
        share[None] * jnp.broadcast_to(size, (half - 1, x.shape[0])),
        2.0 * level * share[None],
        0.5 * jnp.sum(share * size[0]),
        0.25 * jnp.sum(share),
    )


def _affine(x: Array, share: Array, last: int) -> tuple[Range, _Best]:
    zeros = jnp.arange(last + 1).astype(x.dtype)
    sides = jax.lax.map(
        lambda zero: _midtread(x, share, zero, last - zero, most=last), zeros
    )
    best = jnp.argmax(sides.gain)
    step, zero = sides.step[best], zeros[best]
    return Range(low=-zero * step, high=(last - zero) * step), _Best(
        step=step, gain=sides.gain[best]
    )


def _best(breakpoints: Array, first: Array, square: Array, a: Array, b: Array) -> _Best:
    """The largest `A^2 / B` of all visited codes; `a` and `b` are before the first."""
    order = jnp.argsort(breakpoints.ravel(), descending=True)
    sums = a + jnp.cumsum(first.ravel()[order])
    squares = b + jnp.cumsum(square.ravel()[order])
    sums = jnp.concatenate([a[None], sums])
    squares = jnp.concatenate([b[None], squares])
    some = squares > 0
    steps = jnp.where(some, sums / jnp.where(some, squares, 1.0), 0.0)
    gains = steps * sums
    best = jnp.argmax(gains)
    return _Best(step=steps[best], gain=gains[best])
