"""Activations: how strongly each language drives the inputs of every matrix."""

import functools as ft
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import windows
from jaxdisp.measure.batches import equal_batches, length_classes
from jaxdisp.measure.cube import encode
from jaxdisp.models import decoder
from jaxdisp.models.model import Model

FEW_SHAPES = 3
"""Compiling takes longer here than padding does."""

SecondMoments = dict[decoder.Path, Float[np.ndarray, "layer input input"]]
"""`E[x x^T]` of the inputs of each matrix of the layers, by the matrix's path."""

MeanSquares = dict[decoder.Path, Float[np.ndarray, "language layer input"]]
"""`E[x^2]` of each input, by language and by the matrix's path."""


def second_moments(
    model: Model, corpus: corpora.Corpus, *, stride: int | None = None
) -> Iterator[tuple[str, SecondMoments]]:
    """Averages the outer products of the inputs of every matrix, language by language.

    Definition: `E[x x^T]` in the full-precision model, over the tokens of all sentences
    from which the next one is predicted, the start token included; not centred. Of
    sentences longer than the context, each token counts in the one window that scores
    the token after it. Sums over batches are in float64. One language is held at a
    time: for a model of width 768 it takes half a gigabyte.

    Args:
        model: an open model.
        corpus: parallel text.
        stride: of windows, in tokens; None is half of the context.

    Raises:
        ValueError: if the stride is not less than the context.

    Yields:
        Each language with its moments.

    Reference: our own definition.
    """
    yield from _averaged(_moments, model, corpus, stride)


def _averaged(
    add_up: Callable[..., dict[decoder.Path, Array]],
    model: Model,
    corpus: corpora.Corpus,
    stride: int | None,
) -> Iterator[tuple[str, dict[decoder.Path, np.ndarray]]]:
    """Adds up over batches, in float64, and divides by the number of tokens."""
    encoded = encode(model, corpus)
    context = model.config.context
    cut = [windows.cut(sentences, context, stride) for sentences in encoded]
    classes = length_classes(cut, FEW_SHAPES)
    for language, parts in zip(corpus.languages, cut, strict=True):
        total: dict[decoder.Path, np.ndarray] = {}
        count = 0
        for batch in equal_batches(parts, classes, context):
            predicting = np.pad(batch.scored[0, :, 1:], ((0, 0), (0, 1)))
            count += int(predicting.sum())
            added = add_up(
                model.params,
                batch.tokens[0],
                predicting,
                architecture=model.architecture,
                config=model.config,
            )
            for path, sums in added.items():
                double = np.asarray(sums, np.float64)
                total[path] = total[path] + double if path in total else double
        yield language, {path: sums / count for path, sums in total.items()}


_moments = jax.jit(
    lambda params, tokens, mask, architecture, config: decoder.input_moments(
        architecture, config, params, tokens, mask
    ),
    static_argnames=("architecture", "config"),
)


@ft.partial(jax.jit, static_argnames=("architecture", "config"))
def _squares(
    params: decoder.Parameters,
    tokens: Int[Array, "sentence token"],
    mask: Bool[Array, "sentence token"],
    *,
    architecture: decoder.Architecture,
    config: Any,
) -> dict[decoder.Path, Float[Array, "layer input"]]:
    """The diagonals of `decoder.input_moments`, without anything beside them."""
    counted = mask[..., None].astype(jnp.float32)

    def keep(_: Array, inputs: dict[decoder.Path, Array]) -> Any:
        return {
            path: jnp.sum((x.astype(jnp.float32) * counted) ** 2, axis=(0, 1))
            for path, x in inputs.items()
            if path != decoder.ATTENTION
        }

    full = jnp.zeros(config.n_layers + 1, jnp.int32)
    return decoder.taps(architecture, config, (params,), full, tokens, keep)


def mean_squares(
    model: Model,
    corpus: corpora.Corpus,
    *,
    stride: int | None = None,
    advance: Callable[[], object] | None = None,
) -> MeanSquares:
    """Averages the squares of the inputs of every matrix, for all languages.

    Definition: the diagonals of `second_moments`, which alone are computed.

    Args:
        model: an open model.
        corpus: parallel text.
        stride: of windows, in tokens; None is half of the context.
        advance: called after each language.

    Raises:
        ValueError: if the stride is not less than the context.

    Reference: our own definition.
    """
    found: dict[decoder.Path, list[np.ndarray]] = {}
    for _, squares in _averaged(_squares, model, corpus, stride):
        for path, own in squares.items():
            found.setdefault(path, []).append(own)
        if advance is not None:
            advance()
    return {path: np.stack(languages) for path, languages in found.items()}
