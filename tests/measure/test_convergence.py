"""Languages with all others, pair by pair in float64, and a language moved away."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.spatial
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.measure import convergence, similarity, transport
from tests.models import small

LANGUAGES, SENTENCES, CHANNELS = 4, 10, 6
KEY = jax.random.key(0)
OTHERS = [
    [other for other in range(LANGUAGES) if other != own] for own in range(LANGUAGES)
]


def aligned(noise=1.0, seed=0):
    """Languages that say the same in noise, each about a mean of its own."""
    shared = small.normal("meaning", (1, SENTENCES, CHANNELS), seed)
    own = small.normal("noise", (LANGUAGES, SENTENCES, CHANNELS), seed + 1)
    place = small.normal("place", (LANGUAGES, 1, CHANNELS), seed + 2)
    return jnp.asarray(shared + noise * own + 3 * place, jnp.float32)


def pair_cosines(x, y):
    a, b = (np.asarray(z, float) for z in (x, y))
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    return 1 - scipy.spatial.distance.cdist(a, b, "cosine")


def test_margins_and_retrieval_equal_those_of_every_pair():
    states = aligned()
    margins, found = np.zeros((2, LANGUAGES, SENTENCES))
    for own in range(LANGUAGES):
        for other in OTHERS[own]:
            table = pair_cosines(states[own], states[other])
            for s in range(SENTENCES):
                rest = [t for t in range(SENTENCES) if t != s]
                others = (table[s, rest].mean() + table[rest, s].mean()) / 2
                margins[own, s] += (table[s, s] - others) / 3
                right = table[s].argmax() == s, table[:, s].argmax() == s
                found[own, s] += np.mean(right) / 3
    # float32 products of unit vectors
    np.testing.assert_allclose(convergence.margins(states), margins, atol=2e-6)
    np.testing.assert_allclose(convergence.retrieval(states), found, atol=1e-6)


def test_kernel_alignment_and_distances_equal_those_of_every_pair():
    states = aligned()
    grams = jax.vmap(similarity.gram)(states)
    centre = states.mean(axis=(0, 1), keepdims=True)
    unit = float(np.sqrt(np.mean(np.asarray(states - centre, float) ** 2)))
    cka, far = np.zeros((2, LANGUAGES))
    for own, other in itertools.permutations(range(LANGUAGES), 2):
        pair = states[own], states[other]
        cka[own] += similarity.linear_cka(*pair) / 3
        distance = transport.sliced_wasserstein(*pair, KEY, projections=8)
        far[own] += float(distance) / unit / 3
    np.testing.assert_allclose(convergence.kernel_alignment(grams), cka, atol=1e-5)
    found = convergence.distances(states, KEY, projections=8)
    np.testing.assert_allclose(found, far, rtol=1e-5)


def test_a_language_that_is_moved_away_is_seen():
    states = np.array(aligned(noise=0.3))
    lost = states.copy()
    lost[2] = small.normal("elsewhere", states.shape[1:], 9)
    before, after = (
        np.asarray(convergence.margins(jnp.asarray(each))).mean(axis=1)
        for each in (states, lost)
    )
    assert before.min() > 0.6
    assert after[2] < 0.25
    assert np.argmin(after) == 2
    far = np.array(aligned(noise=0.3))
    far[2] += 30.0
    distances = convergence.distances(jnp.asarray(far), KEY, projections=16)
    assert np.argmax(distances) == 2
    # a shift is no matter of meaning
    np.testing.assert_allclose(
        convergence.margins(jnp.asarray(far)),
        convergence.margins(jnp.asarray(states)),
        atol=1e-4,  # float32 loses digits of states around 30
    )


def test_unrelated_languages_have_no_margin():
    states = jax.random.normal(KEY, (40, 3, SENTENCES, CHANNELS))
    found = np.asarray(jax.vmap(convergence.margins)(states), float).mean(axis=(1, 2))
    assert abs(found.mean()) < 3 * found.std() / np.sqrt(40)


@settings(max_examples=20)
@given(st.integers(0, 50), st.permutations(range(LANGUAGES)))
def test_the_order_of_languages_does_not_matter(seed, order):
    states, order = aligned(seed=seed), np.array(order)
    for measure in (convergence.margins, convergence.retrieval):
        once, moved = measure(states), measure(states[order])
        # sums over languages in another order; retrieval counts
        np.testing.assert_allclose(moved, once[order], atol=1e-5)
    once = convergence.distances(states, KEY, projections=4)
    moved = convergence.distances(7 * states[order] + 2, KEY, projections=4)
    np.testing.assert_allclose(moved, once[order], rtol=1e-4)


def test_one_language_is_too_few():
    one = aligned()[:1]
    for measure in (convergence.margins, convergence.retrieval):
        with pytest.raises(ValueError, match="at least 2 languages to compare, got 1"):
            measure(one)
    with pytest.raises(ValueError, match="got 1"):
        convergence.distances(one, KEY, projections=2)
    with pytest.raises(ValueError, match="got 1"):
        convergence.kernel_alignment(jnp.ones((1, 5, 5)))
