"""Shifts towards a reference: what they move, what they leave, and their placebos."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.causal.interventions import steering
from jaxdisp.measure import convergence
from tests.models import small

KEY = jax.random.key(4)
GROUPS = (0, 0, 1, 1, 1, 2, 3, 3)
SEEDS = st.integers(0, 20)


def states(seed=0, shape=(4, 8, 12)):
    """Sentences that mean something, in languages with places of their own."""
    meaning = small.normal("meaning", (1, *shape[1:]), seed)
    place = 3 * small.normal("place", (shape[0], 1, shape[2]), seed)
    return (meaning + place + small.normal("own", shape, seed)).astype(np.float32)


def alignment(moved, before):
    return np.asarray(convergence.margins(jnp.asarray(moved), jnp.asarray(before)))


def cosine(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@given(seed=SEEDS, strength=st.floats(-1.0, 1.0))
def test_a_shift_of_the_mean_is_not_seen_by_alignment(seed, strength):
    before = states(seed)
    moved = before + steering.towards_mean(before, 1, strength)
    centres = before.mean(axis=1)
    # float32 states of size 10
    assert np.allclose(
        moved.mean(axis=1), centres + strength * (centres[1] - centres), atol=1e-5
    )
    assert np.allclose(alignment(moved, before), alignment(before, before), atol=1e-5)


def test_uncentred_cosines_see_it():
    before = states()
    moved = before + steering.towards_mean(before, 1, 1.0)
    found = steering.uncentred_cosines(moved, before, 1)
    for language in range(4):
        for sentence in range(8):
            wanted = cosine(moved[language, sentence], before[1, sentence])
            # directions are rounded to float32
            assert found[language, sentence] == pytest.approx(wanted, abs=1e-6)
    assert np.all(found[[0, 2, 3]].mean(axis=1) > 0.5)
    assert np.allclose(found[1], 1, atol=1e-6)


@given(seed=SEEDS)
def test_a_sentence_becomes_the_references_at_strength_1(seed):
    before = states(seed)
    shift = steering.towards_sentence(before, 2, 1.0)
    moved = before + shift
    centred = moved - moved.mean(axis=1, keepdims=True)
    assert np.allclose(centred, centred[2], atol=2e-5)
    assert np.allclose(moved.mean(axis=1), before.mean(axis=1), atol=1e-5)
    assert not shift[2].any()
    half = steering.towards_sentence(before, 2, 0.5)
    away = steering.towards_sentence(before, 2, -0.5)
    assert np.allclose(half, shift / 2, atol=1e-6)
    assert np.array_equal(away, -half)
    up, down = (alignment(before + x, before).mean(axis=1) for x in (half, away))
    middle = alignment(before, before).mean(axis=1)
    others = [0, 1, 3]
    assert np.mean(up[others] - middle[others]) > 0 > np.mean((down - middle)[others])


@given(seed=SEEDS, shape=st.sampled_from([(4, 8, 12), (3, 8, 2)]))
def test_the_placebo_is_as_long_and_leaves_alignment_alone(seed, shape):
    before = states(seed, shape)
    shift = steering.towards_sentence(before, 1, 0.5)
    found = steering.random_shift(before, shift, key=jax.random.fold_in(KEY, seed))
    assert np.array_equal(found, np.broadcast_to(found[:, :1], found.shape))
    sizes = np.sqrt(np.mean(np.sum(shift.astype(np.float64) ** 2, axis=2), axis=1))
    assert np.allclose(np.linalg.norm(found[:, 0], axis=1), sizes, rtol=1e-5)
    assert np.allclose(
        alignment(before + found, before), alignment(before, before), atol=1e-5
    )
    if shape[2] > shape[0]:
        centres = before.mean(axis=1)
        for language in range(shape[0]):
            for other in range(shape[0]):
                along = np.vdot(found[language, 0], centres[other] - centres[0])
                assert abs(along) < 1e-4 * max(sizes.max(), 1) * 20


def test_the_placebo_of_a_shift_of_the_mean_is_orthogonal_to_it():
    before = states(shape=(3, 8, 2))  # means span everything there is
    shift = steering.towards_mean(before, 1, 1.0)
    found = steering.random_shift(before, shift, key=KEY)
    dots = np.einsum("lw,lw->l", found[:, 0], shift[:, 0])
    assert np.allclose(dots, 0, atol=1e-4)
    assert not found[1].any()


def test_another_sentence_is_of_another_text_and_as_far():
    before = states()
    own = steering.towards_sentence(before, 1, 0.5)
    found = steering.towards_another_sentence(before, 1, 0.5, GROUPS)
    assert np.allclose(
        steering.lengths(found)[[0, 2, 3]], steering.lengths(own)[[0, 2, 3]], rtol=1e-5
    )
    others = steering.another(GROUPS)
    centred = before - before.mean(axis=1, keepdims=True)
    for sentence, other in enumerate(others.tolist()):
        assert GROUPS[sentence] != GROUPS[other]
        assert cosine(
            found[0, sentence], centred[1, other] - centred[0, sentence]
        ) == pytest.approx(1, abs=1e-5)


@given(groups=st.lists(st.integers(0, 3), min_size=2, max_size=9))
def test_another_text_is_found_if_there_is_one(groups):
    if len(set(groups)) < 2:
        with pytest.raises(ValueError, match="at least 2 texts, got 1"):
            steering.another(tuple(groups))
        return
    found = steering.another(tuple(groups)).tolist()
    assert all(groups[a] != groups[b] for a, b in enumerate(found))


def test_nothing_is_stretched_to_nothing():
    directions = np.zeros((1, 2, 3), np.float32)
    directions[0, 0] = (3.0, 0.0, 4.0)
    found = steering.with_length(directions, np.array([[10.0, 2.0]]))
    assert found[0].tolist() == [[6.0, 0.0, 8.0], [0.0, 0.0, 0.0]]
