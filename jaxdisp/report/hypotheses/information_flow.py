"""The figure of information flow: bits kept by layer, and what languages lose."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.lines
import matplotlib.ticker

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS

Rows = list[dict[str, Any]]


def figure(tables: dict[str, Rows]) -> matplotlib.figure.Figure:
    """Draws the bits that are kept after each layer, and against the degradation.

    Args:
        tables: rows `layers`, `languages` and `trend`, as from the experiment.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        drawn = matplotlib.figure.Figure(figsize=(9, 3.4), layout="constrained")
        trend, noise, last = drawn.subplots(1, 3)
        _trend(trend, tables)
        _noise(noise, tables["layers"])
        _last(last, tables["languages"])
        for axes in (trend, noise):
            axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        drawn.suptitle(
            "What quantized activations tell about full-precision ones", fontsize=10
        )
    return drawn


def _by_language(rows: Rows) -> dict[str, Rows]:
    found: dict[str, Rows] = {}
    for row in rows:
        found.setdefault(row["language"], []).append(row)
    return found


def _trend(axes: matplotlib.axes.Axes, tables: dict[str, Rows]) -> None:
    for rows in _by_language(tables["layers"]).values():
        layers, bits = _drawable(rows, "bits")
        axes.plot(layers, bits, color=GREY, lw=0.5, alpha=0.6)
    rows = tables["trend"]
    layers, bits = _drawable(rows, "bits")
    axes.plot(layers, bits, "o-", color=BLUE, ms=3, label="mean of languages")
    known = [row for row in rows if row["bits_low"] is not None]
    axes.vlines(
        [row["layer"] for row in known],
        [row["bits_low"] for row in known],
        [row["bits_high"] for row in known],
        color=BLUE,
        lw=1.5,
    )
    layers, control = _drawable(rows, "control_bits")
    axes.plot(layers, control, "s--", color=RED, ms=3, label="weights shuffled")
    axes.plot([], [], color=GREY, lw=0.5, label="one language")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("after layer")
    axes.set_ylabel("bits kept per token and component")
    axes.legend(frameon=False, loc="lower left")


def _drawable(rows: Rows, name: str) -> tuple[list[int], list[float]]:
    known = [row for row in rows if row[name] is not None]
    return [row["layer"] for row in known], [row[name] for row in known]


def _noise(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    for name, colour in (("noise", BLUE), ("moved", RED)):
        for own in _by_language(rows).values():
            axes.plot(*_drawable(own, name), color=colour, lw=0.6, alpha=0.7)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("after layer")
    axes.set_ylabel("distance (deviations of the states)")
    lines = [matplotlib.lines.Line2D([], [], color=each) for each in (BLUE, RED)]
    names = ["of each token's two states", "of the two clouds (optimal transport)"]
    axes.legend(lines, names, frameon=False, loc="lower left", fontsize=8)


def _last(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    known = [row for row in rows if row["bits"] is not None]
    x = [row["bits"] for row in known]
    y = [row["degradation"] for row in known]
    axes.plot(x, y, "o", color=BLUE, ms=4)
    bounded = [row for row in known if row["bits_low"] is not None]
    axes.hlines(
        [row["degradation"] for row in bounded],
        [row["bits_low"] for row in bounded],
        [row["bits_high"] for row in bounded],
        color=BLUE,
        lw=1,
    )
    for row in known:
        axes.annotate(
            row["language"],
            (row["bits"], row["degradation"]),
            xytext=(3, 3),
            textcoords="offset points",
            fontsize=8,
        )
    axes.margins(x=0.1)
    axes.set_xlabel("bits kept after the last layer (95 %)")
    axes.set_ylabel("degradation (nats per sentence)")
