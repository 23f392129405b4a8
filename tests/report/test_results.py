"""Rows: their content, their order, and what they say where there is no number."""

import functools as ft
import math
import pathlib
import tempfile

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp import measure, models
from jaxdisp.measure import disparity as disparities
from jaxdisp.report import results
from tests.measure import tiny
from tests.report import made_up

CONTRAST = disparities.Contrast(low=("ru",), high=("en",), rule="made up")


@ft.cache
def model():
    with tempfile.TemporaryDirectory() as directory:
        return models.load(tiny.write_model(pathlib.Path(directory)))


@ft.cache
def corpus():
    with tempfile.TemporaryDirectory() as directory:
        return measure.load_corpus(tiny.write_corpus(pathlib.Path(directory)))


def test_degradation_rows_are_sorted_and_complete():
    found = made_up.survey(made_up.around([[0.0, 0.0, 0.0], [1.0, 0.5, 3.0]]))
    rows = results.degradation_rows(model(), corpus(), found, 1)
    assert [row["language"] for row in rows] == ["ru", "de", "en"]
    first = rows[0]
    assert first["training_bytes"] == 100
    assert first["tokens_per_byte"] == pytest.approx(0.4)
    # 20 nats in 20 bytes; float32 sums of small integers are exact
    assert first["loss"] == pytest.approx(1 / math.log(2))
    assert (first["n_tokens"], first["n_bytes"]) == (8, 20)
    # float32 of 0.05, 0.55 and 0.3: one rounding
    for name, value in (("d_sent", 3.0), ("d_byte", 0.3), ("d_tok", 0.75)):
        assert first[name] == pytest.approx(value, rel=1e-6)
        assert first[f"{name}_low"] == pytest.approx(value - 0.25, rel=1e-6)
        assert first[f"{name}_high"] == pytest.approx(value + 0.25, rel=1e-6)
    assert all(row["flag"] == "" for row in rows)


@pytest.mark.parametrize(
    ("low", "high", "collapsed", "flag"),
    [
        (0.1, 2.0, False, ""),
        (-0.1, 2.0, False, "not above noise"),
        (0.0, 0.0, False, "not above noise"),
        (np.nan, np.nan, False, "not above noise"),
        (-2.0, -0.1, False, "improved"),
        (0.1, 2.0, True, "collapsed"),
        (-2.0, -0.1, True, "collapsed"),
    ],
)
def test_flags(low, high, collapsed, flag):
    ones = np.ones((1, 3))
    per_sentence = made_up.interval(ones, low * ones, high * ones)
    found = made_up.survey(per_sentence, collapsed=np.full((1, 3), collapsed))
    rows = results.degradation_rows(model(), corpus(), found, 0)
    assert [row["flag"] for row in rows] == [flag] * 3


def test_training_text_that_is_unknown_is_none(tmp_path):
    tiny.write_model(tmp_path)
    (tmp_path / "training.json").unlink()
    found = made_up.survey(made_up.around([[0.0, 0.0, 0.0]]))
    rows = results.degradation_rows(models.load(tmp_path), corpus(), found, 0)
    assert [row["training_bytes"] for row in rows] == [None] * 3


def test_disparity_entries():
    found = made_up.survey(made_up.around([[0.0, 0.0, 0.0], [1.0, 0.5, 3.0]]))
    entries = results.disparity_entries(corpus(), found, 1, CONTRAST)
    expected = {
        "mean": 1.5,
        "worst": 3.0,
        "max_min": 2.5,
        "gini": 0.25,
        "difference": -2.0,
        "log_ratio": 0.5,
    }
    for name, value in expected.items():
        entry = entries[name]
        assert entry["estimate"] == pytest.approx(value)
        assert entry["low"] == pytest.approx(value - 0.25)
        assert entry["high"] == pytest.approx(value + 0.25)
        unitless = name in ("gini", "log_ratio")
        assert entry["unit"] == ("" if unitless else "nats per sentence")
        assert entry["reason"] == ""
    assert entries["worst"]["language"] == "ru"
    assert entries["contrast"] == {"low": ("ru",), "high": ("en",), "rule": "made up"}
    assert set(entries) == {*expected, "contrast"}


def test_disparity_entries_say_why_there_is_no_number():
    nothing = np.full(1, np.nan)
    found = made_up.survey(
        made_up.around([[1.0, 0.5, 3.0]]),
        bounded=jnp.zeros(1, bool),
        gini=made_up.interval(nothing, nothing, nothing),
        difference=made_up.interval(nothing, nothing, nothing),
    )
    entries = results.disparity_entries(corpus(), found, 0, CONTRAST)
    assert entries["log_ratio"]["estimate"] is None  # although there was one
    assert entries["log_ratio"]["low"] is entries["log_ratio"]["high"] is None
    assert entries["log_ratio"]["reason"].startswith("unbounded: a side's loss")
    assert entries["gini"]["reason"].startswith("undefined: a language gains")
    entries = results.disparity_entries(corpus(), found, 0, None)
    for name in ("difference", "log_ratio"):
        assert "name a --reference language" in entries[name]["reason"]
    assert entries["contrast"] is None
    sure = np.full(1, 0.25)
    found = made_up.survey(
        made_up.around([[1.0, 0.5, 3.0]]),
        gini=made_up.interval(sure, nothing, nothing),
    )
    entries = results.disparity_entries(corpus(), found, 0, CONTRAST)
    assert entries["gini"]["reason"] == "no interval: undefined in some resamples"


def test_layer_rows_leave_out_what_is_compared_with():
    losses = [[9.0, 9.0, 9.0], [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    found = made_up.survey(made_up.around(losses))
    rows = results.layer_rows(corpus(), found, treatment="protected")
    places = [(row["layer"], row["language"], row["effect"]) for row in rows]
    assert places == [
        (0, "de", 1.0),
        (0, "en", 2.0),
        (0, "ru", 3.0),
        (1, "de", 4.0),
        (1, "en", 5.0),
        (1, "ru", 6.0),
    ]
    assert all(row["treatment"] == "protected" for row in rows)
    assert (rows[0]["effect_low"], rows[0]["effect_high"]) == (0.75, 1.25)
