"""Merging: the cells of several stores in one, where none contradicts another."""

import contextlib
import itertools
import json
from collections.abc import Generator, Sequence
from typing import Any

from jaxdisp.search import database
from jaxdisp.search.store import ADD, MEMORY, Store, access, numbers, verify

CELLS = (
    "SELECT identities.name, pieces.name, assignment, nll, checksum, evaluations "
    "FROM cells LEFT JOIN identities ON identities.number = identity "
    "LEFT JOIN pieces ON pieces.number = piece"
)
"""Those whose identity or piece is missing, too, so that the loss is noticed."""
CHUNK = 1000
"""Cells in memory at a time."""


def merge(target: Store, sources: Sequence[Store]) -> None:
    """Adds the cells of other stores to a store, all of them or, if any differs, none.

    How often a cell was computed is added up, so a source merged again counts again.

    Args:
        target: the store that is added to.
        sources: stores of the same identities.

    Raises:
        ValueError: if a store is there twice, the sources are of different identities,
            two hold different losses for a cell, or as `database.explained`.
        OSError: if the disk is full, or as `database.explained`.

    Reference: our own definition.
    """
    for one, other in itertools.combinations((target, *sources), 2):
        if (
            one is other
            or one.path.resolve() == other.path.resolve() != MEMORY.resolve()
        ):
            raise ValueError(f"{one.path}: is merged with itself; name a store once")
    for source in sources[1:]:
        _check_identities(sources[0], source)
    with access(target) as connection, database.transaction(connection):
        for source in sources:
            _merge_one(target, source)


def _descriptions(store: Store) -> dict[str, dict[str, Any]]:
    with access(store) as connection:
        rows = connection.execute("SELECT name, description FROM identities").fetchall()
    try:
        return {name: dict(json.loads(text)) for name, text in rows}
    except (TypeError, ValueError) as error:
        raise database.damaged(store.path, "a description cannot be read") from error


def _check_identities(first: Store, other: Store) -> None:
    one, two = _descriptions(first), _descriptions(other)
    if one.keys() == two.keys():
        return
    left = next((one[name] for name in sorted(one.keys() - two.keys())), {})
    right = next((two[name] for name in sorted(two.keys() - one.keys())), {})
    topics = sorted(
        topic
        for topic in left.keys() | right.keys()
        if left.get(topic) != right.get(topic)
    )
    raise ValueError(
        f"{other.path}: differs from {first.path} in {', '.join(topics)}; "
        "merge stores of one configuration only"
    )


def _merge_one(target: Store, source: Store) -> None:
    for table, column in (("identities", "description"), ("pieces", "sentences")):
        add = f"INSERT OR IGNORE INTO {table} (name, {column}) VALUES (?, ?)"
        with _chunks(source, f"SELECT name, {column} FROM {table}") as chunks:
            for rows in chunks:
                target.connection.executemany(add, rows)
    identities = numbers(target.connection, "identities")
    pieces = numbers(target.connection, "pieces")
    with _chunks(source, CELLS) as chunks:
        for rows in chunks:
            for identity, piece, *cell, _ in rows:
                verify(source, identity, piece, cell)
            _add(
                target,
                source,
                [(identities[row[0]], pieces[row[1]], *row[2:]) for row in rows],
            )


def _chunks(
    source: Store, query: str
) -> contextlib.closing[Generator[list[tuple[Any, ...]], None, None]]:
    """Rows of a source; an error of the target does not pass for one of the source."""

    def fetch() -> Generator[list[tuple[Any, ...]], None, None]:
        with access(source) as connection:
            cursor = connection.execute(query)
            while rows := cursor.fetchmany(CHUNK):
                yield rows

    return contextlib.closing(fetch())


def _add(target: Store, source: Store, rows: Sequence[tuple[Any, ...]]) -> None:
    before = target.connection.total_changes
    target.connection.executemany(f"{ADD} WHERE nll = excluded.nll", rows)
    if target.connection.total_changes - before < len(rows):
        raise ValueError(
            f"{source.path}: has another loss than {target.path}, or a store merged "
            "before it, for the same cell; merge stores of one program and one kind "
            "of machine"
        )
