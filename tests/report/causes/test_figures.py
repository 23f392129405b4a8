"""Figures and tables of causes: complete, true to their rows, and never in the way."""

import io

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest

from jaxdisp.report import drawing, illustration
from jaxdisp.report.causes import (
    effects_figure,
    figures,
    interventions_figure,
    predictions_figure,
    sensitivity_figure,
)
from tests.report.causes import made_up_causes

OF_FIT = {
    "causes_effects",
    "causes_densities",
    "causes_do_curve",
    "causes_predictive",
    "causes_sensitivity",
}
DRAWN = OF_FIT | {
    "causes_predicted_measured",
    "causes_interventions",
}


def everything():
    found = made_up_causes.everything()
    drawn = illustration.written(figures.illustrations(found))
    return figures.files(found) | drawn


def names(files):
    found = [name.split("/")[1] for name in files if name.startswith("figures/")]
    return {name.split(".")[0] for name in found}


def table(files, name):
    return pd.read_csv(io.BytesIO(files[f"tables/{name}.csv"]), keep_default_na=False)


def texts(axes):
    return [each.get_text() for each in axes.texts]


@pytest.fixture(scope="module")
def files():
    return everything()


def test_every_table_is_written_as_it_is_and_empty_ones_are_not(files):
    found = made_up_causes.everything()
    for name in ("effects", "coefficients", "units", "interventions", "mediations"):
        rows = table(files, name)
        assert list(rows) == list(found[name][0])
        assert len(rows) == len(found[name])
    beside = found["confrontation"]
    for ours, name in (
        ("arrows", "arrows"),
        ("interventions", "ways"),
        ("languages", "languages"),
    ):
        rows = table(files, f"predicted_measured_{name}")
        assert list(rows["predicted"]) == [row["predicted"] for row in beside[ours]]
    assert "tables/sensitivity_benchmarks.csv" not in files
    assert "tables/missing.csv" not in files


def test_what_is_nested_has_a_table_of_its_own(files):
    assert list(table(files, "models")["name"]) == ["full", "chain"]
    assert "checks" not in table(files, "models")
    assert table(files, "models")["same_as"][1] == "reversed chain; chain and T>D"
    checks = table(files, "model_checks")
    assert checks[["model", "x", "given"]].to_numpy().tolist() == [["chain", "T", "A"]]
    door = table(files, "front_door")
    assert door["through_A"][0] == -0.375
    assert list(table(files, "dropped")["row"])[1] == "line 9: A is missing"


def test_all_figures_are_drawn_the_same_each_time(files):
    assert names(files) == DRAWN
    again = everything()
    assert again == files
    for name in DRAWN:
        assert files[f"figures/{name}.png"][:4] == b"\x89PNG"
        assert b"<svg" in files[f"figures/{name}.svg"]


@pytest.mark.parametrize(
    ("found", "drawn"),
    [
        ({}, set()),
        (made_up_causes.fitted(), OF_FIT),
        (made_up_causes.carried_out(), {"causes_interventions"}),
        (made_up_causes.carried_out(("R",)), {"causes_interventions"}),
        (
            made_up_causes.fitted() | {"sensitivity": {}, "effects": [], "curves": {}},
            set(),
        ),
    ],
)
def test_what_is_missing_leaves_its_figure_out(found, drawn):
    assert names(illustration.written(figures.illustrations(found))) == drawn


def test_figures_fit_a_page():
    found = made_up_causes.everything()
    for draw in figures.FIGURES.values():
        figure = draw(found)
        assert figure.get_figwidth() <= 9
        assert figure.get_suptitle()


def test_arrows_say_whether_they_may_be_none():
    found = made_up_causes.fitted()
    axes = effects_figure.figure(found).axes[0]
    assert len(axes.patches) == len(found["arrows"])
    styles = [patch.get_linestyle() for patch in axes.patches]
    # only the interval of T>A, the first of the arrows, holds 0
    assert styles == ["--", "-", "-", "-", "-", "-"]
    colours = {
        matplotlib.colors.to_hex(patch.get_edgecolor()) for patch in axes.patches[1:]
    }
    assert colours == {drawing.BLUE}
    said = texts(axes)
    assert "-0.12\n[-0.38, 0.12]" in said
    assert "0.5\n[0.25, 0.75]" in said


def test_arrows_that_the_link_gives_are_named_so():
    found = made_up_causes.fitted(link="reciprocal")
    found |= {"arrows": ["T>A", "A>R", "R>D"], "coefficients": []}
    axes = effects_figure.figure(found).axes[0]
    assert texts(axes).count("given") == 3


def test_arrows_may_point_backward():
    found = made_up_causes.fitted() | {"arrows": ["T>R", "R>A", "A>D"]}
    assert len(effects_figure.figure(found).axes[0].patches) == 3


def test_the_forest_has_effects_in_the_unit_of_their_rows():
    axes = effects_figure.figure(made_up_causes.fitted()).axes[1]
    assert axes.get_xlabel() == "elasticity"
    labels = [each.get_text() for each in axes.get_yticklabels()]
    assert labels[0] == "total"
    assert labels[-1] == "only T > R > D"
    # the share of what is mediated has another unit, and no place here
    assert len(labels) == 6


def test_predictions_stand_against_measurements_of_the_same_way():
    found = made_up_causes.everything()
    other = [
        row | {"amount": 9.0, "predicted": 100.0}
        for row in found["confrontation"]["languages"]
    ]
    found["confrontation"]["languages"] += other
    figure = predictions_figure.figure(found)
    assert len(figure.axes) == 3
    for axes in figure.axes:
        points = [line for line in axes.lines if line.get_marker() in ("o", "^")]
        # only sw lies outside its predictive interval
        assert [line.get_marker() for line in points] == ["o", "o", "^"]
        assert [line.get_xdata()[0] for line in points] == [-0.5] * 3
        assert [line.get_ydata()[0] for line in points] == [-0.625] * 3
        assert [each for each in texts(axes) if each] == ["sw"]
        diagonal = next(line for line in axes.lines if line.get_linestyle() == "--")
        np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0] == "do(T): merge dropout 0.1\nholds: it holds"
    assert titles[1].startswith("do(A): away from reference's sentence 0.5")
    assert titles[2].startswith("do(R): duplication x2, stochastic")


def test_verdicts_are_refused_where_chains_disagree():
    found = made_up_causes.everything(
        diagnostics=made_up_causes.fitted(problems=["R-hat is 1.5"])["diagnostics"]
    )
    for axes in predictions_figure.figure(found).axes:
        assert "verdict refused" in axes.get_title()


def test_interventions_have_their_placebos_beside_them():
    figure = interventions_figure.figure(made_up_causes.carried_out(("T", "R")))
    assert [axes.get_title(loc="left")[:5] for axes in figure.axes] == [
        "do(T)",
        "do(R)",
    ]
    axes = figure.axes[0]
    (way, placebo) = (line for line in axes.lines if line.get_marker() in ("o", "s"))
    assert way.get_xdata()[0] == -0.5
    assert placebo.get_xdata()[0] == 0.125
    assert 0 < placebo.get_ydata()[0] - way.get_ydata()[0] < 0.5
    label = axes.get_yticklabels()[0].get_text()
    assert label == "merge dropout 0.1\n(placebo: other pieces)"


def test_sensitivity_draws_what_there_is():
    found = made_up_causes.fitted()
    left, right = sensitivity_figure.figure(found).axes
    values = next(
        line for line in left.lines if line.get_label() == "the estimate is 0"
    )
    np.testing.assert_allclose(values.get_xdata(), 12.5 * np.arange(6))
    assert "direct: none up to 1; total: 0.38" in right.get_xlabel()
    without = found["sensitivity"] | {"confounder": [], "least_confounder": []}
    figure = sensitivity_figure.figure({"sensitivity": without})
    assert len(figure.axes) == 1
