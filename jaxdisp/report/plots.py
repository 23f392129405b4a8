"""Every figure of a run: which there is data for, and what each shows in words."""

from typing import Any

from jaxdisp.report import (
    clip_plots,
    compared_files,
    degradation_plots,
    search_plots,
)
from jaxdisp.report.causes import figures as causes_figures
from jaxdisp.report.figures import (
    bits,
    bound,
    fertility,
    foretold,
    patching,
    power,
    spread,
    tail,
    weights,
)
from jaxdisp.report.hypotheses import figures as hypotheses_figures
from jaxdisp.report.illustration import Illustration
from jaxdisp.report.parts import part


def illustrations(found: dict[str, Any]) -> list[Illustration]:
    """Draws all figures that results have data for, in the order of the page.

    Args:
        found: the content of `results.json`, of any command.

    Reference: our own definition.
    """
    if "compared" in found:
        return compared_files.illustrations(found)
    if "law" in found:
        return clip_plots.of_law(found)
    if "data" in found:
        return causes_figures.illustrations(found)
    title = f"{found['model']}: {found['quantizer_in_words']}"
    drawn = [
        *degradation_plots.illustrations(found, title=title),
        *fertility.illustrations(found, title=title),
        *bits.illustrations(found),
        *spread.illustrations(found, title=title),
        *tail.illustrations(found, title=title),
        *weights.illustrations(found, title=title),
        *clip_plots.illustrations(found, title=title),
    ]
    if (searched := part(found, "search")) is not None:
        drawn += search_plots.illustrations(searched, title=title)
    if (examined := part(found, "hypotheses")) is not None:
        drawn += foretold.illustrations(found)
        drawn += hypotheses_figures.illustrations(examined)
        drawn += bound.illustrations(found) + patching.illustrations(found)
    if (caused := part(found, "causes")) is not None:
        drawn += causes_figures.illustrations(caused)
    return drawn + power.illustrations(found)


def tables(found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Collects the tables that were made for figures alone, by name.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    if "law" in found or "data" in found:
        return {}
    made: dict[str, list[dict[str, Any]]] = {}
    for module in (fertility, spread, tail, weights, bound, power):
        made |= module.tables(found)
    return {name: rows for name, rows in made.items() if rows}
