import contextlib
import re

import pytest

from jaxdisp import models
from jaxdisp.models.architectures import registry
from jaxdisp.models.parts import rotary
from tests.models import small
from tests.models.architectures import every

ALLOWED = f"; allowed: {', '.join(registry.ARCHITECTURES)}"
REASONS = {
    "mixtral": "is a mixture of experts: which weights a token meets depends on it",
    "qwen3_moe": "is a mixture of experts: which weights a token meets depends on it",
    "mt5": "is an encoder with a decoder: it scores translations",
    "m2m_100": "is an encoder with a decoder: it scores translations",
    "xlm-roberta": "is an encoder: it fills gaps and gives no probability of a text",
    "gemma3": "reads pictures beside text; only decoders of text alone are read",
    "rwkv": "is not supported",
    None: "is not supported",
    "Llama": "is not supported",
}


@pytest.mark.parametrize("kind", REASONS)
def test_what_is_refused_by_name(kind, tmp_path):
    small.write(tmp_path, small.entries(model_type=kind))
    message = (
        f"{tmp_path / 'config.json'}: model_type {kind!r} {REASONS[kind]}{ALLOWED}"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        models.load(tmp_path)


def test_families_say_what_they_are():
    for kind, architecture in registry.ARCHITECTURES.items():
        assert (architecture.name, bool(architecture.models)) == (kind, True)
        for kinds in registry.REASONS.values():
            assert kind not in kinds.split()


ODD = (None, True, 0, 1, -1, 0.5, 1e30, "", "x", [], [0], ["x"], {}, {"x": 1})
OF_ROTARY = ("rope_type", "rope_theta", "factor", "partial_rotary_factor")
OF_ROTARY += ("original_max_position_embeddings", "short_factor", "beta_fast")


@pytest.mark.parametrize("kind", registry.ARCHITECTURES)
def test_odd_values_are_read_or_refused(kind):
    """Of every entry that is known to the family's module: never another error."""
    entries = every.entries(kind)
    architecture = registry.ARCHITECTURES[kind]
    names = {*entries, "layer_types", "sliding_window", "max_window_layers"}
    names |= {"rope_parameters", "rope_scaling", "time_step_limit", "head_dim"}
    refused = 0
    for name in names:
        for odd in ODD:
            with contextlib.suppress(ValueError):
                registry.find(entries | {name: odd}).read_config(entries | {name: odd})
                refused -= 1
            refused += 1
    for rule in rotary.RULES:
        for name in OF_ROTARY:
            for odd in ODD:
                turning = {"rope_type": rule, "factor": 2.0, "short_factor": [1.0] * 2}
                said = {"rope_scaling": turning | {name: odd}}
                with contextlib.suppress(ValueError):
                    architecture.read_config(entries | said)
    assert refused > len(names)
