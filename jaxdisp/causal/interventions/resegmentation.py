"""The same text cut into other tokens: finer by a stated amount, or just elsewhere.

What is changed is drawn from uniform numbers that are passed in, so that the same key
cuts the same sentence in the same way whatever else is cut.
"""

import functools as ft
import itertools
import zlib
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from jaxdisp.causal.interventions import segmentation
from jaxdisp.causal.interventions.segmentation import Pieces, Words

Uniforms = Iterator[float]

BLOCK = 256
"""Numbers drawn at a time."""


def uniforms(key: PRNGKeyArray, text: str) -> Uniforms:
    """Draws uniform numbers for one sentence, without end.

    Definition: block `b` is drawn from the key folded with the text's CRC-32 and `b`.

    Args:
        key: of the draws.
        text: the sentence, which alone decides on its numbers.

    Reference: our own definition.
    """
    name = jnp.uint32(zlib.crc32(text.encode()))
    for block in itertools.count():
        yield from np.asarray(_block(key, name, jnp.uint32(block))).tolist()


def drop_merges(pieces: Pieces, words: Words, *, rate: float, draws: Uniforms) -> Words:
    """Cuts anew with merges left out at random (BPE-dropout).

    Definition: `segmentation.merge` of each word from its single characters or bytes.

    Args:
        pieces: a vocabulary of merges.
        words: a sentence.
        rate: probability that a merge is left out each time it could be made, from 0
            (as the tokenizer cuts) to 1 (characters or bytes).
        draws: uniform numbers.

    Raises:
        ValueError: if the rate is not from 0 to 1, or there are no merges.

    Reference: Provilkov et al. 2020, arXiv:1910.13267, algorithm 1.
    """
    _check_share("rate", rate)
    if not pieces.ranks:
        raise ValueError(
            "the tokenizer has no merges to leave out; undo_merges cuts its pieces"
        )

    def anew(word: tuple[str, ...]) -> tuple[str, ...]:
        if rate == 0 and pieces.whole_first and "".join(word) in pieces.numbers:
            return word
        return segmentation.merge(
            pieces, segmentation.word_atoms(pieces, word), rate=rate, uniforms=draws
        )

    return tuple(map(anew, words))


def undo_merges(
    pieces: Pieces, words: Words, *, factor: float, draws: Uniforms
) -> Words:
    """Cuts pieces in two, one after another, until there are so many more tokens.

    Definition: of all pieces that can be cut one is drawn, each as likely as another,
    and cut into the two that its merge put together (of scored pieces, into the two of
    the highest probability); until there are `factor` times the tokens, rounded to the
    nearest, halves up, or nothing is left to cut.

    Args:
        pieces: the vocabulary.
        words: a sentence.
        factor: tokens wanted per token, at least 1.
        draws: uniform numbers.

    Raises:
        ValueError: if the factor is below 1.

    Reference: our own definition.
    """
    if not factor >= 1:
        raise ValueError(
            f"factor must be at least 1, got {factor:g}; a tokenizer's own "
            "segmentation cannot be made coarser"
        )
    flat = [(place, piece) for place, word in enumerate(words) for piece in word]
    ways = [halves(pieces, piece) for _, piece in flat]
    for _ in range(int(len(flat) * factor + 0.5) - len(flat)):
        open_places = [place for place, way in enumerate(ways) if way]
        if not open_places:
            break
        chosen = open_places[int(next(draws) * len(open_places))]
        word, parts = flat[chosen][0], ways[chosen]
        flat[chosen : chosen + 1] = [(word, part) for part in parts]
        ways[chosen : chosen + 1] = [halves(pieces, part) for part in parts]
    return tuple(
        tuple(piece for _, piece in members)
        for _, members in itertools.groupby(flat, key=lambda item: item[0])
    )


def halves(pieces: Pieces, piece: str) -> tuple[str, ...]:
    """Names the two pieces that make up another, or none.

    Definition: the pair of its most urgent merge; of scored pieces the pair with the
    highest sum of scores, of equals that with the shortest first.

    Args:
        pieces: the vocabulary.
        piece: one of its pieces.

    Reference: our own definition.
    """
    if piece in pieces.fixed:
        return ()
    if not pieces.scores:
        return pieces.halves.get(piece, ())
    scores = pieces.scores
    ways = [(piece[:at], piece[at:]) for at in range(1, len(piece))]
    ways = [way for way in ways if way[0] in scores and way[1] in scores]
    return max(ways, key=lambda way: scores[way[0]] + scores[way[1]], default=())


def into_bytes(pieces: Pieces, words: Words, *, share: float, draws: Uniforms) -> Words:
    """Cuts words into their single bytes.

    Definition: in a share of the words, rounded to the nearest and drawn without
    replacement, every piece becomes the pieces of its bytes.

    Args:
        pieces: a vocabulary with a piece for each byte of the text.
        words: a sentence.
        share: of words, from 0 to 1.
        draws: uniform numbers.

    Raises:
        ValueError: if the share is not from 0 to 1, or a byte lacks a piece.

    Reference: our own definition.
    """
    return _some(words, share, draws, ft.partial(_bytes_of, pieces))


def into_characters(
    pieces: Pieces, words: Words, *, share: float, draws: Uniforms
) -> Words:
    """Cuts words into their single characters.

    Definition: in a share of the words, rounded to the nearest and drawn without
    replacement, each character is cut by itself: it is one piece where the vocabulary
    has it, and else as few of its bytes' merges as it takes. A scored piece that has a
    character without a piece stays as it is.

    Args:
        pieces: the vocabulary.
        words: a sentence.
        share: of words, from 0 to 1.
        draws: uniform numbers.

    Raises:
        ValueError: if the share is not from 0 to 1.

    Reference: our own definition.
    """
    return _some(words, share, draws, ft.partial(_characters_of, pieces))


_block = jax.jit(
    lambda key, name, block: jax.random.uniform(
        jax.random.fold_in(jax.random.fold_in(key, name), block), (BLOCK,)
    )
)


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be from 0 to 1, got {value:g}")


def _some(
    words: Words,
    share: float,
    draws: Uniforms,
    change: Callable[[tuple[str, ...]], tuple[str, ...]],
) -> Words:
    """Changes a share of the words, drawn without replacement."""
    _check_share("share", share)
    order = np.argsort([next(draws) for _ in words], kind="stable")
    chosen = set(order[: int(share * len(words) + 0.5)].tolist())
    return tuple(
        change(word) if place in chosen else word for place, word in enumerate(words)
    )


def _bytes_of(pieces: Pieces, word: tuple[str, ...]) -> tuple[str, ...]:
    made: list[str] = []
    for atom in segmentation.word_atoms(pieces, word):
        # the mark of a space stands for one byte already, and decoders look for it
        if atom in pieces.fixed or atom == segmentation.SPACE:
            made.append(atom)
        else:
            made += [_byte(pieces, byte) for byte in segmentation.spell(pieces, atom)]
    return tuple(made)


def _byte(pieces: Pieces, byte: int) -> str:
    if byte not in pieces.alphabet:
        raise ValueError(
            f"the tokenizer has no token for the byte {byte:#04x}; cut into characters "
            "instead"
        )
    return pieces.alphabet[byte]


def _characters_of(pieces: Pieces, word: tuple[str, ...]) -> tuple[str, ...]:
    if pieces.of_bytes and word[0] not in pieces.fixed:
        spelled = b"".join(segmentation.spell(pieces, piece) for piece in word)
        made: list[str] = []
        for character in spelled.decode():
            parts = [pieces.alphabet[byte] for byte in character.encode()]
            made += segmentation.merge(pieces, parts)
        return tuple(made)
    cut = [(piece, segmentation.atoms(pieces, piece)) for piece in word]
    return tuple(
        part
        for piece, parts in cut
        for part in (parts if all(p in pieces.numbers for p in parts) else (piece,))
    )
