"""The collapsed density against the dense one, and draws against their closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.causal import collapsed
from jaxdisp.causal.collapsed import Equation


def case(seed, *, effects):
    """Three columns and an outcome in languages of unequal size, absent slots too."""
    language = np.repeat([0, 1, 2], [4, 7, 2])
    draws = np.asarray(jax.random.normal(jax.random.key(seed), (13, 3)), float)
    columns = np.concatenate([np.ones((13, 1)), draws], axis=1)
    equation = Equation(
        outcome=3,
        regressors=np.array([0, 1, 2, 0]),
        present=np.array([True, True, True, False]),
        effects=np.array(effects),
        prior=np.array([2.0, 1.0, 1.0, 1.0]),
    )
    grams = collapsed.make_grams(columns, language, 3)
    return columns, language, collapsed.select(grams, equation)


def dense(columns, language, effects, sigma, spread):
    """Covariance of the errors and effects of languages, of all rows."""
    z = columns[:, effects]
    together = language[:, None] == language
    return sigma**2 * np.eye(len(z)) + together * ((z * np.square(spread)) @ z.T)


@given(
    seed=st.integers(0, 50),
    sigma=st.floats(0.1, 3.0),
    tau=st.floats(0.0, 3.0),
    slope=st.floats(0.0, 2.0),
    one=st.booleans(),
)
def test_the_density_is_that_of_all_rows_together(seed, sigma, tau, slope, one):
    effects, spread = ([0], [tau]) if one else ([0, 1], [tau, slope])
    columns, language, selected = case(seed, effects=effects)
    w, y = columns[:, :3], columns[:, 3]
    covariance = dense(columns, language, effects, sigma, spread)
    covariance = covariance + (w * np.square([2.0, 1.0, 1.0])) @ w.T
    expected = scipy.stats.multivariate_normal(np.zeros(13), covariance).logpdf(y)
    found = collapsed.log_marginal(selected, np.array([sigma]), np.array([spread]))
    # products of 13 numbers, in float64: 1e-16 times the condition of the covariance
    assert found[0] == pytest.approx(expected, rel=1e-8)


def test_an_effect_without_spread_is_no_effect():
    _, _, one = case(3, effects=[0])
    _, _, two = case(3, effects=[0, 1])
    sigma = np.array([0.7])
    plain = collapsed.log_marginal(one, sigma, np.array([[0.4]]))
    padded = collapsed.log_marginal(two, sigma, np.array([[0.4, 0.0]]))
    assert plain[0] == pytest.approx(padded[0], rel=1e-12)


def test_many_scales_at_once_are_each_of_them_and_jax_has_the_same_numbers():
    _, _, selected = case(4, effects=[0, 1])
    sigma = np.array([[0.5, 1.0], [1.5, 2.0]])
    spread = np.stack([sigma / 2, sigma / 3], axis=-1)
    found = collapsed.log_marginal(selected, sigma, spread)
    for place in np.ndindex(2, 2):
        one = sigma[place][None], spread[place][None]
        own = collapsed.log_marginal(selected, *one)
        assert found[place] == pytest.approx(own[0], rel=1e-12)
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        traced = jax.jit(collapsed.log_marginal)(
            jax.tree.map(jnp.asarray, selected), jnp.asarray(sigma), jnp.asarray(spread)
        )
    np.testing.assert_allclose(np.asarray(traced), found, rtol=1e-12)


def test_draws_have_the_mean_and_covariance_of_the_joint_posterior():
    effects, sigma, spread = [0, 1], 0.6, np.array([0.5, 0.3])
    columns, language, selected = case(1, effects=effects)
    w, y, z = columns[:, :3], columns[:, 3], columns[:, effects]
    # coefficients and effects of all languages as one regression with Gaussian priors
    blocks = [np.where(language[:, None] == g, z, 0.0) for g in range(3)]
    everything = np.concatenate([w, *blocks], axis=1)
    prior = np.concatenate([[2.0, 1.0, 1.0], np.tile(spread, 3)])
    precision = everything.T @ everything / sigma**2 + np.diag(prior**-2)
    covariance = np.linalg.inv(precision)
    mean = covariance @ everything.T @ y / sigma**2
    n = 40_000
    keys = jax.random.split(jax.random.key(0))
    noise = (
        np.asarray(jax.random.normal(keys[0], (n, 4)), float),
        np.asarray(jax.random.normal(keys[1], (n, 3, 2)), float),
    )
    b, u = collapsed.draw_coefficients(
        selected, np.full(n, sigma), np.tile(spread, (n, 1)), noise
    )
    assert np.all(np.asarray(b)[:, 3] == 0)  # the absent one
    found = np.concatenate([np.asarray(b)[:, :3], np.asarray(u).reshape(n, -1)], axis=1)
    sds = np.sqrt(np.diag(covariance))
    # a mean of n draws is within 5 standard errors, 1 in 2 million is not; so are
    # covariances, whose standard error is at most sqrt(2 / n) in these units
    assert np.all(np.abs(found.mean(axis=0) - mean) < 5 * sds / np.sqrt(n))
    off = (np.cov(found.T) - covariance) / np.outer(sds, sds)
    assert np.max(np.abs(off)) < 5 * np.sqrt(2 / n)
