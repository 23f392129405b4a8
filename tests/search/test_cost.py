"""Counts of operations against matrix products counted by hand, and a made-up clock."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import pytest

from jaxdisp.models import decoder
from jaxdisp.models.architectures import gpt2
from jaxdisp.search import cost, engine, sweep
from tests.models import small
from tests.search import tiny_sweep as tiny


def shapes(config):
    """Parameters without numbers."""
    leaves = {}
    for tensor in gpt2.tensors(config):
        shape = (config.n_layers, *tensor.shape) if tensor.stacked else tensor.shape
        leaves[tensor.path] = jax.ShapeDtypeStruct(shape, jnp.float32)
    return decoder.assemble(leaves)


@pytest.mark.parametrize(
    ("width", "inner", "shape", "n_rows"),
    [(768, 3072, (4, 64), 100), (384, 512, (2, 256), 333)],
)
def test_operations_are_those_of_matrix_products(width, inner, shape, n_rows):
    changes = {"n_embd": width, "n_inner": inner, "n_head": 6, "n_positions": 256}
    config = gpt2.read_config(small.entries(**changes, vocab_size=5000))
    params = shapes(config)
    layer, readout = cost.flops(gpt2.ARCHITECTURE, config, params, shape, n_rows)
    n_sentences, n_tokens = shape
    # queries, keys, values; output; up and down
    per_token = width * 3 * width + width * width + 2 * width * inner
    # every token with every token of its sentence, as keys and as values
    attention = 2 * n_sentences * n_tokens * n_tokens * width
    by_hand = 2 * (n_sentences * n_tokens * per_token + attention)
    # norms, softmax and activation come on top
    assert by_hand < layer < 1.2 * by_hand
    by_hand = 2 * n_rows * width * 5000
    assert by_hand < readout < 1.05 * by_hand


def test_times_are_those_of_one_node(monkeypatch):
    made = tiny.planned()
    text = min((text.passage for text in made.texts), key=lambda p: p.tokens.size)
    rows = 2 * text.tokens.size
    prepared = dataclasses.replace(sweep.engine_of(made), rows=rows)
    assert engine.nodes_per_call(prepared.rows, text.tokens.size) == 2
    # began and ended, six times: the first calls take 100 s, then 8, 6 and 5, 7
    spent = [100.0, 8.0, 6.0, 100.0, 5.0, 7.0]
    ticks = itertools.chain.from_iterable((0.0, seconds) for seconds in spent)
    layer, readout = cost.timed(prepared, text, lambda: next(ticks))
    assert (layer, readout) == (3.0, 2.5)
    assert next(ticks, None) is None
