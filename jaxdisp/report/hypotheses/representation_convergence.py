"""The figure of T-009: how alike languages are at every depth, and what they lose."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS

Rows = list[dict[str, Any]]


def figure(tables: dict[str, Rows]) -> matplotlib.figure.Figure:
    """Draws alignment by depth in four measures, and against what languages lose.

    Args:
        tables: `layers` and `languages`, as from the experiment.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        drawn = matplotlib.figure.Figure(figsize=(9, 6), layout="constrained")
        grid = drawn.add_gridspec(3, 2, width_ratios=(1.25, 1))
        layers = tables["layers"]
        margin = drawn.add_subplot(grid[:2, 0])
        _margins(margin, layers)
        _against_losses(drawn.add_subplot(grid[:2, 1]), tables["languages"])
        low = grid[2, :].subgridspec(1, 3)
        for number, (name, label) in enumerate(
            (
                ("retrieval", "retrieval of translations\n(share found)"),
                ("cka", "debiased CKA"),
                ("distance", "sliced Wasserstein\n(in spreads)"),
            )
        ):
            axes = drawn.add_subplot(low[0, number])
            _band(axes, layers, name, BLUE, None)
            axes.set_xlabel("layers passed")
            axes.set_ylabel(label)
        drawn.suptitle(
            "How alike languages are on parallel sentences, by depth", fontsize=10
        )
    return drawn


def _band(
    axes: matplotlib.axes.Axes, rows: Rows, name: str, colour: str, label: str | None
) -> None:
    taps = [row["tap"] for row in rows]
    value, low, high = (
        np.array([row[f"{name}{end}"] for row in rows], float)
        for end in ("", "_low", "_high")
    )
    axes.fill_between(taps, low, high, color=colour, alpha=0.2, lw=0)
    axes.plot(taps, value, "o-", color=colour, ms=3, label=label)


def _margins(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    _band(axes, rows, "margin", BLUE, "length removed (95 % interval)")
    taps = [row["tap"] for row in rows]
    for name, colour, style, label in (
        ("with_length", RED, "--", "as it is, with length"),
        ("untrained", GREY, "--", "shuffled weights"),
        ("mismatched", GREY, ":", "no translations"),
    ):
        values = [row[name] for row in rows]
        axes.plot(taps, values, ls=style, color=colour, lw=1.2, label=label)
    last = max(taps)
    axes.axvspan(0.75 * last - 1, 0.75 * last + 1, color=GREY, alpha=0.12, lw=0)
    axes.annotate(
        "three quarters",
        (0.75 * last, 0.2),
        xycoords=("data", "axes fraction"),
        ha="center",
        fontsize=8,
        color=GREY,
    )
    axes.axhline(0, color="black", lw=0.8)
    axes.set_ylim(top=1.25 * max(row["with_length"] for row in rows))
    axes.set_xlabel("layers passed")
    axes.set_ylabel("margin of translations (cosine)")
    axes.legend(loc="upper left", frameon=False, fontsize=8, ncols=2)


def _against_losses(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    margin, low, high = (
        np.array([row[f"margin{end}"] for row in rows], float)
        for end in ("", "_low", "_high")
    )
    lost = [row["lost"] for row in rows]
    axes.hlines(lost, low, high, color=BLUE, lw=1)
    axes.plot(margin, lost, "o", color=BLUE, ms=4)
    for row in rows:
        axes.annotate(
            row["language"],
            (row["margin"], row["lost"]),
            xytext=(3, 3),
            textcoords="offset points",
            fontsize=8,
        )
    axes.set_xlabel("margin at the peak (cosine, 95 % interval)")
    axes.set_ylabel("lost (nats per sentence)")
