import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.models import Quantizer, decoder, storage
from jaxdisp.models.architectures import mamba2
from jaxdisp.models.quantized import quantize
from tests.models import small
from tests.models.architectures import drawn

ENTRIES = {
    "model_type": "mamba2",
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "vocab_size": small.TOKENS,
    "state_size": 5,
    "num_heads": 6,
    "head_dim": 4,
    "n_groups": 3,
    "bos_token_id": 0,
}
BIASED = {"use_bias": True, "use_conv_bias": False, "tie_word_embeddings": True}

CODESTRAL = json.loads(
    """{
    "architectures": ["Mamba2ForCausalLM"],
    "bos_token_id": 0,
    "chunk_size": 256,
    "conv_kernel": 4,
    "eos_token_id": 0,
    "expand": 2,
    "head_dim": 64,
    "hidden_act": "silu",
    "hidden_size": 4096,
    "initializer_range": 0.1,
    "intermediate_size": 8192,
    "layer_norm_epsilon": 1e-05,
    "model_type": "mamba2",
    "n_groups": 8,
    "norm_before_gate": true,
    "num_heads": 128,
    "num_hidden_layers": 64,
    "pad_token_id": 0,
    "rescale_prenorm_residual": false,
    "residual_in_fp32": true,
    "rms_norm": true,
    "state_size": 128,
    "tie_word_embeddings": false,
    "time_step_floor": 0.0001,
    "time_step_init_scheme": "random",
    "time_step_limit": [0.0, Infinity],
    "time_step_max": 0.1,
    "time_step_min": 0.001,
    "time_step_rank": 256,
    "time_step_scale": 1.0,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.44.0.dev0",
    "use_bias": false,
    "use_cache": true,
    "use_conv_bias": true,
    "vocab_size": 32768
}"""
)


def config_codestral():
    return mamba2.Config(
        n_layers=64,
        width=4096,
        n_heads=128,
        channels=64,
        n_groups=8,
        state_size=128,
        kernel=4,
        limits=(0.0, float("inf")),
        vocabulary=32768,
        context=decoder.UNLIMITED,
        activation="silu",
        epsilon=1e-5,
        tied=False,
        biased=False,
        kernel_biased=True,
    )


def test_the_configuration_on_the_hub():
    found = mamba2.read_config(CODESTRAL)
    assert found == config_codestral()
    assert (found.inner, found.mixed) == (8192, 8192 + 2 * 8 * 128)
    assert hash(found) == hash(config_codestral())


def test_defaults_are_those_of_codestral():
    least = {
        "hidden_size": 4096,
        "num_hidden_layers": 64,
        "num_heads": 128,
        "vocab_size": 32768,
    }
    assert mamba2.read_config(least) == config_codestral()


@pytest.mark.parametrize(
    "changes",
    [
        {"chunk_size": 1},
        {"norm_before_gate": False},
        {"time_step_rank": "auto"},
        {"time_step_limit": None},
        # as transformers writes it since version 5
        {"time_step_limit": [0.0, {"__float__": "Infinity"}]},
    ],
)
def test_entries_that_change_nothing(changes):
    assert mamba2.read_config(CODESTRAL | changes) == config_codestral()


def test_entries_that_change_something():
    changes = {"expand": 1.5, "num_heads": 9, "head_dim": 2, "n_groups": 9}
    found = mamba2.read_config(ENTRIES | changes | {"time_step_limit": [0, 3]})
    assert (found.inner, found.limits) == (18, (0.0, 3.0))


PAIR = "time_step_limit must be two numbers, the first at least 0 and the second no sm"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rms_norm": False}, "rms_norm false is not supported; allowed: true"),
        ({"hidden_act": "quick"}, "'quick' is not supported; allowed: gelu, "),
        ({"num_heads": 5}, "num_heads 5 is not divisible by n_groups 3"),
        ({"head_dim": 5}, "num_heads 6 times head_dim 5 must be the 24 channels that"),
        ({"expand": 3}, "num_heads 6 times head_dim 4 must be the 36 channels that"),
        ({"expand": 0.01}, "expand 0.01 of hidden_size 12 leaves no channels"),
        ({"time_step_limit": 0.5}, f"{PAIR}aller, got 0.5"),
        ({"time_step_limit": [0.5]}, f"{PAIR}aller, got .0.5."),
        ({"time_step_limit": [0.5, 0.1]}, PAIR),
        ({"time_step_limit": [-0.5, 0.1]}, PAIR),
        ({"time_step_limit": [0, "inf"]}, PAIR),
        ({"time_step_limit": [0, {"__float__": "NaN"}]}, PAIR),
        ({"time_step_limit": [False, True]}, PAIR),
        ({"A_initializer_range": [1, 16]}, "entries A_initializer_range mean nothing"),
        ({"use_triton_kernels": True}, "entries use_triton_kernels mean nothing to a "),
        ({"n_groups": 0}, "n_groups must be a whole number of at least 1, got 0"),
        ({"state_size": None}, None),
    ],
)
def test_configurations_that_are_refused(changes, message):
    if message is None:
        assert mamba2.read_config(ENTRIES | changes).state_size == 128
        return
    with pytest.raises(ValueError, match=message):
        mamba2.read_config(ENTRIES | changes)


def test_missing_entries_are_all_named():
    with pytest.raises(ValueError, match="lacks vocab_size, num_heads; a Mamba-2 need"):
        mamba2.read_config({"hidden_size": 768, "num_hidden_layers": 24})


def test_names_in_a_checkpoint(tmp_path):
    drawn.check_names(tmp_path, ENTRIES, {})


def test_shapes_in_a_checkpoint():
    found = {
        tensor.source.removeprefix("layers.{layer}."): tensor.stored_shape
        for tensor in mamba2.tensors(mamba2.read_config(ENTRIES | {"use_bias": True}))
    }
    assert found == {
        "norm.weight": (12,),
        "mixer.in_proj.weight": (24 + 54 + 6, 12),
        "mixer.in_proj.bias": (24 + 54 + 6,),
        "mixer.conv1d.weight": (54, 1, 4),
        "mixer.conv1d.bias": (54,),
        "mixer.dt_bias": (6,),
        "mixer.A_log": (6,),
        "mixer.D": (6,),
        "mixer.norm.weight": (24,),
        "mixer.out_proj.weight": (12, 24),
        "mixer.out_proj.bias": (12,),
        "embeddings.weight": (290, 12),
        "norm_f.weight": (12,),
        "lm_head.weight": (290, 12),
    }


@pytest.mark.parametrize("changes", [{}, BIASED])
def test_inputs_of_the_matrices(changes, tmp_path):
    drawn.check_inputs(drawn.load(tmp_path, ENTRIES | changes))


def test_types(tmp_path):
    drawn.check_types(drawn.load(tmp_path, ENTRIES))


def test_later_tokens_change_nothing(tmp_path):
    model = drawn.load(tmp_path, ENTRIES)
    tokens = small.tokens(ENTRIES, n_tokens=9)
    other = tokens.at[:, 6:].set(small.tokens(ENTRIES, n_tokens=9, seed=2)[:, 6:])
    found, changed = models.logits(model, tokens), models.logits(model, other)
    np.testing.assert_allclose(found[:, :6], changed[:, :6], rtol=0, atol=1e-6)
    assert np.min(np.max(np.abs(found - changed)[:, 6:], axis=-1)) > 1e-2


def test_the_inner_norm_is_one_of_each_group(tmp_path):
    """So what one group of heads writes does not matter to the others."""
    model = drawn.load(tmp_path, ENTRIES | {"num_hidden_layers": 1})
    layer = jax.tree.map(lambda x: x[0], model.params["blocks"])
    state = jnp.asarray(small.normal("state", (1, 3, 12)))
    other = jax.tree.map(lambda x: x, layer)
    other["mixer"]["skip"] = layer["mixer"]["skip"].at[:2].add(3.0)
    path = ("blocks", "mixer", "output", "weight")
    inner = jax.jit(lambda x: mamba2.block(x, state, jnp.int32(0), model.config)[1])
    found, changed = (inner(each)[path] for each in (layer, other))
    np.testing.assert_array_equal(found[..., 8:], changed[..., 8:])
    assert np.max(np.abs(found - changed)[..., :8]) > 1e-2


@pytest.mark.parametrize("who", ["tensor", "channel", "group"])
def test_everything_but_biases_is_rounded(who, tmp_path):
    model = drawn.load(tmp_path, ENTRIES)
    quantizer = Quantizer(bits=2, granularity=who, group_size=3, include=("all",))
    found = quantize(model, quantizer)
    for tensor in model.architecture.tensors(model.config):
        before = np.asarray(decoder.leaf(model.params, tensor.path))
        after = np.asarray(decoder.leaf(found, tensor.path))
        rounded = tensor.role != "bias"
        assert np.any(before != after) == rounded, tensor.path
    for layer in np.asarray(found["blocks"]["mixer"]["log_rate"]):
        assert len(np.unique(np.abs(layer))) <= 2  # three levels, 0 in the middle
    assert np.all(np.isfinite(storage.layer_bytes(model, [quantizer])))


def test_what_a_layer_holds():
    config = mamba2.read_config(ENTRIES)
    # states of 12, values of 24, 54 mixed, and pairs of 8 tokens for 6 heads
    assert mamba2.held(config, 8) == 3 * 12 + 6 * 24 + 3 * 54 + 2 * 6 * 8
