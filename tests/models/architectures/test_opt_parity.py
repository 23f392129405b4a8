import pytest

pytest.importorskip("torch")
from tests.models.architectures import parity

pytestmark = parity.MARKS

SIZES = {
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_size": 16,
    "ffn_dim": 24,
    "max_position_embeddings": 16,
}
VARIANTS = {
    "defaults": {},
    "as the one of 350 million": {
        "do_layer_norm_before": False,
        "word_embed_proj_dim": 8,
        "vocab_size": 301,
    },
    "wide table": {
        "num_attention_heads": 3,
        "hidden_size": 12,
        "word_embed_proj_dim": 20,
        "enable_bias": False,
        "tie_word_embeddings": False,
        "activation_function": "silu",
    },
    "no gains": {
        "num_hidden_layers": 3,
        "layer_norm_elementwise_affine": False,
        "activation_function": "gelu",
        "max_position_embeddings": 11,
    },
    "no final norm": {
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "hidden_size": 8,
        "ffn_dim": 5,
        "_remove_final_layer_norm": True,
        "vocab_size": 299,
    },
    "bare": {
        "num_attention_heads": 5,
        "hidden_size": 20,
        "do_layer_norm_before": False,
        "enable_bias": False,
        "layer_norm_elementwise_affine": False,
        "tie_word_embeddings": False,
    },
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_equal_to_transformers(changes, tmp_path):
    parity.check("opt", tmp_path, **(SIZES | changes))
