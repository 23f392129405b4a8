"""FLORES+ from the Hugging Face hub, or from a copy of its repository."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

from jaxdisp.measure.corpora import codes
from jaxdisp.measure.corpora.chosen import choose
from jaxdisp.measure.corpora.texts import Facts, Texts, compose

REPOSITORY = "openlanguagedata/flores_plus"
SPLITS = ("dev", "devtest")
COLUMNS = ("id", "text")
ARTICLE = "url"

FACTS = Facts(
    title="FLORES+",
    licence="CC BY-SA 4.0",
    domain="Wikinews, Wikijunior and Wikivoyage",
    published=f"https://huggingface.co/datasets/{REPOSITORY}",
)


def read(place: str, languages: Sequence[str] | None) -> Texts:
    """Reads a split of FLORES+; a group is the article that sentences are from.

    Sentences are aligned by their `id`. Languages have to be named: there are hundreds.

    Args:
        place: `dev` or `devtest`; `dev:DIR` reads a copy of the repository.
        languages: any codes of languages, in the wanted order.

    Raises:
        ValueError: if the split, a language or access is missing, saying what to do.

    Reference: NLLB Team 2022, arXiv:2207.04672; the Open Language Data Initiative.
    """
    split, _, copy = place.partition(":")
    if split not in SPLITS:
        raise ValueError(f"flores:{place}: must be flores:{' or flores:'.join(SPLITS)}")
    if copy and not pathlib.Path(copy).is_dir():
        raise ValueError(f"flores:{place}: {copy} is no directory")
    if not languages:
        raise ValueError(
            f"flores:{place}: name languages, such as --languages en,he; there are "
            "over 200"
        )
    source = copy or REPOSITORY
    known = {name: name for name in _configurations(source)}
    names = choose(languages, known, f"flores:{place}")
    tables = [_table(source, name, split) for name in names]
    shared, remarks = _shared(names, tables, place)
    groups, alone = _articles(tables[0], place)
    return Texts(
        languages=names,
        codes=tuple(codes.tag(name) for name in names),
        sentences=tuple(tuple(table[n]["text"] for n in shared) for table in tables),
        groups=tuple(groups[n] for n in shared),
        lines=tuple(range(1, len(shared) + 1)),
        facts=FACTS,
        remarks=remarks + alone,
    )


def _library() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise ValueError(
            "flores: needs the library datasets: pip install 'jaxdisp[data]'"
        ) from error
    return datasets


def _configurations(source: str) -> list[str]:
    """Names of languages, as `eng_Latn`; other configurations are no languages."""
    library = _library()
    try:
        found = library.get_dataset_config_names(source)
    except Exception as error:
        raise ValueError(_no_access(source, error)) from error
    return [name for name in found if codes.read(name) is not None]


def _table(source: str, name: str, split: str) -> dict[Any, dict[str, Any]]:
    """Rows of a language by their `id`."""
    library = _library()
    try:
        rows = library.load_dataset(source, name, split=split)
    except Exception as error:
        raise ValueError(_no_access(source, error)) from error
    lacking = [column for column in COLUMNS if column not in rows.column_names]
    if lacking:
        raise ValueError(
            f"flores:{split}: {name} has no column {', '.join(lacking)}; it has "
            f"{', '.join(rows.column_names)}"
        )
    table = {}
    for row in rows:
        text = compose(" ".join(str(row["text"] or "").split()))
        if not text or row["id"] in table:
            problem = "two texts" if text else "no text"
            raise ValueError(f"flores:{split}: {name} has {problem} of id {row['id']}")
        table[row["id"]] = row | {"text": text}
    return table


def _no_access(source: str, error: Exception) -> str:
    """One line that says what to do; the library's own errors are of many kinds."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if source != REPOSITORY or isinstance(error, ValueError):
        return f"flores: cannot read {source}: {said}"
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper()
    if offline in ("1", "ON", "YES", "TRUE"):
        return (
            "flores: HF_HUB_OFFLINE is set and FLORES+ is not in the cache; unset it, "
            f"or name a copy: flores:dev:DIR ({said})"
        )
    return (
        f"flores: cannot read {REPOSITORY}, which is gated: accept its terms at "
        f"{FACTS.published}, then run `hf auth login`; or name a copy: flores:dev:DIR "
        f"({said})"
    )


def _shared(
    names: Sequence[str], tables: Sequence[dict[Any, dict[str, Any]]], place: str
) -> tuple[list[Any], tuple[str, ...]]:
    every = sorted(set[Any]().union(*tables))
    shared = [n for n in every if all(n in table for table in tables)]
    if not shared:
        raise ValueError(f"flores:{place}: {', '.join(names)} share no sentence")
    if len(shared) == len(every):
        return shared, ()
    remark = (
        f"flores:{place}: {len(shared)} of {len(every)} sentences are in all "
        f"{len(names)} languages; the others are dropped"
    )
    return shared, (remark,)


def _articles(
    table: dict[Any, dict[str, Any]], place: str
) -> tuple[dict[Any, str], tuple[str, ...]]:
    if all(row.get(ARTICLE) for row in table.values()):
        return {n: str(row[ARTICLE]) for n, row in table.items()}, ()
    alone = (
        f"flores:{place}: no column {ARTICLE}, so every sentence counts as a text of "
        "its own, and intervals are too narrow"
    )
    return {n: str(n) for n in table}, (alone,)
