"""The nll cube: `nll[config, language, sentence]` for many configurations at once.

A configuration is data: an integer per layer says which version of its weights is used.
One compiled program per shape of batch serves every configuration and language.
"""

import functools as ft
from collections.abc import Callable, Iterable, Sequence
from concurrent import futures
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import windows
from jaxdisp.measure.batches import equal_batches, length_classes, make_batches
from jaxdisp.models import decoder, vocabulary
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer, quantize
from jaxdisp.result import result

THREADS = 2
CONFIGS_PER_CALL = 8
"""On accelerators; a CPU is busy with one configuration at a time."""


@result
class Evaluation:
    """Losses in nats per sentence, and the size of each sentence.

    `n_tokens` counts predicted tokens (all but the start token), `n_bytes` the UTF-8
    bytes of the text.
    """

    nll: Float[Array, "config language sentence"]
    n_tokens: Int[Array, "language sentence"]
    n_bytes: Int[Array, "language sentence"]


def evaluate(
    model: Model,
    corpus: corpora.Corpus,
    assignments: Int[np.ndarray, "config site"] | Sequence[Sequence[int]],
    quantizers: Sequence[Quantizer | decoder.Parameters],
    *,
    stride: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Evaluation:
    """Measures the loss of every sentence in every language and configuration.

    Definition: `nll[c, l, s]` sums `-log p(token | tokens before)` over the tokens of
    sentence `s` in language `l` after the start token, with layer `i` in version
    `assignments[c][i]`: 0 is full precision, `q` is `quantizers[q - 1]`. A sentence
    longer than the model's context is scored in windows (`windows.bounds`).

    Args:
        model: an open model.
        corpus: parallel text.
        assignments: per configuration one integer per layer, and optionally one more
            for the parameters outside the layers (else they stay in full precision).
        quantizers: how versions 1, 2, ... are rounded, or parameters rounded already.
        stride: of windows, in tokens; None is half of the context.
        progress: called with the number of configurations done since the last call.

    Raises:
        ValueError: if an assignment has the wrong length or names no version, or the
            stride is not less than the context.
        FloatingPointError: if a loss is not finite.

    Reference: our own definition.
    """
    sites = check_assignments(assignments, model.config.n_layers, len(quantizers))
    encoded = encode(model, corpus)
    flat = [sentence for language in encoded for sentence in language]
    parts = windows.cut(flat, model.config.context, stride)
    versions = (model.params, *(_rounded(model, q) for q in quantizers))
    nll = np.zeros((len(sites), len(parts)), np.float32)
    batches = make_batches(parts, model.config.context)
    together = 1 if jax.default_backend() == "cpu" else CONFIGS_PER_CALL

    def fill(first: int) -> int:
        chunk = sites[first : first + together]
        filled = np.pad(chunk, ((0, together - len(chunk)), (0, 0)), mode="edge")
        for batch in batches:
            losses = batch_losses(
                versions,
                jnp.asarray(filled),
                batch.tokens,
                batch.scored,
                architecture=model.architecture,
                config=model.config,
                configs_at_once=together,
            )
            columns = np.asarray(losses).reshape(together, -1)[: len(chunk)]
            places = batch.places
            nll[first : first + len(chunk), places] = columns[:, : len(places)]
        return len(chunk)

    # a second thread fills the moments in which XLA works on one core
    with futures.ThreadPoolExecutor(THREADS) as pool:
        for done in pool.map(fill, range(0, len(sites), together)):
            if progress is not None:
                progress(done)
    nll = windows.add_up(nll, windows.sentences_of(parts))
    check_finite(model, nll)
    shape = (len(sites), len(corpus.languages), corpus.n_sentences)
    n_tokens, n_bytes = sizes(model, corpus)
    cells = jnp.asarray(nll.reshape(shape))
    return Evaluation(nll=cells, n_tokens=n_tokens, n_bytes=n_bytes)


def _rounded(
    model: Model, quantizer: Quantizer | decoder.Parameters
) -> decoder.Parameters:
    return quantize(model, quantizer) if isinstance(quantizer, Quantizer) else quantizer


def check_finite(model: Model, nll: Float[np.ndarray, "..."]) -> None:
    """Checks that losses are numbers.

    Args:
        model: that they are of.
        nll: losses.

    Raises:
        FloatingPointError: if one is NaN or infinite.

    Reference: our own definition.
    """
    if not np.all(np.isfinite(nll)):
        raise FloatingPointError(
            f"{model.source}: {np.count_nonzero(~np.isfinite(nll))} losses are NaN or "
            f"infinite; its weights overflow {model.dtype}, so that it cannot be "
            f"measured{'' if model.dtype == 'float32' else '; try --dtype float32'}"
        )


def evaluate_each(
    model: Model,
    corpus: corpora.Corpus,
    versions: Iterable[decoder.Parameters],
    *,
    stride: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Float[Array, "language sentence"]:
    """Measures the loss of every sentence with parameters of its language's own.

    Definition: as `evaluate`, language `l` with the `l`-th of the parameters.

    Args:
        model: an open model.
        corpus: parallel text.
        versions: parameters of each language, made one by one as they are needed.
        stride: of windows, in tokens; None is half of the context.
        progress: called with the number of languages done since the last call.

    Raises:
        ValueError: if the stride is not less than the context, or there are more or
            fewer parameters than languages.
        FloatingPointError: if a loss is not finite.

    Reference: our own definition.
    """
    encoded = encode(model, corpus)
    context = model.config.context
    cut = [windows.cut(sentences, context, stride) for sentences in encoded]
    classes = length_classes(cut)
    everything = jnp.ones((1, model.config.n_layers + 1), jnp.int32)
    nll = np.zeros((len(encoded), corpus.n_sentences), np.float32)
    for place, (parts, params) in enumerate(zip(cut, versions, strict=True)):
        of_parts = np.zeros(len(parts), np.float32)
        for batch in equal_batches(parts, classes, context):
            losses = batch_losses(
                (model.params, params),
                everything,
                batch.tokens,
                batch.scored,
                architecture=model.architecture,
                config=model.config,
                configs_at_once=1,
            )
            kept = np.asarray(losses).reshape(-1)[: len(batch.places)]
            of_parts[batch.places] = kept
        nll[place] = windows.add_up(of_parts, windows.sentences_of(parts))
        if progress is not None:
            progress(1)
    check_finite(model, nll)
    return jnp.asarray(nll)


def sizes(
    model: Model, corpus: corpora.Corpus
) -> tuple[Int[Array, "language sentence"], Int[Array, "language sentence"]]:
    """Counts the predicted tokens and the bytes of every sentence.

    Args:
        model: whose vocabulary is used.
        corpus: parallel text.

    Reference: our own definition.
    """
    encoded = encode(model, corpus)
    n_tokens = [[len(sentence) - 1 for sentence in text] for text in encoded]
    n_bytes = [[len(s.encode()) for s in text] for text in corpus.sentences]
    return jnp.asarray(n_tokens), jnp.asarray(n_bytes)


@ft.partial(jax.jit, static_argnames=("architecture", "config", "configs_at_once"))
def batch_losses(
    versions: tuple[decoder.Parameters, ...],
    assignments: Int[Array, "config site"],
    tokens: Int[Array, "batch window token"],
    scored: Bool[Array, "batch window token"],
    *,
    architecture: decoder.Architecture,
    config: Any,
    configs_at_once: int,
) -> Float[Array, "config batch window"]:
    """Sums the losses of each sentence or window of one, for each configuration.

    Definition: `decoder.token_losses` of `decoder.logits`, summed over tokens. With
    `configs_at_once` above 1 that many configurations are mapped by `vmap`, which is
    the simplest correct evaluation and the oracle of any faster one.

    Args:
        versions: parameters in full precision, then as quantized by each quantizer.
        assignments: version of each layer, then of the parameters outside the layers.
        tokens: token numbers, of a sentence the start token first.
        scored: which tokens count; the first of a row never does.
        architecture: the family.
        config: its configuration.
        configs_at_once: how many configurations share one pass.

    Reference: our own definition.
    """

    def one(assignment: Array) -> Array:
        def batch(step: tuple[Array, Array]) -> Array:
            numbers, counted = step
            predictions = decoder.logits(
                architecture, config, versions, assignment, numbers
            )
            return jnp.sum(decoder.token_losses(predictions, numbers, counted), axis=-1)

        return jax.lax.map(batch, (tokens, scored))

    return jax.lax.map(one, assignments, batch_size=configs_at_once)


def check_assignments(
    assignments: Int[np.ndarray, "config entry"] | Sequence[Sequence[int]],
    n_layers: int,
    n_quantizers: int,
) -> Int[np.ndarray, "config site"]:
    """Returns the assignments as integers with one entry for the outside parameters.

    Args:
        assignments: per configuration one integer per layer, perhaps one more.
        n_layers: layers of the model.
        n_quantizers: how many quantizers there are.

    Raises:
        ValueError: if a length or a value is out of range.

    Reference: our own definition.
    """
    sites = np.asarray(assignments)
    if sites.ndim != 2 or sites.shape[1] not in (n_layers, n_layers + 1):
        raise ValueError(
            f"assignments must have {n_layers} entries per configuration (or "
            f"{n_layers + 1}, the last for embeddings and head), got {sites.shape}"
        )
    if sites.size == 0 or sites.dtype.kind not in "iu":
        raise ValueError("assignments must be integers, and at least one configuration")
    if sites.min() < 0 or sites.max() > n_quantizers:
        raise ValueError(
            f"assignments must be between 0 and {n_quantizers}, the number of "
            f"quantizers, got {sites.min()} to {sites.max()}"
        )
    if sites.shape[1] == n_layers:
        sites = np.pad(sites, ((0, 0), (0, 1)))
    return sites.astype(np.int32)


def encode(model: Model, corpus: corpora.Corpus) -> list[list[list[int]]]:
    """Turns sentences into token numbers, by language, the start token first.

    Args:
        model: whose vocabulary is used.
        corpus: parallel text.

    Reference: our own definition.
    """
    return [
        vocabulary.encode(model.tokenizer, text, model.start)
        for text in corpus.sentences
    ]
