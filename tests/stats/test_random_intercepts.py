import zlib

import jax
import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg, stats

from jaxdisp.stats import random_intercepts

KEY = jax.random.key(0)


def normal(name, *shape):
    key = jax.random.fold_in(KEY, zlib.crc32(name.encode()))
    return np.asarray(jax.random.normal(key, shape), np.float64)


def made(name="x", n=80, n_groups=8, tau=1.0):
    groups = np.minimum(np.arange(n) % (n_groups + 2), n_groups - 1)
    level = tau * normal(f"{name} level", n_groups)
    x = normal(f"{name} features", n, 2) * [1.0, 50.0] + [3.0, 7.0]
    y = 2 + x @ [0.8, -0.02] + level[groups] + normal(f"{name} noise", n)
    return x, y, groups


def generalized(found, x, y, groups):
    """Least squares with the whole covariance matrix of the rows."""
    same = groups[:, None] == groups
    covariance = found.sigma**2 * np.eye(len(y)) + found.tau**2 * same
    design = np.column_stack([np.ones(len(y)), x])
    weighted = linalg.solve(covariance, design)
    inverse = linalg.inv(design.T @ weighted)
    return inverse @ weighted.T @ y, inverse


def restricted(sigma, tau, x, y, groups):
    """The restricted likelihood with whole matrices."""
    same = groups[:, None] == groups
    covariance = sigma**2 * np.eye(len(y)) + tau**2 * same
    design = np.column_stack([np.ones(len(y)), x])
    null = linalg.null_space(design.T)
    return stats.multivariate_normal(
        np.zeros(null.shape[1]), null.T @ covariance @ null
    ).logpdf(null.T @ y)


def test_against_statsmodels():
    x, y, groups = made()
    found = random_intercepts.fit(x, y, groups)
    # features of like scale, as its optimizer needs
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    fit = sm.MixedLM(y, sm.add_constant(standard), groups).fit(reml=True)
    # its optimizer stops at 1e-5 or so
    np.testing.assert_allclose(
        found.coefficients[1:] * x.std(axis=0), fit.fe_params[1:], rtol=1e-4
    )
    np.testing.assert_allclose(found.sigma**2, fit.scale, rtol=1e-3)
    np.testing.assert_allclose(found.tau**2, fit.cov_re[0, 0], rtol=1e-3)


@given(st.integers(0, 30), st.sampled_from([0.0, 0.3, 3.0]))
def test_against_whole_matrices(seed, tau):
    x, y, groups = made(f"any {seed}", tau=tau)
    found = random_intercepts.fit(x, y, groups)
    coefficients, covariance = generalized(found, x, y, groups)
    # tau^2 / sigma^2 up to 1e5 and less than 1e-8
    np.testing.assert_allclose(found.coefficients, coefficients, rtol=1e-6)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-5, atol=1e-12)
    best = restricted(found.sigma, found.tau, x, y, groups)
    for other in (0.97, 1.03):
        assert restricted(found.sigma * other, found.tau, x, y, groups) < best
        assert restricted(found.sigma, found.tau * other, x, y, groups) < best + 1e-6


@given(st.floats(0.01, 100), st.floats(-100, 100))
def test_units_do_not_count(factor, shift):
    x, y, groups = made()
    found = random_intercepts.fit(x, y, groups)
    other = random_intercepts.fit(x * factor + shift, 3 * y, groups)
    np.testing.assert_allclose(
        other.coefficients[1:] * factor, 3 * found.coefficients[1:], rtol=1e-5
    )
    one = random_intercepts.predict(found, x[:5])
    two = random_intercepts.predict(other, x[:5] * factor + shift)
    np.testing.assert_allclose([two.mean, two.low], [3 * one.mean, 3 * one.low], 1e-5)


def test_intervals_of_new_groups_cover():
    inside, draws, n_groups, each = 0, 200, 12, 10
    groups = np.repeat(np.arange(n_groups), each)
    for draw in range(draws):
        noise = normal(f"cover {draw}", 3, n_groups * each)
        level = 0.7 * noise[2, :n_groups][groups]
        x = noise[0] + level
        y = 1 + 0.5 * x + 0.5 * noise[2, n_groups : 2 * n_groups][groups] + noise[1]
        last = groups == n_groups - 1
        found = random_intercepts.fit(x[~last, None], y[~last], groups[~last])
        got = random_intercepts.predict(found, x[last, None])
        inside += got.low <= y[last].mean() <= got.high
    # 190 +- 3 expected; scales are estimated
    assert 0.9 * draws <= inside <= 0.99 * draws


def test_errors():
    x, y, groups = made()
    with pytest.raises(ValueError, match="need finite values"):
        random_intercepts.fit(x, np.where(y > 0, np.nan, y), groups)
    with pytest.raises(ValueError, match="at least 2 groups and 5 rows, got 1 and 80"):
        random_intercepts.fit(x, y, groups * 0)
    with pytest.raises(ValueError, match="must not be constant"):
        random_intercepts.fit(x * [1.0, 0.0], y, groups)
    with pytest.raises(ValueError, match="determine one another"):
        random_intercepts.fit(np.column_stack([x, x.sum(axis=1)]), y, groups)
