"""Figures of a fit's curves: densities of effects, D when T is set, and replicas."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from jaxdisp.report.causes.effects_figure import NAMES
from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS

Rows = list[dict[str, Any]]

WORDS = {
    "T": "tokenization quality T",
    "A": "alignment A",
    "R": "redundancy R",
    "D": "degradation D",
}


def _table(found: dict[str, Any], name: str) -> Rows:
    return (found.get("curves") or {}).get(name) or []


def densities(found: dict[str, Any]) -> matplotlib.figure.Figure | None:
    """Draws the densities of effects of T on D, in the posterior and in the prior.

    Args:
        found: `curves` and `effects` of results.

    Returns:
        The figure; None if nothing was fitted.

    Reference: our own definition.
    """
    rows = _table(found, "densities")
    if not rows or not found.get("effects"):
        return None
    effects = {row["name"]: row for row in found["effects"]}
    names = [name for name in NAMES if any(row["effect"] == name for row in rows)]
    with mpl.rc_context(SETTINGS):
        drawn = matplotlib.figure.Figure(figsize=(9, 3.3), layout="constrained")
        panels = drawn.subplots(1, len(names), squeeze=False)[0]
        for axes, name in zip(panels, names, strict=True):
            own = [row for row in rows if row["effect"] == name]
            _density(axes, own, effects[name])
            axes.set_title(NAMES[name], fontsize=9)
            axes.set_xlabel(effects[name]["unit"])
        panels[0].set_ylabel("density")
        handles, labels = panels[0].get_legend_handles_labels()
        drawn.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=3,
            frameon=False,
            fontsize=8,
        )
        drawn.suptitle("Effect of T on D: what the data add to the prior", fontsize=10)
    return drawn


def _density(axes: matplotlib.axes.Axes, rows: Rows, effect: dict[str, Any]) -> None:
    after, before = (
        np.array([[r["value"], r["density"]] for r in rows if r["of"] == which], float)
        for which in ("posterior", "prior")
    )
    axes.fill_between(after[:, 0], after[:, 1], color=BLUE, alpha=0.25, lw=0)
    axes.plot(after[:, 0], after[:, 1], color=BLUE, label="posterior")
    if len(before):
        axes.plot(before[:, 0], before[:, 1], "--", color=GREY, label="prior")
    low = -0.06 * float(after[:, 1].max())
    bar: Any = {"color": RED, "lw": 2.5, "label": "95 % interval and median"}
    axes.hlines(low, effect["low"], effect["high"], **bar)
    axes.plot(effect["median"], low, "o", color=RED, ms=5)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_ylim(bottom=2 * low)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))


def do_curve(found: dict[str, Any]) -> matplotlib.figure.Figure | None:
    """Draws what D would be if T were set, with its band, and the mean rows.

    Args:
        found: `curves`, and perhaps `units`, of results.

    Returns:
        The figure; None if nothing was fitted.

    Reference: Pearl 2009, Causality, definition 3.2.1.
    """
    rows = _table(found, "do_curve")
    if not rows:
        return None
    at, median, low, high = np.array(
        [[row[name] for name in ("T", "median", "low", "high")] for row in rows], float
    ).T
    with mpl.rc_context(SETTINGS):
        drawn = matplotlib.figure.Figure(figsize=(6.2, 3.8), layout="constrained")
        axes = drawn.subplots()
        axes.fill_between(at, low, high, color=BLUE, alpha=0.25, lw=0)
        what = "mean" if found.get("link") == "linear" else "median"
        label = f"{what} of D when T is set, 95 % band"
        axes.plot(at, median, color=BLUE, label=label)
        means = _means(found.get("units") or [])
        if len(means):
            style: Any = {"color": GREY, "ms": 4.5}
            label = "means of languages, as measured (no intervals)"
            axes.plot(means[:, 0], means[:, 1], "D", label=label, **style)
        axes.axhline(0, color="black", lw=0.8)
        measured = bool(found.get("reference"))
        unit = "tokens of the reference's sentence over its own"
        axes.set_xlabel(f"T ({unit if measured else 'as given'})")
        unit = "nats per parallel sentence"
        axes.set_ylabel(f"D ({unit if measured else 'as given'})")
        axes.legend(frameon=False, fontsize=8)
        drawn.suptitle("What the fit says D would be if T were set", fontsize=10)
    return drawn


def _means(units: Rows) -> np.ndarray:
    """T and D of languages: means over their rows."""
    known = [row for row in units if None not in (row.get("T"), row.get("D"))]
    names = dict.fromkeys(row["language"] for row in known)
    return np.array(
        [
            [
                np.mean([row[node] for row in known if row["language"] == name])
                for node in "TD"
            ]
            for name in names
        ],
        float,
    ).reshape(-1, 2)


def predictive(found: dict[str, Any]) -> matplotlib.figure.Figure | None:
    """Draws quantiles of the data against those of data that the fit would make.

    Args:
        found: `curves` and `link` of results.

    Returns:
        The figure; None if nothing was fitted.

    Reference: Gelman, Meng and Stern 1996, Statistica Sinica 6, 733-807.
    """
    rows = _table(found, "predictive")
    if not rows:
        return None
    log = "" if found.get("link") == "linear" else "ln of "
    with mpl.rc_context(SETTINGS):
        drawn = matplotlib.figure.Figure(figsize=(9, 3.0), layout="constrained")
        panels = drawn.subplots(1, 4)
        for axes, (node, words) in zip(panels, WORDS.items(), strict=True):
            own = [row for row in rows if row["node"] == node]
            _quantiles(axes, own)
            axes.set_title(log + words, fontsize=9)
            axes.set_xlabel("quantile in the data")
        panels[0].set_ylabel("in replicated data\n(bars: 95 % of replicas)")
        drawn.suptitle(
            "Would the fit make such data? Quantiles, 1 to 99 % (red: outside)",
            fontsize=10,
        )
    return drawn


def _quantiles(axes: matplotlib.axes.Axes, rows: Rows) -> None:
    names = ("observed", "median", "low", "high")
    x, y, low, high = np.array([[row[n] for n in names] for row in rows], float).T
    inside = (low <= x) & (x <= high)
    for chosen, colour, mark in ((inside, BLUE, "o"), (~inside, RED, "^")):
        bars = x[chosen], low[chosen], high[chosen]
        axes.vlines(*bars, color=colour, lw=1.2)
        axes.plot(x[chosen], y[chosen], mark, color=colour, ms=3.5)
    axes.axline((x[0], x[0]), slope=1, color="black", lw=0.8, ls="--")
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
