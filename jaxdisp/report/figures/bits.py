"""Losses of each language by word length, towards full precision."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from jaxdisp.report.degradation_plots import side, tiers
from jaxdisp.report.drawing import SETTINGS
from jaxdisp.report.figures.experiments import of_experiment
from jaxdisp.report.illustration import Illustration

Rows = list[dict[str, Any]]

MEASURES = {
    "loss": "loss of the text beyond full precision",
    "divergence": "divergence from its predictions",
}
SPREAD = 0.5
"""Of a bit, over which the intervals of languages are laid side by side."""
LINEAR = 0.1
"""Nats around 0 where the axis is linear, since losses may be negative."""


def figure(
    table: Rows, *, contrast: dict[str, Any] | None = None
) -> matplotlib.figure.Figure:
    """Draws what languages lose, in nats per sentence, by bits of a word.

    Args:
        table: `curves` of experiment T-010.
        contrast: which languages are compared; None does not colour them.

    Reference: our own definition.
    """
    measures = [name for name in MEASURES if any(r["measure"] == name for r in table)]
    with mpl.rc_context(SETTINGS):
        made = matplotlib.figure.Figure(figsize=(9, 4.4), layout="constrained")
        panels = made.subplots(1, len(measures), squeeze=False)[0]
        for axes, name in zip(panels, measures, strict=True):
            own = [row for row in table if row["measure"] == name]
            _panel(axes, own, contrast)
            axes.set_title(MEASURES[name], fontsize=9)
        panels[0].set_ylabel("nats per parallel sentence, 95 % intervals")
        handles, labels = panels[0].get_legend_handles_labels()
        made.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=4,
            frameon=False,
            fontsize=8,
        )
        made.suptitle(
            "What each language loses by word length (one line per language)",
            fontsize=10,
        )
    return made


def _panel(
    axes: matplotlib.axes.Axes, table: Rows, contrast: dict[str, Any] | None
) -> None:
    languages = list(dict.fromkeys(row["language"] for row in table))
    look = {key: (colour, mark) for key, colour, mark, _ in tiers(contrast)}
    names = {key: name for key, *_, name in tiers(contrast)}
    shifts = np.linspace(-SPREAD / 2, SPREAD / 2, len(languages) + 2)[1:-1]
    for shift, language in zip(shifts, languages, strict=True):
        own = [row for row in table if row["language"] == language]
        key = side(language, contrast)
        colour, mark = look[key]
        bits, value, low, high = np.array(
            [[row["bits"], row["value"], row["low"], row["high"]] for row in own], float
        ).T
        axes.vlines(bits + shift, low, high, color=colour, lw=0.8, alpha=0.7)
        axes.plot(
            bits + shift,
            value,
            mark,
            ls="-",
            color=colour,
            lw=0.5,
            alpha=0.75,
            ms=2.8,
            label=names.pop(key, None),
        )
    axes.axhline(0, color="black", lw=0.9, label="full precision")
    axes.set_yscale("symlog", linthresh=LINEAR)
    least = min(row["value"] if row["low"] is None else row["low"] for row in table)
    axes.set_ylim(bottom=min(1.3 * least, -0.3 * LINEAR))
    axes.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    axes.set_xlabel(f"bits of a word (axis linear within {LINEAR:g})")


def illustrations(found: dict[str, Any]) -> list[Illustration]:
    """Draws losses by word length, where experiment T-010 measured them.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    table = of_experiment(found, "T-010", "curves")
    if not table:
        return []
    contrast = (found.get("disparity") or {}).get("contrast")
    said = []
    for bits in sorted({row["bits"] for row in table}):
        own = [r for r in table if r["measure"] == "loss" and r["bits"] == bits]
        if own and bits in (3, 4, 8):
            top = max(own, key=lambda row: row["value"])
            said.append(
                f"at {bits} bits the most is lost in {top['language']}, "
                f"{top['value']:.2f} [{top['low']:.2f}, {top['high']:.2f}]"
            )
    return [
        Illustration(
            name="bits",
            section="degradation",
            title="Losses by word length",
            alt="Lines, one per language, in nats per sentence, falling with bits: "
            f"{'; '.join(said)}.",
            tables=("t_010_curves",),
            figure=figure(table, contrast=contrast),
        )
    ]
