"""Evidence that holds planted measurements instead of a model's."""

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Finding
from tests.claims import subject


def evidence(kept=(), findings=(), of=None):
    """Evidence of a tiny model that remembers what is given and measures the rest."""
    table = dict(kept)

    def remembered(name, compute):
        if name not in table:
            table[name] = compute()
        return table[name]

    return Evidence(
        subject=subject.tiny() if of is None else of,
        findings={finding.id: finding for finding in findings},
        causes=None,
        kept=remembered,
    )


def finding(name, verdict):
    """A finding with a verdict and numbers of no meaning."""
    return Finding(
        id=name,
        statement="planted",
        source="planted",
        estimate=0.5,
        unit="planted",
        interval=(0.25, 0.75),
        n=3,
        method="planted",
        verdict=verdict,
        reason="planted",
    )
