"""Windows: sentences that are longer than the model's context, scored part by part.

Windows overlap, so that tokens are predicted from text before them wherever they are,
and every token is scored in one window alone. A sentence that fits is one window.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Window:
    """Consecutive tokens of a sentence, no more than the context.

    Tokens from place `first` on are scored, those before are only conditioned on;
    `sentence` is the place of the sentence among all.
    """

    tokens: Sequence[int]
    first: int
    sentence: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class LongSentences:
    """How sentences longer than the context are scored, and how many there are.

    `context` and `stride` in tokens; `sentences` counts the parallel ones that are
    longer in some language, `languages` those of each language that has any.
    """

    context: int
    stride: int
    sentences: int
    languages: dict[str, int]


def checked_stride(context: int, stride: int | None = None) -> int:
    """Returns by how many tokens a window starts after the one before it.

    Definition: the stride that is given, else half of the context, rounded down.

    Args:
        context: most tokens that the model takes.
        stride: in tokens; None is the default.

    Raises:
        ValueError: unless 1 <= stride <= context - 1.

    Reference: our own definition.
    """
    if context < 2:
        raise ValueError(
            f"the model's context of {context} token leaves none to predict from"
        )
    chosen = context // 2 if stride is None else stride
    if not 1 <= chosen < context:
        raise ValueError(
            f"stride must be between 1 and {context - 1} tokens, less than the model's "
            f"context of {context}, got {chosen}"
        )
    return chosen


def bounds(n_tokens: int, context: int, stride: int) -> list[tuple[int, int, int]]:
    """Finds where the windows of a sentence begin and end, and what each scores.

    Definition: of `n` tokens, the start token first, with context `C` and stride `S`,
    window `k` holds tokens `kS` to `e[k] - 1`, `e[k] = min(kS + C, n)`, and the last
    window is the first with `e[k] = n`. Window 0 scores tokens 1 to `e[0] - 1`, later
    ones `e[k - 1]` to `e[k] - 1`, each from `C - S` to `C - 1` tokens before it. The
    first token of a later window is the sentence's own token `kS`, not the start token:
    the text goes on there.

    Args:
        n_tokens: in the sentence, with the start token.
        context: most tokens that the model takes.
        stride: as from `checked_stride`.

    Returns:
        Per window its first token, the one after its last, and the first it scores.

    Reference: "Perplexity of fixed-length models", documentation of Hugging Face
        Transformers.
    """
    n_later = max(0, -(-(n_tokens - context) // stride))
    return [
        (
            number * stride,
            min(number * stride + context, n_tokens),
            (number - 1) * stride + context if number else 1,
        )
        for number in range(1 + n_later)
    ]


def cut(
    sentences: Sequence[Sequence[int]], context: int, stride: int | None = None
) -> list[Window]:
    """Cuts sentences into windows; one that fits is a single window.

    Definition: `bounds` of each, in the order of the sentences.

    Args:
        sentences: token numbers, the start token first.
        context: most tokens that the model takes.
        stride: in tokens; None is half of the context.

    Raises:
        ValueError: if the stride is out of range.

    Reference: as `bounds`.
    """
    step = checked_stride(context, stride)
    return [
        Window(
            tokens=sentence[start:stop],
            first=scored - start,
            sentence=place,
        )
        for place, sentence in enumerate(sentences)
        for start, stop, scored in bounds(len(sentence), context, step)
    ]


def sentences_of(windows: Sequence[Window]) -> Int[np.ndarray, " window"]:
    """Returns the place of the sentence that each window is of.

    Args:
        windows: as from `cut`.

    Reference: our own definition.
    """
    return np.array([window.sentence for window in windows], int)


def add_up(
    losses: Float[np.ndarray, "*config window"], sentences: Int[np.ndarray, " window"]
) -> Float[np.ndarray, "*config sentence"]:
    """Adds up the losses of the windows of each sentence.

    Definition: sums in float64, rounded to the type of the losses; the loss of a single
    window stays as it is, and a sentence of which a window is NaN is NaN.

    Args:
        losses: in nats.
        sentences: as from `sentences_of`: 0, 1, ..., equal ones beside one another.

    Reference: our own definition.
    """
    firsts = np.flatnonzero(np.diff(sentences, prepend=-1))
    if len(firsts) == len(sentences):
        return losses
    sums = np.add.reduceat(losses, firsts, axis=-1, dtype=np.float64)
    return sums.astype(losses.dtype)


def count_longer(
    languages: Sequence[str],
    encoded: Sequence[Sequence[Sequence[int]]],
    context: int,
    stride: int | None = None,
) -> LongSentences:
    """Counts the sentences that are longer than the context, by language.

    Args:
        languages: their names.
        encoded: token numbers by language and sentence, the start token first.
        context: most tokens that the model takes.
        stride: in tokens; None is half of the context.

    Raises:
        ValueError: if the stride is out of range.

    Reference: our own definition.
    """
    longer = np.array([[len(each) > context for each in text] for text in encoded])
    counts = dict(zip(languages, longer.sum(axis=1).tolist(), strict=True))
    return LongSentences(
        context=context,
        stride=checked_stride(context, stride),
        sentences=int(longer.any(axis=0).sum()),
        languages={language: count for language, count in counts.items() if count},
    )
