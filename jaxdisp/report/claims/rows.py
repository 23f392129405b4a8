"""Rows of the ledger, without data and with a model's."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.ledger import registry
from jaxdisp.claims.ledger.entry import Entry, differences
from jaxdisp.claims.ledger.judgement import judged

Row = dict[str, Any]


def row(entry: Entry, known: Evidence | None = None) -> Row:
    """Writes an entry of the ledger as a row.

    Args:
        entry: of the ledger.
        known: evidence of a model; None judges without data.

    Returns:
        `id, statement, source, correct, check, verdict, ground, values, test`;
        `data_verdict` and `data`, the finding that it belongs to, are None without a
        model.

    Reference: our own definition.
    """
    found = None if known is None else judged(entry, known)
    data = None if found is None else dataclasses.asdict(found)
    return {
        "id": entry.id,
        "statement": entry.statement,
        "source": entry.source,
        "correct": entry.correct,
        "check": entry.check,
        "verdict": entry.verdict,
        "ground": entry.ground,
        "values": [dataclasses.asdict(value) for value in entry.values],
        "test": registry.test_of(entry),
        "data_verdict": None if found is None else found.verdict,
        "data": data,
    }


def recompute(
    entries: Sequence[Entry], advance: Callable[[int], object] = int
) -> tuple[str, ...]:
    """Computes entries anew, and says where they differ from what is recorded.

    Args:
        entries: of the ledger.
        advance: called with 1 after every entry.

    Reference: our own definition.
    """
    said: list[str] = []
    for entry in entries:
        said += differences(entry)
        advance(1)
    return tuple(said)


def flat(rows: Sequence[Row]) -> list[Row]:
    """Writes claims as rows of cells, for a table without nesting.

    Args:
        rows: of the ledger.

    Reference: our own definition.
    """
    cells = []
    for each in rows:
        plain = {name: each[name] for name in each if name not in ("values", "data")}
        numbers = "; ".join(f"{x['name']} {x['value']:.6g}" for x in each["values"])
        found = each["data"] or {}
        low, high = found.get("interval") or (None, None)
        measured = {
            "data_estimate": found.get("estimate"),
            "data_low": low,
            "data_high": high,
            "data_unit": found.get("unit"),
            "data_n": found.get("n"),
            "data_method": found.get("method"),
            "data_reason": found.get("reason"),
        }
        cells.append(plain | {"values": numbers} | measured)
    return cells
