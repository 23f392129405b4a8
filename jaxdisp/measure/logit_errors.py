"""Errors at the logits: what rounding does to predictions, and which errors add up.

With `p` the full-precision prediction and `e` the change of the logits, the loss
`-log p(token)` has the second derivative `F = diag(p) - p p'` whatever the token is, so
that the Kullback-Leibler divergence from full precision is about `e' F e / 2` and two
errors add `e_i' F e_j` beyond what each costs alone. Nothing here changes if all logits
of a token are raised by the same number.
"""

import functools as ft
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import windows
from jaxdisp.measure.activations import FEW_SHAPES
from jaxdisp.measure.batches import equal_batches, length_classes
from jaxdisp.measure.cube import encode
from jaxdisp.models import decoder
from jaxdisp.models.model import Model
from jaxdisp.result import result

BYTES = 2**23
"""Of logits at a time; more would not fit the cache, and of large vocabularies memory.
"""

STEEP = 50.0
"""Changes of a logit from which `exp` is not taken on its own, lest it overflow."""


@result
class FinalStates:
    """States after the last layer of all tokens that predict another, by configuration.

    `following` is the token predicted from each, `sentence` the place of its sentence.
    """

    values: Float[np.ndarray, "config token width"]
    following: Int[np.ndarray, " token"]
    sentence: Int[np.ndarray, " token"]


@result
class Products:
    """Inner products of the errors of single layers, summed over a sentence's tokens.

    `fisher` weighs logits by the full-precision prediction (in nats: it is what two
    errors add to the loss), `plain` not at all.
    """

    fisher: Float[np.ndarray, "sentence layer layer"]
    plain: Float[np.ndarray, "sentence layer layer"]


@result
class Divergences:
    """What a prediction loses against full precision, summed over a sentence's tokens.

    `loss` is that of the tokens that follow, `divergence` Kullback and Leibler's from
    the full-precision prediction; both in nats.
    """

    loss: Float[np.ndarray, " sentence"]
    divergence: Float[np.ndarray, " sentence"]


def final_states(
    model: Model,
    corpus: corpora.Corpus,
    version: decoder.Parameters,
    assignments: Int[np.ndarray, "config layer"],
    *,
    stride: int | None = None,
) -> Iterator[tuple[str, FinalStates]]:
    """Runs the decoder over all sentences and keeps the states before the readout.

    Definition: the last of `decoder.hidden_states`, at all tokens from which the next
    one is predicted, the start token included; of sentences longer than the context
    each token in the one window that scores the token after it.

    Args:
        model: an open model.
        corpus: parallel text.
        version: parameters rounded already, which assignments call 1.
        assignments: per configuration 0 (full precision) or 1 for every layer; what is
            outside the layers stays in full precision.
        stride: of windows, in tokens; None is half of the context.

    Raises:
        ValueError: if the stride is not less than the context.

    Yields:
        Each language with its states.

    Reference: our own definition.
    """
    sites = jnp.asarray(np.pad(assignments, ((0, 0), (0, 1))), jnp.int32)
    context = model.config.context
    cut = [
        windows.cut(sentences, context, stride) for sentences in encode(model, corpus)
    ]
    classes = length_classes(cut, FEW_SHAPES)
    for language, parts in zip(corpus.languages, cut, strict=True):
        kept: list[tuple[np.ndarray, ...]] = []
        of_window = windows.sentences_of(parts)
        for batch in equal_batches(parts, classes, context):
            tokens = batch.tokens[0]
            row, column = np.nonzero(batch.scored[0, :, 1:])
            found = [
                _final(
                    (model.params, version),
                    site,
                    tokens,
                    architecture=model.architecture,
                    config=model.config,
                )
                for site in sites
            ]
            kept.append(
                (
                    np.stack([np.asarray(each)[row, column] for each in found]),
                    tokens[row, column + 1],
                    of_window[batch.places[row]],
                )
            )
        values, following, sentence = zip(*kept, strict=True)
        yield (
            language,
            FinalStates(
                values=np.concatenate(values, axis=1),
                following=np.concatenate(following),
                sentence=np.concatenate(sentence),
            ),
        )


def error_products(model: Model, states: FinalStates, n_sentences: int) -> Products:
    """Multiplies the errors at the logits that configurations make, two by two.

    Definition: with `e_i` the logits of configuration `i + 1` minus those of
    configuration 0, the sums over a sentence's tokens of `token_products`.

    Args:
        model: an open model.
        states: full precision first, then one configuration per layer.
        n_sentences: of the corpus.

    Reference: our own definition.
    """
    fisher, plain = _by_sentence(
        _read_products, model, states.values, states, n_sentences
    )
    return Products(fisher=fisher, plain=plain)


def divergences(
    model: Model,
    full: FinalStates,
    changed: FinalStates,
    n_sentences: int,
) -> Divergences:
    """Compares the predictions of one configuration with those of another.

    Definition: sums over a sentence's tokens of `-log q(next token)` and of
    `token_divergence`, with `q` the prediction of `changed`.

    Args:
        model: an open model.
        full: states in full precision, of one configuration.
        changed: states of one other configuration, of the same text.
        n_sentences: of the corpus.

    Reference: our own definition.
    """
    both = np.concatenate([full.values, changed.values])
    loss, divergence = _by_sentence(_read_divergence, model, both, full, n_sentences)
    return Divergences(loss=loss, divergence=divergence)


def token_products(
    full: Float[Array, "token vocabulary"],
    changed: Float[Array, "layer token vocabulary"],
) -> tuple[Float[Array, "token layer layer"], Float[Array, "token layer layer"]]:
    """Multiplies the changes of a token's logits, two by two.

    Definition: with `p` the softmax of `full`, `e_i = changed[i] - full`, `a_i = e_i -
    sum(p e_i)` and `b_i = e_i - mean(e_i)`: `sum(p a_i a_j) = e_i' (diag(p) - p p')
    e_j`, and `sum(b_i b_j)`.

    Args:
        full: logits in full precision.
        changed: logits with one layer rounded each.

    Reference: Amari 1998, Neural Computation 10, section 3 (the metric); that it is the
        second derivative of the loss is the softmax's.
    """
    wide = full.astype(jnp.float32)[:, None]
    # tokens first: each has a product of two matrices that lie in one piece
    error = jnp.swapaxes(changed, 0, 1).astype(jnp.float32) - wide
    flat = error - jnp.mean(error, axis=-1, keepdims=True)
    p = jax.nn.softmax(wide, axis=-1)
    weighed = flat - jnp.sum(p * flat, axis=-1, keepdims=True)
    multiply = ft.partial(jnp.einsum, "tiv,tjv->tij", precision="highest")
    return multiply(p * weighed, weighed), multiply(flat, flat)


def token_divergence(
    full: Float[Array, "token vocabulary"], changed: Float[Array, "token vocabulary"]
) -> Float[Array, " token"]:
    """Evaluates Kullback and Leibler's divergence of predictions from others.

    Definition: `sum p log(p / q) = log sum p exp(a)`, `p` and `q` the softmax of `full`
    and `changed`, `a = e - sum(p e)` and `e = changed - full`. In this form small
    divergences are not lost in rounding.

    Args:
        full: logits that are diverged from.
        changed: logits.

    Reference: Kullback and Leibler 1951, equation 2.4.
    """
    wide = full.astype(jnp.float32)
    error = changed.astype(jnp.float32) - wide
    # what all logits share would be multiplied by how far sum(p) is from 1 by rounding
    error = error - jnp.mean(error, axis=-1, keepdims=True)
    log_p = jax.nn.log_softmax(wide, axis=-1)
    p = jnp.exp(log_p)
    weighed = error - jnp.sum(p * error, axis=-1, keepdims=True)
    mild = jnp.minimum(weighed, STEEP)
    small = jnp.log1p(jnp.sum(p * jnp.expm1(mild), axis=-1))
    large = jax.nn.logsumexp(log_p + weighed, axis=-1)
    return jnp.where(jnp.max(weighed, axis=-1) < STEEP, small, large)


def _by_sentence(
    read: Any,
    model: Model,
    values: np.ndarray,
    states: FinalStates,
    n_sentences: int,
) -> tuple[np.ndarray, ...]:
    """Reads out so many tokens at a time and adds up by sentence, in float64."""
    n_configs, n_tokens = values.shape[:2]
    per_token = 4 * n_configs * model.config.vocabulary
    size = max(1, BYTES // per_token)
    sums: list[np.ndarray] = []
    for first in range(0, n_tokens, size):
        part = slice(first, min(first + size, n_tokens))
        missing = size - (part.stop - first)
        found = read(
            model.params["outside"],
            np.pad(values[:, part], ((0, 0), (0, missing), (0, 0))),
            np.pad(states.following[part], (0, missing)),
            architecture=model.architecture,
            config=model.config,
        )
        tables = [np.asarray(each, np.float64)[: part.stop - first] for each in found]
        sums = sums or [np.zeros((n_sentences, *each.shape[1:])) for each in tables]
        for total, table in zip(sums, tables, strict=True):
            np.add.at(total, states.sentence[part], table)
    return tuple(sums)


@ft.partial(jax.jit, static_argnames=("architecture", "config"))
def _final(
    versions: tuple[decoder.Parameters, ...],
    assignment: Array,
    tokens: Array,
    *,
    architecture: decoder.Architecture,
    config: Any,
) -> Array:
    found = decoder.hidden_states(architecture, config, versions, assignment, tokens)
    return found[0][-1].astype(jnp.float32)


def _logits(outside: Any, values: Array, architecture: Any, config: Any) -> Array:
    dtype = jax.tree.leaves(outside)[0].dtype
    with jax.default_matmul_precision("float32"):  # TF32 would swamp small errors
        return architecture.readout(outside, values.astype(dtype), config)


@ft.partial(jax.jit, static_argnames=("architecture", "config"))
def _read_products(
    outside: Any, values: Array, following: Array, *, architecture: Any, config: Any
) -> tuple[Array, ...]:
    del following
    by_token = jnp.swapaxes(values, 0, 1)
    logits = _logits(outside, by_token, architecture, config)
    return token_products(logits[:, 0], jnp.swapaxes(logits[:, 1:], 0, 1))


@ft.partial(jax.jit, static_argnames=("architecture", "config"))
def _read_divergence(
    outside: Any, values: Array, following: Array, *, architecture: Any, config: Any
) -> tuple[Array, ...]:
    full, changed = _logits(outside, values, architecture, config).astype(jnp.float32)
    chosen = jnp.take_along_axis(changed, following[:, None], axis=-1)[:, 0]
    loss = jax.nn.logsumexp(changed, axis=-1) - chosen
    return loss, token_divergence(full, changed)
