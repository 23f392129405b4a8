import math

import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.models.architectures import xglm
from jaxdisp.models.parts import fairseq_layer
from tests.models import small
from tests.models.architectures import drawn

ENTRIES = {
    "model_type": "xglm",
    "num_layers": 2,
    "attention_heads": 3,
    "d_model": 12,
    "ffn_dim": 20,
    "max_position_embeddings": 9,
    "vocab_size": small.TOKENS,
    "bos_token_id": 0,
}
OTHER_NAMES = {"num_hidden_layers": 2, "num_attention_heads": 3, "hidden_size": 12}

XGLM_564M = {
    "activation_dropout": 0,
    "activation_function": "gelu",
    "architectures": ["XGLMForCausalLM"],
    "attention_dropout": 0.1,
    "attention_heads": 16,
    "bos_token_id": 0,
    "d_model": 1024,
    "decoder_start_token_id": 2,
    "dropout": 0.1,
    "eos_token_id": 2,
    "ffn_dim": 4096,
    "init_std": 0.02,
    "layerdrop": 0.0,
    "max_position_embeddings": 2048,
    "model_type": "xglm",
    "num_layers": 24,
    "pad_token_id": 1,
    "scale_embedding": True,
    "transformers_version": "4.16.0.dev0",
    "use_cache": True,
    "vocab_size": 256008,
}


@pytest.mark.parametrize("width", [4, 5, 12, 33])
def test_sinusoids_equal_those_of_the_loops(width):
    half = width // 2
    expected = np.zeros((40, width))
    for token in range(40):
        for i in range(half):
            angle = (token + 2) / 10000 ** (i / (half - 1))
            expected[token, i] = math.sin(angle)
            expected[token, half + i] = math.cos(angle)
    found = xglm.sinusoids(40, width)
    # a float32 angle of up to 41 is off by 2e-6, and its rate by as much again
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    expected[3] = 0
    blank = xglm.sinusoids(40, width, blank=5)
    np.testing.assert_allclose(blank, expected, rtol=0, atol=1e-5)


def test_padding_before_the_first_position_changes_none():
    for blank in (0, 1, 42):
        found = xglm.sinusoids(40, 12, blank=blank)
        np.testing.assert_array_equal(found, xglm.sinusoids(40, 12))


def test_far_positions():
    found = np.asarray(xglm.sinusoids(2048, 64))
    rates = 10000.0 ** -(np.arange(32) / 31)
    angles = np.arange(2, 2050)[:, None] * rates
    expected = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    # 2^-24 of an angle of 2049, and as much for its rate
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-4)


def test_the_configuration_on_the_hub():
    assert xglm.read_config(XGLM_564M) == xglm.Config(
        n_layers=24,
        width=1024,
        vocabulary=256008,
        context=2048,
        layer=fairseq_layer.Layer(
            n_heads=16,
            width=1024,
            inner=4096,
            activation="gelu",
            norm_first=True,
            affine=True,
            biased=True,
        ),
        blank=1,
        scaled=True,
        tied=True,
    )


def test_defaults_and_other_names():
    found = xglm.read_config(ENTRIES)
    kept = ("model_type", "ffn_dim", "max_position_embeddings", "vocab_size")
    rest = {k: ENTRIES[k] for k in kept}
    assert xglm.read_config(rest | OTHER_NAMES) == found
    stated = {
        "activation_function": "gelu",
        "pad_token_id": 1,
        "scale_embedding": True,
        "tie_word_embeddings": True,
    }
    assert xglm.read_config(ENTRIES | stated) == found
    rest = {k: v for k, v in ENTRIES.items() if k != "max_position_embeddings"}
    assert xglm.read_config(rest).context == 2048


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 24}, "hidden_size 24 and d_model 12 are two names of one ent"),
        ({"d_model": 3}, "d_model 3 is not supported; allowed: 4 and more"),
        ({"attention_heads": 5}, "d_model 12 is not divisible by attention_heads 5"),
        ({"pad_token_id": -1}, "pad_token_id -1 is not supported; allowed: null, and "),
        ({"pad_token_id": True}, "pad_token_id True is not supported"),
        ({"activation_function": "a"}, "'a' is not supported; allowed: gelu, "),
        ({"add_cross_attention": True}, "only decoders alone are read"),
        ({"scale_embedding": 4}, "scale_embedding must be true or false, got 4"),
        ({"ffn_dim": 0}, "ffn_dim must be a whole number of at least 1, got 0"),
        ({"num_layers": 2.0}, "num_layers must be a whole number of at least 1"),
        ({"rotary": 4}, "the entries rotary mean nothing to a model of type xglm"),
    ],
)
def test_configurations_that_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        xglm.read_config(ENTRIES | changes)


def test_missing_entries_are_all_named():
    with pytest.raises(
        ValueError, match=r"lacks num_layers, ffn_dim; a model of type xglm"
    ):
        xglm.read_config({"d_model": 8, "attention_heads": 2, "vocab_size": 290})


def test_names_with_and_without_prefix_and_buffers(tmp_path):
    buffers = {
        "embed_positions.weights": np.zeros((11, 12), np.float32),
        "lm_head.weight": np.zeros((small.TOKENS, 12), np.float32),
    }
    drawn.check_names(tmp_path, ENTRIES, buffers)


def test_inputs_and_types(tmp_path):
    model = drawn.load(tmp_path, ENTRIES)
    drawn.check_inputs(model)
    drawn.check_types(model)


def test_more_tokens_than_positions(tmp_path):
    model = drawn.load(tmp_path, ENTRIES)
    with pytest.raises(ValueError, match="10 tokens exceed the context of 9"):
        models.logits(model, small.tokens(n_tokens=10))
    assert models.logits(model, small.tokens(n_tokens=9)).shape == (2, 9, 290)


def test_numbers_held_at_once():
    states, heads, scores, inner = 2 * 12, 3 * 12, 2 * 3 * 7, 2 * 20
    found = xglm.ARCHITECTURE.held(xglm.read_config(ENTRIES), 7)
    assert found == states + heads + scores + inner
