"""Losses against word length, their ratio between languages, and protected shares."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS, plain_numbers

COLOURS = {"loss": RED, "divergence": BLUE}
NAMES = {"loss": "loss of the text", "divergence": "divergence of predictions"}


def figure(tables: dict[str, list[dict[str, Any]]]) -> matplotlib.figure.Figure:
    """Draws losses by bits, the ratio of languages by bits, and losses by share.

    Args:
        tables: of experiment T-010.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        drawn = matplotlib.figure.Figure(figsize=(9, 3.7), layout="constrained")
        left, middle, right = drawn.subplots(1, 3, width_ratios=(1.3, 1, 1))
        _curves(left, tables["curves"])
        _ratio(middle, tables["ratios"])
        _shares(right, tables.get("shares", []))
        drawn.suptitle(
            "what is lost by word length, by language, and by protected share",
            fontsize=10,
        )
    return drawn


def _curves(axes: matplotlib.axes.Axes, rows: list[dict[str, Any]]) -> None:
    for name, colour in COLOURS.items():
        own = [row for row in rows if row["measure"] == name and row["value"] > 0]
        languages = dict.fromkeys(row["language"] for row in own)
        for number, language in enumerate(languages):
            of_language = [row for row in own if row["language"] == language]
            axes.plot(
                [row["bits"] for row in of_language],
                [row["value"] for row in of_language],
                "-" if name == "divergence" else ".",
                color=colour,
                lw=0.7,
                ms=3,
                alpha=0.7,
                label=None if number else NAMES[name],
            )
    _laws(axes, rows)
    axes.set_yscale("log")
    plain_numbers(axes.yaxis)
    axes.set_xlabel("bits of a word\n(points below 0 are not drawn)")
    axes.set_ylabel("nats per sentence, one line or dot per language")
    axes.legend(frameon=False, fontsize=8)


def _laws(axes: matplotlib.axes.Axes, rows: list[dict[str, Any]]) -> None:
    """The law and the notes' line, through the mean divergence at the widest word."""
    last = max(row["bits"] for row in rows)
    end = [
        row for row in rows if row["measure"] == "divergence" and row["bits"] == last
    ]
    start = float(np.mean([row["value"] for row in end]))
    steps = {row["bits"]: row["step_bits"] for row in rows if not row["collapsed"]}
    bits = sorted(steps)
    if not (bits and start > 0):
        return
    fewer = end[0]["step_bits"] - np.array([steps[each] for each in bits])
    for factor, style, name in ((4.0, "--", "4"), (2**0.5, ":", "root 2")):
        axes.plot(
            bits,
            start * factor**fewer,
            style,
            color="black",
            lw=1.2,
            label=f"divided by {name} per bit",
        )


def _ratio(axes: matplotlib.axes.Axes, rows: list[dict[str, Any]]) -> None:
    for shift, (name, colour) in zip((-0.08, 0.08), COLOURS.items(), strict=True):
        own = [
            row
            for row in rows
            if row["measure"] == name and row["log_ratio"] is not None
        ]
        x = [int(row["bits"]) + shift for row in own]
        axes.plot(
            x,
            [row["log_ratio"] for row in own],
            "o",
            color=colour,
            ms=4,
        )
        axes.vlines(
            x,
            [row["low"] for row in own],
            [row["high"] for row in own],
            color=colour,
            lw=1,
        )
    axes.axhline(0, color=GREY, lw=0.8)
    axes.set_xlabel("bits of a word\n(95 % interval; colours as on the left)")
    axes.set_ylabel("ln(loss of low- over high-resource)")
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))


def _shares(axes: matplotlib.axes.Axes, rows: list[dict[str, Any]]) -> None:
    axes.plot([0, 1], [1, 0], color=GREY, lw=1, label="proportional")
    x = [row["share"] for row in rows]
    axes.plot(x, [row["left"] for row in rows], "o", color=BLUE, ms=4)
    low, high = ([row[name] for row in rows] for name in ("low", "high"))
    axes.vlines(x, low, high, color=BLUE, lw=1)
    axes.set_xlabel("share of random layers protected\n(95 % interval)")
    axes.set_ylabel("share of the loss that is left")
    axes.legend(frameon=False, fontsize=8)
