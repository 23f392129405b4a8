"""How well languages are aligned at every depth, and at which depth they are best."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxdisp.claims import best_of
from jaxdisp.measure import convergence, similarity, states
from jaxdisp.measure.corpus import Corpus
from jaxdisp.models.model import Model
from jaxdisp.result import result
from jaxdisp.stats import bootstrap, held_out
from jaxdisp.stats.jackknife import jackknife_interval

PROJECTIONS = 32


@result
class Alignment:
    """Margins by tap (tap i is after i layers), language and sentence, and its text."""

    margins: Float[np.ndarray, "tap language sentence"]
    text: Int[np.ndarray, " sentence"]


@result
class SentenceStates:
    """Mean states of sentences, and how many tokens each is the mean of."""

    means: Float[np.ndarray, "tap language sentence width"]
    tokens: Int[np.ndarray, "language sentence"]


def sentence_states(model: Model, corpus: Corpus, stride: int | None) -> SentenceStates:
    """Averages the states of every sentence at every depth, as single floats.

    Args:
        model: an open model.
        corpus: parallel text.
        stride: of windows, in tokens; None is half of the context.

    Raises:
        ValueError: if a sentence has no token to average over.

    Reference: as `states.sentence_means`.
    """
    n = corpus.n_sentences
    means, tokens = [], []
    for _, found in states.language_states(model, corpus, stride=stride):
        means.append(states.sentence_means(found, n).astype(np.float32))
        tokens.append(np.bincount(found.sentence[found.place > 0], minlength=n))
    return SentenceStates(means=np.stack(means, axis=1), tokens=np.stack(tokens))


def without_length(
    found: SentenceStates,
) -> Float[np.ndarray, "tap language sentence width"]:
    """Removes from states what is linear in the number of tokens and its logarithm.

    Translations are alike in length, and the mean of the positions' embeddings tells
    it, so that lengths would pass for meaning; alignment would be a property of the
    tokenizer.

    Args:
        found: from `sentence_states`.

    Raises:
        ValueError: if there are fewer than 4 sentences.

    Reference: our own definition; `similarity.without`.
    """
    lengths = np.stack([found.tokens, np.log(found.tokens)], axis=-1)
    return np.stack(
        [
            [
                similarity.without(own, length)
                for own, length in zip(tap, lengths, strict=True)
            ]
            for tap in found.means
        ]
    ).astype(np.float32)


def mismatched(
    means: Float[np.ndarray, "tap language sentence width"], key: jax.Array
) -> Float[np.ndarray, "tap language sentence width"]:
    """Puts the sentences of each language in an order of its own.

    Args:
        means: from `without_length`, or with it.
        key: of the orders.

    Reference: our own definition; a negative control, without any translations.
    """
    n_languages, n_sentences = means.shape[1:3]
    drawn = np.asarray(jax.random.bits(key, (n_languages, n_sentences)))
    order = np.argsort(drawn, axis=1)
    return np.take_along_axis(means, order[None, :, :, None], axis=2)


def measured(
    means: Float[np.ndarray, "tap language sentence width"], corpus: Corpus
) -> Alignment:
    """Measures the margins of all languages at every depth.

    Args:
        means: from `without_length`, or with it.
        corpus: parallel text.

    Reference: as `convergence.margins`.
    """
    margins = [convergence.margins(jnp.asarray(each)) for each in means]
    return Alignment(
        margins=np.asarray(margins, np.float64), text=np.array(corpus.groups)
    )


def at_peak(alignment: Alignment) -> Float[np.ndarray, "language sentence"]:
    """Takes each language's margins at the depth at which all are the most alike.

    Definition: of each sentence at the tap whose margin, averaged over languages and
    the sentences of other texts, is the largest.

    Args:
        alignment: margins.

    Reference: our own definition; `held_out.chosen_without`.
    """
    tap = held_out.chosen_without(alignment.margins.mean(axis=1), alignment.text)
    languages = alignment.margins.swapaxes(0, 1)
    return np.stack([held_out.taken(each, tap) for each in languages])


def contrast(
    alignment: Alignment,
    here: Int[np.ndarray, " tap"],
    there: Int[np.ndarray, " other"],
    key: jax.Array,
) -> tuple[float, float, float]:
    """Compares the best of some taps with the best of others.

    Definition: `best_of.best_difference` of the margins averaged over languages, texts
    resampled.

    Args:
        alignment: margins.
        here: taps that are claimed to be better.
        there: the others.
        key: of the resamples.

    Returns:
        Estimate and both bounds.

    Reference: our own definition; `best_of.best_difference`.
    """
    replicates = _replicates(alignment, key)
    return best_of.best_difference(
        alignment.margins.mean(axis=(1, 2)),
        replicates,
        here,
        there,
        clusters=len(np.unique(alignment.text)),
    )


def _replicates(alignment: Alignment, key: jax.Array) -> Float[np.ndarray, "draw tap"]:
    """Margins averaged over languages and sentences, in resamples of texts."""
    profile = alignment.margins.mean(axis=1).T
    resamples = bootstrap.resample(profile, alignment.text, key=key)
    sums = np.asarray(resamples.replicate_sums, np.float64)
    return sums / np.asarray(resamples.replicate_n_sentences, np.float64)[:, None]


def peak_interval(alignment: Alignment, key: jax.Array) -> tuple[int, int]:
    """Finds between which taps the largest margin lies in 95 % of resamples of texts.

    Args:
        alignment: margins.
        key: of the resamples.

    Reference: our own definition; percentiles, as nothing else suits a place.
    """
    low, high = np.quantile(peaks(alignment, key), [0.025, 0.975], method="nearest")
    return int(low), int(high)


def peaks(alignment: Alignment, key: jax.Array) -> Int[np.ndarray, " draw"]:
    """Finds the tap with the largest margin in every resample of texts.

    Args:
        alignment: margins.
        key: of the resamples.

    Reference: our own definition.
    """
    return np.argmax(_replicates(alignment, key), axis=1)


def clouds(
    found: SentenceStates, text: Int[np.ndarray, " sentence"], key: jax.Array
) -> Float[np.ndarray, "bound measure tap"]:
    """Measures distances and debiased CKA, with jackknife intervals over texts.

    Definition: averaged over languages, `convergence.distances` of the states as they
    are and `convergence.kernel_alignment` of those without length.

    Args:
        found: from `sentence_states`.
        text: of each sentence.
        key: of the directions.

    Returns:
        Estimate, low and high of the distance and of CKA at every tap.

    Reference: as named.
    """
    every = np.arange(len(text))
    kept = [every, *(np.flatnonzero(text != each) for each in np.unique(text))]
    measured = []
    for raw, each in zip(found.means, without_length(found), strict=True):
        grams = np.asarray(jax.vmap(similarity.gram)(jnp.asarray(each)))
        measured.append(
            [
                (
                    convergence.distances(
                        jnp.asarray(raw[:, part]), key, projections=PROJECTIONS
                    ),
                    convergence.kernel_alignment(
                        jnp.asarray(grams[:, part[:, None], part])
                    ),
                )
                for part in kept
            ]
        )
    values = np.asarray(measured, np.float64).mean(axis=-1).transpose(1, 2, 0)
    return np.stack([values[0], *jackknife_interval(values[0], values[1:])])
