import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.models.architectures import gpt_neox
from tests.models import small
from tests.models.architectures import drawn, every

ENTRIES = every.entries("gpt_neox")


def test_names_inputs_and_types(tmp_path):
    table = drawn.arrays(ENTRIES)["embed_in.weight"]
    buffers = {
        "layers.1.attention.bias": np.ones((1, 1, 3, 3), bool),
        "layers.1.attention.masked_bias": np.array(-1e9, np.float32),
        "layers.1.attention.rotary_emb.inv_freq": table[0],
    }
    plain = drawn.arrays(ENTRIES)
    head = plain.pop("embed_out.weight")
    prefixed = {f"gpt_neox.{name}": x for name, x in (plain | buffers).items()}
    prefixed["embed_out.weight"] = plain["embed_out.weight"] = head
    one, other = (
        models.load(small.write(tmp_path / name, ENTRIES, found))
        for name, found in (("plain", plain), ("prefixed", prefixed))
    )
    jax.tree.map(np.testing.assert_array_equal, one.params, other.params)
    drawn.check_inputs(one)
    drawn.check_types(one)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_act": "quick_gelu"}, "hidden_act 'quick_gelu' is not supported; all"),
        ({"rotary_pct": 0.3}, "turn 1 of 4 channels of a head; they must be an even"),
        ({"rotary_pct": 2.0}, "turn 8 of 4 channels of a head; they must be an even"),
        ({"rope_scaling": {"type": "su"}}, "rope_type 'su' is not supported; allowed"),
        ({"use_parallel_residual": 1}, "use_parallel_residual must be true or false"),
        ({"n_experts": 4}, "the entries n_experts mean nothing to a GPT-NeoX here"),
    ],
)
def test_configurations_that_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        gpt_neox.read_config(ENTRIES | changes)


def test_too_many_tokens(tmp_path):
    model = drawn.load(tmp_path, ENTRIES)
    with pytest.raises(ValueError, match="31 tokens exceed the context of 30"):
        models.logits(model, jnp.zeros((1, 31), jnp.int32))
