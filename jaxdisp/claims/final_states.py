"""How far the states after the last layer are from full precision.

Configurations share the layers that they begin with (`search.trie`), so that all pairs
of protected layers are affordable; nothing is approximated.
"""

import functools as ft
from concurrent import futures
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxdisp.claims.experiment import Subject
from jaxdisp.measure import similarity
from jaxdisp.result import result
from jaxdisp.search import engine, passages, plan, sweep


@result
class FinalStates:
    """States after the last layer against those in full precision.

    `distance` sums `1 - cos` over the `tokens` of each sentence from which another is
    predicted, the start token left out. Of the configurations that are looked at
    closely, `readout` sums that of the logits, centred over the vocabulary, and `means`
    holds the mean state of each sentence, those in full precision first.
    """

    distance: Float[np.ndarray, "config language sentence"]
    tokens: Float[np.ndarray, "language sentence"]
    readout: Float[np.ndarray, "close language sentence"]
    means: Float[np.ndarray, "version language sentence width"]


def final_states(
    subject: Subject, sites: Int[np.ndarray, "config layer"], *, close: int
) -> FinalStates:
    """Measures the final states of many configurations on the few sentences.

    Args:
        subject: model, text and quantizer.
        sites: per configuration one integer per layer, 0 for full precision, else 1.
        close: how many of the first configurations are looked at closely.

    Raises:
        ValueError: if a sentence has no token but the start token, or memory does not
            suffice.

    Reference: our own definition; `similarity.cosine_distance`.
    """
    full = np.zeros((1, sites.shape[1]), sites.dtype)
    made = plan.make(
        subject.model,
        subject.few,
        np.concatenate([full, sites]),
        [subject.quantizer],
        stride=subject.stride,
    )
    one = ft.partial(_of_text, sweep.engine_of(made), made.trie, close)
    shape = (len(subject.few.languages), subject.few.n_sentences)
    total = np.zeros((1 + len(sites) + close, *shape)).reshape(-1, shape[0] * shape[1])
    sums = np.zeros((1 + close, shape[0] * shape[1], subject.model.config.width))
    with futures.ThreadPoolExecutor(plan.threads()) as pool:
        for text, (numbers, states) in zip(
            made.texts, pool.map(one, made.texts), strict=True
        ):
            rows = made.sentences[text.places]
            # sentences first, and several windows of one add up
            np.add.at(total.T, rows, numbers[:, : len(rows)].T)
            moved = states[:, : len(rows)].swapaxes(0, 1)
            np.add.at(sums.swapaxes(0, 1), rows, moved)
    tokens = total[0]
    if np.any(tokens == 0):
        place = int(np.argmin(tokens))
        raise ValueError(
            f"{subject.few.languages[place // shape[1]]}: line "
            f"{subject.few.lines[place % shape[1]]} has no token between the start and "
            "the last"
        )
    return FinalStates(
        distance=total[1 : 1 + len(sites)].reshape(-1, *shape),
        tokens=tokens.reshape(shape),
        readout=total[1 + len(sites) :].reshape(-1, *shape),
        means=(sums / tokens[:, None]).reshape(1 + close, *shape, -1),
    )


def _of_text(
    prepared: engine.Engine, trie: Any, close: int, text: plan.Text
) -> tuple[np.ndarray, np.ndarray]:
    """Per sentence: tokens, distances, distances of logits; and summed states."""
    mask = jnp.asarray(_counted(text.passage))
    outside = prepared.weights(0, -1)
    first = trie.places[: 1 + close].tolist()
    distance: dict[int, Array] = {}
    kept: dict[int, Array] = {}
    every = np.ones(trie.n_subsets, bool)
    for subsets, states in engine.finals(prepared, trie, text.passage, every):
        for subset, state in zip(subsets.tolist(), states, strict=True):
            if subset in first:
                kept[subset] = state
            # full precision is the first in order, so that it is there by now
            distance[subset] = _distance(kept[first[0]], state, mask)
        del states
    logits = [
        _readout_distance(
            outside,
            kept[first[0]],
            kept[subset],
            mask,
            prepared.architecture,
            prepared.config,
        )
        for subset in first[1:]
    ]
    counts = jnp.sum(mask, axis=1)
    of_configs = [distance[place] for place in trie.places[1:].tolist()]
    sums = [_sums(kept[subset], mask) for subset in first]
    return np.stack([counts, *of_configs, *logits]), np.stack(sums)


def _counted(text: passages.Passage) -> Bool[np.ndarray, "sentence token"]:
    """Places at which a token is predicted, but the first of each row."""
    n_tokens = text.tokens.shape[1]
    place = passages.sentences(text) * n_tokens + text.rows % n_tokens
    mask = np.zeros(text.tokens.shape, bool)
    mask.reshape(-1)[place[text.counted]] = True
    mask[:, 0] = False
    return mask


@jax.jit
def _distance(
    one: Float[Array, "sentence token width"],
    other: Float[Array, "sentence token width"],
    mask: Bool[Array, "sentence token"],
) -> Float[Array, " sentence"]:
    real = (each.astype(jnp.float32) for each in (one, other))
    found = jax.vmap(similarity.cosine_distance)(*real)
    return jnp.sum(jnp.where(mask, found, 0.0), axis=1)


@jax.jit
def _sums(
    states: Float[Array, "sentence token width"], mask: Bool[Array, "sentence token"]
) -> Float[Array, "sentence width"]:
    real = states.astype(jnp.float32)
    return jnp.sum(jnp.where(mask[..., None], real, 0.0), axis=1)


@ft.partial(jax.jit, static_argnums=(4, 5))
def _readout_distance(
    outside: Any,
    one: Float[Array, "sentence token width"],
    other: Float[Array, "sentence token width"],
    mask: Bool[Array, "sentence token"],
    architecture: Any,
    config: Any,
) -> Float[Array, " sentence"]:
    """Sentence by sentence, as all logits of a batch may not fit into memory."""

    def logits(states: Array) -> Array:
        with jax.default_matmul_precision("float32"):  # as `decoder` has it
            read = architecture.readout(outside, states[None], config)[0]
        real = read.astype(jnp.float32)
        return real - jnp.mean(real, axis=1, keepdims=True)

    def apart(step: tuple[Array, Array, Array]) -> Array:
        found = similarity.cosine_distance(logits(step[0]), logits(step[1]))
        return jnp.sum(jnp.where(step[2], found, 0.0))

    return jax.lax.map(apart, (one, other, mask))
