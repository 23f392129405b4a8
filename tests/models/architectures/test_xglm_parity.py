import pytest

pytest.importorskip("torch")
from tests.models.architectures import parity

pytestmark = parity.MARKS

SIZES = {
    "num_layers": 2,
    "attention_heads": 4,
    "d_model": 16,
    "ffn_dim": 24,
    "max_position_embeddings": 16,
}
VARIANTS = {
    "defaults": {},
    "not scaled": {
        "scale_embedding": False,
        "tie_word_embeddings": False,
        "vocab_size": 301,
    },
    "odd width": {"d_model": 15, "attention_heads": 3, "activation_function": "relu"},
    "one head": {
        "num_layers": 1,
        "attention_heads": 1,
        "d_model": 8,
        "ffn_dim": 7,
        "max_position_embeddings": 11,
        "scale_embedding": False,
    },
    "no padding": {
        "attention_heads": 5,
        "d_model": 20,
        "pad_token_id": None,
        "activation_function": "gelu_new",
    },
    "a position for padding": {
        "num_layers": 3,
        "attention_heads": 8,
        "d_model": 32,
        "pad_token_id": 5,
        "activation_function": "silu",
        "tie_word_embeddings": False,
        "vocab_size": 299,
    },
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_equal_to_transformers(changes, tmp_path):
    parity.check("xglm", tmp_path, **(SIZES | changes))
