"""Minimal pairs: beginnings of sentences, each with a right and a wrong form."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from jaxdisp.measure.corpus import read_lines

PAIRS = pathlib.Path(__file__).parent.parent / "assets" / "agreement"
HEADER = ("prefix", "correct", "wrong", "phenomenon", "feature")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """The beginning of a sentence, and two forms of a word of which one is wrong next.

    `attribute` and `value` say what the beginning demands, such as number and plural.
    """

    language: str
    prefix: str
    correct: str
    wrong: str
    phenomenon: str
    attribute: str
    value: str


def languages_with_pairs(source: str | pathlib.Path | None = None) -> tuple[str, ...]:
    """Lists the languages that there are pairs of.

    Args:
        source: a directory of `<language>.tsv`; None is what comes with the package.

    Reference: our own definition.
    """
    directory = PAIRS if source is None else pathlib.Path(source)
    return tuple(sorted(path.stem for path in directory.glob("*.tsv")))


def load_pairs(
    languages: Sequence[str], source: str | pathlib.Path | None = None
) -> tuple[Pair, ...]:
    """Reads the pairs of some languages, and checks that each is mirrored.

    Definition: a file's first line is `prefix, correct, wrong, phenomenon, feature`,
    between tabs; the others are pairs, the feature as `number=plural`. For every two
    forms there are as many pairs in which either is the right one.

    Args:
        languages: those without pairs are passed over.
        source: a directory of `<language>.tsv`; None is what comes with the package.

    Raises:
        ValueError: if a line is not of this form or two forms are not in balance,
            naming the file.

    Reference: our own definition; minimal pairs as in Linzen et al. 2016,
        arXiv:1611.01368, section 3.
    """
    directory = PAIRS if source is None else pathlib.Path(source)
    known = languages_with_pairs(source)
    found: list[Pair] = []
    for language in languages:
        if language in known:
            found += _read(directory / f"{language}.tsv", language)
    return tuple(found)


def _read(path: pathlib.Path, language: str) -> list[Pair]:
    lines = read_lines(path)
    if tuple(lines[0].split("\t")) != HEADER:
        raise ValueError(f"{path}: line 1 must name {', '.join(HEADER)}, between tabs")
    pairs = []
    balance: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        feature = cells[-1].split("=")
        if len(cells) != len(HEADER) or len(feature) != 2 or cells[1] == cells[2]:
            raise ValueError(
                f"{path}: line {number} must be a prefix, two unequal forms, a "
                "phenomenon and a feature such as number=plural, between tabs"
            )
        prefix, correct, wrong, phenomenon, _ = cells
        forms = tuple(sorted((correct, wrong)))
        balance[forms] = balance.get(forms, 0) + (1 if correct == forms[0] else -1)
        pairs.append(
            Pair(
                language=language,
                prefix=prefix,
                correct=correct,
                wrong=wrong,
                phenomenon=phenomenon,
                attribute=feature[0],
                value=feature[1],
            )
        )
    odd = [forms for forms, surplus in balance.items() if surplus]
    if odd:
        raise ValueError(
            f"{path}: {' and '.join(odd[0])} must each be right in as many pairs"
        )
    return pairs


def unit_numbers(pairs: Sequence[Pair]) -> Int[np.ndarray, " pair"]:
    """Numbers the mirrored units: pairs of one language with the same two forms.

    Within a unit either form is right in as many pairs, so that neither the frequency
    of a form nor its length in tokens can make the mean of the differences positive.

    Args:
        pairs: as from `load_pairs`.

    Reference: our own definition.
    """
    names = [(pair.language, *sorted((pair.correct, pair.wrong))) for pair in pairs]
    numbers = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], int)
