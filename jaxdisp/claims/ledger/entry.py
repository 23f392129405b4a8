"""Entries of the ledger: a claim, what is true instead, and numbers that decide it."""

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

from jaxdisp.claims.evidence import Judge
from jaxdisp.claims.finding import Verdict

Ground = Literal[
    "theorem",
    "counterexample",
    "arithmetic",
    "condition",
    "contradiction",
    "construction",
    "not reproducible",
    "needs data",
    "cited",
]

VERDICTS: dict[Ground, tuple[Verdict, ...]] = {
    "theorem": ("holds", "fails"),
    "counterexample": ("fails",),
    "arithmetic": ("holds", "fails"),
    "condition": ("inconclusive",),
    "contradiction": ("fails",),
    "construction": ("not applicable",),
    "not reproducible": ("not applicable",),
    "needs data": ("inconclusive",),
    "cited": ("not applicable",),
}
"""Which verdicts each ground can have without data.

A theorem or a calculation supports or refutes a claim; a counterexample refutes it, and
so does a contradiction with another of the notes' own statements. A claim that is true
under a condition it does not state is neither supported nor refuted; nor is one that
only data can decide. A number that was put in by construction, that nothing reproduces,
or that is someone else's is evidence of nothing.
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Value:
    """A number that a verdict rests on, as recorded, and how far it was rounded."""

    name: str
    value: float
    tolerance: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recomputed:
    """The numbers of an entry computed anew, and the verdict that follows from them."""

    values: dict[str, float]
    verdict: Verdict


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One claim of the notes.

    `statement` is the claim in short, `source` where it is made, `correct` the correct
    statement, `check` how that is known, in words. `verdict` is what is known without
    data, on what `ground`; `values` are recorded numbers, each of which `recompute`
    gives anew. `on_model` judges the claim by a model's data, and needs the
    `experiments` that are named and, if `causes`, an inference of causes; None where
    no model's data can say anything of the claim, for which `no_data` gives the reason.
    """

    id: str
    statement: str
    source: str
    correct: str
    check: str
    verdict: Verdict
    ground: Ground
    values: tuple[Value, ...]
    recompute: Callable[[], Recomputed]
    on_model: Judge | None = None
    no_data: str = ""
    experiments: tuple[str, ...] = ()
    causes: bool = False


def differences(entry: Entry) -> tuple[str, ...]:
    """Recomputes an entry and says where it differs from what is recorded.

    Definition: a number differs if it is farther from the recorded one than its
    tolerance, is missing or is not recorded; a verdict differs if it is another word,
    or one that the ground cannot have.

    Args:
        entry: of the ledger.

    Returns:
        One sentence per difference; none if everything agrees.

    Reference: our own definition.
    """
    found = entry.recompute()
    said = []
    for value in entry.values:
        now = found.values.get(value.name, math.nan)
        if not abs(now - value.value) <= value.tolerance:
            said.append(
                f"{entry.id}: {value.name} is {now:.6g}, recorded is {value.value:g} "
                f"within {value.tolerance:g}"
            )
    unrecorded = set(found.values) - {value.name for value in entry.values}
    said += [f"{entry.id}: {name} is not recorded" for name in sorted(unrecorded)]
    if found.verdict != entry.verdict:
        said.append(f"{entry.id}: {found.verdict}, recorded is {entry.verdict}")
    if entry.verdict not in VERDICTS[entry.ground]:
        said.append(f"{entry.id}: {entry.ground} cannot give {entry.verdict!r}")
    return tuple(said)
