"""What the first token gets of the attention, and how quantization moves it."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS

Rows = list[dict[str, Any]]


def figure(tables: dict[str, Rows]) -> matplotlib.figure.Figure:
    """Draws attention to the first token by head, layer and language.

    Args:
        tables: of the experiment; `heads`, `layers` and `languages` are drawn.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        drawing = matplotlib.figure.Figure(figsize=(9, 5.6), layout="constrained")
        axes = drawing.subplots(2, 2)
        _heads(drawing, axes[0, 0], tables["heads"])
        _excess(axes[0, 1], tables["layers"])
        _change(axes[1, 0], tables["layers"])
        _losses(axes[1, 1], tables["languages"])
        drawing.suptitle("Attention to the first token", fontsize=10)
    return drawing


def _heads(
    drawing: matplotlib.figure.Figure, axes: matplotlib.axes.Axes, rows: Rows
) -> None:
    shape = [1 + max(row[name] for row in rows) for name in ("head", "layer")]
    weight = np.zeros(shape)
    for row in rows:
        weight[row["head"], row["layer"]] = row["weight"]
    image = axes.imshow(weight, cmap="Blues", vmin=0, aspect="auto")
    axes.set_xlabel("layer")
    axes.set_ylabel("head")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    drawing.colorbar(image, ax=axes, label="share of attention")


def _excess(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    layers = [row["layer"] for row in rows]
    for name, label, colour in (
        ("excess", "first token", BLUE),
        ("quantized_excess", "first token, quantized", RED),
        ("other_place", "another place", GREY),
    ):
        value, low, high = _bounds(rows, name)
        axes.plot(layers, value, "o-", color=colour, ms=3, lw=1, label=label)
        axes.fill_between(layers, low, high, color=colour, alpha=0.25, lw=0)
    null = [row["shuffled_weights"] for row in rows]
    axes.plot(layers, null, "k:", lw=1, label="shuffled weights")
    axes.axhline(0, color="black", lw=0.8)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    axes.set_xlabel("layer (band: 95 % interval)")
    axes.set_ylabel("attention beyond chance")
    axes.legend(
        frameon=False, fontsize=8, ncols=2, loc="lower left", bbox_to_anchor=(0, 1)
    )


def _change(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    layers = np.array([row["layer"] for row in rows])
    value, low, high = _bounds(rows, "change")
    ends = (layers == 0) | (layers == layers.max())
    axes.bar(layers, value, color=np.where(ends, RED, BLUE), width=0.7)
    axes.vlines(layers, low, high, color="black", lw=1)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    axes.set_xlabel("layer (red: first and last; line: 95 % interval)")
    axes.set_ylabel("change by quantization")


def _losses(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    value, low, high = _bounds(rows, "change")
    loss = [row["loss"] for row in rows]
    axes.hlines(loss, low, high, color=BLUE, lw=1)
    axes.plot(value, loss, "o", color=BLUE, ms=4)
    for number, row in enumerate(sorted(rows, key=lambda row: row["loss"])):
        left = number % 2  # neighbours on the axis are named on opposite sides
        axes.annotate(
            row["language"],
            (row["change"], row["loss"]),
            xytext=(-3 if left else 3, 3),
            ha="right" if left else "left",
            textcoords="offset points",
            fontsize=8,
        )
    axes.set_xlabel("change of attention to the first token (95 % interval)")
    axes.set_ylabel("loss (nats per sentence)")


def _bounds(rows: Rows, name: str) -> np.ndarray:
    """Estimates, low and high bounds."""
    suffixes = ("", "_low", "_high")
    return np.array([[row[name + suffix] for row in rows] for suffix in suffixes])
