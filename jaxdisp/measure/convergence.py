"""How alike languages are at one depth: each with all others, on parallel sentences."""

import functools as ft

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxdisp.measure import similarity, transport


@jax.jit
def margins(
    states: Float[Array, "language sentence channel"],
    undisturbed: Float[Array, "language sentence channel"] | None = None,
) -> Float[Array, "language sentence"]:
    """Measures how much closer sentences are to their translations than to others.

    Definition: `similarity.margins` of the mean-centred cosines with each other
    language, averaged over those.

    Args:
        states: of parallel sentences, in any unit.
        undisturbed: what the other languages are taken from; None is the same states.

    Raises:
        ValueError: if there are fewer than 2 languages or 2 sentences.

    Reference: our own definition; see `similarity.margins`.
    """
    _check(states)
    aimed = jax.vmap(similarity.directions)(states)
    still = (
        aimed if undisturbed is None else jax.vmap(similarity.directions)(undisturbed)
    )
    # margins are linear in the cosines, so that the others may be averaged first
    others = _mean_of_others(still)

    def one(own: Array, other: Array) -> Array:
        return similarity.margins(jnp.matmul(own, other.T, precision="float32"))

    return jax.vmap(one)(aimed, others)


@jax.jit
def retrieval(
    states: Float[Array, "language sentence channel"],
) -> Float[Array, "language sentence"]:
    """Says how often the nearest sentence of another language is the translation.

    Definition: `similarity.retrieval` with each other language, averaged over those.

    Args:
        states: of parallel sentences, in any unit.

    Raises:
        ValueError: if there are fewer than 2 languages or 2 sentences.

    Reference: our own definition; see `similarity.retrieval`.
    """
    _check(states)
    aimed = jax.vmap(similarity.directions)(states)

    def one(own: Array) -> Array:
        table = jnp.matmul(own, aimed.swapaxes(1, 2), precision="float32")
        return jnp.sum(jax.vmap(similarity.retrieval)(table), axis=0)

    itself = jax.vmap(lambda own: similarity.retrieval(own @ own.T))(aimed)
    return (jax.lax.map(one, aimed) - itself) / (len(states) - 1)


@jax.jit
def kernel_alignment(
    grams: Float[Array, "language sentence sentence"],
) -> Float[Array, " language"]:
    """Averages the debiased CKA of each language with the others.

    Args:
        grams: inner products of sentences, from `similarity.gram`.

    Raises:
        ValueError: if there are fewer than 2 languages or 4 sentences.

    Reference: as `similarity.linear_cka`.
    """
    _check(grams)
    centred = jax.vmap(similarity.unbiased)(grams)

    def one(own: Array) -> Array:
        return jnp.sum(jax.vmap(similarity.alignment, (None, 0))(own, centred))

    itself = jax.vmap(similarity.alignment)(centred, centred)
    return (jax.lax.map(one, centred) - itself) / (len(grams) - 1)


@ft.partial(jax.jit, static_argnames="projections")
def distances(
    states: Float[Array, "language sentence channel"],
    key: PRNGKeyArray,
    *,
    projections: int,
) -> Float[Array, " language"]:
    """Averages the distance of each language's cloud of sentences from the others'.

    Definition: sliced 2-Wasserstein distance over the root mean square, per channel, of
    what lies between the states of all languages and their common mean. Nothing is
    paired or centred by language: it is 0 only where languages are spread alike around
    the same place.

    Args:
        states: of sentences, in any unit.
        key: of the directions.
        projections: how many directions.

    Raises:
        ValueError: if there are fewer than 2 languages or no direction.

    Reference: our own definition of the unit; see `transport.sliced_wasserstein`.
    """
    _check(states)
    centred = states - jnp.mean(states, axis=(0, 1), keepdims=True)
    size = jnp.sqrt(jnp.mean(centred**2))
    along = transport.directions(key, projections, states.shape[2])
    lines = jax.vmap(transport.on_lines, (0, None))(
        centred / jnp.where(size > 0, size, 1.0), along
    )

    def one(own: Array) -> Array:
        return jnp.sum(jax.vmap(transport.between_lines, (None, 0))(own, lines))

    return jax.lax.map(one, lines) / (len(states) - 1)


def _mean_of_others(x: Array) -> Array:
    return (jnp.sum(x, axis=0, keepdims=True) - x) / (len(x) - 1)


def _check(states: Array) -> None:
    if len(states) < 2:
        raise ValueError(f"needs at least 2 languages to compare, got {len(states)}")
