"""The figure of interventions: what each changed D by, with its placebos beside it."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.lines

from jaxdisp.report.causes import ways
from jaxdisp.report.drawing import BLUE, GREY, SETTINGS

Pairs = list[tuple[dict[str, Any], list[dict[str, Any]]]]

TITLES = {
    "T": "do(T): the same text cut into other tokens",
    "A": "do(A): hidden states moved towards or away from the reference language",
    "R": "do(R): channels duplicated, or directions removed",
}
BESIDE = 0.24
"""How far below its way a placebo is drawn, in rows."""


def figure(found: dict[str, Any]) -> matplotlib.figure.Figure | None:
    """Draws what each way of setting T, A or R changed D by, over languages.

    Args:
        found: `interventions` of results.

    Returns:
        The figure; None if nothing was carried out.

    Reference: our own definition.
    """
    tables = {target: ways.of_degradation(found, target) for target in TITLES}
    tables = {target: pairs for target, pairs in tables.items() if pairs}
    if not tables:
        return None
    sizes = [len(pairs) for pairs in tables.values()]
    with mpl.rc_context(SETTINGS):
        drawn = matplotlib.figure.Figure(
            figsize=(8.5, 0.46 * sum(sizes) + 0.5 * len(sizes) + 1.1),
            layout="constrained",
        )
        panels = drawn.subplots(
            len(sizes), 1, sharex=True, squeeze=False, height_ratios=sizes
        )[:, 0]
        for axes, (target, pairs) in zip(panels, tables.items(), strict=True):
            _panel(axes, pairs)
            axes.set_title(TITLES[target], fontsize=9, loc="left")
        panels[-1].set_xlabel(
            "change of D (nats per parallel sentence, mean over languages)"
        )
        drawn.legend(
            handles=_marks(), loc="outside lower center", ncols=2, frameon=False
        )
        drawn.suptitle(
            "Change of what quantization costs when a variable is set, beside placebos",
            fontsize=10,
        )
    return drawn


def _panel(axes: matplotlib.axes.Axes, pairs: Pairs) -> None:
    names = []
    for place, (way, placebos) in enumerate(pairs):
        fill = "white" if _may_be_none(way) else BLUE
        _dot(axes, float(place), way, "o", BLUE, fill)
        for number, placebo in enumerate(placebos, start=1):
            _dot(axes, place + number * BESIDE, placebo, "s", GREY, "white")
        name = ways.named(way["target"], way["kind"], way["amount"])
        beside = "; ".join(ways.placebo_name(each["kind"]) for each in placebos)
        names.append(f"{name}\n(placebo: {beside})" if beside else name)
    axes.set_yticks(range(len(pairs)), names, fontsize=8)
    axes.set_ylim(len(pairs) - 0.2, -0.4)
    axes.axvline(0, color="black", lw=0.8)


def _dot(
    axes: matplotlib.axes.Axes,
    place: float,
    row: dict[str, Any],
    mark: str,
    colour: str,
    fill: str,
) -> None:
    if row["low"] is not None and row["high"] is not None:
        axes.hlines(place, row["low"], row["high"], color=colour, lw=1.6)
    axes.plot(row["change"], place, mark, color=colour, mfc=fill, ms=5)


def _may_be_none(row: dict[str, Any]) -> bool:
    low, high = row["low"], row["high"]
    return low is None or high is None or low <= 0 <= high


def _marks() -> list[Any]:
    line = matplotlib.lines.Line2D
    return [
        line(
            [],
            [],
            color=BLUE,
            marker="o",
            ms=5,
            lw=1.6,
            label="the intervention, 95 % interval (open: holds 0)",
        ),
        line(
            [],
            [],
            color=GREY,
            marker="s",
            mfc="white",
            ms=5,
            lw=1.6,
            label="its placebo, which is to leave the variable alone",
        ),
    ]
