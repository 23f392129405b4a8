"""The bootstrap against scipy and slow float64, and what any bootstrap must satisfy."""

import inspect

import chex
import hypothesis.extra.numpy as hnp
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.stats import bca, bootstrap
from tests.stats import oracles

KEY = jax.random.key(7)
CLUSTERS = np.array([4, 4, 4, 4, 9, 9, 0, 0, 0, 0, 0, 2, 7, 7, 7, 7, 7, 7, 30, 31])
# integers, so that sums are exact and only the code under test can differ
VALUES = hnp.arrays(np.float32, (20, 2), elements=st.integers(-20, 20).map(float))


def difference(sums, n_sentences):
    return (sums[0] - sums[1]) / n_sentences


def log_ratio(sums, n_sentences):
    return jnp.log(sums[0]) - jnp.log(sums[1])


def log_mean(sums, n_sentences):
    return jnp.log(sums / n_sentences)


def skewed(rows, columns=(2,), offset=1.0):
    noise = jax.random.exponential(jax.random.key(1), (rows, *columns))
    scale = 1 + np.broadcast_to(np.arange(columns[-1], dtype=np.float32), noise.shape)
    return offset + noise * scale


def close(actual, expected, standard_error, share):
    error = np.abs(np.asarray(actual, np.float64) - expected) / standard_error
    assert np.max(error) < share, f"off by {np.max(error):.2g} standard errors"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (difference, lambda x, y, axis: np.mean(x, axis) - np.mean(y, axis)),
        (log_ratio, lambda x, y, axis: np.log(np.mean(x, axis) / np.mean(y, axis))),
    ],
)
def test_equals_scipy_on_the_same_replicates(ours, theirs):
    values = skewed(40)
    resamples = bootstrap.resample(values, key=KEY)
    found = bootstrap.interval(resamples, ours, expanded=False)
    replicates = jax.vmap(ours)(
        resamples.replicate_sums, resamples.replicate_n_sentences
    )
    data = tuple(np.asarray(values, np.float64).T)
    expected = oracles.scipy_bca(data, theirs, np.asarray(replicates, np.float64))
    # float32 jackknife and bounds against float64: far below 1e-4 standard errors
    close(found.low, expected.confidence_interval.low, expected.standard_error, 1e-4)
    close(found.high, expected.confidence_interval.high, expected.standard_error, 1e-4)
    close(found.standard_error, expected.standard_error, expected.standard_error, 1e-4)


def test_equals_scipy_within_monte_carlo_error():
    values = skewed(40)
    resamples = bootstrap.resample(values, key=KEY, draws=20_000)
    found = bootstrap.interval(resamples, difference, expanded=False)
    expected = scipy.stats.bootstrap(
        tuple(np.asarray(values, np.float64).T),
        lambda x, y, axis: np.mean(x, axis) - np.mean(y, axis),
        paired=True,
        n_resamples=20_000,
        method="BCa",
        rng=0,
    )
    # a 2.5 % quantile of 20,000 normal draws has error 0.019 and z0 adds 2 x 0.009;
    # both sides vary: 0.037, times 3
    bounds = expected.confidence_interval
    close(found.low, bounds.low, expected.standard_error, 0.11)
    close(found.high, bounds.high, expected.standard_error, 0.11)


@pytest.mark.parametrize("offset", [0.0, 20.0, -20.0])
def test_clustered_sums_and_bounds_equal_float64(offset):
    values = skewed(20, (3, 2), offset)
    resamples = bootstrap.resample(values, CLUSTERS, key=KEY, draws=500)
    counts = bootstrap.draw_counts(KEY, n_clusters=7, draws=500)
    sums, sizes = oracles.resampled_sums(values, CLUSTERS, counts)
    left_sums, left_sizes = oracles.jackknife_sums(values, CLUSTERS)
    # the last two of float32's 24 bits
    np.testing.assert_allclose(resamples.replicate_sums, sums, rtol=3e-7)
    np.testing.assert_allclose(resamples.jackknife_sums, left_sums, rtol=3e-7)
    np.testing.assert_array_equal(resamples.replicate_n_sentences, sizes)
    np.testing.assert_array_equal(resamples.jackknife_n_sentences, left_sizes)
    np.testing.assert_allclose(
        resamples.sums, np.asarray(values, np.float64).sum(0), rtol=3e-7
    )
    assert resamples.n_sentences == 20
    found = bootstrap.interval(resamples, expanded=False)
    means, left = sums / sizes[:, None, None], left_sums / left_sizes[:, None, None]
    estimate = np.asarray(values, np.float64).mean(0)
    for i in np.ndindex(3, 2):
        at = (slice(None), *i)
        low, high = oracles.bca(estimate[i], means[at], left[at])
        # what the room promises: 1e-4 standard errors
        close(found.low[i], low, means[at].std(), 1e-4)
        close(found.high[i], high, means[at].std(), 1e-4)
        close(found.standard_error[i], means[at].std(ddof=1), means[at].std(), 1e-4)


def test_precision_does_not_suffer_from_a_large_common_level():
    values = np.asarray(skewed(200, offset=0.0), np.float64)
    low, high = (
        bootstrap.resample(values + level, key=KEY, draws=200) for level in (0.0, 1e4)
    )
    shift = (np.asarray(high.replicate_sums, np.float64) - 2e6) - low.replicate_sums
    # float32 holds sums of 2e6 to 0.125; an uncentred product errs several times more
    assert np.abs(shift).max() <= 0.25


def test_counts_are_multinomial():
    counts = bootstrap.draw_counts(KEY, n_clusters=10, draws=20_000)
    assert (counts.sum(axis=1) == 10).all()
    # variance of one mean count is 0.9 / 20,000, so 5 standard errors are 0.034
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.034)
    # covariance 10 (I / 10 - 1 / 100); its standard error is 0.01 at most, times 5
    covariance = np.cov(counts.T)
    np.testing.assert_allclose(covariance, np.eye(10) - 0.1, atol=0.06)


def test_columns_are_resampled_jointly():
    values = skewed(20)
    shifted = jnp.stack([values[:, 0] + 1, values[:, 0]], axis=1)
    resamples = bootstrap.resample(shifted, CLUSTERS, key=KEY)
    found = bootstrap.interval(resamples, difference)
    # sums near 40 are held to 4e-6, and 20 sentences divide it
    np.testing.assert_allclose([found.low, found.high], 1, atol=1e-6)


def test_sentences_are_their_own_clusters_without_grouping():
    values = skewed(20)
    alone = bootstrap.resample(values, key=KEY)
    numbered = bootstrap.resample(values, np.arange(20) * 3, key=KEY)
    chex.assert_trees_all_equal(alone, numbered)


def test_same_key_same_bits_other_key_other_bits():
    values = skewed(20)
    first, again, other = (
        bootstrap.interval(bootstrap.resample(values, key=key))
        for key in (KEY, jax.random.key(7), jax.random.key(8))
    )
    chex.assert_trees_all_equal(first, again)
    assert (first.low != other.low).all()


@given(values=VALUES, order=st.permutations(range(20)))
def test_order_of_sentences_is_irrelevant(values, order):
    plain = bootstrap.resample(values, CLUSTERS, key=KEY, draws=100)
    mixed = bootstrap.resample(values[order], CLUSTERS[order], key=KEY, draws=100)
    # deviations from the mean are added in another order: the last bits of sums to 700
    chex.assert_trees_all_close(plain, mixed, rtol=3e-7, atol=3e-4)


@given(
    values=VALUES,
    scale=st.sampled_from([-3.0, -1.0, 0.5, 7.0]),
    shift=st.integers(-50, 50),
)
def test_interval_follows_affine_maps(values, scale, shift):
    mapped = values * np.float32(scale) + np.float32(shift)
    plain, moved = (
        bootstrap.interval(bootstrap.resample(x, CLUSTERS, key=KEY, draws=100))
        for x in (values, mapped)
    )
    bounds = np.sort([scale * plain.low + shift, scale * plain.high + shift], axis=0)
    # means reach 190, which float32 holds to 1.5e-5; a few such roundings
    np.testing.assert_allclose([moved.low, moved.high], bounds, atol=2e-4)
    expected = abs(scale) * plain.standard_error
    np.testing.assert_allclose(moved.standard_error, expected, atol=2e-4)


@given(values=VALUES)
def test_interval_is_ordered_and_grows_with_level_and_expansion(values):
    resamples = bootstrap.resample(values, CLUSTERS, key=KEY, draws=100)
    narrow = bootstrap.interval(resamples, level=0.8, expanded=False)
    wide = bootstrap.interval(resamples, level=0.95, expanded=False)
    expanded = bootstrap.interval(resamples, level=0.95)
    lows = np.array([expanded.low, wide.low, narrow.low])
    highs = np.array([narrow.high, wide.high, expanded.high])
    # exact up to the last bit of the interpolation between equal order statistics
    assert (np.diff(np.concatenate([lows, highs]), axis=0) >= -1e-5).all()


@given(value=st.floats(-1e6, 1e6, width=32))
def test_constant_column_has_zero_width(value):
    values = np.stack(
        [np.full(20, value, np.float32), np.arange(20, dtype=np.float32)], 1
    )
    found = bootstrap.interval(bootstrap.resample(values, CLUSTERS, key=KEY, draws=100))
    assert found.low[0] == found.high[0] == found.estimate[0]
    assert found.standard_error[0] == 0
    assert found.low[1] < found.high[1]


def test_ties_count_half():
    replicates = jnp.concatenate([jnp.full(60, 2.0), jnp.linspace(3, 4, 40)])
    jackknife = jnp.array([1.0, 2.0, 3.0])
    found = bca.bca_interval(jnp.float32(2), replicates, jackknife, expanded=False)
    expected = oracles.bca(2, np.asarray(replicates, np.float64), np.arange(1.0, 4))
    # float32's last bit, times a few
    np.testing.assert_allclose([found.low, found.high], expected, rtol=1e-6)


def test_skewness_has_scipys_sign():
    replicates = jax.random.normal(KEY, (4000,))
    jackknife = jnp.array([0.0, 0.0, 0.0, 0.0, -1.0])
    found = bca.bca_interval(jnp.float32(0), replicates, jackknife, expanded=False)
    expected = oracles.bca(0, np.asarray(replicates, np.float64), np.asarray(jackknife))
    # float32's last bit, times a few
    np.testing.assert_allclose([found.low, found.high], expected, rtol=1e-6)
    assert found.low > -1.8
    assert found.high > 2.1


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_replicates_on_one_side_give_the_extreme_replicate(side):
    replicates = side * jnp.linspace(1, 2, 200)
    found = bca.bca_interval(
        jnp.float32(0), replicates, jnp.array([-1.0, 0.0, 1.0]), expanded=False
    )
    # z0 is -/+ 2.81, so both quantiles are among the draws next to the estimate
    assert np.isfinite([found.low, found.high]).all()
    assert np.abs([found.low, found.high]).min() == 1
    assert np.abs([found.low, found.high]).max() < 1.01


def test_undefined_replicates_give_no_bounds_and_spare_other_columns():
    values = skewed(20).at[:, 1].add(-3)
    resamples = bootstrap.resample(values, CLUSTERS, key=KEY)
    found = bootstrap.interval(resamples, log_mean)
    assert np.isfinite([found.low[0], found.high[0]]).all()
    assert np.isnan([found.low[1], found.high[1]]).all()
    poisoned = bootstrap.interval(
        bootstrap.resample(values.at[3, 1].set(jnp.nan), key=KEY)
    )
    assert np.isfinite(poisoned.low[0])
    assert np.isnan(poisoned.low[1])
    infinite = bootstrap.interval(
        bootstrap.resample(values.at[3, 1].set(jnp.inf), key=KEY)
    )
    assert np.isnan([infinite.low[1], infinite.high[1]]).all()


def test_expansion_equals_the_plain_interval_at_hesterbergs_level():
    replicates = jax.random.normal(KEY, (2000, 3))
    jackknife = jax.random.normal(jax.random.key(2), (16, 3))
    expanded = bca.bca_interval(jnp.zeros(3), replicates, jackknife)
    # sqrt(16 / 15) x 2.131450 = 2.201353 from a table of t_15; 2 Phi(2.201353) - 1
    level = 2 * scipy.stats.norm.cdf(2.201353) - 1
    plain = bca.bca_interval(
        jnp.zeros(3), replicates, jackknife, level=level, expanded=False
    )
    # the table's seven digits
    np.testing.assert_allclose(expanded.low, plain.low, rtol=1e-4)
    np.testing.assert_allclose(expanded.high, plain.high, rtol=1e-4)


def test_expansion_restores_coverage_with_16_clusters():
    truth, columns = 1.0, 4000
    values = truth + jax.random.normal(KEY, (16, columns))
    resamples = bootstrap.resample(values, key=KEY)
    plain, expanded = (
        100 * np.mean((x.low <= truth) & (truth <= x.high))
        for x in (bootstrap.interval(resamples, expanded=e) for e in (False, True))
    )
    # standard error 0.35 points over columns; all share one set of 2000 draws, which
    # adds about as much
    assert 93.5 < expanded < 96.5
    assert plain < 93


def test_a_large_table_is_the_same_as_its_columns():
    values = skewed(20, (2 * bca.BLOCK + 3,))
    whole = bootstrap.interval(bootstrap.resample(values, CLUSTERS, key=KEY, draws=100))
    for column in (0, bca.BLOCK, 2 * bca.BLOCK + 2):
        one = bootstrap.resample(values[:, column], CLUSTERS, key=KEY, draws=100)
        # matrix and vector products may add in another order: the last bits of means
        # below 1000
        found = bootstrap.interval(one)
        np.testing.assert_allclose(found.low, whole.low[column], rtol=1e-5)
        np.testing.assert_allclose(found.high, whole.high[column], rtol=1e-5)


# without jaxtyping, which would reject some of these first in tests (users run without)
BARE = {f: inspect.unwrap(getattr(bootstrap, f)) for f in ("resample", "draw_counts")}


@pytest.mark.parametrize(
    ("clusters", "draws", "message"),
    [
        (
            np.arange(5),
            200,
            r"one integer for each of the 6 sentences, got shape \(5,\)",
        ),
        (np.arange(6.0), 200, r"clusters must be one integer .* of float64"),
        (np.ones((6, 1), int), 200, r"one integer for each .* got shape \(6, 1\)"),
        (np.array([0, 1, 2, 3, 4, -1]), 200, "cluster ids must be 0 or larger, got -1"),
        (np.full(6, 3), 200, r"got 1 cluster\(s\), at least 2 are needed"),
        (None, 99, "draws must be at least 100, got 99"),
    ],
)
def test_bad_clusters_and_draws(clusters, draws, message):
    with pytest.raises(ValueError, match=message):
        BARE["resample"](np.ones((6, 2)), clusters, key=KEY, draws=draws)


def test_bad_values():
    with pytest.raises(ValueError, match="got a single number"):
        BARE["resample"](np.float64(1), key=KEY)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_bad_level(level):
    resamples = bootstrap.resample(skewed(20), key=KEY, draws=100)
    with pytest.raises(ValueError, match=f"level must be between 0 and 1, got {level}"):
        bootstrap.interval(resamples, level=level)


@pytest.mark.parametrize(
    ("replicates", "jackknife", "name"),
    [
        ((9, 3), (5, 2), "replicates"),
        ((9, 2), (5, 3), "jackknife"),
        ((9, 2), (1, 2), "jackknife"),
    ],
)
def test_bad_shapes(replicates, jackknife, name):
    bare = inspect.unwrap(bca.bca_interval)
    message = (
        rf"{name} must have an axis of at least 2 before the estimate's shape \(2,\)"
    )
    with pytest.raises(ValueError, match=message):
        bare(jnp.ones(2), jnp.ones(replicates), jnp.ones(jackknife))
