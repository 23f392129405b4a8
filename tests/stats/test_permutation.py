"""Permutation tests: against SciPy and full enumeration, and their size."""

import itertools
import math

import jax
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.stats import block_permutation
from jaxdisp.stats.permutation import correlation_test, difference_test, sign_flip_test
from jaxdisp.stats.permutation_outcome import p_value

KEY = jax.random.key(11)
FAMILIES = np.repeat([5, 2, 9, 10, 11, 12, 13], [4, 3, 1, 1, 1, 1, 1])


def normal(seed, *shape):
    return np.asarray(jax.random.normal(jax.random.key(seed), shape), np.float64)


def r(x, y):
    return np.corrcoef(x, y)[0, 1]


def two_sided(values, seen):
    """Twice the smaller side's share of `values`, ties within rounding included."""
    sides = np.mean(values >= seen - 1e-9), np.mean(values <= seen + 1e-9)
    return min(1.0, 2 * min(sides))


def keeps_clusters(order, clusters, *, members):
    """Slow test of what may be exchanged: rows of one cluster come from one cluster."""
    for cluster in np.unique(clusters):
        came_from = order[clusters == cluster]
        sources = np.unique(clusters[came_from])
        if len(sources) > 1 or np.sum(clusters == sources[0]) != len(came_from):
            return False
        if not members and (np.diff(came_from) < 0).any():
            return False
    return True


def by_definition(clusters, *, members):
    """All orders of rows, of which those that keep clusters are left."""
    every = map(np.array, itertools.permutations(range(len(clusters))))
    return [one for one in every if keeps_clusters(one, clusters, members=members)]


@pytest.mark.parametrize("exchange", ["members", "blocks"])
@pytest.mark.parametrize(
    "clusters", [[0, 0, 1, 1, 2], [0, 1, 0, 1, 2, 3], [0, 0, 0, 1]]
)
def test_rearrangements_are_all_that_keep_clusters(clusters, exchange):
    clusters = np.array(clusters)
    expected = by_definition(clusters, members=exchange == "members")
    found = block_permutation.every(clusters, exchange=exchange)
    assert {tuple(row) for row in found} == {tuple(row) for row in expected}
    assert len(found) == len(expected)
    assert block_permutation.rearrangements(clusters, exchange=exchange) == len(found)
    assert (found[0] == np.arange(len(clusters))).all()


@pytest.mark.parametrize("exchange", ["members", "blocks"])
def test_draws_are_uniform_over_rearrangements(exchange):
    clusters = np.array([0, 1, 0, 1, 2, 3])
    many = block_permutation.rearrangements(clusters, exchange=exchange)
    drawn = block_permutation.sampled(KEY, clusters, exchange=exchange, draws=8000)
    seen, counts = np.unique(drawn, axis=0, return_counts=True)
    allowed = {
        tuple(row) for row in block_permutation.every(clusters, exchange=exchange)
    }
    assert {tuple(row) for row in seen} == allowed
    # chi-squared: a p-value of 1e-4 would be a bad day in 10,000
    assert scipy.stats.chisquare(counts).pvalue > 1e-4
    assert many == len(seen)


def test_rows_equal_scipy_exactly():
    x, y = normal(1, 7), normal(2, 7)
    found = correlation_test(x, y, key=KEY)
    expected = scipy.stats.permutation_test(
        (x,), lambda x: r(x, y), permutation_type="pairings", n_resamples=np.inf
    )
    assert found.exact
    assert found.rearrangements == found.draws == math.factorial(7)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)
    assert found.estimate == pytest.approx(r(x, y), abs=1e-12)
    assert found.smallest_p == pytest.approx(2 / 5040, abs=1e-12)
    ranks = correlation_test(x, y, ranks=True, key=KEY)
    expected = scipy.stats.permutation_test(
        (x,),
        lambda x: scipy.stats.spearmanr(x, y).statistic,
        permutation_type="pairings",
        n_resamples=np.inf,
    )
    assert ranks.p_value == pytest.approx(expected.pvalue, abs=1e-12)


def test_many_rows_equal_scipy_within_monte_carlo_error():
    x = normal(1, 15)
    y = 0.5 * x + normal(2, 15)
    found = correlation_test(x, y, key=KEY)
    expected = scipy.stats.pearsonr(
        x, y, method=scipy.stats.PermutationMethod(n_resamples=9999, rng=3)
    ).pvalue
    # two shares of 9999 draws, each doubled, 4 standard errors
    assert abs(found.p_value - expected) < 4 * 2 * np.sqrt(expected / 2 / 9999 * 2)
    assert not found.exact
    assert found.draws == 9999
    assert found.rearrangements == math.factorial(15)
    assert found.smallest_p == pytest.approx(2 / 10_000)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_groups_equal_scipy(alternative):
    values, first = normal(3, 10), np.arange(10) < 4
    found = difference_test(values, first, key=KEY, alternative=alternative)
    expected = scipy.stats.ttest_ind(
        values[first],
        values[~first],
        alternative=alternative,
        method=scipy.stats.PermutationMethod(n_resamples=1000),
    )
    every = [
        values[list(c)].mean() - np.delete(values, c).mean()
        for c in itertools.combinations(range(10), 4)
    ]
    seen = values[:4].mean() - values[4:].mean()
    assert found.estimate == pytest.approx(seen, abs=1e-12)
    assert found.rearrangements == 210
    if alternative == "two-sided":
        assert found.p_value == pytest.approx(two_sided(np.array(every), seen))
        # Student's t orders divisions of unequal groups as the difference of means does
        assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)
    sides = 2 if alternative == "two-sided" else 1
    assert found.smallest_p == pytest.approx(sides / 210)


@pytest.mark.parametrize("n", [4, 5, 6])
def test_signs_are_all_flipped(n):
    d = np.abs(normal(4, n)) + 0.1
    found = sign_flip_test(d, key=KEY)
    flips = np.array(list(itertools.product([-1, 1], repeat=n)))
    assert found.rearrangements == 2**n
    assert found.p_value == two_sided(flips @ d, d.sum()) == 2 / 2**n
    assert found.smallest_p == found.p_value
    assert ("cannot reach 0.05" in found.caution) == (n < 6)


def test_seven_families_with_sizes_4_3_and_five_of_1():
    x, y = normal(5, 12), normal(6, 12)
    assert block_permutation.rearrangements(
        np.unique(FAMILIES, return_inverse=True)[1]
    ) == math.factorial(4) * math.factorial(3) * math.factorial(5)
    blocks = correlation_test(x, y, clusters=FAMILIES, exchange="blocks", key=KEY)
    assert blocks.rearrangements == 120
    assert blocks.smallest_p == pytest.approx(2 / 120)
    assert blocks.caution == ""
    five_alone = [
        r(x, np.concatenate([y[:7], y[7:][list(order)]]))
        for order in itertools.permutations(range(5))
    ]
    assert blocks.p_value == pytest.approx(two_sided(np.array(five_alone), r(x, y)))
    members = correlation_test(
        x, y, clusters=FAMILIES, key=KEY, draws=math.factorial(4) * 6 * 120
    )
    orders = block_permutation.every(np.unique(FAMILIES, return_inverse=True)[1])
    # sums of products order as correlations do
    everything = np.array([x @ y[order] for order in orders])
    assert members.exact
    assert members.p_value == pytest.approx(two_sided(everything, x @ y))
    means = correlation_test(x, y, clusters=FAMILIES, exchange="means", key=KEY)
    by_family = [
        [side[f == FAMILIES].mean() for f in np.unique(FAMILIES)] for side in (x, y)
    ]
    assert means.estimate == pytest.approx(r(*by_family), abs=1e-12)
    assert means.rearrangements == 5040
    signs = sign_flip_test(np.abs(x), clusters=FAMILIES, key=KEY)
    assert signs.rearrangements == 128
    assert signs.p_value == pytest.approx(2 / 128)


def test_what_cannot_reach_significance_says_so():
    clusters = np.repeat(np.arange(4), 3)
    x, y = normal(7, 12), normal(8, 12)
    few = correlation_test(x, y, clusters=clusters, exchange="blocks", key=KEY)
    assert few.rearrangements == 24
    assert few.smallest_p == pytest.approx(2 / 24)
    assert "cannot reach 0.05: the smallest p-value of 24" in few.caution
    # labels of whole clusters: two of four can be chosen in 6 ways
    labels = clusters < 2
    for exchange in ("members", "blocks", "means"):
        found = (
            difference_test(
                y, labels, clusters=clusters, exchange=exchange, draws=10**6, key=KEY
            )
            if exchange != "members"
            else difference_test(
                y, labels, clusters=clusters, exchange=exchange, key=KEY
            )
        )
        # drawn ones have their share of the most extreme, within 4 standard errors
        assert found.smallest_p == pytest.approx(2 / 6, abs=0.03)
        assert found.caution
    five = sign_flip_test(normal(9, 10), clusters=np.repeat(np.arange(5), 2), key=KEY)
    assert five.smallest_p == 2 / 32
    assert five.caution


def test_difference_of_blocks_is_that_of_its_definition():
    clusters = np.array([0, 0, 1, 1, 2, 2, 3])
    first = np.array([1, 1, 0, 0, 1, 0, 0], bool)
    y = normal(10, 7)
    found = difference_test(y, first, clusters=clusters, key=KEY)
    every = np.array(
        [
            y[order][first].mean() - y[order][~first].mean()
            for order in by_definition(clusters, members=True)
        ]
    )
    seen = y[first].mean() - y[~first].mean()
    assert len(every) == found.rearrangements == 48
    assert found.estimate == pytest.approx(seen, abs=1e-12)
    assert found.p_value == pytest.approx(two_sided(every, seen))


def simulated(icc, sets):
    """Independent columns [set, row] with effects of families."""
    numbers = np.unique(FAMILIES, return_inverse=True)[1]
    columns = [
        icc**0.5 * normal(seed, sets, 7)[:, numbers]
        + (1 - icc) ** 0.5 * normal(seed + 1, sets, 12)
        for seed in (20, 30)
    ]
    return columns, numbers


def share_rejected(x, y, orders, *, exact):
    centred = x - x.mean(axis=1, keepdims=True)
    null = np.einsum("sn,sdn->sd", centred, y[:, orders])
    seen = np.einsum("sn,sn->s", centred, y)
    p = [
        p_value(one, float(s), "two-sided", exact=exact)
        for one, s in zip(null, seen, strict=True)
    ]
    return np.mean(np.array(p) <= 0.05 + 1e-12)


def test_size_under_families_is_kept_and_naively_is_not():
    (x, y), numbers = simulated(0.8, 1000)
    error = np.sqrt(0.05 * 0.95 / 1000)
    naive = block_permutation.sampled(KEY, np.arange(12), draws=199)
    members = block_permutation.sampled(KEY, numbers, draws=199)
    blocks = block_permutation.every(numbers, exchange="blocks")
    # each of 1000 data sets errs on its own, 3 standard errors
    assert share_rejected(x, y, members, exact=False) < 0.05 + 3 * error
    assert share_rejected(x, y, blocks, exact=True) < 0.05 + 3 * error
    # 12 rows of 7 families are taken for 12 independent ones
    assert share_rejected(x, y, naive, exact=False) > 0.08


def test_size_of_flips_under_families():
    (x, _), numbers = simulated(0.8, 250)
    naive = [sign_flip_test(one, key=KEY, draws=199).p_value <= 0.05 for one in x]
    whole = [
        sign_flip_test(one, clusters=numbers, key=KEY).p_value <= 0.05 for one in x
    ]
    # 250 data sets, 3 standard errors
    assert np.mean(whole) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 250)
    assert np.mean(naive) > 0.12


@given(
    st.lists(st.integers(-9, 9), min_size=12, max_size=12).filter(
        lambda v: len(set(v)) > 1
    ),
    st.sampled_from(["members", "blocks", "means"]),
    st.sampled_from([-3.0, -0.5, 0.25, 8.0]),
)
def test_any_scale_and_order_of_rows_gives_the_same(values, exchange, scale):
    y, x = np.array(values, float), normal(12, 12)
    numbers = np.unique(FAMILIES, return_inverse=True)[1]
    if (
        exchange == "means"
        and np.ptp(np.bincount(numbers, weights=y) / np.bincount(numbers)) < 1e-9
    ):
        return
    both = {"clusters": FAMILIES, "exchange": exchange, "key": KEY}
    one = correlation_test(x, y, **both)
    other = correlation_test(x, scale * y + 3, **both)
    assert other.p_value == pytest.approx(one.p_value, abs=1e-12)
    assert other.estimate == pytest.approx(np.sign(scale) * one.estimate, abs=1e-9)
    # at least the data themselves are as extreme as the data
    assert 0 < one.smallest_p <= one.p_value <= 1
    if one.exact:
        mixed = np.argsort(normal(13, 12))
        if exchange == "blocks":
            mixed = np.arange(12)[::-1]  # members in reverse, in every cluster
        moved = correlation_test(
            x[mixed], y[mixed], clusters=FAMILIES[mixed], exchange=exchange, key=KEY
        )
        assert moved.p_value == pytest.approx(one.p_value, abs=1e-12)


def test_clusters_of_one_row_are_no_clusters():
    x, y = normal(14, 6), normal(15, 6)
    plain = correlation_test(x, y, key=KEY)
    for exchange in ("members", "blocks", "means"):
        alone = correlation_test(
            x, y, clusters=np.arange(6) * 2, exchange=exchange, key=KEY
        )
        assert alone.p_value == pytest.approx(plain.p_value, abs=1e-12)
        assert alone.rearrangements == plain.rearrangements == 720
    d = normal(16, 8)
    alone = sign_flip_test(d, clusters=np.arange(8), key=KEY)
    assert alone.p_value == sign_flip_test(d, key=KEY).p_value


NAN = np.array([1.0, 2.0, np.nan, 4.0, 5.0])
FINE = np.array([1.0, 2.0, 4.0, 3.0, 5.0])
LABELS = np.array([True, True, False, False, False])


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (lambda: correlation_test(NAN, FINE, key=KEY), "x must be one finite value"),
        (lambda: correlation_test(FINE, NAN, key=KEY), "y must be one finite value"),
        (lambda: correlation_test(FINE, FINE[:4], key=KEY), "got shapes"),
        (lambda: correlation_test(FINE[:3], FINE[:3], key=KEY), "at least 4 rows"),
        (lambda: correlation_test(FINE, FINE * 0, key=KEY), "a constant correlates"),
        (
            lambda: correlation_test(FINE, FINE, key=KEY, alternative="more"),
            "alternative must be one of",
        ),
        (lambda: correlation_test(FINE, FINE, key=KEY, draws=10), "draws must be at"),
        (
            lambda: correlation_test(
                FINE, FINE, clusters=np.arange(5), exchange="rows", key=KEY
            ),
            "exchange must be one of",
        ),
        (
            lambda: correlation_test(
                FINE,
                FINE,
                clusters=np.array([0, 0, 1, 1, 2]),
                exchange="means",
                key=KEY,
            ),
            "got 3 clusters, means need at least 4",
        ),
        (
            lambda: correlation_test(
                np.append(FINE, 0.0),
                np.append(FINE, 9.0),
                clusters=np.array([0, 1, 1, 2, 2, 2]),
                exchange="blocks",
                key=KEY,
            ),
            r"no two clusters of \[1, 2, 3\] rows",
        ),
        (lambda: difference_test(NAN, LABELS, key=KEY), "values must be one finite"),
        (lambda: difference_test(FINE, LABELS[:4], key=KEY), "first must be true or"),
        (lambda: difference_test(FINE, LABELS | True, key=KEY), "two groups"),
        (lambda: difference_test(FINE * 0, LABELS, key=KEY), "values that differ"),
        (
            lambda: difference_test(
                FINE,
                LABELS,
                clusters=np.array([0, 1, 1, 2, 3]),
                exchange="means",
                key=KEY,
            ),
            r"1 cluster\(s\) have rows of both groups",
        ),
        (lambda: sign_flip_test(NAN, key=KEY), "differences must be one finite"),
        (lambda: sign_flip_test(FINE * 0, key=KEY), "not all zero"),
        (lambda: sign_flip_test(FINE, clusters=np.zeros(5, int), key=KEY), "got 1"),
        (
            lambda: block_permutation.every(np.arange(3), exchange="means"),
            "exchange must be members or blocks",
        ),
    ],
)
def test_refuses(test, message):
    with pytest.raises(ValueError, match=message):
        test()


def test_draws_never_have_a_p_value_of_zero():
    drawn = normal(17, 99)
    assert p_value(drawn, 9.0, "greater", exact=False) == pytest.approx(1 / 100)
    assert p_value(drawn, 9.0, "less", exact=False) == 1.0
    assert p_value(drawn, 9.0, "two-sided", exact=False) == pytest.approx(2 / 100)
    # of all rearrangements the data are one
    assert p_value(drawn, float(drawn.max()), "greater", exact=True) == 1 / 99
    x = normal(18, 12)
    found = correlation_test(x, x, clusters=FAMILIES, key=KEY, draws=999)
    assert found.p_value == found.smallest_p == 2 / 1000
