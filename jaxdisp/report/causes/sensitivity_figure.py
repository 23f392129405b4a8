"""The figure of sensitivity: what an unobserved common cause would leave of the fit."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS

Rows = list[dict[str, Any]]

CURVES = (("total", BLUE, "o", -1), ("direct", RED, "s", 1))


def figure(found: dict[str, Any]) -> matplotlib.figure.Figure | None:
    """Draws robustness values of arrows, and effects under an unobserved cause.

    Args:
        found: `sensitivity` of results.

    Returns:
        The figure; None if there is neither.

    Reference: Cinelli and Hazlett 2020, JRSS B 82 (robustness values).
    """
    tables = found.get("sensitivity") or {}
    arrows, swept = tables.get("coefficients") or [], tables.get("confounder") or []
    if not arrows and not swept:
        return None
    with mpl.rc_context(SETTINGS):
        both = bool(arrows and swept)
        drawn = matplotlib.figure.Figure(
            figsize=(9 if both else 5, 3.6), layout="constrained"
        )
        panels = list(drawn.subplots(1, 1 + both, squeeze=False)[0])
        if arrows:
            _robustness(panels.pop(0), arrows)
        if swept:
            unit = next((row["unit"] for row in found.get("effects") or []), "")
            _confounded(panels.pop(0), swept, tables["least_confounder"], unit)
        drawn.suptitle(
            "How strong an unobserved common cause would overturn what was found",
            fontsize=10,
        )
    return drawn


def _robustness(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    places = np.arange(len(rows))[::-1]
    value, certain = (
        100 * np.array([row[name] for row in rows], float)
        for name in ("robustness_value", "robustness_value_05")
    )
    axes.hlines(places, certain, value, color=GREY, lw=1.2)
    axes.plot(value, places, "o", color=BLUE, ms=6, label="the estimate is 0")
    axes.plot(
        certain,
        places,
        "o",
        color=BLUE,
        mfc="white",
        ms=6,
        clip_on=False,
        label="its 95 % interval holds 0",
    )
    axes.set_yticks(places, [row["coefficient"].replace(">", " > ") for row in rows])
    most = float(np.nanmax(value, initial=1.0))
    axes.set_xlim(0, 1.25 * most)
    axes.set_ylim(-0.6, len(rows) + 0.5)
    axes.set_xlabel("share it must explain of both ends of the arrow (%)")
    axes.set_title(
        "an unobserved cause of both ends of an arrow, so strong that", fontsize=9
    )
    axes.legend(frameon=False, loc="upper right", ncols=2, fontsize=8)


def _confounded(axes: matplotlib.axes.Axes, rows: Rows, least: Rows, unit: str) -> None:
    strengths = sorted({row["strength"] for row in rows})
    places = np.arange(len(strengths))
    for name, colour, mark, side in CURVES:
        own = [row for row in rows if row["effect"] == name]
        if not own:
            continue
        at = places + 0.08 * side
        low, high, median = (
            np.array([row[key] for row in own], float)
            for key in ("low", "high", "median")
        )
        axes.vlines(at, low, high, color=colour, lw=2)
        axes.plot(at, median, mark, color=colour, ms=5, label=f"{name} effect of T")
    axes.axhline(0, color="black", lw=0.8)
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top + 0.25 * (top - bottom))  # the legend's place
    axes.set_xticks(places, [f"{each:g}" for each in strengths])
    said = [
        f"{row['effect']}: {_strength(row['strength'])}"
        for row in least
        if any(row["effect"] == name for name, *_ in CURVES)
    ]
    axes.set_xlabel(
        "strength of the common cause of T and D\n"
        f"(interval holds 0 from {'; '.join(said)})"
    )
    axes.set_ylabel(unit)
    axes.set_title("effects on D, 95 % intervals", fontsize=9)
    axes.legend(frameon=False, loc="upper left", fontsize=8)


def _strength(value: float | None) -> str:
    return "none up to 1" if value is None else f"{value:.2f}"
