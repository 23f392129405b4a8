"""Findings: what an experiment concludes, in the form that every claim is given."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal

from jaxdisp.stats.power import smallest_detectable

Verdict = Literal["holds", "fails", "inconclusive", "not applicable"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One claim, the number that decides it, and what that number says.

    `id` is the experiment's, with a suffix where it makes several claims; `source` says
    who claims it. `estimate` and the 95 % `interval` are in `unit`; None where there is
    no number. `n` counts what the interval is over, which `method` names. `reason`
    gives the comparison that decided, and of an inconclusive finding the smallest
    effect that the data could have shown. `bound` is what the effect had to exceed for
    the claim to hold, in `unit`; None where nobody said.
    """

    id: str
    statement: str
    source: str
    estimate: float | None
    unit: str
    interval: tuple[float, float] | None
    n: int
    method: str
    verdict: Verdict
    reason: str
    bound: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """What is claimed, and when it would count as supported or as refuted.

    The claim is about an effect in `unit`, positive where the claim is right. It holds
    if the whole interval lies above `support`, unless all of it lies below `least`, the
    smallest effect that would still be what the claim says; then it fails. `most` is
    what the effect cannot exceed, such as the margin of a claim that two things agree.
    """

    id: str
    statement: str
    source: str
    unit: str
    method: str
    support: float = 0.0
    least: float = 0.0
    most: float = math.inf


def concluded(claim: Claim, verdict: Verdict, reason: str, n: int) -> Finding:
    """Writes what is concluded of a claim, without a number.

    Args:
        claim: with its statement, unit and method.
        verdict: the conclusion.
        reason: what decided it.
        n: how many units it rests on.

    Reference: our own definition.
    """
    return Finding(
        id=claim.id,
        statement=claim.statement,
        source=claim.source,
        estimate=None,
        unit=claim.unit,
        interval=None,
        n=n,
        method=claim.method,
        verdict=verdict,
        reason=reason,
    )


def judge(
    claim: Claim,
    estimate: float,
    interval: tuple[float, float],
    n: int,
    remark: str,
    *,
    control: str | None = None,
) -> Finding:
    """Decides a claim by its interval.

    Definition: `fails` if `high < least`; else `holds` if `low > support` and no
    control objects; else `inconclusive`.

    Args:
        claim: with its bounds.
        estimate: of the effect, in the claim's unit.
        interval: of 95 %, after correction for whatever was tried beside it.
        n: how many units the interval is over.
        remark: what was seen, in words; the comparison that decides is added.
        control: what a negative control showed where it shows the effect as well; None
            where it does not.

    Raises:
        ValueError: if a bound is NaN or the interval is empty.

    Reference: our own definition; refutation by an interval that excludes effects worth
        the name is the equivalence test of Schuirmann 1987, one-sided.
    """
    low, high = interval
    if not low <= high:
        raise ValueError(f"{claim.id}: an interval of [{low}, {high}] is none")
    verdict: Verdict = "inconclusive"
    if high < claim.least:
        verdict, why = "fails", f"all of it is below {claim.least:.3g}"
    elif low > claim.support and control is None:
        verdict, why = "holds", f"all of it is above {claim.support:.3g}"
    elif low > claim.support:
        why = f"but the control shows it as well: {control}"
    else:
        why = f"it does not exclude {claim.support:.3g}; {_shown(claim, low, high)}"
    found = concluded(claim, verdict, f"{remark}; {why}", n)
    return dataclasses.replace(
        found,
        estimate=float(estimate),
        interval=(float(low), float(high)),
        bound=claim.support,
    )


def _shown(claim: Claim, low: float, high: float) -> str:
    """What data of this precision could have shown, or how much more it takes."""
    effect = smallest_detectable(low, high) + claim.support
    if effect <= claim.most:
        return f"data like these show an effect of {effect:.2g} four times in five"
    more = (effect / claim.most) ** 2
    return (
        f"it takes about {more:.2g} times as many to show, four times in five, what is "
        f"within {claim.most:.3g}"
    )


def restored(row: Mapping[str, Any]) -> Finding:
    """Reads a finding from a row, as results of a run have it.

    Args:
        row: with the fields of `Finding`.

    Reference: our own definition.
    """
    interval = row["interval"]
    pair = None if interval is None else (interval[0], interval[1])
    return Finding(**{**row, "interval": pair})


def not_applicable(claim: Claim, n: int, reason: str) -> Finding:
    """Says that a claim cannot be measured here, and what it would take.

    Args:
        claim: as for `judge`.
        n: how many units there are.
        reason: what is missing, with the number needed.

    Reference: our own definition.
    """
    return concluded(claim, "not applicable", reason, n)
