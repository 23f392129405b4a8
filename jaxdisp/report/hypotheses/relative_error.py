"""Relative errors against the law of the crest factor, and against what layers cost."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS

MARKERS = "osD^vPX*"


def figure(tables: dict[str, list[dict[str, Any]]]) -> matplotlib.figure.Figure:
    """Draws measured against predicted errors, and the cost of layers by their error.

    Args:
        tables: of experiment T-002.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        drawn = matplotlib.figure.Figure(figsize=(9, 3.9), layout="constrained")
        left, right = drawn.subplots(1, 2)
        _law(left, tables["matrices"])
        _cost(right, tables["layers"])
        drawn.suptitle(
            "relative errors of rounding: what they follow, and what they cost",
            fontsize=10,
        )
    return drawn


def _law(axes: matplotlib.axes.Axes, rows: list[dict[str, Any]]) -> None:
    kinds = list(dict.fromkeys(row["matrix"] for row in rows))
    for kind, marker in zip(kinds, MARKERS * len(kinds), strict=False):
        own = [row for row in rows if row["matrix"] == kind]
        x = [row["predicted"] for row in own]
        axes.plot(
            x,
            [row["relative_error"] for row in own],
            marker,
            color=BLUE,
            ms=4,
            mfc="none",
            label=kind,
        )
        axes.plot(
            x, [row["relative_error_clipped"] for row in own], marker, color=RED, ms=3
        )
    ends = np.array([f(row["predicted"] for row in rows) for f in (min, max)])
    ends = ends * np.array([0.9, 1.1])
    axes.plot(ends, ends, color=GREY, lw=1, zorder=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
        axis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    axes.set_xlabel("predicted: mean squared step / 12, over mean squared weight")
    axes.set_ylabel("measured relative error")
    axes.plot([], [], "o", color=RED, ms=3, label="best threshold")
    axes.legend(frameon=False, fontsize=8, title="blue: nothing clipped")


def _cost(axes: matplotlib.axes.Axes, rows: list[dict[str, Any]]) -> None:
    x = np.exp([row["log_relative_error"] for row in rows])
    y = [row["cost"] for row in rows]
    axes.plot(x, y, "o", color=BLUE, ms=4)
    low, high = ([row[name] for row in rows] for name in ("cost_low", "cost_high"))
    axes.vlines(x, low, high, color=BLUE, lw=0.7, alpha=0.6)
    for row, at, value in zip(rows, x, y, strict=True):
        axes.annotate(
            str(row["layer"]),
            (at, value),
            xytext=(4, 3),
            textcoords="offset points",
            fontsize=8,
        )
    axes.axhline(0, color="black", lw=0.8)
    axes.set_xlabel("relative error of the layer (geometric mean of its matrices)")
    axes.set_ylabel(
        "lost if only this layer is rounded\n(nats per sentence, 95 % interval)"
    )
