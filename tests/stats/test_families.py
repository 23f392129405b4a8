"""Families against the procedure itself, level by level, and simulated error rates."""

import jax
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import special, stats

from jaxdisp.stats import families

MEMBERS = st.lists(
    st.tuples(
        st.one_of(st.floats(1e-6, 1), st.sampled_from([0.0, 0.01, 0.02, 1.0])),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=10,
)


def below(p_values, level):
    """How many Benjamini and Hochberg reject at a level."""
    ranked = sorted(p_values)
    m = len(ranked)
    return max(
        [k for k in range(1, m + 1) if ranked[k - 1] <= level * k / m], default=0
    )


def procedure(p_values, numbers, level):
    """Tests rejected by Benjamini and Bogomolov at a level, in two steps."""
    own = {
        name: [p for p, family in zip(p_values, numbers, strict=True) if family == name]
        for name in sorted(set(numbers))
    }
    evidence = {
        name: min(len(ps) * p / rank for rank, p in enumerate(sorted(ps), start=1))
        for name, ps in own.items()
    }
    count = below(list(evidence.values()), level)
    chosen = sorted(evidence, key=evidence.__getitem__)[:count]
    inside = level * count / len(own)
    rejected = []
    for p, name in zip(p_values, numbers, strict=True):
        most = below(own[name], inside)
        bound = sorted(own[name])[most - 1] if most else -1.0
        rejected.append(name in chosen and p <= bound)
    return np.array(rejected), set(chosen)


@given(MEMBERS, st.floats(0.001, 0.999))
def test_what_is_below_a_level_is_what_the_procedure_rejects(members, level):
    p_values = np.array([p for p, _ in members])
    numbers = np.array([family for _, family in members])
    found = families.hierarchical(p_values, numbers)
    whole = families.corrected(p_values, [str(number) for number in numbers])
    assume(np.min(np.abs(found - level)) > 1e-9)
    assume(np.min(np.abs(whole.family - level)) > 1e-9)
    rejected, chosen = procedure(p_values.tolist(), numbers.tolist(), level)
    np.testing.assert_array_equal(found <= level, rejected)
    below_level = {
        int(name)
        for name, p in zip(whole.family_names, whole.family, strict=True)
        if p <= level
    }
    assert below_level == chosen


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_one_family_is_corrected_as_a_whole(p_values):
    raw = np.array(p_values)
    found = families.corrected(raw, ["all"] * len(raw))
    np.testing.assert_allclose(found.hierarchical, found.benjamini_hochberg)
    assert found.simes[0] == found.benjamini_hochberg.min()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_families_of_one_are_corrected_as_tests(p_values):
    raw = np.array(p_values)
    found = families.corrected(raw, [str(place) for place in range(len(raw))])
    np.testing.assert_allclose(found.hierarchical, found.benjamini_hochberg)
    np.testing.assert_allclose(found.family, found.benjamini_hochberg)


@given(MEMBERS)
def test_procedures_are_ordered(members):
    p_values = np.array([p for p, _ in members])
    found = families.corrected(p_values, [str(family) for _, family in members])
    assert np.all(p_values <= found.benjamini_hochberg + 1e-15)
    assert np.all(found.benjamini_hochberg <= found.holm + 1e-12)
    assert np.all(found.holm <= found.bonferroni + 1e-12)
    assert np.all(found.benjamini_hochberg <= found.benjamini_yekutieli + 1e-12)
    assert np.all(found.hierarchical <= 1)


def test_a_worked_example():
    # Simes: A 0.01, B 0.3; two families: 0.02 and 0.3. Within A: 0.01 and 0.04
    p_values = np.array([0.005, 0.3, 0.04])
    found = families.corrected(p_values, ["A", "B", "A"])
    np.testing.assert_allclose(found.simes, [0.01, 0.3])
    np.testing.assert_allclose(found.family, [0.02, 0.3])
    # one chosen of two: twice what it is within A
    np.testing.assert_allclose(found.hierarchical, [0.02, 0.3, 0.08])
    assert found.family_names == ("A", "B")


@pytest.mark.parametrize("shared", [0.0, 0.6])
def test_the_share_of_false_findings_is_what_it_should_be(shared):
    """20 families of 5, six of which have three effects; also positively dependent."""
    draws, n_families, size = 300, 20, 5
    keys = jax.random.split(jax.random.key(0))
    own = np.asarray(jax.random.normal(keys[0], (draws, n_families, size)))
    common = np.asarray(jax.random.normal(keys[1], (draws, n_families, 1)))
    z = np.sqrt(1 - shared) * own + np.sqrt(shared) * common
    truth = np.zeros((n_families, size), bool)
    truth[:6, :3] = True
    p_values = special.ndtr(-(z + 3.0 * truth))
    numbers = np.repeat(np.arange(n_families), size)
    within, among = [], []
    for each in p_values:
        rejected = families.hierarchical(each.ravel(), numbers) <= 0.1
        rejected = rejected.reshape(n_families, size)
        chosen = rejected.any(axis=1)
        wrong = (rejected & ~truth).sum(axis=1) / np.maximum(1, rejected.sum(axis=1))
        within.append(wrong.sum() / max(1, chosen.sum()))
        among.append((chosen & ~truth.any(axis=1)).sum() / max(1, chosen.sum()))
    for rates in (within, among):
        # three Monte Carlo standard errors
        assert np.mean(rates) <= 0.1 + 3 * stats.sem(rates)
    assert np.mean(within) > 0.01  # it does reject


def test_refuses():
    with pytest.raises(ValueError, match="there are no p-values to correct"):
        families.corrected(np.array([]), [])
    with pytest.raises(ValueError, match="needs a family: got 2 and 1"):
        families.corrected(np.array([0.1, 0.2]), ["A"])
    with pytest.raises(ValueError, match="needs a family: got 1 and 2"):
        families.hierarchical(np.array([0.1]), np.array([0, 1]))
    with pytest.raises(ValueError, match="must be between 0 and 1"):
        families.corrected(np.array([0.1, np.nan]), ["A", "A"])
    with pytest.raises(ValueError, match="there are no p-values"):
        families.simes(np.array([]))
