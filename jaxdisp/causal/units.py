"""Units of observation: sentences within languages, with T, A, R, D and covariates."""

import csv
import dataclasses
import math
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int

from jaxdisp.causal.graph import NODES

NEEDED = ("language", "sentence", *NODES)
ABOUT = ("group",)
"""Columns that say what a row is of and are no covariates."""

LEAST_LANGUAGES = 3
MOST_LEVELS = 12
DEPENDENT = 1e-8
"""Share of its variance that a column must keep after the others to say anything."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Units:
    """Rows that a causal model is fitted to.

    `language` numbers the languages of each row, `columns` hold T, A, R, D and the
    covariates on their natural scale. `dropped` says which rows were left out and why,
    `notes` what else was done to what was given.
    """

    languages: tuple[str, ...]
    language: Int[np.ndarray, " row"]
    sentences: tuple[str, ...]
    columns: dict[str, Float64[np.ndarray, " row"]]
    covariates: tuple[str, ...]
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def repeated(self) -> bool:
        """Whether any language has more than one row."""
        return len(self.language) > len(self.languages)


def read_units(path: str | pathlib.Path) -> Units:
    """Reads units from a table of comma-separated values.

    Args:
        path: a file with the columns `language, sentence, T, A, R, D`; all others but
            `group` are covariates.

    Raises:
        ValueError: if it is no such table, or as `make_units`.

    Reference: RFC 4180 (the format).
    """
    place = pathlib.Path(path)
    if not place.is_file():
        raise ValueError(f"{path}: no such file; needed is a table (.csv)")
    try:
        with place.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            rows = list(reader)
            names = tuple(reader.fieldnames or ())
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: no table of comma-separated values: {error}") from (
            error
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{path}: column {', '.join(repeated)} is there twice")
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise ValueError(
                f"{path}: line {number} has another number of fields than the header's "
                f"{len(names)}"
            )
    try:
        return make_units(rows, names=names, first=2)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def make_units(
    rows: Sequence[dict[str, Any]],
    *,
    names: Sequence[str] | None = None,
    first: int = 1,
    optional: Sequence[str] = (),
) -> Units:
    """Makes units from rows, and checks that a model can be fitted to them.

    Definition: rows with a value that is missing or not finite are left out, and
    listed. A covariate of words becomes one column per word but the most frequent, 1
    where it is the row's and 0 elsewhere. A constant covariate says nothing and is left
    out, and noted; so is an `optional` one that is a linear function of others.

    Args:
        rows: by column name.
        names: of the columns; None takes those of the first row.
        first: number of the first row, for messages.
        optional: covariates that may be left out.

    Raises:
        ValueError: if a column is missing, a value is no number, a language has a
            sentence twice, T, A, R or D is constant, there are fewer than 3 languages
            or too few rows, or columns are linear functions of one another.

    Reference: our own definition.
    """
    columns = tuple(names if names is not None else (rows[0] if rows else ()))
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise ValueError(
            f"lacks column {', '.join(missing)}; needed are {', '.join(NEEDED)}, and "
            "any others are covariates"
        )
    others = [name for name in columns if name not in (*NEEDED, *ABOUT)]
    words = {name for name in others if _is_words(rows, name)}
    kept, dropped = _complete(rows, others, words, first)
    languages = tuple(dict.fromkeys(str(row["language"]).strip() for row in kept))
    numbers = {name: place for place, name in enumerate(languages)}
    language = np.array([numbers[str(row["language"]).strip()] for row in kept], int)
    sentences = tuple(str(row["sentence"]).strip() for row in kept)
    _check_rows(languages, language, sentences, dropped)
    numeric, notes = _columns(kept, others, words, optional)
    covariates = tuple(name for name in numeric if name not in NODES)
    if len(kept) < len(numeric) + 3:
        raise ValueError(
            f"{len(kept)} rows are too few for {len(numeric)} variables; needed are at "
            f"least {len(numeric) + 3}"
        )
    check_independent(numeric)
    return Units(
        languages=languages,
        language=language,
        sentences=sentences,
        columns=numeric,
        covariates=covariates,
        dropped=tuple(dropped),
        notes=tuple(notes),
    )


def check_independent(columns: dict[str, Float64[np.ndarray, " row"]]) -> None:
    """Checks that no column but D is a linear function of those before it.

    Args:
        columns: by name, none of them constant.

    Raises:
        ValueError: if one is, naming it and those it is made of.

    Reference: as `dependent`.
    """
    for name, made in dependent(columns).items():
        raise ValueError(
            f"{name} is a linear function of {made}; leave one of them out"
        )


def dependent(columns: dict[str, Float64[np.ndarray, " row"]]) -> dict[str, str]:
    """Finds the columns but D that are linear functions of those before them.

    Definition: of the variance less than `DEPENDENT` is left by those before.

    Args:
        columns: by name, none of them constant.

    Returns:
        By name, which columns each is made of, in words.

    Reference: our own definition; Gram-Schmidt, of centred columns.
    """
    names = [name for name in columns if name != "D"]
    table = np.stack([columns[name] for name in names], axis=1)
    table = table - table.mean(axis=0)
    table = table / np.sqrt(np.mean(table**2, axis=0))
    found: dict[str, str] = {}
    for place in range(1, len(names)):
        weights = np.linalg.lstsq(table[:, :place], table[:, place], rcond=None)[0]
        left = table[:, place] - table[:, :place] @ weights
        if np.mean(left**2) < DEPENDENT:
            made = [names[each] for each in np.flatnonzero(np.abs(weights) > 1e-6)]
            found[names[place]] = ", ".join(made)
    return found


def _is_words(rows: Sequence[dict[str, Any]], name: str) -> bool:
    """Whether no value of a column is a number."""
    found = [row[name] for row in rows if not _is_missing(row[name])]
    return bool(found) and all(_number(value) is None for value in found)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _columns(
    kept: Sequence[dict[str, Any]],
    others: Sequence[str],
    words: set[str],
    optional: Sequence[str],
) -> tuple[dict[str, np.ndarray], list[str]]:
    """T, A, R, D and the covariates that say something, and notes on the others."""
    numeric = {
        name: np.array([float(row[name]) for row in kept])
        for name in (*NODES, *(other for other in others if other not in words))
    }
    notes = []
    for name in others:
        if name in words:
            numeric |= _levels(name, [str(row[name]).strip() for row in kept])
    for name in NODES:
        if np.ptp(numeric[name]) == 0:
            raise ValueError(f"{name} is constant ({numeric[name][0]:g}) in all rows")
    constant = [name for name in numeric if np.ptp(numeric[name]) == 0]
    if constant:
        notes.append(f"constant covariates were left out: {', '.join(constant)}")
    numeric = {name: x for name, x in numeric.items() if name not in constant}
    for name, made in dependent(numeric).items():
        if name in optional:
            notes.append(f"{name} is a linear function of {made} and was left out")
            numeric.pop(name)
    return numeric, notes


def _complete(
    rows: Sequence[dict[str, Any]], others: Sequence[str], words: set[str], first: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows that have a value everywhere, and which have not."""
    kept, dropped = [], []
    for number, row in enumerate(rows, start=first):
        where = f"row {number} ({row['language']}, {row['sentence']})"
        reason = "" if not _is_missing(row["language"]) else "has no language"
        for name in (*NODES, *others):
            if _is_missing(row[name]):
                reason = reason or f"{name} is missing"
            elif name not in words:
                value = _number(row[name])
                if value is None:
                    raise ValueError(f"{where}: {name} is {row[name]!r}, not a number")
                if not math.isfinite(value):
                    reason = reason or f"{name} is {value:g}"
        if reason:
            dropped.append(f"{where}: {reason}")
        else:
            kept.append(row)
    return kept, dropped


def _check_rows(
    languages: Sequence[str],
    language: np.ndarray,
    sentences: Sequence[str],
    dropped: Sequence[str],
) -> None:
    if len(languages) < LEAST_LANGUAGES:
        without = f" ({len(dropped)} rows have missing values)" if dropped else ""
        raise ValueError(
            f"holds {len(languages)} languages{without}; needed are at least "
            f"{LEAST_LANGUAGES}"
        )
    seen: set[tuple[int, str]] = set()
    for number, sentence in zip(language.tolist(), sentences, strict=True):
        if (number, sentence) in seen:
            raise ValueError(f"{languages[number]} has sentence {sentence} twice")
        seen.add((number, sentence))


def _levels(name: str, values: Sequence[str]) -> dict[str, np.ndarray]:
    """Columns of 0 and 1 for all words of a column but the most frequent."""
    found = sorted(set(values), key=lambda word: (-values.count(word), word))
    if len(found) > MOST_LEVELS:
        raise ValueError(
            f"{name} has {len(found)} different words; allowed are {MOST_LEVELS}: "
            "leave it out, or give a number in its place"
        )
    chosen = np.array(values)
    if len(found) == 1:
        return {name: np.zeros(len(values))}
    return {f"{name}={word}": (chosen == word).astype(float) for word in found[1:]}
