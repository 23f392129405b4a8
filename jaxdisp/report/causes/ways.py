"""How interventions are named, and which placebos belong to which of them."""

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


def named(target: str, kind: str, amount: float) -> str:
    """Names a way in which a variable was set, with how far.

    Definition: moves of A go to or, with an amount below 0, away from something;
    duplication has a number of copies; of a projection `kind` says it all, and of
    others the amount follows.

    Args:
        target: the variable.
        kind: of the intervention.
        amount: in the unit of the intervention.

    Reference: our own definition.
    """
    if target == "A":
        return f"{'to' if amount > 0 else 'away from'} {kind} {abs(amount):g}"
    if target == "R":
        return kind.replace("duplication", f"duplication x{amount:g}")
    return f"{kind} {amount:g}"


def placebo_name(kind: str) -> str:
    """Names a placebo, without what it is the placebo of and how large.

    Args:
        kind: of the intervention.

    Reference: our own definition.
    """
    return kind.split(", ")[0]


def paired(rows: Sequence[Row]) -> list[tuple[Row, list[Row]]]:
    """Puts to each way the placebos that follow it.

    Args:
        rows: of interventions on one variable, in order.

    Reference: our own definition.
    """
    pairs: list[tuple[Row, list[Row]]] = []
    for row in rows:
        if not row["placebo"]:
            pairs.append((row, []))
        elif pairs:
            pairs[-1][1].append(row)
    return pairs


def of_degradation(found: dict[str, Any], target: str) -> list[tuple[Row, list[Row]]]:
    """Lists what ways of setting a variable changed D by, each with its placebos.

    Args:
        found: `interventions` of results, if they are there.
        target: the variable that was set.

    Reference: our own definition.
    """
    return paired(
        [
            row
            for row in found.get("interventions") or []
            if row["target"] == target and row["variable"] == "D"
        ]
    )
