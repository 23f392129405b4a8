"""Bootstrap intervals of any function: against SciPy, pingouin and enumeration."""

import itertools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pingouin
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.stats import bootstrap, weighted
from jaxdisp.stats.bootstrap_intervals import bootstrap_interval, bootstrap_intervals
from jaxdisp.stats.bootstrap_kinds import KINDS, RELIABLE_FROM
from jaxdisp.stats.replicates import replicates
from tests.stats import oracles

KEY = jax.random.key(17)
SMOOTH = ("percentile", "basic", "bca")
UNEQUAL = np.repeat([5, 2, 9, 10, 11, 12, 13], [4, 3, 1, 1, 1, 1, 1])


def normal(seed, *shape):
    return np.asarray(jax.random.normal(jax.random.key(seed), shape), np.float64)


X, Y = normal(1, 12), 0.8 * normal(1, 12) + 0.6 * normal(2, 12)


def numpy_correlation(x, y):
    return np.corrcoef(x, y)[0, 1]


def rowwise_correlation(x, y, axis=-1):
    x, y = (side - side.mean(axis=axis, keepdims=True) for side in (x, y))
    scale = np.sqrt((x**2).sum(axis=axis) * (y**2).sum(axis=axis))
    return (x * y).sum(axis=axis) / scale


def jax_correlation(x, y):
    return jnp.corrcoef(x, y)[0, 1]


def jax_mean(x):
    return jnp.mean(x)


def jax_ratio(x, y):
    return jnp.mean(x) / jnp.mean(y)


CASES = {
    "mean": (weighted.mean, (np.exp(X),), lambda x, axis: x.mean(axis=axis)),
    "median": (weighted.median, (X,), np.median),
    "correlation": (weighted.correlation, (X, Y), rowwise_correlation),
    "ratio": (
        weighted.ratio,
        (np.exp(X), np.exp(Y)),
        lambda x, y, axis: x.mean(axis=axis) / y.mean(axis=axis),
    ),
}


def scipy_interval(data, statistic, kind, **options):
    return scipy.stats.bootstrap(
        data,
        statistic,
        paired=True,
        vectorized=True,
        method="BCa" if kind == "bca" else kind,
        **options,
    )


@pytest.mark.parametrize("kind", SMOOTH)
@pytest.mark.parametrize("case", CASES)
def test_equals_scipy_on_the_same_resamples(case, kind):
    ours, columns, theirs = CASES[case]
    found = bootstrap_interval(ours, columns, kind=kind, key=KEY)
    counts = bootstrap.draw_counts(KEY, n_clusters=12)
    rows = np.array([np.repeat(np.arange(12), one) for one in counts])
    expected = theirs(*(column[rows] for column in columns), axis=-1)
    # float64 sums in another order
    np.testing.assert_allclose(found.replicates, expected, rtol=0, atol=1e-12)
    scipys = scipy_interval(
        columns,
        theirs,
        kind,
        n_resamples=0,
        bootstrap_result=types.SimpleNamespace(bootstrap_distribution=expected),
    )
    bounds = scipys.confidence_interval
    assert found.low == pytest.approx(bounds.low, abs=1e-9)
    assert found.high == pytest.approx(bounds.high, abs=1e-9)
    assert found.standard_error == pytest.approx(scipys.standard_error, abs=1e-12)
    assert found.estimate == pytest.approx(theirs(*columns, axis=-1), abs=1e-12)


def test_equals_scipy_on_its_own_resamples():
    found = bootstrap_intervals(
        weighted.correlation, (X, Y), kinds=SMOOTH, key=KEY, draws=20_000
    )
    for kind, one in found.items():
        scipys = scipy_interval(
            (X, Y), rowwise_correlation, kind, n_resamples=20_000, rng=1
        )
        # a 2.5 % quantile of 20,000 draws has the error of sqrt(p (1 - p) / n) over
        # its density, 0.02 standard errors for a normal tail and more for the long
        # tail of r, and z0's is added; both sides vary: 0.15 is several times that
        bounds = scipys.confidence_interval
        assert abs(one.low - bounds.low) < 0.15 * scipys.standard_error
        assert abs(one.high - bounds.high) < 0.15 * scipys.standard_error


@pytest.mark.parametrize("kind", SMOOTH)
def test_equals_pingouin(kind):
    x = normal(3, 60)
    y = x + normal(4, 60)
    expected = pingouin.compute_bootci(
        x, y, func="pearson", paired=True, method=kind, n_boot=9999, seed=2, decimals=8
    )
    found = bootstrap_interval(
        weighted.correlation, (x, y), kind=kind, key=KEY, draws=20_000
    )
    # as above, with half the draws on their side
    error = float(found.standard_error)
    np.testing.assert_allclose([found.low, found.high], expected, atol=0.2 * error)


def nested(statistic, columns, rows):
    """Studentized interval by slow loops: a jackknife inside each draw."""

    def error(chosen):
        left = [
            statistic(*(c[np.delete(chosen, i)] for c in columns))
            for i in range(len(chosen))
        ]
        n = len(left)
        return np.sqrt((n - 1) / n * np.sum((left - np.mean(left)) ** 2))

    everything = np.arange(len(columns[0]))
    estimate = statistic(*columns)
    pivots = [
        (statistic(*(c[chosen] for c in columns)) - estimate) / error(chosen)
        for chosen in rows
    ]
    low, high = np.quantile(pivots, [0.975, 0.025])
    return estimate - low * error(everything), estimate - high * error(everything)


def test_studentized_equals_a_jackknife_in_each_draw():
    counts = bootstrap.draw_counts(KEY, n_clusters=12, draws=200)
    rows = [np.repeat(np.arange(12), one) for one in counts]
    expected = nested(numpy_correlation, (X, Y), rows)
    for statistic in (weighted.correlation, jax_correlation, numpy_correlation):
        found = bootstrap_interval(
            statistic, (X, Y), kind="studentized", key=KEY, draws=200
        )
        np.testing.assert_allclose([found.low, found.high], expected, rtol=1e-9)
        assert found.acceleration is None


def test_studentized_with_a_standard_error():
    def standard_error(x, *, weights):
        n = jnp.sum(weights)
        spread = (
            weighted.mean(x**2, weights=weights)
            - weighted.mean(x, weights=weights) ** 2
        )
        return jnp.sqrt(spread / (n - 1))

    given_it = bootstrap_interval(
        weighted.mean,
        (X,),
        kind="studentized",
        key=KEY,
        standard_error=standard_error,
    )
    by_jackknife = bootstrap_interval(weighted.mean, (X,), kind="studentized", key=KEY)
    # the jackknife's standard error of a mean is s / sqrt(n)
    assert given_it.low == pytest.approx(by_jackknife.low, rel=1e-9)
    assert given_it.high == pytest.approx(by_jackknife.high, rel=1e-9)


def clustered_oracle(statistic, columns, clusters, kind, draws):
    """Values of each draw and without each cluster, by rows, one at a time."""
    ids = np.unique(clusters)
    counts = bootstrap.draw_counts(KEY, n_clusters=len(ids), draws=draws)
    values = []
    for one in counts:
        rows = np.concatenate(
            [
                np.tile(np.flatnonzero(clusters == c), k)
                for c, k in zip(ids, one, strict=True)
            ]
        ).astype(int)
        values.append(statistic(*(x[rows] for x in columns)))
    values.append(statistic(*columns))
    # rows in another order differ by rounding: ties with the estimate are ties
    *values, estimate = np.round(values, 12)
    left = [statistic(*(x[clusters != c] for x in columns)) for c in ids]
    if kind == "bca":
        return oracles.bca(estimate, np.array(values), np.array(left))
    low, high = np.quantile(values, [0.025, 0.975])
    if kind == "basic":
        return 2 * estimate - high, 2 * estimate - low
    return low, high


@pytest.mark.parametrize("kind", SMOOTH)
@pytest.mark.parametrize(
    ("statistic", "slow", "columns"),
    [
        (weighted.correlation, numpy_correlation, (X, Y)),
        (jax_correlation, numpy_correlation, (X, Y)),
        (numpy_correlation, numpy_correlation, (X, Y)),
        (jax_ratio, lambda x, y: x.mean() / y.mean(), (X, np.exp(Y))),
        (weighted.median, np.median, (X,)),
    ],
)
def test_clusters_of_several_sizes(statistic, slow, columns, kind):
    found = bootstrap_interval(
        statistic, columns, kind=kind, clusters=UNEQUAL, key=KEY, draws=300
    )
    expected = clustered_oracle(slow, columns, UNEQUAL, kind, 300)
    np.testing.assert_allclose([found.low, found.high], expected, rtol=1e-8)
    assert (found.rows, found.clusters, found.draws) == (12, 7, 300)


def test_studentized_of_clusters_leaves_out_drawn_clusters():
    counts = bootstrap.draw_counts(KEY, n_clusters=7, draws=200)
    ids, x = np.unique(UNEQUAL), np.exp(X)

    def rows_of(drawn):
        return np.concatenate([np.flatnonzero(ids[c] == UNEQUAL) for c in drawn])

    def error(drawn):
        left = [x[rows_of(np.delete(drawn, i))].mean() for i in range(7)]
        return np.sqrt(6 / 7 * np.sum((left - np.mean(left)) ** 2))

    pivots = []
    for one in counts:
        drawn = np.repeat(np.arange(7), one)
        pivots.append((x[rows_of(drawn)].mean() - x.mean()) / error(drawn))
    quantiles = np.quantile(pivots, [0.975, 0.025])
    expected = x.mean() - quantiles * error(np.arange(7))
    for statistic in (weighted.mean, jax_mean):
        found = bootstrap_interval(
            statistic, (x,), kind="studentized", clusters=UNEQUAL, key=KEY, draws=200
        )
        np.testing.assert_allclose([found.low, found.high], expected, rtol=1e-9)


def test_quantiles_approach_those_of_all_resamples():
    x = np.array([0.3, 1.9, -0.7, 4.2, 2.4])
    every = np.array([np.mean(c) for c in itertools.product(x, repeat=5)])
    found = bootstrap_interval(
        weighted.mean, (x,), kind="percentile", key=KEY, draws=50_000
    )
    # shares of 50,000 draws at the exact quantiles, 4 standard errors
    for share, bound in ((0.025, found.low), (0.975, found.high)):
        below, up_to = np.mean(every < bound - 1e-9), np.mean(every <= bound + 1e-9)
        assert below - 0.003 < share < up_to + 0.003
    # exact z0, ties counted half, within 4 standard errors of a share of a half
    z0 = scipy.stats.norm.ppf(
        (np.mean(every < x.mean() - 1e-9) + np.mean(every <= x.mean() + 1e-9)) / 2
    )
    assert abs(found.bias - z0) < 4 * 2.5066 * 0.5 / np.sqrt(50_000)
    # the variance of all resamples is that of the rows over n
    exact = np.sqrt(x.var() / 5)
    assert found.standard_error == pytest.approx(exact, rel=4 / np.sqrt(2 * 50_000))


def test_agrees_with_the_bootstrap_of_sums():
    clusters = np.repeat(np.arange(12), 8)
    values = np.exp(normal(5, 96))
    with jax.enable_x64(True):
        resamples = bootstrap.resample(values, clusters, key=KEY)
        for kind, expanded in (("bca", False), ("expanded", True)):
            expected = bootstrap.interval(resamples, expanded=expanded)
            found = bootstrap_interval(
                weighted.mean, (values,), kind=kind, clusters=clusters, key=KEY
            )
            # the same draws and formulas: rounding
            assert found.low == pytest.approx(float(expected.low), rel=1e-12)
            assert found.high == pytest.approx(float(expected.high), rel=1e-12)


def test_arrays_are_intervals_of_their_elements():
    table = normal(6, 12, 3)
    together = bootstrap_intervals(weighted.mean, (table,), key=KEY, draws=400)
    for column in range(3):
        alone = bootstrap_intervals(
            weighted.mean, (table[:, column],), key=KEY, draws=400
        )
        for kind in KINDS:
            assert together[kind].low.shape == (3,)
            for side in ("estimate", "low", "high", "bias", "standard_error"):
                one = getattr(alone[kind], side)
                many = getattr(together[kind], side)[column]
                assert many == pytest.approx(float(one), abs=1e-12)


def test_block_size_does_not_matter(monkeypatch):
    plain = bootstrap_intervals(jax_correlation, (X, Y), key=KEY, draws=300)
    monkeypatch.setattr("jaxdisp.stats.replicates.BLOCK", 24 * 37)
    monkeypatch.setattr("jaxdisp.stats.bootstrap_intervals.BLOCK", 12 * 12 * 10)
    blocks = bootstrap_intervals(jax_correlation, (X, Y), key=KEY, draws=300)
    for kind in KINDS:
        # the same sums in other loops of the processor
        np.testing.assert_allclose(plain[kind].low, blocks[kind].low, rtol=1e-10)
        np.testing.assert_allclose(plain[kind].high, blocks[kind].high, rtol=1e-10)


WHOLE = st.lists(st.integers(-50, 50), min_size=9, max_size=9).filter(
    lambda v: len(set(v)) > 6
)


@given(
    WHOLE, st.sampled_from([-3.0, -0.5, 0.25, 7.0]), st.sampled_from([-9.0, 0.0, 2.5])
)
@settings(max_examples=20)
def test_affine_maps_of_a_column_map_the_interval(values, scale, shift):
    x = np.array(values, float)
    both = {
        "key": KEY,
        "draws": 200,
        "kinds": ("percentile", "basic", "bca", "expanded"),
    }
    for statistic in (weighted.mean, weighted.median):
        try:
            found = bootstrap_intervals(statistic, (x,), **both)
        except ValueError as error:
            with pytest.raises(ValueError, match=str(error)[:20]):
                bootstrap_intervals(statistic, (scale * x + shift,), **both)
            continue
        moved = bootstrap_intervals(statistic, (scale * x + shift,), **both)
        for kind, one in found.items():
            bounds = sorted(scale * np.array([one.low, one.high]) + shift)
            other = [moved[kind].low, moved[kind].high]
            # draws are linear in the data up to rounding
            np.testing.assert_allclose(other, bounds, rtol=1e-9, atol=1e-9)


@given(WHOLE, st.sampled_from([0.5, 3.0, 100.0]), st.sampled_from([-4.0, 0.0, 11.0]))
@settings(max_examples=20)
def test_correlations_do_not_depend_on_units(values, scale, shift):
    x, y = np.array(values, float), normal(7, 9)
    kinds = ("percentile", "bca")
    one = bootstrap_intervals(weighted.correlation, (x, y), kinds=kinds, key=KEY)
    other = bootstrap_intervals(
        weighted.correlation, (scale * x + shift, y), kinds=kinds, key=KEY
    )
    for kind in kinds:
        for side in ("low", "high", "estimate"):
            same = getattr(one[kind], side)
            assert getattr(other[kind], side) == pytest.approx(float(same), abs=1e-9)
        assert -1 <= one[kind].low < one[kind].high <= 1


def exponent(x, y, *, weights):
    return jnp.exp(weighted.correlation(x, y, weights=weights))


@given(WHOLE)
@settings(max_examples=20)
def test_monotone_maps_map_percentile_intervals(values):
    x, y = np.array(values, float), normal(7, 9)
    found = bootstrap_interval(
        weighted.correlation, (x, y), kind="percentile", key=KEY, draws=201
    )
    mapped = bootstrap_interval(exponent, (x, y), kind="percentile", key=KEY, draws=201)
    # with 201 draws the 2.5 % quantile is the sixth draw itself, not between two
    np.testing.assert_allclose(mapped.low, np.exp(found.low), rtol=1e-12)
    np.testing.assert_allclose(mapped.high, np.exp(found.high), rtol=1e-12)


@given(st.permutations(range(12)))
@settings(max_examples=20)
def test_the_order_of_rows_does_not_matter(order):
    order = np.array(order)
    for clusters in (UNEQUAL, np.arange(12) * 3):
        one = bootstrap_interval(
            weighted.correlation, (X, Y), clusters=clusters, key=KEY, draws=200
        )
        other = bootstrap_interval(
            weighted.correlation,
            (X[order], Y[order]),
            clusters=clusters[order],
            key=KEY,
            draws=200,
        )
        np.testing.assert_allclose(
            [one.low, one.high], [other.low, other.high], rtol=1e-9
        )


def test_clusters_of_one_row_are_no_clusters():
    one = bootstrap_intervals(weighted.ratio, (np.exp(X), np.exp(Y)), key=KEY)
    other = bootstrap_intervals(
        weighted.ratio, (np.exp(X), np.exp(Y)), clusters=np.arange(12) * 2, key=KEY
    )
    for kind in KINDS:
        assert (one[kind].low, one[kind].high) == (other[kind].low, other[kind].high)


@given(
    st.lists(st.integers(0, 3), min_size=8, max_size=8).filter(lambda w: sum(w) > 1),
    st.lists(st.integers(-5, 5), min_size=8, max_size=8),
    st.lists(st.integers(-5, 5), min_size=8, max_size=8),
)
def test_weights_are_copies_of_rows(counts, x, y):
    x, y, counts = np.array(x, float), np.array(y, float), np.array(counts)
    rows = np.repeat(np.arange(8), counts)
    with jax.enable_x64(True):
        times = jnp.asarray(counts, float)
        mean, middle = (
            f(jnp.asarray(x), weights=times) for f in (weighted.mean, weighted.median)
        )
        assert mean == pytest.approx(x[rows].mean(), abs=1e-12)
        assert middle == np.median(x[rows])
        r, rho = (
            f(jnp.asarray(x), jnp.asarray(y), weights=times)
            for f in (weighted.correlation, weighted.rank_correlation)
        )
    if np.ptp(x[rows]) == 0 or np.ptp(y[rows]) == 0:
        assert np.isnan(r)
        assert np.isnan(rho)
    else:
        assert r == pytest.approx(numpy_correlation(x[rows], y[rows]), abs=1e-12)
        expected = scipy.stats.spearmanr(x[rows], y[rows]).statistic
        assert rho == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("rows", [12, 49])
@pytest.mark.parametrize(
    "correlation", [weighted.correlation, jax_correlation, numpy_correlation]
)
def test_a_constant_column_of_a_draw_has_no_correlation(correlation, rows):
    x = np.full(rows, 0.1)
    x[0] = 0.7
    y = normal(8, rows)
    counts = np.ones((3, rows), np.int64)
    counts[1] = np.roll(counts[1], 1)
    counts[1, :2] = 0, 2
    counts[2, :2] = 2, 0
    # rounding would give the constant a spread, and the correlation any value
    found = replicates(correlation, (x, y), counts)
    assert np.isnan(found).tolist() == [False, True, False]
    means = replicates(jax_ratio, (y, x), counts)
    assert np.isfinite(means).all()


def test_draws_without_a_value_are_left_out_and_counted():
    x = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    # a constant draw of two equally common values has probability 2^-11: 1 of 2000
    found = bootstrap_interval(
        weighted.correlation, (x, Y), kind="percentile", key=KEY, draws=8000
    )
    assert 0 < found.undefined <= 20
    assert len(found.replicates) == 8000 - found.undefined
    assert f"no value in {found.undefined} draws" in found.caution
    x[:9] = 0.0
    with pytest.raises(ValueError, match=r"no value in \d+ of 2000 draws, more than"):
        bootstrap_interval(weighted.correlation, (x, Y), key=KEY)


def test_functions_that_jax_cannot_trace():
    def strict(x):
        return float(scipy.stats.skew(np.asarray(x)))

    found = bootstrap_interval(strict, (X,), kind="percentile", key=KEY, draws=300)
    assert found.low < found.estimate < found.high

    def weighted_host(x, weights):
        return np.average(np.asarray(x), weights=np.asarray(weights))

    one = bootstrap_interval(weighted_host, (X,), key=KEY, draws=300)
    other = bootstrap_interval(weighted.mean, (X,), key=KEY, draws=300)
    assert one.low == pytest.approx(float(other.low), abs=1e-12)


def test_caution_follows_what_the_benchmark_found():
    few = bootstrap_intervals(weighted.mean, (normal(2, 12),), key=KEY)
    for kind in KINDS:
        assert few[kind].reliable == (RELIABLE_FROM[kind] <= 12)
    assert "12 rows are few: the bca kind" in few["bca"].caution
    many = bootstrap_interval(weighted.mean, (normal(9, 60),), key=KEY)
    assert many.reliable
    skewed = bootstrap_interval(weighted.mean, (np.exp(2 * normal(9, 60)),), key=KEY)
    assert skewed.acceleration > 0.05
    assert "as of skewed rows" in skewed.caution
    unlike = bootstrap_interval(
        weighted.mean, (X,), kind="studentized", clusters=UNEQUAL, key=KEY
    )
    # 12^2 / (16 + 9 + 5)
    assert "7 clusters, worth 4.8 of one size, are few" in unlike.caution
    # (7 x 19)^2 / (7 x 181)
    sizes = np.repeat(np.arange(21), [12, 6, 1] * 7)
    wide = bootstrap_interval(
        weighted.mean,
        (normal(10, len(sizes)),),
        kind="expanded",
        clusters=sizes,
        key=KEY,
    )
    assert "worth 14.0 of one size" in wide.caution
    steps = bootstrap_intervals(weighted.median, (X,), kinds=("basic", "bca"), key=KEY)
    assert "for which this kind covers less" in steps["basic"].caution
    assert "the acceleration says nothing" in steps["bca"].caution


def test_a_studentized_median_needs_a_standard_error():
    with pytest.raises(ValueError, match="changes in steps, as a median does"):
        bootstrap_interval(weighted.median, (X,), kind="studentized", key=KEY)
    # ties of rows are no steps of the statistic: the mean of zeros and ones
    binary = np.tile([0.0, 1.0, 1.0], 10)
    found = bootstrap_interval(weighted.mean, (binary,), kind="studentized", key=KEY)
    assert found.low < 2 / 3 < found.high


TIED = np.array([3.0] * 10 + [1.0, 2.0])
SHORT = np.arange(4.0)
WITHOUT = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ((X,), {"kind": "bootstrap"}, "kind must be one of percentile, basic"),
        ((X,), {"level": 1.0}, "level must be between 0 and 1, got 1.0"),
        ((X,), {"level": 0.0}, "level must be between 0 and 1, got 0.0"),
        ((X,), {"draws": 150}, "150 draws are too few for level 0.95: at least 200"),
        ((X,), {"level": 0.99}, None),
        ((X,), {"level": 0.999}, "at least 10000 leave 5 beyond each bound"),
        ((SHORT,), {}, "got 4 rows, a bootstrap needs at least 5"),
        ((X,), {"clusters": np.arange(12) // 4}, "got 3 clusters, a bootstrap needs"),
        ((X, Y[:11]), {}, r"must have the same rows.*\(12,\), \(11,\)"),
        ((), {}, "columns must be a tuple of arrays"),
        ((np.float64(3.0),), {}, "columns must be a tuple of arrays"),
        ((np.zeros((0,)),), {}, "at least one"),
        (
            (np.where(X > 1, np.nan, X),),
            {},
            r"column 0 has \d+ value\(s\) that are NaN",
        ),
        ((X, np.where(X > 1, np.inf, X)), {}, r"column 1 has \d+ value\(s\)"),
        ((X,), {"clusters": np.arange(11)}, "clusters must be one integer for each"),
        ((X,), {"clusters": np.arange(12) - 1}, "cluster ids must be 0 or larger"),
        ((np.full(12, 2.0),), {}, "is the same in all draws"),
    ],
)
def test_refuses(columns, options, message):
    if message is None:
        assert bootstrap_interval(weighted.mean, columns, key=KEY, **options)
        return
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(weighted.mean, columns, key=KEY, **options)


@pytest.mark.parametrize(
    ("statistic", "columns", "kind", "message"),
    [
        (weighted.median, (TIED,), "percentile", "one point: .* of draws give the est"),
        (weighted.median, (TIED,), "bca", "so that ties decide the bias of the bca"),
        (weighted.correlation, (X, TIED * 0), "bca", "statistic of the data is nan"),
        (weighted.correlation, (WITHOUT, Y[:7]), "percentile", "no value in"),
        (
            lambda x: jnp.where(jnp.min(x) > 0.5, 1 / x[0], jnp.nan),
            (np.arange(1.0, 13.0),),
            "studentized",
            "changes in steps",
        ),
    ],
)
def test_refuses_what_has_no_value(statistic, columns, kind, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(statistic, columns, kind=kind, key=KEY)


def test_refuses_a_jackknife_without_a_value():
    # no value if exactly eleven rows are there, as when one of twelve is left out
    def fussy(x, *, weights):
        value = weighted.mean(x, weights=weights)
        return jnp.where(jnp.sum(weights) == 11, jnp.nan, value)

    with pytest.raises(ValueError, match="no value without cluster 0"):
        bootstrap_interval(fussy, (X,), key=KEY)
    with pytest.raises(ValueError, match="it cannot be studentized"):
        bootstrap_interval(
            weighted.mean,
            (X,),
            kind="studentized",
            key=KEY,
            standard_error=lambda x: 0.0 * jnp.sum(x),
        )
