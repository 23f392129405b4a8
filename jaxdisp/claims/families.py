"""Findings of a run as families of hypotheses, corrected for how many there are."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxdisp.claims import registry
from jaxdisp.claims.finding import Finding
from jaxdisp.stats import families
from jaxdisp.stats.multiplicity import interval_p_value

PROCEDURES = (
    "bonferroni",
    "holm",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "hierarchical",
)


def corrected(
    findings: Sequence[Finding], experiments: Sequence[str]
) -> list[dict[str, Any]]:
    """Corrects what a run found for everything that it tried.

    Definition: findings carry intervals; `interval_p_value` reads a two-sided p-value
    off each, of the hypothesis that the effect equals the bound of its claim (0 where
    none is recorded), and `families.corrected` corrects all of them together, those of
    an experiment being a family. Findings without an interval take no part. A claim
    that an interval corrected within its experiment already decides is corrected once
    more.

    Args:
        findings: of all experiments of the run.
        experiments: their ids.

    Returns:
        A row for each finding with an interval: `id`, `family`, `verdict`, `bound`,
        `direction` of the estimate from it, `p_value`, and a corrected one for each of
        `PROCEDURES`; `family_p_value`, corrected for the number of families.

    Reference: our own definition; procedures as in `stats.families`.
    """
    kept = [each for each in findings if each.interval is not None]
    if not kept:
        return []
    names = [registry.owner(each.id, experiments) for each in kept]
    p_values = np.array([_p_value(each) for each in kept])
    found = families.corrected(p_values, names)
    of_family = dict(zip(found.family_names, found.family.tolist(), strict=True))
    columns = {name: getattr(found, name).tolist() for name in PROCEDURES}
    return [
        {
            "id": each.id,
            "family": name,
            "verdict": each.verdict,
            "bound": _bound(each),
            "direction": _direction(each),
            "p_value": float(p_values[place]),
            **{name: column[place] for name, column in columns.items()},
            "family_p_value": of_family[name],
        }
        for place, (each, name) in enumerate(zip(kept, names, strict=True))
    ]


def _bound(each: Finding) -> float:
    return 0.0 if each.bound is None else each.bound


def _direction(each: Finding) -> str:
    estimate = each.estimate or 0.0
    if estimate == _bound(each):
        return "at"
    return "above" if estimate > _bound(each) else "below"


def _p_value(each: Finding) -> float:
    low, high = each.interval or (0.0, 0.0)
    return interval_p_value(each.estimate or 0.0, low, high, null=_bound(each))
