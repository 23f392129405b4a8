"""Correlations of errors at the logits, and the interactions that they predict."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, ON_CELLS, RED, SETTINGS


def figure(tables: dict[str, list[dict[str, Any]]]) -> matplotlib.figure.Figure:
    """Draws the correlations of all pairs, and measured against predicted interactions.

    Args:
        tables: of experiment T-006.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        drawn = matplotlib.figure.Figure(figsize=(9, 3.9), layout="constrained")
        left, right = drawn.subplots(1, 2)
        _matrix(drawn, left, tables["pairs"])
        _interactions(right, tables["pairs"], tables["prediction"][0])
        drawn.suptitle(
            "errors of layers at the logits: correlations, and what they predict",
            fontsize=10,
        )
    return drawn


def _matrix(
    drawn: matplotlib.figure.Figure,
    axes: matplotlib.axes.Axes,
    rows: list[dict[str, Any]],
) -> None:
    n = 1 + max(row["other_layer"] for row in rows)
    table = np.full((n, n), np.nan)
    clear = []
    for row in rows:
        for place in (
            (row["layer"], row["other_layer"]),
            (row["other_layer"], row["layer"]),
        ):
            table[place] = row["correlation"]
            if row["low"] > 0 or row["high"] < 0:
                clear.append(place)
    limit = float(np.nanmax(np.abs(table))) or 1.0
    image = axes.imshow(table, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.plot([x for _, x in clear], [y for y, _ in clear], ms=3, **ON_CELLS)
    every = range(0, n, 1 + (n - 1) // 16)
    axes.set_xticks(every)
    axes.set_yticks(every)
    axes.set_xlabel("layer (dot: 95 % interval excludes 0)")
    axes.set_ylabel("layer")
    drawn.colorbar(image, ax=axes, label="correlation of errors")


def _interactions(
    axes: matplotlib.axes.Axes, rows: list[dict[str, Any]], found: dict[str, Any]
) -> None:
    last = max(row["other_layer"] for row in rows)
    for row in rows:
        corner = row["layer"] == 0 and row["other_layer"] == last
        axes.plot(
            row["predicted"],
            row["interaction"],
            "o",
            color=RED if corner else BLUE,
            ms=5 if corner else 3.5,
        )
        if corner:
            axes.annotate(
                "first and last",
                (row["predicted"], row["interaction"]),
                xytext=(0.03, 0.9),
                textcoords="axes fraction",
                color=RED,
                arrowprops={"arrowstyle": "-", "color": RED, "lw": 0.7},
            )
    ends = np.array([f(row["predicted"] for row in rows) for f in (min, max)])
    axes.plot(ends, ends, color=GREY, lw=1, label="theory: equal")
    y = np.array([row["interaction"] for row in rows])
    x = np.array([row["predicted"] for row in rows])
    axes.plot(
        ends,
        y.mean() + found["slope"] * (ends - x.mean()),
        color=BLUE,
        lw=1,
        label=f"slope {found['slope']:.2f} [{found['slope_low']:.2f}, "
        f"{found['slope_high']:.2f}]",
    )
    axes.axhline(0, color="black", lw=0.5)
    axes.axvline(0, color="black", lw=0.5)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
    axes.set_xlabel("predicted: product of errors (nats per sentence)")
    axes.set_ylabel("lost together beyond apart (nats per sentence)")
    axes.legend(frameon=False, fontsize=8)
