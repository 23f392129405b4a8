"""Causes for a terminal: the answer first, then what it rests on."""

import textwrap
from typing import Any

from jaxdisp.report import tables
from jaxdisp.report.causes import answer, carried_out_lines, trust_lines
from jaxdisp.report.causes.numbers import written

WIDTH = 110
MOST = 6
"""Reasons of one kind that are listed, before the others are counted."""

MEANINGS = {
    "total": "of T on D, in all",
    "natural_direct": "neither through A nor R",
    "natural_indirect": "through A, R or both",
    "controlled_direct": "with A and R held at their means",
    "proportion_mediated": "indirect over total",
}


def lines(found: dict[str, Any]) -> list[str]:
    """Writes causes for a terminal of `WIDTH` characters.

    Definition: parts that results do not have are left out, so that it serves fits
    with and without interventions, and interventions without a fit.

    Args:
        found: as from `job.results` or `analysis.analyse`, `runs.rounded`.

    Reference: our own definition.
    """
    parts = (
        wrapped(answer.answer(found)),
        wrapped(*assumed(found)),
        _effects(found),
        carried_out_lines.lines(found, WIDTH),
        wrapped(*trust_lines.sentences(found)),
        _models(found),
        wrapped(*refused(found)),
    )
    shown: list[str] = []
    for part in filter(None, parts):
        shown += [*([""] if shown else []), *part]
    return shown


def wrapped(*sentences: str) -> list[str]:
    """Breaks sentences into lines, the later ones of each indented.

    Args:
        sentences: each begins a line.

    Reference: our own definition.
    """
    return [
        line
        for sentence in sentences
        for line in textwrap.wrap(sentence, WIDTH, subsequent_indent="  ")
    ]


def assumed(found: dict[str, Any]) -> list[str]:
    """Says in sentences on what a fit rests, and on what it was measured.

    Args:
        found: as from `job.results` or `analysis.analyse`, `runs.rounded`.

    Reference: our own definition.
    """
    said = _measured(found)
    if not found.get("effects"):
        return said
    covariates = ", ".join(found["covariates"]) or "none"
    said += [
        f"{found['link']} link, {len(found['languages'])} languages, {found['rows']} "
        f"rows; arrows {', '.join(found['arrows'])}; covariates: {covariates}."
    ]
    said += [f"note: {note}" for note in found["notes"]]
    if found["dropped"]:
        count = len(found["dropped"])
        rows = "1 row was" if count == 1 else f"{count} rows were"
        said.append(f"{rows} left out: {_listed(found['dropped'])}")
    return said


def _measured(found: dict[str, Any]) -> list[str]:
    """On what, where a model was measured and not a table given."""
    if "tap" not in found:
        return []
    few = found["intervention_sentences"]
    on = f", interventions on {few} sentences per language"
    return [
        f"T relative to {found['reference']}, A of states after {found['tap']} layers"
        f"{on if found.get('interventions') else ''}."
    ]


def _effects(found: dict[str, Any]) -> list[str]:
    effects = found.get("effects")
    if not effects:
        return []
    cells = [
        [
            row["name"],
            written(row),
            MEANINGS.get(row["name"], "along this path alone"),
        ]
        for row in effects
    ]
    header = ("effect of T on D", "median [95 %]", "")
    unit = effects[0]["unit"]
    return [*tables.aligned(header, cells, words=(0, 2)).split("\n"), f"unit: {unit}"]


def _models(found: dict[str, Any]) -> list[str]:
    models = found.get("models")
    if not models:
        return []
    width = max(len(row["name"]) for row in models)
    shown = ["models by what they predict of rows left out, nats behind the best:"]
    for row in models:
        behind = f"{abs(row['difference']):.1f} +- {row['difference_se']:.1f}"
        shown += textwrap.wrap(
            f"  {row['name']:{width}}  {behind:>12}  {row['verdict']}",
            WIDTH,
            drop_whitespace=True,
            subsequent_indent=" " * (width + 18),
        )
    return shown


def refused(found: dict[str, Any]) -> list[str]:
    """Says what could not be had; why there are no verdicts is said with the chains.

    Args:
        found: as from `job.results` or `analysis.analyse`, `runs.rounded`.

    Reference: our own definition.
    """
    without = [row for row in found.get("refused") or [] if row["what"] != "verdicts"]
    rows = without + (found.get("missing") or [])
    said = [f"refused, {row['what']}: {row['reason']}" for row in rows[:MOST]]
    if len(rows) > MOST:
        said.append(f"and {len(rows) - MOST} more, in results.json")
    return said


def _listed(texts: list[str]) -> str:
    more = len(texts) - MOST
    return "; ".join(texts[:MOST]) + (f"; and {more} more" if more > 0 else "")
