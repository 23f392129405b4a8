"""Fronts and places at the same size, against loops over pairs."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.search import objectives, pareto
from tests.measure.oracles import expanded_bca
from tests.models import small
from tests.search import search_oracles as oracles

SETS, DRAWS, TEXTS = 8, 100, 16
# few values, so that there are ties in one cost, in all, and NaN
COSTS = hnp.arrays(
    np.float64, (12, 3), elements=st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan])
)


@given(costs=COSTS, order=st.permutations(range(12)))
def test_fronts_equal_pairs_and_follow_the_rows(costs, order):
    found = pareto.front(costs)
    assert found.tolist() == oracles.front(costs)
    assert np.array_equal(pareto.front(costs[list(order)]), found[list(order)])
    # any increasing function of a cost leaves them alone
    assert np.array_equal(pareto.front(np.exp(costs)), found)
    assert found.any() or np.isnan(costs).any(axis=1).all()


def test_blocks_of_rows_do_not_matter(monkeypatch):
    costs = small.normal("costs", (100, 2))
    whole = pareto.front(costs)
    monkeypatch.setattr(pareto, "BLOCK", 7)
    assert np.array_equal(pareto.front(costs), whole)


def test_each_number_has_its_own_front():
    sizes = np.array([1, 2, 3, 3])
    found = pareto.fronts(
        sizes,
        mean=np.array([4.0, 3.0, 2.0, 2.0]),
        worst=np.array([4.0, 5.0, 3.0, 4.0]),
        disparity=np.array([0.0, 1.0, np.nan, 0.0]),
    )
    assert found.mean.tolist() == [True, True, True, True]
    assert found.worst.tolist() == [True, False, True, False]
    assert found.disparity.tolist() == [True, False, False, False]


def made_up():
    estimate = np.array([3.0, 1.0, 2.0, 1.5, 0.5, 1.5, 4.0, 0.25])
    draws = small.normal("draws", (DRAWS, SETS))
    left = small.normal("left", (TEXTS, SETS))
    return objectives.Objectives(
        estimate=estimate,
        replicates=estimate + 0.1 * draws,
        jackknife=estimate + 0.01 * left,
    )


N_BYTES = np.array([10, 10, 10, 10, 12, 10, 10, 20])


def test_the_place_among_sets_of_the_same_size():
    made = made_up()
    found = pareto.matched_budget(N_BYTES, made, 3)
    assert found.members.tolist() == (N_BYTES == 10).tolist()
    assert (found.number, found.rank, found.best) == (6, 2, 1)
    members = np.flatnonzero(found.members)
    low, high, among_best = oracles.rank_interval(
        made.estimate[members], made.replicates[:, members], 3, 0.95, TEXTS
    )
    assert (found.low, found.high, found.among_best) == (low, high, among_best)
    expected = expanded_bca(
        0.5,
        made.replicates[:, 3] - made.replicates[:, 1],
        made.jackknife[:, 3] - made.jackknife[:, 1],
    )
    # float32
    assert float(found.difference.estimate) == 0.5
    np.testing.assert_allclose(
        [found.difference.low, found.difference.high], expected, rtol=1e-5
    )


def test_sizes_may_differ_by_the_tolerance():
    found = pareto.matched_budget(N_BYTES, made_up(), 4, tolerance=2.0)
    assert (found.number, found.rank, found.best) == (7, 1, 4)
    assert found.among_best
    for bound in ("estimate", "low", "high"):
        assert float(getattr(found.difference, bound)) == 0
    near = pareto.matched_budget(N_BYTES, made_up(), 3, tolerance=2.0)
    assert (near.rank, near.best) == (3, 4)


def test_a_set_of_its_own_size_is_the_best():
    found = pareto.matched_budget(N_BYTES, made_up(), 7)
    assert (found.number, found.rank, found.low, found.high) == (1, 1, 1, 1)
    assert found.among_best


def test_unbounded_objectives():
    made = made_up()
    replicates = made.replicates.copy()
    replicates[5, 3] = np.nan
    found = pareto.matched_budget(N_BYTES, made.replace(replicates=replicates), 3)
    assert (found.number, found.rank, found.best) == (5, 0, 1)
    assert not found.among_best
    assert np.isnan(found.difference.low)
    nothing = pareto.matched_budget(
        N_BYTES, made.replace(replicates=replicates * np.nan), 3
    )
    assert (nothing.number, nothing.rank, nothing.best) == (0, 0, -1)
    assert np.isnan(nothing.difference.estimate)


@pytest.mark.parametrize("proposed", [-1, 8])
def test_rows_that_are_not_there(proposed):
    with pytest.raises(ValueError, match=r"^proposed must be 0 to 7, a row of the tab"):
        pareto.matched_budget(N_BYTES, made_up(), proposed)


def test_negative_tolerance():
    with pytest.raises(ValueError, match=r"^tolerance must be 0 bytes or more, got -1"):
        pareto.matched_budget(N_BYTES, made_up(), 3, tolerance=-1.0)
