"""What a reader of parallel text returns, and lines of a file."""

import dataclasses
import pathlib
import unicodedata


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a text beyond its sentences; None is not known.

    `licence` and `domain` are words; `published` says where the text can be had; `unit`
    is what one line of it is.
    """

    title: str | None = None
    licence: str | None = None
    domain: str | None = None
    published: str | None = None
    unit: str = "sentence"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Texts:
    """Aligned units `[language][unit]` under the names that the collection gives.

    `codes` are BCP 47 tags of the languages, `groups` names the text of each unit,
    `lines` its place in the collection, and `remarks` what a reader should know.
    """

    languages: tuple[str, ...]
    codes: tuple[str, ...]
    sentences: tuple[tuple[str, ...], ...]
    groups: tuple[str, ...]
    lines: tuple[int, ...]
    facts: Facts
    remarks: tuple[str, ...] = ()


def read_lines(path: pathlib.Path) -> tuple[str, ...]:
    """Reads one sentence per line, in Unicode's composed form.

    Args:
        path: a text file, UTF-8.

    Raises:
        ValueError: if it is not UTF-8 or a line is empty.

    Reference: our own definition; composition is Unicode's NFC.
    """
    lines = read_text(path).removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise ValueError(
                f"{path}: line {number} is empty; remove it in every language"
            )
    return tuple(compose(line) for line in lines)


def read_text(path: pathlib.Path) -> str:
    """Reads a file whole, without a byte order mark.

    Args:
        path: a text file, UTF-8.

    Raises:
        ValueError: if it is not UTF-8, naming the line.

    Reference: RFC 3629 for UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path}: line {line} is not UTF-8 ({error.reason}); convert the file"
        ) from error


def compose(text: str) -> str:
    """Returns a sentence in Unicode's composed form, without space around it.

    Args:
        text: a sentence.

    Reference: Unicode Standard Annex 15, NFC.
    """
    return unicodedata.normalize("NFC", text.strip())


def check_lengths(
    files: tuple[pathlib.Path, ...],
    sentences: tuple[tuple[str, ...], ...],
) -> None:
    """Checks that there are as many lines in every language.

    Args:
        files: that were read.
        sentences: that are in them.

    Raises:
        ValueError: naming the first file of another length.

    Reference: our own definition.
    """
    longest = len(sentences[0])
    for path, lines in zip(files, sentences, strict=True):
        if len(lines) != longest:
            raise ValueError(
                f"{path}: has {len(lines)} lines, but {files[0].name} "
                f"has {longest}; line n must be the same sentence in every language"
            )
