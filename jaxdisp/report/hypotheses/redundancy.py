"""Figure: redundancy against loss, and whether estimators of redundancy agree."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, INK, RED, SETTINGS, name_points


def figure(tables: dict[str, list[dict[str, Any]]]) -> matplotlib.figure.Figure:
    """Draws losses by redundancy with both laws, correlations, and agreement.

    Args:
        tables: as from the experiment, `languages`, `correlations`, `shapes` and
            `agreement`.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        found = matplotlib.figure.Figure(figsize=(9, 5.4), layout="constrained")
        axes = found.subplot_mosaic("LC;LA", width_ratios=(1.2, 1))
        _losses(axes["L"], tables["languages"], tables["shapes"])
        _correlations(axes["C"], tables["correlations"])
        _agreement(found, axes["A"], tables["agreement"])
        found.suptitle(
            "Redundancy of representations and what languages lose", fontsize=10
        )
        _named(axes["L"], tables["languages"])
    return found


def _losses(
    axes: matplotlib.axes.Axes,
    rows: list[dict[str, Any]],
    shapes: list[dict[str, Any]],
) -> None:
    axes.set_ylabel("nats lost per sentence")
    axes.set_xlabel("Gaussian redundancy (bits per channel)")
    known = [row for row in rows if row.get("gaussian") is not None]
    if not known:
        axes.text(0.5, 0.5, "too few tokens", ha="center", transform=axes.transAxes)
        return
    names = ("gaussian", "degradation", "degradation_low", "degradation_high")
    bits, loss, low, high = np.array(
        [[row[name] for row in known] for name in names], float
    )
    axes.vlines(bits, low, high, color=GREY, lw=0.8)
    axes.plot(bits, loss, "o", color=BLUE, ms=4)
    line = np.linspace(bits.min(), bits.max(), 100)
    laws = {"1/R": (1 / line, 1 / bits), "4^-R": (4.0**-line, 4.0**-bits)}
    for shape, style in zip(shapes, ("-", "--"), strict=False):
        drawn, own = laws[shape["law"]]
        level = loss.mean() - shape["slope"] * own.mean()
        axes.plot(
            line,
            level + shape["slope"] * drawn,
            style,
            color=RED,
            lw=1.2,
            label=f"{shape['law']} (left out: R2 {shape['loo_r2']:.2f})",
        )
    if shapes:
        axes.set_ylim(top=1.12 * float(high.max()))
        axes.legend(frameon=False, fontsize=8, loc="upper right")


def _named(axes: matplotlib.axes.Axes, rows: list[dict[str, Any]]) -> None:
    known = [row for row in rows if row.get("gaussian") is not None]
    name_points(
        axes,
        [row["gaussian"] for row in known],
        [row["degradation"] for row in known],
        [row["language"] for row in known],
    )


def _correlations(axes: matplotlib.axes.Axes, rows: list[dict[str, Any]]) -> None:
    rows = rows[::-1]
    places = np.arange(len(rows), dtype=float)
    value, low, high = (
        np.array([row[name] for row in rows], float)
        for name in ("rank_correlation", "low", "high")
    )
    colours = [GREY if row["circular"] else BLUE for row in rows]
    axes.hlines(places, low, high, color=colours, lw=1.2)
    axes.scatter(value, places, color=colours, s=22, zorder=3)
    names = [
        f"{row['estimator']}\n(circular)" if row["circular"] else row["estimator"]
        for row in rows
    ]
    axes.set_yticks(places, names)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_xlim(-1, 1)
    axes.set_xlabel("rank correlation with the loss (corrected intervals)")


def _agreement(
    found: matplotlib.figure.Figure,
    axes: matplotlib.axes.Axes,
    rows: list[dict[str, Any]],
) -> None:
    if not rows:
        axes.set_axis_off()
        return
    names = list(dict.fromkeys(name for row in rows for name in _pair(row)))
    table = np.full((len(names), len(names)), np.nan)
    for row in rows:
        first, second = (names.index(name) for name in _pair(row))
        table[first, second] = table[second, first] = row["rank_correlation"]
    image = axes.imshow(table, cmap="RdBu_r", vmin=-1, vmax=1)
    for (i, j), value in np.ndenumerate(table):
        if np.isfinite(value):
            axes.text(
                j,
                i,
                f"{round(value, 1) + 0.0:.1f}",
                ha="center",
                va="center",
                fontsize=6,
                color=INK,
            )
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    found.colorbar(image, ax=axes, label="rank correlation", shrink=0.8)


def _pair(row: dict[str, Any]) -> tuple[str, str]:
    return row["first"], row["second"]
