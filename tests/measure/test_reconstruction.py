"""Token decoders: against a channel of known information, and changes of basis."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.measure import reconstruction as recon
from tests.models import small

KEY = jax.random.key(3)
N, CLASSES, WIDTH = 4000, 4, 8
ERASED = 0.3


def uniform(number, n=N):
    key = jax.random.fold_in(KEY, number)
    return np.asarray(jax.random.uniform(key, (n,)), float)


def channel():
    """Tokens seen in full, erased three times in ten, and not at all."""
    token = (uniform(0) * CLASSES).astype(int)
    seen = np.eye(WIDTH, dtype=np.float32)[token]
    noise = 0.05 * small.normal("states", (3, N, WIDTH))
    erased = uniform(1) < ERASED
    states = np.stack([seen, np.where(erased[:, None], 0, seen), 0 * seen]) + noise
    return states.astype(np.float32), token, erased


def bits(found):
    return (found.baseline - found.losses).mean(axis=1) / np.log(2)


@pytest.fixture(scope="module")
def part():
    return recon.split_texts(np.arange(N) // 50)


@pytest.fixture(scope="module")
def found(part):
    states, token, _ = channel()
    with jax.numpy_dtype_promotion("strict"):
        return recon.reconstruct(states, token, part, n_classes=CLASSES, key=KEY)


def test_bits_are_those_of_an_erasure_channel(found, part):
    _, token, erased = channel()
    held = part == recon.HELD_OUT
    # of the held-out tokens that were drawn, not of the law
    kept = 1 - erased[held].mean()
    shares = np.bincount(token[part == recon.TRAINING]) + 1
    baseline = -np.log2(shares / shares.sum())[token[held]]
    np.testing.assert_allclose(found.baseline / np.log(2), baseline, rtol=1e-5)
    truth = baseline.mean() * np.array([1.0, kept, 0.0])
    # decoders learn from 2500 tokens and never reach all there is
    assert np.all(bits(found) < truth + 0.02)
    np.testing.assert_allclose(bits(found), truth, rtol=0, atol=0.05)


def test_bits_do_not_depend_on_scale_or_basis(found, part):
    states, token, _ = channel()
    turned = np.linalg.qr(small.normal("turn", (WIDTH, WIDTH)))[0] @ np.diag(
        2.0 ** np.arange(WIDTH)
    )
    moved = (100 * states @ turned + 7).astype(np.float32)
    again = recon.reconstruct(moved, token, part, n_classes=CLASSES, key=KEY)
    # Adam takes other steps in other axes, and ends a little elsewhere
    np.testing.assert_allclose(bits(again), bits(found), rtol=0, atol=0.01)
    larger = recon.reconstruct(64 * states, token, part, n_classes=CLASSES, key=KEY)
    # a power of 2 is exact but for the eigenvectors' last digits
    np.testing.assert_allclose(bits(larger), bits(found), rtol=0, atol=1e-4)


def test_held_out_tokens_teach_nothing(found, part):
    states, token, _ = channel()
    held = part == recon.HELD_OUT
    other = np.where(held, (token + 1) % CLASSES, token)
    again = recon.reconstruct(states, other, part, n_classes=CLASSES, key=KEY)
    assert bits(again)[0] < -2  # sure, and wrong


@given(
    st.lists(st.integers(0, 30), min_size=4, max_size=40).filter(
        lambda texts: len(set(texts)) >= 4
    )
)
def test_parts_are_whole_texts_and_none_is_empty(texts):
    groups = np.array(texts)
    part = recon.split_texts(groups)
    for text in set(texts):
        assert len(set(part[groups == text])) == 1
    assert set(part) == {recon.TRAINING, recon.VALIDATION, recon.HELD_OUT}


def test_sixteen_texts_are_divided_ten_two_four():
    part = recon.split_texts(np.arange(16))
    assert np.bincount(part).tolist() == [10, 2, 4]


def test_what_can_not_be_divided_is_said():
    with pytest.raises(ValueError, match=r"held-out part need 4 texts, got 3"):
        recon.split_texts(np.array([1, 2, 5]))
    with pytest.raises(ValueError, match=r"must have a token each, got 2, 0, 1"):
        recon.reconstruct(
            np.zeros((1, 3, 2), np.float32),
            np.zeros(3, int),
            np.array([0, 0, 2]),
            n_classes=2,
            key=KEY,
        )
