"""Files that are no stores, cannot be used, or are damaged: one clear line each."""

import contextlib
import os
import pathlib
import sqlite3
import subprocess
import sys
import threading

import numpy as np
import pytest

from jaxdisp.search import database, store
from tests.search import cells

NUMBERS = range(40)


def error_of(path, kind=ValueError):
    with pytest.raises(kind, match=r"^\S") as caught:
        store.open_store(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_new_file_is_empty_and_opens_again(tmp_path):
    path = tmp_path / "store.sqlite"
    store.close(store.open_store(path))
    found = store.open_store(path)
    assert store.count(found, cells.IDENTITY) == 0
    for pragma, value in (
        ("application_id", int.from_bytes(b"jaxd")),
        ("user_version", 1),
        ("journal_mode", "wal"),
        ("synchronous", 1),  # NORMAL
        ("busy_timeout", 60_000),
    ):
        (row,) = found.connection.execute(f"PRAGMA {pragma}").fetchall()
        assert row == (value,)
    store.close(found)


def test_a_file_without_anything_becomes_a_store(tmp_path):
    path = tmp_path / "store.sqlite"
    path.touch()
    store.close(store.open_store(path))
    assert path.stat().st_size > 0


def test_no_directory(tmp_path):
    path = tmp_path / "none" / "store.sqlite"
    assert error_of(path) == f"{path.parent}: no such directory; make it first"
    message = f"{tmp_path}: is a directory; name a file in it"
    assert error_of(tmp_path) == message


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "store.sqlite"
    path.write_text("Losses of many sentences.\n" * 50)
    message = "is damaged or not a store of jaxdisp; choose another or delete it"
    assert error_of(path) == f"{path}: {message}"
    assert path.read_text().startswith("Losses")


@pytest.mark.parametrize("application", [0, 7])
def test_a_database_of_something_else(tmp_path, application):
    path = tmp_path / "store.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE books (title TEXT)")
    connection.execute(f"PRAGMA application_id = {application}")
    connection.close()
    before = path.read_bytes()
    message = f"{path}: is a database, but not a store of jaxdisp; choose another"
    assert error_of(path) == message
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (2, "newer schema 2, and this version needs 1; update jaxdisp"),
        (0, "older schema 0, and this version needs 1; choose another store"),
    ],
)
def test_another_schema(tmp_path, version, said):
    path = cells.closed(cells.filled(tmp_path / "store.sqlite", NUMBERS))
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    assert error_of(path) == f"{path}: is of the {said}"


def test_tables_that_were_changed(tmp_path):
    path = cells.closed(cells.filled(tmp_path / "store.sqlite", NUMBERS))
    connection = sqlite3.connect(path)
    connection.execute("ALTER TABLE pieces ADD COLUMN author TEXT")
    connection.close()
    message = "the store is damaged (the tables are not those of a store); delete it or"
    assert error_of(path).startswith(f"{path}: {message}")


def test_a_file_that_was_cut_short(tmp_path):
    path = cells.closed(cells.filled(tmp_path / "store.sqlite", range(400)))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    message = f"{path}: the store is damaged (database disk image is malformed); delete"
    assert error_of(path).startswith(message)


def test_pages_that_are_overwritten(tmp_path):
    path = cells.closed(cells.filled(tmp_path / "store.sqlite", range(400)))
    content = bytearray(path.read_bytes())
    content[-4096:-2048] = bytes(2048)
    path.write_bytes(content)
    assert error_of(path).startswith(f"{path}: the store is damaged (")


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_flipped_bits_never_change_a_loss(tmp_path, suffix):
    """Whatever byte is hit: an error, cells that are not there, or the right losses."""
    found = cells.opened(tmp_path / "store.sqlite")
    for number in NUMBERS:
        store.put(found, cells.IDENTITY, cells.PIECE, cells.cells([number]))
    if not suffix:
        store.close(found)  # moves everything from the log into the file
    files = {end: read_bytes(f"{found.path}{end}") for end in ("", "-wal")}
    store.close(found)
    outcomes = []
    content = files[suffix]
    for place in np.linspace(0, len(content) - 1, 150).astype(int).tolist():
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        directory = tmp_path / f"{place}"
        directory.mkdir()
        for end, whole in (files | {suffix: damaged}).items():
            (directory / f"store.sqlite{end}").write_bytes(whole)
        outcomes.append(read_again(directory / "store.sqlite"))
    if suffix:  # each entry of the log has a checksum, and is void with what follows
        assert set(outcomes) == {"fewer"}
    else:  # some bytes are not in use
        assert outcomes.count("refused") > 15
        assert outcomes.count("all") > 15


def read_bytes(name):
    path = pathlib.Path(name)
    return path.read_bytes() if path.exists() else b""


def read_again(path):
    found = None
    try:
        found = store.open_store(path)
        there = sorted(store.finished(found, cells.IDENTITY, cells.PIECE))
        if not there:
            return "fewer"
        losses = store.read(found, cells.IDENTITY, cells.PIECE, there)
    except ValueError:
        return "refused"
    finally:
        if found is not None:
            store.close(found)
    for key, row in zip(there, losses, strict=True):
        np.testing.assert_array_equal(row, cells.losses(key))
    return "all" if len(there) == len(NUMBERS) else "fewer"


def failing(message, code, name):
    error = sqlite3.OperationalError(message)
    error.sqlite_errorcode, error.sqlite_errorname = code, name
    return error


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        (
            "SQLITE_FULL",
            OSError,
            "the disk is full; make room and run again, what was stored is still there",
        ),
        (
            "SQLITE_IOERR_WRITE",
            OSError,
            "reading or writing failed (what); check the disk, then run again",
        ),
        (
            "SQLITE_BUSY",
            OSError,
            "another process has been writing for 60 seconds; wait until it ends",
        ),
        (
            "SQLITE_READONLY_DIRECTORY",
            ValueError,
            "cannot be written; change its permissions or choose another store",
        ),
        (
            "SQLITE_CANTOPEN",
            ValueError,
            "cannot be opened; check the permissions of the directory",
        ),
        (
            "SQLITE_ERROR",
            ValueError,
            "the store is damaged (what); delete it or restore a copy",
        ),
    ],
)
def test_errors_are_explained(tmp_path, name, kind, said):
    path = tmp_path / "store.sqlite"
    with pytest.raises(kind) as caught, database.explained(path):
        raise failing("what", 1, name)
    assert type(caught.value) is kind
    assert str(caught.value) == f"{path}: {said}"


def test_a_file_that_may_not_be_written(tmp_path):
    path = cells.closed(cells.filled(tmp_path / "store.sqlite", NUMBERS))
    path.chmod(0o444)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write everything")
    message = "cannot be written; change its permissions or choose another store"
    assert error_of(path) == f"{path}: {message}"


def test_a_transaction_is_undone_as_a_whole():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE numbers (n INTEGER)")

    def killed():
        with database.transaction(connection):
            connection.execute("INSERT INTO numbers VALUES (1)")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    with database.transaction(connection):
        connection.execute("INSERT INTO numbers VALUES (2)")
    assert connection.execute("SELECT n FROM numbers").fetchall() == [(2,)]
    connection.close()


OPEN = """
import pathlib, sys
from jaxdisp.search import store
print("ready", flush=True)
sys.stdin.readline()
for path in sys.argv[1:]:
    store.close(store.open_store(pathlib.Path(path)))
"""


def test_several_processes_make_the_same_files(tmp_path):
    paths = [str(tmp_path / f"{number}.sqlite") for number in range(40)]
    command = [sys.executable, "-c", OPEN, *paths]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(subprocess.Popen(command, **pipes)) for _ in range(3)
        ]
        for process in processes:  # so that they begin together
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]


def test_a_change_of_mode_waits_for_another_that_is_writing(tmp_path):
    path = tmp_path / "store.sqlite"
    one, other = (
        sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for _ in range(2)
    )
    other.execute("CREATE TABLE numbers (n INTEGER)")
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO numbers VALUES (1)")
    timer = threading.Timer(0.1, other.execute, ("COMMIT",))
    timer.start()
    database._write_ahead(one)
    timer.join()
    assert one.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    one.close()
    other.close()
