"""Hidden states of every token, before and after every layer, language by language."""

from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import windows
from jaxdisp.measure.activations import FEW_SHAPES
from jaxdisp.measure.batches import equal_batches, length_classes
from jaxdisp.measure.cube import encode
from jaxdisp.models import decoder
from jaxdisp.models.model import Model
from jaxdisp.result import result


@result
class States:
    """Hidden states of one language, token by token, and where each token stands.

    Tap 0 is before the first layer, tap i after layer i - 1. Only tokens from which
    another is predicted are here. `token` and `following` are token numbers, `sentence`
    the place of the sentence in the corpus and `place` that of the token in it, the
    start token at 0.
    """

    values: Float[np.ndarray, "tap token width"]
    token: Int[np.ndarray, " token"]
    following: Int[np.ndarray, " token"]
    sentence: Int[np.ndarray, " token"]
    place: Int[np.ndarray, " token"]


def language_states(
    model: Model,
    corpus: corpora.Corpus,
    *,
    versions: Sequence[decoder.Parameters] = (),
    assignment: Sequence[int] | None = None,
    stride: int | None = None,
) -> Iterator[tuple[str, States]]:
    """Runs the decoder over all sentences and keeps the states, one language at a time.

    Definition: `decoder.hidden_states` at all tokens from which the next one is
    predicted, the start token included. Of sentences longer than the context, each
    token is read in the one window that scores the token after it. In order of
    sentences, and of tokens in them.

    Args:
        model: an open model.
        corpus: parallel text.
        versions: parameters rounded already, which assignments call 1, 2, ...
        assignment: version of each layer, 0 for full precision, and perhaps one more
            for the parameters outside the layers; None is full precision everywhere.
        stride: of windows, in tokens; None is half of the context.

    Raises:
        ValueError: if the stride is not less than the context.

    Yields:
        Each language with its states.

    Reference: our own definition.
    """
    n_layers = model.config.n_layers
    sites = np.zeros(n_layers + 1, np.int32)
    if assignment is not None:
        sites[: len(assignment)] = assignment
    encoded = encode(model, corpus)
    context = model.config.context
    cut = [windows.cut(sentences, context, stride) for sentences in encoded]
    step = windows.checked_stride(context, stride)
    classes = length_classes(cut, FEW_SHAPES)
    for language, parts in zip(corpus.languages, cut, strict=True):
        kept: list[tuple[np.ndarray, ...]] = []
        first = _first_tokens(parts, step)
        for batch in equal_batches(parts, classes, context):
            taps = np.asarray(
                _taps(
                    (model.params, *versions),
                    jnp.asarray(sites),
                    batch.tokens[0],
                    architecture=model.architecture,
                    config=model.config,
                )
            )
            row, column = np.nonzero(batch.scored[0, :, 1:])
            window = batch.places[row]
            kept.append(
                (
                    taps[:, row, column],
                    batch.tokens[0][row, column],
                    batch.tokens[0][row, column + 1],
                    np.array([parts[each].sentence for each in window]),
                    first[window] + column,
                )
            )
        yield language, _ordered(kept)


def _first_tokens(parts: Sequence[windows.Window], step: int) -> np.ndarray:
    """The place in its sentence of each window's first token."""
    sentences = np.array([part.sentence for part in parts])
    starts = np.concatenate([[0], np.flatnonzero(np.diff(sentences)) + 1])
    repeats = np.diff(np.append(starts, len(parts)))
    return (np.arange(len(parts)) - np.repeat(starts, repeats)) * step


def _ordered(kept: Sequence[tuple[np.ndarray, ...]]) -> States:
    values = np.concatenate([part[0] for part in kept], axis=1)
    token, following, sentence, place = (
        np.concatenate([part[number] for part in kept]) for number in range(1, 5)
    )
    order = np.lexsort([place, sentence])
    return States(
        values=values[:, order],
        token=token[order],
        following=following[order],
        sentence=sentence[order],
        place=place[order],
    )


def sentence_means(
    states: States, n_sentences: int
) -> Float[np.ndarray, "tap sentence width"]:
    """Averages the states of each sentence over its tokens but the start token.

    Args:
        states: of one language.
        n_sentences: of the corpus.

    Raises:
        ValueError: if a sentence has no token but the start token.

    Reference: our own definition; mean pooling as in Reimers and Gurevych 2019,
        arXiv:1908.10084, section 3.
    """
    counted = states.place > 0
    where = states.sentence[counted]
    counts = np.bincount(where, minlength=n_sentences)
    if np.any(counts == 0):
        raise ValueError(
            f"sentence {int(np.argmin(counts)) + 1} has no token to average over"
        )
    values = states.values[:, counted]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.add.reduceat(values, starts, axis=1) / counts[:, None]


_taps = jax.jit(
    lambda versions, sites, tokens, architecture, config: decoder.hidden_states(
        architecture, config, versions, sites, tokens
    )[0],
    static_argnames=("architecture", "config"),
)
