"""Interactions of layers: estimates, intervals, and which are above noise."""

import numpy as np
import pytest

from jaxdisp.search import interactions
from jaxdisp.stats import bootstrap
from tests.measure.oracles import measured
from tests.search import protection_tables as tables
from tests.search import search_oracles as oracles

ADDED = tables.additive(scale=0.5)
COUNTS = bootstrap.draw_counts(tables.KEY, n_clusters=tables.TEXTS)


def arguments(added, assignments=tables.ALL_SETS):
    return {
        "added": added,
        "groups": tables.GROUPS,
        "assignments": assignments,
        "key": tables.KEY,
    }


def up_to(size):
    """The rows that protect so many layers at most."""
    return np.flatnonzero((tables.ALL_SETS == 0).sum(axis=1) <= size)


def close(interval, place, expected):
    found = [
        getattr(interval, name)[place] for name in ("estimate", "low", "high")
    ]  # float32 quantiles of numbers below 10
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


def rounded(statistic):
    """Float64 quotients may round a tie with the estimate apart."""
    return lambda rows: round(float(statistic(rows)), 9)


def test_shapley_and_its_intervals_equal_float64():
    found = interactions.shapley(**arguments(ADDED))
    assert (found.order, found.truncated) == (tables.LAYERS, False)
    values = tables.value(ADDED)
    expected = oracles.shapley(values, tables.LAYERS)
    # float32 of sums below 10
    np.testing.assert_allclose(found.per_language.estimate, expected, atol=1e-6)
    np.testing.assert_allclose(found.mean.estimate, expected.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(found.residual.estimate, 0, atol=1e-12)

    weights = _weights_of_layer(1)

    def linear(rows):
        return (ADDED[rows].mean(axis=0)[:, 2] * weights).sum()

    close(found.per_language, (1, 2), measured(rounded(linear), tables.GROUPS, COUNTS))


def _weights_of_layer(layer):
    """Shapley weights of losses, read off the oracle one row at a time."""
    rows = []
    for row in range(len(tables.ALL_SETS)):
        unit = np.zeros((1, len(tables.ALL_SETS), 1))
        unit[0, row] = 1.0
        rows.append(oracles.shapley(tables.value(unit), tables.LAYERS)[layer, 0])
    return np.array(rows)


def test_shapley_shares_less_where_protecting_all_layers_leaves_a_loss():
    added = ADDED.copy()
    added[:, -1] = 1.5  # of what is no layer
    found = interactions.shapley(**arguments(added))
    expected = oracles.shapley(tables.value(added), tables.LAYERS)
    np.testing.assert_allclose(found.per_language.estimate, expected, atol=1e-6)
    np.testing.assert_allclose(found.residual.estimate, 0, atol=1e-12)


def test_shapley_without_the_row_in_full_precision():
    whole = interactions.shapley(**arguments(ADDED))
    found = interactions.shapley(**arguments(ADDED[:, :-1], tables.ALL_SETS[:-1]))
    assert not found.truncated
    # the same weights of the same numbers, summed in another order
    np.testing.assert_allclose(found.mean.low, whole.mean.low, rtol=0, atol=1e-6)


def test_truncated_shapley_says_so_and_what_it_misses():
    added = ADDED.copy()
    # the three first layers save 4 nats more, which pairs do not show
    added[:, tables.row(0, 1, 2)] -= 4
    rows = up_to(2)
    found = interactions.shapley(**arguments(added[:, rows], tables.ALL_SETS[rows]))
    assert (found.order, found.truncated) == (2, True)
    values = tables.value(added)
    everything = frozenset(range(tables.LAYERS))
    expected = values(everything) - np.sum(found.per_language.estimate, axis=0)
    np.testing.assert_allclose(found.residual.estimate, expected, atol=1e-5)
    missed = sum(
        oracles.mobius(values, members)
        for members in oracles.subsets(everything)
        if len(members) > 2
    )
    np.testing.assert_allclose(found.residual.estimate, missed, atol=1e-5)


@pytest.mark.parametrize("size", [2, 3])
def test_interactions_equal_the_recursion(size):
    found = interactions.interactions(**arguments(ADDED), size=size)
    values = tables.value(ADDED)
    expected = np.array([oracles.mobius(values, frozenset(s)) for s in found.sets])
    np.testing.assert_allclose(found.per_language.estimate, expected, atol=1e-6)
    np.testing.assert_allclose(found.mean.estimate, expected.mean(axis=1), atol=1e-6)

    def last(rows):
        game = tables.value(ADDED[rows])
        return oracles.mobius(game, frozenset(found.sets[-1]))[0]

    if size == 2:  # 2000 recursions
        expected = measured(rounded(last), tables.GROUPS, COUNTS)
        close(found.per_language, (-1, 0), expected)


def test_only_what_is_above_noise_is_flagged():
    added = tables.additive(scale=0.1)
    together = (tables.ALL_SETS[:, [0, 3]] == 0).all(axis=1)
    added[:, together] -= 2.0
    added[:, -1] = 0.0
    found = interactions.interactions(**arguments(added), size=2)
    planted = (found.sets == [0, 3]).all(axis=1)
    assert found.mean_above_noise.tolist() == planted.tolist()
    assert np.array_equal(found.language_above_noise.all(axis=1), planted)
    assert found.mean.estimate[planted] == pytest.approx(2, abs=0.3)
    # pointwise intervals that exclude 0 are no fewer than simultaneous flags
    excludes = np.sign(found.mean.low) == np.sign(found.mean.high)
    assert np.all(excludes[found.mean_above_noise])


def test_flags_of_many_are_stricter_than_intervals_of_one():
    found = interactions.interactions(**arguments(tables.additive(scale=1)), size=2)
    assert not found.language_above_noise.any()
    excludes = np.sign(found.per_language.low) == np.sign(found.per_language.high)
    assert excludes.sum() >= found.language_above_noise.sum()


def test_sets_without_all_their_subsets_are_left_out():
    rows = np.setdiff1d(up_to(2), [tables.row(1, 2)])
    found = interactions.interactions(
        **arguments(ADDED[:, rows], tables.ALL_SETS[rows]), size=2
    )
    assert found.sets.tolist() == [[0, 1], [0, 2], [0, 3], [1, 3], [2, 3]]
    message = r"^no set of 3 layers has all its subsets in the table; measure every set"
    with pytest.raises(ValueError, match=message):
        interactions.interactions(
            **arguments(ADDED[:, rows], tables.ALL_SETS[rows]), size=3
        )


@pytest.mark.parametrize("size", [1, 4])
def test_sizes_without_interactions(size):
    with pytest.raises(ValueError, match=r"^size must be 2 or 3 layers, got"):
        interactions.interactions(**arguments(ADDED), size=size)


def synergy(added, assignments=tables.ALL_SETS):
    return interactions.synergy(**arguments(added, assignments), weights=tables.WEIGHTS)


def test_synergy_equals_float64():
    added = tables.additive(scale=0.2)
    added[:, tables.row(0, 3)] -= 0.5
    found = synergy(added)
    rows = [tables.row(*s) for s in ((0,), (3,), (0, 3), ())]
    signs = np.array([1, 1, -1, -1])

    def together(transform):
        def one(sentences):
            losses = added[sentences].mean(axis=0)[rows]
            return signs @ np.array([transform(x) for x in losses])

        return measured(rounded(one), tables.GROUPS, COUNTS)

    low, high = list(tables.LOW), list(tables.HIGH)
    for interval, place, transform in (
        (found.per_language, 1, lambda x: x[1]),
        (found.mean, (), np.mean),
        (found.worst, (), np.max),
        (found.difference, (), lambda x: x[low].mean() - x[high].mean()),
        (found.log_per_language, 2, lambda x: np.log(x[2])),
        (found.log_mean, (), lambda x: np.log(x.mean())),
        (found.log_worst, (), lambda x: np.log(x.max())),
        (found.log_ratio, (), lambda x: np.log(x[low].mean() / x[high].mean())),
    ):
        expected = together(transform)
        assert np.isfinite(expected).all()
        close(interval, place, expected)


def constant(**losses):
    """The same loss in every sentence and language for the four sets of a synergy."""
    added = np.ones((12, 16, 3))
    for name, layers in (
        ("first", (0,)),
        ("last", (3,)),
        ("both", (0, 3)),
        ("none", ()),
    ):
        added[:, tables.row(*layers)] = losses[name]
    return synergy(added)


def test_the_published_log_interaction():
    """Of ratios of percentages 147.9, 3.62, 336.2 and 0.722 it was -2.43."""
    found = constant(none=147.9, first=3.62, last=336.2, both=0.722)
    assert float(found.log_mean.estimate) == pytest.approx(2.43, abs=0.005)


def test_synergy_in_nats_and_in_logarithms_are_two_questions():
    found = constant(none=8.0, first=4.0, last=4.0, both=2.0)
    assert float(found.log_worst.estimate) == pytest.approx(0, abs=1e-6)
    assert float(found.worst.estimate) == pytest.approx(-2)


def test_logarithms_need_four_losses():
    found = constant(none=8.0, first=4.0, last=4.0, both=0.0)
    for name in ("per_language", "mean", "worst", "ratio"):
        interval = getattr(found, f"log_{name}")
        assert np.isnan([interval.estimate, interval.low, interval.high]).all()
    assert np.allclose(found.per_language.estimate, 0)


def test_synergy_of_two_layers():
    two = np.array([[1, 1], [0, 1], [1, 0], [0, 0]])
    with pytest.raises(ValueError, match=r"^synergy needs at least 3 layers, got 2"):
        synergy(ADDED[:, :4], two)
