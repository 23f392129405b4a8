"""The best sets of the additive model, against all sets sorted."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.search import additive_bound as additive
from jaxdisp.search import additive_candidates
from tests.search import guided_oracles as oracles
from tests.search.test_additive_bound import ROUNDING, problems, ranking, stated


def check(found, case, count):
    """Allowed, distinct, in order, and as low as the best of all sets."""
    expected = ranking(*case)[:count]
    values = [value for value, _ in expected]
    np.testing.assert_allclose(found.values, values, rtol=0, atol=ROUNDING)
    assert len({tuple(row) for row in found.assignments.tolist()}) == len(expected)
    assert additive.allowed(case[1], found.assignments).all()
    measured = additive.values(stated(*case), found.assignments)
    np.testing.assert_allclose(found.values, measured, rtol=0, atol=ROUNDING)
    assert found.values[0] >= found.certificate.claim - ROUNDING
    assert found.gap == found.values[0] - found.certificate.claim


def others(found, case):
    """Objectives of the allowed sets that are not listed."""
    listed = {tuple(row) for row in found.assignments.tolist()}
    return [value for value, word in ranking(*case) if word not in listed]


@given(case=problems(), count=st.sampled_from([1, 2, 5, 40, 1000]))
def test_candidates_are_the_best_of_all_sets(case, count):
    found = additive_candidates.candidates(stated(*case), count)
    check(found, case, count)
    assert found.complete
    left = others(found, case)
    assert not left or found.rest <= min(left) + ROUNDING
    assert left or found.rest == np.inf
    # what is listed is complete, so that nothing is below its best
    np.testing.assert_allclose(found.floor, found.values[0], rtol=0, atol=1e-9)


@given(case=problems(), count=st.sampled_from([1, 3]), width=st.sampled_from([1, 2, 4]))
def test_few_beginnings_still_give_allowed_sets_and_a_true_floor(case, count, width):
    found = additive_candidates.candidates(stated(*case), count, width=width)
    everything = ranking(*case)
    assert len(found.values) == min(count, len(everything))
    assert additive.allowed(case[1], found.assignments).all()
    assert np.all(np.diff(found.values) >= -ROUNDING)
    assert found.floor <= everything[0][0] + ROUNDING
    left = others(found, case)
    assert not left or found.rest <= min(left) + ROUNDING
    expected = [value for value, _ in everything[: found.proved]]
    best = found.values[: found.proved]
    np.testing.assert_allclose(best, expected, rtol=0, atol=ROUNDING)


@given(case=problems(), count=st.sampled_from([1, 5]))
def test_totals_too_many_to_tell_apart(case, count):
    """With 3 totals at a time sizes are rounded, and what is found still holds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(additive_candidates, "STATES", 3)
        found = additive_candidates.candidates(stated(*case), count)
    check(found, case, count)
    assert found.complete


@pytest.mark.parametrize("name", ["mean", "worst"])
def test_rounded_sizes_allow_nothing_that_is_too_large(monkeypatch, name):
    """Sizes of which halves and quarters are cut off, and limits that are tight."""
    monkeypatch.setattr(additive_candidates, "STATES", 2)
    sizes = np.array([[40, 23, 7], [39, 22, 11], [45, 27, 3], [51, 19, 15]])
    losses = oracles.table(seed=6, layers=4, versions=3, languages=3)
    for most in range(36, 120, 3):
        case = losses, additive.within_bytes(sizes, most), name
        for count in (3, 100):
            found = additive_candidates.candidates(stated(*case), count)
            check(found, case, count)
            assert found.complete


def test_ends_are_ranked_by_what_they_reach():
    """The certificate counts the first language alone, in which two bad ones look good.

    Of six versions of one layer four are kept, and no good one is lost for these.
    """
    good = [[1.0, 0.9], [1.1, 0.9], [1.2, 0.9], [1.3, 0.9]]
    losses = np.array([[*good, [1.05, 9.0], [1.06, 9.0]]])
    limit = additive.within_bytes(np.ones((1, 6), int), 1)
    problem = additive.problem(losses, limit)
    found = additive_candidates.candidates(problem, 4, width=4)
    assert found.certificate.mixture.tolist() == [1.0, 0.0]
    assert found.assignments.tolist() == [[0], [1], [2], [3]]
    assert found.complete


@pytest.mark.parametrize("name", ["mean", "worst"])
@pytest.mark.parametrize("limited", ["kept", "bytes", "many sizes"])
def test_32_layers_in_under_a_second(name, limited):
    """2^32 or 3^32 sets, far too many to list; the last limit has 10^4 totals."""
    losses = oracles.table(seed=3, layers=32, versions=3, languages=8)
    sizes = np.tile([1000, 500, 260], (32, 1))
    limits = {
        "kept": additive.keeping(32, 8),
        "bytes": additive.within_bytes(sizes, 16_000),
        "many sizes": additive.within_bytes(
            sizes + np.arange(32)[:, None] ** 2, 24_000
        ),
    }
    problem = additive.problem(losses, limits[limited], objective=name)
    began = time.process_time()
    found = additive_candidates.candidates(problem, 64)
    assert time.process_time() - began < 1
    assert found.complete or (name == "worst" and found.proved >= 1)
    assert len(found.values) == 64
    assert len({tuple(row) for row in found.assignments.tolist()}) == 64
    assert additive.allowed(problem.limit, found.assignments).all()
    assert np.all(np.diff(found.values) >= 0)
    assert found.certificate.claim <= found.values[0]
    if (name, limited) == ("mean", "kept"):
        # the protected ones are those that lose most
        most = np.argsort(losses[:, 1].mean(axis=1))[-8:]
        assert np.flatnonzero(found.assignments[0] == 0).tolist() == sorted(most)


def test_ties_are_listed_in_order_and_the_same_each_time():
    losses = np.zeros((32, 2, 2))
    losses[:, 1] = 1.0
    problem = additive.problem(losses, additive.keeping(32, 16))
    one, other = (additive_candidates.candidates(problem, 8) for _ in range(2))
    assert one.assignments.tolist() == other.assignments.tolist()
    assert one.complete
    assert one.values.tolist() == [16.0] * 8
    assert one.assignments.tolist() == sorted(one.assignments.tolist())


def test_no_candidates_are_asked_for():
    problem = additive.problem(np.zeros((3, 2, 1)), additive.keeping(3, 1))
    with pytest.raises(
        ValueError, match=r"^at least 1 candidate must be asked for, got 0$"
    ):
        additive_candidates.candidates(problem, 0)
