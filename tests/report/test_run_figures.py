"""Figures with tables of their own: numbers by hand, and figures that fit a page."""

import io
import itertools

import matplotlib.text
import numpy as np
import pandas as pd
import pytest
import scipy.stats

from jaxdisp.report import drawing, files, plots, tables
from jaxdisp.report.figures import (
    bound,
    fertility,
    foretold,
    power,
    spread,
    tail,
    weights,
)
from tests.report import made_up_run

FIGURES = {
    "degradation",
    "fertility",
    "bits",
    "disparity",
    "tail",
    "weights",
    "threshold_by_bits",
    "correlations",
    "redundancy_bound",
    "causal_tracing_languages",
    "power",
}


def small():
    return made_up_run.found(["yo", "fi", "de", "en", "sw", "he"])


@pytest.fixture
def made(monkeypatch):
    """Illustrations but for those of experiments, whose tables are not complete."""
    monkeypatch.setattr(plots.hypotheses_figures, "illustrations", lambda _: [])
    return plots.illustrations


@pytest.mark.parametrize("number", [16, 40])
def test_figures_fit_a_page_with_any_number_of_languages(made, number):
    drawn = made(made_up_run.found(made_up_run.names(number)))
    assert {each.name for each in drawn} == FIGURES
    for each in drawn:
        assert each.figure.get_figwidth() <= drawing.WIDEST
        drawing.settled(each.figure)
        each.figure.draw_without_rendering()  # which puts names in their places
        for axes in each.figure.axes:
            rows = [label.get_window_extent() for label in axes.get_yticklabels()]
            apart = itertools.pairwise(rows)
            assert not any(a.overlaps(b) for a, b in apart), each.name
            extent = matplotlib.text.Text.get_window_extent  # without lines to points
            names = [extent(text) for text in axes.texts]
            pairs = itertools.combinations(names, 2)
            assert not any(a.overlaps(b) for a, b in pairs), each.name


def test_every_figure_says_what_there_is_to_see_and_names_tables_that_exist(made):
    found = small()
    drawn = made(found)
    written = files.written_tables(found)
    for each in drawn:
        assert any(letter.isdigit() for letter in each.alt), each.name
        assert each.alt.endswith("."), each.name
        assert len(each.alt) < 600, each.name
        assert each.tables, each.name
        for table in each.tables:
            assert f"tables/{table}.csv" in written, (each.name, table)


def test_results_of_other_commands_have_no_tables_of_figures():
    assert plots.tables({"law": "gaussian", "bits": 4}) == {}
    assert plots.tables({"data": "units.csv"}) == {}
    assert plots.tables({"command": "search", "measured_languages": ["de"]}) == {}


def test_fertility_by_hand():
    rows = {row["language"]: row for row in fertility.rows(small())}
    assert rows["fi"] == {
        "language": "fi",
        "tokens_per_sentence": 4.0,
        "tokens_per_word": 1.0,
        "tokens_per_byte": 0.25,
        "d_sent": 5.0,
        "d_sent_low": 3.5,
        "d_sent_high": 6.0,
    }
    assert rows["yo"]["tokens_per_word"] is None
    units = {row["unit"]: row for row in fertility.correlations(list(rows.values()))}
    assert "tokens_per_byte" not in units  # the same in all
    assert units["tokens_per_sentence"]["rank_correlation"] == -1.0
    assert units["tokens_per_word"]["n"] == 5
    few = list(rows.values())[:4]
    assert fertility.correlations(few) == []


def test_a_run_without_numbers_of_words_has_two_panels():
    found = small()
    del found["sentence_losses"]["n_words"]
    figure = fertility.figure(fertility.rows(found), title="")
    assert len(figure.axes) == 2


def test_the_tail_by_hand():
    table, curves = tail.rows(small())
    own = {row["language"]: row for row in table}
    # of d = -6, 0, 6, ..., 36: damage 6 times 0, 0, 1, ..., 6; the worst tenth of 8
    # sentences is 0.8 of the worst one
    assert own["yo"]["worst_tenth"] == pytest.approx(0.8 * 36 / (6 * 21), abs=1e-12)
    assert own["yo"]["gaining"] == 0.125
    assert own["yo"]["sentences"] == 8
    # 2 tokens: collapsed beyond 0.9 ln 16 * 2 = 4.99 nats, which 8 and more are
    assert own["yo"]["collapsed"] == pytest.approx(7 / 8)
    table, curves = tail.rows(made_up_run.found(list(own)[1:], sentences=40))
    for row in table:
        low, high = row["worst_tenth_low"], row["worst_tenth_high"]
        assert low <= row["worst_tenth"] <= high
    for language in own:
        line = [r["share_of_damage"] for r in curves if r["language"] == language]
        assert (line[0], line[-1]) == (0.0, 1.0)
        assert np.all(np.diff(line) >= -1e-12)
        assert np.all(np.diff(line, 2) <= 1e-12)  # the hardest hit come first
        assert np.all(np.array(line) >= tail.GRID - 1e-12)


def test_the_tail_of_equal_losses_is_the_diagonal_and_of_none_unknown():
    found = small()
    losses = found["sentence_losses"]
    losses["quantized"] = (np.array(losses["full"]) + 1).tolist()
    losses["quantized"][0] = (np.array(losses["full"][0]) - 1).tolist()
    table, curves = tail.rows(found)
    fi = [row["share_of_damage"] for row in curves if row["language"] == "fi"]
    np.testing.assert_allclose(fi, tail.GRID, atol=1e-12)
    own = {row["language"]: row for row in table}
    assert own["yo"]["worst_tenth"] is None
    assert own["yo"]["gaining"] == 1.0


def test_one_text_has_a_tail_without_interval_and_an_unknown_vocabulary_no_collapse():
    found = small()
    found["sentence_losses"]["groups"] = [0] * 8
    del found["vocabulary"]
    table, _ = tail.rows(found)
    assert table[0]["worst_tenth"] is not None
    assert table[0]["worst_tenth_low"] is None
    assert table[0]["collapsed"] is None
    (shown,) = tail.illustrations(found, title="")
    assert "[no interval]" in shown.alt
    assert "collapse" not in shown.alt


def test_disparities_without_a_number_are_not_drawn():
    found = small()
    table = spread.rows(found)
    assert [row["measure"] for row in table] == list(tables.MEASURES)
    left, right = spread.figure(table, title="").axes
    assert len(left.get_yticklabels()) == 4
    assert [label.get_text() for label in right.get_yticklabels()] == [
        "Gini coefficient"
    ]
    found["disparity"]["contrast"]["high"] = ["en"]
    assert spread.rows(found)[3]["name"] == "others minus en"


def test_power_is_that_of_simulated_correlations():
    (here,) = [row for row in power.rows(16) if row["here"]]
    assert here["languages"] == 16
    # by Fisher's z, whose error with 16 points is below 0.01
    for rho in power.CORRELATIONS:
        z = np.arctanh(rho) + rho / (2 * 15)
        usual = scipy.stats.norm.sf(1.96 - z * np.sqrt(13))
        assert here[f"power_{rho:g}"] == pytest.approx(usual, abs=0.015)
    rows = power.rows(100)
    assert rows[-1]["languages"] == 200
    for name in ("power_0.5", "smallest"):
        steps = np.diff([row[name] for row in rows])
        assert np.all(steps > -1e-9) if name == "power_0.5" else np.all(steps < 0)


def test_correlations_are_those_among_findings_and_keep_their_sign():
    table = foretold.rows(small())
    assert [(row["id"], row["estimate"]) for row in table] == [
        ("T-001", 0.5),
        ("T-001b", -0.25),
    ]


def test_the_line_in_one_over_r_is_that_of_the_normal_equations():
    table = small()["hypotheses"]["experiments"][1]["tables"]["languages"]
    fit = bound.fits(table)[0]
    x = np.array([1 / row["gaussian"] for row in table])
    y = np.array([row["degradation"] for row in table])
    features = np.column_stack([np.ones_like(x), x])
    inverse = np.linalg.inv(features.T @ features)
    intercept, slope = inverse @ features.T @ y
    rest = y - features @ [intercept, slope]
    half = 2.776445 * np.sqrt(rest @ rest / 4 * inverse[1, 1])  # t, 4 degrees, 0.975
    assert fit["slope"] == pytest.approx(slope, rel=1e-9)
    assert fit["intercept"] == pytest.approx(intercept, rel=1e-9)
    assert fit["slope_high"] - fit["slope"] == pytest.approx(half, rel=1e-6)
    assert bound.fits(table[:3]) == []


def test_errors_of_rounding_by_hand():
    values, counts = np.array([0.25, 1.0, 3.0]), np.array([1.0, 2.0, 1.0])
    # 2 bits: levels -2, 0 and 2; 1 is halfway, which goes to the even level 0
    both = weights.errors((values, counts), 2, np.array([2.0]))
    power_of = 0.25**2 + 2 * 1.0 + 9.0
    assert both[0, 0] == pytest.approx((0.25**2 + 2 * 1.0 + 1.0) / power_of)
    assert both[1, 0] == pytest.approx(1.0 / power_of)


@pytest.mark.parametrize(("law", "top"), [("Gaussian", 2.474), ("Laplace", 3.395)])
def test_best_thresholds_of_laws_are_those_known(law, top):
    best = weights._best(weights._laws()[law], 4)
    spacing = weights.THRESHOLDS[1] / weights.THRESHOLDS[0]
    assert top / spacing <= best <= top * spacing


def test_tables_of_weights_are_complete():
    found = small()
    tables = weights.tables(found)
    (own,) = [
        row
        for row in tables["threshold_by_bits"]
        if row["law"] == weights.MODEL and row["bits"] == made_up_run.BITS
    ]
    assert own["threshold_low"] <= own["threshold_high"]
    for row in tables["threshold_errors"]:
        assert row["clipping"] + row["rounding"] == pytest.approx(row["error"])
    written = files.written_tables(found)["tables/threshold_by_bits.csv"]
    assert list(pd.read_csv(io.BytesIO(written))["law"].unique()) == list(weights.LOOKS)
    assert weights.tables(found | {"weights": {"histogram": [], "matrices": []}}) == {}
