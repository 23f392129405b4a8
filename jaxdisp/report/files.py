"""The files of a run besides `results.json`: tables, figures and the page."""

from typing import Any

from jaxdisp.report import (
    clip_plots,
    clip_tables,
    page,
    plots,
    search_plots,
    search_tables,
    tables,
)
from jaxdisp.report.causes import figures as causes_figures
from jaxdisp.report.claims import rows as claims
from jaxdisp.report.hypotheses import figures
from jaxdisp.report.settings import Inputs, Settings, describe, hashes

TITLES = {
    "run": "What quantization costs each language",
    "search": "Which layers to protect",
    "hypotheses": "Why: hypotheses, each measured",
    "causal": "Why: causes, predicted and carried out",
    "intervene": "What interventions change",
    "claims": "Every claim, judged by data",
}


def written(
    settings: Settings, inputs: Inputs, found: dict[str, Any]
) -> dict[str, bytes]:
    """Draws the figures and writes the tables and the page of a run.

    Args:
        settings: of the run.
        inputs: opened.
        found: the content of `results.json`.

    Returns:
        Files by their path in the run directory.

    Reference: our own definition.
    """
    title = f"{inputs.model.source}: {describe(settings.quantizer)}"
    files = _measured(found, title) | _clipped(settings.quantizer.bits, found, title)
    searched = found if settings.command == "search" else found.get("search")
    if searched is not None:
        files |= _searched(searched, title)
    examined = found if settings.command == "hypotheses" else found.get("hypotheses")
    if examined is not None:
        files |= figures.written(examined)
    caused = found if settings.causes is not None else None
    if settings.command in ("run", "claims"):
        caused = found.get("causes")
    if caused is not None:
        files |= causes_figures.written(caused)
    if "claims" in found:
        files["tables/claims.csv"] = tables.csv(claims.flat(found["claims"]))
    if settings.command in TITLES:
        corpus = inputs.corpus
        summary = {
            "title": TITLES[settings.command],
            "summary": f"{title}, measured on {found['n_sentences']} parallel "
            f"sentences in {len(corpus.languages)} languages ({corpus.source} corpus).",
            "command": settings.command,
            "provenance": "; ".join(
                f"{name} {digest[:12]}" for name, digest in hashes(inputs).items()
            ),
        }
        parts = {"searched": searched, "examined": examined, "caused": caused}
        content = page.content(summary, found, parts, inputs.chosen)
        files["report.html"] = page.render(content, files)
    return files


def _measured(found: dict[str, Any], title: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    if "degradation" in found:
        rows = found["degradation"]
        files["tables/degradation.csv"] = tables.csv(rows)
        figure = plots.degradation_figure(rows, title=title)
        files |= plots.drawn("degradation", figure)
    if "degradation" in found and "layers" in found:
        files["tables/layers.csv"] = tables.csv(found["layers"])
        figure = plots.layer_figure(found["layers"], title=title)
        files |= plots.drawn("layers", figure)
    return files


def _searched(found: dict[str, Any], title: str) -> dict[str, bytes]:
    files = {
        "tables/sets.csv": tables.csv(search_tables.csv_rows(found)),
        **plots.drawn("sets", search_plots.rank_figure(found, title=title)),
        **plots.drawn("pareto", search_plots.pareto_figure(found, title=title)),
    }
    if found["layers"]:
        rows = search_tables.layer_csv_rows(found)
        files["tables/layer_shares.csv"] = tables.csv(rows)
        figure = search_plots.shapley_figure(found, title=title)
        files |= plots.drawn("layer_shares", figure)
    if found["interactions"]:
        rows = search_tables.interaction_csv_rows(found)
        files["tables/interactions.csv"] = tables.csv(rows)
        figure = search_plots.interaction_figure(found, title=title)
        files |= plots.drawn("interactions", figure)
    return files


def _clipped(bits: int, found: dict[str, Any], title: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    if "matrices" in found:
        rows = clip_tables.long_rows(found["matrices"])
        files["tables/clipping_matrices.csv"] = tables.csv(rows)
        kurtoses = found["effective_kurtosis"]
        files["tables/effective_kurtosis.csv"] = tables.csv(kurtoses)
        figure = clip_plots.kurtosis_figure(bits, found["matrices"], title=title)
        files |= plots.drawn("threshold_by_kurtosis", figure)
    if "clipping" in found:
        compared = found["clipping"]
        files["tables/clipping.csv"] = tables.csv(compared["degradation"])
        files["tables/clipping_differences.csv"] = tables.csv(compared["differences"])
        figure = clip_plots.comparison_figure(compared, title=title)
        files |= plots.drawn("clipping", figure)
    return files
