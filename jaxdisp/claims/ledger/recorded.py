"""Short ways to write an entry's numbers, and to take a finding over from elsewhere."""

import dataclasses
from collections.abc import Mapping

from jaxdisp.claims.evidence import Evidence, Judge
from jaxdisp.claims.finding import Finding
from jaxdisp.claims.ledger.entry import Value

REPOSITORY = "quant-disparity repository: "


def recorded(
    numbers: Mapping[str, tuple[float | int, float | int]],
) -> tuple[Value, ...]:
    """Writes numbers with their tolerances as values of an entry.

    Args:
        numbers: by name, the recorded number and how far it was rounded.

    Reference: our own definition.
    """
    return tuple(
        Value(name=name, value=float(value), tolerance=float(tolerance))
        for name, (value, tolerance) in numbers.items()
    )


def taken_over(entry: str, finding: str) -> Judge:
    """Judges a claim by the finding of an experiment that asks the same.

    Args:
        entry: id of the claim.
        finding: id of the finding.

    Returns:
        A function that gives this finding under the entry's id.

    Raises:
        ValueError: by that function, if the experiment was not carried out.

    Reference: our own definition.
    """

    def judge(evidence: Evidence) -> Finding:
        found = evidence.findings.get(finding)
        if found is None:
            raise ValueError(
                f"needs finding {finding}; run the experiment that gives it, too"
            )
        return dataclasses.replace(found, id=entry)

    return judge
