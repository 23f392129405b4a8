import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.models import quantized
from jaxdisp.models.architectures import opt
from jaxdisp.models.parts import fairseq_layer
from tests.models import small
from tests.models.architectures import drawn

ENTRIES = {
    "model_type": "opt",
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "hidden_size": 12,
    "ffn_dim": 20,
    "max_position_embeddings": 9,
    "vocab_size": small.TOKENS,
    "bos_token_id": 0,
}

OPT_13B = {
    "_name_or_path": "facebook/opt-13b",
    "_remove_final_layer_norm": False,
    "activation_dropout": 0.0,
    "activation_function": "relu",
    "architectures": ["OPTForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 2,
    "do_layer_norm_before": True,
    "dropout": 0.1,
    "eos_token_id": 2,
    "ffn_dim": 20480,
    "hidden_size": 5120,
    "init_std": 0.02,
    "layerdrop": 0.0,
    "max_position_embeddings": 2048,
    "model_type": "opt",
    "num_attention_heads": 40,
    "num_hidden_layers": 40,
    "output_projection": True,
    "pad_token_id": 1,
    "prefix": "</s>",
    "torch_dtype": "float16",
    "use_cache": True,
    "vocab_size": 50272,
    "word_embed_proj_dim": 5120,
}
GALACTICA = {
    "enable_bias": True,
    "layer_norm_elementwise_affine": True,
    "learned_embeddings": True,
    "scale_embeddings": False,
}


def test_the_configuration_on_the_hub():
    expected = opt.Config(
        n_layers=40,
        width=5120,
        table_width=5120,
        vocabulary=50272,
        context=2048,
        layer=fairseq_layer.Layer(
            n_heads=40,
            width=5120,
            inner=20480,
            activation="relu",
            norm_first=True,
            affine=True,
            biased=True,
        ),
        final_norm=True,
        tied=True,
    )
    assert opt.read_config(OPT_13B) == expected
    assert opt.read_config(OPT_13B | GALACTICA) == expected


def test_defaults_are_those_of_opt():
    stated = {
        "activation_function": "relu",
        "do_layer_norm_before": True,
        "_remove_final_layer_norm": False,
        "word_embed_proj_dim": 12,
        "tie_word_embeddings": True,
    }
    found = opt.read_config(ENTRIES)
    assert opt.read_config(ENTRIES | stated | GALACTICA) == found
    assert opt.read_config(ENTRIES | {"word_embed_proj_dim": None}) == found
    rest = {k: v for k, v in ENTRIES.items() if k != "max_position_embeddings"}
    assert opt.read_config(rest).context == 2048


@pytest.mark.parametrize(
    ("first", "removed", "expected"),
    [(True, False, True), (True, True, False), (False, False, False)],
)
def test_where_there_is_a_final_norm(first, removed, expected):
    changes = {"do_layer_norm_before": first, "_remove_final_layer_norm": removed}
    config = opt.read_config(ENTRIES | changes)
    assert config.final_norm == expected
    listed = {tensor.path for tensor in opt.tensors(config)}
    assert (("outside", "final_norm", "weight") in listed) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"learned_embeddings": False},
            "learned_embeddings false is not supported; allowed: true",
        ),
        (
            {"scale_embeddings": True},
            "scale_embeddings true is not supported; allowed: false",
        ),
        (
            {"num_attention_heads": 5},
            "hidden_size 12 is not divisible by num_attention_heads 5",
        ),
        ({"activation_function": "a"}, "'a' is not supported; allowed: gelu, "),
        ({"_remove_final_layer_norm": 1}, "_remove_final_layer_norm must be true or f"),
        ({"do_layer_norm_before": None}, "do_layer_norm_before must be true or false"),
        ({"enable_bias": "yes"}, "enable_bias must be true or false, got 'yes'"),
        ({"layer_norm_elementwise_affine": 0}, "layer_norm_elementwise_affine must be"),
        ({"word_embed_proj_dim": 0}, "word_embed_proj_dim must be a whole number of"),
        ({"ffn_dim": 2.5}, "ffn_dim must be a whole number of at least 1, got 2.5"),
        ({"rotary": 4}, "the entries rotary mean nothing to a model of type opt"),
    ],
)
def test_configurations_that_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        opt.read_config(ENTRIES | changes)


def test_missing_entries_are_all_named():
    with pytest.raises(
        ValueError, match=r"lacks hidden_size, ffn_dim; a model of type opt"
    ):
        opt.read_config(
            {"num_hidden_layers": 2, "num_attention_heads": 3, "vocab_size": 290}
        )


@pytest.mark.parametrize("table_width", [8, 12])
def test_names_with_and_without_prefix_and_buffers(table_width, tmp_path):
    buffers = {
        "decoder.version": np.ones(1, np.float32),
        "lm_head.weight": np.zeros((small.TOKENS, table_width), np.float32),
    }
    entries = ENTRIES | {"word_embed_proj_dim": table_width}
    drawn.check_names(tmp_path, entries, buffers)


@pytest.mark.parametrize("first", [False, True])
def test_inputs_and_types(first, tmp_path):
    changes = {"do_layer_norm_before": first, "word_embed_proj_dim": 8}
    model = drawn.load(tmp_path, ENTRIES | changes)
    drawn.check_inputs(model)
    drawn.check_types(model)


@pytest.mark.parametrize(
    ("include", "touched"),
    [
        (("embeddings",), {"token_embedding", "position_embedding", "project_in"}),
        (("head",), {"project_out", "head"}),
        (("matrices",), set()),
    ],
)
def test_projections_are_quantized_with_their_tables(include, touched):
    changes = {"word_embed_proj_dim": 8, "tie_word_embeddings": False}
    quantizer = quantized.Quantizer(include=include)
    found = {
        tensor.path[1]
        for tensor in opt.tensors(opt.read_config(ENTRIES | changes))
        if not tensor.stacked and quantized.is_included(tensor, quantizer, tied=False)
    }
    assert found == touched


def test_more_tokens_than_positions(tmp_path):
    model = drawn.load(tmp_path, ENTRIES)
    with pytest.raises(ValueError, match="10 tokens exceed the context of 9"):
        models.logits(model, small.tokens(n_tokens=10))
    assert models.logits(model, small.tokens(n_tokens=9)).shape == (2, 9, 290)


def test_the_first_two_rows_are_for_padding(tmp_path):
    arrays = drawn.arrays(ENTRIES)
    rows = arrays["decoder.embed_positions.weight"]
    assert rows.shape == (11, 12)
    embedded = []
    for number in range(2):
        rows[:2] = number
        directory = small.write(tmp_path / str(number), ENTRIES, arrays)
        model = models.load(directory)
        outside = model.params["outside"]
        embedded.append(opt.embed(outside, small.tokens(n_tokens=9), model.config))
    np.testing.assert_array_equal(*embedded)


def test_numbers_held_at_once():
    states, heads, scores, inner = 2 * 12, 3 * 12, 2 * 3 * 7, 2 * 20
    found = opt.ARCHITECTURE.held(opt.read_config(ENTRIES), 7)
    assert found == states + heads + scores + inner
