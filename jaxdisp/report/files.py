"""The files of a run besides `results.json`: tables, figures and the page."""

from typing import Any

from jaxdisp.report import (
    card,
    clip_tables,
    compared_files,
    illustration,
    markdown,
    plots,
    results,
    search_tables,
    tables,
)
from jaxdisp.report.causes import figures as causes_figures
from jaxdisp.report.claims import rows as claims
from jaxdisp.report.hypotheses import figures
from jaxdisp.report.page import report
from jaxdisp.report.parts import part
from jaxdisp.report.plans import plan as plans

PAGED = ("run", "search", "hypotheses", "causal", "intervene", "claims")
"""Commands whose runs have a page."""


def written(found: dict[str, Any], environment: dict[str, Any]) -> dict[str, bytes]:
    """Writes the tables, the figures and the page of a run from its results alone.

    Args:
        found: the content of `results.json`.
        environment: the content of `environment.json`.

    Returns:
        Files by their path in the run directory.

    Reference: our own definition.
    """
    drawn = plots.illustrations(found)
    files = written_tables(found) | illustration.written(drawn)
    if "compared" in found:
        return files | compared_files.page(found, environment, drawn)
    if (plan := part(found, "plan")) is not None:
        files[plans.FILE] = plans.encoded(plan)
    if found["command"] in PAGED and "data" not in found:
        files["report.html"] = report.written(found, environment, drawn, files)
        files["report.md"] = markdown.report(found, environment, drawn).encode()
        if "degradation" in found:
            files["card.md"] = card.of_results(found).encode()
    return files


def written_tables(found: dict[str, Any]) -> dict[str, bytes]:
    """Writes all tables of results as CSV.

    Args:
        found: the content of `results.json`.

    Returns:
        Files by their path in the run directory.

    Reference: our own definition.
    """
    if "compared" in found:
        return compared_files.written_tables(found)
    if "data" in found:
        return causes_figures.files(found)
    files = _measured(found) | _clipped(found)
    for name, rows in plots.tables(found).items():
        files[f"tables/{name}.csv"] = tables.csv(rows)
    if (searched := part(found, "search")) is not None:
        files |= _searched(searched)
    if (examined := part(found, "hypotheses")) is not None:
        files |= figures.files(examined)
    if (caused := part(found, "causes")) is not None:
        files |= causes_figures.files(caused)
    if "claims" in found:
        files["tables/claims.csv"] = tables.csv(claims.flat(found["claims"]))
    return files


def _measured(found: dict[str, Any]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    if "degradation" in found:
        files["tables/degradation.csv"] = tables.csv(found["degradation"])
        rows = results.sentence_rows(found["sentence_losses"])
        files["tables/sentences.csv"] = tables.csv(rows)
    if "layer_sentences" in found:
        files["tables/layers.csv"] = tables.csv(found["layers"])
    return files


def _searched(found: dict[str, Any]) -> dict[str, bytes]:
    files = {"tables/sets.csv": tables.csv(search_tables.csv_rows(found))}
    if found["layers"]:
        rows = search_tables.layer_csv_rows(found)
        files["tables/layer_shares.csv"] = tables.csv(rows)
    if found["interactions"]:
        rows = search_tables.interaction_csv_rows(found)
        files["tables/interactions.csv"] = tables.csv(rows)
    return files


def _clipped(found: dict[str, Any]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    if "matrices" in found:
        rows = clip_tables.long_rows(found["matrices"])
        files["tables/clipping_matrices.csv"] = tables.csv(rows)
        kurtoses = found["effective_kurtosis"]
        files["tables/effective_kurtosis.csv"] = tables.csv(kurtoses)
    if "clipping" in found:
        compared = found["clipping"]
        files["tables/clipping.csv"] = tables.csv(compared["degradation"])
        files["tables/clipping_differences.csv"] = tables.csv(compared["differences"])
    return files
