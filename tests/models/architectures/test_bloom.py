import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.models.architectures import bloom
from tests.models import small
from tests.models.architectures import drawn

ENTRIES = {
    "model_type": "bloom",
    "n_layer": 2,
    "n_head": 3,
    "hidden_size": 12,
    "vocab_size": small.TOKENS,
    "bos_token_id": 0,
}
OLD_NAMES = {"num_hidden_layers": 2, "num_attention_heads": 3, "n_embed": 12}

BLOOM_560M = {
    "apply_residual_connection_post_layernorm": False,
    "attention_dropout": 0.0,
    "attention_softmax_in_fp32": True,
    "bias_dropout_fusion": True,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 3,
    "unk_token_id": 0,
    "hidden_dropout": 0.0,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05,
    "masked_softmax_fusion": True,
    "model_type": "bloom",
    "n_embed": 1024,
    "n_inner": None,
    "n_layer": 24,
    "num_attention_heads": 16,
    "offset_alibi": 100,
    "pretraining_tp": 1,
    "seq_length": 4096,
    "skip_bias_add": True,
    "skip_bias_add_qkv": False,
    "transformers_version": "4.20.0",
    "use_cache": True,
    "vocab_size": 250880,
}


def press_slopes(n_heads):
    """As Press et al. put it: a geometric series, else that of other powers of two."""
    power = 1
    while 2 * power <= n_heads:
        power *= 2
    first = [np.exp2(-8.0 / power) ** (i + 1) for i in range(power)]
    if power == n_heads:
        return np.array(first)
    # every other slope of twice as many heads
    return np.array(first + press_slopes(2 * power)[::2].tolist()[: n_heads - power])


@pytest.mark.parametrize("n_heads", [1, 2, 3, 5, 7, 8, 12, 16, 25, 112])
def test_slopes_are_those_of_the_paper(n_heads):
    found = bloom.slopes(n_heads)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, press_slopes(n_heads), rtol=1e-6)


def test_slopes_written_out():
    np.testing.assert_array_equal(bloom.slopes(8), 0.5 ** np.arange(1, 9))
    expected = [1 / 16, 1 / 256, 1 / 4]
    np.testing.assert_array_equal(bloom.slopes(3), expected)


def test_the_configuration_on_the_hub():
    assert bloom.read_config(BLOOM_560M) == bloom.Config(
        n_layers=24,
        n_heads=16,
        width=1024,
        vocabulary=250880,
        context=4096,
        epsilon=1e-5,
        tied=True,
        adds_to_norm=False,
    )


def test_defaults_are_those_of_bloom():
    found = bloom.read_config(ENTRIES)
    assert found == bloom.Config(
        n_layers=2,
        n_heads=3,
        width=12,
        vocabulary=290,
        context=2048,
        epsilon=1e-5,
        tied=True,
        adds_to_norm=False,
    )
    rest = {k: ENTRIES[k] for k in ("model_type", "vocab_size")}
    assert bloom.read_config(rest | OLD_NAMES) == found
    assert bloom.read_config(ENTRIES | OLD_NAMES) == found
    assert bloom.read_config(ENTRIES | {"n_embed": None, "n_inner": 48}) == found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_embed": 24}, "n_embed 24 and hidden_size 12 are two names of one entry"),
        ({"num_hidden_layers": 3}, "num_hidden_layers 3 and n_layer 2 are two names"),
        ({"n_inner": 24}, "n_inner 24 is not supported; allowed: 48, as hidden_size"),
        (
            {"slow_but_exact": True, "pretraining_tp": 4},
            "slow_but_exact true is not supported with pretraining_tp 4; allowed: fals",
        ),
        ({"slow_but_exact": 1}, "slow_but_exact must be true or false, got 1"),
        ({"n_head": 5}, "hidden_size 12 is not divisible by n_head 5"),
        ({"n_layer": 0}, "n_layer must be a whole number of at least 1, got 0"),
        ({"seq_length": "2k"}, "seq_length must be a whole number of at least 1"),
        ({"layer_norm_epsilon": 0}, "layer_norm_epsilon must be a positive number"),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings must be true or false"),
        (
            {"apply_residual_connection_post_layernorm": 1},
            "apply_residual_connection_post_layernorm must be true or false, got 1",
        ),
        ({"alibi": True}, "the entries alibi mean nothing to a BLOOM here"),
    ],
)
def test_configurations_that_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        bloom.read_config(ENTRIES | changes)


def test_missing_entries_are_all_named():
    with pytest.raises(ValueError, match=r"lacks n_head, vocab_size; a BLOOM needs"):
        bloom.read_config({"n_layer": 2, "n_embed": 12})


def test_names_with_and_without_prefix_and_buffers(tmp_path):
    mask = np.ones((1, 1, 16, 16), np.float32)
    buffers = {
        f"h.{layer}.self_attention.scale_mask_softmax.causal_mask": mask
        for layer in range(2)
    }
    head = {"lm_head.weight": np.zeros((small.TOKENS, 12), np.float32)}
    drawn.check_names(tmp_path, ENTRIES, buffers | head)


def test_a_head_of_its_own_is_read(tmp_path):
    model = drawn.load(tmp_path, ENTRIES | {"tie_word_embeddings": False})
    expected = drawn.arrays(ENTRIES | {"tie_word_embeddings": False})["lm_head.weight"]
    np.testing.assert_array_equal(model.params["outside"]["head"], expected)


@pytest.mark.parametrize("adds_to_norm", [False, True])
def test_inputs_and_types(adds_to_norm, tmp_path):
    changes = {"apply_residual_connection_post_layernorm": adds_to_norm}
    model = drawn.load(tmp_path, ENTRIES | changes)
    drawn.check_inputs(model)
    drawn.check_types(model)


def test_more_tokens_than_it_was_trained_on(tmp_path):
    model = drawn.load(tmp_path, ENTRIES | {"seq_length": 4})
    assert model.config.context == 4
    assert models.logits(model, small.tokens(n_tokens=5)).shape == (2, 5, 290)


def test_numbers_held_at_once():
    states, heads, scores, inner = 2 * 12, 3 * 12, 2 * 3 * 7, 2 * 48
    found = bloom.held(bloom.read_config(ENTRIES), 7)
    assert found == states + heads + scores + inner
