"""NTREX-128 as it is published: news in English and 128 translations of it."""

import pathlib
from collections.abc import Sequence

from jaxdisp.measure.corpora import codes
from jaxdisp.measure.corpora.chosen import choose
from jaxdisp.measure.corpora.directory import DOCUMENTS, read_documents
from jaxdisp.measure.corpora.texts import Facts, Texts, check_lengths, read_lines

FOLDERS = (".", "NTREX-128", "NTREX-additional")
SOURCE = "newstest2019-src."
TRANSLATION = "newstest2019-ref."

FACTS = Facts(
    title="NTREX-128",
    licence="CC BY-SA 4.0",
    domain="news",
    published="https://github.com/MicrosoftTranslator/NTREX",
)
# The scripts that the collection really has, where they are not the likely ones.
WRITTEN = {"mey": "mey-Arab", "shi": "shi-Arab"}


def files(directory: pathlib.Path) -> dict[str, pathlib.Path]:
    """Finds the texts by the collection's own codes, English first.

    Second translations into a language (`newstest2019-ref-2`) are no text of their own.

    Args:
        directory: the repository, or its folder `NTREX-128`.

    Reference: Federmann, Kocmi and Xin 2022, NTREX-128.
    """
    found = {}
    for start in (SOURCE, TRANSLATION):
        for folder in FOLDERS:
            for path in sorted((directory / folder).glob(f"{start}*.txt")):
                found[path.name.removeprefix(start).removesuffix(".txt")] = path
    return found


def read(directory: pathlib.Path, languages: Sequence[str] | None) -> Texts:
    """Reads sentences of NTREX-128; a group is a news article.

    Args:
        directory: the repository, or its folder `NTREX-128`.
        languages: any codes of languages, in the wanted order; None is all.

    Raises:
        ValueError: if it is not laid out as published, or lines do not fit.

    Reference: Federmann, Kocmi and Xin 2022, NTREX-128.
    """
    found = files(directory)
    if not found:
        raise ValueError(
            f"{directory}: holds no {TRANSLATION}<language>.txt, nor does its folder "
            "NTREX-128; ntrex: takes a copy of github.com/MicrosoftTranslator/NTREX"
        )
    known = {name: WRITTEN.get(name, name) for name in found}
    names = choose(languages, known, str(directory))
    paths = tuple(found[name] for name in names)
    sentences = tuple(read_lines(path) for path in paths)
    check_lengths(paths, sentences)
    count = len(sentences[0])
    groups, remarks = _groups(directory, count)
    return Texts(
        languages=names,
        codes=tuple(codes.tag(known[name]) for name in names),
        sentences=sentences,
        groups=groups,
        lines=tuple(range(1, count + 1)),
        facts=FACTS,
        remarks=remarks,
    )


def _groups(
    directory: pathlib.Path, count: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    # resolved: the parent of "." is else "." itself
    for folder in (directory, directory.resolve().parent):
        if (folder / DOCUMENTS).is_file():
            return read_documents(folder / DOCUMENTS, count), ()
    alone = (
        f"{directory}: no {DOCUMENTS} there or above, so every sentence counts as a "
        "text of its own, and intervals are too narrow"
    )
    return tuple(str(number) for number in range(1, count + 1)), (alone,)
