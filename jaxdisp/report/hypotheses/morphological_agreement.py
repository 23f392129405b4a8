"""Which forms a model expects, by language and layer, and what probes can tell."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS

Rows = list[dict[str, Any]]
GATEWAY = (0.70, 0.80)


def figure(tables: dict[str, Rows]) -> matplotlib.figure.Figure:
    """Draws shares of mirrored units by language, early readouts and probes by layer.

    Args:
        tables: of the experiment; `languages`, `layers` and `probes` are drawn.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        height = max(3.4, 0.26 * len(tables["languages"]) + 1.3)
        drawing = matplotlib.figure.Figure(figsize=(9, height), layout="constrained")
        axes = drawing.subplots(1, 3)
        _languages(axes[0], tables["languages"])
        _layers(axes[1], tables["layers"])
        _probes(axes[2], tables["probes"])
        drawing.suptitle("Expectation of the form that agrees", fontsize=10)
    return drawing


def _languages(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    ordered = sorted(rows, key=lambda row: row["share_units"])
    places = np.arange(len(ordered))
    names = ("share_low", "share_high", "share_units")
    low, high, share = (100 * np.array([row[n] for row in ordered]) for n in names)
    quantized = [100 * row["share_units_quantized"] for row in ordered]
    null = [100 * row["share_units_shuffled"] for row in ordered]
    axes.hlines(places, low, high, color=BLUE, lw=1)
    axes.plot(share, places, "o", color=BLUE, ms=4, label="full precision")
    axes.plot(quantized, places, "d", color=RED, ms=4, mfc="none", label="quantized")
    axes.plot(null, places, "x", color=GREY, ms=4, label="shuffled weights")
    axes.axvline(50, color="black", lw=0.8)
    labels = [
        f"{row['language']} ({row['group']})" if row["group"] else row["language"]
        for row in ordered
    ]
    axes.set_yticks(places, labels)
    axes.set_xlim(0, 100)
    axes.set_xlabel("units with right forms likelier (%)")
    _legend(axes)


def _layers(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    taps = np.array([row["tap"] for row in rows])
    named = (
        ("difference", BLUE, "o-", "full precision", -0.08),
        ("difference_quantized", RED, "d--", "quantized", 0.08),
    )
    axes.axvspan(
        *(taps[-1] * np.array(GATEWAY)), color=GREY, alpha=0.2, lw=0, label="70 to 80 %"
    )
    for name, colour, style, label, shift in named:
        value, low, high = (
            np.array([row[name + end] for row in rows]) for end in ("", "_low", "_high")
        )
        axes.plot(taps + shift, value, style, color=colour, ms=3, lw=1, label=label)
        axes.vlines(taps + shift, low, high, color=colour, lw=1)
    axes.axhline(0, color="black", lw=0.8)
    axes.set_xlabel("layers read out after")
    axes.set_ylabel("right over wrong form (nats, 95 % interval)")
    _legend(axes)


def _probes(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    taps = np.array([row["tap"] for row in rows])
    control, low, high, accuracy = (
        100 * np.array([row[name] for row in rows])
        for name in ("control", "selectivity_low", "selectivity_high", "accuracy")
    )
    axes.plot(taps, accuracy, "o-", color=BLUE, ms=3, lw=1, label="feature")
    axes.vlines(taps, control + low, control + high, color=BLUE, lw=1)
    axes.plot(taps, control, "x--", color=GREY, ms=4, lw=1, label="random labels")
    axes.axhline(50, color="black", lw=0.8)
    axes.set_xlabel("layers probed after")
    axes.set_ylabel("right answers of probes (%, interval of the gap)")
    _legend(axes)


def _legend(axes: matplotlib.axes.Axes) -> None:
    axes.legend(
        frameon=False,
        fontsize=7,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
    )
