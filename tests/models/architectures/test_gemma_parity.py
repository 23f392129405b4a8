import pytest

pytest.importorskip("torch")
from tests.models.architectures import parity

pytestmark = parity.MARKS

SIZES = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 4,
    "max_position_embeddings": 32,
    "sliding_window": 3,
    "query_pre_attn_scalar": 5,
}
VARIANTS = {
    "defaults": {},
    "untied, one group": {"tie_word_embeddings": False, "num_key_value_heads": 1},
    "narrow window, three layers": {"sliding_window": 1, "num_hidden_layers": 3},
    "biases": {"attention_bias": True, "rms_norm_eps": 1e-2},
    "wide heads": {"head_dim": 10, "hidden_activation": "silu"},
    "kinds": {
        "num_hidden_layers": 3,
        "layer_types": ["full_attention", "sliding_attention", "full_attention"],
    },
    "strong caps": {"final_logit_softcapping": 0.7, "vocab_size": 301},
    "no cap": {"final_logit_softcapping": None},
}
GEMMA2 = VARIANTS | {
    "scores capped": {"attn_logit_softcapping": 0.5},
    "scores free": {"attn_logit_softcapping": None},
    "linear": {
        "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 90.0}
    },
}
NESTED = {
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 20.0},
}
GEMMA3 = VARIANTS | {
    "pattern": {"sliding_window_pattern": 2, "num_hidden_layers": 4},
    "two turnings": {"rope_parameters": NESTED, "sliding_window_pattern": 2},
}
CASES = [
    pytest.param(kind, changes, id=f"{kind}: {name}")
    for kind, cases in (("gemma2", GEMMA2), ("gemma3_text", GEMMA3))
    for name, changes in cases.items()
]


@pytest.mark.parametrize(("kind", "changes"), CASES)
def test_equal_to_transformers(kind, changes, tmp_path):
    parity.check(kind, tmp_path, **(SIZES | changes))
