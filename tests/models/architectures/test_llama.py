import pytest

from jaxdisp.models.architectures import gpt_neox, llama
from tests.models.architectures import drawn, every

FAMILIES = {
    "llama": llama.LLAMA,
    "mistral": llama.MISTRAL,
    "qwen2": llama.QWEN2,
    "qwen3": llama.QWEN3,
}


@pytest.mark.parametrize("kind", FAMILIES)
def test_names_inputs_and_types(kind, tmp_path):
    entries = every.entries(kind)
    buffers = {
        "layers.0.self_attn.rotary_emb.inv_freq": drawn.arrays(entries)["norm.weight"]
    }
    drawn.check_names(tmp_path / "names", entries, buffers)
    model = drawn.load(tmp_path / "one", entries)
    drawn.check_inputs(model)
    drawn.check_types(model)


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("llama", {"hidden_act": "swiglu"}, "hidden_act 'swiglu' is not supported; al"),
        (
            "llama",
            {"sliding_window": 4},
            "the entries sliding_window mean nothing to a",
        ),
        (
            "llama",
            {"num_local_experts": 4},
            "entries num_local_experts mean nothing to",
        ),
        (
            "llama",
            {"num_key_value_heads": 3},
            "4 is not divisible by num_key_value_hea",
        ),
        (
            "llama",
            {"num_attention_heads": 6},
            "hidden_size 16 is not divisible by num_",
        ),
        (
            "llama",
            {"rope_scaling": {"type": "ntk"}},
            "rope_type 'ntk' is not supported",
        ),
        (
            "llama",
            {"rope_parameters": {"partial_rotary_factor": 0.5}},
            "partial_rotary_factor 0.5 is not supported: a llama turns all channels",
        ),
        ("llama", {"rms_norm_eps": 0}, "rms_norm_eps must be a positive number, got 0"),
        (
            "mistral",
            {"sliding_window": 0},
            "sliding_window must be a whole number of a",
        ),
        (
            "mistral",
            {"attention_bias": True},
            "the entries attention_bias mean nothing",
        ),
        ("qwen2", {"layer_types": ["full_attention"]}, "name the kinds of 3 layers"),
        (
            "qwen2",
            {"layer_types": ["linear_attention"] * 3},
            "'linear_attention' is not",
        ),
        (
            "qwen3",
            {"head_dim": 5},
            "turn 5 of 5 channels of a head; they must be an ev",
        ),
    ],
)
def test_configurations_that_are_refused(kind, changes, message):
    with pytest.raises(ValueError, match=message):
        FAMILIES[kind].read_config(every.entries(kind) | changes)


@pytest.mark.parametrize("name", llama.NEEDED)
def test_what_cannot_be_missing(name):
    entries = {k: v for k, v in every.entries("llama").items() if k != name}
    with pytest.raises(ValueError, match=f"lacks {name}; a llama needs them"):
        llama.read_config(entries, "llama")


def test_entries_that_are_switched_off_are_no_matter():
    entries = every.entries("mistral")
    off = {"rope_scaling": None, "attention_bias": False, "quantization_config": None}
    for_training = {"attention_dropout": 0.1, "initializer_range": 0.02}
    assert llama.read_config(entries | off | for_training, "mistral") == (
        llama.read_config(entries, "mistral")
    )


def test_sizes_that_are_left_out():
    """What a config leaves out is what transformers' class of the family fills in."""
    bare = {k: v for k, v in every.entries("llama").items() if k in llama.NEEDED}
    found = llama.read_config(bare, "llama")
    assert (found.context, found.heads.n_groups, found.tied) == (2048, 4, False)
    large = bare | {
        "head_dim": 2,
        "num_attention_heads": 16,
        "max_position_embeddings": 64,
    }
    found = llama.read_config(large | {"max_position_embeddings": 64}, "mistral")
    assert (found.heads.n_groups, found.windows) == (8, (4096,) * 3)


def test_neox_is_no_llama():
    with pytest.raises(ValueError, match="entries num_key_value_heads mean nothing"):
        gpt_neox.read_config(every.entries("llama"))
