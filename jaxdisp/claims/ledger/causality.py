"""Section D of the ledger: causes, mediation and correlations, claims D1 to D16."""

from jaxdisp.claims.ledger import (
    alignment_claims,
    causal_model_claims,
    correlation_claims,
    mediation_claims,
)
from jaxdisp.claims.ledger.entry import Entry

ENTRIES: tuple[Entry, ...] = tuple(
    sorted(
        (
            *causal_model_claims.ENTRIES,
            *mediation_claims.ENTRIES,
            *correlation_claims.ENTRIES,
            *alignment_claims.ENTRIES,
        ),
        key=lambda entry: int(entry.id[1:]),
    )
)
"""D1 to D16."""
