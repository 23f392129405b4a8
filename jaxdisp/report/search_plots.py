"""Figures of a search, drawn from its stored results."""

import functools as ft
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.image
import matplotlib.ticker
import numpy as np

from jaxdisp.report import search_pareto, search_ranks, search_tables, tables
from jaxdisp.report.drawing import BLUE, ON_CELLS, SETTINGS, WIDEST
from jaxdisp.report.illustration import Illustration
from jaxdisp.report.search_ranks import MANY

BEST = 50
"""Sets, of more than `MANY`, in a panel of their own, unless more may be the best."""
LISTED = 10


def rank_figure(found: dict[str, Any], *, title: str) -> matplotlib.figure.Figure:
    """Draws all sets by rank, those that may be the best, and the proposed one.

    Sets without a rank are left out.

    Args:
        found: results of a search.
        title: what was searched.

    Reference: our own definition.
    """
    rows = [row for row in found["sets"] if row["rank"]]
    many = len(rows) > MANY
    with mpl.rc_context(SETTINGS):
        size = (WIDEST if many else 8, 4.6)
        figure = matplotlib.figure.Figure(figsize=size, layout="constrained")
        panels = figure.subplots(1, 2 if many else 1, squeeze=False)[0]
        search_ranks.draw(panels[0], found, rows)
        if many:
            top = rows[: max(BEST, 2 * sum(row["among_best"] for row in rows))]
            search_ranks.draw(panels[1], found, top, unprotected=False)
            panels[1].set_title(f"the best {len(top)}", fontsize=9)
        handles, labels = panels[0].get_legend_handles_labels()
        where = {"loc": "outside lower center", "ncols": 2}
        figure.legend(handles, labels, frameon=False, fontsize=8, **where)
        figure.suptitle(title, fontsize=10)
    return figure


def shapley_figure(found: dict[str, Any], *, title: str) -> matplotlib.figure.Figure:
    """Draws what each layer is worth: mean over languages, and by language.

    Args:
        found: results of a search that has Shapley values.
        title: what was searched.

    Raises:
        ValueError: if there are none.

    Reference: our own definition.
    """
    rows = found["layers"]
    if not rows:
        raise ValueError("no Shapley values: draw only what has `layers`, got none")
    languages = sorted(
        rows[0]["by_language"],
        key=lambda name: -sum(row["by_language"][name]["shapley"] for row in rows),
    )
    width = min(WIDEST, max(6.5, 0.3 * len(rows) + 2))
    size = width, 0.24 * len(languages) + 4
    with mpl.rc_context(SETTINGS):
        figure = matplotlib.figure.Figure(figsize=size, layout="constrained")
        ratios = (1.6, 0.24 * len(languages) + 0.2)
        bars, heat = figure.subplots(2, 1, sharex=True, height_ratios=ratios)
        _layer_bars(bars, rows)
        _layer_heat(figure, heat, rows, languages)
        limit = search_tables.truncation(found)
        what = "what protecting a layer saves (Shapley value"
        bars.set_title(f"{what}{limit and f' {limit}'})", fontsize=9)
        figure.suptitle(title, fontsize=10)
    return figure


def _layer_bars(axes: matplotlib.axes.Axes, rows: Sequence[dict[str, Any]]) -> None:
    places = np.arange(len(rows))
    axes.bar(places, search_tables.column(rows, "shapley"), color=BLUE, width=0.7)
    low, high = (
        search_tables.column(rows, "shapley_low"),
        search_tables.column(rows, "shapley_high"),
    )
    axes.vlines(places, low, high, color="black", lw=1)
    axes.axhline(0, color="black", lw=0.8)
    axes.tick_params(labelbottom=False)
    axes.set_ylabel("mean over languages\n(nats, 95 %)")


def _layer_heat(
    figure: matplotlib.figure.Figure,
    axes: matplotlib.axes.Axes,
    rows: Sequence[dict[str, Any]],
    languages: Sequence[str],
) -> None:
    table = np.array(
        [[row["by_language"][name]["shapley"] for row in rows] for name in languages],
        float,
    )
    clear = [
        (place, number)
        for number, name in enumerate(languages)
        for place, each in enumerate(row["by_language"][name] for row in rows)
        if search_tables.excludes_zero(each["low"], each["high"])
    ]
    image = _coloured(axes, table)
    axes.plot([x for x, _ in clear], [y for _, y in clear], ms=3, **ON_CELLS)
    axes.set_yticks(range(len(languages)), languages)
    every = range(0, len(rows), 1 + (len(rows) - 1) // 24)
    axes.set_xticks(every, [str(rows[n]["layer"]) for n in every])
    axes.set_xlabel("layer (dot: 95 % interval excludes 0)")
    _scale(figure, axes, image, "nats saved per parallel sentence")


def _scale(
    figure: matplotlib.figure.Figure,
    axes: matplotlib.axes.Axes,
    image: matplotlib.image.AxesImage,
    label: str,
) -> None:
    shape = {"location": "bottom", "aspect": 6 * figure.get_figwidth()}
    figure.colorbar(image, ax=axes, label=label, **shape)


def _coloured(
    axes: matplotlib.axes.Axes, table: np.ndarray
) -> matplotlib.image.AxesImage:
    limit = float(np.nanmax(np.abs(table), initial=0.0)) or 1.0
    return axes.imshow(table, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")


def interaction_figure(
    found: dict[str, Any], *, title: str
) -> matplotlib.figure.Figure:
    """Draws what pairs of layers save only together, and the largest triples.

    Args:
        found: results of a search.
        title: what was searched.

    Reference: our own definition.
    """
    rows = found["interactions"]
    pairs = [row for row in rows if row["size"] == 2]
    triples = search_tables.largest([row for row in rows if row["size"] > 2])[:LISTED]
    n_layers = len(found["sets"][0]["assignment"])
    side = min(5.5, max(4.4, 0.2 * n_layers + 1))
    size = side + (3.4 if triples else 0), side + 0.9
    with mpl.rc_context(SETTINGS):
        figure = matplotlib.figure.Figure(figsize=size, layout="constrained")
        if triples:
            ratios = (side, 3.4)
            left, right = figure.subplots(1, 2, width_ratios=ratios)
            _triples(right, triples)
        else:
            left = figure.subplots()
        _pairs(figure, left, pairs, n_layers)
        figure.suptitle(title, fontsize=10)
    return figure


def _pairs(
    figure: matplotlib.figure.Figure,
    axes: matplotlib.axes.Axes,
    rows: Sequence[dict[str, Any]],
    n_layers: int,
) -> None:
    table = np.full((n_layers, n_layers), np.nan)
    clear = []
    for row in rows:
        first, second = row["layers"]
        table[first, second] = table[second, first] = row["interaction"]
        if row["above_noise"]:
            clear += [(first, second), (second, first)]
    image = _coloured(axes, table)
    axes.set_facecolor("#e4e4e4")
    axes.plot([x for x, _ in clear], [y for _, y in clear], ms=3, **ON_CELLS)
    every = range(0, n_layers, 1 + (n_layers - 1) // 24)
    axes.set_xticks(every, [str(n) for n in every])
    axes.set_yticks(every, [str(n) for n in every])
    missing = "; grey: not measured" if np.isnan(table).sum() > n_layers else ""
    axes.set_xlabel(f"layer (dot: above noise{missing})")
    axes.set_ylabel("layer")
    axes.set_title("pairs of layers", fontsize=9)
    label = "nats per parallel sentence\nsaved only together (+) or twice (\u2212)"
    _scale(figure, axes, image, label)


def _triples(axes: matplotlib.axes.Axes, rows: Sequence[dict[str, Any]]) -> None:
    places = np.arange(len(rows))[::-1]
    value = search_tables.column(rows, "interaction")
    ends = (
        search_tables.column(rows, "interaction_low"),
        search_tables.column(rows, "interaction_high"),
    )
    axes.hlines(places, *ends, color=BLUE, lw=1.5)
    for place, at, row in zip(places, value, rows, strict=True):
        inside = BLUE if row["above_noise"] else "white"
        axes.plot([at], [place], "o", color=BLUE, mfc=inside, ms=5)
    axes.set_yticks(places, [" ".join(map(str, row["layers"])) for row in rows])
    axes.axvline(0, color="black", lw=0.8)
    axes.locator_params(axis="x", nbins=4)
    axes.set_xlabel("nats per sentence, 95 %\n(filled: above noise)")
    axes.set_title("largest of three layers", fontsize=9)


def illustrations(found: dict[str, Any], *, title: str) -> list[Illustration]:
    """Draws the ranks of sets and their costs, and what layers are worth, if known.

    Args:
        found: results of a search.
        title: what was searched.

    Reference: our own definition.
    """
    made = ft.partial(Illustration, section="search")
    best = found["sets"][0]
    drawn = [
        made(
            name="sets",
            title="Sets of protected layers by rank",
            alt=f"{len(found['sets'])} sets by rank; the first protects "
            f"{search_tables.in_braces(best)}, where the worst language loses "
            f"{tables.with_bounds(best, 'worst', 2)} nats per sentence"
            f"{_proposal(found)}.",
            tables=("sets",),
            figure=rank_figure(found, title=title),
        ),
        made(
            name="pareto",
            title="Bytes against losses",
            alt=_pareto_in_words(found),
            tables=("sets",),
            figure=search_pareto.pareto_figure(found, title=title),
        ),
    ]
    if found["layers"]:
        top = max(found["layers"], key=lambda row: row["shapley"])
        drawn.append(
            made(
                name="layer_shares",
                title="What each layer is worth",
                alt=f"Shapley values by layer; layer {top['layer']} is worth most, "
                f"{tables.with_bounds(top, 'shapley', 2)} nats per sentence.",
                tables=("layer_shares",),
                figure=shapley_figure(found, title=title),
            )
        )
    if found["interactions"]:
        top = search_tables.largest(found["interactions"])[0]
        layers = " and ".join(map(str, top["layers"]))
        drawn.append(
            made(
                name="interactions",
                title="What layers are worth together",
                alt=f"Map of interactions; that of {layers} is the largest, "
                f"{tables.with_bounds(top, 'interaction', 3)} nats per sentence.",
                tables=("interactions",),
                figure=interaction_figure(found, title=title),
            )
        )
    return drawn


def _proposal(found: dict[str, Any]) -> str:
    proposed = search_tables.proposed_row(found)
    if proposed is None or not proposed["rank"]:
        return ""
    others = len(found["sets"]) - 1
    return (
        f"; the proposed {search_tables.in_braces(proposed)} has rank "
        f"{search_tables.place(proposed)}, before "
        f"{1 + others - proposed['rank']} of {others} others"
    )


def _pareto_in_words(found: dict[str, Any]) -> str:
    bare, best = found["unprotected"], found["sets"][0]
    said = (
        f"Sizes against losses in nats per sentence. Unprotected, "
        f"{bare['bytes'] / 1e6:.1f} MB, the worst language loses "
        f"{tables.with_bounds(bare, 'worst', 2)} and the mean is "
        f"{tables.with_bounds(bare, 'mean', 2)}; "
    )
    return said + (
        f"with {search_tables.in_braces(best)} kept, {best['bytes'] / 1e6:.1f} of "
        f"{found['full_bytes'] / 1e6:.1f} MB, they are "
        f"{tables.with_bounds(best, 'worst', 2)} and "
        f"{tables.with_bounds(best, 'mean', 2)}."
    )
