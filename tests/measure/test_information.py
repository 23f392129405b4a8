"""Gaussian entropy and information: against SciPy, known laws, and linear maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg, stats

from jaxdisp.measure import information
from tests.models import small

# float64 determinants of a few well-conditioned channels
CLOSE = {"rtol": 0, "atol": 1e-9}
seeds = st.integers(0, 200)


def covariance(seed, channels, draws=None):
    """A covariance that is far from singular: of more draws than channels."""
    draws = draws or 3 * channels
    return np.cov(
        small.normal("covariance", (draws, channels), seed).astype(float).T
    ).reshape(channels, channels)


def test_entropy_equals_scipy_and_runs_over_batches():
    many = np.stack([covariance(seed, 4) for seed in range(3)])
    expected = [stats.multivariate_normal(cov=one).entropy() for one in many]
    np.testing.assert_allclose(information.gaussian_entropy(many), expected, **CLOSE)
    assert information.gaussian_entropy(np.eye(1)) == pytest.approx(
        information.UNIT_ENTROPY
    )


def test_entropy_of_a_singular_covariance_is_minus_infinity():
    assert information.gaussian_entropy(np.ones((2, 2))) == -np.inf


@pytest.mark.parametrize("n", [6, 12, 40])
def test_entropy_of_samples_is_unbiased_and_uncorrected_is_not(n):
    repeats, channels = 400, 3
    drawn = small.normal("samples", (repeats, n, channels)).astype(float)
    sample = np.stack([np.cov(one.T) for one in drawn])
    truth = channels * information.UNIT_ENTROPY
    found = information.gaussian_entropy(sample, n)
    error = found.std() / np.sqrt(repeats)
    assert abs(found.mean() - truth) < 3.5 * error
    # the bias is about d (d + 1) / (4 n), less the same to the next order
    raw = information.gaussian_entropy(sample)
    assert truth - raw.mean() > 0.9 * channels * (channels + 1) / (4 * n)


def canonical(joint, first):
    """Canonical correlations from whitened cross-covariances."""
    left, right = joint[:first, :first], joint[first:, first:]
    white = linalg.sqrtm(linalg.inv(left)) @ joint[:first, first:]
    return linalg.svdvals(white @ linalg.sqrtm(linalg.inv(right)))


@pytest.mark.parametrize("first", [1, 2, 4])
def test_information_equals_that_of_canonical_correlations(first):
    joint = covariance(first, 5)
    expected = -0.5 * np.sum(np.log1p(-(canonical(joint, first) ** 2)))
    found = information.gaussian_information(joint, first)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("n", "correlation"), [(12, 0.0), (40, 0.0), (40, 0.8)])
def test_information_of_samples_is_unbiased(n, correlation):
    repeats = 400
    drawn = small.normal("pairs", (repeats, n, 4)).astype(float)
    drawn[..., 2:] = (
        correlation * drawn[..., :2] + np.sqrt(1 - correlation**2) * drawn[..., 2:]
    )
    sample = np.stack([np.cov(one.T) for one in drawn])
    found = information.gaussian_information(sample, 2, n)
    truth = -np.log(1 - correlation**2)
    assert abs(found.mean() - truth) < 3.5 * found.std() / np.sqrt(repeats)
    raw = information.gaussian_information(sample, 2)
    assert raw.mean() - truth > 0.8 * 4 / (2 * n)


def test_information_of_sides_that_determine_each_other_is_infinite():
    joint = np.tile(covariance(0, 2), (2, 2))
    assert information.gaussian_information(joint, 2) == np.inf
    singular = linalg.block_diag(np.ones((2, 2)), np.eye(1))
    assert np.isnan(information.gaussian_information(singular, 2))


@given(seed=seeds, n=st.one_of(st.none(), st.integers(10, 99)))
def test_linear_maps_of_the_sides_change_entropy_and_not_information(seed, n):
    joint = covariance(seed, 4)
    maps = [covariance(seed + place, 2) for place in (300, 400)]
    both = linalg.block_diag(*maps)
    mapped = both @ joint @ both.T
    before = information.gaussian_information(joint, 2, n)
    np.testing.assert_allclose(
        information.gaussian_information(mapped, 2, n), before, rtol=1e-9, atol=1e-8
    )
    added = np.log(np.linalg.det(both))
    np.testing.assert_allclose(
        information.gaussian_entropy(mapped, n)
        - information.gaussian_entropy(joint, n),
        added,
        rtol=1e-9,
        atol=1e-8,
    )
    if n is None:
        assert before >= -1e-12


def test_effective_bits_of_a_known_noise():
    # a 16-level uniform quantizer of a Gaussian has a mean square of 0.01154 at best
    bits = information.signal_information(np.array(1.0), np.array(0.01154)) / np.log(2)
    assert bits == pytest.approx(3.22, abs=0.005)
    assert information.signal_information(np.array(4.0), np.array(0.0)) == np.inf
    four, one = (
        information.signal_information(np.array(1.0), np.array(noise))
        for noise in (0.25, 0.0625)
    )
    assert one - four == pytest.approx(np.log(2))


@given(seed=seeds)
def test_effective_bits_are_never_more_than_information(seed):
    x = small.normal("signal", (40, 3), seed).astype(float)
    noise = small.normal("noise", (40, 3), seed + 7).astype(float)
    y = 0.7 * x + 0.5 * noise + 0.3
    axes = information.principal_axes(np.cov(x.T), 3)[1]
    x, y = (x - x.mean(axis=0)) @ axes, (y - x.mean(axis=0)) @ axes
    joint = np.cov(np.concatenate([x, y], axis=1).T, bias=True)
    signal = information.signal_information(
        np.diagonal(joint)[:3], np.mean((x - y) ** 2, axis=0)
    )
    assert signal.sum() <= information.gaussian_information(joint, 3) + 1e-9


@given(seed=seeds, count=st.integers(1, 4))
def test_principal_axes_diagonalize(seed, count):
    full = covariance(seed, 4)
    variance, axes = information.principal_axes(full, count)
    np.testing.assert_allclose(axes.T @ full @ axes, np.diag(variance), **CLOSE)
    np.testing.assert_allclose(axes.T @ axes, np.eye(count), **CLOSE)
    assert np.all(np.diff(variance) <= 0)
    assert variance.sum() <= np.trace(full) + 1e-9
    assert np.all(axes[np.abs(axes).argmax(axis=0), np.arange(count)] > 0)


@given(seed=seeds)
def test_correlations_are_free_of_units(seed):
    full = covariance(seed, 3)
    units = np.diag([1e-3, 1.0, 1e5])
    found = information.correlations(units @ full @ units)
    np.testing.assert_allclose(found, information.correlations(full), **CLOSE)
    spread = np.sqrt(np.diagonal(full))
    np.testing.assert_allclose(found, full / np.outer(spread, spread), **CLOSE)
    constant = information.correlations(linalg.block_diag(full, 0.0))
    assert not constant[3].any()


def test_what_can_not_be_measured_is_said():
    with pytest.raises(ValueError, match=r"^the entropy of 3 channels needs more"):
        information.gaussian_entropy(np.eye(3), 3)
    with pytest.raises(ValueError, match=r"^of 2 channels, 2 can not be one side"):
        information.gaussian_information(np.eye(2), 2)
    with pytest.raises(ValueError, match=r"^of 2 channels, 3 principal components"):
        information.principal_axes(np.eye(2), 3)
