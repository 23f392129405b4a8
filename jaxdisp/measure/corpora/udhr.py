"""The Universal Declaration of Human Rights as published by Unicode."""

import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as XmlTree

from jaxdisp.measure.corpora import codes
from jaxdisp.measure.corpora.chosen import choose
from jaxdisp.measure.corpora.texts import Facts, Texts, compose, read_text

FOLDERS = (".", "xml", "data/xml", "txt", "data/txt")
START = "udhr_"
PREAMBLE = "preamble"
N_ARTICLES = 30
# Paragraphs of the articles that have more than one.
CLAUSES = {2: 2, 11: 2, 13: 2, 14: 2, 15: 2, 16: 3, 17: 2, 20: 2, 21: 3, 23: 4}
CLAUSES |= {25: 2, 26: 3, 27: 2, 29: 3}
# So many articles of a plain text must have these numbers of paragraphs.
FITTING = 27
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"

FACTS = Facts(
    title="Universal Declaration of Human Rights",
    licence="(c) The Office of the High Commissioner for Human Rights; named as the "
    "source of every text, no licence stated",
    domain="law",
    published="https://www.unicode.org/udhr",
    unit="paragraph",
)

Paragraphs = dict[str, tuple[str, ...]]
"""Paragraphs of each article by its number, and of the preamble."""


def files(directory: pathlib.Path) -> dict[str, pathlib.Path]:
    """Finds the translations by the names of their files, XML before plain text.

    Args:
        directory: with `udhr_<name>.xml` or `udhr_<name>.txt`, or above it.

    Reference: the UDHR in Unicode project.
    """
    for ending in (".xml", ".txt"):
        for folder in FOLDERS:
            paths = sorted((directory / folder).glob(f"{START}*{ending}"))
            if paths:
                return {path.stem.removeprefix(START): path for path in paths}
    return {}


def read(directory: pathlib.Path, languages: Sequence[str] | None) -> Texts:
    """Reads paragraphs that all languages have; a group is an article.

    Definition: an article is kept if all chosen languages divide it into as many
    paragraphs; titles and notes are no text. What is dropped is said in a remark.

    Args:
        directory: with `udhr_<name>.xml` or `udhr_<name>.txt`, or above it.
        languages: any codes of languages, in the wanted order; None is all.

    Raises:
        ValueError: if a file cannot be read, or the languages share no article.

    Reference: the UDHR in Unicode project; the alignment is our own definition.
    """
    found = files(directory)
    if not found:
        raise ValueError(
            f"{directory}: holds no {START}<language>.xml or .txt; udhr: takes the "
            "files of unicode.org/udhr"
        )
    known = {name: code(name, path) for name, path in found.items()}
    names = choose(languages, known, str(directory))
    texts = [paragraphs(found[name]) for name in names]
    kept, remarks = _shared(names, texts, directory)
    places = [(article, n) for article in kept for n in range(len(texts[0][article]))]
    return Texts(
        languages=names,
        codes=tuple(codes.tag(known[name]) for name in names),
        sentences=tuple(tuple(text[a][n] for a, n in places) for text in texts),
        groups=tuple(article for article, _ in places),
        lines=tuple(range(1, len(places) + 1)),
        facts=FACTS,
        remarks=remarks,
    )


def code(name: str, path: pathlib.Path) -> str:
    """Finds the BCP 47 tag of a translation: what its XML says, else its name.

    Args:
        name: of the translation, such as `cmn_hans`.
        path: of its file.

    Reference: the UDHR in Unicode project.
    """
    if path.suffix == ".xml":
        # only the start of the file: there are hundreds of them
        with path.open("rb") as file:
            start = file.read(2000).decode("utf-8", "replace")
        said = re.search(r"<udhr\b[^>]*?\bxml:lang=(['\"])([\w-]+)\1", start)
        if said and codes.read(said[2]) is not None:
            return said[2]
    parts = name.split("_")  # as in `pes_1`, of which only the first is a code
    return name if codes.read(name) is not None else parts[0]


def paragraphs(path: pathlib.Path) -> Paragraphs:
    """Reads the paragraphs of a translation, article by article.

    An article whose number occurs twice is left out, for nobody knows which it is.

    Args:
        path: `udhr_<name>.xml` or `udhr_<name>.txt`.

    Raises:
        ValueError: if there are no articles, or it is not what it should be.

    Reference: the UDHR in Unicode project, schema.rnc.
    """
    pairs = list(_from_xml(path) if path.suffix == ".xml" else _from_text(path))
    numbers = [number for number, _ in pairs]
    found = {
        number: lines for number, lines in pairs if lines and numbers.count(number) == 1
    }
    if not set(found) - {PREAMBLE}:
        raise ValueError(f"{path}: has no articles; leave this language out")
    return found


def _from_xml(path: pathlib.Path) -> Iterable[tuple[str, tuple[str, ...]]]:
    try:
        root = XmlTree.fromstring(path.read_bytes(), forbid_dtd=True)
    except DefusedXmlException as error:
        raise ValueError(
            f"{path}: declares a document type or entities, which these files never "
            "do; fetch it anew"
        ) from error
    except (XmlTree.ParseError, UnicodeDecodeError, LookupError) as error:
        raise ValueError(f"{path}: is not well-formed XML: {error}") from error
    for element in root:
        name = _local(element)
        if name in (PREAMBLE, "article"):
            number = PREAMBLE if name == PREAMBLE else element.get("number", "")
            yield number, tuple(_texts(element))


def _texts(element: Any) -> Iterable[str]:
    for part in element.iter():
        if _local(part) == "para":
            text = compose(" ".join("".join(part.itertext()).split()))
            if text:
                yield text


def _local(element: Any) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _from_text(path: pathlib.Path) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Articles with as many lines as paragraphs; not the preamble.

    Blank lines part articles, unless indented by more than one step, as in lists. Some
    lines are wrapped, and the preamble cannot be told from titles and notes.
    """
    _, line, body = read_text(path).partition("\n---\n")
    rows = [row.rstrip("\r") for row in body.split("\n")]
    step = next((_indent(row) // 2 for row in rows if row.strip() and _indent(row)), 0)
    blocks: list[list[str]] = [[]]
    for row in rows:
        if row.strip():
            blocks[-1].append(compose(" ".join(row.split())))
        elif len(row) <= step:
            blocks.append([])
    blocks = [block for block in blocks if block]
    articles = list(enumerate(blocks[-N_ARTICLES:], start=1))
    fitting = [
        (str(number), tuple(lines))
        for number, (_, *lines) in articles
        if len(lines) == CLAUSES.get(number, 1)
    ]
    # counted from the wrong block, most articles of several paragraphs would not fit
    ahead = len(blocks) - N_ARTICLES  # the title, perhaps notes, and the preamble
    if not line or ahead not in (1, 2) or len(fitting) < FITTING:
        raise ValueError(
            f"{path}: {len(fitting)} of {N_ARTICLES} articles are laid out as the "
            "declaration is; use the XML of this language"
        )
    return fitting


def _indent(row: str) -> int:
    return len(row) - len(row.lstrip(" "))


def _shared(
    names: Sequence[str], texts: Sequence[Paragraphs], directory: pathlib.Path
) -> tuple[list[str], tuple[str, ...]]:
    every = list(dict.fromkeys(number for text in texts for number in text))
    every.sort(key=lambda n: int(n) if n.isdigit() else 0)
    lengths = {n: [len(text.get(n, ())) for text in texts] for n in every}
    kept = [n for n in every if len(set(lengths[n])) == 1]
    if not kept:
        raise ValueError(
            f"{directory}: {', '.join(names)} share no article of equal paragraphs; "
            "choose other languages"
        )
    dropped = [n for n in every if n not in kept]
    if not dropped:
        return kept, ()
    total = sum(max(lengths[n]) for n in every)
    left = sum(lengths[n][0] for n in kept)
    named = ", ".join(n if n == PREAMBLE else f"article {n}" for n in dropped)
    remark = (
        f"{directory}: {left} of {total} paragraphs are in all {len(names)} languages; "
        f"dropped, since languages divide them differently or lack them: {named}"
    )
    return kept, (remark,)
