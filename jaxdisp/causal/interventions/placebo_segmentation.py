"""The same text cut elsewhere into as many tokens: the placebo of finer cutting.

Cutting finer changes two things at once: there are more tokens, and they are not those
that the model has met in such a place. Here only the second is changed: every word
keeps its number of tokens, so that T is what it was, while as many tokens are replaced
by others of the same vocabulary. What remains of an effect after the placebo's is
subtracted is that of the number. In languages whose words have few other ways of equal
length fewer tokens are replaced than asked for; how many is counted (`replaced`).
"""

import bisect
import itertools
from collections.abc import Iterator

import numpy as np

from jaxdisp.causal.interventions import segmentation
from jaxdisp.causal.interventions.resegmentation import Uniforms
from jaxdisp.causal.interventions.segmentation import Pieces, Words


def other_pieces(
    pieces: Pieces, words: Words, *, wanted: int, draws: Uniforms
) -> Words:
    """Cuts words into other pieces of the same number: the placebo of finer cutting.

    Definition: words are taken in random order until `wanted` tokens of the sentence
    are `replaced`, or no word is left. A word of k tokens is cut into k pieces of the
    vocabulary in another way than it was, each such way as likely as another. A word of
    one token, or without another way, stays.

    Args:
        pieces: the vocabulary.
        words: a sentence.
        wanted: tokens to replace.
        draws: uniform numbers.

    Reference: our own definition.
    """
    made = list(words)
    order = np.argsort([next(draws) for _ in words], kind="stable").tolist()
    done = 0
    for place in order:
        if done >= wanted:
            break
        made[place] = _another_way(pieces, words[place], draws)
        done += replaced((words[place],), (made[place],))
    return tuple(made)


def replaced(before: Words, after: Words) -> int:
    """Counts the tokens of a segmentation that another one of the same text lacks.

    Definition: a token stays if the other has the same piece at the same place of the
    same word, places being counted in characters of pieces.

    Args:
        before: as the tokenizer cuts.
        after: cut anew.

    Reference: our own definition.
    """
    gone = 0
    for old, new in zip(before, after, strict=True):
        gone += len(set(_placed(old)) - set(_placed(new)))
    return gone


def _placed(word: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    begins = itertools.accumulate(map(len, word), initial=0)
    return zip(begins, word, strict=False)


def _another_way(
    pieces: Pieces, word: tuple[str, ...], draws: Uniforms
) -> tuple[str, ...]:
    """Another segmentation into as many pieces, drawn from all of them."""
    parts = segmentation.word_atoms(pieces, word)
    ways = _ways(pieces, parts, len(word))
    if ways[-1][-1] < 2:
        return word
    while (found := _drawn_way(pieces, parts, ways, draws)) == word:
        pass  # it is at most half of them
    return found


def _drawn_way(
    pieces: Pieces, parts: list[str], ways: list[list[int]], draws: Uniforms
) -> tuple[str, ...]:
    """One of the ways, each as likely as another, from its last piece to its first."""
    end, made = len(parts), []
    for counts in reversed(ways[:-1]):
        begins = [
            begin
            for begin in range(end)
            if counts[begin] and _is_piece(pieces, parts[begin:end])
        ]
        summed = list(itertools.accumulate(counts[begin] for begin in begins))
        begin = begins[bisect.bisect_right(summed[:-1], next(draws) * summed[-1])]
        made.append("".join(parts[begin:end]))
        end = begin
    return tuple(reversed(made))


def _ways(pieces: Pieces, parts: list[str], most: int) -> list[list[int]]:
    """In how many ways the first j parts make k pieces, as `[k][j]`."""
    end = len(parts)
    spans = [
        (begin, stop)
        for stop in range(1, end + 1)
        for begin in range(stop)
        if _is_piece(pieces, parts[begin:stop])
    ]
    ways = [[1] + [0] * end]
    for _ in range(most):
        counts = [0] * (end + 1)
        for begin, stop in spans:
            counts[stop] += ways[-1][begin]
        ways.append(counts)
    return ways


def _is_piece(pieces: Pieces, parts: list[str]) -> bool:
    piece = "".join(parts)
    if len(parts) > 1 and not all(len(part) == 1 for part in parts):
        return False  # bytes that stand for themselves do not make longer pieces
    return piece in pieces.numbers and (len(parts) == 1 or piece not in pieces.fixed)
