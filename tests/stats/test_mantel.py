"""Agreement of tables of pairs: against loops, and how often it errs."""

import itertools

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from jaxdisp.stats import mantel
from tests.models import small

N = 6
KEY = jax.random.key(0)


def tables(n, seed, members=N):
    drawn = small.normal("mantel", (n, members, members), seed).astype(np.float64)
    return drawn + np.swapaxes(drawn, 1, 2)


def spearman(x, y, members):
    pairs = list(itertools.combinations(members, 2))
    return stats.spearmanr(
        [x[pair] for pair in pairs], [y[pair] for pair in pairs]
    ).statistic


def test_equals_one_pair_and_one_permutation_at_a_time():
    x, y = tables(2, 0)
    found = mantel.agreement(x, y, key=KEY, draws=4000)
    estimate = spearman(x, y, range(N))
    np.testing.assert_allclose(found.estimate, estimate, rtol=1e-10)
    every = [
        spearman(x, y[np.ix_(order, order)], range(N))
        for order in itertools.permutations(range(N))
    ]
    exact = np.mean(np.abs(every) >= abs(estimate) - 1e-12)
    # Monte Carlo error of 4000 draws
    np.testing.assert_allclose(found.p_value, exact, atol=4 * np.sqrt(0.25 / 4000))
    low, high = np.quantile(every, [0.025, 0.975])
    np.testing.assert_allclose([found.null_low, found.null_high], [low, high], atol=0.1)
    without = [
        np.arctanh(spearman(x, y, [m for m in range(N) if m != v])) for v in range(N)
    ]
    s = np.sqrt((N - 2) / (2 * N) * np.sum((without - np.mean(without)) ** 2))
    bounds = np.tanh(np.arctanh(estimate) + stats.t.ppf([0.025, 0.975], N - 1) * s)
    np.testing.assert_allclose([found.low, found.high], bounds, rtol=1e-8)


@given(order=st.permutations(range(N)), seed=st.integers(0, 50))
def test_neither_names_nor_monotone_changes_of_values_matter(order, seed):
    x, y = tables(2, seed)
    some = np.ix_(order, order)
    found = mantel.agreement(x, y, key=KEY, draws=50)
    other = mantel.agreement(np.exp(x)[some], y[some] ** 3, key=KEY, draws=50)
    for name in ("estimate", "low", "high"):
        np.testing.assert_allclose(getattr(found, name), getattr(other, name))
    assert found.low <= found.estimate <= found.high
    swapped = mantel.agreement(y, x, key=KEY, draws=50)
    np.testing.assert_allclose(found.estimate, swapped.estimate)


def test_errors_where_nothing_agrees_and_power_where_it_does():
    # tables with an effect of each member, which makes pairs depend on one another
    n, members = 200, 12
    own = small.normal("members", (2, n, members)).astype(np.float64)
    noise = np.stack([tables(n, seed, members) for seed in (1, 2)])
    built = noise + 1.5 * (own[..., :, None] + own[..., None, :])
    small_p, above = np.zeros((2, n), bool)
    for seed, (x, y) in enumerate(zip(*built, strict=True)):
        found = mantel.agreement(x, y, key=jax.random.key(seed), draws=200)
        small_p[seed] = found.p_value <= 0.05
        above[seed] = (found.low > 0) & small_p[seed]
    error = 3 * np.sqrt(0.05 * 0.95 / n)
    assert small_p.mean() <= 0.05 + error
    assert above.mean() <= 0.025 + error
    x = built[0]
    seen = [
        mantel.agreement(one, one + 2 * other, key=KEY, draws=100).low > 0
        for one, other in zip(x[:50], noise[1][:50], strict=True)
    ]
    assert np.mean(seen) > 0.9


def test_refuses_what_has_no_pairs():
    x = tables(1, 0)[0]
    with pytest.raises(ValueError, match="at least 5 members, got"):
        mantel.agreement(x[:4, :4], x[:4, :4], key=KEY)
    with pytest.raises(ValueError, match="not all equal"):
        mantel.agreement(x, np.ones((N, N)), key=KEY)
