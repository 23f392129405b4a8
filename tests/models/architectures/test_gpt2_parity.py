import pytest

pytest.importorskip("torch")
from tests.models.architectures import parity

pytestmark = parity.MARKS

VARIANTS = {
    "defaults": {},
    "untied": {"tie_word_embeddings": False, "activation_function": "relu"},
    "one head, narrow": {"n_head": 1, "n_inner": 7, "layer_norm_epsilon": 1e-3},
    "by layer": {"scale_attn_by_inverse_layer_idx": True, "vocab_size": 301},
    "not by width": {"scale_attn_weights": False, "activation_function": "tanh"},
    "five heads": {"n_head": 5, "n_embd": 15, "n_layer": 2},
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_equal_to_transformers(changes, tmp_path):
    sizes = {"n_layer": 3, "n_head": 3, "n_embd": 12, "n_positions": 16}
    parity.check("gpt2", tmp_path, **(sizes | changes))
