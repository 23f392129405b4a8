"""A verification in words: what was compared, and which numbers differ."""

import dataclasses
import textwrap
from collections.abc import Sequence
from typing import Any

from jaxdisp.report import tables
from jaxdisp.report.verified import Verification
from jaxdisp.report.verified_checks import Check

WIDTH = 110
SHOWN = 4
"""Numbers of each kind that are listed where none differs; all are in --json."""
MOST = 60
"""Numbers that differ and are listed."""
HEADER = ("number", "recorded", "recomputed", "differs")
LISTED = ("losses", "degradation, evaluated anew", "layers", "sets", "clipping")
"""Kinds of which numbers are listed although none differs: those evaluated anew."""


def content(run: str, found: Verification) -> dict[str, Any]:
    """Lists everything, for other programs.

    Args:
        run: which run.
        found: as from `verified.verify`.

    Reference: our own definition.
    """
    return {
        "run": run,
        "numbers": len(found.checks),
        "differing": len(found.differing),
        "remarks": found.remarks,
        "stopped": found.stopped,
        "checks": [dataclasses.asdict(each) for each in found.checks],
    }


def lines(found: Verification) -> list[str]:
    """Writes a verification for a terminal: counts, then the numbers.

    Args:
        found: as from `verified.verify`.

    Reference: our own definition.
    """
    parts = dict.fromkeys(each.part for each in found.checks)
    counts = [
        [name, str(len(of)), str(sum(each.differs for each in of))]
        for name in parts
        for of in [[each for each in found.checks if each.part == name]]
    ]
    shown = [tables.aligned(("compared", "numbers", "differ"), counts), ""]
    listed = (
        found.differing[:MOST]
        or [each for each in found.checks if each.part in LISTED][:SHOWN]
    )
    if listed:
        shown += [tables.aligned(HEADER, _cells(listed), words=(0, 3)), ""]
    if len(found.differing) > MOST:
        shown.append(f"and {len(found.differing) - MOST} more that differ (--json)")
    for remark in found.remarks:
        shown += textwrap.wrap(remark, WIDTH)
    return [*shown, verdict(found)]


def verdict(found: Verification) -> str:
    """Says in one line whether a run is what it says.

    Args:
        found: as from `verified.verify`.

    Reference: our own definition.
    """
    total, differing = len(found.checks), len(found.differing)
    if not differing:
        return f"{total} numbers and files recomputed: none differs"
    verb = "differs" if differing == 1 else "differ"
    return f"{total} numbers and files recomputed: {differing} {verb}"


def _cells(checks: Sequence[Check]) -> list[list[str]]:
    return [
        [
            f"{each.part}: {each.number}",
            _value(each.recorded),
            _value(each.recomputed),
            "DIFFERS" if each.differs else "no",
        ]
        for each in checks
    ]


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = "none" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:21]}..."
