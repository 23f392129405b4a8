"""Stores merged: everything once, nothing that contradicts."""

import itertools

import numpy as np
import pytest

from jaxdisp.search import merging, store
from tests.search import cells
from tests.search.cells import IDENTITY, OTHER_IDENTITY, OTHER_PIECE, PIECE


def merged(target, sources):
    merging.merge(target, sources)
    for source in sources:
        store.close(source)
    return target


def check(found, numbers, piece=PIECE):
    keys = [cells.key(i) for i in numbers]
    assert store.finished(found, IDENTITY, piece) == set(keys)
    expected = np.stack([cells.losses(key, piece=piece) for key in keys])
    np.testing.assert_array_equal(store.read(found, IDENTITY, piece, keys), expected)


def rows(found):
    query = """SELECT identities.name, pieces.name, assignment, nll, evaluations
        FROM cells JOIN identities ON identities.number = identity
        JOIN pieces ON pieces.number = piece ORDER BY 1, 2, 3"""
    return found.connection.execute(query).fetchall()


def test_shards_add_up(tmp_path):
    shards = [
        cells.filled(tmp_path / f"{i}.sqlite", range(i, 3000, 2)) for i in range(2)
    ]
    more = cells.cells(range(7), piece=OTHER_PIECE)
    store.put(shards[1], IDENTITY, OTHER_PIECE, more)
    target = merged(store.open_store(tmp_path / "all.sqlite"), shards)
    check(target, range(3000))
    check(target, range(7), OTHER_PIECE)
    assert store.count(target, IDENTITY) == 3007
    assert store.evaluated_twice(target) == 0
    store.close(target)


def test_the_order_does_not_matter(tmp_path):
    found = []
    for order in itertools.permutations(range(3)):
        name = "".join(map(str, order))
        sources = []
        for i in order:  # numbers in the files differ from place to place
            source = cells.opened(tmp_path / f"{name}-{i}.sqlite")
            for piece in (PIECE, OTHER_PIECE)[:: 1 if i % 2 else -1]:
                made = cells.cells(range(4 * i, 4 * i + 8), piece=piece)
                store.put(source, IDENTITY, piece, made)
            sources.append(source)
        target = merged(store.open_store(None), sources)
        found.append(rows(target))
        store.close(target)
    assert all(other == found[0] for other in found)
    assert len(found[0]) == 32


def test_cells_of_several_stores_count_as_computed_again(tmp_path):
    target = cells.filled(tmp_path / "all.sqlite", range(10))
    one = cells.filled(tmp_path / "one.sqlite", range(8, 12))
    two = cells.filled(tmp_path / "two.sqlite", range(11, 13))
    merged(target, [one, two])
    check(target, range(13))
    assert store.evaluated_twice(target) == 3
    store.close(target)


def test_an_empty_shard_has_nothing_to_add(tmp_path):
    empty = cells.opened(tmp_path / "empty.sqlite")
    target = merged(store.open_store(tmp_path / "all.sqlite"), [empty])
    assert store.count(target, IDENTITY) == 0
    store.put(target, IDENTITY, PIECE, cells.cells([1]))
    store.close(target)


def test_nothing_is_nan_unlike_itself():
    stores = []
    for _ in range(3):
        found = store.open_store(None)
        store.register(found, IDENTITY, {})
        row = np.array([np.nan, -0.0], np.float32)
        store.put(found, IDENTITY, PIECE, [(b"\0", row)])
        stores.append(found)
    target = merged(stores[0], stores[1:])
    assert store.evaluated_twice(target) == 1
    store.close(target)


def test_stores_of_different_configurations(tmp_path):
    one = cells.filled(tmp_path / "one.sqlite", range(5))
    two = cells.opened(
        tmp_path / "two.sqlite", OTHER_IDENTITY, dtype="bfloat16", weights="w"
    )
    target = store.open_store(tmp_path / "all.sqlite")
    message = (
        f"^{two.path}: differs from {one.path} in dtype, weights; merge stores of one "
        "configuration only$"
    )
    with pytest.raises(ValueError, match=message):
        merging.merge(target, [one, two])
    assert store.count(target, IDENTITY) == 0
    for found in (one, two, target):
        store.close(found)


def test_a_store_that_has_one_configuration_more(tmp_path):
    one = cells.opened(tmp_path / "one.sqlite")
    two = cells.opened(tmp_path / "two.sqlite")
    store.register(two, OTHER_IDENTITY, {"dtype": "float64"})
    target = store.open_store(None)
    message = r"two.sqlite: differs from .*one.sqlite in dtype; merge stores of one"
    with pytest.raises(ValueError, match=message):
        merging.merge(target, [one, two])
    for found in (one, two, target):
        store.close(found)


def test_different_losses_for_one_cell(tmp_path):
    one = cells.filled(tmp_path / "one.sqlite", range(1500))
    two = cells.opened(tmp_path / "two.sqlite")
    almost = np.nextafter(cells.losses(cells.key(3)), np.float32(np.inf))
    store.put(two, IDENTITY, PIECE, [*cells.cells([2, 9999]), (cells.key(3), almost)])
    target = cells.filled(tmp_path / "all.sqlite", [5000])
    message = (
        f"^{two.path}: has another loss than {target.path}, or a store merged before "
        "it, for the same cell; merge stores of one program and one kind of machine$"
    )
    with pytest.raises(ValueError, match=message):
        merging.merge(target, [one, two])
    check(target, [5000])
    assert store.evaluated_twice(target) == 0
    for found in (one, two, target):
        store.close(found)


@pytest.mark.parametrize(
    "change", ["nll = zeroblob(32)", "identity = 7", "piece = 7", "assignment = 'a'"]
)
def test_damaged_cells_are_not_passed_on(tmp_path, change):
    one = cells.filled(tmp_path / "one.sqlite", range(5))
    last = "(SELECT max(assignment) FROM cells)"
    one.connection.execute(f"UPDATE cells SET {change} WHERE assignment = {last}")
    target = store.open_store(None)
    with pytest.raises(ValueError, match=rf"^{one.path}: the store is damaged \("):
        merging.merge(target, [one])
    assert store.count(target, IDENTITY) == 0
    store.close(one)
    store.close(target)


@pytest.mark.parametrize("text", ["{", "[1]", "1"])
def test_descriptions_that_are_damaged(tmp_path, text):
    one = cells.opened(tmp_path / "one.sqlite")
    two = cells.opened(tmp_path / "two.sqlite")
    two.connection.execute("UPDATE identities SET description = ?", (text,))
    target = store.open_store(None)
    message = rf"^{two.path}: the store is damaged \(a description cannot be read\); "
    with pytest.raises(ValueError, match=message):
        merging.merge(target, [one, two])
    for found in (one, two, target):
        store.close(found)


@pytest.mark.parametrize("again", [False, True])
def test_a_store_merged_with_itself(tmp_path, again):
    one = cells.filled(tmp_path / "one.sqlite", range(5))
    target = store.open_store(None)
    same = store.open_store(one.path)
    call = (target, [one, same]) if again else (same, [one])
    message = f"^{one.path}: is merged with itself; name a store once$"
    with pytest.raises(ValueError, match=message):
        merging.merge(*call)
    for found in (one, same, target):
        store.close(found)


def test_a_full_disk_leaves_the_target_as_it_was(tmp_path):
    one = cells.filled(tmp_path / "one.sqlite", range(3000))
    target = cells.filled(tmp_path / "all.sqlite", range(5))
    target.connection.execute("PRAGMA max_page_count = 20")
    with pytest.raises(OSError, match=rf"^{target.path}: the disk is full; "):
        merging.merge(target, [one])
    check(target, range(5))
    store.close(one)
    store.close(target)
