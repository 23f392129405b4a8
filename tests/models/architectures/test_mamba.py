import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.models import Quantizer, checkpoint, decoder, storage
from jaxdisp.models.architectures import mamba
from jaxdisp.models.quantized import quantize
from tests.models import small
from tests.models.architectures import drawn

ENTRIES = {
    "model_type": "mamba",
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "vocab_size": small.TOKENS,
    "state_size": 5,
    "time_step_rank": 5,
    "bos_token_id": 0,
}
BIASED = {"use_bias": True, "use_conv_bias": False, "tie_word_embeddings": False}

MAMBA_130M = {
    "architectures": ["MambaForCausalLM"],
    "bos_token_id": 0,
    "conv_kernel": 4,
    "d_inner": 1536,
    "d_model": 768,
    "eos_token_id": 0,
    "expand": 2,
    "fused_add_norm": True,
    "hidden_act": "silu",
    "hidden_size": 768,
    "initializer_range": 0.1,
    "intermediate_size": 1536,
    "layer_norm_epsilon": 1e-05,
    "model_type": "mamba",
    "n_layer": 24,
    "num_hidden_layers": 24,
    "pad_token_id": 0,
    "pad_vocab_size_multiple": 8,
    "rescale_prenorm_residual": False,
    "residual_in_fp32": True,
    "rms_norm": True,
    "ssm_cfg": {},
    "state_size": 16,
    "time_step_floor": 0.0001,
    "time_step_init_scheme": "random",
    "time_step_max": 0.1,
    "time_step_min": 0.001,
    "time_step_rank": 48,
    "time_step_scale": 1.0,
    "torch_dtype": "float32",
    "transformers_version": "4.39.0.dev0",
    "use_bias": False,
    "use_cache": True,
    "use_conv_bias": True,
    "vocab_size": 50280,
}


def config_130m():
    return mamba.Config(
        n_layers=24,
        width=768,
        inner=1536,
        state_size=16,
        kernel=4,
        rank=48,
        vocabulary=50280,
        context=decoder.UNLIMITED,
        activation="silu",
        epsilon=1e-5,
        tied=True,
        biased=False,
        kernel_biased=True,
    )


def test_the_configuration_on_the_hub():
    assert mamba.read_config(MAMBA_130M) == config_130m()


def test_defaults_are_those_of_mamba():
    least = {"hidden_size": 768, "num_hidden_layers": 24, "vocab_size": 50280}
    assert mamba.read_config(least) == config_130m()


@pytest.mark.parametrize(
    "leftovers",
    [
        {"d_model": 2048},  # as in mamba-790m-hf, whose hidden_size is another
        {"d_inner": 160, "dt_rank": "auto"},  # as in a conversion of mamba-1.4b
        {"time_step_rank": "auto"},
        {"residual_in_fp32": False, "use_mambapy": True, "fused_add_norm": False},
        {"rescale_prenorm_residual": True, "time_step_max": 3.0},
    ],
)
def test_entries_that_change_nothing(leftovers):
    assert mamba.read_config(MAMBA_130M | leftovers) == config_130m()


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({"hidden_size": 33, "time_step_rank": None}, (66, 3)),
        ({"hidden_size": 33, "expand": 1.5}, (49, 5)),
        ({"expand": 3, "time_step_rank": "auto"}, (36, 1)),
        ({"expand": 3, "intermediate_size": 17}, (17, 5)),
    ],
)
def test_inner_channels_and_rank(changes, sizes):
    found = mamba.read_config(ENTRIES | changes)
    assert (found.inner, found.rank) == sizes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rms_norm": False}, "rms_norm false is not supported; allowed: true"),
        ({"hidden_act": "quick"}, "'quick' is not supported; allowed: gelu, "),
        ({"ssm_cfg": {"layer": "Mamba2"}}, "entries ssm_cfg mean nothing to a Mamba"),
        ({"fuse_norm": True}, "entries fuse_norm mean nothing to a Mamba here"),
        ({"n_groups": 2}, "entries n_groups mean nothing to a Mamba here"),
        ({"expand": 0.01}, "expand 0.01 of hidden_size 12 leaves no channels"),
        ({"expand": -2}, "expand must be a positive number, got -2"),
        ({"intermediate_size": 0}, "intermediate_size must be a whole number"),
        ({"time_step_rank": "low"}, "time_step_rank must be a whole number"),
        ({"state_size": 0}, "state_size must be a whole number of at least 1, got 0"),
        ({"conv_kernel": 0}, "conv_kernel must be a whole number of at least 1"),
        ({"hidden_size": "12"}, "hidden_size must be a whole number of at least 1"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be a whole number"),
        ({"use_bias": None}, "use_bias must be true or false, got None"),
        ({"use_conv_bias": 1}, "use_conv_bias must be true or false, got 1"),
        ({"layer_norm_epsilon": 0}, "layer_norm_epsilon must be a positive number"),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings must be true or false"),
        ({"quantization_config": {"bits": 4}}, "the weights are quantized already"),
    ],
)
def test_configurations_that_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        mamba.read_config(ENTRIES | changes)


def test_missing_entries_are_all_named():
    # as of the files that the first conversions left, with d_model and n_layer
    with pytest.raises(ValueError, match="lacks hidden_size, num_hidden_layers; a Mam"):
        mamba.read_config({"d_model": 768, "n_layer": 24, "vocab_size": 50280})


def test_names_in_a_checkpoint(tmp_path):
    drawn.check_names(tmp_path, ENTRIES | BIASED, {})


def test_shapes_in_a_checkpoint():
    found = {
        tensor.source.removeprefix("layers.{layer}."): tensor.stored_shape
        for tensor in mamba.tensors(mamba.read_config(ENTRIES | BIASED))
    }
    assert found == {
        "norm.weight": (12,),
        "mixer.in_proj.weight": (48, 12),
        "mixer.in_proj.bias": (48,),
        "mixer.conv1d.weight": (24, 1, 4),
        "mixer.x_proj.weight": (15, 24),
        "mixer.dt_proj.weight": (24, 5),
        "mixer.dt_proj.bias": (24,),
        "mixer.A_log": (24, 5),
        "mixer.D": (24,),
        "mixer.out_proj.weight": (12, 24),
        "mixer.out_proj.bias": (12,),
        "embeddings.weight": (290, 12),
        "norm_f.weight": (12,),
        "lm_head.weight": (290, 12),
    }


@pytest.mark.parametrize("changes", [{}, BIASED])
def test_inputs_of_the_matrices(changes, tmp_path):
    entries = ENTRIES | changes
    # large enough for the steps to matter
    arrays = {name: 1.6 * array for name, array in drawn.arrays(entries).items()}
    drawn.check_inputs(models.load(small.write(tmp_path, entries, arrays)))


def test_types(tmp_path):
    drawn.check_types(drawn.load(tmp_path, ENTRIES))


def test_reading_inverts_writing(tmp_path):
    model = drawn.load(tmp_path / "one", ENTRIES)
    architecture, config = model.architecture, model.config
    checkpoint.write(tmp_path / "two", architecture, config, model.params, ENTRIES)
    found = checkpoint.read_parameters(tmp_path / "two", architecture, config)
    for tensor in architecture.tensors(config):
        half = np.asarray(decoder.leaf(model.params, tensor.path), np.float16)
        np.testing.assert_array_equal(decoder.leaf(found, tensor.path), half)


def test_later_tokens_change_nothing(tmp_path):
    model = drawn.load(tmp_path, ENTRIES)
    tokens = small.tokens(ENTRIES, n_tokens=9)
    other = tokens.at[:, 6:].set(small.tokens(ENTRIES, n_tokens=9, seed=2)[:, 6:])
    found, changed = models.logits(model, tokens), models.logits(model, other)
    np.testing.assert_allclose(found[:, :6], changed[:, :6], rtol=0, atol=1e-6)
    assert np.min(np.max(np.abs(found - changed)[:, 6:], axis=-1)) > 1e-2


# ranges of a layer: a convolution of 24 channels and rates of 24 times 5
GROUPS = {"tensor": (1, 1), "channel": (24, 24), "group": (24 * 2, 24 * 3)}


@pytest.mark.parametrize("who", GROUPS)
def test_everything_but_biases_is_rounded(who, tmp_path):
    model = drawn.load(tmp_path, ENTRIES)
    quantizer = Quantizer(bits=2, granularity=who, group_size=2, include=("all",))
    found = quantize(model, quantizer)
    for tensor in model.architecture.tensors(model.config):
        before = np.asarray(decoder.leaf(model.params, tensor.path))
        after = np.asarray(decoder.leaf(found, tensor.path))
        rounded = tensor.role != "bias"
        assert np.any(before != after) == rounded, tensor.path
    mixer = found["blocks"]["mixer"]
    for weight, n_groups in zip(
        (mixer["convolution"]["weight"], mixer["log_rate"]), GROUPS[who], strict=True
    ):
        for layer in np.asarray(weight):
            rows = layer.reshape(1 if who == "tensor" else len(layer), -1)
            size = 2 if who == "group" else rows.shape[1]
            runs = [row[i : i + size] for row in rows for i in range(0, len(row), size)]
            assert len(runs) == n_groups
            # two bits are three levels, 0 in the middle
            assert max(len(np.unique(np.abs(run))) for run in runs) <= 2
    assert np.all(np.isfinite(storage.layer_bytes(model, [quantizer])))


def test_what_a_layer_holds():
    config = mamba.read_config(ENTRIES)
    # states of 12, channels of 24, and two states of 24 times 5 for 8 tokens
    assert mamba.held(config, 8) == 3 * 12 + 10 * 24 + 2 * 24 * 5 / 8


def test_sentences_may_be_of_any_length(tmp_path):
    model = drawn.load(tmp_path, ENTRIES)
    assert model.config.context == decoder.UNLIMITED
    assert models.logits(model, jnp.zeros((1, 1), jnp.int32)).shape == (1, 1, 290)
