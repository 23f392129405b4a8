"""All correlations that hypotheses foretold, side by side in their one unit."""

from typing import Any

import matplotlib as mpl
import matplotlib.figure
import matplotlib.lines
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS
from jaxdisp.report.illustration import Illustration
from jaxdisp.report.parts import part

Rows = list[dict[str, Any]]

VERDICTS = {
    "holds": (BLUE, "o", BLUE),
    "inconclusive": (GREY, "s", "white"),
    "fails": (RED, "X", RED),
}
FEWEST = 2


def rows(found: dict[str, Any]) -> Rows:
    """Lists the findings that are correlations, their sign turned to the claim's.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    examined = part(found, "hypotheses") or {"findings": []}
    return [
        {
            "id": row["id"],
            "estimate": row["estimate"],
            "low": row["interval"][0],
            "high": row["interval"][1],
            "bound": row["bound"],
            "n": row["n"],
            "verdict": row["verdict"],
            "unit": row["unit"],
        }
        for row in examined["findings"]
        if _is_correlation(row["unit"])
        and row["verdict"] in VERDICTS
        and row["interval"] is not None
    ]


def _is_correlation(unit: str) -> bool:
    """What is left of a bound is no correlation, though its unit names one."""
    return "correlation" in unit and not unit.startswith("what is left")


def figure(table: Rows) -> matplotlib.figure.Figure:
    """Draws correlations with their intervals, marked by verdict.

    Args:
        table: as from `rows`.

    Reference: our own definition.
    """
    ordered = sorted(table, key=lambda row: row["estimate"])
    with mpl.rc_context(SETTINGS):
        made = matplotlib.figure.Figure(
            figsize=(7.2, 0.24 * len(table) + 1.6), layout="constrained"
        )
        axes = made.subplots()
        for place, row in enumerate(ordered):
            colour, mark, fill = VERDICTS[row["verdict"]]
            axes.hlines(place, row["low"], row["high"], color=colour, lw=1.5)
            axes.plot(row["estimate"], place, mark, color=colour, mfc=fill, ms=6)
            if row["bound"]:
                axes.plot(row["bound"], place, "|", color="black", ms=11, mew=1.4)
        names = [f"{row['id']} (n = {row['n']})" for row in ordered]
        axes.set_yticks(np.arange(len(ordered)), names)
        axes.set_ylim(-0.7, len(ordered) - 0.3)
        axes.set_xlim(-1.03, 1.03)
        axes.axvline(0, color="black", lw=0.8)
        axes.set_xlabel("correlation, positive as the claim has it (95 % interval)")
        made.legend(
            handles=_marks(bounded=any(row["bound"] for row in table)),
            loc="outside lower center",
            ncols=4,
            frameon=False,
            fontsize=8,
        )
        made.suptitle("Correlations that hypotheses foretold", fontsize=10)
    return made


def _marks(*, bounded: bool) -> list[Any]:
    line = matplotlib.lines.Line2D
    marks = [
        line([], [], color=colour, marker=mark, mfc=fill, ms=6, label=verdict)
        for verdict, (colour, mark, fill) in VERDICTS.items()
    ]
    if bounded:
        bar: Any = {"color": "black", "marker": "|", "ls": "none", "ms": 10}
        marks.append(line([], [], label="bound other than 0", **bar))
    return marks


def illustrations(found: dict[str, Any]) -> list[Illustration]:
    """Draws the correlations among findings, where there are some.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    table = rows(found)
    if len(table) < FEWEST:
        return []
    top, last = (
        max(table, key=lambda row, sign=sign: sign * row["estimate"])
        for sign in (1, -1)
    )
    tally = ", ".join(
        f"{sum(row['verdict'] == verdict for row in table)} {said}"
        for verdict, said in (
            ("holds", "hold"),
            ("fails", "fail"),
            ("inconclusive", "are inconclusive"),
        )
    )
    return [
        Illustration(
            name="correlations",
            section="hypotheses",
            title="Correlations that hypotheses foretold",
            alt=f"{len(table)} correlations with 95 % intervals, from {last['id']} "
            f"{_said(last)} to {top['id']} {_said(top)}: {tally}.",
            tables=("findings",),
            figure=figure(table),
        )
    ]


def _said(row: dict[str, Any]) -> str:
    return f"{row['estimate']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
