"""Moments in one pass and merged, and four kinds of kurtosis."""

import math

import hypothesis.extra.numpy as hnp
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.quant import kurtosis
from jaxdisp.quant import moments as moment
from tests import strategies
from tests.quant import law_oracles

SIZE = 8
VALUES = strategies.arrays(SIZE)
WEIGHTS = hnp.arrays(np.float64, SIZE, elements=st.sampled_from([0.0, 0.5, 1.0, 3.0]))
REPEATS = hnp.arrays(np.int64, SIZE, elements=st.integers(0, 3))
FIELDS = ("weight", "mean", "second", "third", "fourth")


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def numbers(value):
    return jnp.asarray(value, np.float64)


def moments(x, weights=None):
    return moment.moments(numbers(x), None if weights is None else numbers(weights))


def scales(weight, largest):
    """What terms of each field are at most, up to 16: 2^4 as distances double."""
    return [weight, largest, *(16 * weight * largest**power for power in (2, 3, 4))]


def assert_close(found, expected, weight, largest):
    scaled = scales(weight, largest)
    for name, value, scale in zip(FIELDS, expected, scaled, strict=True):
        # every term is good to some eps of its bound; there are at most 24
        off = abs(float(getattr(found, name)) - float(value))
        assert off <= 1e-14 * scale, name


@given(x=VALUES, weights=WEIGHTS)
def test_moments_equal_rational_numbers(x, weights):
    found, expected = moments(x, weights), law_oracles.moments(x, weights)
    assert_close(found, expected, weights.sum(), np.abs(x).max())
    total, _, second, _, fourth = expected
    spread = float(second / total) if total else 0.0
    largest = np.abs(x).max()
    assert float(moment.variance(found)) == pytest.approx(
        spread, rel=1e-12, abs=1e-14 * largest**2
    )
    if spread > 1e-6 * largest**2:
        kurtosis = float(total * fourth / second**2 - 3)
        # sums good to 1e-14 of the largest, over the squared spread
        assert float(moment.excess_kurtosis(found)) == pytest.approx(
            kurtosis, rel=1e-10, abs=1e-10
        )


@given(x=VALUES)
def test_equal_weights_need_no_array(x):
    found, expected = moments(x), moments(x, np.ones(SIZE))
    for name in FIELDS:
        assert getattr(found, name) == getattr(expected, name)


@given(x=VALUES)
def test_moments_equal_numpy_and_scipy(x):
    found, largest = moments(x), np.abs(x).max()
    second = np.mean((x - x.mean()) ** 2)
    assert_close(found, law_oracles.moments(x, np.ones(SIZE)), SIZE, largest)
    if second > 1e-6 * largest**2:  # else what is left of x - mean is rounding
        np.testing.assert_allclose(moment.variance(found), second, rtol=1e-9)
        expected = scipy.stats.kurtosis(x)
        assert float(moment.excess_kurtosis(found)) == pytest.approx(expected, abs=1e-9)


def test_float32_values_have_float64_moments():
    x = np.float32(scipy.stats.norm.ppf((np.arange(SIZE) + 0.5) / SIZE)) + np.float32(9)
    with jax.enable_x64(False):
        found = moment.moments(jnp.asarray(x))
        merged = moment.merge(found, found)
        shape = moment.excess_kurtosis(merged)
        spread = moment.variance(merged)
    assert {leaf.dtype for leaf in jax.tree.leaves((found, merged, shape))} == {
        np.dtype(np.float64)
    }
    assert_close(found, law_oracles.moments(x, np.ones(SIZE)), SIZE, 11.0)
    assert float(shape) == pytest.approx(law_oracles.kurtosis(x), rel=1e-10)
    assert float(spread) == pytest.approx(np.var(np.float64(x)), rel=1e-12)


@given(x=VALUES, times=REPEATS)
def test_whole_weights_are_repetitions(x, times):
    found, largest = moments(x, times), np.abs(x).max()
    expected = law_oracles.moments(np.repeat(x, times), np.ones(times.sum()))
    assert_close(found, expected, times.sum(), largest)


@given(x=strategies.arrays((3, SIZE)), w=WEIGHTS)
def test_merged_pieces_are_their_union(x, w):
    ones, none = np.ones(SIZE), np.zeros(SIZE)
    a, b, c = (moments(*pair) for pair in zip(x, (w, ones, w[::-1]), strict=True))
    weights = np.concatenate([w, ones, w[::-1]])
    expected = law_oracles.moments(x.ravel(), weights)
    bounds = weights.sum(), np.abs(x).max()
    assert_close(moment.merge(moment.merge(a, b), c), expected, *bounds)
    assert_close(moment.merge(a, moment.merge(b, c)), expected, *bounds)
    assert_close(moment.merge(moment.merge(c, a), b), expected, *bounds)
    nothing = moments(x[0], none)
    for merged in (moment.merge(nothing, b), moment.merge(b, nothing)):
        assert_close(merged, law_oracles.moments(x[1], ones), SIZE, bounds[1])
    assert_close(
        moment.update(a, numbers(x[1])),
        law_oracles.moments(x[:2].ravel(), np.append(w, ones)),
        *bounds,
    )


def test_a_stream_far_from_zero_keeps_its_digits():
    x = 1e6 + scipy.stats.t(5).ppf((np.arange(8000) + 0.5) / 8000)
    x = x.reshape(1000, 8).T  # every chunk covers the whole range
    found = moments(x[0])
    for chunk in x[1:]:
        found = moment.update(found, numbers(chunk))
    mean = math.fsum(x.ravel()) / x.size
    second = math.fsum((x.ravel() - mean) ** 2) / x.size
    fourth = math.fsum((x.ravel() - mean) ** 4) / x.size
    assert float(found.weight) == x.size
    # x - mean is good to eps x 1e6 = 1e-10 per value, of any sign
    assert float(moment.variance(found)) == pytest.approx(second, rel=1e-9)
    shape = float(moment.excess_kurtosis(found))
    assert shape == pytest.approx(fourth / second**2 - 3, rel=1e-9)
    naive = np.mean(x**2) - np.mean(x) ** 2
    assert abs(naive / second - 1) > 1e-6  # what sums of squares would give


@given(x=VALUES, shift=st.integers(-8, 8), power=st.integers(-10, 10))
def test_kurtosis_knows_neither_place_nor_scale(x, shift, power):
    top = max(np.abs(x).max(), 1e-9)
    here, moved = moments(x), moments((x + shift * top) * 2.0**power)
    expected = float(moment.excess_kurtosis(here))
    assert expected >= -2 - 1e-12  # Cauchy: the raw kurtosis is at least 1
    if np.var(x) > 1e-4 * top**2:
        # x + shift is rounded by eps of 9 times the largest, 900 spreads
        assert float(moment.excess_kurtosis(moved)) == pytest.approx(
            expected, rel=1e-9, abs=1e-9
        )


def test_nothing_and_no_spread():
    nothing = moments(np.arange(SIZE), np.zeros(SIZE))
    assert all(leaf == 0 for leaf in jax.tree.leaves(nothing))
    assert all(leaf == 0 for leaf in jax.tree.leaves(moment.merge(nothing, nothing)))
    assert moment.variance(nothing) == moment.excess_kurtosis(nothing) == 0
    for value in (0.0, 3.5, -(2.0**40)):
        same = moments(np.full(SIZE, value))
        assert moment.excess_kurtosis(same) == moment.variance(same) == 0
        lonely = moments(np.full(SIZE, value), np.eye(SIZE)[3])
        assert moment.excess_kurtosis(lonely) == moment.variance(lonely) == 0


@pytest.mark.parametrize("value", [0.1, 1 / 3])
def test_no_spread_of_values_whose_sum_is_rounded(value):
    with jax.enable_x64(False):
        weights = jnp.linspace(0.1, 0.9, 7)
        single = moment.moments(jnp.full(7, value, jnp.float32), weights)
        assert float(moment.excess_kurtosis(single)) == 0
    same = moments(np.full(7, value), np.linspace(0.1, 0.9, 7))
    assert moment.excess_kurtosis(same) == 0


def test_batches():
    x = 0.1 * np.arange(3 * SIZE).reshape(3, SIZE) ** 2
    weights = np.cos(np.arange(3 * SIZE)).reshape(3, SIZE) ** 2
    mapped = jax.vmap(moment.moments)(numbers(x), numbers(weights))
    merged = jax.vmap(moment.merge)(mapped, mapped)
    shapes = jax.vmap(moment.excess_kurtosis)(mapped)
    for number in range(3):
        one = moments(x[number], weights[number])
        # sums may be added in another order
        close = {"rtol": 1e-13}
        row = jax.tree.map(lambda leaf, at=number: leaf[at], (mapped, merged))
        for field in FIELDS:
            np.testing.assert_allclose(row[0][field], one[field], **close)
            both = moment.merge(one, one)[field]
            np.testing.assert_allclose(row[1][field], both, **close)
        np.testing.assert_allclose(shapes[number], moment.excess_kurtosis(one), **close)
    np.testing.assert_array_equal(moment.excess_kurtosis(mapped), shapes)


def quantiles(law, n):
    return law.ppf((np.arange(n) + 0.5) / n)


GAUSS, LAPLACE = (
    quantiles(law, 2000) for law in (scipy.stats.norm, scipy.stats.laplace)
)
MASK = np.array([1.0] + [0.0] * 9)  # a tenth of all activations


def under_mask(w):
    """Every weight under every activation: exactly independent."""
    weights, mask = np.meshgrid(w, MASK)
    return weights.ravel(), mask.ravel()


def test_four_kurtoses_are_four_numbers():
    layers = GAUSS, 3 * LAPLACE
    w, mask = under_mask(np.concatenate(layers))
    felt = np.repeat([1.0, 2.0], 2000)
    w, activation = under_mask(np.concatenate(layers))[0], mask * np.tile(felt, 10)
    each = [law_oracles.kurtosis(layer) for layer in layers]
    stacked = jax.vmap(moment.moments)(numbers(layers))
    found = {
        "product": float(kurtosis.product_kurtosis(numbers(w), numbers(activation))),
        "tilted": float(kurtosis.tilted_kurtosis(numbers(w), numbers(activation))),
        "layers": float(kurtosis.layer_kurtosis(numbers(each), numbers([1.0, 2.0]))),
        "mixture": float(kurtosis.mixture_kurtosis(stacked)),
    }
    both, share = np.concatenate(layers), felt**2 / np.sum(felt**2)
    expected = {
        "product": np.mean((felt * both) ** 4)
        / np.mean((felt * both) ** 2) ** 2
        / np.mean(MASK)
        - 3,
        "tilted": share @ both**4 / (share @ both**2) ** 2 - 3,
        "layers": (each[0] + 2 * each[1]) / 3,
        "mixture": law_oracles.kurtosis(both),
    }
    assert found == pytest.approx(expected, rel=1e-11)
    assert np.diff(sorted(found.values())).min() > 0.5


def test_a_mask_raises_the_product_but_not_the_tilted_kurtosis():
    w, mask = (numbers(part) for part in under_mask(GAUSS))
    raw = law_oracles.kurtosis(GAUSS) + 3
    assert raw == pytest.approx(3, abs=0.02)  # the last quantiles are missing
    product = float(kurtosis.product_kurtosis(w, mask)) + 3
    assert product == pytest.approx(raw / np.mean(MASK), rel=1e-11)
    assert float(kurtosis.tilted_kurtosis(w, mask)) == pytest.approx(raw - 3, abs=1e-11)


def test_a_random_mask_does_too():
    keys = jax.random.split(jax.random.key(11))
    w = jax.random.normal(keys[0], (2**17,))
    mask = jax.random.bernoulli(keys[1], 0.05, w.shape).astype(w.dtype)
    # 6500 values count: 4.4% of the raw kurtosis is one standard error
    product = float(kurtosis.product_kurtosis(w, mask)) + 3
    assert product == pytest.approx(3 / 0.05, rel=0.2)
    assert float(kurtosis.tilted_kurtosis(w, mask)) == pytest.approx(0, abs=0.3)


@given(w=VALUES, activation=WEIGHTS)
def test_tilted_and_product_kurtosis_equal_sums(w, activation):
    top = max(np.abs(w).max(), 1e-12)
    w = w / top
    tilted = float(kurtosis.tilted_kurtosis(numbers(w), numbers(activation)))
    product = float(kurtosis.product_kurtosis(numbers(w), numbers(activation)))
    assert tilted >= -2 - 1e-12
    squares = sum(a**2 * v**2 for v, a in zip(w, activation, strict=True))
    fourths = sum(a**2 * v**4 for v, a in zip(w, activation, strict=True))
    if squares == 0:
        assert tilted == product == 0
        return
    expected = sum(a**2 for a in activation) * fourths / squares**2 - 3
    assert tilted == pytest.approx(expected, rel=1e-12, abs=1e-12)
    if np.var(w * activation) > 1e-4:
        expected = law_oracles.kurtosis(w * activation)
        assert product == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_layer_kurtosis_without_activation_is_zero():
    found = kurtosis.layer_kurtosis(numbers([5.0, 7.0]), numbers([0.0, 0.0]))
    assert found == 0


def test_rests_on_few():
    def of(x):
        return bool(jax.jit(kurtosis.rests_on_few)(jnp.asarray(x, np.float32)))

    gauss = quantiles(scipy.stats.norm, 10_000)
    assert not of(gauss)
    outlier = gauss.copy()
    outlier[17] = -30.0  # 30^4 against 3 x 10^4
    assert of(outlier)
    assert of(1e-12 * outlier)  # whatever the unit
    assert not of(np.zeros(10_000))
    # ten values of 10,000 are few, eleven are not; half is not more than half
    equal = np.zeros(10_000)
    equal[:10] = 1
    assert of(equal)
    equal[:20] = 1
    assert not of(equal)
    equal[19] = 0
    assert of(equal)
    # of 1001 values two are few
    some = np.zeros(1001)
    some[:3] = 1
    assert of(some)
    assert not of(some[:1000])
