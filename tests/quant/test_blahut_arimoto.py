"""Shannon's limits: against closed forms, and within Blahut's own bounds."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from jaxdisp.quant import blahut_arimoto
from tests.models import small


def entropy(p):
    return -p * np.log2(p) - (1 - p) * np.log2(1 - p)


HAMMING = jnp.asarray([[0.0, 1.0], [1.0, 0.0]])


@given(p=st.floats(0.1, 0.5), share=st.floats(0.1, 0.9))
def test_a_coin_under_hamming_distortion(p, share):
    d = share * p
    slope = -np.log2((1 - d) / d)  # of h(p) - h(d)
    found = blahut_arimoto.rate_distortion(
        jnp.asarray([p, 1 - p], jnp.float32), HAMMING, jnp.float32(slope)
    )
    # rate and distortion move along the curve together; the tangent is at the rate
    np.testing.assert_allclose(found.rate, entropy(p) - entropy(d), atol=2e-3)
    np.testing.assert_allclose(found.distortion, d, atol=2e-3)
    on_curve = entropy(p) - entropy(float(found.distortion))
    np.testing.assert_allclose(found.rate, on_curve, atol=1e-4)
    assert 0 <= found.gap < 1e-4


@pytest.mark.parametrize("distortion", [0.02, 0.1, 0.5])
def test_a_gaussian_source(distortion):
    edges = np.linspace(-5, 5, 201)
    share = np.diff(stats.norm.cdf(edges))
    value = (edges[:-1] + edges[1:]) / 2
    square = (value[:, None] - value[None]) ** 2
    slope = -1 / (2 * np.log(2) * distortion)
    found = blahut_arimoto.rate_distortion(
        jnp.asarray(share / share.sum(), jnp.float32),
        jnp.asarray(square, jnp.float32),
        jnp.float32(slope),
    )
    # bins of width 0.05 lose 0.0002 of the variance: a hundredth of the least error
    np.testing.assert_allclose(found.distortion, distortion, rtol=0.02)
    expected = -np.log2(float(found.distortion)) / 2
    np.testing.assert_allclose(found.rate, expected, atol=0.01)
    assert found.rate - found.gap <= expected + 0.003


def test_a_binary_symmetric_channel_and_one_that_erases():
    for p in (0.05, 0.2, 0.5):
        table = jnp.asarray([[1 - p, p], [p, 1 - p]], jnp.float32)
        found = blahut_arimoto.channel_capacity(table)
        np.testing.assert_allclose(found.bits, 1 - entropy(p), atol=1e-5)
    e = 0.3
    table = jnp.asarray([[1 - e, 0.0, e], [0.0, 1 - e, e]], jnp.float32)
    found = blahut_arimoto.channel_capacity(table)
    np.testing.assert_allclose(found.bits, 1 - e, atol=1e-5)
    np.testing.assert_allclose(found.inputs, [0.5, 0.5], atol=1e-3)


def test_a_z_channel_has_uneven_inputs():
    table = jnp.asarray([[1.0, 0.0], [0.5, 0.5]], jnp.float32)
    found = blahut_arimoto.channel_capacity(table)
    np.testing.assert_allclose(found.bits, np.log2(1.25), atol=2e-5)
    np.testing.assert_allclose(found.inputs, [0.6, 0.4], atol=5e-3)


@given(seed=st.integers(0, 100), slope=st.sampled_from([-0.5, -2.0, -8.0, -50.0]))
def test_what_every_rate_satisfies(seed, slope):
    weights = np.exp(small.normal("source", (5,), seed))
    distortion = np.abs(small.normal("distortion", (5, 4), seed))
    source = jnp.asarray(weights / weights.sum())
    found = blahut_arimoto.rate_distortion(
        source, jnp.asarray(distortion), jnp.float32(slope)
    )
    p = np.asarray(source, np.float64)
    most = np.min(p @ distortion)  # at rate 0
    assert -1e-4 <= found.rate <= -np.sum(p * np.log2(p)) + 1e-4
    assert np.min(distortion, axis=1) @ p - 1e-5 <= found.distortion <= most + 1e-4
    assert found.gap >= 0
    # the tangent passes below the point of rate 0
    tangent = float(found.rate - found.gap) + slope * (most - float(found.distortion))
    assert tangent <= 1e-4


def test_symbols_that_never_occur_do_not_matter():
    source = jnp.asarray([0.3, 0.0, 0.7])
    value = jnp.asarray([0.0, 5.0, 1.0])
    square = (value[:, None] - value[None]) ** 2
    found = blahut_arimoto.rate_distortion(source, square, jnp.float32(-4.0))
    some = jnp.asarray([0, 2])
    alone = blahut_arimoto.rate_distortion(
        source[some], square[some][:, some], jnp.float32(-4.0)
    )
    np.testing.assert_allclose(found.rate, alone.rate, atol=1e-4)
    np.testing.assert_allclose(found.distortion, alone.distortion, atol=1e-4)


def test_tangents_bound_the_rate_from_below_and_nearly_reach_it():
    p, d = 0.4, 0.1
    slopes = [-np.log2((1 - x) / x) for x in (0.08, 0.12)]
    points = [
        blahut_arimoto.rate_distortion(
            jnp.asarray([p, 1 - p], jnp.float32), HAMMING, jnp.float32(slope)
        )
        for slope in slopes
    ]
    joined = blahut_arimoto.RatePoint(
        **{
            name: jnp.stack([getattr(point, name) for point in points])
            for name in ("rate", "distortion", "slope", "gap")
        }
    )
    found = blahut_arimoto.least_bits(joined, d)
    exact = entropy(p) - entropy(d)
    assert exact - 0.01 < found <= exact + 1e-5
    assert blahut_arimoto.least_bits(joined, 5.0) == 0


def test_histograms_keep_the_mean_and_nearly_the_variance():
    x = small.normal("histogram", (4000,))
    share, value = blahut_arimoto.histogram_source(jnp.asarray(x), bins=64)
    p, v = np.asarray(share, np.float64), np.asarray(value, np.float64)
    np.testing.assert_allclose(p.sum(), 1, rtol=1e-5)
    np.testing.assert_allclose(p @ v, x.mean(), atol=1e-5)
    width = np.ptp(x) / 64
    lost = np.mean(x.astype(np.float64) ** 2) - p @ v**2
    assert 0 <= lost <= width**2 / 4
    counts, _ = np.histogram(x, 64)
    assert np.abs(p * len(x) - counts).max() <= 2  # at the edges by rounding
    constant, at = blahut_arimoto.histogram_source(jnp.ones(5), bins=4)
    np.testing.assert_allclose(constant, [1, 0, 0, 0])
    np.testing.assert_allclose(at[0], 1.0)
