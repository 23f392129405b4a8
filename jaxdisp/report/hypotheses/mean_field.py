"""Signals and errors through depth, and what each layer makes of an error."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS, plain_numbers

Rows = list[dict[str, Any]]

SIGNAL = (
    ("power", "full precision", BLUE, "o-"),
    ("power_quantized", "quantized", RED, "o--"),
)
ALIKE = (
    ("correlation", "full precision", BLUE, "o-"),
    ("correlation_quantized", "quantized", RED, "o--"),
    ("correlation_shuffled", "shuffled weights", GREY, ".:"),
)
ERRORS = (
    ("error", "all layers quantized", RED, "o-"),
    ("error_of_layer_0", "layer 0 quantized", BLUE, "o-"),
    ("error_of_noise", "noise before layer 0", BLUE, ".:"),
    ("error_shuffled", "all quantized, shuffled weights", GREY, "o-"),
    ("error_of_noise_shuffled", "noise, shuffled weights", GREY, ".:"),
)


def figure(tables: dict[str, Rows]) -> matplotlib.figure.Figure:
    """Draws signal, correlation, errors and gains through depth.

    Args:
        tables: of the experiment; `taps` and `layers` are drawn.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        drawing = matplotlib.figure.Figure(figsize=(9, 6.2), layout="constrained")
        axes = drawing.subplots(2, 2)
        for place, curves, label in (
            (axes[0, 0], SIGNAL, "mean square of a channel"),
            (axes[0, 1], ALIKE, "cosine of states of two texts"),
            (axes[1, 0], ERRORS, "relative error"),
        ):
            _curves(place, tables["taps"], curves)
            place.set_ylabel(label)
        for place in (axes[0, 0], axes[1, 0]):
            place.set_yscale("log")
            plain_numbers(place.yaxis)
        plain = matplotlib.ticker.FormatStrFormatter("%g")
        axes[1, 0].yaxis.set_major_formatter(plain)
        axes[1, 0].yaxis.set_minor_formatter(plain)
        _gains(axes[1, 1], tables["layers"])
        drawing.suptitle("Signals and errors through depth", fontsize=10)
    return drawing


def _curves(
    axes: matplotlib.axes.Axes, rows: Rows, curves: tuple[tuple[str, ...], ...]
) -> None:
    taps = np.array([row["tap"] for row in rows])
    for name, label, colour, style in curves:
        value, low, high = _bounds(rows, name)
        axes.plot(taps, value, style, color=colour, ms=3, lw=1, label=label)
        axes.fill_between(taps, low, high, color=colour, alpha=0.25, lw=0)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    axes.set_xlabel("layers passed (band: 95 % interval)")
    axes.legend(
        frameon=False, fontsize=7.5, ncols=2, loc="lower left", bbox_to_anchor=(0, 1)
    )


def _gains(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    layers = np.array([row["layer"] for row in rows])
    value, low, high = _bounds(rows, "gain")
    gateway = np.array([bool(row["gateway"]) for row in rows])
    axes.bar(layers, value, color=np.where(gateway, RED, BLUE), width=0.7)
    axes.vlines(layers, low, high, color="black", lw=1)
    null = [row["gain_shuffled"] for row in rows]
    axes.plot(layers, null, "D", color=GREY, ms=4, label="shuffled weights")
    axes.axhline(0, color="black", lw=0.8)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    axes.set_xlabel("layer (red: gateways; line: 95 % interval)")
    axes.set_ylabel("growth of noise (nats per layer)")
    axes.legend(frameon=False, fontsize=8)


def _bounds(rows: Rows, name: str) -> np.ndarray:
    """Estimates, low and high bounds; NaN, which draws nothing, where there is none."""
    suffixes = ("", "_low", "_high")
    return np.array(
        [[row[name + suffix] for row in rows] for suffix in suffixes], float
    )
