import pytest

from jaxdisp.models.architectures import gemma
from jaxdisp.models.decoder import UNLIMITED
from tests.models.architectures import drawn, every

FAMILIES = {"gemma2": gemma.GEMMA2, "gemma3_text": gemma.GEMMA3}


@pytest.mark.parametrize("kind", FAMILIES)
def test_names_inputs_and_types(kind, tmp_path):
    entries = every.entries(kind)
    drawn.check_names(tmp_path / "names", entries, {})
    model = drawn.load(tmp_path / "one", entries)
    drawn.check_inputs(model)
    drawn.check_types(model)


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        (
            "gemma2",
            {"use_bidirectional_attention": True},
            "the entries use_bidirectional_attention mean nothing to a gemma2 here",
        ),
        ("gemma2", {"num_key_value_heads": 3}, "is not divisible by num_key_value_he"),
        (
            "gemma2",
            {"attn_logit_softcapping": 0},
            "attn_logit_softcapping must be a pos",
        ),
        (
            "gemma3_text",
            {"attn_logit_softcapping": 50.0},
            "attn_logit_softcapping 50.0 is not supported in a gemma3_text",
        ),
        (
            "gemma3_text",
            {"rope_parameters": {"rope_theta": 1.0}},
            "rope_parameters has rope_theta; allowed in a gemma3_text: full_attention",
        ),
        (
            "gemma3_text",
            {"rope_scaling": {"rope_type": "new", "factor": 8.0}},
            "rope_type 'new' is not supported",
        ),
        ("gemma3_text", {"layer_types": []}, "must name the kinds of 3 layers"),
    ],
)
def test_configurations_that_are_refused(kind, changes, message):
    with pytest.raises(ValueError, match=message):
        FAMILIES[kind].read_config(every.entries(kind) | changes)


def test_old_and_new_configs_of_gemma3():
    old = {
        "rope_theta": 500.0,
        "rope_local_base_freq": 30.0,
        "rope_scaling": {"rope_type": "linear", "factor": 8.0},
        "sliding_window_pattern": 2,
    }
    new = {
        "rope_parameters": {
            "full_attention": {
                "rope_type": "linear",
                "factor": 8.0,
                "rope_theta": 500.0,
            },
            "sliding_attention": {"rope_type": "default", "rope_theta": 30.0},
        },
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    }
    entries = every.entries("gemma3_text")
    bare = {k: v for k, v in entries.items() if k != "sliding_window_pattern"}
    found = [gemma.read_config(bare | each, "gemma3_text") for each in (old, new)]
    assert found[0] == found[1]
    assert found[0].windows == (4, UNLIMITED, 4)
    assert found[0].positions.speeds[0] == 1 / 8
    assert found[0].near.speeds[0] == 1.0
