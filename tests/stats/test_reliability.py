"""Reliability of profiles from halves."""

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxdisp.stats.reliability import random_halves, split_half


@hypothesis.given(st.integers(2, 9), st.integers(0, 99))
def test_halves_are_halves(n_groups, seed):
    found = random_halves(jax.random.key(seed), n_groups, 20)
    assert set(np.unique(found)) <= {0, 1}
    assert np.all(found.sum(axis=1) == n_groups // 2)


def test_every_half_comes_as_often():
    found = random_halves(jax.random.key(0), 4, 6000)
    codes, counts = np.unique(found @ [8, 4, 2, 1], return_counts=True)
    assert len(codes) == 6
    # 1000 expected; four standard errors
    assert np.max(np.abs(counts - 1000)) < 4 * np.sqrt(1000)


def test_reliability_of_a_known_mixture_of_signal_and_noise():
    keys = jax.random.split(jax.random.key(0), 3)
    signal = np.asarray(jax.random.normal(keys[0], (1, 4000)), np.float64)
    noise = [np.asarray(jax.random.normal(k, (2, 4000)), np.float64) for k in keys[1:]]
    # halves correlate by 1 / (1 + 1), so that the whole has 2 / 3
    found = split_half(signal + noise[0], signal + noise[1])
    assert found == pytest.approx(2 / 3, abs=0.03)


def test_against_numpy():
    one = np.array([[1.0, 2.0, 4.0], [0.0, 1.0, 0.5]])
    other = np.array([[1.0, 3.0, 2.0], [1.0, 2.0, 1.0]])
    r = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(one, other, strict=True)])
    assert split_half(one, other) == pytest.approx(2 * r / (1 + r), rel=1e-12)
    assert split_half(one, 3 * one + 1) == pytest.approx(1.0)


def test_what_has_no_reliability():
    with pytest.raises(ValueError, match="at least 3 items, got 2"):
        split_half(np.array([[1.0, 2.0]]), np.array([[1.0, 2.0]]))
    with pytest.raises(ValueError, match="constant"):
        split_half(np.ones((1, 3)), np.array([[1.0, 2.0, 3.0]]))
    with pytest.raises(ValueError, match="at least 2 groups, got 1"):
        random_halves(jax.random.key(0), 1, 3)
