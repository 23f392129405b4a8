"""Measures of disparity side by side, each with its interval."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from jaxdisp.report import tables as cells
from jaxdisp.report.drawing import BLUE, GREY, SETTINGS
from jaxdisp.report.illustration import Illustration

Rows = list[dict[str, Any]]


def rows(found: dict[str, Any]) -> Rows:
    """Lists the measures of disparity, those without a number with the reason.

    Args:
        found: holds `disparity`, as from `results.disparity_entries`.

    Reference: our own definition.
    """
    entries = found["disparity"]
    named = cells.measure_names(entries.get("contrast"))
    return [
        {"measure": name, "name": title}
        | {key: entries[name][key] for key in ("estimate", "low", "high")}
        | {"unit": entries[name]["unit"], "reason": entries[name]["reason"]}
        for name, title in named.items()
        if name in entries
    ]


def figure(table: Rows, *, title: str) -> matplotlib.figure.Figure:
    """Draws measures in nats per sentence, and those without a unit.

    Args:
        table: as from `rows`.
        title: what was quantized.

    Reference: our own definition.
    """
    known = [row for row in table if row["estimate"] is not None]
    parts = [
        ([row for row in known if row["unit"]], "nats per sentence, 95 % interval"),
        ([row for row in known if not row["unit"]], "no unit, 95 % interval"),
    ]
    parts = [part for part in parts if part[0]]
    with mpl.rc_context(SETTINGS):
        size = (9 if len(parts) > 1 else 5.2, 2.3)
        made = matplotlib.figure.Figure(figsize=size, layout="constrained")
        ratios = [3, 2][: len(parts)]
        panels = made.subplots(1, len(parts), squeeze=False, width_ratios=ratios)[0]
        for axes, (own, label) in zip(panels, parts, strict=True):
            _panel(axes, own[::-1])
            axes.set_xlabel(label)
        made.suptitle(title, fontsize=10)
    return made


def _panel(axes: matplotlib.axes.Axes, table: Rows) -> None:
    for place, row in enumerate(table):
        low, high = row["low"], row["high"]
        bounded = None not in (low, high)
        clear = bounded and (low > 0 or high < 0)
        colour = BLUE if clear else GREY
        if bounded:
            axes.hlines(place, low, high, color=colour, lw=2)
        fill = colour if clear else "white"
        axes.plot(row["estimate"], place, "o", color=colour, mfc=fill, ms=6)
    names = [
        row["name"] + ("" if row["low"] is not None else "\n(no interval)")
        for row in table
    ]
    axes.set_yticks(range(len(table)), names)
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.axvline(0, color="black", lw=0.8)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
    if not np.any([row["low"] is not None for row in table]):
        axes.margins(x=0.2)


def illustrations(found: dict[str, Any], *, title: str) -> list[Illustration]:
    """Draws how unequal losses are, where measured.

    Args:
        found: the content of `results.json`.
        title: what was quantized.

    Reference: our own definition.
    """
    table = tables(found).get("disparity", [])
    known = {row["measure"]: row for row in table if row["estimate"] is not None}
    if not known:
        return []
    said = [
        f"{row['name']} "
        f"{cells.with_bounds(_named(row), 'x', 2)}{' nats' if row['unit'] else ''}"
        for name in ("max_min", "difference", "log_ratio", "gini")
        for row in [known.get(name)]
        if row
    ]
    return [
        Illustration(
            name="disparity",
            section="disparity",
            title="How unequal losses are",
            alt=f"Estimates with 95 % intervals; {'; '.join(said)}. Open marks: the "
            "interval holds 0, or there is none.",
            tables=("disparity",),
            figure=figure(table, title=title),
        )
    ]


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {"x": row["estimate"], "x_low": row["low"], "x_high": row["high"]}


def tables(found: dict[str, Any]) -> dict[str, Rows]:
    """Collects the table behind the figure.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    if not isinstance(found.get("disparity"), dict):
        return {}
    return {"disparity": rows(found)}
