import pytest

pytest.importorskip("torch")
from tests.models.architectures import parity

pytestmark = parity.MARKS

SIZES = {
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "state_size": 5,
    "num_heads": 6,
    "head_dim": 4,
    "n_groups": 2,
    "chunk_size": 4,
}
VARIANTS = {
    "defaults": {},
    "tied, biased": {
        "tie_word_embeddings": True,
        "use_bias": True,
        "use_conv_bias": False,
        "vocab_size": 301,
    },
    "one group": {"n_groups": 1, "num_hidden_layers": 3, "chunk_size": 256},
    "a group for each head": {
        "n_groups": 6,
        "state_size": 1,
        "chunk_size": 1,
        "conv_kernel": 13,
    },
    "one head": {
        "num_heads": 1,
        "head_dim": 24,
        "n_groups": 1,
        "hidden_act": "gelu",
        "num_hidden_layers": 1,
    },
    "limited steps": {
        "time_step_limit": [0.4, 0.9],
        "conv_kernel": 2,
        "expand": 3,
        "num_heads": 9,
        "n_groups": 3,
        "layer_norm_epsilon": 1e-2,
    },
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_equal_to_transformers(changes, tmp_path):
    parity.check("mamba2", tmp_path, **(SIZES | changes))
