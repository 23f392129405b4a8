"""Theorems of causes: T > A > R > D, in place of the notes' theorem 4."""

from jaxdisp.claims.theorems import chain_effects, identification, reciprocal_effect
from jaxdisp.claims.theorems.theorem import Theorem

THEOREMS: tuple[Theorem, ...] = (
    *identification.THEOREMS,
    *reciprocal_effect.THEOREMS,
    *chain_effects.THEOREMS,
)
"""T4a to T4f."""
