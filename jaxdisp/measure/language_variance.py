"""Variance between languages of what their hidden states are like, layer by layer."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

from jaxdisp.measure.states import States
from jaxdisp.measure.text_blocks import blocks, tokens_by_block
from jaxdisp.result import result

LEAST_TOKENS = 8
"""Tokens of a language that must be left without any one text, for its variances."""


@result
class TextSums:
    """Sums over the tokens of each language in each block of texts, at every tap.

    `sums` and `squares` are those of the states and their squares, after `origin`, the
    mean state of the first language, has been taken off, which changes no variance.
    """

    origin: Float[np.ndarray, "tap width"]

    counts: Float[np.ndarray, "language text"]
    sums: Float[np.ndarray, "tap language text width"]
    squares: Float[np.ndarray, "tap language text width"]


@result
class Profiles:
    """What each language is like at one tap, with each text's part in it.

    Pseudo-values: the mean over texts is the language's statistic, and their scatter
    over texts is its noise. `means` are in root-mean-square deviations of a token at
    that tap; `spreads` are logarithms of variances, over the root of the number of
    channels, so that squares add up to a mean over channels.
    """

    means: Float[np.ndarray, "language text width"]
    spreads: Float[np.ndarray, "language text channel"]


def text_sums(
    languages: Iterable[tuple[str, States]], groups: Sequence[int]
) -> TextSums:
    """Adds up the states of all languages, without start tokens.

    Args:
        languages: as from `states.language_states`.
        groups: text of each sentence.

    Raises:
        ValueError: if there are no languages.

    Reference: our own definition.
    """
    block = blocks(groups)
    origin, counts, sums, squares = None, [], [], []
    for _, states in languages:
        if origin is None:
            origin = states.values.mean(axis=1, dtype=np.float64)
        places = tokens_by_block(states, block)
        counts.append([float(len(place)) for place in places])
        own = np.zeros((2, len(origin), len(places), origin.shape[1]))
        for tap, centre in enumerate(origin):
            for text, place in enumerate(places):
                values = states.values[tap, place] - centre
                own[:, tap, text] = values.sum(axis=0), (values**2).sum(axis=0)
        sums.append(own[0])
        squares.append(own[1])
    if origin is None:
        raise ValueError("there are no states of any language")
    return TextSums(
        origin=origin,
        counts=np.array(counts),
        sums=np.stack(sums, axis=1),
        squares=np.stack(squares, axis=1),
    )


def fewest_tokens(found: TextSums) -> int:
    """Counts the tokens of the language that has fewest once a text is left out.

    Args:
        found: sums by language and text.

    Reference: our own definition.
    """
    left = found.counts.sum(axis=1, keepdims=True) - found.counts
    return int(left.min())


def profiles(found: TextSums, tap: int) -> Profiles:
    """Finds what each language is like at a tap, in pseudo-values of texts.

    Definition: for a statistic t of a language, text g gives `G t - (G - 1) t(-g)`, G
    being the number of texts. The statistics are the mean state over the square root of
    the variance of tokens, summed over channels, of all languages alike; and, channel
    by channel, `log var / sqrt(channels)`. Channels that are constant in a language are
    left out of the latter.

    Args:
        found: sums by language and text.
        tap: 0 before the first layer, i after layer i - 1.

    Raises:
        ValueError: if a language has fewer than 8 tokens without some text.

    Reference: Shao and Tu 1995, The Jackknife and Bootstrap, equation 1.6
        (pseudo-values); our own definition of the profiles.
    """
    if fewest_tokens(found) < LEAST_TOKENS:
        raise ValueError(
            f"profiles need {LEAST_TOKENS} tokens of each language without any one "
            f"text, got {fewest_tokens(found)}"
        )
    n_texts = found.counts.shape[1]
    whole = [
        part.sum(axis=1, keepdims=True)
        for part in (found.counts, found.sums[tap], found.squares[tap])
    ]
    parts = (found.counts, found.sums[tap], found.squares[tap])
    mean, variance = _moments(*whole)
    left_mean, left_variance = _moments(
        *(all_ - part for all_, part in zip(whole, parts, strict=True))
    )
    total = float(np.sum(variance + mean**2) / len(mean))
    total -= float(np.sum(mean.mean(axis=0) ** 2))
    # what deviates less than float32 states can is constant
    least = np.finfo(np.float32).eps ** 2 * found.origin[tap] ** 2
    alive = np.all(np.minimum(variance, left_variance) > least, axis=(0, 1))
    logs, left_logs = np.log(variance[..., alive]), np.log(left_variance[..., alive])
    return Profiles(
        means=(n_texts * mean - (n_texts - 1) * left_mean)
        / np.sqrt(total if total > least.sum() else 1.0),
        spreads=(n_texts * logs - (n_texts - 1) * left_logs)
        / np.sqrt(max(logs.shape[-1], 1)),
    )


def _moments(
    counts: np.ndarray, sums: np.ndarray, squares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    mean = sums / counts[..., None]
    return mean, squares / counts[..., None] - mean**2
