"""The files of a run besides `results.json`: tables, figures and the page."""

from typing import Any

from jaxdisp.report import clip_plots, clip_tables, page, plots, tables
from jaxdisp.report.settings import Inputs, Settings, describe, hashes


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
    if settings.command == "run":
        corpus = inputs.corpus
        summary = {
            "title": "What quantization costs each language",
            "summary": f"{title}, measured on {found['n_sentences']} parallel "
            f"sentences in {len(corpus.languages)} languages ({corpus.source} corpus).",
            "command": settings.command,
            "provenance": "; ".join(
                f"{name} {digest[:12]}" for name, digest in hashes(inputs).items()
            ),
        }
        chosen = found["disparity"]["contrast"]
        content = page.content(summary, found, chosen)
        files["report.html"] = page.render(content, files)
    return files


def _measured(found: dict[str, Any], title: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    if "degradation" in found:
        rows = found["degradation"]
        files["tables/degradation.csv"] = tables.csv(rows)
        figure = plots.degradation_figure(rows, title=title)
        files |= plots.drawn("degradation", figure)
    if "layers" in found:
        files["tables/layers.csv"] = tables.csv(found["layers"])
        figure = plots.layer_figure(found["layers"], title=title)
        files |= plots.drawn("layers", figure)
    if "protection_sets" in found:
        files["tables/protection_sets.csv"] = tables.csv(found["protection_sets"])
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
