import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.models import decoder
from jaxdisp.models.architectures import gpt2
from tests.models import numpy_gpt2, small

# float32 has 24 bits: a rounding error of 6e-8 times values of about 10, through three
# layers of sums over 12 to 48 terms, stays below 2e-5; planted bugs move them by 1e-2.
CLOSE = {"rtol": 0, "atol": 2e-5}

VARIANTS = {
    "defaults": {},
    "untied": {"tie_word_embeddings": False, "activation_function": "tanh"},
    "one head": {"n_head": 1, "activation_function": "relu"},
    "five heads": {"n_head": 5, "n_embd": 15, "layer_norm_epsilon": 1e-2},
    "by layer": {
        "scale_attn_by_inverse_layer_idx": True,
        "activation_function": "silu",
    },
    "not by width": {"scale_attn_weights": False, "activation_function": "gelu"},
    "narrow": {"n_inner": 7, "n_layer": 1},
}

hidden_states = jax.jit(decoder.hidden_states, static_argnums=(0, 1))


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_logits_equal_those_of_the_loops(changes, tmp_path):
    entries = small.entries(**changes)
    arrays = small.tensors(entries)
    model = models.load(small.write(tmp_path, entries, small.prefixed(arrays)))
    tokens = small.tokens(entries)
    expected = numpy_gpt2.logits(entries, arrays, tokens)
    np.testing.assert_allclose(models.logits(model, tokens), expected, **CLOSE)


def test_token_losses_equal_those_of_the_loops(tmp_path):
    arrays = small.tensors(small.ENTRIES)
    model = models.load(small.write(tmp_path))
    tokens = small.tokens()
    mask = jnp.arange(7)[None] < jnp.array([7, 4])[:, None]
    found = decoder.token_losses(models.logits(model, tokens), tokens, mask)
    reference = numpy_gpt2.logits(small.ENTRIES, arrays, tokens)
    expected = numpy_gpt2.token_losses(reference, tokens, mask)
    np.testing.assert_allclose(found, expected, **CLOSE)
    assert np.all(np.asarray(found)[1, 3:] == 0)


def test_hidden_states_equal_those_of_the_loops(tmp_path):
    arrays = small.tensors(small.ENTRIES)
    model = models.load(small.write(tmp_path))
    tokens = small.tokens()
    assignment = jnp.zeros(4, jnp.int32)
    versions = (model.params,)
    taps, logits = hidden_states(
        gpt2.ARCHITECTURE, model.config, versions, assignment, tokens
    )
    for number, sentence in enumerate(np.asarray(tokens)):
        expected = numpy_gpt2.hidden_states(small.ENTRIES, arrays, sentence)
        np.testing.assert_allclose(taps[:, number], expected, **CLOSE)
    np.testing.assert_allclose(logits, models.logits(model, tokens), **CLOSE)


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_writing_a_configuration_inverts_reading_it(changes):
    config = gpt2.read_config(small.entries(**changes))
    assert gpt2.read_config(gpt2.write_config(config)) == config


def test_a_configuration_can_be_static():
    config = gpt2.read_config(small.ENTRIES)
    assert hash(config) == hash(dataclasses.replace(config))


def test_defaults_are_those_of_gpt2():
    config = gpt2.read_config(
        {"n_layer": 12, "n_head": 12, "n_embd": 768, "vocab_size": 50257}
    )
    assert config == gpt2.Config(
        n_layers=12,
        n_heads=12,
        width=768,
        inner=3072,
        vocabulary=50257,
        context=1024,
        activation="gelu_new",
        epsilon=1e-5,
        tied=True,
        scaled_by_width=True,
        scaled_by_layer=False,
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation_function": "quick"}, "'quick' is not supported; allowed: gelu, "),
        ({"activation_function": None}, "None is not supported; allowed: gelu, "),
        ({"add_cross_attention": True}, "only decoders alone are read"),
        ({"n_head": 5}, "n_embd 12 is not divisible by n_head 5"),
        ({"n_head": 0}, "n_head must be a whole number of at least 1, got 0"),
        ({"n_layer": 0}, "n_layer must be a whole number of at least 1, got 0"),
        ({"n_embd": "12"}, "n_embd must be a whole number of at least 1, got '12'"),
        ({"vocab_size": True}, "vocab_size must be a whole number of at least 1"),
        ({"n_positions": 0}, "n_positions must be a whole number of at least 1"),
        ({"rotary": 4}, "the entries rotary mean nothing to a GPT-2 here"),
        ({"quantization_config": {"bits": 4}}, "the weights are quantized already"),
        ({"n_inner": -4}, "n_inner must be a whole number of at least 1, got -4"),
        ({"layer_norm_epsilon": "a"}, "layer_norm_epsilon must be a positive number"),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings must be true or false"),
        ({"layer_norm_epsilon": 0}, "layer_norm_epsilon must be a positive number"),
    ],
)
def test_configurations_that_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        gpt2.read_config(small.entries(**changes))


def test_missing_entries_are_all_named():
    with pytest.raises(ValueError, match=r"lacks n_head, vocab_size; a GPT-2 needs"):
        gpt2.read_config({"n_layer": 2, "n_embd": 12})


def test_more_tokens_than_positions(tmp_path):
    model = models.load(small.write(tmp_path))
    with pytest.raises(ValueError, match="17 tokens exceed the context of 16"):
        models.logits(model, small.tokens(n_tokens=17))
    assert models.logits(model, small.tokens(n_tokens=16)).shape == (2, 16, 290)


def test_every_parameter_is_listed_once():
    config = gpt2.read_config(small.entries(tie_word_embeddings=False, n_inner=7))
    listed = {}
    for tensor in gpt2.tensors(config):
        for layer in range(config.n_layers) if tensor.stacked else [0]:
            name = tensor.source.format(layer=layer)
            assert name not in listed
            listed[name] = tensor.shape
    arrays = small.tensors(small.entries(tie_word_embeddings=False, n_inner=7))
    assert listed == {name: array.shape for name, array in arrays.items()}
