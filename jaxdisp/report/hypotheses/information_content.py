"""The figure of T-001: what layers carry and cost, against the variance of weights."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS

Rows = list[dict[str, Any]]


def figure(tables: dict[str, Rows]) -> matplotlib.figure.Figure:
    """Draws information, entropy and criticality of layers by their weights' variance.

    Args:
        tables: rows `layers`, as from the experiment.

    Reference: our own definition.
    """
    rows = tables["layers"]
    with mpl.rc_context(SETTINGS):
        drawn = matplotlib.figure.Figure(figsize=(9, 3.2), layout="constrained")
        bits, entropy, critical = drawn.subplots(1, 3)
        _points(bits, rows, "bits", "trained", BLUE)
        _points(bits, rows, "control_bits", "weights shuffled", GREY)
        bits.set_ylabel("bits about the input token\n(95 % against the mean layer)")
        bits.legend(frameon=False, loc="lower left")
        _points(entropy, rows, "entropy", "trained", BLUE)
        _points(entropy, rows, "control_entropy", "weights shuffled", GREY)
        entropy.set_ylabel("entropy (nats per component,\nchannels of variance 1)")
        _points(critical, rows, "critical", "trained", RED)
        critical.axhline(0, color="black", lw=0.8)
        critical.set_ylabel("loss if quantized alone\n(nats per sentence, 95 %)")
        for axes in (bits, entropy, critical):
            axes.set_xlabel("variance of the layer's weights")
            axes.margins(x=0.08, y=0.1)
        drawn.suptitle("What layers carry and cost (numbers are layers)", fontsize=10)
    return drawn


def _points(
    axes: matplotlib.axes.Axes, rows: Rows, name: str, label: str, colour: str
) -> None:
    known = [row for row in rows if row[name] is not None]
    x = [row["weight_variance"] for row in known]
    y = [row[name] for row in known]
    axes.plot(x, y, "o", color=colour, ms=4, label=label)
    low, high = f"{name}_low", f"{name}_high"
    bounded = [row for row in known if row.get(low) is not None]
    axes.vlines(
        [row["weight_variance"] for row in bounded],
        [row[low] for row in bounded],
        [row[high] for row in bounded],
        color=colour,
        lw=1,
    )
    for row in known if colour != GREY else ():
        axes.annotate(
            str(row["layer"]),
            (row["weight_variance"], row[name]),
            xytext=(3, 3),
            textcoords="offset points",
            fontsize=7,
            color=colour,
        )
