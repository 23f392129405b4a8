import pytest

pytest.importorskip("torch")
from tests.models.architectures import parity

pytestmark = parity.MARKS

SIZES = {"hidden_size": 12, "num_hidden_layers": 2, "state_size": 4}
VARIANTS = {
    "defaults": {},
    "untied, biased": {
        "tie_word_embeddings": False,
        "use_bias": True,
        "use_conv_bias": False,
        "vocab_size": 301,
    },
    "three layers": {"num_hidden_layers": 3, "state_size": 1, "time_step_rank": 5},
    "wide": {"expand": 3, "state_size": 7, "conv_kernel": 2, "hidden_act": "gelu"},
    "no convolution": {"conv_kernel": 1, "hidden_act": "relu", "time_step_rank": 1},
    "longer convolution than text": {
        "conv_kernel": 13,
        "hidden_size": 33,
        "intermediate_size": 17,
        "layer_norm_epsilon": 1e-2,
        "num_hidden_layers": 1,
    },
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_equal_to_transformers(changes, tmp_path):
    parity.check("mamba", tmp_path, **(SIZES | changes))
