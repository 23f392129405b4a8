"""The figure of predictions: what setting T, A or R was said to do, and what it did."""

import textwrap
from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.lines
import matplotlib.ticker
import numpy as np

from jaxdisp.report.causes import answer, ways
from jaxdisp.report.drawing import BLUE, RED, SETTINGS, SHADE, name_points

Row = dict[str, Any]

WIDTH = 42
"""Characters that fit above a panel."""


def figure(found: dict[str, Any]) -> matplotlib.figure.Figure | None:
    """Draws predicted against measured changes of D, by language, for each variable.

    Of several ways to set a variable the first is drawn, by which it is judged.

    Args:
        found: `confrontation` of results.

    Returns:
        The figure; None if no prediction stands beside a measurement.

    Reference: Gneiting, Balabdaoui and Raftery 2007, JRSS-B 69 (calibration).
    """
    beside = found.get("confrontation") or {}
    arrows = [row for row in beside.get("arrows", []) if row["arrow"].endswith(">D")]
    if not arrows:
        return None
    with mpl.rc_context(SETTINGS):
        drawn = matplotlib.figure.Figure(
            figsize=(max(4.6, 3.0 * len(arrows)), 4.3), layout="constrained"
        )
        panels = drawn.subplots(1, len(arrows), squeeze=False)[0]
        named = []
        for axes, arrow in zip(panels, arrows, strict=True):
            judged = f"{arrow['verdict']}: {arrow['reason']}"
            if answer.verdicts_refused(found):
                judged = "verdict refused: the sampler's chains do not agree"
            own = _languages(beside["languages"], arrow)
            _panel(axes, arrow, own, judged)
            named.append((axes, own))
        panels[0].set_ylabel("measured change of D (nats per sentence)")
        drawn.legend(
            handles=_marks(), loc="outside lower center", ncols=2, frameon=False
        )
        drawn.suptitle(
            "Was it predicted? Change of D when a variable is set on the model itself",
            fontsize=10,
        )
        for axes, own in named:
            _name(axes, own)
    return drawn


def _name(axes: matplotlib.axes.Axes, rows: list[Row]) -> None:
    """Names of languages that were predicted wrongly, where there is place."""
    name_points(
        axes,
        [row["predicted"] for row in rows],
        [row["measured"] for row in rows],
        ["" if row["covered"] else row["language"] for row in rows],
    )


def _languages(rows: list[Row], arrow: Row) -> list[Row]:
    names = ("arrow", "kind", "amount")
    return [row for row in rows if all(row[name] == arrow[name] for name in names)]


def _panel(
    axes: matplotlib.axes.Axes, arrow: Row, rows: list[Row], judged: str
) -> None:
    ordered = sorted(rows, key=lambda row: row["measured"])
    for row in ordered:
        colour = BLUE if row["covered"] else RED
        _cross(axes, row, colour=colour, lw=0.8, alpha=0.45)
        mark = "o" if row["covered"] else "^"
        axes.plot(row["predicted"], row["measured"], mark, color=colour, ms=4.5)
    _cross(axes, arrow, colour="black", lw=2.0, alpha=1.0)
    axes.plot(arrow["predicted"], arrow["measured"], "D", color="black", ms=7, zorder=5)
    _grounds(axes)
    target = arrow["arrow"].removeprefix("do(")[0]
    way = ways.named(target, arrow["kind"], arrow["amount"])
    title = "\n".join([f"do({target}): {way}", *textwrap.wrap(judged, WIDTH)])
    axes.set_title(title, fontsize=8.5)
    axes.set_xlabel("predicted change of D")
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))


def _cross(
    axes: matplotlib.axes.Axes, row: Row, *, colour: str, lw: float, alpha: float
) -> None:
    """Both intervals of a point."""
    style: dict[str, Any] = {"color": colour, "lw": lw, "alpha": alpha, "zorder": 3}
    low, high = row["predicted_low"], row["predicted_high"]
    axes.hlines(row["measured"], low, high, **style)
    low, high = row["measured_low"], row["measured_high"]
    if low is not None and high is not None:
        axes.vlines(row["predicted"], low, high, **style)


def _grounds(axes: matplotlib.axes.Axes) -> None:
    """The diagonal, no change, and where predictions have the wrong sign."""
    axes.margins(0.06)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    left, right, bottom, top = min(left, 0), max(right, 0), min(bottom, 0), max(top, 0)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    ends = np.array([min(left, bottom), max(right, top)])
    axes.plot(ends, ends, "--", color="black", lw=1.1, zorder=2)
    axes.fill_between([left, 0], 0, top, zorder=0, **SHADE)
    axes.fill_between([0, right], bottom, 0, zorder=0, **SHADE)
    axes.axhline(0, color="black", lw=0.6)
    axes.axvline(0, color="black", lw=0.6)


def _marks() -> list[Any]:
    line = matplotlib.lines.Line2D
    none: Any = {"ls": "", "marker": "o"}
    return [
        line(
            [],
            [],
            **none,
            color=BLUE,
            ms=4.5,
            label="a language inside its predictive interval",
        ),
        line(
            [],
            [],
            **none | {"marker": "^"},
            color=RED,
            ms=4.5,
            label="a language outside its predictive interval",
        ),
        line(
            [],
            [],
            **none | {"marker": "D"},
            color="black",
            ms=7,
            label="mean over languages, 95 % intervals (verdicts: wider)",
        ),
        line(
            [],
            [],
            color="black",
            ls="--",
            lw=1.1,
            label="measured = predicted (grey ground: opposite signs)",
        ),
    ]
