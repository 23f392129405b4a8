"""Figures of a search: what they show of made-up results."""

import copy
import functools as ft
import xml.etree.ElementTree

import jax
import matplotlib.colors
import numpy as np
import pytest

from jaxdisp.report import (
    drawing,
    search_pareto,
    search_plots,
    search_ranks,
)
from tests.report import made_up_search

SETS = {
    "few": [(0, 9, 11), (0, 2, 5), (1, 2, 3), (4,), (0, 1, 2, 10, 11)],
    "triples": made_up_search.layer_sets(12, 3),
    "many": made_up_search.layer_sets(12, 3, 4),
}
FIGURES = (
    search_plots.rank_figure,
    search_plots.shapley_figure,
    search_plots.interaction_figure,
    search_pareto.pareto_figure,
)


@ft.cache
def _search(sets, **changes):
    return made_up_search.search(jax.random.key(3), SETS[sets], **changes)


def search(sets="few", **changes):
    return copy.deepcopy(_search(sets, **changes))


def legend(figure):
    (box,) = figure.legends
    return [text.get_text() for text in box.get_texts()]


def colour(artist):
    return matplotlib.colors.to_hex(artist.get_color())


def drawn(axes, shade):
    """Points of the line of one colour that has markers."""
    (line,) = [
        each
        for each in axes.lines
        if colour(each) == matplotlib.colors.to_hex(shade)
        and each.get_marker() not in ("None", "", None)
    ]
    return np.asarray(line.get_xydata())


def test_few_sets_are_named_below_their_objective():
    found = search(width=0.7)
    figure = search_plots.rank_figure(found, title="4 bits")
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == [" ".join(map(str, row["layers"])) for row in found["sets"]]
    assert names[0] == "0 2 5"
    ends = {}
    shades = (search_ranks.PALE, drawing.BLUE)
    for lines, shade in zip(axes.collections[:2], shades, strict=True):
        for segment in lines.get_segments():
            ends[int(segment[0, 0])] = (segment[:, 1].tolist(), shade)
    for place, row in enumerate(found["sets"], 1):
        shade = drawing.BLUE if row["among_best"] else search_ranks.PALE
        assert ends[place] == ([row["worst_low"], row["worst_high"]], shade)
        assert [place, row["worst"]] in drawn(axes, shade).tolist()
    assert {shade for _, shade in ends.values()} == {search_ranks.PALE, drawing.BLUE}
    assert figure.get_suptitle() == "4 bits"
    assert axes.get_ylabel() == "loss of the worst language (nats per sentence)"


def test_the_proposed_set_and_the_unprotected_level_are_marked():
    found = search("triples")
    row = next(row for row in found["sets"] if row["layers"] == [0, 9, 11])
    figure = search_plots.rank_figure(found, title="")
    (axes,) = figure.axes
    place = found["sets"].index(row) + 1
    assert drawn(axes, drawing.RED).tolist() == [[place, row["objective"]]]
    (segment,) = axes.collections[-1].get_segments()
    assert segment[:, 0].tolist() == [row["rank_low"], row["rank_high"]]
    assert segment[:, 1].tolist() == [row["objective"]] * 2
    (level,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert set(level.get_ydata()) == {found["unprotected"]["worst"]}
    best = sum(row["among_best"] for row in found["sets"])
    ends = f"[{row['rank_low']}-{row['rank_high']}]"
    assert legend(figure) == [
        "other sets",
        f"not distinguishable from the best ({best} of 220 sets)",
        f"unprotected: {found['unprotected']['worst']:.2f}",
        f"proposed 0 9 11: rank {row['rank']} {ends} of 220",
    ]


def test_of_many_sets_a_band_shows_which_may_be_the_best():
    found = search("triples", width=0.2)
    for place, row in enumerate(found["sets"]):
        row["among_best"] = place in (0, 1, 4)  # not all side by side
    figure = search_plots.rank_figure(found, title="")
    (axes,) = figure.axes
    band = axes.collections[1]
    assert matplotlib.colors.to_hex(band.get_facecolor()[0]) == drawing.BLUE
    spans = [sorted(set(path.vertices[:, 0].tolist())) for path in band.get_paths()]
    assert [(each[0], each[-1]) for each in spans] == [(0.5, 2.5), (4.5, 5.5)]
    low, high = (found["sets"][4][f"worst_{end}"] for end in ("low", "high"))
    heights = band.get_paths()[1].vertices[:, 1]
    assert (heights.min(), heights.max()) == (low, high)
    points = drawn(axes, search_ranks.DARKER[drawing.BLUE])
    assert points[:, 0].tolist() == [1, 2, 5]
    np.testing.assert_array_equal(
        drawn(axes, drawing.GREY)[:, 1],
        [row["worst"] for row in found["sets"] if not row["among_best"]],
    )


@pytest.mark.parametrize(("best", "shown"), [(3, 50), (40, 80)])
def test_the_best_of_very_many_sets_have_a_panel_of_their_own(best, shown):
    found = search("many", equal_layers=False)
    for place, row in enumerate(found["sets"]):
        row["among_best"] = place < best
    whole, top = search_plots.rank_figure(found, title="").axes
    assert len(drawn(whole, drawing.GREY)) == len(found["sets"]) - best
    assert len(drawn(top, drawing.GREY)) == shown - best
    assert top.get_title() == f"the best {shown}"
    assert not [line for line in top.lines if line.get_linestyle() == "--"]
    assert min(top.get_xticks()) == 1


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({"objective": "mean"}, "mean"),
        ({"objective": "max_min"}, "disparity"),
        ({"objective": "max_min", "disparity_measure": "difference"}, None),
        ({"objective": "log_ratio", "objective_unit": ""}, None),
    ],
)
@pytest.mark.parametrize("sets", ["few", "triples"])
def test_intervals_and_levels_only_where_they_are_known(sets, changes, level):
    found = search(sets) | changes | {"proposed": None}
    (axes,) = search_plots.rank_figure(found, title="").axes
    assert bool(axes.collections) == (changes["objective"] == "mean")
    shown = [line for line in axes.lines if line.get_linestyle() == "--"]
    expected = [] if level is None else [found["unprotected"][level]]
    assert [line.get_ydata()[0] for line in shown] == expected
    assert axes.get_ylabel().endswith(")") == bool(found["objective_unit"])


def test_sets_without_a_rank_are_left_out():
    found = search("few")
    found["sets"][-1] |= {"rank": 0, "objective": None, "among_best": False}
    (axes,) = search_plots.rank_figure(found, title="").axes
    assert len(axes.get_xticks()) == 4
    for row in found["sets"]:
        row |= {"rank": 0, "objective": float("nan"), "among_best": False}
    assert drawing.drawn("rank", search_plots.rank_figure(found, title=""))


def test_shapley_values_by_layer_and_language():
    found = search()
    found["layers"][4]["by_language"]["sw"] |= {"low": -0.1, "high": 0.2}
    found["layers"][5]["by_language"]["sw"] |= {"low": None, "high": None}
    found["layers"][0]["by_language"]["en"] |= {"low": -0.3, "high": -0.1}
    figure = search_plots.shapley_figure(found, title="t")
    bars, heat = figure.axes[:2]
    languages = [label.get_text() for label in heat.get_yticklabels()]
    totals = [
        sum(row["by_language"][name]["shapley"] for row in found["layers"])
        for name in languages
    ]
    assert totals == sorted(totals, reverse=True)
    table = np.asarray(heat.images[0].get_array())
    expected = [
        [row["by_language"][name]["shapley"] for row in found["layers"]]
        for name in languages
    ]
    np.testing.assert_array_equal(table, expected)
    (dots,) = heat.lines
    places = {(int(x), languages[int(y)]) for x, y in dots.get_xydata()}
    assert places == {
        (row["layer"], name)
        for row in found["layers"]
        for name, each in row["by_language"].items()
        if each["low"] is not None and (each["low"] > 0 or each["high"] < 0)
    }
    assert {(3, "sw"), (0, "en")} <= places
    assert not places & {(4, "sw"), (5, "sw")}
    means = [row["shapley"] for row in found["layers"]]
    assert [bar.get_height() for bar in bars.patches] == means
    ends = [line[:, 1].tolist() for line in bars.collections[0].get_segments()]
    assert ends == [
        [row["shapley_low"], row["shapley_high"]] for row in found["layers"]
    ]


@pytest.mark.parametrize(
    ("order", "says"), [(3, " of sets up to 3 layers)"), (12, "(Shapley value)")]
)
def test_truncated_shapley_values_say_so(order, says):
    figure = search_plots.shapley_figure(search(order=order), title="")
    assert figure.axes[0].get_title().endswith(says)


def test_without_shapley_values_there_is_no_figure():
    with pytest.raises(ValueError, match="no Shapley values: draw only what has"):
        search_plots.shapley_figure(search() | {"layers": []}, title="")


def test_interactions_of_pairs_and_the_largest_triples():
    found = search()
    figure = search_plots.interaction_figure(found, title="t")
    right, left = figure.axes[1], figure.axes[0]
    table = np.ma.filled(left.images[0].get_array(), np.nan)
    np.testing.assert_array_equal(table, table.T)
    assert np.isnan(np.diag(table)).all()
    pairs = [row for row in found["interactions"] if row["size"] == 2]
    for row in pairs:
        assert table[tuple(row["layers"])] == row["interaction"]
    places = {tuple(each) for each in left.lines[0].get_xydata().astype(int).tolist()}
    above = {tuple(row["layers"]) for row in pairs if row["above_noise"]}
    assert places == above | {each[::-1] for each in above}
    assert above
    assert left.get_xlabel() == "layer (dot: above noise)"
    triples = [row for row in found["interactions"] if row["size"] == 3]
    triples.sort(key=lambda row: -abs(row["interaction"]))
    names = [label.get_text() for label in right.get_yticklabels()]
    assert names == [" ".join(map(str, row["layers"])) for row in triples[:10]]
    ends = right.collections[0].get_segments()
    assert [line[:, 0].tolist() for line in ends] == [
        [row["interaction_low"], row["interaction_high"]] for row in triples[:10]
    ]
    filled = [line.get_markerfacecolor() != "white" for line in right.lines[:10]]
    assert filled == [row["above_noise"] for row in triples[:10]]
    assert any(filled)
    assert not all(filled)


def test_interactions_that_were_not_measured_are_grey():
    found = search(order=2)
    figure = search_plots.interaction_figure(found, title="")
    assert len(figure.axes) == 2  # with the scale of colours
    found["interactions"] = found["interactions"][1:]
    (axes, _) = search_plots.interaction_figure(found, title="").axes
    assert axes.get_xlabel() == "layer (dot: above noise; grey: not measured)"
    figure = search_plots.interaction_figure(found | {"interactions": []}, title="")
    assert drawing.drawn("interactions", figure)


def test_size_against_losses():
    found = search("many", equal_layers=False)
    figure = search_pareto.pareto_figure(found, title="t")
    proposed = next(row for row in found["sets"] if row["layers"] == [0, 9, 11])
    for axes, name in zip(figure.axes[:3], ("mean", "worst", "disparity"), strict=True):
        points = [(row["bytes"] / 1e6, row[name]) for row in found["sets"]]
        np.testing.assert_array_equal(drawn(axes, search_ranks.PALE), points)
        front = drawn(axes, drawing.BLUE)
        assert 1 < len(front) < len(points)
        assert (np.diff(front[:, 0]) > 0).all()
        assert (np.diff(front[:, 1]) < 0).all()
        for size, value in points:  # on or above the steps
            assert value >= front[front[:, 0] <= size, 1].min()
        at = [[proposed["bytes"] / 1e6, proposed[name]]]
        assert drawn(axes, drawing.RED).tolist() == at
        bare, full = (
            line.get_xydata().tolist()
            for mark in "v*"
            for line in axes.lines
            if line.get_marker() == mark
        )
        assert bare == [
            [found["unprotected"]["bytes"] / 1e6, found["unprotected"][name]]
        ]
        assert full == [[found["full_bytes"] / 1e6, 0.0]]
    titles = [axes.get_title() for axes in figure.axes[:3]]
    assert titles == ["mean loss", "worst language", "worst minus best"]


def test_bits_per_weight_are_those_of_the_sets():
    found = search("many", equal_layers=False)
    axes = search_pareto.pareto_figure(found, title="").axes[0]
    (bits,) = axes.child_axes
    for row in found["sets"][::100]:
        # the same number twice, but for a rounding of float64
        assert bits._functions[0](row["bytes"] / 1e6) == pytest.approx(
            row["effective_bits"], rel=1e-12
        )
        assert bits._functions[1](row["effective_bits"]) == pytest.approx(
            row["bytes"] / 1e6, rel=1e-12
        )


@pytest.mark.parametrize("bits", [None, 4.0])
def test_no_bits_per_weight_where_nothing_is_known_of_them(bits):
    found = search()
    for row in (found["unprotected"], *found["sets"]):
        row["effective_bits"] = bits
    axes = search_pareto.pareto_figure(found, title="").axes[0]
    assert not axes.child_axes


def test_disparities_are_drawn_without_sign():
    found = search() | {"disparity_measure": "difference"}
    for row in found["sets"]:
        row["disparity"] *= -1
    axes = search_pareto.pareto_figure(found, title="").axes[2]
    assert axes.get_title() == "low minus high resource"
    assert all(line.get_ydata()[0] >= 0 for line in axes.lines)


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_bounds_that_are_missing(nothing):
    found = search("triples")
    for row in (*found["sets"], found["unprotected"]):
        for name in ("mean", "worst", "disparity"):
            row |= {f"{name}_low": nothing, f"{name}_high": nothing}
        row["disparity"] = nothing
    for row in found["layers"]:
        row |= {"shapley_low": nothing, "shapley_high": nothing}
        for each in row["by_language"].values():
            each |= {"low": nothing, "high": nothing}
    for row in found["interactions"]:
        row |= {"interaction_low": nothing, "interaction_high": nothing}
    for make in FIGURES:
        assert drawing.drawn("figure", make(found, title=""))
    heat = search_plots.shapley_figure(found, title="").axes[1]
    assert len(heat.lines[0].get_xdata()) == 0


@pytest.mark.parametrize("make", FIGURES)
def test_the_same_results_give_the_same_bytes(make):
    found = search("many", equal_layers=False)
    one, other = (drawing.drawn("figure", make(found, title="t")) for _ in range(2))
    assert one == other
    assert one["figures/figure.png"].startswith(b"\x89PNG")
    root = xml.etree.ElementTree.fromstring(one["figures/figure.svg"])
    assert root.tag.endswith("}svg")
    assert len(one["figures/figure.svg"]) < 300_000
