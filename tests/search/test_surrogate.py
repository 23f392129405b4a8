"""Added-up losses of layers against measured ones, and against slow loops."""

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.search import surrogate
from jaxdisp.stats import bootstrap
from tests.measure.oracles import measured
from tests.search import protection_tables as tables
from tests.search import search_oracles as oracles

NOISY = tables.additive(scale=0.5)
SIZES = (tables.ALL_SETS == 0).sum(axis=1)
TWO_QUANTIZED = (tables.ALL_SETS != 0).sum(axis=1) >= 2
COUNTS = bootstrap.draw_counts(tables.KEY, n_clusters=tables.TEXTS)


def compare(added, assignments=tables.ALL_SETS, n_bytes=SIZES, **settings):
    return surrogate.additive(
        added,
        tables.GROUPS,
        assignments,
        n_bytes,
        weights=tables.WEIGHTS,
        key=tables.KEY,
        **settings,
    )


def added_up(added):
    rows = range(len(tables.ALL_SETS))
    return [oracles.added_up(added, tables.ALL_SETS, row) for row in rows]


def worst(added, sentences):
    """Predicted and measured largest loss of every compared set."""
    sums = added_up(added[sentences])
    rows = np.flatnonzero(TWO_QUANTIZED)
    return (
        np.array([sums[row].mean(axis=0).max() for row in rows]),
        added[sentences][:, rows].mean(axis=0).max(axis=1),
    )


def test_predictions_equal_loops_for_every_version():
    assignments = np.array([*itertools.product(range(3), repeat=2)])
    added = tables.noise("versions", (12, 9, 3), 1.0)
    added[:, 0] = 0
    alone = surrogate.isolated(added, assignments)
    assert alone.shape == (12, 2, 3, 3)
    found = surrogate.predict(alone, assignments)
    for row in range(9):
        expected = oracles.added_up(added, assignments, row)
        # two numbers are added, and four zeros
        np.testing.assert_allclose(found[:, row], expected, rtol=0, atol=1e-15)
    means = surrogate.predict(alone.mean(axis=0), assignments)
    np.testing.assert_allclose(means, found.mean(axis=0), rtol=0, atol=1e-14)


def test_measures_equal_float64():
    found = compare(NOISY)
    ours, truth = worst(NOISY, np.arange(12))
    assert np.array_equal(found.compared, TWO_QUANTIZED)
    np.testing.assert_allclose(found.predicted[TWO_QUANTIZED], ours, rtol=1e-12)
    np.testing.assert_allclose(found.measured[TWO_QUANTIZED], truth, rtol=1e-12)
    rho = scipy.stats.spearmanr(ours, truth).statistic
    assert found.rank_correlation.estimate == pytest.approx(rho)
    assert found.rank_correlation.low < rho < 1
    assert found.n_bytes.tolist() == [0, 1, 2]
    rows, sizes = np.flatnonzero(TWO_QUANTIZED), SIZES[TWO_QUANTIZED]
    for place, size in enumerate(found.n_bytes):
        rivals = sizes == size
        pick = ours[rivals].argmin()
        assert found.picked[place] == rows[rivals][pick]
        assert found.best[place] == rows[rivals][truth[rivals].argmin()]
        regret = truth[rivals][pick] - truth[rivals].min()
        assert found.regret.estimate[place] == pytest.approx(regret, abs=1e-12)
    assert np.all(found.regret.low >= 0)


@pytest.mark.parametrize(
    ("name", "summary"),
    [
        ("bias", lambda errors: errors.mean()),
        ("rms", lambda errors: np.sqrt((errors**2).mean())),
    ],
)
def test_intervals_equal_float64(name, summary):
    found = getattr(compare(NOISY), name)

    def one(sentences):
        ours, truth = worst(NOISY, sentences)
        return round(float(summary(ours - truth)), 12)

    expected = measured(one, tables.GROUPS, COUNTS)
    # float32 quantiles of numbers below 10
    np.testing.assert_allclose(
        [found.estimate, found.low, found.high], expected, rtol=0, atol=2e-6
    )


def test_where_losses_add_up_nothing_is_lost():
    found = compare(tables.additive())
    np.testing.assert_allclose(found.predicted, found.measured, rtol=1e-12)
    for interval in (found.bias, found.rms):
        np.testing.assert_allclose(interval.estimate, 0, atol=1e-12)
    assert float(found.rank_correlation.estimate) == pytest.approx(1)
    np.testing.assert_allclose(found.regret.high, 0, atol=1e-12)
    assert np.array_equal(found.picked, found.best)


def test_interactions_show_as_bias_and_regret():
    added = tables.additive()
    # by themselves 1 and 2 are the cheapest, together they lose most
    added[:, (tables.ALL_SETS[:, [1, 2]] == 1).all(axis=1)] += 5
    found = compare(added, objective="mean")
    assert float(found.bias.estimate) == pytest.approx(-5 * 4 / TWO_QUANTIZED.sum())
    two = found.n_bytes.tolist().index(2)
    assert found.picked[two] == tables.row(0, 3)
    assert float(found.regret.estimate[two]) > 0.5
    assert found.regret.low[two] > 0.5


def test_unbounded_sets_are_not_compared():
    added = NOISY.copy()
    row = tables.row(0, 1)
    added[:, row, 1] = -1.0  # the high side gains
    found = compare(added, objective="log_ratio")
    assert not found.compared[row]
    assert np.isnan(found.measured[row])
    assert np.isfinite(found.measured[found.compared]).all()


def test_additivity_equals_float64():
    found = surrogate.additivity(NOISY, tables.GROUPS, tables.ALL_SETS, key=tables.KEY)
    everything = tables.row()

    def one(sentences):
        total = NOISY[sentences][:, everything].mean(axis=0)
        sums = oracles.added_up(NOISY[sentences], tables.ALL_SETS, everything)
        return round(float((1 - sums.mean(axis=0) / total)[2]), 9)

    expected = measured(one, tables.GROUPS, COUNTS)
    # float32 quantiles of shares
    np.testing.assert_allclose(
        [found.estimate[2], found.low[2], found.high[2]], expected, rtol=0, atol=1e-5
    )


def test_additivity_needs_a_loss():
    added = tables.additive()
    added[:, tables.row(), 1] = -1.0
    found = surrogate.additivity(added, tables.GROUPS, tables.ALL_SETS, key=tables.KEY)
    assert np.isnan(found.estimate).tolist() == [False, True, False]
    np.testing.assert_allclose(found.estimate[::2], 0, atol=1e-6)


@given(
    one=st.lists(st.integers(-5, 5), min_size=7, max_size=7),
    other=st.lists(st.integers(-5, 5), min_size=7, max_size=7),
)
def test_spearman_equals_scipy_and_ignores_monotone_changes(one, other):
    a, b = np.array([one, one], float), np.array([other, other[::-1]], float)
    found = surrogate.spearman(a, b)
    for row in range(2):
        constant = len(set(one)) == 1 or len(set(other)) == 1
        if constant:
            assert np.isnan(found[row])
        else:
            expected = scipy.stats.spearmanr(a[row], b[row]).statistic
            assert found[row] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_array_equal(surrogate.spearman(np.exp(a), b**3), found)


def test_layers_that_were_not_measured_alone():
    kept = np.setdiff1d(np.arange(16), [tables.row(0, 1, 3)])
    message = r"^layer 2 in version 1 was not measured by itself; measure the row in wh"
    with pytest.raises(ValueError, match=message):
        compare(NOISY[:, kept], tables.ALL_SETS[kept], SIZES[kept])


def test_versions_that_no_row_has():
    alone = surrogate.isolated(NOISY, tables.ALL_SETS)
    with pytest.raises(ValueError, match=r"^layer 1 in version 2 was not measured"):
        surrogate.predict(alone, np.array([[0, 2, 0, 1]]))


def test_too_few_sets_to_compare():
    kept = np.flatnonzero((tables.ALL_SETS.sum(axis=1) == 1) | ~TWO_QUANTIZED)
    kept = np.append(kept, [tables.row(), tables.row(1)])
    with pytest.raises(ValueError, match=r"^2 set\(s\) have two or more quantized lay"):
        compare(NOISY[:, kept], tables.ALL_SETS[kept], SIZES[kept])


def test_additivity_without_everything_quantized():
    with pytest.raises(ValueError, match=r"^the table has no row with every layer in"):
        surrogate.additivity(
            NOISY[:, 1:], tables.GROUPS, tables.ALL_SETS[1:], key=tables.KEY
        )
