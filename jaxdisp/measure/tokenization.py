"""How well a vocabulary cuts text: few tokens, whole characters, between morphemes.

Nothing here knows a model's states or losses. Token numbers are given, so that a text
may be cut in another way than the tokenizer's.
"""

import unicodedata
from collections.abc import Collection, Sequence

import numpy as np
import tokenizers
from jaxtyping import Float, Int

from jaxdisp.measure.minimal_pairs import Pair
from jaxdisp.result import result

UNSEGMENTED = frozenset(
    {"Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan"}
)
"""Scripts that put no spaces between words."""

LEAST_STEM = 2
"""Characters that two forms must share to be forms of one stem."""

LOST = "\N{REPLACEMENT CHARACTER}"


@result
class Boundaries:
    """How well cuts inside words agree with boundaries that are known.

    `precision` is the share of cuts that are boundaries, `recall` the share of
    boundaries that are cut, `f1` their harmonic mean; NaN where there is nothing to
    take a share of. `n_boundaries` and `n_cuts` count.
    """

    precision: float
    recall: float
    f1: float
    n_boundaries: int
    n_cuts: int


def byte_counts(
    sentences: Sequence[Sequence[str]],
) -> Int[np.ndarray, "language sentence"]:
    """Counts the bytes of sentences, in UTF-8.

    Args:
        sentences: by language.

    Reference: our own definition.
    """
    return np.array([[len(text.encode()) for text in texts] for texts in sentences])


def tokens_per_byte(
    n_tokens: Int[np.ndarray, "language sentence"],
    n_bytes: Int[np.ndarray, "language sentence"],
) -> Float[np.ndarray, "language sentence"]:
    """Says how many tokens a byte of text takes.

    Definition: `n_tokens / n_bytes`, at most 1 for a vocabulary of bytes. Scripts
    differ in the bytes that a letter takes, so that it compares segmentations of one
    text rather than languages.

    Args:
        n_tokens: of each sentence, the start token not counted.
        n_bytes: as from `byte_counts`.

    Raises:
        ValueError: if a sentence is empty.

    Reference: our own definition; the inverse is the compression of Goldman et al.
        2024, arXiv:2403.06265, section 3.
    """
    if np.any(n_bytes < 1):
        raise ValueError("a sentence is empty; leave it out of every language")
    return n_tokens / n_bytes


def relative_tokens(
    n_tokens: Int[np.ndarray, "language sentence"], *, reference: int
) -> Float[np.ndarray, "language sentence"]:
    """Says how many tokens a sentence takes for one of the reference language's.

    Definition: `n_tokens[l, s] / n_tokens[reference, s]`; above 1 where the sentence is
    cut into more than its translation in the reference language.

    Args:
        n_tokens: of parallel sentences, the start token not counted.
        reference: place of the language.

    Raises:
        ValueError: if a sentence of the reference language has no token.

    Reference: Petrov et al. 2023, arXiv:2305.15425, section 3 (tokenization premium).
    """
    if np.any(n_tokens[reference] < 1):
        raise ValueError("a sentence of the reference language has no token")
    return n_tokens / n_tokens[reference]


def byte_fallback(
    tokenizer: tokenizers.Tokenizer, encoded: Sequence[Sequence[Sequence[int]]]
) -> Float[np.ndarray, "language sentence"]:
    """Says which share of tokens holds less than one character.

    Definition: the share of tokens that, decoded alone and without spaces before, are
    pieces of characters and nothing else. These are the tokens of one byte or a few in
    vocabularies of bytes, and `<0xNN>` in those that fall back to bytes; a byte that is
    a character (ASCII) is none.

    Args:
        tokenizer: the vocabulary.
        encoded: token numbers by language and sentence, the start token first.

    Raises:
        ValueError: if a sentence has no token.

    Reference: our own definition; the rate is that of unknown pieces in Rust et al.
        2021, arXiv:2012.15613, section 4, for vocabularies without unknown ones.
    """
    numbers = sorted({n for text in encoded for sentence in text for n in sentence})
    alone = tokenizer.decode_batch([[n] for n in numbers], skip_special_tokens=False)
    broken = {n for n, text in zip(numbers, alone, strict=True) if _is_broken(text)}

    def rate(sentence: Sequence[int]) -> float:
        if len(sentence) < 2:
            raise ValueError("a sentence has no token beside the start token")
        return sum(n in broken for n in sentence[1:]) / (len(sentence) - 1)

    return np.array([[rate(sentence) for sentence in text] for text in encoded])


def _is_broken(text: str) -> bool:
    within = text.lstrip(" ")
    return bool(within) and not within.strip(LOST)


def script(text: str) -> str:
    """Names the script that most letters of a text are of.

    Definition: the first word of a letter's name in Unicode, which for letters is that
    of its script; ideographs are `Han`. Of scripts that are equally frequent the first
    in the alphabet; `Common` if there is no letter.

    Args:
        text: of any length.

    Reference: Unicode Standard Annex 24 (scripts), Annex 44 (names).
    """
    counts: dict[str, int] = {}
    for letter in text:
        if unicodedata.category(letter) in ("Lu", "Ll", "Lt", "Lo"):
            name = unicodedata.name(letter, "unknown").split()[0].split("-")[0]
            name = "Han" if name == "CJK" else name.capitalize()
            counts[name] = counts.get(name, 0) + 1
    return min(counts, key=lambda name: (-counts[name], name), default="Common")


def tokens_per_word(
    sentences: Sequence[str], n_tokens: Int[np.ndarray, " sentence"]
) -> tuple[Float[np.ndarray, " sentence"], str]:
    """Says how many tokens a word takes, in languages that write words apart.

    Definition: tokens over the parts between white space that hold a letter or a digit;
    all NaN in a script without spaces, and NaN in a sentence without a word.

    Args:
        sentences: of one language.
        n_tokens: of each, the start token not counted.

    Returns:
        One number per sentence, and why they are NaN ("" if they are not).

    Reference: Rust et al. 2021, arXiv:2012.15613, section 4 (fertility).
    """
    written = script(" ".join(sentences))
    if written in UNSEGMENTED:
        missing = np.full(len(sentences), np.nan)
        return missing, f"no spaces between words in the script {written}"
    words = np.array([_words(sentence) for sentence in sentences])
    per_word = np.where(words > 0, n_tokens / np.maximum(words, 1), np.nan)
    none = int(np.sum(words == 0))
    return per_word, f"{none} sentences without a word" if none else ""


def count_words(sentences: Sequence[str]) -> int | None:
    """Counts the words of a language, if it writes them apart.

    Definition: parts between white space that hold a letter or a digit; None in a
    script without spaces.

    Args:
        sentences: of one language.

    Reference: Rust et al. 2021, arXiv:2012.15613, section 4 (fertility).
    """
    if script(" ".join(sentences)) in UNSEGMENTED:
        return None
    return sum(map(_words, sentences))


def _words(sentence: str) -> int:
    return sum(any(c.isalnum() for c in part) for part in sentence.split())


def boundary_agreement(
    cuts: Sequence[Collection[int]], known: Sequence[Collection[int]]
) -> Boundaries:
    """Compares where words are cut with where they should be.

    Definition: over all words together, with `t` cuts at a boundary, precision
    `t / cuts`, recall `t / boundaries`, `f1 = 2 t / (cuts + boundaries)`.

    Args:
        cuts: of each word, places between characters: 1 is after the first.
        known: boundaries of morphemes in the same words.

    Raises:
        ValueError: if there are not as many words in both.

    Reference: Creutz and Linden 2004, Morpheme segmentation gold standards, section 4
        (boundary precision and recall).
    """
    pairs = [(set(a), set(b)) for a, b in zip(cuts, known, strict=True)]
    right = sum(len(a & b) for a, b in pairs)
    made, wanted = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))

    def share(part: int, whole: int) -> float:
        return part / whole if whole else float("nan")

    return Boundaries(
        precision=share(right, made),
        recall=share(right, wanted),
        f1=share(2 * right, made + wanted),
        n_boundaries=wanted,
        n_cuts=made,
    )


def cuts(tokenizer: tokenizers.Tokenizer, word: str, before: str = "") -> set[int]:
    """Finds where a tokenizer cuts a word.

    Definition: places strictly inside the word at which a token ends and the next one
    begins; a cut inside a character is none.

    Args:
        tokenizer: the vocabulary.
        word: characters.
        before: text before the word, with the space between them if there is one.

    Reference: our own definition.
    """
    found = tokenizer.encode(before + word, add_special_tokens=False)
    ends = {stop for _, stop in found.offsets}
    starts = {start for start, _ in found.offsets}
    places = {place - len(before) for place in ends & starts}
    return {place for place in places if 0 < place < len(word)}


def stem_boundaries(one: str, other: str) -> tuple[set[int], set[int]] | None:
    """Finds where the stem that two forms of a word share ends, or begins.

    Definition: the longest common beginning or the longest common end, whichever is
    longer (the beginning, if neither is), if it has at least 2 characters and half of
    the shorter form; None for other pairs, such as `is` and `are`. A form that is the
    stem has no boundary. Further boundaries that the forms share stay unseen.

    Args:
        one: a form.
        other: another form of the same word.

    Reference: our own definition; Harris 1955, Language 31 (boundaries by contrast).
    """
    ahead, behind = _shared(one, other), _shared(one[::-1], other[::-1])
    longest, shortest = max(ahead, behind), min(len(one), len(other))
    if longest < LEAST_STEM or 2 * longest < shortest or one == other:
        return None
    forms = (one, other)
    if ahead >= behind:
        places = [ahead, ahead]
    else:
        places = [len(form) - behind for form in forms]
    first, second = (
        {place} & set(range(1, len(form)))
        for place, form in zip(places, forms, strict=True)
    )
    return first, second


def _shared(one: str, other: str) -> int:
    """Length of the longest common beginning, not within a letter and its marks."""
    n = next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    while n and any(
        unicodedata.combining(form[n]) for form in (one, other) if n < len(form)
    ):
        n -= 1
    return n


def pair_agreement(
    tokenizer: tokenizers.Tokenizer, pairs: Sequence[Pair]
) -> Boundaries:
    """Compares cuts with the stems of the forms in minimal pairs of one language.

    Definition: `boundary_agreement` of `cuts` with `stem_boundaries`, each form counted
    once, cut as it is after a space. Boundaries that the two forms do not show count as
    wrong cuts, so that precision is a lower bound.

    Args:
        tokenizer: the vocabulary.
        pairs: of one language.

    Reference: our own definition.
    """
    known: dict[str, set[int]] = {}
    for pair in pairs:
        found = stem_boundaries(pair.correct, pair.wrong)
        if found is not None:
            for form, places in zip((pair.correct, pair.wrong), found, strict=True):
                known.setdefault(form, set()).update(places)
    made = [cuts(tokenizer, form, before=" ") for form in known]
    return boundary_agreement(made, list(known.values()))
