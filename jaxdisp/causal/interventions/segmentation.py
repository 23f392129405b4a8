"""How a tokenizer cuts a sentence: words of pieces, and what pieces are made of.

Sentences are cut by the tokenizer itself, so that what it does before (normal forms,
words) is what it does. What is kept is which pieces stand in which word, from which
other pieces of the vocabulary can be put together for the same bytes.
"""

import dataclasses
import heapq
import itertools
import json
import re
from collections.abc import Iterator, Sequence

import tokenizers

Words = tuple[tuple[str, ...], ...]
"""Pieces by word."""

SPACE = "▁"
"""Stands for a space in vocabularies that are not of bytes (SentencePiece's)."""

ONES = itertools.repeat(1.0)

BYTE = re.compile(r"<0x([0-9A-F]{2})>")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pieces:
    """A vocabulary as far as cutting goes.

    `numbers` are those of all pieces, `ranks` the places of merges, the first one the
    most urgent, and `halves` the two pieces that make each (BPE); `scores` are log
    probabilities (unigram). `alphabet` is the piece of each byte that has one; with
    `of_bytes` each character of a piece stands for a byte. Pieces in `fixed` are never
    cut: tokens that were added, and the unknown. With `whole_first` a word that is a
    piece is not merged but taken.
    """

    tokenizer: tokenizers.Tokenizer
    numbers: dict[str, int]
    ranks: dict[tuple[str, str], int]
    halves: dict[str, tuple[str, str]]
    scores: dict[str, float]
    alphabet: dict[int, str]
    of_bytes: bool
    fixed: frozenset[str]
    whole_first: bool


def read_pieces(tokenizer: tokenizers.Tokenizer) -> Pieces:
    """Reads a vocabulary of merges (BPE) or of scored pieces (unigram).

    Args:
        tokenizer: the vocabulary.

    Raises:
        ValueError: if it is of another kind, or marks ends or insides of words, so that
            a piece is not a piece of the text.

    Reference: Sennrich et al. 2016, arXiv:1508.07909 (merges); Kudo 2018,
        arXiv:1804.10959 (scored pieces).
    """
    content = json.loads(tokenizer.to_str())
    model = content["model"]
    kind = model.get("type")
    if kind not in ("BPE", "Unigram"):
        raise ValueError(
            f"the tokenizer is of kind {kind}; only BPE and Unigram can be cut anew"
        )
    for mark in ("continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(mark):
            raise ValueError(
                f"the tokenizer has a {mark} ({model[mark]!r}); its pieces cannot be "
                "cut anew"
            )
    of_bytes = _mentions(content.get("decoder"), "ByteLevel")
    merges = [_pair(merge) for merge in model.get("merges", [])]
    numbers = tokenizer.get_vocab(with_added_tokens=True)
    ranks = {pair: place for place, pair in reversed(list(enumerate(merges)))}
    halves = {a + b: (a, b) for a, b in reversed(merges)}
    unknown = _unknown(model)
    added = {item["content"] for item in content.get("added_tokens", [])}
    fixed = {piece for piece in added if not BYTE.fullmatch(piece)} | unknown
    return Pieces(
        tokenizer=tokenizer,
        numbers=numbers,
        ranks=ranks,
        halves=halves,
        scores=dict(model["vocab"]) if kind == "Unigram" else {},
        alphabet=_alphabet(numbers, of_bytes=of_bytes),
        of_bytes=of_bytes,
        fixed=frozenset(fixed),
        whole_first=bool(model.get("ignore_merges")),
    )


def cut(pieces: Pieces, text: str) -> Words:
    """Cuts a text as the tokenizer does.

    Definition: words are those that the tokenizer cuts first; a piece that begins with
    a space's mark begins a word, too.

    Args:
        pieces: the vocabulary.
        text: a sentence.

    Reference: our own definition.
    """
    found = pieces.tokenizer.encode(text, add_special_tokens=False)
    made: list[list[str]] = []
    last: object = None
    for number, word in zip(found.ids, found.word_ids, strict=True):
        piece = str(pieces.tokenizer.id_to_token(number))
        begins = not pieces.of_bytes and piece.startswith(SPACE)
        apart = piece in pieces.fixed or (made and made[-1][-1] in pieces.fixed)
        if not made or word != last or begins or apart:
            made.append([])
        made[-1].append(piece)
        last = word
    return tuple(map(tuple, made))


def token_numbers(pieces: Pieces, words: Words, start: int) -> list[int]:
    """Numbers the tokens of a sentence, the start token first.

    Args:
        pieces: the vocabulary.
        words: the sentence.
        start: number of the start token.

    Reference: our own definition.
    """
    return [start, *(pieces.numbers[piece] for word in words for piece in word)]


def check_same_text(pieces: Pieces, before: Words, after: Words) -> None:
    """Checks that two segmentations are of the same text.

    Definition: their pieces spell the same bytes word by word, and the tokenizer
    decodes them to the same text.

    Args:
        pieces: the vocabulary.
        before: as the tokenizer cuts.
        after: cut anew.

    Raises:
        ValueError: if they are not, so that more than the segmentation was changed.

    Reference: our own definition.
    """
    spelled = [
        [b"".join(spell(pieces, piece) for piece in word) for word in words]
        for words in (before, after)
    ]
    decoded = [
        pieces.tokenizer.decode(
            token_numbers(pieces, words, 0)[1:], skip_special_tokens=False
        )
        for words in (before, after)
    ]
    if spelled[0] != spelled[1] or decoded[0] != decoded[1]:
        raise ValueError(
            f"cut anew, {decoded[0]!r} decodes to {decoded[1]!r}; this tokenizer's "
            "decoder depends on how a text is cut"
        )


def spell(pieces: Pieces, piece: str) -> bytes:
    """Returns the bytes that a piece stands for.

    Args:
        pieces: the vocabulary.
        piece: one of its pieces.

    Reference: Radford et al. 2019, code `bytes_to_unicode` (vocabularies of bytes).
    """
    if piece in pieces.fixed:
        return piece.encode()
    if pieces.of_bytes:
        return bytes(CHARACTERS[character] for character in piece)
    byte = BYTE.fullmatch(piece)
    return bytes.fromhex(byte[1]) if byte else piece.replace(SPACE, " ").encode()


def atoms(pieces: Pieces, piece: str) -> tuple[str, ...]:
    """Cuts a piece into those from which merging starts.

    Definition: its characters; a byte that stands for itself and a fixed piece stay.

    Args:
        pieces: the vocabulary.
        piece: one of its pieces.

    Reference: our own definition.
    """
    whole = piece in pieces.fixed or (
        not pieces.of_bytes and BYTE.fullmatch(piece) is not None
    )
    return (piece,) if whole else tuple(piece)


def word_atoms(pieces: Pieces, word: Sequence[str]) -> list[str]:
    """Cuts a word into the pieces from which merging starts.

    Args:
        pieces: the vocabulary.
        word: pieces of it.

    Reference: our own definition; see `atoms`.
    """
    return [atom for piece in word for atom in atoms(pieces, piece)]


def merge(
    pieces: Pieces,
    parts: Sequence[str],
    *,
    rate: float = 0.0,
    uniforms: Iterator[float] = ONES,
) -> tuple[str, ...]:
    """Merges neighbours, the most urgent first, leaving out merges at random.

    Definition: of all merges that can be made, each is left out with probability
    `rate`, and the most urgent of the others (of equals the first in the text) is made;
    and so on with fresh draws until none is left. With rate 0 it is BPE.

    Args:
        pieces: the vocabulary, of merges.
        parts: pieces to begin with.
        rate: between 0 and 1.
        uniforms: numbers from 0 to 1, one drawn per merge considered.

    Reference: Provilkov et al. 2020, arXiv:1910.13267, algorithm 1. Draws are made in
        order of urgency until one is made, which is the same in law.
    """
    end = len(parts)
    symbols = [*parts, ""]  # what is merged away is empty, as what is beyond the end
    after = [*range(1, end + 1), end]
    before = list(range(-1, end))
    waiting: list[tuple[int, int]] = []

    def rank_of(place: int) -> int | None:
        return pieces.ranks.get((symbols[place], symbols[after[place]]))

    for place in range(end):
        _consider(waiting, rank_of(place), place)
    left_out: list[tuple[int, int]] = []
    while waiting:
        rank, place = heapq.heappop(waiting)
        if rank_of(place) != rank:
            continue
        if next(uniforms) < rate:
            left_out.append((rank, place))
            continue
        other = after[place]
        symbols[place] += symbols[other]
        symbols[other] = ""
        after[place] = after[other]
        before[after[place]] = place
        for changed in (place, before[place]):
            _consider(waiting, rank_of(changed), changed)
        while left_out:
            heapq.heappush(waiting, left_out.pop())
    return tuple(filter(None, symbols))


def _consider(waiting: list[tuple[int, int]], rank: int | None, place: int) -> None:
    if rank is not None:
        heapq.heappush(waiting, (rank, place))


def _characters_of_bytes() -> dict[str, int]:
    """Which byte each character of a vocabulary of bytes stands for."""
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in printed]
    shown = {chr(byte): byte for byte in printed}
    return shown | {chr(256 + place): byte for place, byte in enumerate(hidden)}


CHARACTERS = _characters_of_bytes()


def _alphabet(numbers: dict[str, int], *, of_bytes: bool) -> dict[int, str]:
    if of_bytes:
        found = {byte: character for character, byte in CHARACTERS.items()}
    else:
        found = {byte: f"<0x{byte:02X}>" for byte in range(256)}
    return {byte: piece for byte, piece in found.items() if piece in numbers}


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ", 1) if isinstance(merge, str) else merge
    return left, right


def _unknown(model: dict) -> set[str]:
    if model["type"] == "BPE":
        return {model["unk_token"]} if model.get("unk_token") else set()
    number = model.get("unk_id")
    return set() if number is None else {model["vocab"][number][0]}


def _mentions(part: object, kind: str) -> bool:
    """Whether a decoder, or a part of it, is of a kind."""
    if isinstance(part, dict):
        return part.get("type") == kind or _mentions(list(part.values()), kind)
    return isinstance(part, list) and any(_mentions(each, kind) for each in part)
