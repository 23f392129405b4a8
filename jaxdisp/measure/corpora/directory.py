"""A plain directory of aligned files `<language>.txt`."""

import pathlib
import tomllib
from collections.abc import Sequence

from jaxdisp.measure.corpora import codes
from jaxdisp.measure.corpora.chosen import choose
from jaxdisp.measure.corpora.texts import (
    Facts,
    Texts,
    check_lengths,
    read_lines,
    read_text,
)

GROUPS = "groups.tsv"
DOCUMENTS = "DOCUMENT_IDS.tsv"
FACTS = "corpus.toml"


def read(directory: pathlib.Path, languages: Sequence[str] | None) -> Texts:
    """Reads `<language>.txt`, line by line the same sentence.

    `groups.tsv` (columns `line` and `group`, with a header) or `DOCUMENT_IDS.tsv` (a
    name for each line) says which lines form one text; `corpus.toml` may say `title`,
    `licence`, `domain`, `published` and `unit`.

    Args:
        directory: where they are.
        languages: names of files without `.txt`, or other codes of their languages, in
            the wanted order; None is all.

    Raises:
        ValueError: if a file is missing, unequal in length, empty in a line, or not
            UTF-8, naming the file and the line.

    Reference: our own definition.
    """
    found = {path.stem: path.stem for path in sorted(directory.glob("*.txt"))}
    if not found:
        raise ValueError(f"{directory}: holds no <language>.txt")
    names = choose(languages, found, str(directory))
    files = tuple(directory / f"{name}.txt" for name in names)
    sentences = tuple(read_lines(path) for path in files)
    check_lengths(files, sentences)
    count = len(sentences[0])
    return Texts(
        languages=names,
        codes=tuple(codes.tag(name) for name in names),
        sentences=sentences,
        groups=_read_groups(directory, count),
        lines=tuple(range(1, count + 1)),
        facts=_read_facts(directory / FACTS),
    )


def read_documents(path: pathlib.Path, n_sentences: int) -> tuple[str, ...]:
    """Reads which text each line belongs to: a name a line.

    Args:
        path: of the list.
        n_sentences: how many there must be.

    Raises:
        ValueError: if there are more or fewer.

    Reference: NTREX-128's DOCUMENT_IDS.tsv.
    """
    names = read_lines(path)
    if len(names) != n_sentences:
        raise ValueError(
            f"{path}: lists {len(names)} sentences, but the texts have {n_sentences}"
        )
    return names


def _read_groups(directory: pathlib.Path, n_sentences: int) -> tuple[str, ...]:
    path = directory / GROUPS
    if not path.is_file():
        if (directory / DOCUMENTS).is_file():
            return read_documents(directory / DOCUMENTS, n_sentences)
        return tuple(str(number) for number in range(1, n_sentences + 1))
    names: list[str] = []
    for number, line in enumerate(read_lines(path)[1:], start=1):
        fields = line.split("\t")
        if len(fields) != 2 or fields[0] != str(number):
            raise ValueError(
                f"{path}: line {number + 1} must be '{number}<tab>name of the group'"
            )
        names.append(fields[1])
    if len(names) != n_sentences:
        raise ValueError(
            f"{path}: lists {len(names)} sentences, but the texts have {n_sentences}"
        )
    return tuple(names)


def _read_facts(path: pathlib.Path) -> Facts:
    if not path.is_file():
        return Facts()
    try:
        found = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: is not TOML: {error}") from error
    allowed = tuple(Facts.__dataclass_fields__)
    for name, value in found.items():
        if name not in allowed or not isinstance(value, str) or not value.strip():
            raise ValueError(
                f"{path}: {name} = {value!r}; allowed: {', '.join(allowed)}, each with "
                "words in quotation marks"
            )
    return Facts(**found)
