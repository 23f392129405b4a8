"""Effective dimension after each layer, and what the layer loses when quantized."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS

Rows = list[dict[str, Any]]


def figure(tables: dict[str, Rows]) -> matplotlib.figure.Figure:
    """Draws effective dimensions by layer, of all languages together and of each.

    Args:
        tables: of the experiment T-007; `layers` and `languages` are drawn.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        drawing = matplotlib.figure.Figure(figsize=(9, 3.4), layout="constrained")
        left, right = drawing.subplots(1, 2, width_ratios=(1.5, 1))
        _curves(left, tables["layers"], tables["languages"])
        _against_loss(right, tables["layers"])
        drawing.suptitle(
            "Effective dimension of hidden states (participation ratio)", fontsize=10
        )
    return drawing


def _curves(axes: matplotlib.axes.Axes, rows: Rows, languages: Rows) -> None:
    layers = np.array([row["layer"] for row in rows])
    own, low, high, null = (
        np.array([row[name] for row in rows])
        for name in ("dimension", "low", "high", "shuffled")
    )
    known = [row for row in languages if row["dimension"] is not None]
    for place, language in enumerate(dict.fromkeys(r["language"] for r in known)):
        part = [row for row in known if row["language"] == language]
        axes.plot(
            [row["layer"] for row in part],
            [row["dimension"] for row in part],
            color=BLUE,
            alpha=0.3,
            lw=0.8,
            label=None if place else "each language",
        )
    axes.fill_between(layers, low, high, color=BLUE, alpha=0.3, lw=0)
    axes.plot(layers, own, "o-", color=BLUE, ms=4, label="all (95 % interval)")
    axes.plot(layers, null, "x--", color=GREY, ms=4, lw=0.8, label="weights shuffled")
    (at,) = [place for place, r in enumerate(rows) if r["three_quarter"] == "yes"]
    axes.plot(
        layers[at], own[at], "o", color=RED, ms=7, label="three quarters of the depth"
    )
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.set_xticks(layers)
    axes.set_xlabel("after layer")
    axes.set_ylabel("effective dimension")
    axes.legend(frameon=False, fontsize=7)


def _against_loss(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    ordered = sorted(rows, key=lambda row: row["dimension"])
    for place, row in enumerate(ordered):
        colour = RED if row["three_quarter"] == "yes" else BLUE
        left = place % 2  # neighbours on the axis are named on opposite sides
        axes.plot(row["dimension"], row["lost"], "o", color=colour, ms=4)
        axes.annotate(
            str(row["layer"]),
            (row["dimension"], row["lost"]),
            xytext=(-4 if left else 4, 2),
            ha="right" if left else "left",
            textcoords="offset points",
            fontsize=8,
        )
    axes.axhline(0, color="black", lw=0.8)
    axes.set_xlabel("effective dimension after the layer")
    axes.set_ylabel("lost when only it is quantized\n(nats per sentence)")
