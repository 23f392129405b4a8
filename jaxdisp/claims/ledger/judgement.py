"""Judging claims by a model's data, each kept once it is done."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxdisp.claims.evidence import Evidence, Kept
from jaxdisp.claims.experiment import Subject
from jaxdisp.claims.finding import Finding, restored
from jaxdisp.claims.ledger.entry import Entry


def evidence(
    subject: Subject,
    findings: Sequence[Mapping[str, Any]],
    causes: Mapping[str, Any] | None,
    kept: Kept,
) -> Evidence:
    """Collects what claims are judged by.

    Args:
        subject: what everything is measured on.
        findings: of experiments, with the fields of `Finding`, as a run keeps them.
        causes: what was inferred of causes, as a run keeps it; None is nothing.
        kept: computes an object of JSON, or gives the one that was kept.

    Reference: our own definition.
    """
    computed: dict[str, dict[str, Any]] = {}

    def once(name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if name not in computed:
            computed[name] = kept(name, compute)
        return computed[name]

    found = [restored(row) for row in findings]
    return Evidence(
        subject=subject,
        findings={finding.id: finding for finding in found},
        causes=causes,
        kept=once,
    )


def judged(entry: Entry, known: Evidence) -> Finding:
    """Says what a model's data say of a claim; why not, where they say nothing.

    Args:
        entry: of the ledger.
        known: evidence of the model.

    Reference: our own definition.
    """
    if entry.on_model is None:
        return _nothing(entry, entry.no_data)
    try:
        found = entry.on_model(known)
    except ValueError as error:  # as where there are too few languages for it
        return _nothing(entry, str(error))
    return dataclasses.replace(found, id=entry.id)


def _nothing(entry: Entry, reason: str) -> Finding:
    return Finding(
        id=entry.id,
        statement=entry.statement,
        source=entry.source,
        estimate=None,
        unit="",
        interval=None,
        n=0,
        method="",
        verdict="not applicable",
        reason=reason,
    )
