"""Parallel text: the same sentences in several languages, in groups of short texts."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Sequence
from typing import Any

from jaxdisp.measure.corpora import directory, flores, ntrex, udhr
from jaxdisp.measure.corpora.texts import Facts, Texts, read_lines

__all__ = [
    "EMBEDDED",
    "Corpus",
    "Facts",
    "described",
    "keep",
    "load_corpus",
    "read_lines",
    "spread",
]

EMBEDDED = pathlib.Path(__file__).parent.parent / "assets" / "corpus"

PUBLISHED = {"ntrex": ntrex, "udhr": udhr}
"""Collections that are read from a directory as they are published."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Corpus:
    """Sentences `[language][sentence]`, aligned by place, and the text each belongs to.

    `groups` numbers the texts from 0: sentences of one text are not independent, so
    intervals resample texts. Without a list of texts every sentence is its own.
    `lines` are the places of the sentences in the files, from 1. `codes` are the
    languages as ISO 639-3 and script; `facts` and `remarks` say what text it is, and
    what a reader should know of how it was read.
    """

    languages: tuple[str, ...]
    sentences: tuple[tuple[str, ...], ...]
    groups: tuple[int, ...]
    lines: tuple[int, ...]
    source: str
    codes: tuple[str, ...] = ()
    facts: Facts = dataclasses.field(default_factory=Facts)
    remarks: tuple[str, ...] = ()

    @property
    def n_sentences(self) -> int:
        """How many sentences there are in each language."""
        return len(self.groups)

    @property
    def digest(self) -> str:
        """SHA-256 of the text with its languages and groups."""
        content = repr((self.languages, self.sentences, self.groups))
        return hashlib.sha256(content.encode()).hexdigest()


def load_corpus(
    source: str | pathlib.Path | None = None, languages: Sequence[str] | None = None
) -> Corpus:
    """Reads parallel text from a directory or a published collection.

    A plain directory holds aligned files `<language>.txt`, line by line the same
    sentence (`corpora.directory`); `ntrex:DIR` and `udhr:DIR` are directories as
    published, and recognised without the prefix; `flores:SPLIT` is FLORES+.

    Args:
        source: where the text is; None is the corpus that comes with the package.
        languages: the corpus's own names or other codes of its languages, in the
            wanted order; None is all.

    Raises:
        ValueError: if a file is missing, unequal in length, empty in a line, or not
            UTF-8, naming the file and the line; if a language is not there.

    Reference: our own definition.
    """
    if source is None:
        return _corpus(directory.read(EMBEDDED, languages), "embedded")
    kind, prefixed, place = str(source).partition(":")
    if prefixed and kind == "flores":
        return _corpus(flores.read(place, languages), str(source))
    if prefixed and kind in PUBLISHED:
        found = PUBLISHED[kind].read(_directory(place, kind), languages)
        return _corpus(found, str(source))
    where = _directory(str(source))
    for kind, reader in PUBLISHED.items():
        if reader.files(where):
            found = reader.read(where, languages)
            remark = (
                f"{where}: read as {found.facts.title} is published, as {kind}:{where}"
            )
            found = dataclasses.replace(found, remarks=(remark, *found.remarks))
            return _corpus(found, str(source))
    return _corpus(directory.read(where, languages), str(source))


def described(corpus: Corpus) -> dict[str, Any]:
    """Says for a record what text a corpus is.

    Args:
        corpus: parallel text.

    Reference: our own definition.
    """
    named = zip(corpus.languages, corpus.codes, strict=bool(corpus.codes))
    return {
        **dataclasses.asdict(corpus.facts),
        "codes": dict(named),
        "remarks": list(corpus.remarks),
    }


def _directory(place: str, kind: str | None = None) -> pathlib.Path:
    if kind is not None and not place:
        raise ValueError(f"{kind}: must name a directory, as {kind}:DIR")
    found = pathlib.Path(place)
    if not found.is_dir():
        raise ValueError(
            f"{found}: no such directory; a corpus is a directory of <language>.txt, "
            "ntrex:DIR, udhr:DIR or flores:SPLIT"
        )
    return found


def _corpus(found: Texts, source: str) -> Corpus:
    numbers = {name: place for place, name in enumerate(dict.fromkeys(found.groups))}
    return Corpus(
        languages=found.languages,
        sentences=found.sentences,
        groups=tuple(numbers[name] for name in found.groups),
        lines=found.lines,
        source=source,
        codes=found.codes,
        facts=found.facts,
        remarks=found.remarks,
    )


def spread(corpus: Corpus, limit: int) -> Corpus:
    """Keeps a number of sentences, spread over the groups as evenly as can be.

    Definition: groups take turns, each giving its next sentence, until it is enough.

    Args:
        corpus: parallel text.
        limit: how many sentences to keep; all, if there are no more.

    Raises:
        ValueError: if the limit is below 1.

    Reference: our own definition.
    """
    if limit < 1:
        raise ValueError(f"limit must be at least 1 sentence, got {limit}")
    seen: dict[int, int] = {}
    turns = []
    for place, group in enumerate(corpus.groups):
        turns.append((seen.get(group, 0), place))
        seen[group] = seen.get(group, 0) + 1
    return keep(corpus, sorted(place for _, place in sorted(turns)[:limit]))


def keep(corpus: Corpus, places: Sequence[int]) -> Corpus:
    """Keeps the sentences at the given places, in every language.

    Args:
        corpus: parallel text.
        places: which sentences, from 0.

    Reference: our own definition.
    """
    return dataclasses.replace(
        corpus,
        sentences=tuple(tuple(text[p] for p in places) for text in corpus.sentences),
        groups=tuple(corpus.groups[p] for p in places),
        lines=tuple(corpus.lines[p] for p in places),
    )
