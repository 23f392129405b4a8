"""Thresholds from spread and kurtosis: the laws' optima, group by group."""

import functools as ft
import inspect

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.quant import expected_error, kurtosis_clipping, laws
from jaxdisp.quant.granularity import Grouping
from tests import oracles, strategies
from tests.quant import law_oracles

FAMILIES = ("gaussian", "laplace", "generalised_gaussian", "student_t")
SHAPE = (6, 7)
GROUPINGS = [
    Grouping(),
    Grouping(granularity="channel", channel_axis=0),
    Grouping(granularity="group", group_size=4),  # the last of a channel has 2
]

MOST = "generalised_gaussian"  # the family with the most kurtoses

every_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def numbers(value):
    return jnp.asarray(value, np.float64)


def threshold(kurtosis, bits=4, deviation=1.0, **options):
    args = numbers(deviation), numbers(kurtosis), jnp.int32(bits)
    return float(kurtosis_clipping.kurtosis_threshold(*args, **options))


def scipy_shape(kurtosis, family):
    """The shape of scipy's law with this excess kurtosis."""
    ends = {"generalised_gaussian": (0.1, 50.0), "student_t": (4 + 1e-9, 1e8)}
    if family not in ends:
        return 0.0
    return scipy.optimize.brentq(
        lambda shape: (
            float(law_oracles.standard(family, shape)[0].stats("k")) - kurtosis
        ),
        *ends[family],
        xtol=1e-12,
    )


@pytest.mark.parametrize(
    ("kurtosis", "family", "options"),
    [
        (0.0, "gaussian", {}),
        (0.0, "gaussian", {"step": "symmetric"}),
        (3.0, "laplace", {"step": "levels"}),
        (-0.8, "generalised_gaussian", {}),
        (1.0, "generalised_gaussian", {}),
        (171.0, "generalised_gaussian", {}),
        (0.5, "student_t", {}),
        (40.0, "student_t", {}),
    ],
)
def test_equals_searches_on_scipys_laws(kurtosis, family, options):
    density = law_oracles.magnitude_density(family, scipy_shape(kurtosis, family))
    for bits in (3, 4):
        c = law_oracles.cell_width(bits, options.get("step", "cells")) ** 2 / 12
        expected = 0.02 * law_oracles.noise_optimum(c, density)
        found = threshold(kurtosis, bits, 0.02, family=family, **options)
        # a search without derivatives knows a minimum to the root of eps
        assert found == pytest.approx(expected, rel=1e-6)


def test_the_family_matters():
    assert threshold(0.0, family="gaussian") == pytest.approx(2.559136, abs=5e-7)
    # the module's figures
    assert threshold(3.0, family="student_t") == pytest.approx(3.485, abs=5e-4)
    assert threshold(3.0, family="laplace") == pytest.approx(3.556, abs=5e-4)
    assert threshold(3.0, family="generalised_gaussian") == pytest.approx(
        threshold(3.0, family="laplace"), rel=1e-9
    )


@every_family
@given(
    kurtosis=st.floats(-2, 1e5),
    deviation=st.floats(1e-6, 1e3),
    bits=st.integers(2, 7),
)
def test_what_holds_for_every_kurtosis(family, kurtosis, deviation, bits):
    unit = threshold(kurtosis, bits, family=family)
    found = threshold(kurtosis, bits, deviation, family=family)
    assert found == deviation * unit
    # between the mean magnitude of the heaviest law, 0.12, over 1 + c, and the bound of
    # all laws
    assert 0.1 < unit <= np.sqrt(3.0) * 2.0 ** (bits - 1)
    assert unit < threshold(kurtosis, bits + 1, family=family)
    if family in ("gaussian", "laplace"):
        assert unit == threshold(0.0, bits, family=family)


def test_kurtosis_that_no_law_has_counts_as_the_nearest():
    lightest = threshold(laws.kurtosis_range("generalised_gaussian")[0], family=MOST)
    assert threshold(-2.0, family=MOST) == pytest.approx(lightest, rel=1e-6)
    heaviest = threshold(laws.kurtosis_range("generalised_gaussian")[1], family=MOST)
    assert threshold(1e12, family=MOST) == pytest.approx(heaviest, rel=1e-6)
    assert heaviest == pytest.approx(7.676, abs=5e-4)
    gaussian = threshold(0.0, family="gaussian")
    # 1000 degrees of freedom
    assert threshold(-0.5, family="student_t") == pytest.approx(gaussian, rel=2e-3)


@pytest.mark.parametrize("family", ["generalised_gaussian", "student_t"])
@pytest.mark.parametrize("kurtosis", [0.2, 3.0, 171.0])
def test_float32(family, kurtosis):
    wide = threshold(kurtosis, family=family)
    with jax.enable_x64(False):
        args = jnp.float32(1.0), jnp.float32(kurtosis), jnp.int32(4)
        found = kurtosis_clipping.kurtosis_threshold(*args, family=family)
    assert found.dtype == np.float32
    # 2^-24 times log-gammas of up to 200
    assert float(found) == pytest.approx(wide, rel=1e-4)


@pytest.mark.parametrize("kurtosis", [-0.5, 0.0])
def test_float32_of_students_law_with_no_kurtosis(kurtosis):
    with jax.enable_x64(False):
        args = jnp.float32(1.0), jnp.float32(kurtosis), jnp.int32(4)
        found = kurtosis_clipping.kurtosis_threshold(*args, family="student_t")
    assert float(found) == pytest.approx(2.559, rel=1e-2)


def weight_thresholds(weight, grouping, family=MOST):
    args = numbers(weight), jnp.int32(4)
    found = kurtosis_clipping.weight_thresholds(*args, family=family, grouping=grouping)
    return np.asarray(found)


def expected_thresholds(weight, grouping, family=MOST):
    """One group after another, from NumPy's deviation and rational kurtosis."""
    fields = grouping.granularity, grouping.group_size, grouping.channel_axis
    found = []
    for places in oracles.weight_groups(weight.shape, *fields):
        values = np.array([weight[place] for place in places])
        kurtosis = law_oracles.kurtosis(values)
        found.append(np.std(values) * threshold(kurtosis, family=family))
    return np.array(found)


def heavy(shape):
    """Quantiles of a heavy tail, scattered, around a mean other than 0."""
    size = int(np.prod(shape))
    quantiles = scipy.stats.t(3).ppf((np.arange(size) + 0.3) / size)
    return (0.4 + quantiles[(np.arange(size) * 5) % size]).reshape(shape)


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_groups_equal_a_loop(grouping):
    weight = heavy(SHAPE)
    expected = expected_thresholds(weight, grouping)
    found = weight_thresholds(weight, grouping)
    # kurtosis good to 1e-14; the shape by bisection of a curve that is flat near -1.2
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    assert len(set(expected)) == len(expected)


def test_a_vector_is_one_group_and_the_family_is_passed_on():
    vector, grouping = heavy((11,)), Grouping(granularity="group", group_size=4)
    found = weight_thresholds(vector, grouping, "student_t")
    assert found.shape == (1,)
    expected = expected_thresholds(vector, grouping, "student_t")
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_groups_by_the_logarithm():
    weight = heavy(SHAPE)
    found = weight_thresholds(weight, GROUPINGS[2], "logarithmic")
    expected = []
    for places in oracles.weight_groups(SHAPE, "group", 4, -1):
        values = np.array([weight[place] for place in places])
        log = np.log(1 + max(law_oracles.kurtosis(values), -0.9))
        expected.append(np.std(values) * (2.5 + 0.3 * log))
    # kurtosis is good to 1e-14, over its distance from -1, at least 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def grouped_by_four(weight):
    """Short last groups filled up with a value that they hold already."""
    groups = [
        [weight[place] for place in places]
        for places in oracles.weight_groups(SHAPE, "group", 4, -1)
    ]
    longest = max(map(len, groups))
    return np.array([(group * longest)[:longest] for group in groups])


@given(weight=strategies.arrays(SHAPE))
def test_groups_of_any_weight(weight):
    grouping = GROUPINGS[2]
    weight = weight / max(np.abs(weight).max(), 1e-12)
    found = weight_thresholds(weight, grouping)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    # the uniform law takes 1.655 deviations, the one with kurtosis 15,240 takes 9.18
    spread = np.array(
        [
            np.std([weight[place] for place in places])
            for places in oracles.weight_groups(SHAPE, "group", 4, -1)
        ]
    )
    largest = np.max(np.abs(grouped_by_four(weight)), axis=1)
    equal = spread <= 1e-14 * largest  # up to rounding of the mean
    np.testing.assert_array_equal(found[equal], largest[equal])
    spread, found_of = spread[~equal], found[~equal]
    assert (found_of >= 1.655 * spread * (1 - 1e-9) - 1e-12).all()
    assert (found_of <= 9.1816 * spread * (1 + 1e-9) + 1e-12).all()
    twice = weight_thresholds(2.0 * weight, grouping)
    np.testing.assert_array_equal(twice, 2.0 * found)


def test_a_group_of_equal_values_is_not_clipped():
    weight = np.broadcast_to(
        np.arange(6.0)[:, None], SHAPE
    )  # whole numbers: no rounding
    found = weight_thresholds(weight, GROUPINGS[1])
    np.testing.assert_array_equal(found, np.arange(6.0))


def test_a_group_of_equal_values_whose_sum_is_rounded():
    found = weight_thresholds(np.full(SHAPE, 0.1), GROUPINGS[1])
    np.testing.assert_array_equal(found, np.full(6, 0.1))


@pytest.mark.parametrize("power", [-35, 35])
def test_float32_weights_of_any_scale(power):
    weight, grouping = np.float32(heavy(SHAPE)), Grouping()
    find = ft.partial(
        kurtosis_clipping.weight_thresholds, bits=4, family=MOST, grouping=grouping
    )
    with jax.enable_x64(False):
        unit = float(find(jnp.asarray(weight))[0])
        found = float(find(jnp.asarray(weight * np.float32(2.0**power)))[0])
    assert found == pytest.approx(unit * 2.0**power, rel=1e-5)


def test_logarithmic_threshold():
    def of(kurtosis, deviation=1.0):
        args = numbers(deviation), numbers(kurtosis)
        return float(kurtosis_clipping.logarithmic_threshold(*args))

    assert of(0.0) == 2.5
    assert of(np.e - 1) == pytest.approx(2.8, rel=1e-15)
    assert of(171.0, 0.02) == pytest.approx(0.02 * (2.5 + 0.3 * np.log(172)), rel=1e-14)
    lowest = 2.5 + 0.3 * np.log(0.1)
    for kurtosis in (-0.9, -0.95, -1.0, -1.2, -2.0):
        assert of(kurtosis) == pytest.approx(lowest, rel=1e-14)
    assert of(-0.89) > lowest


@given(kurtosis=st.floats(-2, 0) | st.floats(0, 1e9), more=st.floats(0, 10))
def test_logarithmic_threshold_rises_and_is_finite(kurtosis, more):
    find = kurtosis_clipping.logarithmic_threshold
    low, high = (
        float(find(numbers(0.5), numbers(k))) for k in (kurtosis, kurtosis + more)
    )
    assert 0.9 < low <= high < 5


def test_what_the_logarithmic_threshold_costs():
    shape = laws.shape_of(numbers(171.0), family=MOST)
    where = {"grid": "symmetric", "family": MOST}
    assert float(shape) == pytest.approx(scipy_shape(171.0, MOST), rel=1e-9)
    at = kurtosis_clipping.logarithmic_threshold(numbers(1.0), numbers(171.0))
    error = jax.jit(expected_error.law_error, static_argnames=("grid", "family"))
    cost = error(at, shape, jnp.int32(4), **where).value
    least = expected_error.best_threshold(shape, jnp.int32(4), **where).error
    assert float(cost / least) == pytest.approx(1.75, abs=0.005)


@pytest.fixture
def unchecked():
    # With annotations enforced, a wrong shape is refused before our own check.
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
def test_weights_have_one_or_two_axes():
    with pytest.raises(ValueError, match=r"one or two axes, got shape \(2, 6, 7\)"):
        inspect.unwrap(kurtosis_clipping.weight_thresholds)(
            jnp.ones((2, *SHAPE)), 4, family=MOST, grouping=Grouping()
        )
