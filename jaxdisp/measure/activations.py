"""Activations: how strongly each language drives the inputs of every matrix."""

from collections.abc import Callable, Iterator

import jax
import numpy as np
from jaxtyping import Float

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
    encoded = encode(model, corpus)
    context = model.config.context
    cut = [windows.cut(sentences, context, stride) for sentences in encoded]
    classes = length_classes(cut, FEW_SHAPES)
    for language, parts in zip(corpus.languages, cut, strict=True):
        total: SecondMoments = {}
        count = 0
        for batch in equal_batches(parts, classes, context):
            predicting = np.pad(batch.scored[0, :, 1:], ((0, 0), (0, 1)))
            count += int(predicting.sum())
            added = _moments(
                model.params,
                batch.tokens[0],
                predicting,
                architecture=model.architecture,
                config=model.config,
            )
            for path, outer in added.items():
                double = np.asarray(outer, np.float64)
                total[path] = total[path] + double if path in total else double
        yield language, {path: outer / count for path, outer in total.items()}


_moments = jax.jit(
    lambda params, tokens, mask, architecture, config: decoder.input_moments(
        architecture, config, params, tokens, mask
    ),
    static_argnames=("architecture", "config"),
)


def mean_squares(
    model: Model,
    corpus: corpora.Corpus,
    *,
    stride: int | None = None,
    advance: Callable[[], object] | None = None,
) -> MeanSquares:
    """Averages the squares of the inputs of every matrix, for all languages.

    Definition: the diagonals of `second_moments`.

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
    for _, moments in second_moments(model, corpus, stride=stride):
        for path, outer in moments.items():
            found.setdefault(path, []).append(np.einsum("lii->li", outer))
        if advance is not None:
            advance()
    return {path: np.stack(languages) for path, languages in found.items()}
