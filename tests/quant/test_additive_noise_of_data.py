"""The threshold with the least additive noise for data: exact, and in its bounds."""

import functools as ft

import hypothesis.extra.numpy as hnp
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.quant import additive_noise
from tests import strategies
from tests.quant import law_oracles

SIZE = 24
EPS = 2.0**-52
BITS = st.integers(2, 8)
WEIGHTS = hnp.arrays(
    np.float64,
    SIZE,
    elements=st.one_of(
        st.just(0.0), st.just(1.0), st.floats(-6, 6).map(lambda power: 10**power)
    ),
)
VALUES = strategies.arrays(SIZE)
BOTH = additive_noise.threshold, additive_noise.sorted_threshold


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def numbers(value):
    return jnp.asarray(value, np.float64)


def constant(bits):
    return law_oracles.cell_width(bits, "cells") ** 2 / 12


def of_data(function, x, weights, c, dtype=np.float64):
    with jax.enable_x64(dtype == np.float64):
        found = function(*(jnp.asarray(part, dtype) for part in (x, weights, c)))
    assert found.dtype == dtype
    return float(found)


threshold, sorted_threshold = (ft.partial(of_data, function) for function in BOTH)
curve = jax.jit(jax.vmap(additive_noise.objective, (None, None, 0, None)))


@given(x=VALUES, weights=WEIGHTS, bits=BITS)
def test_thresholds_of_data_equal_a_search_of_every_interval(x, weights, bits):
    c = constant(bits)
    expected = float(law_oracles.data_optimum(x, weights, c))
    # Sums are good to 24 eps. Newton stops when it rises by less than 4 eps, which may
    # be (P + c) / c times that away from the optimum.
    for find in (threshold, sorted_threshold):
        found = find(x, weights, c)
        assert found == pytest.approx(expected, rel=100 * EPS / c, abs=1e-30)
        if not (x * weights).any():
            assert found == 0


@pytest.mark.parametrize("power", [2.0, 4.0, 10.0])
def test_thresholds_that_newton_reaches_in_many_steps(power):
    sizes, c = power ** np.arange(SIZE), constant(8)
    weights = sizes**-1.2
    at = [0.0]
    for _ in range(6):  # Newton's method
        beyond = weights * (sizes > at[-1])
        at.append(beyond @ sizes / (c * weights.sum() + beyond.sum()))
    assert np.all(np.divide(at[2:], at[1:-1]) > 2)
    expected = float(law_oracles.data_optimum(sizes, weights, c))
    for find in (threshold, sorted_threshold):
        assert find(sizes, weights, c) == pytest.approx(expected, rel=100 * EPS / c)


@given(x=VALUES, weights=WEIGHTS, bits=st.integers(2, 4))
def test_thresholds_of_data_in_float32(x, weights, bits):
    x, weights, c = (np.float32(part) for part in (x, weights, constant(bits)))
    rational = (*map(law_oracles.rational, (x, weights)),)
    cost = ft.partial(law_oracles.data_objective, *rational, c=float(c))
    least = float(cost(float(law_oracles.data_optimum(x, weights, c))))
    for find in (threshold, sorted_threshold):
        found = find(x, weights, c, np.float32)
        # A slope of J off by 10 x 2^-24 of a (P + c) costs the square of it over 4 c,
        # or (10 x 2^-24)^2 / c^2 of c a^2, where c is at least 1 / 768.
        assert float(cost(found)) <= least * (1 + 1e-6) + 1e-30


@given(x=VALUES, weights=WEIGHTS, bits=BITS)
def test_no_threshold_is_better(x, weights, bits):
    c, top = constant(bits), np.abs(x).max() * 1.01
    tried = np.append(np.linspace(0, top, 20_000), np.geomspace(1e-9, 1, 20_000) * top)

    def cost(at):
        excess = np.maximum(np.abs(x) - np.reshape(at, (-1, 1)), 0)
        return excess**2 @ weights + c * np.square(at) * weights.sum()

    least = cost(tried).min() * (1 + 1e-12)  # rounding of the sums
    for find in (threshold, sorted_threshold):
        assert cost(find(x, weights, c)) <= least


@given(x=VALUES, weights=WEIGHTS, bits=BITS, power=st.integers(-20, 20))
def test_scale_equivariance(x, weights, bits, power):
    # Powers of two scale floats without rounding, so the equality is exact.
    factor, c = 2.0**power, constant(bits)
    for find in (threshold, sorted_threshold):
        assert find(x * factor, weights, c) == factor * find(x, weights, c)
    found = threshold(x, weights * factor, c)
    assert found == threshold(x, weights, c)


@given(
    x=VALUES,
    weights=WEIGHTS.filter(np.any),
    bits=BITS,
    factor=st.one_of(st.floats(0, 3), st.sampled_from([0.0, 1.0])),
)
def test_error_of_another_threshold_is_between_parabolas(x, weights, bits, factor):
    c, best = constant(bits), threshold(x, weights, constant(bits))
    at, sizes, share = factor * best, np.abs(x), weights / weights.sum()
    low = c + share[sizes >= max(at, best)].sum()
    high = c + share[sizes > min(at, best)].sum()
    rational = (*map(law_oracles.rational, (x, share)),)
    costs = (law_oracles.data_objective(*rational, top, c) for top in (at, best))
    cost = float(next(costs) - next(costs))
    gap = abs(at - best)
    # the optimum is off by 100 eps / c of it, and the slope there twice 1 + c of that
    slack = 300 * EPS / c * (at + best) ** 2 + 1e-30
    assert low * gap**2 - slack <= cost <= high * gap**2 + slack


@given(x=VALUES, weights=WEIGHTS.filter(np.any), bits=BITS)
def test_threshold_is_within_its_bounds(x, weights, bits):
    c, share = constant(bits), weights / weights.sum()
    found = threshold(x, weights, c)
    mean, second, fourth = (share @ np.abs(x) ** power for power in (1, 2, 4))
    slack = 100 * EPS / c  # laws of three points reach the bounds
    assert mean / (1 + c) * (1 - slack) <= found
    assert found <= np.sqrt(second / c) / 2 * (1 + slack)
    # sigma^4 K is the fourth moment
    assert found <= (27 * fourth / (256 * c)) ** 0.25 * (1 + slack)


@given(x=VALUES, weights=WEIGHTS, bits=BITS, factor=st.floats(0, 2))
def test_objective_of_data(x, weights, bits, factor):
    c, top = constant(bits), factor * np.abs(x).max()
    args = numbers(x), numbers(weights)
    tops = numbers([top, 0.5 * top])
    found = curve(*args, tops, numbers(c))
    rational = (*map(law_oracles.rational, (x, weights)),)
    expected = float(law_oracles.data_objective(*rational, top, c))
    value, slope, curvature = found.value, found.slope, found.curvature
    assert float(value[0]) == pytest.approx(expected, rel=1e-12, abs=1e-30)
    beyond = [(v, w) for v, w in zip(np.abs(x), weights, strict=True) if v > top]
    noise = c * weights.sum()
    pull = sum(w * (v - top) for v, w in beyond)
    allowed = 1e-12 * (noise * top + pull)  # they may cancel
    assert abs(slope[0] - 2 * (noise * top - pull)) <= allowed
    bend = 2 * (noise + sum(w for _, w in beyond))
    assert float(curvature[0]) == pytest.approx(bend, rel=1e-12)
    assert (np.asarray(curvature) >= 2 * noise * (1 - 1e-12)).all()


def three_points(kurtosis):
    """A law with variance 1: 0 and, with mass 1 / raw kurtosis, two more values."""
    mass = 1 / (kurtosis + 3)
    x, weights = np.zeros(SIZE), np.zeros(SIZE)
    x[:3] = 0, mass**-0.5, -(mass**-0.5)
    weights[:3] = 1 - mass, mass / 2, mass / 2
    return x, weights


def test_higher_kurtosis_does_not_mean_a_wider_threshold():
    c = constant(4)
    heavier = threshold(*three_points(3.0), c)
    assert heavier == pytest.approx(2.431, abs=6e-4)
    assert heavier < 2.559  # of the Gaussian, with kurtosis 0
    turn = 1 / c - 3
    assert turn == pytest.approx(765)
    before, at, after = (
        threshold(*three_points(turn * by), c) for by in (0.8, 1.0, 1.25)
    )
    assert before < at > after
    assert at == pytest.approx(0.5 / np.sqrt(c), rel=1e-12)  # the bound of all laws


def some_data():
    """Quantiles of a law with heavy tails, with alternating signs and some weights."""
    x = scipy.stats.t(4).ppf((np.arange(SIZE) + 0.5) / SIZE)
    return x[::-1] * (-1) ** np.arange(SIZE), 1 + 0.9 * np.cos(np.arange(SIZE))


@pytest.mark.parametrize("function", BOTH)
def test_derivatives_of_the_threshold(function):
    args, h = [*some_data(), np.float64(constant(2))], 1e-6
    found = jax.grad(function, (0, 1, 2))(*map(numbers, args))
    best = float(function(*map(numbers, args)))
    sizes = np.abs(args[0])
    assert np.abs(sizes - best).min() > 1e3 * h  # none comes to lie at the threshold
    assert (sizes > best).sum() >= 2
    for which, slope in enumerate(found):
        for place in np.ndindex(slope.shape):
            ends = []
            for way in (h, -h):
                moved = list(args)
                moved[which] = np.array(moved[which])
                moved[which][place] += way
                ends.append(float(function(*map(numbers, moved))))
            # rounding of 1e-16 / h; (h / c)^2 of the slope by c
            difference = pytest.approx(np.subtract(*ends) / (2 * h), rel=1e-6, abs=1e-9)
            assert slope[place] == difference, (which, place)


def test_a_batch_is_the_callers_vmap():
    x, weights = map(numbers, some_data())
    c = numbers(constant(4))
    batch = jnp.stack([x, 0.3 * x + 1.0, 9.0 - 2.0 * x])
    for function in BOTH:
        mapped = jax.vmap(function, (0, None, None))(batch, weights, c)
        single = [function(row, weights, c) for row in batch]
        # sums may be added in another order
        np.testing.assert_allclose(mapped, single, rtol=1e-14)
