import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg, stats

from jaxdisp.measure import redundancy
from tests.claims import subject as made

KEY = jax.random.key(3)
RHO = 0.99


def normal(number, *shape):
    return np.asarray(jax.random.normal(jax.random.fold_in(KEY, number), shape))


def autoregressive(width, rho=RHO):
    place = np.arange(width)
    return rho ** np.abs(place[:, None] - place).astype(float)


def test_gaussian_redundancy_of_an_autoregression():
    """Kolmogorov: the innovations of AR(1) have variance 1 - rho^2."""
    width = 400
    found = redundancy.gaussian_redundancy(autoregressive(width), 10**9)
    # det = (1 - rho^2)^(d - 1); the limit is 2.83 bits, at 400 channels 2.82
    exact = -(width - 1) / (2 * width) * np.log2(1 - RHO**2)
    np.testing.assert_allclose(found, exact, rtol=1e-6)
    np.testing.assert_allclose(-np.log2(1 - RHO**2) / 2, 2.83, atol=0.005)


@pytest.mark.parametrize("per_channel", [4, 20])
def test_gaussian_redundancy_is_free_of_bias(per_channel):
    width = 24
    root = linalg.cholesky(autoregressive(width, 0.9), lower=True)
    exact = -(width - 1) / (2 * width) * np.log2(1 - 0.9**2)
    n = per_channel * width
    draws = normal(1, 300, n, width) @ root.T.astype(np.float32)
    found = [redundancy.gaussian_redundancy(redundancy.covariance(x), n) for x in draws]
    # four standard errors of 300 draws; without correction it is off by 0.18 at 4
    error = np.std(found) / np.sqrt(300)
    assert error < 0.004
    # the trace's logarithm has a bias of its own, below tr S^2 / (n tr(S)^2)
    np.testing.assert_allclose(np.mean(found), exact, atol=4 * error + 0.5 / n)


@given(st.integers(0, 20), st.floats(0.1, 30))
def test_gaussian_redundancy_knows_neither_axes_nor_units(number, scale):
    x = normal(number, 60, 5) * np.arange(1, 6, dtype=np.float32)
    turn = linalg.qr(normal(number + 100, 5, 5).astype(np.float64))[0]
    moments = redundancy.covariance(x)
    found = redundancy.gaussian_redundancy(moments, 60)
    turned = redundancy.gaussian_redundancy(scale * turn @ moments @ turn.T, 60)
    np.testing.assert_allclose(turned, found, rtol=1e-6)
    values = linalg.eigh(moments)[0]
    plain = np.log2(np.mean(values) / stats.gmean(values)) / 2
    assert plain >= 0
    assert plain - 0.1 < found < plain
    np.testing.assert_allclose(np.cov(x.T), moments, rtol=1e-5)


def test_states_in_fewer_dimensions_are_redundant_without_end():
    x = normal(5, 80, 3)
    x = np.column_stack([x, x[:, 0] - x[:, 1]])
    moments = redundancy.covariance(x.astype(np.float64))
    moments[3] = moments[0] - moments[1]
    moments[:, 3] = moments[:, 0] - moments[:, 1]
    assert redundancy.gaussian_redundancy(moments, 80) == np.inf


def shrunk(x):
    """Ledoit and Wolf's estimator of a correlation matrix, token by token."""
    n, width = x.shape
    z = stats.zscore(x.astype(np.float64), axis=0)
    found = sum(np.outer(row, row) for row in z) / n
    spread = sum(np.sum((np.outer(row, row) - found) ** 2) for row in z) / n**2
    weight = min(1.0, spread / np.sum((found - np.eye(width)) ** 2))
    return weight * np.eye(width) + (1 - weight) * found


def test_total_correlation_against_scikit_learns_definition():
    width, n = 6, 90
    root = linalg.cholesky(autoregressive(width, 0.8), lower=True)
    x = (normal(2, n, width) @ root.T).astype(np.float32) * np.float32(7) + 3
    values = linalg.eigvalsh(shrunk(x))
    exact = -np.sum(np.log2(values)) / (2 * width)
    # states are float32
    np.testing.assert_allclose(redundancy.total_correlation(x), exact, rtol=1e-4)


def test_total_correlation_of_an_autoregression():
    width, n, rho = 8, 40_000, 0.8
    root = linalg.cholesky(autoregressive(width, rho), lower=True)
    x = (normal(2, n, width) @ root.T).astype(np.float32)
    exact = -(width - 1) / (2 * width) * np.log2(1 - rho**2)
    # the log-determinant of 40,000 tokens is known to sqrt(2 d / n) nats
    error = np.sqrt(2 * width / n) / (2 * width * np.log(2))
    np.testing.assert_allclose(
        redundancy.total_correlation(x), exact, atol=4 * error + 1e-3
    )
    assert abs(redundancy.total_correlation(normal(9, n, width))) < 0.001


def test_total_correlation_knows_no_units_and_ignores_constants():
    x = normal(4, 60, 4)
    found = redundancy.total_correlation(x)
    scaled = x * np.array([1, 10, 100, 0.1], np.float32)
    np.testing.assert_allclose(redundancy.total_correlation(scaled), found, rtol=1e-4)
    alike = x + 3 * x[:, :1]
    more = np.column_stack([alike, np.ones(60, np.float32)])
    # bits per channel, of which one more; the shrinkage changes little
    np.testing.assert_allclose(
        redundancy.total_correlation(more),
        redundancy.total_correlation(alike) * 4 / 5,
        rtol=0.05,
    )


def test_spare_dimensions():
    np.testing.assert_allclose(redundancy.spare_dimensions(np.eye(8)), 0, atol=1e-12)
    one = np.diag([3.0, 0, 0, 0])
    np.testing.assert_allclose(redundancy.spare_dimensions(one), 0.75)
    two = np.diag([2.0, 2.0, 0, 0])
    np.testing.assert_allclose(redundancy.spare_dimensions(two), 0.5)


def test_readout_participation_of_constructed_readouts():
    equal = redundancy.readout_participation(
        np.full((3, 7), 0.5, np.float32), np.ones((3, 7), np.float32)
    )
    np.testing.assert_allclose(equal, 7)
    single = np.zeros((2, 7), np.float32)
    single[:, 3] = 2
    np.testing.assert_allclose(
        redundancy.readout_participation(single, np.ones((2, 7), np.float32)), 1
    )
    both = np.concatenate([single, np.ones((2, 7), np.float32), 0 * single])
    found = redundancy.readout_participation(both, np.ones((6, 7), np.float32))
    np.testing.assert_allclose(found, 2 / (1 + 1 / 7))
    with pytest.raises(ValueError, match="no state contributes"):
        redundancy.readout_participation(0 * single, single)


@given(st.integers(0, 30))
def test_participation_is_the_error_of_a_readout(number):
    """Independent relative errors of each channel: 1 / R of the readout's square."""
    gradient = np.abs(normal(number, 1, 9)).astype(np.float64)
    h = np.abs(normal(number + 50, 1, 9)).astype(np.float64)
    variance = np.sum((gradient * h) ** 2)  # of sum g h e, e independent, variance 1
    expected = np.sum(gradient * h) ** 2 / variance
    found = redundancy.readout_participation(gradient, h)
    np.testing.assert_allclose(found, expected)
    assert 1 <= found <= 9 + 1e-9


def test_readout_gradient_is_that_of_differences():
    model = made.tiny().model
    states, step = normal(8, 3, model.config.width), 1e-2
    following = np.array([5, 17, 3])
    found = redundancy.readout_gradient(model, states, following)
    assert found.shape == states.shape

    def chances(rows):
        logits = model.architecture.readout(
            model.params["outside"], jnp.asarray(rows)[None], model.config
        )
        wide = np.asarray(logits[0], np.float64)
        return wide[np.arange(3), following] - np.log(np.exp(wide).sum(axis=1))

    for channel in range(0, model.config.width, 5):
        move = np.zeros_like(states)
        move[:, channel] = step
        numeric = (chances(states + move) - chances(states - move)) / (2 * step)
        # logits in float32, over a step of 0.01: 1e-7 / 0.02, and curvature
        np.testing.assert_allclose(found[:, channel], numeric, rtol=2e-2, atol=1e-3)


def test_gradients_do_not_depend_on_the_rows_beside(monkeypatch):
    model = made.tiny().model
    states, following = normal(8, 5, model.config.width), np.arange(5)
    found = redundancy.readout_gradient(model, states, following)
    monkeypatch.setattr(redundancy, "ROWS", 2)
    again = redundancy.readout_gradient(model, states, following)
    np.testing.assert_allclose(again, found, rtol=1e-4, atol=1e-6)


def test_noise_redundancy_is_the_inverse_of_the_slope():
    levels = np.array([0.01, 0.02, 0.04])
    np.testing.assert_allclose(redundancy.noise_redundancy(levels, 5 * levels), 0.2)
    bent = 5 * levels + np.array([0.02, -0.01, 0.0])
    slope = linalg.lstsq(levels[:, None], bent)[0][0]
    np.testing.assert_allclose(redundancy.noise_redundancy(levels, bent), 1 / slope)
    assert redundancy.noise_redundancy(levels, -levels) == np.inf
    with pytest.raises(ValueError, match="needs a variance above 0"):
        redundancy.noise_redundancy(0 * levels, levels)


def test_head_redundancy():
    even = 10 * float(np.log(64))
    np.testing.assert_allclose(redundancy.head_redundancy(even, 10, 64), 0, atol=1e-12)
    np.testing.assert_allclose(redundancy.head_redundancy(even / 2, 10, 64), 0.5)
    assert redundancy.head_redundancy(0.0, 10, 64) == 1
    assert redundancy.head_redundancy(2 * even, 10, 64) < 0
    with pytest.raises(ValueError, match="got 0 of 64"):
        redundancy.head_redundancy(0.0, 0, 64)


def test_rank_agreement_is_spearmans():
    table = normal(11, 4, 9).astype(np.float64)
    table[1, :3] = table[1, 3]  # ties
    pairs = np.array(list(itertools.combinations(range(4), 2)))
    found = redundancy.rank_agreement(table, pairs)
    expected = [stats.spearmanr(table[i], table[j]).statistic for i, j in pairs]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: redundancy.covariance(np.ones((1, 2))), "at least 2 tokens, got 1"),
        (
            lambda: redundancy.gaussian_redundancy(np.eye(3), 11),
            "at least 12 tokens, 4 per channel, got 11",
        ),
        (
            lambda: redundancy.total_correlation(np.ones((29, 3))),
            "at least 30 tokens, 10 per channel, got 29",
        ),
    ],
)
def test_refuses_too_few_tokens(call, message):
    with pytest.raises(ValueError, match=message):
        call()
