"""Guided search, against the best of all sets, with everything it asked for noted."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.search import additive_bound as additive
from jaxdisp.search import additive_candidates, guided, lattice
from tests.search import guided_oracles as oracles
from tests.search.test_additive_bound import ROUNDING, problems, ranking, stated

LOSSES = oracles.table(seed=4, layers=6, versions=3, languages=3)
SIZES = np.tile([8, 4, 2], (6, 1))


def noting(measure):
    """An objective, and the batches that it was asked for."""
    batches = []

    def evaluate(assignments):
        batches.append([tuple(row) for row in assignments.tolist()])
        return np.array([measure(word) for word in batches[-1]], float)

    return evaluate, batches


def additive_objective(losses, name="worst"):
    return lambda word: oracles.objective(losses.tolist(), word, name)


def rugged(word):
    """An objective with many local optima."""
    return float(np.sin(37.0 * np.dot(word, np.arange(1, len(word) + 1)) + sum(word)))


@given(
    case=problems(most_layers=5),
    place=st.integers(0, 10**6),
    beam=st.integers(1, 4),
    most=st.integers(1, 60),
    rounds=st.integers(0, 4),
)
def test_what_is_visited(case, place, beam, most, rounds):
    _, limit, _ = case
    versions = limit.sizes.shape[1]
    allowed = oracles.words(limit.sizes.tolist(), limit.most, limit.exactly)
    evaluate, batches = noting(rugged)
    start = np.array([allowed[place % len(allowed)]] * 2)
    most = max(most, 2)
    found = guided.guided(
        evaluate, start, guided.steps(limit), beam=beam, rounds=rounds, most=most
    )
    words = [tuple(row) for row in found.assignments.tolist()]
    assert words == list(itertools.chain(*batches))
    assert len(set(words)) == len(words) <= most
    assert set(words) <= set(allowed)
    assert found.values.tolist() == [rugged(word) for word in words]
    counts = np.bincount(found.rounds)
    assert counts.tolist() == list(map(len, batches))
    assert np.all(np.diff(found.rounds) >= 0)
    assert len(counts) - 1 <= rounds
    assert found.values[found.best] == found.values.min()

    check_end(found, words, set(allowed), versions, beam)
    if found.stopped == "most":
        assert len(words) == most
    if found.stopped == "rounds":
        assert len(counts) - 1 == rounds


def check_end(found, words, allowed, versions, beam):
    """Why it stopped is true, as every word one step away says."""
    around = set(oracles.one_step(words[found.best], versions)) & allowed
    assert found.local_optimum == (around <= set(words))
    ranked = np.argsort(found.values, kind="stable")[:beam]
    left = {
        near for place in ranked for near in oracles.one_step(words[place], versions)
    }
    left = (left & allowed) - set(words)
    in_vain = found.rounds[found.best] < found.rounds[-1]
    if found.stopped == "local optimum":
        assert found.local_optimum
        assert in_vain or not left
    else:
        assert left
        assert found.stopped in ("most", "rounds")
        # a round in vain ends it, unless not all of the round was measured
        assert found.stopped == "most" or not in_vain


@given(case=problems(most_layers=5), place=st.integers(0, 10**6))
def test_a_mean_of_kept_layers_is_best_from_any_start(case, place):
    """Exchanges lead to the layers that lose most: there is no other local optimum."""
    losses, limit, _ = case
    limit = additive.keeping(len(losses), limit.most % (len(losses) + 1))
    case = losses, limit, "mean"
    best, _ = ranking(*case)[0]
    allowed = oracles.words(limit.sizes.tolist(), limit.most, exactly=True)
    evaluate, _ = noting(additive_objective(losses, "mean"))
    start = np.array([allowed[place % len(allowed)]])
    found = guided.guided(evaluate, start, guided.steps(limit), beam=1)
    assert found.stopped == "local optimum"
    np.testing.assert_allclose(found.values[found.best], best, rtol=0, atol=ROUNDING)


@given(place=st.integers(0, 3**6 - 1))
def test_a_mean_without_a_limit_is_best_from_any_start(place):
    limit = additive.within_bytes(SIZES, 48)
    evaluate, _ = noting(additive_objective(LOSSES, "mean"))
    start = lattice.every(6, 3)[[place]]
    found = guided.guided(
        evaluate, start, guided.steps(limit, swaps=False), beam=1, rounds=7
    )
    assert found.stopped == "local optimum"
    least = LOSSES.mean(axis=2).min(axis=1).sum()
    np.testing.assert_allclose(found.values[found.best], least, rtol=0, atol=ROUNDING)


def test_rounds_are_counted():
    """Six layers, each better in full precision: a step for each and one in vain."""
    limit = additive.within_bytes(np.tile([2, 1], (6, 1)), 12)
    measure = additive_objective(np.abs(LOSSES[:, :2]))
    start = lattice.uniform(6)[1:]
    for rounds, stopped in [(5, "rounds"), (6, "rounds"), (7, "local optimum")]:
        evaluate, batches = noting(measure)
        found = guided.guided(
            evaluate, start, guided.steps(limit, swaps=False), beam=1, rounds=rounds
        )
        assert found.stopped == stopped
        # around the best of round 6 is only what led to it, and sets not seen yet
        assert len(batches) == 1 + rounds
        assert found.values[found.best] == (0 if rounds >= 6 else found.values.min())


def test_the_allowance_is_used_to_the_last():
    limit = additive.within_bytes(SIZES, 30)
    start = lattice.uniform(6, 3)[1:]
    everything = guided.guided(
        noting(rugged)[0], start, guided.steps(limit), beam=2, rounds=50
    )
    assert everything.stopped == "local optimum"
    for most in range(2, len(everything.values)):
        found = guided.guided(
            noting(rugged)[0], start, guided.steps(limit), beam=2, rounds=50, most=most
        )
        assert found.stopped == "most"
        assert len(found.values) == most
        expected = everything.assignments[:most]
        assert found.assignments.tolist() == expected.tolist()


def test_a_wider_beam_finds_what_one_does_not():
    """A valley behind the second best neighbour, reached while the best improves."""
    values = {(0, 0, 0): 9, (1, 0, 0): 5, (0, 1, 0): 6, (0, 1, 1): 1, (1, 0, 1): 4}

    def measure(word):
        return values.get(word, 20)

    limit = additive.within_bytes(np.tile([2, 1], (3, 1)), 6)
    steps = guided.steps(limit, swaps=False)
    start = np.zeros((1, 3), int)
    found = [
        guided.guided(noting(measure)[0], start, steps, beam=beam) for beam in (1, 2)
    ]
    assert [one.values[one.best] for one in found] == [4, 1]
    assert all(one.local_optimum for one in found)


def test_a_round_of_equals_is_the_last():
    limit = additive.within_bytes(np.tile([2, 1], (4, 1)), 8)
    evaluate, batches = noting(lambda _: 1.0)
    start = np.zeros((1, 4), int)
    found = guided.guided(evaluate, start, guided.steps(limit, swaps=False))
    assert found.stopped == "local optimum"
    assert list(map(len, batches)) == [1, 4]
    assert found.best == 0


def test_sets_without_a_number_come_last():
    def measure(word):
        return np.nan if sum(word) % 2 == 0 else float(sum(word))

    limit = additive.within_bytes(np.tile([2, 1], (4, 1)), 8)
    start = np.array([[1, 1, 1, 1]])
    found = guided.guided(noting(measure)[0], start, guided.steps(limit), beam=1)
    assert found.values[0] == np.inf
    assert found.values[found.best] == 3  # around it are sets without a number
    assert found.local_optimum


def test_32_layers_from_candidates():
    losses = oracles.table(seed=5, layers=32, versions=2, languages=6)
    limit = additive.keeping(32, 8)
    problem = additive.problem(losses, limit)
    best = additive_candidates.candidates(problem, 8)

    def evaluate(assignments):
        # pairs of neighbours in the chain help each other a little
        both = (assignments[:, 1:] == 0) & (assignments[:, :-1] == 0)
        return additive.values(problem, assignments) - 0.05 * both.sum(axis=1)

    found = guided.guided(evaluate, best.assignments, guided.steps(limit))
    assert found.stopped == "local optimum"
    assert found.values[found.best] < evaluate(best.assignments[:1])[0]
    left = guided.distance(found, best)
    assert left.floor == best.floor
    assert 0 < left.largest_error <= 0.05 * 7 + ROUNDING
    assert left.gap == left.measured_best - left.floor
    assert left.model_best == best.values[0]
    assert left.floor_of_others >= left.floor


@given(case=problems(most_layers=4), count=st.sampled_from([1, 4, 1000]))
def test_sets_that_are_better_need_the_error_that_is_said(case, count):
    losses, limit, name = case
    best = additive_candidates.candidates(stated(*case), count)

    def measure(word):
        predicted = oracles.objective(losses.tolist(), word, name, oracle_weights())
        return predicted + 0.3 * rugged(word)

    found = guided.guided(
        noting(measure)[0], best.assignments[:1], guided.steps(limit), rounds=1
    )
    left = guided.distance(found, best)
    everything = ranking(*case)
    visited = {tuple(row) for row in found.assignments.tolist()}
    errors = [
        abs(value - measure(word)) for value, word in everything if word in visited
    ]
    np.testing.assert_allclose(left.largest_error, max(errors), atol=ROUNDING)
    word = tuple(found.assignments[found.best].tolist())
    predicted = next(value for value, other in everything if other == word)
    np.testing.assert_allclose(left.predicted, predicted, atol=ROUNDING)
    assert left.measured_best == measure(word)
    np.testing.assert_allclose(left.model_best, everything[0][0], atol=ROUNDING)
    assert left.floor <= everything[0][0] + ROUNDING
    rest = [(value, word) for value, word in everything if word not in visited]
    assert not rest or left.floor_of_others <= min(rest)[0] + ROUNDING
    for value, word in rest:
        if measure(word) < left.measured_best - ROUNDING:
            assert value - measure(word) > left.error_needed - ROUNDING
            assert not left.better_only_by_larger_error or (
                value - measure(word) > left.largest_error - ROUNDING
            )
    if count == 1000 and rest:
        np.testing.assert_allclose(left.floor_of_others, min(rest)[0], atol=1e-9)


def oracle_weights():
    return [[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]]


def test_everything_measured_leaves_nothing():
    problem = stated(LOSSES[:3], additive.keeping(3, 1), "mean")
    best = additive_candidates.candidates(problem, 3)

    def evaluate(assignments):
        return additive.values(problem, assignments)

    found = guided.guided(evaluate, best.assignments, guided.steps(problem.limit))
    left = guided.distance(found, best)
    assert left.floor_of_others == left.error_needed == np.inf
    assert left.largest_error == 0
    assert left.better_only_by_larger_error
    assert abs(left.gap) < ROUNDING


def test_mistakes():
    steps = guided.steps(additive.keeping(3, 1))
    start = np.array([[0, 1, 1], [1, 0, 1]])
    evaluate, batches = noting(sum)
    for rows, most in [(start, 1), (start[:0], 4)]:
        message = (
            rf"^the search starts from {len(rows)} assignments and may measure {most}; "
            "give at least one to start from, and no more than may be measured$"
        )
        with pytest.raises(ValueError, match=message):
            guided.guided(evaluate, rows, steps, most=most)
    for beam, rounds in [(0, 1), (1, -1)]:
        message = (
            "^beam must be at least 1 and rounds at least 0, got "
            rf"{beam} and {rounds}$"
        )
        with pytest.raises(ValueError, match=message):
            guided.guided(evaluate, start, steps, beam=beam, rounds=rounds)
    assert not batches
    message = (
        r"^evaluate returned an array of shape \(1,\) for 2 assignments; it must "
        "return one number for each$"
    )
    with pytest.raises(ValueError, match=message):
        guided.guided(lambda _: np.zeros(1), start, steps)
