"""Findings as text: a table of verdicts, and what each of them rests on."""

import textwrap
from typing import Any

from jaxdisp.report import tables

HEADER = ("finding", "verdict", "estimate [95 %]", "unit", "n")
WIDTH = 110
ERROR_RATE = 0.05


def cells(findings: list[dict[str, Any]]) -> list[list[str]]:
    """Writes the cells of the table of findings.

    Args:
        findings: rows with the fields of `claims.finding.Finding`.

    Reference: our own definition.
    """
    return [
        [
            finding["id"],
            finding["verdict"],
            estimate(finding),
            finding["unit"],
            str(finding["n"]),
        ]
        for finding in findings
    ]


def estimate(finding: dict[str, Any]) -> str:
    """Writes a finding's estimate with its interval; `-` where there is none.

    Args:
        finding: a row with the fields of `claims.finding.Finding`.

    Reference: our own definition.
    """
    if finding["estimate"] is None:
        return "-"
    low, high = finding["interval"] or (None, None)
    row = {"value": finding["estimate"], "value_low": low, "value_high": high}
    size = max(abs(number or 0.0) for number in row.values())
    return tables.with_bounds(row, "value", 2 if size >= 0.1 else 4)


def lines(found: dict[str, Any]) -> list[str]:
    """Writes findings for a terminal: first all verdicts, then each with its reason.

    Args:
        found: `findings` and `experiments`, as from `job.results`.

    Reference: our own definition.
    """
    findings = found["findings"]
    shown = [tables.aligned(HEADER, cells(findings), words=(0, 1, 3)), ""]
    for finding in findings:
        indent = "    "
        shown += textwrap.wrap(
            f"{finding['id']}: {finding['statement']}", WIDTH, subsequent_indent=indent
        )
        shown += textwrap.wrap(
            f"{finding['verdict']}: {finding['reason']}",
            WIDTH,
            initial_indent=indent,
            subsequent_indent=indent,
        )
    shown += ["", tally(findings)]
    return shown + textwrap.wrap(after_correction(found["corrected"]), WIDTH)


def after_correction(corrected: list[dict[str, Any]]) -> str:
    """Says in a sentence what is left of what holds, after correction for all of it.

    Args:
        corrected: rows as from `claims.families.corrected`; nothing is said of none.

    Reference: our own definition.
    """
    held = [row for row in corrected if row["verdict"] == "holds"]
    if not held:
        return ""
    left = {
        name: [row["id"] for row in held if row[name] <= ERROR_RATE]
        for name in ("benjamini_hochberg", "holm")
    }
    lost = [row["id"] for row in held if row["id"] not in left["benjamini_hochberg"]]
    said = (
        f"Corrected for all {len(corrected)} findings with an interval: of {len(held)} "
        f"that hold, {len(left['benjamini_hochberg'])} do at a false discovery rate of "
        f"5 %, {len(left['holm'])} at a 5 % chance of any error."
    )
    return f"{said} Lost: {', '.join(lost)}." if lost else said


def tally(findings: list[dict[str, Any]]) -> str:
    """Counts the verdicts in a sentence.

    Args:
        findings: rows with the fields of `claims.finding.Finding`.

    Reference: our own definition.
    """
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding["verdict"]] = counts.get(finding["verdict"], 0) + 1
    ordered = ("holds", "fails", "inconclusive", "not applicable")
    parts = [f"{counts[name]} {name}" for name in ordered if name in counts]
    return f"{len(findings)} claims: {', '.join(parts)}."
