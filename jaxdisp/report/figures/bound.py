"""What is lost against 1 / R, the bound that redundancy is said to set."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np
import scipy.stats

from jaxdisp.report import drawing
from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS
from jaxdisp.report.figures.experiments import of_experiment
from jaxdisp.report.illustration import Illustration

Rows = list[dict[str, Any]]

REDUNDANCIES = {
    "gaussian": ("of the spectrum of states", "bits per channel"),
    "readout": ("of what the head reads", "channels"),
}
FEWEST = 4
"""Languages for a line with an interval."""


def fits(table: Rows) -> Rows:
    """Fits what languages lose by a line in 1 / R.

    Definition: least squares `D = a + b / R` over languages, the interval of b by
    Student's t with n - 2 degrees of freedom.

    Args:
        table: `languages` of the experiment `redundancy`.

    Reference: textbook definition.
    """
    made = []
    for name in REDUNDANCIES:
        x, y = _points(table, name)[:2]
        if len(x) < FEWEST or np.ptp(x) == 0:
            continue
        line: Any = scipy.stats.linregress(x, y)
        half = float(scipy.stats.t.isf(0.025, len(x) - 2)) * float(line.stderr)
        made.append(
            {
                "redundancy": name,
                "intercept": float(line.intercept),
                "slope": float(line.slope),
                "slope_low": float(line.slope) - half,
                "slope_high": float(line.slope) + half,
                "r2": float(line.rvalue) ** 2,
                "n": len(x),
            }
        )
    return made


def _points(table: Rows, name: str) -> np.ndarray:
    """1 / R, losses and their bounds, of languages with an R above 0."""
    own = [
        [1 / row[name]] + [row[f"degradation{end}"] for end in ("", "_low", "_high")]
        for row in _known(table, name)
    ]
    return np.array(own, float).reshape(-1, 4).T


def _known(table: Rows, name: str) -> Rows:
    return [row for row in table if row.get(name) is not None and row[name] > 0]


def figure(table: Rows) -> matplotlib.figure.Figure:
    """Draws losses, in nats per sentence, against 1 / R with lines and their bands.

    Args:
        table: `languages` of the experiment `redundancy`.

    Reference: our own definition; the band is that of the mean (Draper and Smith 1998,
        Applied Regression Analysis, section 3.1).
    """
    fitted = {row["redundancy"]: row for row in fits(table)}
    names = [name for name in REDUNDANCIES if _known(table, name)]
    with mpl.rc_context(SETTINGS):
        made = matplotlib.figure.Figure(
            figsize=(4.6 * len(names) if len(names) < 2 else 9, 3.9),
            layout="constrained",
        )
        panels = made.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, names, strict=True):
            _panel(axes, table, name, fitted.get(name))
        panels[0].set_ylabel("degradation (nats per sentence, 95 %)")
        made.suptitle("Is what is lost proportional to 1 / R?", fontsize=10)
        for axes, name in zip(panels, names, strict=True):
            x, y = _points(table, name)[:2]
            said = [row["language"] for row in _known(table, name)]
            drawing.name_points(axes, x, y, said)
    return made


def _panel(
    axes: matplotlib.axes.Axes, table: Rows, name: str, fit: dict[str, Any] | None
) -> None:
    x, y, low, high = _points(table, name)
    axes.vlines(x, low, high, color=GREY, lw=0.9)
    axes.plot(x, y, "o", color=BLUE, ms=4.5, zorder=3)
    if fit is not None:
        at = np.linspace(x.min(), x.max(), 60)
        line = fit["intercept"] + fit["slope"] * at
        error = y - fit["intercept"] - fit["slope"] * x
        spread = np.sqrt(np.sum(error**2) / (len(x) - 2))
        far = (at - x.mean()) ** 2 / np.sum((x - x.mean()) ** 2)
        half = scipy.stats.t.isf(0.025, len(x) - 2) * spread * np.sqrt(1 / len(x) + far)
        axes.fill_between(at, line - half, line + half, color=RED, alpha=0.15, lw=0)
        text = f"{fit['slope']:.3g} [{fit['slope_low']:.3g}, {fit['slope_high']:.3g}]"
        axes.plot(at, line, "--", color=RED, lw=1.4, label=f"slope {text}, band 95 %")
        axes.legend(frameon=False, fontsize=8, loc="upper right")
    what, unit = REDUNDANCIES[name]
    axes.axhline(0, color="black", lw=0.8)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
    axes.set_xlabel(f"1 / R {what} (1 / {unit}; no interval)")


def illustrations(found: dict[str, Any]) -> list[Illustration]:
    """Draws the bound of redundancy, where the experiment `redundancy` was run.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    table = of_experiment(found, "redundancy", "languages")
    if not any(_known(table, name) for name in REDUNDANCIES):
        return []
    said = [
        f"with R {REDUNDANCIES[row['redundancy']][0]} the slope is {row['slope']:.3g} "
        f"[{row['slope_low']:.3g}, {row['slope_high']:.3g}]"
        + (", which may be 0" if row["slope_low"] <= 0 <= row["slope_high"] else "")
        for row in fits(table)
    ]
    return [
        Illustration(
            name="redundancy_bound",
            section="hypotheses",
            title="What is lost against 1 / R",
            alt=f"Points, one per language, with a line and its 95 % band: "
            f"{'; '.join(said) or 'too few languages for a line'}.",
            tables=("redundancy_languages", "redundancy_fits"),
            figure=figure(table),
        )
    ]


def tables(found: dict[str, Any]) -> dict[str, Rows]:
    """Collects the fits behind the figure.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    table = of_experiment(found, "redundancy", "languages")
    return {"redundancy_fits": fits(table)} if table else {}
