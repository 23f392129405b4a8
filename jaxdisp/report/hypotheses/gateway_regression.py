"""Figure: how well layers are fitted, and how well they are predicted by the others."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS, plain_numbers


def figure(tables: dict[str, list[dict[str, Any]]]) -> matplotlib.figure.Figure:
    """Draws the losses of layers beside their predictions, and what fits are worth.

    Args:
        tables: as from the experiment, `layers` and `fits`.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        found = matplotlib.figure.Figure(figsize=(9, 3.4), layout="constrained")
        left, right = found.subplots(1, 2, width_ratios=(1.15, 1))
        _layers(left, tables["layers"], tables["fits"][0]["response"])
        _fits(right, tables["fits"])
        found.suptitle(
            "What rounding a layer costs, fitted and predicted by the others",
            fontsize=10,
        )
    return found


def _layers(
    axes: matplotlib.axes.Axes, rows: list[dict[str, Any]], response: str
) -> None:
    names = ("degradation", "degradation_low", "degradation_high")
    value, low, high = np.array([[row[name] for row in rows] for name in names], float)
    fitted, predicted = (
        np.array([row[name] for row in rows], float) for name in ("fitted", "predicted")
    )
    logged = response.startswith("log")
    if logged:
        fitted, predicted = np.exp(fitted), np.exp(predicted)
    places = np.arange(len(rows))
    axes.bar(places, value, color=BLUE, width=0.7, alpha=0.55, label="measured")
    axes.vlines(places, low, high, color="black", lw=1)
    axes.plot(places, fitted, "_", color=GREY, ms=11, mew=2, label="fitted")
    axes.plot(places, predicted, "o", color=RED, ms=4, label="predicted by the others")
    if logged:
        axes.set_yscale("log")
        plain_numbers(axes.yaxis, (1.0, 2.0, 5.0))
    flags = [
        "end" if row["boundary"] else "3/4" if row["bottleneck"] else "" for row in rows
    ]
    axes.set_xticks(
        places,
        [f"{row['layer']}\n{flag}" for row, flag in zip(rows, flags, strict=True)],
    )
    axes.axhline(0, color="black", lw=0.8)
    axes.set_xlabel("layer")
    axes.set_ylabel("nats per sentence")
    axes.legend(frameon=False, fontsize=8)


def _fits(axes: matplotlib.axes.Axes, rows: list[dict[str, Any]]) -> None:
    rows = rows[::-1]
    places = np.arange(len(rows), dtype=float)

    def column(name: str) -> np.ndarray:
        return np.array([row[name] for row in rows], float)

    axes.plot(column("r2"), places, "s", color=GREY, ms=5, label="R2 of the fit")
    axes.hlines(places, column("loo_r2_low"), column("loo_r2_high"), color=BLUE, lw=1.2)
    axes.plot(
        column("loo_r2"), places, "o", color=BLUE, ms=5, label="R2 of layers left out"
    )
    axes.plot(
        column("null_95_r2"),
        places,
        "|",
        color=RED,
        ms=10,
        mew=1.6,
        label="95 % of permutations, R2",
    )
    axes.plot(
        column("null_95_loo_r2"),
        places,
        "x",
        color=RED,
        ms=5,
        label="95 % of permutations, left out",
    )
    axes.axvline(0, color="black", lw=0.8)
    axes.set_yticks(places, [row["fit"] for row in rows])
    axes.set_ylim(-0.6, len(rows) + 0.5)
    axes.set_xlim(max(-3.0, float(column("loo_r2_low").min()) - 0.1), 1.05)
    axes.set_xlabel("R2 (interval of 95 % over texts)")
    axes.legend(frameon=False, fontsize=7.5, ncols=2, loc="upper left")
