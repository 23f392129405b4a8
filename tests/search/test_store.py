"""The store: kept once, counted, shared, killed, full, damaged; and never wrong."""

import pathlib
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jaxdisp
from jaxdisp.search import store
from tests.search import cells
from tests.search.cells import IDENTITY, OTHER_IDENTITY, OTHER_PIECE, PIECE

ROOT = pathlib.Path(jaxdisp.__file__).parent.parent


def losses_of(found, numbers, piece=PIECE):
    return store.read(found, IDENTITY, piece, [cells.key(i) for i in numbers])


def expected(numbers, n_sentences=8, piece=PIECE):
    return np.stack([cells.losses(cells.key(i), n_sentences, piece) for i in numbers])


def test_what_is_put_is_read_in_any_order(tmp_path):
    found = cells.filled(tmp_path / "store.sqlite", range(300))
    assert store.finished(found, IDENTITY, PIECE) == {cells.key(i) for i in range(300)}
    numbers = [7, 299, 0, 7]
    losses = losses_of(found, numbers)
    assert losses.dtype == np.float32
    np.testing.assert_array_equal(losses, expected(numbers))
    store.close(found)
    again = store.open_store(found.path)
    np.testing.assert_array_equal(losses_of(again, numbers), expected(numbers))
    store.close(again)


def test_a_store_in_memory():
    found = store.open_store(None)
    store.register(found, IDENTITY, {})
    store.put(found, IDENTITY, PIECE, cells.cells([1]))
    np.testing.assert_array_equal(losses_of(found, [1]), expected([1]))
    store.close(found)
    assert not pathlib.Path(":memory:").exists()


@given(
    st.lists(st.floats(width=32), min_size=1, max_size=5),
    st.binary(min_size=1, max_size=9),
)
def test_every_float_comes_back_bit_by_bit(values, key):
    found = store.open_store(None)
    store.register(found, IDENTITY, {})
    row = np.array(values, np.float32)
    store.put(found, IDENTITY, PIECE, [(key, row)])
    read = store.read(found, IDENTITY, PIECE, [key])
    store.close(found)
    assert read.tobytes() == row.tobytes()


def test_pieces_and_identities_are_apart(tmp_path):
    found = cells.filled(tmp_path / "store.sqlite", range(5))
    store.register(found, OTHER_IDENTITY, {})
    other = [(cells.key(2), np.zeros(3, np.float32))]
    store.put(found, IDENTITY, OTHER_PIECE, other)
    store.put(found, OTHER_IDENTITY, PIECE, cells.cells([1]))
    assert store.finished(found, IDENTITY, OTHER_PIECE) == {cells.key(2)}
    assert store.finished(found, OTHER_IDENTITY, PIECE) == {cells.key(1)}
    assert store.finished(found, OTHER_IDENTITY, OTHER_PIECE) == set()
    assert store.finished(found, "3" * 64, PIECE) == set()
    assert losses_of(found, [2], OTHER_PIECE).tolist() == [[0, 0, 0]]
    np.testing.assert_array_equal(losses_of(found, [2]), expected([2]))
    counts = [store.count(found, name) for name in (IDENTITY, OTHER_IDENTITY, "3" * 64)]
    assert counts == [6, 1, 0]
    assert store.evaluated_twice(found) == 0
    store.close(found)


def test_cells_put_again_are_counted_and_keep_the_first_loss(tmp_path):
    found = cells.filled(tmp_path / "store.sqlite", range(5))
    again = [(cells.key(i), np.zeros(8, np.float32)) for i in (3, 4, 5)]
    store.put(found, IDENTITY, PIECE, again)
    assert store.evaluated_twice(found) == 2
    assert store.count(found, IDENTITY) == 6
    np.testing.assert_array_equal(losses_of(found, [3, 4]), expected([3, 4]))
    assert not losses_of(found, [5]).any()
    store.put(found, IDENTITY, PIECE, [again[2], again[2], again[0]])
    assert store.evaluated_twice(found) == 3
    store.close(found)


def test_descriptions_stay_as_they_were(tmp_path):
    found = cells.opened(tmp_path / "store.sqlite", weights="w")
    store.register(found, IDENTITY, {"weights": "v"})
    rows = found.connection.execute("SELECT * FROM identities").fetchall()
    assert rows == [(1, IDENTITY, '{"dtype":"float32","weights":"w"}')]
    store.close(found)


def test_nothing_to_put(tmp_path):
    found = cells.opened(tmp_path / "store.sqlite")
    store.put(found, IDENTITY, PIECE, iter([]))
    assert store.finished(found, IDENTITY, PIECE) == set()
    store.close(found)


def test_an_identity_that_nobody_registered(tmp_path):
    found = cells.opened(tmp_path / "store.sqlite")
    message = f"^{found.path}: identity {OTHER_IDENTITY} is unknown; register it first$"
    with pytest.raises(ValueError, match=message):
        store.put(found, OTHER_IDENTITY, PIECE, cells.cells([1]))
    store.close(found)


@pytest.mark.parametrize("sizes", [(3, 8), (7,)])
def test_cells_with_another_number_of_sentences(tmp_path, sizes):
    found = cells.filled(tmp_path / "store.sqlite", range(5))
    wrong = [(cells.key(9 + n), np.zeros(n, np.float32)) for n in sizes]
    said = ", ".join(map(str, sizes))
    message = f"a piece of 8 sentences has a loss for each of them, got {said}$"
    with pytest.raises(ValueError, match=message):
        store.put(found, IDENTITY, PIECE, wrong)
    assert store.count(found, IDENTITY) == 5
    store.close(found)


def test_cells_that_are_not_there(tmp_path):
    found = cells.filled(tmp_path / "store.sqlite", range(5))
    message = r"store.sqlite: lacks the assignment \[5, 0, .*\]; compute it first$"
    with pytest.raises(ValueError, match=message):
        losses_of(found, [4, 5])
    store.close(found)


@pytest.mark.parametrize(
    "change",
    [
        "nll = zeroblob(32)",
        "nll = 'text'",
        "checksum = checksum + 1",
        "assignment = X'00'",
        "piece = piece + 1",
    ],
)
def test_checksums_find_what_was_changed(tmp_path, change):
    found = cells.filled(tmp_path / "store.sqlite", [1])
    store.put(found, IDENTITY, OTHER_PIECE, cells.cells([2]))
    found.connection.execute(f"UPDATE cells SET {change} WHERE piece = 1")
    piece = OTHER_PIECE if "piece" in change else PIECE
    key = b"\0" if "assignment" in change else cells.key(1)
    message = (
        rf"^{found.path}: the store is damaged \(the checksum of a loss is wrong\); "
        "delete it or restore a copy$"
    )
    with pytest.raises(ValueError, match=message):
        store.read(found, IDENTITY, piece, [key])
    store.close(found)


def test_all_or_nothing_where_a_cell_cannot_be_made(tmp_path):
    found = cells.filled(tmp_path / "store.sqlite", range(5))

    def failing():
        yield from cells.cells([5, 6])
        raise FloatingPointError

    with pytest.raises(FloatingPointError):
        store.put(found, IDENTITY, PIECE, failing())
    assert store.count(found, IDENTITY) == 5
    store.close(found)


def test_a_closed_store(tmp_path):
    found = cells.filled(tmp_path / "store.sqlite", range(5))
    store.close(found)
    store.close(found)
    message = r"cannot be used \(Cannot operate on a closed database\.\); open it again"
    with pytest.raises(ValueError, match=message):
        store.count(found, IDENTITY)


def test_a_store_that_may_only_be_read(tmp_path):
    found = cells.filled(tmp_path / "store.sqlite", range(5))
    found.connection.execute("PRAGMA query_only = 1")
    message = "cannot be written; change its permissions or choose another store$"
    with pytest.raises(ValueError, match=message):
        store.put(found, IDENTITY, PIECE, cells.cells([5]))
    np.testing.assert_array_equal(losses_of(found, [4]), expected([4]))
    store.close(found)


def test_a_full_disk_loses_nothing(tmp_path):
    found = cells.filled(tmp_path / "store.sqlite", range(100))
    (pages,) = found.connection.execute("PRAGMA page_count").fetchone()
    found.connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    message = (
        f"^{found.path}: the disk is full; make room and run again, what was stored is "
        "still there$"
    )
    with pytest.raises(OSError, match=message):
        store.put(found, IDENTITY, PIECE, cells.cells(range(50, 1000)))
    assert store.count(found, IDENTITY) == 100
    assert store.evaluated_twice(found) == 0
    np.testing.assert_array_equal(losses_of(found, range(100)), expected(range(100)))
    found.connection.execute("PRAGMA max_page_count = 1000000")
    store.put(found, IDENTITY, PIECE, cells.cells(range(100, 1000)))
    assert store.count(found, IDENTITY) == 1000
    store.close(found)
    again = store.open_store(found.path)
    np.testing.assert_array_equal(losses_of(again, range(1000)), expected(range(1000)))
    store.close(again)


def test_another_process_that_does_not_stop_writing(tmp_path):
    found = cells.filled(tmp_path / "store.sqlite", range(5))
    found.connection.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(found.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    np.testing.assert_array_equal(losses_of(found, [4]), expected([4]))
    with pytest.raises(OSError, match="another process has been writing"):
        store.put(found, IDENTITY, PIECE, cells.cells([5]))
    other.close()
    store.put(found, IDENTITY, PIECE, cells.cells([5]))
    store.close(found)


def test_threads_share_a_store_and_a_file(tmp_path):
    one = cells.opened(tmp_path / "store.sqlite")
    two = store.open_store(one.path)  # as another process would have it
    failures = []

    def work(number):
        found = (one, two)[number % 2]
        try:
            for start in range(0, 100, 10):
                numbers = range(1000 * number + start, 1000 * number + start + 10)
                store.put(found, IDENTITY, PIECE, cells.cells(numbers))
                np.testing.assert_array_equal(
                    losses_of(found, numbers), expected(numbers)
                )
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert store.count(one, IDENTITY) == store.count(two, IDENTITY) == 600
    assert store.evaluated_twice(one) == 0
    store.close(one)
    store.close(two)


def test_many_cells_are_written_quickly(tmp_path):
    found = cells.opened(tmp_path / "store.sqlite")
    many = cells.cells(range(20_000), 32)
    began = time.monotonic()
    for start in range(0, len(many), 1000):
        store.put(found, IDENTITY, PIECE, many[start : start + 1000])
    # a fifth of a second on an idle core; one transaction per cell takes many seconds
    assert time.monotonic() - began < 4
    store.close(found)


WRITER = """
import pathlib, sys
from jaxdisp.search import store
from tests.search import cells

found = store.open_store(pathlib.Path(sys.argv[1]))
size = int(sys.argv[3])
for number in range(int(sys.argv[2]), 10**6):
    numbers = range(number * size, (number + 1) * size)
    store.put(found, cells.IDENTITY, cells.PIECE, cells.cells(numbers))
    print(number, flush=True)
"""
SIZE = 150


def test_a_writer_killed_at_any_moment(tmp_path):
    path = cells.closed(cells.opened(tmp_path / "store.sqlite"))
    said, begun = set(), 0
    for milliseconds in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55):
        command = [sys.executable, "-c", WRITER, str(path), str(begun), str(SIZE)]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            said.add(int(process.stdout.readline()))
            time.sleep(milliseconds / 1000)
            process.kill()
            lines = process.stdout.read().split("\n")
        assert process.returncode == -signal.SIGKILL
        said.update(int(line) for line in lines[:-1])
        found = store.open_store(path)
        begun = whole_transactions(found, said)
        store.close(found)
    assert begun > 20


def whole_transactions(found, said):
    """What was said to be there and at most one more each time."""
    count, rest = divmod(store.count(found, IDENTITY), SIZE)
    assert rest == 0
    assert said <= set(range(count))
    assert len(said) + 10 >= count
    numbers = range(count * SIZE)
    keys = [cells.key(i) for i in numbers]
    assert store.finished(found, IDENTITY, PIECE) == set(keys)
    np.testing.assert_array_equal(losses_of(found, numbers), expected(numbers))
    assert store.evaluated_twice(found) == 0
    return count
