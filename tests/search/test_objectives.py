"""Objectives of protection sets against float64, in one chunk and in many."""

import numpy as np
import pytest

from jaxdisp.search import objectives
from jaxdisp.stats import bootstrap
from tests.search import protection_tables as tables
from tests.search import search_oracles as oracles

ADDED = tables.additive(scale=0.5)
DRAWS = 100


def measure(added=ADDED, objective="worst"):
    return objectives.objectives(
        added,
        tables.GROUPS,
        weights=tables.WEIGHTS,
        objective=objective,
        key=tables.KEY,
        draws=DRAWS,
    )


@pytest.mark.parametrize("name", objectives.OBJECTIVES)
def test_equals_float64(name):
    found = measure(objective=name)
    counts = bootstrap.draw_counts(tables.KEY, n_clusters=tables.TEXTS, draws=DRAWS)
    draws, left = oracles.drawn_sentences(tables.GROUPS, counts)
    for rows, values in (
        ([np.arange(12)], found.estimate[None]),
        (draws, found.replicates),
        (left, found.jackknife),
    ):
        expected = [
            [
                oracles.objective(ADDED[r, s].mean(axis=0), name, tables.LOW, (1,))
                for s in range(len(tables.ALL_SETS))
            ]
            for r in rows
        ]
        # float64 sums of a hundred sentences
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)
        assert values.dtype == np.float64


def test_chunks_of_sets_have_the_same_draws(monkeypatch):
    whole = measure()
    monkeypatch.setattr(objectives, "CHUNK", 5 * tables.LANGUAGES)
    parts = measure()
    for name in ("estimate", "replicates", "jackknife"):
        # a product of another shape may add in another order
        np.testing.assert_allclose(
            getattr(parts, name), getattr(whole, name), rtol=0, atol=1e-12
        )


def test_unbounded_where_a_ratio_is_not_defined_in_some_draw():
    added = np.ones((12, 4, 3))
    added[:, 1, 1] = 0.0  # the high side loses nothing
    added[:, 2, 1] = np.where(tables.GROUPS == 3, 9.0, -1.0)  # or in some draws
    added[:, 3, 1] = np.nan
    found = measure(added, "log_ratio")
    assert np.isnan(found.estimate).tolist() == [False, True, False, True]
    assert objectives.bounded(found).tolist() == [True, False, False, False]


def test_choosing_sets():
    found = measure()
    mask = np.arange(16) % 3 == 0
    for rows in (mask, np.flatnonzero(mask)):
        some = objectives.chosen(found, rows)
        np.testing.assert_array_equal(some.estimate, found.estimate[::3])
        np.testing.assert_array_equal(some.replicates, found.replicates[:, ::3])
        np.testing.assert_array_equal(some.jackknife, found.jackknife[:, ::3])


def test_unknown_objectives():
    with pytest.raises(ValueError, match=r"^objective 'gini': must be one of mean, wo"):
        measure(objective="gini")
