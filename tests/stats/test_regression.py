import itertools
import zlib

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg, stats

from jaxdisp.stats import regression

KEY = jax.random.key(0)


def normal(name, *shape):
    key = jax.random.fold_in(KEY, zlib.crc32(name.encode()))
    return np.asarray(jax.random.normal(key, shape), np.float64)


def made(n=9, p=3, name="x"):
    """Features in odd units that have something to do with the response."""
    x = normal(name, n, p) * 10.0 ** np.arange(p) + 5
    y = 2 + x @ (0.5 ** np.arange(p)) + normal(f"{name} noise", n)
    return x, y


def refits(x, y):
    """Predicts each point by a fit of the others, one at a time."""
    found = []
    for i in range(len(y)):
        others = [j for j in range(len(y)) if j != i]
        design = np.array([[1.0, *x[j]] for j in others])
        solution = linalg.lstsq(design, y[others])[0]
        found.append(solution[0] + float(np.dot(solution[1:], x[i])))
    return np.array(found)


def loo(y, predicted):
    """The share of squared errors of the others' mean that predictions save."""
    errors, by_mean = 0.0, 0.0
    for i in range(len(y)):
        errors += (y[i] - predicted[i]) ** 2
        by_mean += (y[i] - np.delete(y, i).mean()) ** 2
    return 1 - errors / by_mean


@pytest.mark.parametrize("p", [1, 2, 3])
def test_against_refits_and_scipy(p):
    x, y = made(p=p)
    found = regression.fit(x, y)
    design = np.column_stack([np.ones(len(y)), x])
    solution = linalg.solve(design.T @ design, design.T @ y)
    # normal equations square the condition number, about 1e5 with these units
    np.testing.assert_allclose(found.intercept, solution[0], rtol=1e-6)
    np.testing.assert_allclose(found.slopes, solution[1:], rtol=1e-6)
    np.testing.assert_allclose(found.predicted, refits(x, y), rtol=1e-9)
    np.testing.assert_allclose(found.loo_r2, loo(y, refits(x, y)), rtol=1e-9)
    hat = design @ linalg.inv(design.T @ design) @ design.T
    np.testing.assert_allclose(found.leverage, np.diag(hat), rtol=1e-6)
    squared = stats.pearsonr(y, hat @ y).statistic ** 2
    np.testing.assert_allclose(found.r2, squared, rtol=1e-6)
    n = len(y)
    adjusted = 1 - np.sum((y - hat @ y) ** 2) / (n - p - 1) / np.var(y, ddof=1)
    np.testing.assert_allclose(found.adjusted_r2, adjusted, rtol=1e-6)
    # the diagonal of the inverse correlation matrix are the inflation factors
    inflation = np.diag(linalg.inv(np.atleast_2d(np.corrcoef(x.T))))
    np.testing.assert_allclose(found.inflation, inflation, rtol=1e-9)
    values = linalg.eigvalsh(np.atleast_2d(np.corrcoef(x.T)))
    np.testing.assert_allclose(found.condition**2, values[-1] / values[0], rtol=1e-9)


def test_a_point_with_its_own_flag_takes_no_part():
    x, y = made(p=2)
    flag = np.arange(len(y)) == 4
    found = regression.fit(np.column_stack([x, flag.astype(float)]), y)
    assert np.flatnonzero(np.isnan(found.predicted)).tolist() == [4]
    np.testing.assert_allclose(found.leverage[4], 1, rtol=1e-12)
    kept = regression.fit(x[~flag], y[~flag])
    np.testing.assert_allclose(found.predicted[~flag], kept.predicted, rtol=1e-9)
    np.testing.assert_allclose(found.loo_r2, kept.loo_r2, rtol=1e-9)


def test_what_others_determine_is_inflated_without_end():
    x, y = made(p=2)
    found = regression.fit(np.column_stack([x, x @ [1.0, 0.25] + 3]), y)
    assert np.all(np.isinf(found.inflation))
    assert found.condition == np.inf
    np.testing.assert_allclose(found.fitted, regression.fit(x, y).fitted, rtol=1e-9)


@given(
    st.integers(0, 30),
    st.integers(1, 4),
    st.floats(-3, 3),
    st.floats(0.1, 10),
)
def test_units_do_not_matter(seed, p, shift, scale):
    x, y = made(p=p, name=f"unit {seed}")
    found, moved = regression.fit(x, y), regression.fit(shift + scale * x, y * scale)
    assert found.loo_r2 <= found.r2 <= 1 + 1e-12
    assert np.all(found.leverage > 1 / len(y) - 1e-9)
    np.testing.assert_allclose(found.leverage.sum(), p + 1, rtol=1e-9)
    for name in ("r2", "loo_r2", "adjusted_r2", "inflation", "condition", "leverage"):
        np.testing.assert_allclose(
            getattr(moved, name), getattr(found, name), rtol=1e-6, atol=1e-9
        )


def test_null_is_that_of_all_orders():
    x, y = made(n=5, p=2, name="few")
    every = [regression.fit(x, np.array(order)) for order in itertools.permutations(y)]
    null = regression.permutation_null(x, y, key=KEY, draws=4000)
    for name in ("r2", "loo_r2"):
        drawn, exact = getattr(null, name), [getattr(f, name) for f in every]
        # 4,000 draws: a share is known to 0.008
        for share in (0.25, 0.5, 0.95):
            at = np.quantile(exact, share)
            assert abs(np.mean(drawn <= at + 1e-9) - share) < 0.03
    # what features that mean nothing reach: p / (n - 1)
    np.testing.assert_allclose(np.mean([f.r2 for f in every]), 2 / 4, rtol=1e-9)


def test_notes_have_as_many_features_as_reach_a_third():
    """Four features of twelve layers: R2 of .364 where there is nothing to explain."""
    null = regression.permutation_null(*made(n=12, p=4), key=KEY, draws=4000)
    # standard error of the mean of 4,000 draws is 0.003
    np.testing.assert_allclose(null.r2.mean(), 4 / 11, atol=0.012)


def test_transfer_follows_the_fit():
    x, y = made(p=2)
    new, other = made(n=7, p=2, name="new")
    both = np.stack([other, 3 - other])
    full, slopes = regression.transfer_r2(x, np.stack([y, y]), new, both)
    found = regression.fit(x, y)
    predicted = found.intercept + new @ found.slopes
    for draw in range(2):
        total = np.sum((both[draw] - both[draw].mean()) ** 2)
        left = np.sum((both[draw] - predicted) ** 2)
        np.testing.assert_allclose(full[draw], 1 - left / total, rtol=1e-9)
        left = len(other) * np.var(both[draw] - predicted)
        np.testing.assert_allclose(slopes[draw], 1 - left / total, rtol=1e-9)
    null = regression.transfer_null(x, y, new, other, key=KEY, draws=200)
    assert null.max() <= slopes[0] + 1e-9 or null.mean() < slopes[0]
    own = regression.transfer_r2(x, y[None], x, y[None])
    np.testing.assert_allclose(own[0], found.r2, rtol=1e-9)
    np.testing.assert_allclose(own[1], found.r2, rtol=1e-9)


X, Y = made(n=5, p=2, name="refused")


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:3], Y[:3], "needs at least 1 feature and 4 points, got 3"),
        (X, 0 * Y, "constant response"),
        (X * [1, 0], Y, "feature 1 is the same at every point"),
        (X, Y * np.array([1, 1, np.nan, 1, 1]), "finite"),
    ],
)
def test_refuses(x, y, message):
    with pytest.raises(ValueError, match=message):
        regression.fit(x, y)
