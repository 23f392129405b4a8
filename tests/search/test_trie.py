"""The trie: nothing is computed twice, too late, or forgotten too early."""

import itertools

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.search import lattice
from jaxdisp.search import trie as tries
from tests.search import trie_oracles as oracles

MOST = st.integers(1, 20)


@st.composite
def tables(draw):
    """Assignments with few versions, so that many are equal or begin alike."""
    n_layers, n_rows = draw(st.integers(1, 6)), draw(st.integers(1, 40))
    versions = st.integers(0, draw(st.integers(1, 3)))
    return draw(hnp.arrays(np.int32, (n_rows, n_layers + 1), elements=versions))


def sites_of(rows, outside=0):
    return lattice.with_outside(np.asarray(rows), outside)


def evaluations(sites):
    found = tries.layer_evaluations(tries.build(sites))
    assert found == oracles.layer_evaluations(sites)
    return found


def test_triples_of_twelve_layers():
    triples = lattice.protecting(lattice.subsets(12, 3), 12)
    assert len(triples) == 220
    assert evaluations(sites_of(triples)) == 999


def test_all_subsets_of_twelve_layers():
    rows = np.array(list(itertools.product((0, 1), repeat=12)))
    assert evaluations(sites_of(rows)) == 8190


@pytest.mark.parametrize("n", [1, 7])
def test_nothing_is_shared_where_what_lies_outside_differs(n):
    rows = sites_of(np.ones((n, 12), int), np.arange(n))
    assert evaluations(rows) == 12 * n


def test_a_trie_written_out():
    # one and two share layer 0, zero stands alone, one is there twice
    rows = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 0]])
    trie = tries.build(rows)
    assert trie.sites.tolist() == [[0, 0, 1], [0, 1, 0], [0, 1, 1]]
    assert [bounds.tolist() for bounds in trie.bounds] == [
        [0, 3],
        [0, 1, 3],
        [0, 1, 2, 3],
    ]
    assert trie.places.tolist() == [1, 2, 0, 1]
    assert (trie.n_subsets, trie.depth) == (3, 2)
    assert list(tries.walk(trie, 64)) == [
        tries.Apply(level=1, version=0, parents=(0,), nodes=(0,)),
        tries.Apply(level=1, version=1, parents=(0,), nodes=(1,)),
        tries.Drop(level=0, nodes=range(1)),
        tries.Apply(level=2, version=0, parents=(1,), nodes=(1,)),
        tries.Apply(level=2, version=1, parents=(0, 1), nodes=(0, 2)),
        tries.Drop(level=1, nodes=range(2)),
        tries.Read(subsets=range(3)),
        tries.Drop(level=2, nodes=range(3)),
    ]


@given(tables())
def test_assignments_find_their_places(sites):
    trie = tries.build(sites)
    beginnings = oracles.levels(sites)
    assert trie.n_subsets == len(beginnings[-1])
    assert trie.depth == sites.shape[1] - 1
    assert [tuple(row) for row in trie.sites.tolist()] == beginnings[-1]
    np.testing.assert_array_equal(trie.sites[trie.places], np.roll(sites, 1, axis=1))
    for level, bounds in enumerate(trie.bounds):
        nodes = [tuple(row) for row in trie.sites[bounds[:-1], : level + 1].tolist()]
        assert nodes == beginnings[level]
        assert bounds[-1] == trie.n_subsets


@given(tables(), MOST)
def test_every_node_is_computed_once_and_every_subset_read_once(sites, most):
    trie = tries.build(sites)
    steps = list(tries.walk(trie, most))
    found = oracles.follow(sites, steps)
    assert found.computed == oracles.layer_evaluations(sites) == evaluations(sites)
    assert sorted(found.read) == list(range(trie.n_subsets))
    # versions of the same layer are computed together, each once per set of nodes
    for before, after in itertools.pairwise(steps):
        if isinstance(before, tries.Apply) and isinstance(after, tries.Apply):
            assert before.level == after.level
            assert before.version < after.version


@given(tables(), MOST)
def test_no_more_is_held_than_was_promised(sites, most):
    trie = tries.build(sites)
    found = oracles.follow(sites, tries.walk(trie, most))
    assert tries.most_states(trie, most) == found.peak
    # the children of one node are computed together, however few may be
    together = max(most, len(set(sites.ravel().tolist())))
    assert all(peak <= together for peak in found.peak_of_level[1:])
    assert found.peak <= found.peak_of_level[0] + together * trie.depth


@given(tables(), MOST, hnp.arrays(bool, 40))
def test_what_is_wanted_is_computed_as_beside_the_rest(sites, most, wishes):
    trie = tries.build(sites)
    wanted = wishes[: trie.n_subsets]
    steps = list(tries.walk(trie, most, wanted))
    found = oracles.follow(sites, steps, wanted)
    assert len(set(found.read)) == len(found.read)
    assert set(np.flatnonzero(wanted).tolist()) <= set(found.read)
    everything = iter(tries.walk(trie, most))
    work = [step for step in steps if not isinstance(step, tries.Drop)]
    assert all(step in everything for step in work)  # in the same order
    # groups of which nothing is wanted are left out
    groups = [step.subsets for step in work if isinstance(step, tries.Read)]
    assert groups == [
        group
        for group in tries.groups(trie, most)
        if wanted[group.start : group.stop].any()
    ]
    assert found.peak <= tries.most_states(trie, most)


@given(tables(), MOST)
def test_groups_divide_the_subsets(sites, most):
    trie = tries.build(sites)
    found = tries.groups(trie, most)
    assert [n for group in found for n in group] == list(range(trie.n_subsets))
    assert all(len(group) > 0 for group in found)


def test_nothing_is_wanted():
    trie = tries.build(sites_of([[0, 1], [1, 0]]))
    steps = list(tries.walk(trie, 64, np.zeros(2, bool)))
    assert steps == [tries.Drop(level=0, nodes=range(1))]
