"""Figures: what they show, and that the same rows give the same bytes."""

import xml.etree.ElementTree

import numpy as np
import pytest

from jaxdisp.report import degradation_plots, drawing


def degradation_rows(**changes):
    found = []
    for number, language in enumerate(("ru", "de", "en")):
        value = 3.0 - number
        row = {
            "language": language,
            "training_bytes": 1000 * 10**number,
            "d_sent": value,
            "d_sent_low": value - 0.5,
            "d_sent_high": value + 0.5,
            "flag": "collapsed" if language == "de" else "",
        }
        found.append(row | changes)
    return found


def layer_rows():
    effects = {"quantized": (1.0, 2.0, 4.0), "protected": (-3.0, -1.0, -2.0)}
    return [
        {
            "treatment": treatment,
            "layer": layer,
            "language": language,
            "effect": (layer + 1) * effect,
            "effect_low": (layer + 1) * effect - 1.5,
            "effect_high": (layer + 1) * effect + 1.5,
        }
        for treatment, row in effects.items()
        for layer in range(2)
        for language, effect in zip(("de", "en", "ru"), row, strict=True)
    ]


def labels(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_points_are_the_rows_from_top_to_bottom():
    figure = degradation_plots.degradation_figure(degradation_rows(), title="4 bits")
    losses, against = figure.axes
    assert labels(losses) == ["en", "de (collapsed)", "ru"]  # upwards
    assert losses.lines[0].get_xdata().tolist() == [1.0, 2.0, 3.0]
    (lines,) = losses.collections
    ends = [segment[:, 0].tolist() for segment in lines.get_segments()]
    assert ends == [[0.5, 1.5], [1.5, 2.5], [2.5, 3.5]]
    assert {text.get_text() for text in against.texts} == {"ru", "de", "en"}
    assert figure.get_suptitle() == "4 bits"


def test_no_axis_of_training_text_where_it_is_unknown():
    rows = degradation_rows(training_bytes=None)
    assert len(degradation_plots.degradation_figure(rows, title="").axes) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"d_sent_low": None, "d_sent_high": None},  # no interval
        {"d_sent": None, "d_sent_low": None, "d_sent_high": None},
        {"d_sent": 1.0, "d_sent_low": 1.5, "d_sent_high": 2.0},  # BCa leaves it out
        {"d_sent": 1.0, "d_sent_low": 1.0, "d_sent_high": 1.0},
    ],
)
def test_intervals_that_are_missing_or_leave_out_the_estimate(changes):
    figure = degradation_plots.degradation_figure(degradation_rows(**changes), title="")
    assert drawing.drawn("degradation", figure)


def test_layers_are_drawn_with_the_hardest_hit_language_on_top():
    figure = degradation_plots.layer_figure(layer_rows(), title="4 bits")
    quantized, protected = figure.axes[:2]
    assert labels(quantized) == labels(protected) == ["ru", "en", "de"]
    lost = np.array(quantized.images[0].get_array())
    np.testing.assert_array_equal(lost, [[4, 8], [2, 4], [1, 2]])
    saved = np.array(protected.images[0].get_array())
    np.testing.assert_array_equal(saved, [[2, 4], [1, 2], [3, 6]])
    (dots,) = quantized.lines  # where the interval excludes 0
    places = sorted(zip(*(x.tolist() for x in dots.get_data()), strict=True))
    assert places == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]


def test_a_layer_without_any_effect_can_be_drawn():
    rows = [
        row | {"effect": 0.0, "effect_low": None, "effect_high": None}
        for row in layer_rows()
    ]
    assert drawing.drawn("layers", degradation_plots.layer_figure(rows, title=""))


def test_the_same_rows_give_the_same_bytes():
    one, other = (
        drawing.drawn(
            "degradation",
            degradation_plots.degradation_figure(degradation_rows(), title="t"),
        )
        for _ in range(2)
    )
    assert one == other
    assert list(one) == [
        f"figures/degradation.{kind}" for kind in ("svg", "png", "pdf")
    ]
    assert one["figures/degradation.png"].startswith(b"\x89PNG")
    root = xml.etree.ElementTree.fromstring(one["figures/degradation.svg"])
    assert root.tag.endswith("}svg")
