"""All theorems, in the order of the notes that they correct."""

from jaxdisp.claims.theorems import (
    alignment,
    clipping,
    gateways,
    lower_bounds,
    mediation,
    redundancy,
    shared_clipping,
)
from jaxdisp.claims.theorems.theorem import Theorem

THEOREMS: tuple[Theorem, ...] = (
    *redundancy.THEOREMS,
    *clipping.THEOREMS,
    *shared_clipping.THEOREMS,
    *gateways.THEOREMS,
    *mediation.THEOREMS,
    *alignment.THEOREMS,
    *lower_bounds.THEOREMS,
)
