"""Similarities against float64 and closed forms, and what must not change them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.measure import similarity
from tests import strategies
from tests.models import small

SENTENCES, CHANNELS = 9, 5
STATES = strategies.arrays((SENTENCES, CHANNELS))


def states(seed, n=SENTENCES, channels=CHANNELS):
    return small.normal("states", (n, channels), seed)


def single(x):
    return jnp.asarray(np.asarray(x, np.float32))


def orthogonal(seed, channels=CHANNELS):
    return np.linalg.qr(states(seed, channels, channels).astype(float))[0]


def cosine(x, y):
    """One pair at a time."""
    a, b = (np.asarray(z, float) - np.mean(z, axis=0, dtype=float) for z in (x, y))
    return np.array([[u @ v / np.sqrt(u @ u * (v @ v)) for v in b] for u in a])


def margin(table):
    n = len(table)
    others = [
        np.mean([table[s, t] for t in range(n) if t != s])
        + np.mean([table[t, s] for t in range(n) if t != s])
        for s in range(n)
    ]
    return np.diag(table) - np.array(others) / 2


def hsic(K, L):
    """Song et al. 2012, equation 5, on matrices without their diagonals."""
    n = len(K)
    one = np.ones(n)
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    both = one @ K @ one * (one @ L @ one) / ((n - 1) * (n - 2))
    total = np.trace(K @ L) + both - 2 / (n - 2) * (one @ K @ L @ one)
    return total / (n * (n - 3))


def cka(x, y):
    K, L = (np.asarray(z, float) @ np.asarray(z, float).T for z in (x, y))
    return hsic(K, L) / np.sqrt(hsic(K, K) * hsic(L, L))


def test_cosines_and_margins_equal_float64():
    x, y = states(1), states(2) + 3.0
    expected = cosine(x, y)
    found = similarity.cosines(single(x), single(y))
    # sums of five float32 products of at most 1
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(similarity.margins(found), margin(expected), atol=1e-6)


def test_mean_margin_is_that_of_translations_minus_that_of_all_other_pairs():
    table = cosine(states(3), states(4))
    apart = ~np.eye(SENTENCES, dtype=bool)
    expected = np.diag(table).mean() - table[apart].mean()
    found = similarity.margins(single(table)).mean()
    assert found == pytest.approx(expected, abs=1e-6)


def test_retrieval_written_out():
    table = single([[0.9, 0.1, 0.2], [0.8, 0.5, 0.6], [0.1, 0.5, 0.7]])
    # rows: yes, no, yes; columns: yes, half (a tie of two), yes
    np.testing.assert_allclose(similarity.retrieval(table), [1.0, 0.25, 1.0])


def test_retrieval_of_what_is_all_the_same_is_chance():
    table = similarity.cosines(jnp.ones((8, 3)), jnp.ones((8, 3)))
    assert not np.any(table)
    np.testing.assert_allclose(similarity.retrieval(table), 1 / 8)


@pytest.mark.parametrize("shift", [0.0, 100.0])
def test_cka_equals_song_2012(shift):
    x, y = states(5), np.hstack([states(5)[:, :2], states(6)])
    found = similarity.linear_cka(single(x + shift), single(y))
    # a shift of 100 costs float32 two of its seven digits
    assert found == pytest.approx(cka(x, y), abs=1e-6 + 1e-6 * shift)


def test_products_of_centred_matrices_are_hsic():
    x, y = states(7), states(8)
    K, L = (np.asarray(z, float) @ np.asarray(z, float).T for z in (x, y))
    U, V = (np.asarray(similarity.unbiased(single(z)), float) for z in (K, L))
    found = np.sum(U * V) / (SENTENCES * (SENTENCES - 3))
    assert found == pytest.approx(hsic(K, L), rel=1e-4)
    assert not np.any(np.diag(U))
    np.testing.assert_allclose(U.sum(axis=1), 0.0, atol=1e-4)


def test_cka_of_independent_clouds_is_zero_on_average():
    draws = jax.random.normal(jax.random.key(1), (2, 400, 16, 12))
    found = np.asarray(jax.vmap(similarity.linear_cka)(*draws), float)
    error = found.std() / np.sqrt(len(found))
    assert abs(found.mean()) < 3 * error
    # the biased estimate would be near 12 / (12 + 16)
    assert error < 0.02


def test_procrustes_finds_a_rotation_and_what_it_leaves():
    x, turn = states(9), orthogonal(3)
    y = 2.5 * (x @ turn) + 7.0
    found = similarity.rotation(single(x), single(y))
    np.testing.assert_allclose(found, turn, atol=1e-5)
    left = similarity.procrustes_residual(single(x), single(y), found)
    assert left == pytest.approx(0.0, abs=1e-5)


def test_procrustes_equals_scipy():
    x, y = states(10), states(11)
    a, b = (np.asarray(z, float) - np.mean(z, axis=0, dtype=float) for z in (x, y))
    turn, scale = scipy.linalg.orthogonal_procrustes(a, b)
    expected = 1 - (scale / np.linalg.norm(a) / np.linalg.norm(b)) ** 2
    found = similarity.rotation(single(x), single(y))
    np.testing.assert_allclose(found, turn, atol=2e-5)
    left = similarity.procrustes_residual(single(x), single(y), found)
    assert left == pytest.approx(expected, abs=1e-5)


def test_no_other_rotation_is_better():
    x, y = single(states(12)), single(states(13))
    best = similarity.procrustes_residual(x, y, similarity.rotation(x, y))
    for seed in range(20):
        other = single(orthogonal(seed))
        assert similarity.procrustes_residual(x, y, other) >= best - 1e-6


def test_cosine_distance_keeps_its_digits():
    x = states(14).astype(float)
    y = x + 1e-4 * states(15)
    expected = [1 - u @ v / np.sqrt(u @ u * (v @ v)) for u, v in zip(x, y, strict=True)]
    found = similarity.cosine_distance(single(x), single(y))
    # 1 - cos in float32 would round 1e-8 to 0 or 6e-8; inputs are rounded to 6e-8
    np.testing.assert_allclose(found, expected, rtol=0.01)
    np.testing.assert_allclose(
        similarity.cosine_distance(single(x), single(-3 * x)), 2.0, rtol=1e-6
    )


@given(STATES, STATES)
def test_bounds(x, y):
    x, y = single(x), single(y)
    table = similarity.cosines(x, y)
    assert np.abs(table).max() <= 1 + 1e-6
    assert np.abs(similarity.margins(table)).max() <= 2 + 1e-5
    share = similarity.retrieval(table)
    assert share.min() >= 0
    assert share.max() <= 1
    assert abs(float(similarity.linear_cka(x, y))) <= 1 + 1e-5
    distance = similarity.cosine_distance(x, y)
    assert distance.min() >= 0
    assert distance.max() <= 2 + 1e-5


@given(st.integers(0, 30), st.floats(0.125, 8.0), st.integers(-3, 3))
def test_turning_scaling_and_moving_a_language_changes_nothing(seed, size, move):
    x, y = states(seed), states(seed + 40)
    turn = orthogonal(seed)
    moved = size * (x @ turn) + move
    both = size * (y @ turn) - move
    # float32 singular vectors and sums
    close = {"atol": 1e-5}
    np.testing.assert_allclose(
        similarity.cosines(single(x), single(y)),
        similarity.cosines(single(moved), single(both)),
        **close,
    )
    np.testing.assert_allclose(
        similarity.linear_cka(single(x), single(y)),
        similarity.linear_cka(single(moved), single(y)),
        **close,
    )
    assert similarity.linear_cka(single(x), single(moved)) == pytest.approx(1, abs=1e-5)


@given(st.permutations(range(SENTENCES)), st.integers(0, 9))
def test_the_order_of_sentences_does_not_matter(order, seed):
    x, y = states(seed), states(seed + 1)
    once = similarity.cosines(single(x), single(y))
    again = similarity.cosines(single(x[order]), single(y[order]))
    np.testing.assert_allclose(
        similarity.margins(once)[np.array(order)], similarity.margins(again), atol=1e-6
    )
    np.testing.assert_allclose(
        similarity.linear_cka(single(x), single(y)),
        similarity.linear_cka(single(x[order]), single(y[order])),
        atol=1e-5,
    )


def test_what_is_linear_in_a_covariate_is_removed():
    length = np.array([[4.0], [9], [2], [7], [7], [3], [12], [5], [6]])
    x = states(20).astype(float)
    slope = states(21, 1).astype(float)
    once = similarity.without(x, length)
    np.testing.assert_allclose(length.T @ once, 0.0, atol=1e-12)
    np.testing.assert_allclose(once.mean(axis=0), 0.0, atol=1e-12)
    # one channel at a time, by SciPy
    for channel in range(CHANNELS):
        fit = scipy.stats.linregress(length[:, 0], x[:, channel])
        expected = x[:, channel] - fit.intercept - fit.slope * length[:, 0]
        np.testing.assert_allclose(once[:, channel], expected, atol=1e-12)
    again = similarity.without(x + 50 * length @ slope + 3, length)
    np.testing.assert_allclose(again, once, atol=1e-10)


def test_a_constant_covariate_removes_the_mean_alone():
    x = states(22).astype(float)
    found = similarity.without(x, np.full((SENTENCES, 1), 7.0))
    np.testing.assert_allclose(found, x - x.mean(axis=0), atol=1e-12)


def test_errors_say_what_is_needed():
    with pytest.raises(ValueError, match="a margin needs at least 2 sentences, got 1"):
        similarity.margins(jnp.ones((1, 1)))
    with pytest.raises(ValueError, match="retrieval needs at least 2 sentences, got 1"):
        similarity.retrieval(jnp.ones((1, 1)))
    with pytest.raises(ValueError, match="at least 4 sentences, got 3"):
        similarity.linear_cka(jnp.ones((3, 2)), jnp.ones((3, 2)))
    with pytest.raises(ValueError, match=r"2 covariates leave needs at least 4 .* 3"):
        similarity.without(np.ones((3, 2)), np.ones((3, 2)))
