import pytest

pytest.importorskip("torch")
from tests.models.architectures import parity

pytestmark = parity.MARKS

VARIANTS = {
    "defaults": {"n_head": 4, "hidden_size": 16, "n_layer": 2},
    "one head": {"n_head": 1, "hidden_size": 8, "n_layer": 1, "vocab_size": 301},
    "three heads": {
        "n_head": 3,
        "hidden_size": 12,
        "n_layer": 3,
        "tie_word_embeddings": False,
    },
    "five heads": {
        "n_head": 5,
        "hidden_size": 20,
        "n_layer": 2,
        "apply_residual_connection_post_layernorm": True,
        "layer_norm_epsilon": 1e-2,
        "vocab_size": 299,
    },
    "seven heads": {
        "n_head": 7,
        "hidden_size": 14,
        "n_layer": 2,
        "layer_norm_epsilon": 0.3,
        "pretraining_tp": 2,
    },
    "twelve heads": {
        "n_head": 12,
        "hidden_size": 24,
        "n_layer": 3,
        "tie_word_embeddings": False,
        "apply_residual_connection_post_layernorm": True,
        "slow_but_exact": True,
    },
}


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_equal_to_transformers(options, tmp_path):
    parity.check("bloom", tmp_path, **options)
