"""Reconstruction: how many bits about a token a small decoder reads from states."""

import functools as ft
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jaxdisp.result import result

TRAINING, VALIDATION, HELD_OUT = range(3)
"""Parts of the tokens, as `reconstruct` is given them."""
MIN_TEXTS = 4
ROUNDS, STEPS, BATCH = 20, 12, 512
RATES = 0.003, 0.3
"""Of the first and the last step: little is learned first, and sureness last."""
FLOOR = 1e-6
"""Directions whose variance is a smaller share of the largest are not enlarged."""


@result
class Reconstruction:
    """What decoders of each tap lose on held-out tokens, in nats, and the baseline.

    `baseline` is what guessing by frequency loses on the same tokens, which are in the
    order in which they were given.
    """

    losses: Float[np.ndarray, "tap token"]
    baseline: Float[np.ndarray, " token"]


def reconstruct(
    states: Float[np.ndarray, "tap token width"],
    token: Int[np.ndarray, " token"],
    part: Int[np.ndarray, " token"],
    *,
    n_classes: int,
    key: PRNGKeyArray,
) -> Reconstruction:
    """Trains a linear decoder of the token on the states of each tap.

    Definition: softmax regression on states that are whitened by the mean and the
    covariance of the training part, so that their scale does not enter, nor their basis
    but for the path of Adam. It starts at the frequencies of the tokens in the training
    part (each counted once more, the baseline) and takes Adam steps on batches that are
    the same for all taps, of a rate that grows a hundredfold, so that some round is
    right whether there is little to learn or all; the round with the least loss on the
    validation part is kept. What the held-out part then loses less than the baseline is
    information about the token that a linear decoder can use: a lower bound of all that
    there is, up to the error of both on few tokens.

    Args:
        states: of each tap, in any unit.
        token: number of the class of each token, 0 to `n_classes - 1`.
        part: 0 for training, 1 for validation, 2 for held out.
        n_classes: how many tokens are told apart.
        key: of the batches.

    Raises:
        ValueError: if a part has no token.

    Reference: Xu et al. 2020, arXiv:2002.10689, definition 2 (usable information);
        Alain and Bengio 2016, arXiv:1610.01644 (linear probes).
    """
    places = [np.flatnonzero(part == number) for number in range(3)]
    if min(map(len, places)) == 0:
        raise ValueError(
            "training, validation and held-out part must have a token each, got "
            f"{', '.join(str(len(each)) for each in places)}"
        )
    training, held_out = places[TRAINING], places[HELD_OUT]
    counts = np.bincount(token[training], minlength=n_classes) + 1.0
    frequency = np.log(counts / counts.sum()).astype(np.float32)
    white = np.stack([_whitened(tap, training) for tap in states])
    losses = _fitted(
        jnp.asarray(white),
        jnp.asarray(token.astype(np.int32)),
        jnp.asarray(frequency),
        key,
        parts=tuple(map(len, places)),
        order=jnp.asarray(np.concatenate(places).astype(np.int32)),
    )
    return Reconstruction(
        losses=np.asarray(losses, np.float64),
        baseline=-frequency[token[held_out]].astype(np.float64),
    )


def split_texts(groups: Int[np.ndarray, " token"]) -> Int[np.ndarray, " token"]:
    """Divides tokens into training, validation and held-out part by whole texts.

    Definition: texts are numbered as their ids are ordered; every fourth, from the last
    of the first four, is held out, and every eighth, from the third, is for validation.

    Args:
        groups: the text of each token.

    Raises:
        ValueError: if there are fewer than 4 texts.

    Reference: our own definition.
    """
    texts, number = np.unique(groups, return_inverse=True)
    if len(texts) < MIN_TEXTS:
        raise ValueError(
            f"training, validation and held-out part need {MIN_TEXTS} texts, got "
            f"{len(texts)}"
        )
    part = np.full(len(texts), TRAINING)
    part[2::8], part[3::4] = VALIDATION, HELD_OUT
    return part[number]


def _whitened(
    states: Float[np.ndarray, "token width"], training: Int[np.ndarray, " training"]
) -> Float[np.ndarray, "token width"]:
    sample = states[training].astype(np.float64)
    mean = sample.mean(axis=0)
    centred = sample - mean
    variance, axes = np.linalg.eigh(centred.T @ centred / len(sample))
    least = max(FLOOR * float(variance[-1]), np.finfo(np.float64).tiny)
    scaled = axes / np.sqrt(np.maximum(variance, least))
    return ((states - mean) @ scaled).astype(np.float32)


@ft.partial(jax.jit, static_argnames="parts")
def _fitted(
    states: Float[Array, "tap token width"],
    token: Int[Array, " token"],
    frequency: Float[Array, " class"],
    key: PRNGKeyArray,
    *,
    parts: tuple[int, int, int],
    order: Int[Array, " token"],
) -> Float[Array, "tap held"]:
    """Losses of the held-out tokens after training, of all taps at once."""
    bounds = np.cumsum(parts)[:-1].tolist()
    training, validation, held_out = jnp.split(order, bounds)
    growth = (RATES[1] / RATES[0]) ** (1 / ROUNDS)
    optimizer = optax.adam(optax.exponential_decay(RATES[0], STEPS, growth))
    graph, start = _decoder(states.shape[-1], frequency)
    batches = jax.random.randint(key, (ROUNDS, STEPS, BATCH), 0, parts[0])

    def one_tap(tap: Array) -> Array:
        def losses(params: Any, chosen: Array) -> Array:
            logits = nnx.merge(graph, params)(tap[chosen])
            return optax.softmax_cross_entropy_with_integer_labels(
                logits, token[chosen]
            )

        def mean_loss(params: Any, chosen: Array) -> Array:
            return jnp.mean(losses(params, chosen))

        def step(carry: Any, batch: Array) -> tuple[Any, None]:
            params, memory = carry
            slope = jax.grad(mean_loss)(params, training[batch])
            with jax.numpy_dtype_promotion("standard"):  # optax mixes types
                change, memory = optimizer.update(slope, memory, params)
            return (optax.apply_updates(params, change), memory), None

        def one_round(carry: Any, chosen: Array) -> tuple[Any, None]:
            current, best, least = carry
            current, _ = jax.lax.scan(step, current, chosen)
            loss = mean_loss(current[0], validation)
            better = loss < least
            best = jax.tree.map(lambda a, b: jnp.where(better, a, b), current[0], best)
            return (current, best, jnp.minimum(loss, least)), None

        first = ((start, optimizer.init(start)), start, mean_loss(start, validation))
        (_, best, _), _ = jax.lax.scan(one_round, first, batches)
        return losses(best, held_out)

    return jax.vmap(one_tap)(states)


def _decoder(width: int, frequency: Float[Array, " class"]) -> tuple[Any, Any]:
    """A linear decoder that guesses by frequency, as graph and parameters."""
    layer = nnx.Linear(
        width,
        len(frequency),
        kernel_init=nnx.initializers.zeros_init(),
        bias_init=lambda *_: frequency,
        precision="float32",
        rngs=nnx.Rngs(0),
    )
    return nnx.split(layer)
