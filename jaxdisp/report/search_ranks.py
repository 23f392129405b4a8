"""Curves of ranked sets: objectives with intervals, and how far ranks are known."""

from collections.abc import Sequence
from typing import Any

import matplotlib.axes
import numpy as np
from jaxtyping import Float

from jaxdisp.report import search_tables
from jaxdisp.report.drawing import BLUE, GREY, RED

PALE = "#949494"
DARKER = {PALE: GREY, BLUE: "black"}
FEW = 24
"""Sets that are named one by one below their rank."""
MANY = 500
"""Sets above which dots are stored as an image, so that the SVG stays small."""


def draw(
    axes: matplotlib.axes.Axes,
    found: dict[str, Any],
    rows: Sequence[dict[str, Any]],
    *,
    unprotected: bool = True,
) -> None:
    """Draws ranked sets with their intervals and the proposed one, if it is there.

    Args:
        axes: to draw on.
        found: results of a search.
        rows: the sets of `found` to draw, the best first, all with a rank.
        unprotected: whether to draw the level without protection.

    Reference: our own definition.
    """
    shapes = _points if len(rows) <= FEW else _band
    shapes(axes, rows, found["objective"])
    level = _level(found) if unprotected else np.nan
    if np.isfinite(level):
        label = f"unprotected: {level:.2f}"
        axes.axhline(level, color="black", lw=1, ls="--", label=label)
    _proposal(axes, rows, search_tables.proposed_row(found))
    unit = found["objective_unit"] and f" ({found['objective_unit']})"
    axes.set_ylabel(search_tables.OBJECTIVES[found["objective"]] + unit)


def _bounds(
    rows: Sequence[dict[str, Any]], objective: str
) -> tuple[Float[np.ndarray, " row"], Float[np.ndarray, " row"]] | None:
    """Bounds of an objective, which only two have in these rows."""
    if objective not in ("worst", "mean"):
        return None
    return search_tables.column(rows, f"{objective}_low"), search_tables.column(
        rows, f"{objective}_high"
    )


def _level(found: dict[str, Any]) -> float:
    """The objective without protection; NaN if it is not among what is known of it."""
    objective, row = found["objective"], found["unprotected"]
    if objective == found["disparity_measure"]:
        return abs(float(search_tables.column([row], "disparity")[0]))
    return row[objective] if objective in ("worst", "mean") else np.nan


def _parts(
    rows: Sequence[dict[str, Any]],
) -> list[tuple[np.ndarray, str, str]]:
    """Which sets are drawn in which colour, and its meaning."""
    best = np.array([row["among_best"] for row in rows], bool)
    number = f"{best.sum()} of {len(rows)} sets"
    label = f"not distinguishable from the best ({number})"
    parts = [(~best, PALE, "other sets"), (best, BLUE, label)]
    return [part for part in parts if part[0].any()]


def _points(
    axes: matplotlib.axes.Axes, rows: Sequence[dict[str, Any]], objective: str
) -> None:
    places = np.arange(1, 1 + len(rows))
    value, bounds = search_tables.column(rows, "objective"), _bounds(rows, objective)
    for chosen, colour, label in _parts(rows):
        at = places[chosen]
        if bounds is not None:
            axes.vlines(at, bounds[0][chosen], bounds[1][chosen], color=colour, lw=1.5)
        inside = "white" if colour == PALE else colour
        dots = {"color": colour, "mfc": inside, "mew": 1.5, "ms": 5}
        axes.plot(at, value[chosen], "o", label=label, **dots)
    names = [search_tables.set_name(row) for row in rows]
    steep = sum(map(len, names)) > 70  # more do not fit side by side
    angle = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"} if steep else {}
    axes.set_xticks(places, names, **angle)
    axes.set_xlim(0.4, len(rows) + 0.6)
    axes.set_xlabel("layers kept, best set first")


def _band(
    axes: matplotlib.axes.Axes, rows: Sequence[dict[str, Any]], objective: str
) -> None:
    places = np.arange(1, 1 + len(rows))
    value, bounds = search_tables.column(rows, "objective"), _bounds(rows, objective)
    edges = np.stack([places - 0.5, places + 0.5], axis=1).ravel()
    # thousands of dots and steps would make the SVG large
    heavy = len(rows) > MANY
    for chosen, colour, label in _parts(rows):
        at, shown = places[chosen], {"label": label, "rasterized": heavy}
        if bounds is not None:
            low, high = (np.repeat(each, 2) for each in bounds)
            part = {"where": np.repeat(chosen, 2), "alpha": 0.45}
            axes.fill_between(edges, low, high, color=colour, lw=0, **part, **shown)
            shown["label"] = ""
        axes.plot(at, value[chosen], ".", color=DARKER[colour], ms=4, **shown)
    margin = 0.01 * len(rows)
    axes.set_xlim(edges[0] - margin, edges[-1] + margin)
    ticks = [tick for tick in axes.get_xticks() if 1 < tick <= len(rows)]
    axes.set_xticks([1, *ticks])
    axes.set_xlabel("rank of the set")


def _proposal(
    axes: matplotlib.axes.Axes,
    rows: Sequence[dict[str, Any]],
    proposed: dict[str, Any] | None,
) -> None:
    at = next((n for n, row in enumerate(rows, 1) if row is proposed), None)
    if proposed is None or at is None:
        return
    label = (
        f"proposed {search_tables.set_name(proposed)}: "
        f"rank {search_tables.place(proposed)} of {len(rows)}"
    )
    ends = proposed["rank_low"], proposed["rank_high"]
    value = proposed["objective"]
    limits = axes.get_xlim()
    axes.hlines(value, *ends, color=RED, lw=1.5)
    axes.plot([at], [value], "D-", color=RED, ms=6, mec="white", label=label)
    axes.set_xlim(limits)
