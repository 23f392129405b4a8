"""Which layers carry the damage of which language: restored shares as maps."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.image
import numpy as np

from jaxdisp.report.drawing import GREY, SETTINGS
from jaxdisp.report.figures.experiments import of_experiment
from jaxdisp.report.illustration import Illustration

Rows = list[dict[str, Any]]

SITES = {"state": "state after the layer", "update": "what the layer adds"}
MOST = 100.0
"""Percent beyond which colours do not go: shares of small damages have no end."""


def figure(table: Rows) -> matplotlib.figure.Figure:
    """Draws, by layer and language, the share of the damage that is undone, in percent.

    Languages whose damage is not clearly above 0 have no share.

    Args:
        table: `languages` of the experiment `causal-tracing`.

    Reference: maps as in Meng et al. 2022, arXiv:2202.05262, figure 1.
    """
    rows = [row for row in table if row["direction"] == "restored"]
    languages = _languages(rows)
    with mpl.rc_context(SETTINGS):
        made = matplotlib.figure.Figure(
            figsize=(9, max(3.4, 0.19 * len(languages) + 1.6)), layout="constrained"
        )
        panels = made.subplots(1, 2, sharey=True)
        for axes, site in zip(panels, SITES, strict=True):
            own = [row for row in rows if row["site"] == site]
            image = _map(axes, own, languages)
            label = "% of the damage (no intervals by cell)"
            made.colorbar(image, ax=axes, label=label, location="bottom", aspect=35)
            axes.set_title(f"{SITES[site]} restored", fontsize=9)
        made.suptitle(
            "Damage undone by full-precision activations, by layer and language",
            fontsize=10,
        )
    return made


def _languages(rows: Rows) -> list[str]:
    """Those with shares first, the most restored over all layers on top."""
    total: dict[str, float] = {}
    for row in rows:
        share = row["all"] if row["all"] is not None else np.nan
        total[row["language"]] = total.get(row["language"], 0.0) + share
    return sorted(total, key=lambda name: (np.isnan(total[name]), -total[name]))


def _map(
    axes: matplotlib.axes.Axes, rows: Rows, languages: list[str]
) -> matplotlib.image.AxesImage:
    n_layers = 1 + max(row["layer"] for row in rows)
    shares = np.full((len(languages), n_layers), np.nan)
    for row in rows:
        if row["all"] is not None:
            place = languages.index(row["language"]), row["layer"]
            shares[place] = 100 * row["all"]
    most = min(MOST, float(np.nanmax(np.abs(shares), initial=1e-9)))
    look: Any = {"cmap": "RdBu", "aspect": "auto", "interpolation": "nearest"}
    image = axes.imshow(shares, vmin=-most, vmax=most, **look)
    for place in np.flatnonzero(np.all(np.isnan(shares), axis=1)):
        text = "damage not clearly above 0"
        where: Any = {"ha": "center", "va": "center", "fontsize": 7, "color": GREY}
        axes.text((n_layers - 1) / 2, float(place), text, **where)
    axes.set_yticks(range(len(languages)), languages)
    every = range(0, n_layers, 1 + (n_layers - 1) // 16)
    axes.set_xticks(every, [str(n) for n in every])
    axes.set_xlabel("layer")
    return image


def illustrations(found: dict[str, Any]) -> list[Illustration]:
    """Draws patching by layer and language, where causal tracing was run.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    table = of_experiment(found, "causal-tracing", "languages")
    rows = [row for row in table if row["direction"] == "restored"]
    known = [row for row in rows if row["all"] is not None]
    updates = [row for row in known if row["site"] == "update"]
    if not updates:
        return []
    top = max(updates, key=lambda row: row["all"])
    none = len({r["language"] for r in rows} - {r["language"] for r in known})
    return [
        Illustration(
            name="causal_tracing_languages",
            section="hypotheses",
            title="Where the damage of each language is",
            alt="Two heat maps of layers by language. What a layer adds matters most "
            f"in layer {top['layer']} for {top['language']}: in full precision it "
            f"undoes {100 * top['all']:.0f} % of the damage (no interval by cell); "
            f"{none} languages have no damage clearly above 0.",
            tables=("causal_tracing_languages", "causal_tracing_gateways"),
            figure=figure(table),
        )
    ]
