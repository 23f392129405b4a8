"""Parallel text: the same sentences in several languages, in groups of short texts."""

import dataclasses
import hashlib
import pathlib
import unicodedata
from collections.abc import Sequence

EMBEDDED = pathlib.Path(__file__).parent.parent / "assets" / "corpus"
GROUPS = "groups.tsv"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Corpus:
    """Sentences `[language][sentence]`, aligned by place, and the text each belongs to.

    `groups` numbers the texts from 0: sentences of one text are not independent, so
    intervals resample texts. Without a list of texts every sentence is its own.
    `lines` are the places of the sentences in the files, from 1.
    """

    languages: tuple[str, ...]
    sentences: tuple[tuple[str, ...], ...]
    groups: tuple[int, ...]
    lines: tuple[int, ...]
    source: str

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
    """Reads aligned files `<language>.txt`, line by line the same sentence.

    A file `groups.tsv` beside them (columns `line` and `group`, with a header) says
    which lines form one text.

    Args:
        source: a directory; None is the corpus that comes with the package.
        languages: names of files without `.txt`, in the wanted order; None is all.

    Raises:
        ValueError: if a file is missing, unequal in length, empty in a line, or not
            UTF-8, naming the file and the line.

    Reference: our own definition.
    """
    directory = EMBEDDED if source is None else pathlib.Path(source)
    if not directory.is_dir():
        raise ValueError(
            f"{directory}: no such directory; a corpus is a directory of <language>.txt"
        )
    found = sorted(path.stem for path in directory.glob("*.txt"))
    if not found:
        raise ValueError(f"{directory}: holds no <language>.txt")
    chosen = tuple(found if languages is None else languages)
    _check_languages(chosen, found, directory)
    sentences = tuple(read_lines(directory / f"{name}.txt") for name in chosen)
    longest = len(sentences[0])
    for name, lines in zip(chosen, sentences, strict=True):
        if len(lines) != longest:
            raise ValueError(
                f"{directory / name}.txt: has {len(lines)} lines, but {chosen[0]}.txt "
                f"has {longest}; line n must be the same sentence in every language"
            )
    return Corpus(
        languages=chosen,
        sentences=sentences,
        groups=_read_groups(directory / GROUPS, longest),
        lines=tuple(range(1, longest + 1)),
        source="embedded" if source is None else str(source),
    )


def read_lines(path: pathlib.Path) -> tuple[str, ...]:
    """Reads one sentence per line, in Unicode's composed form.

    Args:
        path: a text file, UTF-8.

    Raises:
        ValueError: if it is not UTF-8 or a line is empty.

    Reference: our own definition; composition is Unicode's NFC.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path}: line {line} is not UTF-8 ({error.reason}); convert the file"
        ) from error
    lines = text.removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise ValueError(
                f"{path}: line {number} is empty; remove it in every language"
            )
    return tuple(unicodedata.normalize("NFC", line.strip()) for line in lines)


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


def _check_languages(
    chosen: Sequence[str], found: Sequence[str], directory: pathlib.Path
) -> None:
    unknown = [name for name in chosen if name not in found]
    if unknown:
        raise ValueError(
            f"{directory}: no text in {', '.join(unknown)}; allowed: {', '.join(found)}"
        )
    repeated = sorted({name for name in chosen if chosen.count(name) > 1})
    if repeated:
        raise ValueError(f"languages: {', '.join(repeated)} is named more than once")
    if not chosen:
        raise ValueError(f"languages: none named; allowed: {', '.join(found)}")


def _read_groups(path: pathlib.Path, n_sentences: int) -> tuple[int, ...]:
    if not path.is_file():
        return tuple(range(n_sentences))
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
    numbers = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return tuple(numbers[name] for name in names)
