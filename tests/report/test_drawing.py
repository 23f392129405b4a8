"""How figures look: colours for any eye and page, names as text, places of names."""

import itertools
import xml.etree.ElementTree

import matplotlib as mpl
import matplotlib.figure
import matplotlib.text
import numpy as np
import pytest

from jaxdisp.report import clip_plots, degradation_plots, drawing
from jaxdisp.report.causes import interventions_figure, sensitivity_figure
from jaxdisp.report.figures import foretold, power, weights
from tests.report import made_up_run

VISION = {
    "usual": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
"""Machado, Oliveira and Fernandes 2009, table 1, severity 1."""
TO_XYZ = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
]
JUST_SEEN = 2.3
PALETTE = (drawing.BLUE, drawing.RED, drawing.GREY)


def linear(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return np.array(
        [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    )


def lab(rgb):
    x, y, z = np.array(TO_XYZ) @ rgb / np.array([0.95047, 1.0, 1.08883])
    t = np.array([x, y, z])
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one, other):
    low, high = sorted(float(np.array(TO_XYZ)[1] @ linear(c)) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("vision", VISION)
def test_colours_differ_ten_times_as_much_as_can_be_seen(vision):
    seen = [
        lab(np.clip(np.array(VISION[vision]) @ linear(colour), 0, 1))
        for colour in (*PALETTE, "#000000")
    ]
    apart = [np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)]
    assert min(apart) > 10 * JUST_SEEN


@pytest.mark.parametrize("paper", ["#ffffff", "#16181d"])
def test_colours_are_seen_on_light_and_on_dark_pages(paper):
    assert all(contrast(colour, paper) >= 3 for colour in PALETTE)


def test_what_colour_tells_marks_or_lines_tell_too():
    kinds = [
        [look[1:3] for look in degradation_plots.TIERS],
        clip_plots.LOOKS.values(),
        foretold.VERDICTS.values(),
        [(style, mark) for _, style, mark in weights.LOOKS.values()],
        power.CORRELATIONS.values(),
        [curve[1:3] for curve in sensitivity_figure.CURVES],
    ]
    for looks in kinds:
        marks = [tuple(look)[1] for look in looks]
        assert len(set(marks)) == len(marks)
    marks = [each.get_marker() for each in interventions_figure._marks()]
    assert len(set(marks)) == len(marks)


def test_there_is_no_other_colour_in_the_modules_of_figures():
    own = {*PALETTE, drawing.INK, "black", "white"}
    used = {look[0] for look in clip_plots.LOOKS.values()}
    used |= {look[0] for look in foretold.VERDICTS.values()}
    used |= {look[0] for look in weights.LOOKS.values()}
    used |= {look[1] for look in degradation_plots.TIERS}
    assert used <= own


@pytest.mark.parametrize(
    "name", ["a$b$c", "$\\frac{1}{2}$", "<i>x_1^2</i> & \\", "עברית", "中文", "_x"]
)
def test_names_are_text_whatever_they_hold(name):
    rows = made_up_run.found([name, "de", "en"])["degradation"]
    figure = degradation_plots.degradation_figure(rows, title=name)
    svg = drawing.drawn("degradation", figure)["figures/degradation.svg"]
    root = xml.etree.ElementTree.fromstring(svg)
    written = {"".join(each.itertext()) for each in root.iter() if "text" in each.tag}
    assert name in written  # both the title and the name of the row
    assert f"{name} (not above noise)" in written or len(rows) == 3
    fonts = [each.get("style", "") for each in root.iter() if each.tag.endswith("text")]
    assert all("sans-serif" in style for style in fonts if "font" in style)


def scattered(points, names):
    with mpl.rc_context(drawing.SETTINGS):
        figure = matplotlib.figure.Figure(figsize=(4, 3), layout="constrained")
        axes = figure.subplots()
        axes.plot(*points.T, "o")
        left_out = drawing.name_points(axes, *points.T, names)
        figure.draw_without_rendering()
    return axes, left_out


def boxes(axes):
    # of the letters alone, without the line to the point
    return [matplotlib.text.Text.get_window_extent(text) for text in axes.texts]


@pytest.mark.parametrize("number", [2, 16, 40])
def test_names_of_points_do_not_overlap(number):
    golden = np.arange(number) * 0.618 % 1
    points = np.column_stack([golden, np.arange(number) / number])
    axes, left_out = scattered(points, made_up_run.names(number))
    assert len(axes.texts) + left_out == number
    assert left_out <= number / 8
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes(axes), 2))
    frame = axes.get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes(axes))


def test_points_in_one_place_do_not_hide_one_another_s_names():
    axes, left_out = scattered(np.full((40, 2), 0.5), made_up_run.names(40))
    assert left_out > 20
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes(axes), 2))


def test_a_point_without_a_name_still_has_its_place():
    points = np.array([[0.0, 0.0], [1.0, 1.0]])
    axes, left_out = scattered(points, ["", "b"])
    assert [text.get_text() for text in axes.texts] == ["b"]
    assert left_out == 0


def test_numbers_of_logarithmic_axes_are_plain():
    with mpl.rc_context(drawing.SETTINGS):
        figure = matplotlib.figure.Figure()
        axes = figure.subplots()
        axes.set_yscale("log")
        axes.set_ylim(0.001, 1000)
        drawing.plain_numbers(axes.yaxis)
        figure.draw_without_rendering()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert {"0.01", "1", "100"} <= set(labels)
    assert not any("$" in label for label in labels)
