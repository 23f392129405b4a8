import pytest

pytest.importorskip("torch")
from tests.models.architectures import parity

pytestmark = parity.MARKS

SIZES = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 32,
}


def rope(kind, **more):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 500.0, **more}}


YARN = {"factor": 4.0, "original_max_position_embeddings": 8}
FACTORS = {"short_factor": [1.0, 1.5], "long_factor": [2.0, 3.0]}
LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0}
LLAMA3 |= {"factor": 8.0, "original_max_position_embeddings": 16}
LLAMA = {
    "defaults": {},
    "tied, one group": {"tie_word_embeddings": True, "num_key_value_heads": 1},
    "two groups, biases": {
        "num_key_value_heads": 2,
        "attention_bias": True,
        "vocab_size": 301,
    },
    "inner biases, gelu": {"mlp_bias": True, "hidden_act": "gelu"},
    "wide heads": {"head_dim": 6, "rms_norm_eps": 1e-3, "num_hidden_layers": 3},
    "other base": rope("default"),
    "linear": rope("linear", factor=2.5),
    "dynamic": rope("dynamic", factor=2.0),
    "llama3": rope("llama3", **LLAMA3),
    "yarn": rope("yarn", **YARN),
    "yarn in full": rope(
        "yarn", **YARN, beta_fast=2.0, beta_slow=0.5, mscale=1.2, mscale_all_dim=0.7
    ),
    "yarn without truncation": rope(
        "yarn", **YARN, truncate=False, attention_factor=1.3
    ),
    "longrope": rope("longrope", **FACTORS, original_max_position_embeddings=12),
}
MISTRAL = {
    "defaults": {},
    "no window": {"sliding_window": None, "num_key_value_heads": 2},
    "narrow window": {"sliding_window": 3, "num_key_value_heads": 1},
    "window of one": {"sliding_window": 1, "tie_word_embeddings": True},
    "wide heads": {"head_dim": 8, "hidden_act": "relu", "vocab_size": 311},
    "other base": rope("default") | {"rms_norm_eps": 1e-2, "num_hidden_layers": 3},
}
QWEN = {
    "defaults": {},
    "tied, one group": {"tie_word_embeddings": True, "num_key_value_heads": 1},
    "windows above": {
        "use_sliding_window": True,
        "sliding_window": 3,
        "max_window_layers": 1,
        "num_hidden_layers": 3,
    },
    "windows by name": {
        "use_sliding_window": True,
        "sliding_window": 2,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    "yarn": rope("yarn", **YARN) | {"num_key_value_heads": 2},
    "others": {"rms_norm_eps": 1e-2, "vocab_size": 307, "hidden_act": "gelu_new"},
}
QWEN3 = {name: {"head_dim": 4} | changes for name, changes in QWEN.items()} | {
    "biases": {"head_dim": 4, "attention_bias": True},
    "wide heads": {"head_dim": 10},
}
CASES = [
    pytest.param(kind, changes, id=f"{kind}: {name}")
    for kind, cases in (
        ("llama", LLAMA),
        ("mistral", MISTRAL),
        ("qwen2", QWEN),
        ("qwen3", QWEN3),
    )
    for name, changes in cases.items()
]


@pytest.mark.parametrize(("kind", "changes"), CASES)
def test_equal_to_transformers(kind, changes, tmp_path):
    parity.check(kind, tmp_path, **(SIZES | changes))
