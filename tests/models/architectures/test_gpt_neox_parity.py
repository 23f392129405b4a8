import pytest

pytest.importorskip("torch")
from tests.models.architectures import parity

pytestmark = parity.MARKS

SIZES = {
    "hidden_size": 24,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "max_position_embeddings": 32,
}
VARIANTS = {
    "defaults": {},
    "one after the other": {"use_parallel_residual": False},
    "tied, all channels": {"tie_word_embeddings": True, "rotary_pct": 1.0},
    "half of the channels": {"rotary_pct": 0.5, "rotary_emb_base": 100},
    "no biases": {"attention_bias": False, "hidden_act": "relu"},
    "one head": {"num_attention_heads": 1, "num_hidden_layers": 3},
    "others": {"layer_norm_eps": 1e-2, "hidden_act": "gelu_new", "vocab_size": 311},
    "linear": {
        "rope_parameters": {
            "rope_type": "linear",
            "factor": 3.0,
            "rope_theta": 50.0,
            "partial_rotary_factor": 0.75,
        },
    },
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_equal_to_transformers(changes, tmp_path):
    parity.check("gpt_neox", tmp_path, **(SIZES | changes))
