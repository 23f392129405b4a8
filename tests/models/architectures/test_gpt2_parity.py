import pytest

pytest.importorskip("torch")
from tests.models.architectures import parity

pytestmark = parity.MARKS

VARIANTS = {
    "defaults": {},
    "untied": {"tie_word_embeddings": False, "activation_function": "relu"},
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_equal_to_transformers(changes, tmp_path):
    sizes = {"n_layer": 3, "n_head": 3, "n_embd": 12, "n_positions": 16}
    parity.check("gpt2", tmp_path, **(sizes | changes))
