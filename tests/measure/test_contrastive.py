import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from jaxdisp.measure import contrastive

KEY = jax.random.key(5)
PAIRS, CHANNELS = 128, 4
GROUPS = np.repeat(np.arange(16), 8)


def pairs(rhos):
    """Per correlation, Gaussian pairs of 4 channels, each correlated so."""
    noise = np.asarray(jax.random.normal(KEY, (2, len(rhos), PAIRS, CHANNELS)))
    rho = np.array(rhos, np.float32)[:, None, None]
    return noise[0], rho * noise[0] + np.sqrt(1 - rho**2) * noise[1]


@pytest.fixture(scope="module")
def gaussian():
    rhos = [0.0, 0.5, 0.9, 0.999, -0.9]
    return rhos, contrastive.information_bounds(*pairs(rhos), GROUPS)


def test_bounds_hold_for_gaussians(gaussian):
    rhos, found = gaussian
    exact = -CHANNELS / 2 * np.log(1 - np.array(rhos) ** 2)
    # 64 held-out pairs: standard error 0.1 nats
    assert np.all(found <= exact + 0.3)
    assert np.all(found <= np.log(PAIRS // 2))
    assert abs(found[0]) < 0.3
    # not an empty bound: above half of what there is, as far as ln 64 goes
    assert found[2] > 0.5 * exact[2]
    assert found[3] > 0.6 * np.log(PAIRS // 2)


def test_a_reversed_partner_tells_as_much(gaussian):
    _, found = gaussian
    np.testing.assert_allclose(found[4], found[2], atol=0.6)


def test_partners_in_another_order_tell_nothing():
    x, y = pairs([0.9])
    found = contrastive.information_bounds(x, np.roll(y, 5, axis=1), GROUPS)
    assert found[0] < 0.2


def test_what_is_fitted_is_not_what_is_tested():
    """Sixteen weights fit 16 pairs of nothing: 0.5 nats on these, none on others."""
    x, y = np.asarray(jax.random.normal(KEY, (2, 8, 32, 20)))
    found = contrastive.information_bounds(x, y, np.arange(32))
    # mean of 8 languages and both halves
    assert found.mean() < 0.1


@given(st.sampled_from([2, 6]), st.integers(0, 20))
def test_bound_is_at_most_the_logarithm_of_the_pairs(n, seed):
    scores = np.asarray(jax.random.normal(jax.random.key(seed), (n, n))) * 3
    found = float(contrastive.bound(jnp.asarray(scores)))
    wide = scores.astype(np.float64)
    rows = np.diag(wide) - special.logsumexp(wide, axis=1)
    columns = np.diag(wide) - special.logsumexp(wide, axis=0)
    exact = np.log(n) + (rows.mean() + columns.mean()) / 2
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-5)
    assert found <= np.log(n) + 1e-6
    sure = float(contrastive.bound(100 * jnp.eye(n)))
    np.testing.assert_allclose(sure, np.log(n), rtol=1e-6)


def test_fewer_dimensions_than_16_are_filled_up():
    x, y = pairs([0.9])
    flat = np.concatenate([x[..., :2], 0 * x[..., :2]], axis=-1)
    partner = np.concatenate([y[..., :2], 0 * y[..., :2]], axis=-1)
    found = contrastive.information_bounds(flat, partner, GROUPS)
    assert 0 < found[0] <= -np.log(1 - 0.81) + 0.3


def test_needs_pairs_in_both_halves():
    x, y = pairs([0.5])
    assert contrastive.pairs_per_half(GROUPS) == 64
    assert contrastive.pairs_per_half(np.zeros(8, int)) == 0
    with pytest.raises(ValueError, match=r"at least 16 pairs in each half .*, got 8"):
        contrastive.information_bounds(x[:, :16], y[:, :16], GROUPS[:16])
