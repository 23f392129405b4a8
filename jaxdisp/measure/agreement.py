"""Agreement: which form of a word a model expects, read out after every layer."""

import dataclasses
import functools as ft
import unicodedata
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tokenizers
from jaxtyping import Array, Bool, Float, Int

from jaxdisp.measure.batches import padded_lengths
from jaxdisp.measure.minimal_pairs import Pair
from jaxdisp.models import decoder, vocabulary
from jaxdisp.models.model import Model
from jaxdisp.result import result

ROWS = 32
MANY = 512
"""Texts from which on a second shape saves more than it takes to compile."""


@result
class Scores:
    """What a model expects of each pair, read out after every layer, and its states.

    `difference` is `log P(correct) - log P(wrong)` in nats, `states` stand at the end
    of the prefix, `n_tokens` counts what is scored of either form. Tap 0 is before the
    first layer, tap i after layer i - 1.
    """

    difference: Float[np.ndarray, "tap pair"]
    states: Float[np.ndarray, "tap pair width"]
    n_tokens: Int[np.ndarray, "pair form"]


def halfway(curve: Float[np.ndarray, " tap"]) -> float:
    """Finds the share of the depth at which a curve is halfway to its end, for good.

    Definition: with `h = c[L] / 2` and tap i the last with `c[i] < h`,
    `(i + (h - c[i]) / (c[i + 1] - c[i])) / L`; 0 if no tap is below, NaN unless
    `c[L] > 0`.

    Args:
        curve: by tap, in any unit.

    Reference: our own definition.
    """
    if not curve[-1] > 0:
        return float("nan")
    half = curve[-1] / 2
    below = np.flatnonzero(curve < half)
    if not len(below):
        return 0.0
    last = below[-1]
    step = (half - curve[last]) / (curve[last + 1] - curve[last])
    return float((last + step) / (len(curve) - 1))


def word_ends(
    tokenizer: tokenizers.Tokenizer, size: int
) -> Bool[np.ndarray, " vocabulary"]:
    """Says which tokens end the word before them.

    Definition: those whose text, written after a letter, begins with something else
    than a letter, mark, digit or joiner, and those without text, such as the end of a
    text. All tokens, if there is no such one.

    Args:
        tokenizer: the vocabulary.
        size: rows of the readout.

    Reference: Pimentel and Meister 2024, arXiv:2406.14561, section 4.
    """
    letter = tokenizer.encode("a", add_special_tokens=False).ids
    start = len(tokenizer.decode(letter))
    known = sorted(tokenizer.get_vocab(with_added_tokens=True).values())
    texts = tokenizer.decode_batch([[*letter, number] for number in known])
    ends = np.zeros(size, bool)
    ends[known] = [_is_end(text[start : start + 1]) for text in texts]
    return ends if ends.any() else np.ones(size, bool)


def _is_end(character: str) -> bool:
    if not character or character == "\ufffd":  # the latter: part of a character
        return not character
    category = unicodedata.category(character)
    return category[0] not in "LMN" and category != "Cf"  # Cf: joiners within words


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Texts:
    """Beginnings with either form as token numbers, two texts for each pair.

    Tokens from place `first` on are scored: the place from which the two texts of a
    pair differ. `end` is the place of the last token of the prefix.
    """

    tokens: tuple[tuple[int, ...], ...]
    first: Int[np.ndarray, " text"]
    end: Int[np.ndarray, " text"]


def encode(model: Model, pairs: Sequence[Pair]) -> Texts:
    """Turns pairs into token numbers: the first one's right form, its wrong form, ...

    Args:
        model: whose vocabulary is used.
        pairs: as from `load_pairs`.

    Reference: our own definition.
    """
    forms = [f"{p.prefix} {form}" for p in pairs for form in (p.correct, p.wrong)]
    encoded = vocabulary.encode(model.tokenizer, forms, model.start)
    prefixes = vocabulary.encode(
        model.tokenizer, [pair.prefix for pair in pairs], model.start
    )
    first, end = [], []
    for number, prefix in enumerate(prefixes):
        right, wrong = encoded[2 * number : 2 * number + 2]
        first += [_shared(right, wrong)] * 2
        # a token may reach from the prefix into the form, and then it ends before that
        shared = min(_shared(prefix, right), _shared(prefix, wrong))
        end += [shared - 1] * 2
    return Texts(
        tokens=tuple(map(tuple, encoded)), first=np.array(first), end=np.array(end)
    )


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two texts have in common from the start."""
    shortest = min(len(one), len(other))
    equal = [one[i] == other[i] for i in range(shortest)]
    return equal.index(False) if False in equal else shortest


def score(
    model: Model,
    texts: Texts,
    *,
    versions: Sequence[decoder.Parameters] = (),
    assignment: Sequence[int] | None = None,
) -> Scores:
    """Compares the probabilities of the two forms of each pair, after every layer.

    Definition: `log P(form) = sum log p(token | tokens before) + log p(the word ends)`
    over the tokens from which on the two texts of a pair differ, which equals the
    difference over the whole texts, as what they share cancels. The last term, over all
    tokens that `word_ends` names, keeps a form from standing for longer words that
    begin with it. After layer i the model's readout is applied to the hidden state.

    Args:
        model: an open model.
        texts: as from `encode`.
        versions: parameters rounded already, which assignments call 1, 2, ...
        assignment: version of each layer, 0 for full precision, and perhaps one more
            for the parameters outside the layers; None is full precision everywhere.

    Raises:
        ValueError: if a text is longer than the model's context.

    Reference: Linzen et al. 2016, arXiv:1611.01368, section 6 (comparing
        both forms); nostalgebraist 2020, "interpreting GPT: the logit lens".
    """
    lengths = np.array([len(text) for text in texts.tokens])
    decoder.check_length(int(lengths.max()), model.config.context)
    n_layers = model.config.n_layers
    sites = np.zeros(n_layers + 1, np.int32)
    if assignment is not None:
        sites[: len(assignment)] = assignment
    most = int(np.max(lengths - texts.first)) + 1
    ends = jnp.asarray(word_ends(model.tokenizer, model.config.vocabulary))
    classes = padded_lengths(lengths, 1 if len(lengths) < MANY else 2)
    log_p = np.zeros((n_layers + 1, len(lengths)))
    n_pairs = len(lengths) // 2
    states = np.zeros((n_layers + 1, n_pairs, model.config.width), np.float32)
    for number, length in enumerate(classes):
        places = np.flatnonzero(np.searchsorted(classes, lengths) == number)
        padded = min(int(length), model.config.context)
        for start in range(0, len(places), ROWS):
            chosen = places[start : start + ROWS]
            found = _read_out(
                (model.params, *versions),
                jnp.asarray(sites),
                dataclasses.asdict(_padded(texts, chosen, padded, most)),
                ends,
                architecture=model.architecture,
                config=model.config,
            )
            log_p[:, chosen], at_end = (
                np.asarray(each)[:, : len(chosen)] for each in found
            )
            right = chosen % 2 == 0
            states[:, chosen[right] // 2] = at_end[:, right]
    return Scores(
        difference=log_p[:, ::2] - log_p[:, 1::2],
        states=states,
        n_tokens=(lengths - texts.first).reshape(-1, 2),
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Batch:
    """Texts of one length: what is read where, and what it is compared with.

    At `place`, `target` is predicted where `counted`; where `last`, the word ends.
    """

    tokens: Int[np.ndarray, "text token"]
    place: Int[np.ndarray, "text step"]
    target: Int[np.ndarray, "text step"]
    counted: Bool[np.ndarray, "text step"]
    last: Bool[np.ndarray, "text step"]
    end: Int[np.ndarray, " text"]


def _padded(texts: Texts, chosen: np.ndarray, length: int, steps: int) -> _Batch:
    tokens = np.zeros((ROWS, length), np.int32)
    place, target = np.zeros((2, ROWS, steps), np.int32)
    counted, last = np.zeros((2, ROWS, steps), bool)
    end = np.zeros(ROWS, np.int32)
    for row, number in enumerate(chosen.tolist()):
        text, first = texts.tokens[number], int(texts.first[number])
        n_scored = len(text) - first
        tokens[row, : len(text)] = text
        place[row, : n_scored + 1] = np.arange(first - 1, len(text))
        target[row, :n_scored] = text[first:]
        counted[row, :n_scored] = True
        last[row, n_scored] = True
        end[row] = texts.end[number]
    return _Batch(
        tokens=tokens, place=place, target=target, counted=counted, last=last, end=end
    )


@ft.partial(jax.jit, static_argnames=("architecture", "config"))
def _read_out(
    versions: tuple[decoder.Parameters, ...],
    sites: Array,
    batch: dict[str, Array],
    ends: Array,
    *,
    architecture: decoder.Architecture,
    config: Any,
) -> tuple[Array, Array]:
    """Log-probabilities by tap and text, and the states at the prefixes' ends."""
    taps, _ = decoder.hidden_states(
        architecture, config, versions, sites, batch["tokens"]
    )
    outside = decoder.select(sites[-1], tuple(each["outside"] for each in versions))
    read = jnp.take_along_axis(taps, batch["place"][None, :, :, None], axis=2)

    def log_probability(state: Array) -> Array:
        with jax.default_matmul_precision("float32"):  # as in the decoder
            logits = architecture.readout(outside, state, config)
        log_p = jax.nn.log_softmax(logits.astype(jnp.float32))
        token = jnp.take_along_axis(log_p, batch["target"][..., None], axis=-1)
        end = jax.nn.logsumexp(jnp.where(ends[None, None], log_p, -jnp.inf), axis=-1)
        scored = jnp.where(batch["counted"], token[..., 0], 0.0)
        return jnp.sum(scored + jnp.where(batch["last"], end, 0.0), axis=1)

    at_end = jnp.take_along_axis(taps, batch["end"][None, :, None, None], axis=2)
    # one tap at a time, so that the logits of all need not be held at once
    return jax.lax.map(log_probability, read), at_end[:, :, 0].astype(jnp.float32)
