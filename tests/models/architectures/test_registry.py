import re

import pytest

from jaxdisp import models
from jaxdisp.models.architectures import registry
from tests.models import small

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
