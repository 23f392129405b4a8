"""Ranks of protection sets: against loops, near ties, and what ranks must satisfy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.search import objectives, ranking
from tests.models import small
from tests.search import protection_tables as tables
from tests.search import search_oracles as oracles

FIELDS = ("rank", "low", "high", "among_best", "share_best", "bounded")
TEXTS = 16
SETS, DRAWS = 6, 100


def made_up(estimate, deviations):
    """Objectives with these deviations in draws; the number of texts is all it takes
    from the jackknife."""
    return objectives.Objectives(
        estimate=estimate,
        replicates=estimate + deviations,
        jackknife=np.tile(estimate, (TEXTS, 1)),
    )


def noise(sets=SETS, draws=DRAWS):
    return small.normal("ranks", (draws, sets)).astype(np.float64)


def test_ranks_and_intervals_equal_one_pair_at_a_time():
    estimate = np.array([3.0, 1.0, 1.125, 4.0, 1.0, 9.0])
    scale = np.array([0.3, 0.1, 0.1, 0.6, 0.05, 1.0])
    made = made_up(estimate, noise() * scale)
    for level in (0.8, 0.95):
        found = ranking.ranking(made, level=level)
        assert found.rank.tolist() == oracles.ranks(estimate).tolist()
        for j in range(SETS):
            expected = oracles.rank_interval(
                made.estimate, made.replicates, j, level, TEXTS
            )
            assert (found.low[j], found.high[j], found.among_best[j]) == expected
    assert found.rank.tolist() == [4, 1, 3, 5, 1, 6]
    assert 0 < found.among_best.sum() < SETS
    assert len(set(found.low.tolist())) > 2
    best = made.replicates.argmin(axis=1)
    shares = [np.mean(best == j) for j in range(SETS)]
    np.testing.assert_allclose(found.share_best, shares, rtol=0, atol=1e-12)


def test_the_best_is_a_question_of_one_side():
    estimate = np.array([0.0, 2.3, 2.4, 2.5, 2.6, 2.7])
    # skewed, so that the two sides differ
    made = made_up(estimate, -0.3 * (np.exp(0.8 * noise()) - np.exp(0.32)))
    found = ranking.ranking(made)
    expected = [
        oracles.rank_interval(estimate, made.replicates, j, 0.95, TEXTS)[2]
        for j in range(SETS)
    ]
    assert found.among_best.tolist() == expected
    # some might have rank 1 by their interval, which looks at both sides
    assert np.any((found.low == 1) & ~found.among_best)


def test_more_texts_are_surer():
    made = made_up(np.arange(6.0), 0.25 * noise())
    wide, narrow = ranking.ranking(made), ranking.ranking(made, expanded=False)
    assert np.all(wide.low <= narrow.low)
    assert np.all(wide.high >= narrow.high)
    assert np.any(wide.high > narrow.high)


# quarters, so that ties are exact and powers of 2 scale exactly; 0: no spread
estimates = st.lists(st.integers(-8, 8), min_size=SETS, max_size=SETS).map(
    lambda numbers: np.array(numbers) / 4
)
scales = st.lists(st.sampled_from([0.0, 0.125, 1.0]), min_size=SETS, max_size=SETS).map(
    np.array
)


@given(estimate=estimates, scale=scales, order=st.permutations(range(SETS)))
def test_what_every_ranking_satisfies(estimate, scale, order):
    made = made_up(estimate, noise() * scale)
    found = ranking.ranking(made)
    assert found.rank.tolist() == oracles.ranks(estimate).tolist()
    assert np.all((found.low >= 1) & (found.low <= found.rank))
    # equal sets share the lower rank, and the interval covers the higher one, too
    ties = (estimate[:, None] == estimate).sum(axis=1) - 1
    assert np.all((found.rank + ties <= found.high) & (found.high <= SETS))
    assert np.all(found.among_best[found.rank == 1])
    assert np.all(found.low[found.among_best] == 1)
    assert found.share_best.sum() == pytest.approx(1.0)
    scaled = ranking.ranking(made_up(4 * estimate + 8, 4 * noise() * scale))
    bent = ranking.ranking(made_up(np.exp(estimate), noise() * scale))
    permuted = ranking.ranking(objectives.chosen(made, np.array(order)))
    assert bent.rank.tolist() == found.rank.tolist()
    for name in FIELDS[:4]:
        assert np.array_equal(getattr(permuted, name), getattr(found, name)[order])
        assert np.array_equal(getattr(scaled, name), getattr(found, name)), name


def test_sets_without_spread_are_told_apart_and_twins_never():
    estimate = np.array([1.0, 1.0, 1.0 + 1e-6, 2.0, 3.0, 3.0])
    common = noise()[:, :1] * np.ones(SETS)  # all move together
    found = ranking.ranking(made_up(estimate, common))
    assert found.low.tolist() == [1, 1, 3, 4, 5, 5]
    assert found.high.tolist() == [2, 2, 3, 4, 6, 6]
    assert found.among_best.tolist() == [True, True, False, False, False, False]
    np.testing.assert_allclose(found.share_best, [0.5, 0.5, 0, 0, 0, 0])


def test_unbounded_sets_get_no_rank_and_disturb_none():
    made = made_up(np.arange(6.0), 0.25 * noise())
    replicates, estimate = made.replicates.copy(), made.estimate.copy()
    replicates[7, 0] = np.nan
    estimate[3] = np.nan
    found = ranking.ranking(made.replace(estimate=estimate, replicates=replicates))
    kept = [1, 2, 4, 5]
    alone = ranking.ranking(objectives.chosen(made, np.array(kept)))
    assert found.bounded.tolist() == [False, True, True, False, True, True]
    for name in FIELDS:
        np.testing.assert_array_equal(
            getattr(found, name)[kept], getattr(alone, name), name
        )
        assert not getattr(found, name)[[0, 3]].any(), name
    nothing = ranking.ranking(made.replace(replicates=replicates * np.nan))
    assert not nothing.rank.any()
    assert not nothing.bounded.any()


def test_blocks_of_sets_do_not_matter(monkeypatch):
    made = made_up(noise(20, 1)[0], 0.5 * noise(20))
    whole = ranking.ranking(made)
    monkeypatch.setattr(ranking, "BLOCK", 8)  # the last block overlaps
    parts = ranking.ranking(made)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


def test_levels_that_are_none():
    with pytest.raises(ValueError, match=r"^level must be between 0 and 1, got 2.0"):
        ranking.ranking(made_up(np.arange(6.0), noise()), level=2.0)


def tables_with_ties(number):
    """Losses of six sets in 16 texts; the four best are equal in expectation."""
    truth = np.array([1.0, 1.0, 1.0, 1.0, 1.5, 3.0])
    drawn = small.normal("tables", (number, TEXTS, SETS, 1)).astype(np.float64)
    common = small.normal("common", (number, TEXTS, 1, 1))
    # skewed, as losses are
    return truth[:, None] + 0.4 * (np.exp(0.7 * drawn) - np.exp(0.245)) + common


def test_intervals_cover_true_ranks_with_exact_ties_and_percentiles_do_not():
    number, level = 200, 0.9
    lowest, highest = [1, 1, 1, 1, 5, 6], [4, 4, 4, 4, 5, 6]
    covered, kept, naive = (np.zeros((number, SETS), bool) for _ in range(3))
    for n, added in enumerate(tables_with_ties(number)):
        made = objectives.objectives(
            added,
            np.arange(TEXTS),
            weights=np.ones((2, 1)),
            objective="mean",
            key=tables.KEY,
            draws=200,
        )
        found = ranking.ranking(made, level=level)
        covered[n] = (found.low <= lowest) & (found.high >= highest)
        kept[n] = found.among_best
        low, high = oracles.percentile_rank_intervals(made.replicates, level)
        naive[n] = (low <= lowest) & (lowest <= high)
    error = 3 * np.sqrt(level * (1 - level) / number)
    assert np.all(covered.mean(axis=0) >= level - error), covered.mean(axis=0)
    assert np.all(kept.mean(axis=0)[:4] >= level - error), kept.mean(axis=0)
    # a set that is far from the best is not kept for want of power
    assert kept.mean(axis=0)[5] < 0.05
    # nominal 0.9; the rank of equal sets is 1, and far fewer intervals contain it
    assert naive[:, :4].mean() < level - 0.1, naive.mean(axis=0)
