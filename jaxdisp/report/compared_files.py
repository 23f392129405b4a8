"""The files of a comparison: tables, a forest of intervals, and the page."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.figure
import numpy as np

from jaxdisp.report import compared_lines, tables
from jaxdisp.report.compared import OPEN
from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS
from jaxdisp.report.illustration import Illustration

COLOURS = {"first": BLUE, "second": RED}
APART = 0.16
"""How far the marks of the two runs are from the middle of a language's row."""


def written_tables(found: dict[str, Any]) -> dict[str, bytes]:
    """Writes the tables of a comparison as CSV.

    Args:
        found: as from `compared.compare`.

    Reference: our own definition.
    """
    measures = [
        {"first_language": None, "second_language": None} | row
        for row in found["disparity_compared"]
    ]
    return {
        "tables/comparison.csv": tables.csv(found["degradation_compared"]),
        "tables/comparison_disparity.csv": tables.csv(measures),
    }


def illustrations(found: dict[str, Any]) -> list[Illustration]:
    """Draws a comparison by language.

    Args:
        found: as from `compared.compare`.

    Reference: our own definition.
    """
    rows = found["degradation_compared"]
    most = max(rows, key=lambda row: abs(row["d_sent_change"]))
    clear = [row for row in rows if row["verdict"] != OPEN]
    alt = (
        f"Two panels with a row for each of {len(rows)} languages: what it loses in "
        "both runs, and the difference, with 95 % intervals. The largest difference is "
        f"that of {most['language']}, "
        f"{tables.with_bounds(most, 'd_sent_change', 2)} nats per sentence; "
        f"{len(clear)} of {len(rows)} differ after Holm's correction."
    )
    return [
        Illustration(
            name="comparison",
            section="comparison",
            title="What each language loses in both runs, and the difference",
            alt=alt,
            tables=("comparison",),
            figure=forest_figure(rows),
        )
    ]


def forest_figure(rows: Sequence[dict[str, Any]]) -> matplotlib.figure.Figure:
    """Draws losses of two runs by language, and their paired difference.

    Args:
        rows: of `degradation_compared`.

    Reference: our own definition.
    """
    shown = rows[::-1]
    places = np.arange(len(shown))
    with mpl.rc_context(SETTINGS):
        figure = matplotlib.figure.Figure(
            figsize=(8.6, 0.3 * len(shown) + 1.4), layout="constrained"
        )
        lost, change = figure.subplots(1, 2, sharey=True)
        for which, shift in (("first", APART), ("second", -APART)):
            value, low, high = _bounds(shown, f"d_sent_{which}")
            colour = COLOURS[which]
            lost.hlines(places + shift, low, high, color=colour, lw=1.4)
            marker = "o" if which == "first" else "s"
            lost.plot(value, places + shift, marker, color=colour, ms=4, label=which)
        value, low, high = _bounds(shown, "d_sent_change")
        clear = np.array([row["verdict"] != OPEN for row in shown])
        for some, colour, face, label in (
            (clear, BLUE, BLUE, "differs (Holm)"),
            (~clear, GREY, "white", "inconclusive"),
        ):
            change.hlines(places[some], low[some], high[some], color=colour, lw=1.4)
            change.plot(
                value[some],
                places[some],
                "D",
                color=colour,
                mfc=face,
                ms=4,
                label=label,
            )
        for axes in (lost, change):
            axes.axvline(0, color=GREY, lw=0.8, zorder=0)
        lost.set_yticks(places, [row["language"] for row in shown])
        lost.set_xlabel("D_sent, nats lost per parallel sentence")
        change.set_xlabel("second minus first, nats per sentence")
        for axes in (lost, change):
            axes.legend(loc="lower right", frameon=False, fontsize=7)
    return figure


def page(
    found: dict[str, Any],
    environment: dict[str, Any],
    drawn: Sequence[Illustration],
) -> dict[str, bytes]:
    """Writes the page of a comparison.

    Args:
        found: as from `compared.compare`.
        environment: the content of `environment.json`.
        drawn: its figures.

    Reference: our own definition.
    """
    return {
        "report.md": compared_lines.page(found, environment, drawn).encode(),
    }


def _bounds(
    rows: Sequence[dict[str, Any]], name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Estimate and bounds, NaN where there are none."""
    value, low, high = (
        np.array([row[name + end] for row in rows], float)
        for end in ("", "_low", "_high")
    )
    return value, low, high
