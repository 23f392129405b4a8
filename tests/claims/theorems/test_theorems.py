"""All theorems: complete, true of every instance, and reversed by some mutation."""

import jax
import pytest

from jaxdisp.claims.theorems.registry import THEOREMS
from tests.claims.theorems import (
    test_alignment,
    test_clipping,
    test_gateways,
    test_lower_bounds,
    test_mediation,
    test_redundancy,
)

TESTS = (
    test_redundancy,
    test_clipping,
    test_gateways,
    test_mediation,
    test_alignment,
    test_lower_bounds,
)
IDS = [theorem.id for theorem in THEOREMS]
INSTANCES = 200


@pytest.mark.parametrize("theorem", THEOREMS, ids=IDS)
def test_no_instance_contradicts_it(theorem):
    found = theorem.check(jax.random.key(1), INSTANCES)
    assert found.n >= INSTANCES
    assert found.violations == 0


def test_every_theorem_is_reversed_by_a_mutation():
    reversed_ids = {mutation[0] for module in TESTS for mutation in module.MUTATIONS}
    assert reversed_ids == set(IDS)


@pytest.mark.parametrize("theorem", THEOREMS, ids=IDS)
def test_it_is_complete(theorem):
    assert theorem.title
    assert theorem.statement.endswith(".")
    assert bool(theorem.claimed) == bool(theorem.failed_step)
    assert (theorem.on_model is None) == bool(theorem.no_data)
    if theorem.counterexample is not None:
        found = theorem.counterexample()
        assert found.text
        assert found.values
