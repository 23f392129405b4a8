"""The figure of T-004: final states by what is protected, and by language."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS

Rows = list[dict[str, Any]]


def figure(tables: dict[str, Rows]) -> matplotlib.figure.Figure:
    """Draws how far the last states move in every set, and in every language.

    Args:
        tables: `sets` and `languages`, as from the experiment.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        drawn = matplotlib.figure.Figure(figsize=(9, 4.2), layout="constrained")
        axes = drawn.subplots(1, 2, width_ratios=(1.25, 1))
        _sets(axes[0], tables["sets"])
        _languages(axes[1], tables["languages"])
        drawn.suptitle(
            "How far quantization moves the states after the last layer", fontsize=10
        )
    return drawn


def _sets(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    """Pairs from the closest to the furthest, and what nothing and one layer give."""
    both = rows[3]["protected"]
    first, last = both.split(",")
    pairs = sorted(
        (row for row in rows if row["size"] == 2),
        key=lambda row: row["one_minus_cosine"],
    )
    values = np.array([_three(row) for row in pairs], float).T
    places = np.arange(len(pairs))
    members = [row["protected"].split(",") for row in pairs]
    groups = (
        ("neither first nor last", GREY, lambda own: not {first, last} & set(own)),
        ("first and another", BLUE, lambda own: first in own and last not in own),
        ("last and another", "black", lambda own: last in own and first not in own),
        ("first and last", RED, lambda own: {first, last} == set(own)),
    )
    for name, colour, belongs in groups:
        chosen = np.array([belongs(own) for own in members], bool)
        axes.vlines(places[chosen], *values[1:, chosen], color=colour, lw=1.5)
        axes.plot(
            places[chosen], values[0, chosen], "o", color=colour, ms=4, label=name
        )
    right = len(pairs) - 0.5
    for at, name in ((0, "none"), (1, "first only"), (2, "last only")):
        height = rows[at]["one_minus_cosine"]
        axes.axhline(height, color=GREY, lw=0.8, ls=":")
        axes.annotate(
            name,
            (right, height),
            xytext=(0, 2),
            ha="right",
            textcoords="offset points",
            color=GREY,
        )
    axes.set_ylim(bottom=0)
    axes.set_xticks([])
    axes.set_xlabel("pairs of protected layers, in order")
    axes.set_ylabel("1 - cosine to full precision\n(mean of languages, 95 % interval)")
    axes.legend(loc="lower right", frameon=False, fontsize=8)


def _three(row: dict[str, Any], name: str = "one_minus_cosine") -> list[float]:
    return [row[name], row[f"{name}_low"], row[f"{name}_high"]]


def _languages(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    for protected, colour, name in (
        ("nothing", BLUE, "nothing protected"),
        ("both", RED, "first and last protected"),
    ):
        chosen = [row for row in rows if row["protected"] == protected]
        lost = [row["lost"] for row in chosen]
        values = np.array([_three(row) for row in chosen], float).T
        axes.vlines(lost, *values[1:], color=colour, lw=1)
        axes.plot(lost, values[0], "o", color=colour, ms=4, label=name)
        if protected == "nothing":
            for place, at in enumerate(np.argsort(lost, kind="stable")):
                left = place % 2  # neighbours on the axis are named on opposite sides
                axes.annotate(
                    chosen[at]["language"],
                    (lost[at], values[0, at]),
                    xytext=(-4 if left else 4, 2),
                    ha="right" if left else "left",
                    textcoords="offset points",
                    fontsize=8,
                )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("lost with everything quantized (nats per sentence)")
    axes.set_ylabel("1 - cosine to full precision")
    axes.legend(loc="upper left", frameon=False, fontsize=8)
