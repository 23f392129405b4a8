"""Spectra of the weights of each layer, against the same weights shuffled."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS

Rows = list[dict[str, Any]]

NAMES = {
    "effective_rank": "effective rank (entropy)",
    "participation_ratio": "participation ratio",
    "stable_rank": "stable rank",
    "condition_number": "condition number",
    "exponent": "exponent of the power law",
}


def figure(tables: dict[str, Rows]) -> matplotlib.figure.Figure:
    """Draws five statistics of each layer, and how the gateway layers compare.

    Args:
        tables: of the experiment T-005; `layers` and `tests` are drawn.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        drawing = matplotlib.figure.Figure(figsize=(9, 4.8), layout="constrained")
        panels = drawing.subplots(2, 3).ravel()
        tests = [row for row in tables["tests"] if row["weights"] == "model"]
        for axes, (statistic, name) in zip(panels, NAMES.items(), strict=False):
            _profile(axes, tables["layers"], statistic)
            corrected = [r for r in tests if r["statistic"] == statistic]
            p = f", corrected p {corrected[0]['corrected_p']:.2g}" if corrected else ""
            axes.set_title(name + p, fontsize=9)
        handles, labels = panels[0].get_legend_handles_labels()
        panels[-1].legend(handles, labels, frameon=False, loc="center")
        panels[-1].axis("off")
        drawing.suptitle(
            "Singular values of the weights, averaged over the matrices of a layer",
            fontsize=10,
        )
    return drawing


def _profile(axes: matplotlib.axes.Axes, rows: Rows, statistic: str) -> None:
    """One statistic by layer; layers without it are not drawn."""
    known = [row for row in rows if row[statistic] is not None]
    own = [row for row in known if row["weights"] == "model"]
    null = [row for row in known if row["weights"] == "shuffled"]
    axes.plot(
        [row["layer"] for row in null],
        [row[statistic] for row in null],
        "x",
        color=GREY,
        ms=5,
        label="weights shuffled",
    )
    for gateway, colour, name in (
        ("no", BLUE, "other layers"),
        ("yes", RED, "first, three-quarter, last"),
    ):
        part = [row for row in own if row["gateway"] == gateway]
        axes.plot(
            [row["layer"] for row in part],
            [row[statistic] for row in part],
            "o",
            color=colour,
            ms=5,
            label=name,
        )
    if statistic == "condition_number":
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.set_xticks(np.unique([row["layer"] for row in rows]))
    axes.tick_params(axis="x", labelsize=7)
    axes.set_xlabel("layer")
