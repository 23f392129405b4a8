"""One threshold for many languages, under the additive-noise objective J.

Language `l` feels the error of weight `i` with weight `p[l, i]`, the mean square of the
activation it is multiplied with. Over groups `g`, each with its own threshold `a[g]`,

    J[l](a) = sum over g, i of p[l, g, i] ((|x| - a[g])_+^2 + c a[g]^2)

is convex. What is minimised is, with `E[l] = sum p x^2` the energy of the output and
`J*[l]` the least J that language could have with thresholds of its own,

    average   mean of J[l] / E[l]        minimax   max of J[l] / E[l]
    regret    max of J[l] / J*[l]

For weights `w` of the languages, `sum w J / E` is the objective of one mixed language,
and its minimum is a lower bound of the two maxima. The largest of these bounds equals
the least maximum (convex duality), so the gap that is returned is a proof.
"""

import functools as ft
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdisp.quant import additive_noise
from jaxdisp.result import result

Aim = Literal["average", "minimax", "regret"]
MOST_STEPS, TOLERANCE = 120, 1e-9
COLD, WARM = 60, 8
SHRINK, KEPT = 0.4, 0.9


@result
class Fair:
    """Thresholds for all languages at once, and how good they are.

    `levels` is what each language loses, over the aim's denominator, and `own` what it
    would lose with thresholds of its own; `value` is the mean or the maximum of the
    levels, `bound` what no thresholds can go below, `mix` the weights of the languages
    that prove it, and `gap` the share of `value` that could still be gained.
    """

    thresholds: Float[Array, " group"]
    levels: Float[Array, " language"]
    own: Float[Array, " language"]
    value: Float[Array, ""]
    bound: Float[Array, ""]
    gap: Float[Array, ""]
    mix: Float[Array, " language"]


class _Problem(NamedTuple):
    size: Array
    weights: Array
    c: Array
    over: Array
    own: Array


class _Point(NamedTuple):
    """What the best thresholds of a mix give: levels, bound, and how they bend."""

    thresholds: Array
    levels: Array
    bound: Array
    bend: Array


_State = tuple[Fair, Array, _Point, Array, Array]
"""The best so far, mix, point, barrier and number of the step."""


def own_thresholds(
    x: Float[Array, "group value"],
    weights: Float[Array, "language group value"],
    c: Float[Array, ""],
) -> tuple[Float[Array, "language group"], Float[Array, " language"]]:
    """Finds the thresholds that each language would choose for itself, and its J.

    Formula: `additive_noise.threshold` by language and group; J summed over groups.

    Args:
        x: weights that share a threshold in each row.
        weights: mean square activation that each is felt with, at least 0.
        c: as from `additive_noise.noise_constant`.

    Reference: our own definition.
    """

    def language(mass: Array) -> tuple[Array, Array]:
        found = jax.vmap(additive_noise.threshold, (0, 0, None))(x, mass, c)
        lost = jax.vmap(additive_noise.objective, (0, 0, 0, None))(x, mass, found, c)
        return found, jnp.sum(lost.value)

    return jax.lax.map(language, weights)


def noise_levels(
    x: Float[Array, "group value"],
    weights: Float[Array, "language group value"],
    thresholds: Float[Array, " group"],
    c: Float[Array, ""],
) -> Float[Array, " language"]:
    """Evaluates J of each language at given thresholds, summed over groups.

    Args:
        x: weights that share a threshold in each row.
        weights: mean square activation that each is felt with.
        thresholds: one per group, in the unit of `x`.
        c: as from `additive_noise.noise_constant`.

    Reference: as `additive_noise.objective`.
    """

    def language(mass: Array) -> Array:
        lost = jax.vmap(additive_noise.objective, (0, 0, 0, None))
        return jnp.sum(lost(x, mass, thresholds, c).value)

    return jax.lax.map(language, weights)


def energies(
    x: Float[Array, "group value"], weights: Float[Array, "language group value"]
) -> Float[Array, " language"]:
    """Sums what each language's output would lose if every weight became 0.

    Formula: `sum p x^2` over groups and values.

    Args:
        x: weights.
        weights: mean square activation that each is felt with.

    Reference: our own definition.
    """
    return jnp.einsum("lgv,gv->l", weights, x * x)


def fair_thresholds(
    x: Float[Array, "group value"],
    weights: Float[Array, "language group value"],
    c: Float[Array, ""] | float,
    *,
    aim: Aim,
) -> Fair:
    """Finds the thresholds that serve all languages by an aim, with a proof.

    Formula: the module's. The concave bound is maximised over mixes by Newton's method
    with a logarithmic barrier that shrinks; every iterate gives thresholds and a bound,
    and the best of each are returned, computed in float64.

    Args:
        x: weights that share a threshold in each row.
        weights: mean square activation that each is felt with, at least 0; in every
            language some weight that is not 0 must be felt.
        c: as from `additive_noise.noise_constant`.
        aim: what is minimised.

    Raises:
        ValueError: if the aim is unknown.

    Reference: our own derivation; Boyd and Vandenberghe 2004, Convex Optimization,
        section 11.3, for the barrier method.
    """
    if aim not in get_args(Aim):
        raise ValueError(f"aim must be one of {', '.join(get_args(Aim))}, got {aim!r}")
    with jax.enable_x64(True):
        double = (jnp.asarray(a).astype(jnp.float64) for a in (x, weights, c))
        found = _fair(*double, aim=aim)
        return jax.tree.map(lambda leaf: leaf.astype(x.dtype), found)


@ft.partial(jax.jit, static_argnames="aim")
def _fair(x: Array, weights: Array, c: Array, *, aim: Aim) -> Fair:
    own = own_thresholds(x, weights, c)[1]
    over = own if aim == "regret" else energies(x, weights)
    over = jnp.where(over > 0, over, 1.0)
    problem = _Problem(jnp.abs(x), weights, c, over, own / over)
    n_languages = weights.shape[0]
    mix = jnp.full((n_languages,), 1.0 / n_languages, x.dtype)
    start = jnp.zeros((x.shape[0],), x.dtype)
    point = _best_for(problem, mix, start, COLD)
    if aim == "average":
        return _found(problem, point, mix, jnp.mean(point.levels))
    return _least_maximum(problem, mix, point)


def _found(problem: _Problem, point: _Point, mix: Array, value: Array) -> Fair:
    return Fair(
        thresholds=point.thresholds,
        levels=point.levels,
        own=problem.own,
        value=value,
        bound=point.bound,
        gap=_share(value - point.bound, value),
        mix=mix,
    )


def _share(part: Array, whole: Array) -> Array:
    return jnp.where(whole > 0, part / jnp.where(whole > 0, whole, 1.0), 0.0)


def _best_for(problem: _Problem, mix: Array, start: Array, n_steps: int) -> _Point:
    """Solves for one mixed language; the bound holds even if that is not finished."""
    size, weights, c, over, _ = problem
    mixed = jnp.einsum("l,lgv->gv", mix / over, weights)
    noise = c * jnp.sum(mixed, axis=1)
    some = noise > 0

    def step(_: object, at: Array) -> Array:
        beyond = jnp.where(size > at[:, None], mixed, 0.0)
        below = jnp.where(some, noise + jnp.sum(beyond, axis=1), 1.0)
        return jnp.sum(beyond * size, axis=1) / below

    at = jax.lax.fori_loop(0, n_steps, step, start)
    excess = jnp.maximum(size - at[:, None], 0.0)
    clipped = jnp.einsum("lgv,gv->lg", weights, excess)
    squared = jnp.einsum("lgv,gv->lg", weights, excess * excess)
    total = c * jnp.sum(weights, axis=2)
    levels = jnp.sum(squared + total * at[None] ** 2, axis=1) / over
    slopes = 2.0 * (total * at[None] - clipped) / over[:, None]
    felt = jnp.sum(jnp.where(size > at[:, None], mixed, 0.0), axis=1)
    bend = jnp.where(some, 2.0 * (felt + noise), 1.0)
    # J bends at least as its noise does, so this much could still be gained
    left = jnp.einsum("l,lg->g", mix, slopes) ** 2 / jnp.where(some, 4.0 * noise, 1.0)
    return _Point(
        thresholds=at,
        levels=levels,
        bound=mix @ levels - jnp.sum(left),
        bend=jnp.einsum("lg,mg->lm", slopes / bend[None], slopes),
    )


def _least_maximum(problem: _Problem, mix: Array, point: _Point) -> Fair:
    def unfinished(state: _State) -> Array:
        best, number = state[0], state[-1]
        return (best.gap > TOLERANCE) & (number < MOST_STEPS)

    def advance(state: _State) -> _State:
        best, mix, point, barrier, number = state
        mix = _newton(mix, point, barrier)
        point = _best_for(problem, mix, point.thresholds, WARM)
        barrier = jnp.where(number % 2 == 1, SHRINK * barrier, barrier)
        new = _found(problem, point, mix, jnp.max(point.levels))
        return _better(best, new), mix, point, barrier, number + 1

    barrier = 0.1 * jnp.max(point.levels) / mix.shape[0]
    first = _found(problem, point, mix, jnp.max(point.levels))
    begin = (first, mix, point, barrier, jnp.asarray(0))
    return jax.lax.while_loop(unfinished, advance, begin)[0]


def _newton(mix: Array, point: _Point, barrier: Array) -> Array:
    """One damped Newton step on the bound plus `barrier * sum ln mix`, within sum 1."""
    scaled = mix[:, None] * point.bend * mix[None] + barrier * jnp.eye(mix.shape[0])
    rising = mix * point.levels + barrier
    sides = jnp.linalg.solve(scaled, jnp.stack([rising, mix], axis=1))
    price = (mix @ sides[:, 0]) / (mix @ sides[:, 1])
    change = sides[:, 0] - price * sides[:, 1]  # relative to the mix
    length = jnp.minimum(1.0, KEPT / jnp.maximum(jnp.max(-change), 1e-30))
    moved = mix * (1.0 + length * change)
    return moved / jnp.sum(moved)


def _better(best: Fair, new: Fair) -> Fair:
    """Keeps the better thresholds and, apart from them, the better bound."""
    lower, higher = new.value < best.value, new.bound > best.bound
    value = jnp.where(lower, new.value, best.value)
    bound = jnp.where(higher, new.bound, best.bound)
    return Fair(
        thresholds=jnp.where(lower, new.thresholds, best.thresholds),
        levels=jnp.where(lower, new.levels, best.levels),
        own=best.own,
        value=value,
        bound=bound,
        gap=_share(value - bound, value),
        mix=jnp.where(higher, new.mix, best.mix),
    )
