"""The store: losses that have been computed already, in one file.

A cell is the loss of every sentence of a piece of text (a batch of sentences) under one
assignment. It is kept under

    identity     SHA-256 of what determines the numbers: weights, tokenizer, quantizers,
                 dtype, version of the numerics
    piece        SHA-256 of the token numbers of the sentences
    assignment   one byte per site

with a checksum, and with how often it was computed. Cells are written in transactions:
a process killed at any moment leaves whole ones. Several threads may share a store, and
several processes a file.
"""

import contextlib
import dataclasses
import hashlib
import pathlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32

from jaxdisp.search import database, keys

SCHEMA = 1
MEMORY = pathlib.Path(":memory:")
"""The name by which SQLite knows a database that is in no file."""
TABLES = (
    "CREATE TABLE identities (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
    "description TEXT NOT NULL)",
    "CREATE TABLE pieces (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
    "sentences INTEGER NOT NULL)",
    "CREATE TABLE cells (identity INTEGER NOT NULL, piece INTEGER NOT NULL, "
    "assignment BLOB NOT NULL, nll BLOB NOT NULL, checksum INTEGER NOT NULL, "
    "evaluations INTEGER NOT NULL, PRIMARY KEY (identity, piece, assignment)) "
    "WITHOUT ROWID",
)
ADD = (
    "INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
    "SET evaluations = evaluations + excluded.evaluations"
)
OF_IDENTITY = "identity = (SELECT number FROM identities WHERE name = ?)"
OF_PIECE = "piece = (SELECT number FROM pieces WHERE name = ?)"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Store:
    """An open store; the lock lets one thread in at a time."""

    path: pathlib.Path
    connection: sqlite3.Connection
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)


def identity(**parts: Any) -> str:
    """Names all that determines a loss but the text and the assignment.

    Definition: SHA-256, in hexadecimal, of the JSON object of the arguments with sorted
    keys and without spaces.

    Args:
        parts: by name, what JSON can hold or dataclasses: hashes of the weights and the
            tokenizer, the quantizers of versions 1, 2, ..., the dtype of computations,
            the version of the functions that compute losses.

    Raises:
        ValueError: if a number is NaN or infinite.

    Reference: our own definition.
    """
    return hashlib.sha256(keys.canonical(parts).encode()).hexdigest()


def open_store(path: pathlib.Path | None) -> Store:
    """Opens a store, or makes an empty one.

    Args:
        path: the file; None keeps the store in memory.

    Raises: as `database.connect`.

    Reference: our own definition.
    """
    path = MEMORY if path is None else path
    return Store(path=path, connection=database.connect(path, TABLES, SCHEMA))


def close(store: Store) -> None:
    """Closes a store; what is closed already stays so.

    Args:
        store: the store.

    Raises: as `database.explained`.

    Reference: our own definition.
    """
    with access(store):
        store.connection.close()


@contextlib.contextmanager
def access(store: Store) -> Iterator[sqlite3.Connection]:
    """Lets one thread at the connection and explains errors.

    Args:
        store: an open store.

    Raises: as `database.explained`.

    Reference: our own definition.
    """
    with store.lock, database.explained(store.path):
        yield store.connection


def register(store: Store, identity: str, description: dict[str, Any]) -> None:
    """Says what an identity stands for; what was said first stays.

    Args:
        store: an open store.
        identity: as from `identity`.
        description: by topic, what JSON can hold or dataclasses.

    Raises: as `database.explained`.

    Reference: our own definition.
    """
    row = (identity, keys.canonical(description))
    with access(store) as connection, database.transaction(connection):
        connection.execute(
            "INSERT OR IGNORE INTO identities (name, description) VALUES (?, ?)", row
        )


def finished(store: Store, identity: str, piece: str) -> set[bytes]:
    """Lists the assignments that have a cell for a piece of text.

    Args:
        store: an open store.
        identity: as from `identity`.
        piece: as from `keys.piece_of`.

    Raises: as `database.explained`.

    Reference: our own definition.
    """
    query = f"SELECT assignment FROM cells WHERE {OF_IDENTITY} AND {OF_PIECE}"
    with access(store) as connection:
        return {key for (key,) in connection.execute(query, (identity, piece))}


def put(
    store: Store,
    identity: str,
    piece: str,
    cells: Iterable[tuple[bytes, Float32[np.ndarray, " sentence"]]],
) -> None:
    """Stores cells, all of them or, if anything fails, none.

    A cell that is there keeps its loss and is counted as computed once more.

    Args:
        store: an open store.
        identity: one that is registered.
        piece: as from `keys.piece_of`.
        cells: assignment, as from `keys.assignment_keys`, and the loss of each
            sentence in nats.

    Raises:
        ValueError: if the identity is not registered, a cell has another number of
            sentences than the others of the piece, or as `database.explained`.
        OSError: if the disk is full, or as `database.explained`.

    Reference: our own definition.
    """
    rows = [(key, np.asarray(nll, "<f4").tobytes()) for key, nll in cells]
    lengths = {len(nll) // 4 for _, nll in rows}
    if not rows:
        return
    with access(store) as connection, database.transaction(connection):
        known = numbers(connection, "identities")
        if identity not in known:
            raise ValueError(
                f"{store.path}: identity {identity} is unknown; register it first"
            )
        place = (known[identity], _piece_number(store, piece, lengths))
        connection.executemany(
            ADD,
            (
                (*place, key, nll, keys.checksum(identity, piece, key, nll), 1)
                for key, nll in rows
            ),
        )


def numbers(connection: sqlite3.Connection, table: str) -> dict[str, int]:
    """Finds what stands for identities or pieces in a file.

    Args:
        connection: to the file.
        table: `identities` or `pieces`.

    Reference: our own definition.
    """
    return dict(connection.execute(f"SELECT name, number FROM {table}"))


def _piece_number(store: Store, piece: str, lengths: set[int]) -> int:
    """The number of a piece, which is added if it is new."""
    connection = store.connection
    connection.execute(
        "INSERT OR IGNORE INTO pieces (name, sentences) VALUES (?, ?)",
        (piece, min(lengths)),
    )
    number, sentences = connection.execute(
        "SELECT number, sentences FROM pieces WHERE name = ?", (piece,)
    ).fetchone()
    if lengths != {sentences}:
        raise ValueError(
            f"{store.path}: a piece of {sentences} sentences has a loss for each of "
            f"them, got {', '.join(map(str, sorted(lengths)))}"
        )
    return number


def verify(
    store: Store, identity: str | None, piece: str | None, cell: Sequence[Any]
) -> None:
    """Checks that a cell is what was written.

    Args:
        store: where it is from.
        identity: as from `identity`.
        piece: as from `keys.piece_of`.
        cell: assignment, loss and checksum.

    Raises:
        ValueError: if it is damaged.

    Reference: our own definition.
    """
    key, nll, checksum = cell
    if keys.checksum(identity, piece, key, nll) != checksum:
        raise database.damaged(store.path, "the checksum of a loss is wrong")


def read(
    store: Store, identity: str, piece: str, assignments: Sequence[bytes]
) -> Float32[np.ndarray, "subset sentence"]:
    """Returns stored losses, in nats.

    Args:
        store: an open store.
        identity: as from `identity`.
        piece: as from `keys.piece_of`.
        assignments: as from `keys.assignment_keys`, at least one.

    Raises:
        ValueError: if a cell is missing or damaged, or as `database.explained`.

    Reference: our own definition.
    """
    query = (
        "SELECT assignment, nll, checksum FROM cells "
        f"WHERE {OF_IDENTITY} AND {OF_PIECE} AND assignment = ?"
    )
    losses = []
    with access(store) as connection:
        for key in assignments:
            cell = connection.execute(query, (identity, piece, key)).fetchone()
            if cell is None:
                raise ValueError(
                    f"{store.path}: lacks the assignment {list(key)}; compute it first"
                )
            verify(store, identity, piece, cell)
            losses.append(np.frombuffer(cell[1], "<f4"))
    return np.stack(losses).astype(np.float32)


def count(store: Store, identity: str) -> int:
    """Counts the cells of an identity.

    Args:
        store: an open store.
        identity: as from `identity`.

    Raises: as `database.explained`.

    Reference: our own definition.
    """
    query = f"SELECT count(*) FROM cells WHERE {OF_IDENTITY}"
    with access(store) as connection:
        return connection.execute(query, (identity,)).fetchone()[0]


def evaluated_twice(store: Store) -> int:
    """Counts the cells that were computed more than once, by whomever.

    Args:
        store: an open store.

    Raises: as `database.explained`.

    Reference: our own definition.
    """
    query = "SELECT count(*) FROM cells WHERE evaluations > 1"
    with access(store) as connection:
        return connection.execute(query).fetchone()[0]
