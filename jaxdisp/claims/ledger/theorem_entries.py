"""Theorems as entries of the ledger: what holds, and how many instances were tried."""

import functools as ft

import jax

from jaxdisp.claims.ledger.entry import Entry, Recomputed, Value
from jaxdisp.claims.theorems.registry import THEOREMS
from jaxdisp.claims.theorems.theorem import Theorem

INSTANCES = 64
"""Generated instances that a theorem is tried on whenever its entry is recomputed."""


def entry(theorem: Theorem) -> Entry:
    """Writes a theorem as an entry of the ledger.

    Definition: the verdict is `holds` if none of `INSTANCES` generated instances
    contradicts it, else `fails`.

    Args:
        theorem: with its check.

    Reference: our own definition.
    """
    said = f"; the notes say: {theorem.claimed}" if theorem.claimed else ""
    return Entry(
        id=theorem.id,
        statement=theorem.statement,
        source=f"our own theorem, in place of {theorem.source}{said}",
        correct=theorem.statement,
        check=f"proved in docs/theory.md; tried on {INSTANCES} generated instances, "
        "and with its inequality reversed",
        verdict="holds",
        ground="theorem",
        values=(Value(name="violations", value=0.0, tolerance=0.0),),
        recompute=ft.partial(_recomputed, theorem),
        on_model=theorem.on_model,
        no_data=theorem.no_data,
        experiments=theorem.experiments,
        causes=theorem.causes,
    )


def _recomputed(theorem: Theorem) -> Recomputed:
    violations = theorem.check(jax.random.key(0), INSTANCES).violations
    return Recomputed(
        values={"violations": float(violations)},
        verdict="fails" if violations else "holds",
    )


ENTRIES = tuple(entry(theorem) for theorem in THEOREMS)
