"""Causal tracing: what restored or corrupted activations do to each language's loss.

The donor and the recipient are one model in full precision and quantized, on the same
sentences. A patch reaches one part of a sentence; parts of one token at taps after many
layers can recover little but that token's own prediction.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent import futures
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure.batches import padded_lengths
from jaxdisp.measure.cube import check_finite, encode
from jaxdisp.models import decoder, patching
from jaxdisp.models.model import Model
from jaxdisp.result import result
from jaxdisp.stats import bca, bootstrap

PARTS = (
    "all",
    "first",
    "fifth 1",
    "fifth 2",
    "fifth 3",
    "fifth 4",
    "fifth 5",
    "last",
)
"""Parts of a sentence, of the tokens from which another is predicted: all of them, the
start token, fifths, and the last token."""
SITES = ("state", "update")
PLACEBOS = ("another sentence's state", "another sentence's correction")
SENTENCES, SHAPES, PER_SHAPE = 16, 3, 64
MOST_STATES = 2**28
"""Numbers in the states of a batch, all layers and both runs, at most."""


@result
class Traces:
    """What patches change, in nats per sentence, by the layer after which they are.

    `restored` is by how much full-precision activations in the quantized run reduce its
    loss, `placebo` the same with those of another sentence of the language (all tokens,
    in the order of `PLACEBOS`), and `produced` by how much quantized activations in the
    full-precision run raise its loss (all tokens). `damage` is the loss of the
    quantized run minus that in full precision. Sites and parts are in the order of
    `SITES` and `PARTS`.
    """

    restored: Float[np.ndarray, "site part layer language sentence"]
    placebo: Float[np.ndarray, "kind layer language sentence"]
    produced: Float[np.ndarray, "site layer language sentence"]
    damage: Float[np.ndarray, "language sentence"]


@result
class Shares:
    """Shares of the damage, by language and of all languages together (no unit).

    NaN where the interval of the damage itself does not lie above 0.
    """

    of_language: bca.Interval
    together: bca.Interval


def parts(n_tokens: int) -> Int[np.ndarray, "part side"]:
    """Finds where the parts of a sentence begin and end.

    Definition: with `m = n_tokens - 1` tokens from which another is predicted, `all` is
    0 to m, `first` 0 to 1, `fifth k` floor((k - 1) m / 5) to floor(k m / 5), and `last`
    m - 1 to m; the end does not belong to a part, and the fifths share nothing.

    Args:
        n_tokens: in the sentence, with the start token.

    Reference: our own definition.
    """
    most = max(n_tokens - 1, 0)
    fifths = [(k * most // 5, (k + 1) * most // 5) for k in range(5)]
    found = [(0, most), (0, min(1, most)), *fifths, (max(most - 1, 0), most)]
    return np.array(found)


def fitting(model: Model, corpus: corpora.Corpus) -> Int[np.ndarray, " place"]:
    """Lists the sentences that fit into the model's context in every language.

    Args:
        model: with its vocabulary and context.
        corpus: parallel text.

    Reference: our own definition.
    """
    lengths = np.array([[len(each) for each in text] for text in encode(model, corpus)])
    return np.flatnonzero(np.all(lengths <= model.config.context, axis=0))


def trace(
    model: Model,
    corpus: corpora.Corpus,
    rounded: decoder.Parameters,
    assignment: Sequence[int] | None = None,
) -> Traces:
    """Patches every layer, site and part of every sentence, in both directions.

    Definition: `patching.trace` with the full-precision run and the quantized run as
    donor and recipient. The other sentence of a placebo is the next one (of the last
    one the first), in the same run and layer at the same place.

    Args:
        model: an open model.
        corpus: parallel text of at least 2 sentences that fit into the context.
        rounded: the parameters as quantized.
        assignment: 1 for each layer that the quantized run has from `rounded`, 0 for
            full precision; None is 1 everywhere. The parameters outside the layers
            stay in full precision.

    Raises:
        ValueError: if there are fewer than 2 sentences, or one does not fit.
        FloatingPointError: if a loss is not finite.

    Reference: as `patching.trace`.
    """
    n_layers, n_sentences = model.config.n_layers, corpus.n_sentences
    if n_sentences < 2 or len(fitting(model, corpus)) < n_sentences:
        raise ValueError(
            f"{corpus.source}: tracing takes at least 2 sentences, none longer than "
            f"the context of {model.config.context} tokens, got {n_sentences}"
        )
    runs = np.zeros((2, n_layers + 1), int)
    runs[1, :n_layers] = 1 if assignment is None else assignment
    versions = (model.params, rounded)
    flat = [sentence for text in encode(model, corpus) for sentence in text]
    n_kinds = len(_kinds(parts(2)))
    changes = np.zeros((len(flat), n_layers, n_kinds), np.float64)
    damage = np.zeros(len(flat), np.float64)

    def fill(batch: tuple[np.ndarray, patching.Sheet]) -> None:
        places, sheet = batch
        args = (model.architecture, model.config, versions, runs)
        found = patching.trace(*args, [sheet])[0]
        by_sentence = found.changes.reshape(-1, n_layers, n_kinds)
        changes[places] = by_sentence[: len(places)]
        damage[places] = (found.losses[1] - found.losses[0])[: len(places)]

    # a second thread fills the moments in which XLA works on one core
    threads = 2 if jax.default_backend() == "cpu" and os.cpu_count() != 1 else 1
    with futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, _batches(model, flat, n_sentences)))
    check_finite(model, changes)
    return _arranged(changes, damage, n_sentences)


def _arranged(changes: np.ndarray, damage: np.ndarray, n_sentences: int) -> Traces:
    """Brings changes `[sentence, layer, kind]` into the order of `Traces`."""
    n_sites, n_parts = len(SITES), len(PARTS)
    by_kind = np.moveaxis(changes, (2, 1), (0, 1))
    by_kind = by_kind.reshape(*by_kind.shape[:2], -1, n_sentences)
    ends = np.cumsum([n_sites * n_parts, len(PLACEBOS)])
    restored, placebo, produced = np.split(by_kind, ends)
    return Traces(
        restored=-restored.reshape(n_sites, n_parts, *restored.shape[1:]),
        placebo=-placebo,
        produced=produced,
        damage=damage.reshape(-1, n_sentences),
    )


def _kinds(bounds: np.ndarray) -> list[tuple[int, int, int, int, int]]:
    """What is patched after each layer: recipient, site, whether of another, bounds."""
    state, update, correction = map(
        patching.SITES.index, ("state", "update", "correction")
    )
    restored = [(1, s, 0, *span) for s in (state, update) for span in bounds.tolist()]
    placebos = [(1, s, 1, *bounds[0].tolist()) for s in (state, correction)]
    produced = [(0, s, 0, *bounds[0].tolist()) for s in (state, update)]
    return [*restored, *placebos, *produced]


def _batches(
    model: Model, flat: list[list[int]], n_sentences: int
) -> Iterator[tuple[np.ndarray, patching.Sheet]]:
    """Sentences of similar length together, whatever their language, and patches."""
    lengths = np.array([len(each) for each in flat])
    classes = padded_lengths(lengths, min(SHAPES, -(-len(flat) // PER_SHAPE)))
    config = model.config
    for number, longest in enumerate(classes.tolist()):
        places = np.flatnonzero(np.searchsorted(classes, lengths) == number)
        n_tokens = min(longest, config.context)
        held = 4 * (config.n_layers + 1) * n_tokens * config.width
        at_once = max(1, min(SENTENCES, MOST_STATES // held))
        n_batches = -(-len(places) // at_once)
        size = -(-len(places) // n_batches)
        for first in range(0, len(places), size):
            chosen = places[first : first + size]
            yield chosen, _sheet(flat, chosen, n_sentences, (size, n_tokens, config))


def _sheet(
    flat: list[list[int]],
    places: np.ndarray,
    n_sentences: int,
    shape: tuple[int, int, Any],
) -> patching.Sheet:
    """A batch: its sentences, then those whose activations are the placebos."""
    size, n_tokens, config = shape
    language, sentence = np.divmod(places, n_sentences)
    others = language * n_sentences + (sentence + 1) % n_sentences
    tokens = np.zeros((2 * size, n_tokens), np.int32)
    mask = np.zeros(tokens.shape, bool)
    rows = np.concatenate([np.arange(len(places)), size + np.arange(len(places))])
    for row, place in zip(rows.tolist(), [*places, *others], strict=True):
        own = flat[place][:n_tokens]  # of the others, more is not asked for
        tokens[row, : len(own)] = own
        mask[row, : len(own)] = True
    entries = [
        (recipient, layer + 1, site, row, row + size * other, start, stop)
        for row in range(size)
        for layer in range(config.n_layers)
        for recipient, site, other, start, stop in _kinds(parts(int(mask[row].sum())))
    ]
    columns = np.array(entries, np.int32).T
    names = ("recipient", "tap", "site", "sentence", "donor", "start", "stop")
    patches = patching.Patches(**dict(zip(names, columns, strict=True)))
    return patching.Sheet(tokens=tokens, mask=mask, patches=patches)


def shares(
    nats: Float[np.ndarray, "*patch language sentence"],
    damage: Float[np.ndarray, "language sentence"],
    groups: Int[np.ndarray, " sentence"],
    *,
    key: PRNGKeyArray,
) -> Shares:
    """Measures which share of the damage patches recover or produce.

    Definition: `sum_s nats[s] / sum_s damage[s]`, by language, and with sums over all
    languages: a ratio of sums, since single sentences may lose next to nothing.

    Args:
        nats: what patches change, per sentence.
        damage: what quantization costs, in nats per sentence.
        groups: the text that each sentence belongs to.
        key: of the resampling.

    Reference: our own definition; intervals as in `stats.bootstrap`. Normalized by the
        damage as in Wang et al. 2022, arXiv:2211.00593, section 3.
    """
    table = np.concatenate([nats.reshape(-1, *damage.shape), damage[None]])
    table = np.concatenate([table, table.sum(axis=1, keepdims=True)], axis=1)
    resamples = bootstrap.resample(np.moveaxis(table, -1, 0), groups, key=key)
    found, lost = bootstrap.interval(resamples, _ratios)
    shape = (*nats.shape[:-2], len(damage) + 1)

    def kept(values: Array) -> Array:
        known = jnp.broadcast_to(lost.low > 0, values.shape)
        return jnp.where(known, values, jnp.nan).reshape(shape)

    whole = jax.tree.map(kept, found)
    return Shares(
        of_language=jax.tree.map(lambda x: x[..., :-1], whole),
        together=jax.tree.map(lambda x: x[..., -1], whole),
    )


def _ratios(sums: Array, n_sentences: Array) -> tuple[Array, Array]:
    return sums[:-1] / sums[-1:], sums[-1] / n_sentences


def share_difference(
    nats: Float[np.ndarray, "side sentence"],
    damage: Float[np.ndarray, "side sentence"],
    groups: Int[np.ndarray, " sentence"],
    *,
    key: PRNGKeyArray,
) -> bca.Interval:
    """Compares a share of the damage of two sides, resampling texts jointly.

    Definition: `sum nats[0] / sum damage[0] - sum nats[1] / sum damage[1]`.

    Args:
        nats: what patches change, per sentence, on each side.
        damage: what quantization costs there, in nats per sentence.
        groups: the text that each sentence belongs to.
        key: of the resampling.

    Reference: our own definition; intervals as in `stats.bootstrap`.
    """
    table = np.moveaxis(np.stack([nats, damage]), -1, 0)
    return bootstrap.interval(bootstrap.resample(table, groups, key=key), _difference)


def _difference(sums: Array, n_sentences: Array) -> Array:
    del n_sentences
    ratios = sums[0] / sums[1]
    return ratios[0] - ratios[1]


def excess_weights(n_layers: int, chosen: Sequence[int]) -> Float[np.ndarray, " layer"]:
    """Compares some layers with the others: the weights of each layer.

    Definition: `weights @ x` is the mean of `x` over the chosen layers minus that over
    the others.

    Args:
        n_layers: layers of the model.
        chosen: which layers; neither none nor all.

    Raises:
        ValueError: if none or all are chosen.

    Reference: our own definition.
    """
    inside = np.isin(np.arange(n_layers), np.array(chosen, int))
    if inside.all() or not inside.any():
        raise ValueError(
            f"some of the {n_layers} layers must be chosen and some not, got "
            f"{inside.sum()}"
        )
    return inside / inside.sum() - ~inside / (~inside).sum()


def rank_among_triples(
    layers: Float[np.ndarray, " layer"], chosen: Sequence[int]
) -> tuple[int, int]:
    """Ranks three layers among all sets of three by their sum, the largest first.

    Definition: `1 + #{T : sum of T > sum of the chosen}` and the number of all T.

    Args:
        layers: one value per layer, in any unit.
        chosen: three layers.

    Reference: our own definition.
    """
    n = len(layers)
    first, second, third = np.nonzero(
        (np.arange(n)[:, None, None] < np.arange(n)[None, :, None])
        & (np.arange(n)[None, :, None] < np.arange(n)[None, None, :])
    )
    sums = layers[first] + layers[second] + layers[third]
    own = float(layers[np.array(chosen)].sum())
    tie = 1e-9 * float(np.abs(layers).max())
    return 1 + int(np.sum(sums > own + tie)), len(sums)
