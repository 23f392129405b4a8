"""The engine against the decoder, which knows nothing of shared beginnings."""

import dataclasses
import functools as ft
import inspect
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.measure import cube
from jaxdisp.models import decoder, quantize
from jaxdisp.search import engine, passages, sweep
from jaxdisp.search import trie as tries
from tests.search import tiny_sweep as tiny

POWERS = st.integers(0, 6).map(lambda bit: 1 << bit)


@given(st.integers(1, 300), POWERS)
def test_pieces_add_up_in_few_sizes(number, most):
    found = engine.pieces(number, most)
    assert sum(found) == number
    assert found == sorted(found, reverse=True)
    assert all(size <= most and size & (size - 1) == 0 for size in found)
    assert len(set(found)) <= math.log2(most) + 1
    # no two smaller ones could be one
    assert all(found.count(size) == 1 for size in set(found) - {most})


@given(st.integers(1, 3000), st.integers(1, 600))
def test_nodes_per_call_are_the_largest_power_of_two(rows, tokens):
    found = engine.nodes_per_call(rows, tokens)
    powers = [1 << bit for bit in range(13)]
    fitting = [power for power in powers if power * tokens <= rows]
    assert found == max(fitting, default=1)


@ft.cache
def versions():
    rounded = [quantize(tiny.model(), each) for each in tiny.QUANTIZERS]
    return (tiny.model().params, *rounded)


@ft.cache
def made():
    return tiny.planned()


@ft.cache
def prepared(most=64):
    return dataclasses.replace(sweep.engine_of(made()), most=most)


def sites():
    """Of the subsets, as the decoder takes them."""
    return np.roll(made().trie.sites, -1, axis=1)


@ft.partial(jax.jit, static_argnums=(0, 1))
def hidden(*args):
    return decoder.hidden_states(*args)[0][-1]


@ft.cache
def shortest():
    return min((text.passage for text in made().texts), key=lambda p: p.tokens.size)


def everything():
    return np.ones(made().trie.n_subsets, bool)


@pytest.mark.parametrize("most", [1, 5, 64])
def test_final_states_are_those_of_the_decoder(most):
    text = shortest()
    args = (made().trie, text, everything())
    seen = 0
    for subsets, states in engine.finals(prepared(most), *args):
        for subset, state in zip(subsets.tolist(), states, strict=True):
            shape = (tiny.model().architecture, tiny.model().config)
            expected = hidden(*shape, versions(), sites()[subset], text.tokens)
            # float32 sums in another order; states are of the order of 10
            np.testing.assert_allclose(state, expected, atol=2e-5)
            seen += 1
    assert seen == made().trie.n_subsets


def losses_of(text, most=64, wanted=None):
    wanted = everything() if wanted is None else wanted
    found = np.full((len(wanted), len(text.tokens)), np.nan, np.float32)
    for subsets, values in engine.losses(prepared(most), made().trie, text, wanted):
        assert values.dtype == np.float32
        assert np.isnan(found[subsets]).all()
        found[subsets] = values
    return found


def oracle(tokens, mask):
    return np.asarray(
        cube.batch_losses(
            versions(),
            jnp.asarray(sites()),
            tokens[None],
            mask[None],
            architecture=tiny.model().architecture,
            config=tiny.model().config,
            configs_at_once=1,
        )
    )[:, 0]


SENTENCES = ([0, 17, 4, 250], [0, 5, 6, 7, 8, 9, 10, 11], [0, 99], [0], [0, 3, 3])


def ragged(filler=0):
    """Sentences of one to eight tokens, padded with any token."""
    tokens = np.full((len(SENTENCES), 8), filler, np.int32)
    for row, sentence in enumerate(SENTENCES):
        tokens[row, : len(sentence)] = sentence
    lengths = np.array([len(sentence) for sentence in SENTENCES])
    return tokens, np.arange(8) < lengths[:, None]


def ragged_losses(filler=0, spare=3):
    tokens, mask = ragged(filler)
    n_rows = passages.rows_needed(mask) + spare
    return losses_of(passages.passage(tokens, mask, n_rows=n_rows))


def test_losses_are_those_of_the_decoder():
    found = ragged_losses()
    # float32 sums of at most eight losses of about 6 nats
    np.testing.assert_allclose(found, oracle(*ragged()), atol=2e-5)
    assert not found[:, 3].any()  # nothing is predicted after the start alone
    for first, second in [(0, 1), (1, 2)]:  # assignments differ by far more
        assert np.abs(found[first] - found[second]).max() > 1e-2


def test_padding_never_counts():
    found = ragged_losses()
    np.testing.assert_array_equal(ragged_losses(filler=123), found)
    np.testing.assert_array_equal(ragged_losses(filler=289), found)


@pytest.mark.parametrize("most", [1, 3])
def test_fewer_nodes_together_change_the_order_of_sums_only(most):
    text = shortest()
    # calls of another size round sums otherwise, and 1e-5 of a loss is 1e-7 of it
    np.testing.assert_allclose(losses_of(text, most), losses_of(text), atol=2e-5)


def test_only_what_is_wanted_is_read():
    text = shortest()
    wanted = np.arange(made().trie.n_subsets) % 3 == 1
    found = losses_of(text, 3, wanted)
    assert np.isnan(found[~wanted]).all()
    np.testing.assert_allclose(found[wanted], losses_of(text)[wanted], atol=2e-5)


def test_readouts_in_pieces(monkeypatch):
    outside = versions()[2]["outside"]
    states = tuple(
        0.1 * jax.random.normal(jax.random.key(n), (2, 8, 12)) for n in range(3)
    )
    rows = np.array([[0, 5, 5, 15, 2, 9, 11]])
    aims = np.array([[7, 1, 2, 3, 289, 0, 4]])
    bare = inspect.unwrap(engine.readout)
    config, mesh = tiny.model().config, prepared().mesh
    found = []
    for most in (512, 4, 5, 21):
        monkeypatch.setattr(engine, "MOST_ROWS", most)
        call = jax.jit(bare, static_argnums=(4, 5, 6))  # with constants of its own
        args = (tiny.model().architecture, config, mesh)
        found.append(np.asarray(call(outside, states, rows, aims, *args)))
    assert found[0].shape == (3, 1, 7)
    logits = [engine_logits(outside, state) for state in states]
    expected = [
        [
            np.log(np.exp(each[row]).sum()) - each[row][aim]
            for row, aim in zip(rows[0], aims[0], strict=True)
        ]
        for each in logits
    ]
    for scored in found:
        # float32 with logits of about 1
        np.testing.assert_allclose(scored[:, 0], expected, rtol=1e-5)


def engine_logits(outside, state):
    """In float64, place by place."""
    arrays = jax.tree.map(lambda x: np.asarray(x, np.float64), outside)
    flat = np.asarray(state, np.float64).reshape(-1, state.shape[-1])
    centred = flat - flat.mean(axis=1, keepdims=True)
    epsilon = tiny.model().config.epsilon
    scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + epsilon)
    norm = arrays["final_norm"]
    normed = scaled * norm["weight"] + norm["bias"]
    return normed @ arrays["token_embedding"].T


@pytest.mark.parametrize("most", [1, 2, 64])
def test_no_more_states_are_held_than_were_planned(monkeypatch, most):
    text, shape = shortest(), (*shortest().tokens.shape, tiny.model().config.width)
    original, peaks = engine.apply, []
    before = alive(shape)

    def counting(layer, index, states, *args):
        after = original(layer, index, states, *args)
        peaks.append(alive(shape) - before)
        return after

    monkeypatch.setattr(engine, "apply", counting)
    losses_of(text, most)
    assert max(peaks) == tries.most_states(made().trie, most)


def alive(shape):
    return sum(array.shape == shape for array in jax.live_arrays())
