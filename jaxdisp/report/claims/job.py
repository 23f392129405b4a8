"""Judging the ledger by a model: what that takes, and how it is carried out."""

import dataclasses
import functools as ft
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxdisp.claims import registry as experiments
from jaxdisp.claims.experiment import Subject
from jaxdisp.claims.ledger import registry
from jaxdisp.claims.ledger.entry import Entry
from jaxdisp.claims.ledger.judgement import evidence
from jaxdisp.report import heap, runs
from jaxdisp.report.claims import rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """The entries that are judged, and what they are judged on."""

    entries: tuple[Entry, ...]
    subject: Subject


def needed_experiments(ids: Sequence[str]) -> tuple[str, ...]:
    """Names the experiments that claims are judged by, in the order of the registry.

    Args:
        ids: of claims; none is all.

    Raises:
        ValueError: if there is no such claim.

    Reference: our own definition.
    """
    wanted = {name for entry in registry.find(ids) for name in entry.experiments}
    known = [experiment.id for experiment in experiments.EXPERIMENTS]
    return tuple(name for name in known if name in wanted)


def needs_causes(ids: Sequence[str]) -> bool:
    """Says whether claims are judged by an inference of causes.

    Args:
        ids: of claims; none is all.

    Raises:
        ValueError: if there is no such claim.

    Reference: our own definition.
    """
    return any(entry.causes for entry in registry.find(ids))


def work(inputs: Inputs) -> int:
    """Counts what judging reads, in sentences, for a progress bar: about two passes.

    Args:
        inputs: checked.

    Reference: our own definition.
    """
    return len(inputs.entries) * _sentences(inputs)


def _sentences(inputs: Inputs) -> int:
    few = inputs.subject.few
    return max(1, 4 * few.n_sentences * len(few.languages) // len(inputs.entries))


def results(
    inputs: Inputs,
    found: Mapping[str, Any],
    run: runs.Run | None,
    advance: Callable[[int], object],
) -> list[rows.Row]:
    """Judges claims by a model's data, or takes from an unfinished run what it has.

    Args:
        inputs: checked.
        found: results so far, with those of experiments and of causes.
        run: where each measurement is kept once it is done; None keeps nothing.
        advance: called with the sentences read since the last call.

    Returns:
        A row of every claim.

    Reference: our own definition.
    """
    known = evidence(
        inputs.subject,
        found.get("hypotheses", {}).get("findings", ()),
        found.get("causes"),
        ft.partial(_kept, run),
    )
    listed = []
    for entry in inputs.entries:
        judge = ft.partial(rows.row, entry, known)
        listed.append(runs.keep_object(run, f"claim-{entry.id}", judge))
        advance(_sentences(inputs))
    return listed


def _kept(
    run: runs.Run | None, name: str, compute: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    found = runs.keep_object(run, f"claims-{name}", compute)
    heap.give_back()
    return found
