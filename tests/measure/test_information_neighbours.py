"""Entropy and information from neighbours: against loops, known laws, and scaling."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from jaxdisp.measure import information_neighbours as neighbours
from jaxdisp.measure.information import UNIT_ENTROPY
from tests.models import small

seeds = st.integers(0, 200)


def normal(name, shape, seed=0):
    # float32 draws repeat in the pool; a little more noise keeps tokens apart
    return small.normal(name, shape, seed).astype(float) + 1e-9 * np.arange(
        math.prod(shape)
    ).reshape(shape)


def slow_entropy(x, k):
    n, d = x.shape
    logs = []
    for i in range(n):
        gaps = sorted(
            math.dist(x[i].tolist(), x[j].tolist()) for j in range(n) if j != i
        )
        logs.append(math.log(gaps[k - 1]))
    ball = math.pi ** (d / 2) / math.gamma(d / 2 + 1)
    mean = sum(logs) / n
    return special.psi(n) - special.psi(k) + math.log(ball) + d * mean


def slow_information(x, y, k):
    n, total = len(x), 0.0
    for i in range(n):
        gaps = [
            (np.abs(x[i] - x[j]).max(), np.abs(y[i] - y[j]).max())
            for j in range(n)
            if j != i
        ]
        reach = sorted(max(gap) for gap in gaps)[k - 1]
        a, b = (sum(gap[side] < reach for gap in gaps) for side in (0, 1))
        total += special.psi(a + 1) + special.psi(b + 1)
    return special.psi(k) + special.psi(n) - total / n


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("k", [1, 4])
def test_both_equal_a_loop_over_all_pairs(channels, k):
    x, y = normal("x", (25, channels)), normal("y", (25, 2))
    y = y + x[:, :1]
    assert neighbours.neighbour_entropy(x, k) == pytest.approx(
        slow_entropy(x, k), abs=1e-9
    )
    assert neighbours.neighbour_information(x, y, k) == pytest.approx(
        slow_information(x, y, k), abs=1e-9
    )


def mixture_entropy():
    law = [stats.norm(-2, 0.5), stats.norm(1, 1)]

    def integrand(x):
        density = 0.3 * law[0].pdf(x) + 0.7 * law[1].pdf(x)
        return -density * np.log(density)

    return integrate.quad(integrand, -8, 8)[0]


def drawn(law, n, seed):
    z = normal(law, (n, 2), seed)
    if law == "uniform":
        return 2 * stats.norm.cdf(z[:, :1])
    if law == "mixture":
        left = stats.norm.cdf(z[:, 1:]) < 0.3
        return np.where(left, -2 + 0.5 * z[:, :1], 1 + z[:, :1])
    return z[:, :1]


@pytest.mark.parametrize("n", [500, 2000])
@pytest.mark.parametrize(
    ("law", "truth"),
    [("normal", UNIT_ENTROPY), ("uniform", np.log(2)), ("mixture", mixture_entropy())],
)
def test_entropy_of_known_laws_of_one_channel(law, truth, n):
    found = [neighbours.neighbour_entropy(drawn(law, n, seed)) for seed in range(8)]
    error = np.std(found) / np.sqrt(len(found))
    # the bias that the docstring states, and the error of eight samples
    assert abs(np.mean(found) - truth) < 0.02 + 3 * error


def test_entropy_in_many_channels_is_biased_as_stated():
    for n in (500, 2000):
        found = [
            neighbours.neighbour_entropy(normal("many", (n, 8), seed))
            for seed in range(4)
        ]
        error = np.std(found) / np.sqrt(len(found))
        assert abs(np.mean(found) - 8 * UNIT_ENTROPY) < 0.15 + 3 * error


@pytest.mark.parametrize("n", [500, 1500])
@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
def test_information_of_correlated_gaussians(n, correlation):
    found = []
    for seed in range(6):
        z = normal("pair", (n, 2), seed)
        y = correlation * z[:, :1] + np.sqrt(1 - correlation**2) * z[:, 1:]
        found.append(neighbours.neighbour_information(z[:, :1], y))
    truth = -0.5 * np.log(1 - correlation**2)
    error = np.std(found) / np.sqrt(len(found))
    # near 0 the bias is none; otherwise a hundredth of a nat at these n
    assert abs(np.mean(found) - truth) < 0.01 + 3 * error


def test_information_is_too_small_where_there_is_nearly_as_much_as_tokens():
    x = normal("equal", (200, 1))
    assert neighbours.neighbour_information(x, x + 1e-7) < np.log(200)


@given(seed=seeds, power=st.integers(-3, 3))
def test_scaling_moves_entropy_by_its_logarithm_and_information_not_at_all(seed, power):
    x, y = normal("x", (20, 2), seed), normal("y", (20, 1), seed + 50)
    # powers of 2 scale exactly
    factor = 2.0**power
    moved = neighbours.neighbour_entropy(factor * x) - neighbours.neighbour_entropy(x)
    assert moved == pytest.approx(2 * power * np.log(2), abs=1e-9)
    order = np.argsort(y[:, 0])
    permuted = neighbours.neighbour_entropy(x[order])
    assert permuted == pytest.approx(neighbours.neighbour_entropy(x), abs=1e-9)
    both = neighbours.neighbour_information(x, y)
    assert neighbours.neighbour_information(y, x) == pytest.approx(both, abs=1e-9)
    # scaling both sides alike keeps who is the neighbour of whom
    scaled = neighbours.neighbour_information(factor * x, factor * y)
    assert scaled == pytest.approx(both, abs=1e-9)


@given(st.lists(st.sampled_from([-1.0, 0.5, 2.0]), min_size=1, max_size=12))
def test_distinct_keeps_the_first_of_each(values):
    x = np.array(values)[:, None] * np.ones((1, 2))
    noisy = x * (1 + 1e-7 * np.arange(len(x))[:, None])
    expected = sorted(values.index(value) for value in set(values))
    assert neighbours.distinct(noisy).tolist() == expected


def test_what_can_not_be_measured_is_said():
    x = normal("x", (5, 1))
    with pytest.raises(ValueError, match=r"^neighbour 5 of 5 tokens: there is none"):
        neighbours.neighbour_entropy(x, 5)
    with pytest.raises(ValueError, match=r"^more than 4 tokens are equal"):
        neighbours.neighbour_entropy(np.zeros((6, 2)))
    with pytest.raises(ValueError, match=r"^two sides of the same tokens, got 5 and 4"):
        neighbours.neighbour_information(x, x[1:])
    assert neighbours.distinct(np.zeros((3, 2))).tolist() == [0]
