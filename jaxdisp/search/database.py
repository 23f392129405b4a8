"""SQLite files: opened, checked, written in whole transactions, errors in plain words.

The file is in write-ahead mode: readers do not wait for a writer, and what a killed
process had committed is there when the file is opened again.
"""

import contextlib
import pathlib
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

APPLICATION = 0x6A617864
"""What SQLite calls the application id: "jaxd"."""
PATIENCE = 60
"""Seconds to wait while another process writes."""

EXPLANATIONS: dict[str, tuple[type[Exception], str]] = {
    "SQLITE_FULL": (
        OSError,
        "the disk is full; make room and run again, what was stored is still there",
    ),
    "SQLITE_IOERR": (
        OSError,
        "reading or writing failed ({error}); check the disk, then run again",
    ),
    "SQLITE_BUSY": (
        OSError,
        f"another process has been writing for {PATIENCE} seconds; wait until it ends",
    ),
    "SQLITE_READONLY": (
        ValueError,
        "cannot be written; change its permissions or choose another store",
    ),
    "SQLITE_CANTOPEN": (
        ValueError,
        "cannot be opened; check the permissions of the directory",
    ),
    "SQLITE_NOTADB": (
        ValueError,
        "is damaged or not a store of jaxdisp; choose another or delete it",
    ),
}


def damaged(path: pathlib.Path, finding: str) -> ValueError:
    """Makes the error for a file whose content cannot be trusted.

    Args:
        path: the file.
        finding: what is wrong.

    Reference: our own definition.
    """
    first = finding.strip().split("\n")[0]
    return ValueError(
        f"{path}: the store is damaged ({first}); delete it or restore a copy"
    )


@contextlib.contextmanager
def explained(path: pathlib.Path) -> Iterator[None]:
    """Turns errors of SQLite into one line that says what to do.

    Args:
        path: the file that is named.

    Raises:
        ValueError: if the file is damaged, not a store, closed, or cannot be written.
        OSError: if the disk is full or fails, or another process does not stop writing.

    Reference: our own definition.
    """
    try:
        yield
    except sqlite3.ProgrammingError as error:
        raise ValueError(f"{path}: cannot be used ({error}); open it again") from error
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        for prefix, (kind, text) in EXPLANATIONS.items():
            if name.startswith(prefix):
                raise kind(f"{path}: {text.format(error=error)}") from error
        raise damaged(path, str(error)) from error


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Writes everything inside, or nothing if something is raised.

    Args:
        connection: in autocommit mode.

    Reference: our own definition.
    """
    # at once, for a reader that starts to write later does not wait for others
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled back by itself
            connection.execute("ROLLBACK")
        raise


def connect(
    path: pathlib.Path, tables: tuple[str, ...], schema: int
) -> sqlite3.Connection:
    """Opens a file and checks it, or makes it with empty tables.

    Args:
        path: the file.
        tables: statements that make the tables.
        schema: version of the tables.

    Raises:
        ValueError: if there is something else, of another schema, damaged, or it cannot
            be written.
        OSError: if the disk is full or fails.

    Reference: our own definition.
    """
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent}: no such directory; make it first")
    if path.is_dir():
        raise ValueError(f"{path}: is a directory; name a file in it")
    with explained(path):
        connection = sqlite3.connect(
            path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, path, tables, schema)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(
    connection: sqlite3.Connection,
    path: pathlib.Path,
    tables: tuple[str, ...],
    schema: int,
) -> None:
    with transaction(connection):  # so that of several processes one makes the tables
        found = _tables(connection)
        application = _pragma(connection, "application_id")
        if application == 0 and not found:
            for statement in tables:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {schema}")
        elif application != APPLICATION:
            raise ValueError(
                f"{path}: is a database, but not a store of jaxdisp; choose another"
            )
        else:
            _check_schema(path, _pragma(connection, "user_version"), schema)
            if found != tables:
                raise damaged(path, "the tables are not those of a store")
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    if (verdict := _pragma(connection, "quick_check(1)")) != "ok":
        raise damaged(path, str(verdict))


def _write_ahead(connection: sqlite3.Connection) -> None:
    # SQLite by itself does not wait here for others that have just opened the file
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            busy = (error.sqlite_errorname or "").startswith("SQLITE_BUSY")
            if not busy or time.monotonic() > until:
                raise
        time.sleep(0.01)


def _check_schema(path: pathlib.Path, found: int, schema: int) -> None:
    if found == schema:
        return
    age, advice = ("newer", "update jaxdisp") if found > schema else ("older", "")
    raise ValueError(
        f"{path}: is of the {age} schema {found}, and this version needs {schema}; "
        f"{advice or 'choose another store'}"
    )


def _tables(connection: sqlite3.Connection) -> tuple[str, ...]:
    query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
    return tuple(text for (text,) in connection.execute(query))


def _pragma(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]
