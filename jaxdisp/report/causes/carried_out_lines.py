"""What interventions did, beside what was predicted, and how much a mediator takes."""

import textwrap
from typing import Any

from jaxdisp.report import tables
from jaxdisp.report.causes import answer, ways
from jaxdisp.report.causes.numbers import written

Rows = list[dict[str, Any]]

TALLY = ("holds", "fails", "inconclusive")


def lines(found: dict[str, Any], width: int) -> list[str]:
    """Writes what was predicted and measured, or what was measured alone.

    Args:
        found: results; without `confrontation` the interventions are shown.
        width: of the terminal, in characters.

    Reference: our own definition.
    """
    beside = found.get("confrontation")
    if beside and beside["arrows"]:
        shown = _beside(beside, refused=answer.verdicts_refused(found))
    else:
        shown = _measured(found)
    for sentence in mediated(found.get("mediations") or []):
        shown += textwrap.wrap(sentence, width, subsequent_indent="  ")
    return shown


def _beside(found: dict[str, Rows], *, refused: bool) -> list[str]:
    cells = [
        [
            row["arrow"],
            ways.named(row["arrow"][3], row["kind"], row["amount"]),
            written(row, "predicted", "predicted_"),
            written(row, "measured", "measured_"),
            f"{row['covered']}/{row['n_languages']}",
            "refused" if refused else row["verdict"],
        ]
        for row in found["arrows"]
    ]
    header = ("change", "carried out", "predicted", "measured", "inside", "verdict")
    shown = tables.aligned(header, cells, words=(0, 1, 5)).split("\n")
    if refused:
        return shown
    by_reason: dict[str, list[str]] = {}
    for row in found["arrows"]:
        reason = f"{row['verdict']}: {row['reason']}"
        by_reason.setdefault(reason, []).append(row["arrow"])
    shown += [f"{', '.join(names)} {reason}" for reason, names in by_reason.items()]
    every = [row["verdict"] for row in found["interventions"]]
    counts = [f"{every.count(name)} {name}" for name in TALLY if name in every]
    return [
        *shown,
        f"predictions by all ways of setting: {', '.join(counts)}",
        "measured: less the placebo where there is one; inside: languages in their 95 "
        "% predictive interval;",
        "verdicts: by intervals of 95 % over all rows together, wider than these",
    ]


def _measured(found: dict[str, Any]) -> list[str]:
    cells = []
    for target in ("T", "A", "R"):
        rows = found.get("interventions") or []
        own = [row for row in rows if row["target"] == target]
        moved = [row for row in own if row["variable"] == target]
        changed = [row for row in own if row["variable"] == "D"]
        for at, row in zip(moved, changed, strict=True):
            cells.append(
                [
                    "" if row["placebo"] else f"do({target})",
                    _name(row),
                    _from_to(at),
                    written(row, "change"),
                ]
            )
    if not cells:
        return []
    header = ("set", "way (placebos below)", "T, A or R", "change of D [95 %]")
    table = tables.aligned(header, cells, words=(0, 1)).split("\n")
    return [*table, "D in nats per parallel sentence, mean over languages"]


def _name(row: dict[str, Any]) -> str:
    if row["placebo"]:
        return f"  {ways.placebo_name(row['kind'])}"
    return ways.named(row["target"], row["kind"], row["amount"])


def _from_to(row: dict[str, Any]) -> str:
    return f"{row['before']:.4g} -> {row['after']:.4g}"


def mediated(rows: Rows) -> list[str]:
    """Says of each mediator what was left when it was put back.

    Args:
        rows: `mediations` of results.

    Reference: our own definition.
    """
    said = []
    for mediator in dict.fromkeys(row["mediator"] for row in rows):
        part = {row["part"]: row for row in rows if row["mediator"] == mediator}
        refused = part["total"]["refused"]
        share = f"no share: {refused}" if refused else _share(part["share"])
        said.append(
            f"do(T) with {mediator} put back on the model: D changes by "
            f"{written(part['total'], 'estimate')}, of which "
            f"{written(part['direct'], 'estimate')} is left and "
            f"{written(part['indirect'], 'estimate')} goes through {mediator} (placebo "
            f"{written(part['elsewhere'], 'estimate')}); {share}."
        )
    return said


def _share(row: dict[str, Any]) -> str:
    return f"share {written(row, 'estimate')}"
