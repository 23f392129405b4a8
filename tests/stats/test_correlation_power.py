"""Power of correlations against simulation and another way to integrate."""

import math

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from jaxdisp.stats import correlation_power as power_of_r

RHO = st.floats(-0.95, 0.95)
POINTS = st.integers(3, 60)


def mixed(rho, n, alpha, sides):
    """Power without the density of r, on a grid of two chi distributions.

    The t statistic is `(N + slope A) / (B / sqrt(n - 2))` with N standard normal, A
    the root of the sum of squares of x, chi of n - 1, and B chi of n - 2.
    """
    critical = stats.t.isf(alpha / 2 if sides == "two" else alpha, n - 2)
    slope = rho / math.sqrt(1 - rho * rho)
    nodes, weights = special.roots_legendre(300)

    def grid(df):
        low, high = max(0.0, math.sqrt(df) - 8), math.sqrt(df) + 8
        x = (low + high) / 2 + (high - low) / 2 * nodes
        return x, (high - low) / 2 * weights * stats.chi.pdf(x, df)

    a, of_a = grid(n - 1)
    b, of_b = grid(n - 2)
    bound = critical * b[None] / math.sqrt(n - 2)
    shown = special.ndtr(slope * a[:, None] - bound)
    if sides == "two":
        shown += special.ndtr(-slope * a[:, None] - bound)
    return of_a @ shown @ of_b


# what the notes' power analysis says of 12 languages, and what is so
PUBLISHED = [
    (0.7, 12, 0.05, "two", 0.778),
    (0.7, 12, 0.05, "one", 0.866),
    (0.924, 12, 0.05, "two", 0.9986),
    (0.924, 12, 0.05 / 217, "two", 0.848),
]


@pytest.mark.parametrize(("rho", "n", "alpha", "sides", "expected"), PUBLISHED)
def test_known_numbers(rho, n, alpha, sides, expected):
    found = power_of_r.power(rho, n, alpha=alpha, sides=sides)
    assert round(found, len(str(expected)) - 2) == expected


def test_known_sample_sizes():
    assert power_of_r.sample_size(0.7, 0.95) == 20
    assert power_of_r.sample_size(0.924, 0.95) == 8
    assert power_of_r.sample_size(-0.924, 0.95) == 8
    assert round(power_of_r.smallest_correlation(30, 0.95), 3) == 0.593
    critical = power_of_r.critical_correlation(12, alpha=0.05 / 217)
    assert round(critical, 3) == 0.870


@pytest.mark.parametrize("sides", ["one", "two"])
@pytest.mark.parametrize(
    ("rho", "n", "alpha"),
    [
        (0.7, 12, 0.05),
        (0.924, 12, 0.05 / 217),
        (0.2, 5, 0.05),
        (-0.6, 40, 0.01),
        (0.99, 4, 0.001),
        (0.05, 3, 0.2),
    ],
)
def test_is_what_a_mixture_of_noncentral_t_gives(rho, n, alpha, sides):
    found = power_of_r.power(rho, n, alpha=alpha, sides=sides)
    expected = mixed(abs(rho), n, alpha, sides)
    # what the grid misses beyond 8 is below 1e-12
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("rho", "n"), [(0.7, 12), (-0.5, 6), (0.924, 8)])
def test_is_the_share_of_simulated_studies(rho, n):
    draws = 40_000
    keys = jax.random.split(jax.random.key(3))
    x, noise = (np.asarray(jax.random.normal(key, (draws, n))) for key in keys)
    y = rho * x + math.sqrt(1 - rho * rho) * noise
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    r = np.sum(x * y, axis=1) / np.sqrt(np.sum(x**2, axis=1) * np.sum(y**2, axis=1))
    p = 2 * stats.t.sf(np.abs(r) * np.sqrt((n - 2) / (1 - r**2)), n - 2)
    expected = power_of_r.power(rho, n)
    error = math.sqrt(expected * (1 - expected) / draws)
    # four standard errors: wrong once in 16 000 seeds
    assert abs(np.mean(p < 0.05) - expected) < 4 * error


@given(RHO, POINTS)
def test_the_density_adds_up_to_one_and_mirrors(rho, n):
    inside = 0.999 * math.tanh(0.3)
    for r in (-0.7, 0.0, inside):
        here = power_of_r.density(r, rho, n)
        assert here >= 0
        assert power_of_r.density(-r, -rho, n) == pytest.approx(here, rel=1e-9)
    # r = sin(a) takes away the poles of n = 3 at -1 and 1
    total = integrate.quad(
        lambda a: power_of_r.density(math.sin(a), rho, n) * math.cos(a),
        -math.pi / 2 + 1e-9,
        math.pi / 2 - 1e-9,
        points=[math.asin(rho)],
        limit=200,
    )[0]
    assert total == pytest.approx(1, abs=1e-6)


def test_without_correlation_it_is_scipys_distribution():
    for n in (4, 7, 30):
        half = stats.beta(n / 2 - 1, n / 2 - 1, loc=-1, scale=2)
        for r in (-0.9, 0.0, 0.5):
            found = power_of_r.density(r, 0.0, n)
            assert found == pytest.approx(half.pdf(r), rel=1e-10)


@given(POINTS, st.floats(0.001, 0.5))
def test_without_correlation_the_power_is_alpha(n, alpha):
    found = power_of_r.power(0.0, n, alpha=alpha)
    assert found == pytest.approx(alpha, abs=1e-9)


@given(RHO, POINTS, st.sampled_from([0.05, 0.001]))
def test_grows_with_points_and_has_no_sign(rho, n, alpha):
    here = power_of_r.power(rho, n, alpha=alpha)
    assert alpha - 1e-9 <= here <= 1 + 1e-9
    assert power_of_r.power(-rho, n, alpha=alpha) == here
    assert power_of_r.power(rho, n + 1, alpha=alpha) >= here - 1e-9
    one = power_of_r.power(rho, n, alpha=alpha, sides="one")
    assert one >= here - 1e-9


@settings(max_examples=15)  # each is hundreds of integrals
@given(st.floats(0.1, 0.95), st.floats(0.3, 0.99), st.sampled_from(["one", "two"]))
def test_the_size_found_is_enough_and_one_less_is_not(rho, wanted, sides):
    n = power_of_r.sample_size(rho, wanted, sides=sides)
    assert power_of_r.power(rho, n, sides=sides) >= wanted
    assert n == 3 or power_of_r.power(rho, n - 1, sides=sides) < wanted


@settings(max_examples=15)  # each is hundreds of integrals
@given(st.integers(4, 500), st.floats(0.3, 0.99), st.sampled_from(["one", "two"]))
def test_the_smallest_correlation_has_the_power_wanted(n, wanted, sides):
    rho = power_of_r.smallest_correlation(n, wanted, sides=sides)
    assert power_of_r.power(rho, n, sides=sides) == pytest.approx(wanted, abs=1e-8)


def test_many_points_are_as_fishers_z_says():
    n = 10**6
    found = power_of_r.smallest_correlation(n, 0.95)
    z = special.ndtri(0.975) + special.ndtri(0.95)
    assert math.atanh(found) == pytest.approx(z / math.sqrt(n - 3), rel=1e-5)


REFUSED = [
    (lambda: power_of_r.power(1.0, 12), "rho must be above -1 and below 1, got 1"),
    (lambda: power_of_r.power(math.nan, 12), "got nan"),
    (lambda: power_of_r.power(0.5, 2), "at least 3 points, got 2"),
    (lambda: power_of_r.power(0.5, 9, alpha=0.0), "alpha must be above 0"),
    (lambda: power_of_r.density(1.0, 0.5, 9), "r must be above -1"),
    (lambda: power_of_r.sample_size(0.0, 0.9), "rho is 0: no n finds"),
    (lambda: power_of_r.sample_size(0.5, 0.01), r"above alpha \(0.05\)"),
    (lambda: power_of_r.sample_size(1e-6, 0.9), "the effect is too small"),
    (lambda: power_of_r.smallest_correlation(12, 1.0), "below 1, got 1"),
    (
        lambda: power_of_r.smallest_correlation(3, 0.99999, alpha=1e-9),
        "3 points show no correlation with power",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
