"""How much languages differ after each layer, against shuffled languages."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS

Rows = list[dict[str, Any]]

TITLES = {
    "means": ("mean states", "share of the variance of tokens"),
    "spreads": ("log-variances of channels", "squared nats per channel"),
}


def figure(tables: dict[str, Rows]) -> matplotlib.figure.Figure:
    """Draws the variance between languages after each layer, beyond noise.

    Args:
        tables: of the experiment T-003; `layers` is drawn.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        drawing = matplotlib.figure.Figure(figsize=(9, 3.2), layout="constrained")
        both = drawing.subplots(1, 2)
        for axes, (name, titles) in zip(both, TITLES.items(), strict=True):
            rows = [row for row in tables["layers"] if row["statistic"] == name]
            _profile(axes, rows, *titles)
        both[0].legend(frameon=False, fontsize=8)
        drawing.suptitle(
            "Variance between languages after each layer, noise of texts taken off",
            fontsize=10,
        )
    return drawing


def _profile(axes: matplotlib.axes.Axes, rows: Rows, title: str, quantity: str) -> None:
    layers = np.array([row["layer"] for row in rows])
    own, low, high, null_low, null_high = (
        np.array([row[name] for row in rows])
        for name in ("excess", "low", "high", "shuffled_low", "shuffled_high")
    )
    chosen = np.array([row["gateway"] == "yes" for row in rows])
    axes.fill_between(
        layers,
        null_low,
        null_high,
        color=GREY,
        alpha=0.4,
        lw=0,
        label="languages shuffled (95 %)",
    )
    axes.plot(layers, own, color=GREY, lw=0.8, zorder=1)
    for inside, colour, name in (
        (~chosen, BLUE, "other layers (95 % interval)"),
        (chosen, RED, "first, three-quarter, last"),
    ):
        axes.vlines(layers[inside], low[inside], high[inside], color=colour, lw=1.2)
        axes.plot(layers[inside], own[inside], "o", color=colour, ms=5, label=name)
    axes.axhline(0, color="black", lw=0.8)
    axes.set_xticks(layers)
    axes.set_xlabel("layer")
    axes.set_ylabel(quantity)
    axes.set_title(title, fontsize=9)
