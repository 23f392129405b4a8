"""What the command line shows of a run, as lines of text."""

import textwrap
from typing import Any

from jaxdisp.models.model import count_parameters
from jaxdisp.report import clip_tables, search_tables, tables
from jaxdisp.report.causes.lines import lines as causes_lines
from jaxdisp.report.claims.lines import lines as claim_lines
from jaxdisp.report.claims.lines import tally
from jaxdisp.report.hypotheses.lines import lines as finding_lines
from jaxdisp.report.plans.lines import of_run as plan_lines
from jaxdisp.report.registration.deviations import lines as registration_lines
from jaxdisp.report.settings import Inputs, Settings, describe

WIDTH = 110
RESAMPLED = {"degradation", "clipping", "sets", "findings", "effects"}
"""Parts of results whose intervals resample texts."""
FEW_TEXTS = 10
"""Texts below which a bootstrap interval rests on too little to be trusted."""


def lines(settings: Settings, inputs: Inputs, found: dict[str, Any]) -> list[str]:
    """Writes the results of a run for a terminal.

    Args:
        settings: of the run.
        inputs: opened.
        found: the content of `results.json`.

    Reference: our own definition.
    """
    shown = _header(settings, inputs, found)
    if "registration" in found:
        shown += ["", *registration_lines(found["registration"])]
    if "degradation" in found:
        shown += _degradation(inputs, found)
    if "shard" in found:
        number, total = found["shard"]
        return [
            *shown,
            f"shard {number}/{total} is done; when all are: "
            "jaxdisp merge --output DIR SHARD_DIRECTORIES",
        ]
    shown += _searched(found if settings.command == "search" else found.get("search"))
    if "plan" in found:
        shown += plan_lines(found["plan"])
    if "matrices" in found:
        shown += clip_tables.matrix_lines(found)
    if "clipping" in found:
        shown += clip_tables.comparison_lines(found["clipping"])
    if settings.command == "claims":
        return [*shown, "", *claim_lines(found["claims"])]
    return shown + _explained(settings, found) + _caution(found)


def _header(settings: Settings, inputs: Inputs, found: dict[str, Any]) -> list[str]:
    computed = "" if settings.dtype == "float32" else f", computed in {settings.dtype}"
    shown = [
        f"{inputs.model.source}, {count_parameters(inputs.model) / 1e6:.1f} M "
        f"parameters: {describe(settings.quantizer)}{computed}",
        f"{found['n_sentences']} parallel sentences in {found['n_groups']} texts, "
        f"{inputs.corpus.source} corpus",
    ]
    return shown + textwrap.wrap(tables.windows_sentence(found["windows"]), WIDTH)


def _explained(settings: Settings, found: dict[str, Any]) -> list[str]:
    shown: list[str] = []
    examined = found if settings.command == "hypotheses" else found.get("hypotheses")
    if examined is not None:
        shown += ["", *finding_lines(examined)]
    caused = found.get("causes") if settings.command == "run" else found
    if settings.causes is not None and caused is not None:
        shown += ["", *causes_lines(caused)]
    if "claims" in found:
        shown += ["", tally(found["claims"])]
    return shown


def _caution(found: dict[str, Any]) -> list[str]:
    if found["n_groups"] >= FEW_TEXTS or not RESAMPLED & found.keys():
        return []
    return [f"Only {found['n_groups']} texts: take these intervals with caution."]


def _searched(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    shown = ["", *search_tables.lines(found)]
    more = list(found["sentences"])
    if "guided" in found:
        more.append(found["guided"]["sentence"])
    for sentence in more:
        shown += textwrap.wrap(sentence, WIDTH)
    return shown


def _degradation(inputs: Inputs, found: dict[str, Any]) -> list[str]:
    cells = tables.degradation_cells(found["degradation"])
    measures = tables.disparity_lines(found["disparity"])
    shown = [
        "",
        tables.aligned(tables.DEGRADATION_HEADER, cells),
        "",
        tables.aligned(("disparity", "estimate [95 %]", "unit"), measures),
    ]
    if inputs.chosen is not None and len(inputs.chosen.high) > 1:
        shown.append(
            f"low: {' '.join(inputs.chosen.low)}; high: {' '.join(inputs.chosen.high)}"
        )
    shown.append(
        "\nD_sent: nats lost per parallel sentence; D_byte: bits lost per byte; loss: "
        "bits per byte\nin full precision. Intervals: paired BCa bootstrap over texts."
    )
    return shown


def forecast_lines(found: dict[str, Any]) -> list[str]:
    """Writes what a search would cost.

    Args:
        found: as from `searching.forecast`.

    Reference: our own definition.
    """
    return [
        f"{found['sets']} sets ({found['assignments']} assignments with those that "
        f"explain them) on {found['batches']} batches of sentences: "
        f"{found['cells']} cells",
        f"{found['layer_evaluations']} layer evaluations per batch instead of "
        f"{found['layers_without_sharing']} "
        f"({found['layer_evaluations_with_references']} with the others)",
        f"{found['flops'] / 1e12:.2f} TFLOP, {found['memory_bytes'] / 2**20:.0f} MiB "
        f"above the model; about {found['minutes']:.1f} minutes on {found['device']} "
        f"for {100 * found['share']:.0f} % of the cells",
    ]
