"""The figure of the fitted model: its arrows, and the effects of T on D."""

import textwrap
from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.patches
import matplotlib.ticker
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS

PLACES = {"T": (0.0, 0.0), "A": (1.0, 1.0), "R": (3.0, 1.0), "D": (4.0, 0.0)}
WORDS = {
    "T": "tokenization\nquality",
    "A": "alignment",
    "R": "redundancy",
    "D": "degradation",
}
BENT = {("T", "D"): 0.2, ("D", "T"): -0.2}
"""Arrows that would run through the names of nodes: below them."""

LABELS = {
    frozenset("TA"): (0.0, 0.75),
    frozenset("AR"): (2.0, 1.17),
    frozenset("RD"): (4.0, 0.75),
    frozenset("TR"): (1.12, 0.37),
    frozenset("AD"): (2.88, 0.37),
    frozenset("TD"): (2.0, -0.56),
}
"""Where the coefficient of an arrow stands, whichever way it points."""

NAMES = {
    "total": "total",
    "natural_direct": "direct (neither A nor R)",
    "natural_indirect": "indirect (through A, R)",
}


UNIT_WIDTH = 34
"""Characters that fit below the effects."""


def figure(found: dict[str, Any]) -> matplotlib.figure.Figure | None:
    """Draws the graph with its coefficients, and beside it the effects of T on D.

    Args:
        found: `effects`, `coefficients`, `arrows` and `link` of results.

    Returns:
        The figure; None if nothing was fitted.

    Reference: our own definition.
    """
    if not found.get("effects"):
        return None
    with mpl.rc_context(SETTINGS):
        drawn = matplotlib.figure.Figure(figsize=(9, 3.9), layout="constrained")
        left, right = drawn.subplots(1, 2, width_ratios=(1.5, 1))
        _graph(left, found)
        _forest(right, found["effects"])
        what = "elasticities" if found["link"] == "log" else f"{found['link']} link"
        drawn.suptitle(
            f"The model fitted to what was measured ({what}, 95 % intervals)",
            fontsize=10,
        )
    return drawn


def _graph(axes: matplotlib.axes.Axes, found: dict[str, Any]) -> None:
    by_name = {row["name"]: row for row in found["coefficients"]}
    for name in found["arrows"]:
        _arrow(axes, name, by_name.get(name))
    for node, place in PLACES.items():
        axes.plot(*place, "o", ms=25, mfc="white", mec="black", mew=1.3, zorder=3)
        axes.annotate(node, place, ha="center", va="center", fontsize=13, zorder=4)
        above = place[1] > 0
        axes.annotate(
            WORDS[node],
            place,
            xytext=(0, 19 if above else -19),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
        )
    axes.set_xlim(-0.6, 4.6)
    axes.set_ylim(-0.85, 1.5)
    axes.set_axis_off()
    axes.set_title(
        "solid: the interval leaves out 0 (blue +, red -); dashed: it does not",
        fontsize=9,
    )


def _arrow(axes: matplotlib.axes.Axes, name: str, row: dict[str, Any] | None) -> None:
    """One arrow with its coefficient; without one where the link gives it."""
    cause, effect = name.split(">")
    clear = row is None or row["low"] > 0 or row["high"] < 0
    colour = GREY
    if clear:
        colour = "black" if row is None else BLUE if row["median"] > 0 else RED
    bend = BENT.get((cause, effect), 0.0)
    axes.add_patch(
        matplotlib.patches.FancyArrowPatch(
            PLACES[cause],
            PLACES[effect],
            arrowstyle="-|>",
            mutation_scale=13,
            connectionstyle=f"arc3,rad={bend}",
            shrinkA=14,
            shrinkB=14,
            lw=2.2 if clear else 1.2,
            ls="-" if clear else "--",
            color=colour,
            zorder=1,
        )
    )
    text = "given"
    if row is not None:
        text = f"{row['median']:.2g}\n[{row['low']:.2g}, {row['high']:.2g}]"
    axes.annotate(
        text,
        LABELS[frozenset((cause, effect))],
        ha="center",
        va="center",
        fontsize=8,
        color=colour if clear else GREY,
        bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.9},
        zorder=2,
    )


def _forest(axes: matplotlib.axes.Axes, effects: list[dict[str, Any]]) -> None:
    rows = [row for row in effects if row["name"] in NAMES or ">" in row["name"]]
    places = np.arange(len(rows))[::-1]
    for place, row in zip(places, rows, strict=True):
        clear = row["low"] > 0 or row["high"] < 0
        colour = BLUE if clear else GREY
        if clear and row["median"] < 0:
            colour = RED
        axes.hlines(place, row["low"], row["high"], color=colour, lw=2)
        axes.plot(row["median"], place, "o", color=colour, ms=5)
    axes.set_yticks(places, [_said(row["name"]) for row in rows])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.axvline(0, color="black", lw=0.8)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
    unit = rows[0]["unit"] if rows else ""
    axes.set_xlabel(textwrap.fill(unit, UNIT_WIDTH))
    axes.set_title("effect of T on D, in all and by path", fontsize=9)


def _said(name: str) -> str:
    return NAMES[name] if name in NAMES else f"only {name.replace('>', ' > ')}"
