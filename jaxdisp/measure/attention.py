"""Attention sinks: how much of it one place gets, and how few directions it uses."""

from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import windows
from jaxdisp.measure.activations import FEW_SHAPES
from jaxdisp.measure.batches import equal_batches, length_classes
from jaxdisp.measure.cube import encode
from jaxdisp.models import attention_taps, decoder
from jaxdisp.models.model import Model
from jaxdisp.result import result

LEAST_TOKENS = 4
"""Of a sentence, with the start token: a place beside it, and a token that looks on."""


@result
class Looks:
    """Where the heads of a model look in one language, token by token.

    Tokens are those after the start token from which another is predicted: `sentence`
    is the place of the sentence in the corpus, `place` that of the token in it.
    `first` is the weight on the start token, `other` that on a place of the sentence
    which is `beside`, drawn beforehand. `rank` counts the directions of each
    sentence's map of weights, and `rest` those without the column of the start token.
    """

    first: Float[np.ndarray, "layer head token"]
    other: Float[np.ndarray, "layer head token"]
    sentence: Int[np.ndarray, " token"]
    place: Int[np.ndarray, " token"]
    beside: Int[np.ndarray, " sentence"]
    rank: Float[np.ndarray, "layer head sentence"]
    rest: Float[np.ndarray, "layer head sentence"]


def readable(model: Model, corpus: corpora.Corpus) -> Bool[np.ndarray, " sentence"]:
    """Says which sentences are long enough to see where heads look, in every language.

    Definition: whether all have at least `LEAST_TOKENS` tokens, with the start token.

    Args:
        model: whose vocabulary and context are used.
        corpus: parallel text.

    Reference: our own definition.
    """
    lengths = [[len(sentence) for sentence in text] for text in encode(model, corpus)]
    shortest = np.min(np.minimum(lengths, model.config.context), axis=0)
    return shortest >= LEAST_TOKENS


def places_beside(
    uniform: Float[np.ndarray, " sentence"], lengths: Int[np.ndarray, " sentence"]
) -> Int[np.ndarray, " sentence"]:
    """Turns numbers between 0 and 1 into places of a sentence that are not the first.

    Definition: `1 + floor(u (n - 3))`: from 1 to `n - 3`, so that a later token is left
    from which another is predicted.

    Args:
        uniform: in [0, 1), the same for all languages.
        lengths: of the sentences, in tokens with the start token.

    Reference: our own definition.
    """
    return 1 + np.floor(uniform * (lengths - 3)).astype(int)


def language_looks(
    model: Model,
    corpus: corpora.Corpus,
    uniform: Float[np.ndarray, " sentence"],
    *,
    versions: Sequence[decoder.Parameters] = (),
    assignment: Sequence[int] | None = None,
    shapes: corpora.Corpus | None = None,
) -> Iterator[tuple[str, Looks]]:
    """Runs the decoder over all sentences and keeps where heads look, by language.

    Definition: weights of attention as `attention_taps.attention` gives them. Of
    sentences longer than the context only as much is read as fits, since no later
    token sees the start token.

    Args:
        model: an open model, whose layers have attention.
        corpus: parallel text, all of it `readable`.
        uniform: see `places_beside`.
        versions: parameters rounded already, which assignments call 1, 2, ...
        assignment: version of each layer, 0 for full precision; None is 0 everywhere.
        shapes: text whose lengths sentences are padded to, of which `corpus` is a part;
            None is `corpus` itself. Programs are compiled once for each length.

    Raises:
        ValueError: if a sentence has too few tokens.

    Yields:
        Each language with where its heads look.

    Reference: our own definition.
    """
    if not np.all(enough := readable(model, corpus)):
        raise ValueError(
            f"sentence {int(np.argmin(enough)) + 1} has fewer than {LEAST_TOKENS} "
            "tokens in some language"
        )
    context = model.config.context
    sites = np.zeros(model.config.n_layers + 1, np.int32)
    if assignment is not None:
        sites[: len(assignment)] = assignment
    wider = _first_windows(model, corpus if shapes is None else shapes)
    classes = length_classes(wider, FEW_SHAPES)
    cut = _first_windows(model, corpus)
    for language, parts in zip(corpus.languages, cut, strict=True):
        lengths = np.array([len(part.tokens) for part in parts])
        beside = places_beside(uniform, lengths)
        kept: list[tuple[np.ndarray, ...]] = []
        for batch in equal_batches(parts, classes, context):
            rows = len(batch.places)
            asking = np.pad(batch.scored[0, :, 1:], ((0, 0), (0, 1)))
            asking[:, 0] = False
            columns, ranks = _looks(
                (model.params, *versions),
                jnp.asarray(sites),
                batch.tokens[0],
                np.pad(beside[batch.places], (0, len(asking) - rows)),
                asking,
                architecture=model.architecture,
                config=model.config,
            )
            found = np.asarray(columns), np.asarray(ranks)
            kept.append(_by_token(*found, asking, batch.places))
        yield language, _ordered(kept, beside)


def _first_windows(model: Model, corpus: corpora.Corpus) -> list[list[windows.Window]]:
    context = model.config.context
    return [
        [
            windows.Window(tokens=sentence[:context], first=1, sentence=place)
            for place, sentence in enumerate(text)
        ]
        for text in encode(model, corpus)
    ]


def _by_token(
    columns: np.ndarray, ranks: np.ndarray, asking: np.ndarray, places: np.ndarray
) -> tuple[np.ndarray, ...]:
    row, token = np.nonzero(asking)
    # one entry per pair of layer and head, then what was looked at
    weights = columns[..., row, token]
    return weights, places[row], token, ranks[..., : len(places)], places


def _ordered(kept: Sequence[tuple[np.ndarray, ...]], beside: np.ndarray) -> Looks:
    weights, ranks = (np.concatenate([k[n] for k in kept], axis=-1) for n in (0, 3))
    sentence, place, places = (
        np.concatenate([k[number] for k in kept]) for number in (1, 2, 4)
    )
    by_token, by_sentence = np.lexsort([place, sentence]), np.argsort(places)
    first, other = weights[:, :, :, by_token].swapaxes(0, 1)
    rank, rest = ranks[:, :, :, by_sentence].swapaxes(0, 1)
    return Looks(
        first=first,
        other=other,
        sentence=sentence[by_token],
        place=place[by_token],
        beside=beside,
        rank=rank,
        rest=rest,
    )


def participation(
    rows: Float[Array, "*batch row column"],
) -> Float[Array, "*batch"]:
    """Counts the directions of a matrix by how evenly they share its squares.

    Definition: `(sum s^2)^2 / sum s^4` of the singular values s, as
    `|W|_F^4 / |W^T W|_F^2`, which takes no decomposition; 0 for a matrix of zeros.

    Args:
        rows: matrices.

    Reference: as `stats.spectra.participation_ratio`.
    """
    gram = jnp.einsum("...ru,...rv->...uv", rows, rows)
    total = jnp.einsum("...uu->...", gram)
    squares = jnp.sum(gram**2, axis=(-2, -1))
    return jnp.where(squares > 0, total**2 / jnp.where(squares > 0, squares, 1.0), 0.0)


def _reduced(
    versions: tuple[decoder.Parameters, ...],
    sites: Int[Array, " site"],
    tokens: Int[Array, "sentence token"],
    beside: Int[Array, " sentence"],
    asking: Bool[Array, "sentence token"],
    architecture: decoder.Architecture,
    config: object,
) -> tuple[
    Float[Array, "layer kind head sentence token"],
    Float[Array, "layer kind head sentence"],
]:
    def reduce(weights: Array) -> tuple[Array, Array]:
        place = jnp.broadcast_to(beside[:, None, None, None], (*weights.shape[:3], 1))
        other = jnp.take_along_axis(weights, place, axis=-1)[..., 0]
        columns = jnp.stack([weights[..., 0], other])
        rows = jnp.where(asking[:, None, :, None], weights, 0.0)
        ranks = jnp.stack([participation(rows), participation(rows[..., 1:])])
        return columns.swapaxes(1, 2), ranks.swapaxes(1, 2)

    return attention_taps.attention(
        architecture, config, versions, sites, tokens, reduce
    )


_looks = jax.jit(_reduced, static_argnames=("architecture", "config"))


def excess(
    weight: Float[np.ndarray, "*head token"],
    place: Int[np.ndarray, " token"],
    sentence: Int[np.ndarray, " token"],
    after: Int[np.ndarray, " sentence"],
) -> Float[np.ndarray, "*head sentence"]:
    """Averages what one place gets of the attention beyond what chance would give it.

    Definition: per sentence the mean of `w[t] - 1 / (t + 1)` over its tokens `t >
    after`: a head that looks everywhere alike gives each of the `t + 1` tokens that it
    sees as much. Where a window hides the place, `w[t]` is 0 and the excess negative.

    Args:
        weight: that each token gives the place, a share of 1.
        place: of each token in its sentence.
        sentence: of each token.
        after: the place in each sentence that is looked at.

    Raises:
        ValueError: if a sentence has no such token.

    Reference: our own definition; sinks as in Xiao et al. 2023, arXiv:2309.17453,
        section 3.1.
    """
    counted = place > after[sentence]
    beyond = weight - 1 / (place + 1)
    return _sentence_means(beyond, sentence, counted, len(after))


def shift(
    full: Float[np.ndarray, "*head token"],
    rounded: Float[np.ndarray, "*head token"],
    sentence: Int[np.ndarray, " token"],
    n_sentences: int,
) -> Float[np.ndarray, "*head sentence"]:
    """Averages by how much the weight on one place has moved, up or down.

    Definition: per sentence the mean of `|rounded[t] - full[t]|`.

    Args:
        full: weights that tokens give the place, in full precision.
        rounded: the same with rounded parameters.
        sentence: of each token.
        n_sentences: of the corpus.

    Raises:
        ValueError: if a sentence has no token.

    Reference: our own definition.
    """
    moved = np.abs(rounded.astype(np.float64) - full)
    everything = np.ones(len(sentence), bool)
    return _sentence_means(moved, sentence, everything, n_sentences)


def _sentence_means(
    values: np.ndarray, sentence: np.ndarray, counted: np.ndarray, n_sentences: int
) -> np.ndarray:
    where = sentence[counted]
    counts = np.bincount(where, minlength=n_sentences)
    if np.any(counts == 0):
        raise ValueError(
            f"sentence {int(np.argmin(counts)) + 1} has no token to average over"
        )
    ordered = values[..., counted][..., np.argsort(where, kind="stable")]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.add.reduceat(ordered, starts, axis=-1, dtype=np.float64) / counts
