"""Evidence: what is known of one model, for claims to be judged by."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from jaxdisp.claims.experiment import Subject
from jaxdisp.claims.finding import Finding

Kept = Callable[[str, Callable[[], dict[str, Any]]], dict[str, Any]]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """What claims can be judged by, on one model and corpus.

    `findings` are those of the experiments that were carried out, by id; `causes` is
    what was inferred of T, A, R and D, as a run records it, None where it was not.
    `kept(name, compute)` computes an object of JSON once, and remembers it: what
    several claims need is measured for the first of them.
    """

    subject: Subject
    findings: Mapping[str, Finding]
    causes: Mapping[str, Any] | None
    kept: Kept


Judge = Callable[[Evidence], Finding]
"""What a model's data say of one claim."""
