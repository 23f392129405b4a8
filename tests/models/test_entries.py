import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.models import entries


@given(value=st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text())
def test_counts(value):
    if type(value) is int and value >= 1:
        assert entries.count({"n": value}, "n") == value
    elif value is None:
        assert entries.count({"n": value}, "n", 7) == entries.count({}, "n", 7) == 7
    else:
        with pytest.raises(ValueError, match="n must be a whole number of at least 1"):
            entries.count({"n": value}, "n", 7)


@given(value=st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text())
def test_positive_numbers(value):
    number = type(value) in (int, float)
    if number and 0 < value < float("inf"):
        found = entries.positive({"x": value}, "x")
        assert (found, type(found)) == (value, float)
    elif value is None:
        assert entries.positive({"x": value}, "x", 0.5) == 0.5
    else:
        with pytest.raises(ValueError, match="x must be a positive number, got"):
            entries.positive({"x": value}, "x", 0.5)


def test_flags_and_choices():
    assert entries.flag({}, "on", default=True)
    assert not entries.flag({"on": False}, "on", default=True)
    with pytest.raises(ValueError, match="on must be true or false, got 1"):
        entries.flag({"on": 1}, "on", default=True)
    assert entries.choice({}, "how", ("a", "b"), "b") == "b"
    with pytest.raises(ValueError, match="how 'c' is not supported; allowed: a, b"):
        entries.choice({"how": "c"}, "how", ("a", "b"), "b")


@pytest.mark.parametrize(
    "entry",
    [
        {"other": None},
        {"other": False},
        {"other": 0},
        {"other": []},
        {"hidden_dropout": 0.1},
        {"attention_dropout_prob": 0.1},
        {"resid_pdrop": 0.1},
        {"initializer_range": 0.02},
        {"init_std": 0.02},
        {"bos_token_id": 3},
        {"_name_or_path": "somewhere"},
        {"torch_dtype": "float16"},
        {"transformers_version": "4.40.0"},
        {"unsloth_fixed": True},
        {"use_cache": True},
    ],
)
def test_entries_that_change_nothing(entry):
    entries.refuse_unknown({"width": 3} | entry, ("width",), "family")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"sinks": True}, "the entries sinks mean nothing to a family here"),
        ({"a": 1, "b": "x"}, "the entries a, b mean nothing to a family here"),
        ({"quantization_config": {"bits": 4}}, "the weights are quantized already"),
        ({"is_encoder_decoder": True}, "only decoders alone are read"),
        ({"add_cross_attention": True}, "only decoders alone are read"),
    ],
)
def test_entries_that_are_refused(entry, message):
    with pytest.raises(ValueError, match=message):
        entries.refuse_unknown({"width": 3} | entry, ("width",), "family")


def test_entries_of_two_names():
    names = {"n_embed": "width", "d": "width"}
    assert entries.renamed({"n_embed": 3, "x": 1}, names) == {"width": 3, "x": 1}
    assert entries.renamed({"n_embed": 3, "width": 3}, names) == {"width": 3}
    assert entries.renamed({"n_embed": None, "width": 3}, names) == {"width": 3}
    with pytest.raises(ValueError, match="d 4 and width 3 are two names of one entry"):
        entries.renamed({"n_embed": 3, "d": 4}, names)


def test_what_is_needed_and_heads():
    entries.need({"a": None}, ("a",), "family")
    with pytest.raises(ValueError, match="lacks b, c; a family needs them"):
        entries.need({"a": 1}, ("a", "b", "c"), "family")
    assert entries.heads(12, 3, ("width", "heads")) == 4
    with pytest.raises(ValueError, match="width 12 is not divisible by heads 5"):
        entries.heads(12, 5, ("width", "heads"))
