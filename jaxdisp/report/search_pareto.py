"""Figures of what sets of layers cost in bytes, against what languages lose."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np
from jaxtyping import Float

from jaxdisp.report import search_tables
from jaxdisp.report.drawing import BLUE, RED, SETTINGS, WIDEST
from jaxdisp.report.search_ranks import FEW, MANY, PALE

PANELS = {"mean": "mean loss", "worst": "worst language", "disparity": "disparity"}
DISPARITIES = {"max_min": "worst minus best", "difference": "low minus high resource"}


def pareto_figure(found: dict[str, Any], *, title: str) -> matplotlib.figure.Figure:
    """Draws size against losses: all sets, those no other beats, the proposed one.

    Disparities are drawn without sign, as the fronts take them.

    Args:
        found: results of a search.
        title: what was searched.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        figure = matplotlib.figure.Figure(figsize=(WIDEST, 4.2), layout="constrained")
        panels = figure.subplots(1, 3)
        for axes, (name, label) in zip(panels, PANELS.items(), strict=True):
            _panel(axes, found, name)
            if name == "disparity":
                label = DISPARITIES.get(found["disparity_measure"], label)
            axes.set_title(label, fontsize=9)
            axes.set_xlabel("size (MB)")
            axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
            _effective_bits(axes, found)
        panels[0].set_ylabel("nats lost per parallel sentence, 95 %")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=len(labels),
            frameon=False,
            fontsize=8,
        )
        figure.suptitle(title, fontsize=10)
    return figure


def _panel(axes: matplotlib.axes.Axes, found: dict[str, Any], name: str) -> None:
    rows = found["sets"]
    front = sorted(
        (row for row in rows if name in row["fronts"]), key=lambda row: row["bytes"]
    )
    at, value = _megabytes(rows), abs(search_tables.column(rows, name))
    heavy = len(rows) > MANY
    dots = {"ms": 2 if heavy else 4 if len(rows) > FEW else 8, "rasterized": heavy}
    axes.plot(at, value, ".", color=PALE, label="sets", **dots)
    axes.plot(
        _megabytes(front),
        abs(search_tables.column(front, name)),
        "o-",
        drawstyle="steps-post",
        color=BLUE,
        ms=3,
        lw=1,
        label="Pareto front",
    )
    _intervals(axes, front, name, BLUE)
    bare = [found["unprotected"]]
    _intervals(axes, bare, name, "black")
    at, value = _megabytes(bare), abs(search_tables.column(bare, name))
    axes.plot(at, value, "v", color="black", ms=6, label="unprotected")
    full = [found["full_bytes"] / 1e6]
    axes.plot(full, [0.0], "*", color="black", ms=9, label="full precision")
    proposed = search_tables.proposed_row(found)
    if proposed is not None:
        label = f"proposed {search_tables.set_name(proposed)}"
        at, value = _megabytes([proposed]), abs(search_tables.column([proposed], name))
        _intervals(axes, [proposed], name, RED)
        # hollow, since a dot of the front may lie below
        axes.plot(at, value, "D", color=RED, mfc="none", ms=6, mew=1.6, label=label)
    axes.axhline(0, color="black", lw=0.8, zorder=0)


def _intervals(
    axes: matplotlib.axes.Axes, rows: Sequence[dict[str, Any]], name: str, colour: str
) -> None:
    """Intervals; those of disparities with the sign with which they are drawn."""
    sign = np.where(search_tables.column(rows, name) < 0, -1.0, 1.0)
    low, high = (
        sign * search_tables.column(rows, f"{name}_{e}") for e in ("low", "high")
    )
    axes.vlines(_megabytes(rows), low, high, color=colour, lw=1, alpha=0.7)


def _megabytes(rows: Sequence[dict[str, Any]]) -> Float[np.ndarray, " row"]:
    return search_tables.column(rows, "bytes") / 1e6


def _effective_bits(axes: matplotlib.axes.Axes, found: dict[str, Any]) -> None:
    """A second axis of bits per weight, which grow in proportion to bytes."""
    rows = [row for row in [found["unprotected"], *found["sets"]] if _has_bits(row)]
    least, most = (extreme(rows, key=_size, default=None) for extreme in (min, max))
    if least is None or most is None or _size(least) == _size(most):
        return
    gained = most["effective_bits"] - least["effective_bits"]
    slope = 1e6 * gained / (_size(most) - _size(least))
    if slope <= 0:
        return
    start = least["effective_bits"] - slope * _size(least) / 1e6
    bits = axes.secondary_xaxis(
        "top", functions=(lambda x: start + slope * x, lambda y: (y - start) / slope)
    )
    bits.set_xlabel("bits per weight", fontsize=8)
    bits.tick_params(labelsize=8)


def _size(row: dict[str, Any]) -> int:
    return row["bytes"]


def _has_bits(row: dict[str, Any]) -> bool:
    return row.get("effective_bits") is not None
