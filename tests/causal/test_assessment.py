import dataclasses
import json

import jax
import pytest

from jaxdisp.causal import assessment, posterior
from jaxdisp.causal import design as designs
from jaxdisp.causal import graph as graphs
from tests.causal import serial

KEY = jax.random.key(1)
SAMPLING = posterior.Sampling(draws=200, tuning=200, chains=2)


@pytest.fixture(scope="module")
def found():
    made = serial.made(n_languages=9, n_sentences=20, covariate=0.5)
    with jax.numpy_dtype_promotion("strict"):
        return posterior.fit(made, key=KEY, sampling=SAMPLING)


def test_every_table_is_there_and_is_json(found):
    got = assessment.assess(found, key=KEY)
    assert len(got.coefficients) == 6
    assert len(got.benchmarks) == 10
    assert {row["mediator"] for row in got.mediator_zeros} == {"A", "R"}
    assert {row["effect"] for row in got.confounder} == {"direct", "total"}
    # the graph without T>D has the same joined pairs but one, and U takes its place
    assert got.front_door.refused == ()
    assert got.front_door.low < got.front_door.high
    text = json.dumps(dataclasses.asdict(got), allow_nan=False)
    assert "robustness_value_05" in text


def test_what_cannot_be_had_is_said(found):
    chain = dataclasses.replace(found.design.specification, graph=graphs.CHAIN)
    design = dataclasses.replace(found.design, specification=chain)
    coefficients = {arrow: found.coefficients[arrow] for arrow in graphs.CHAIN.edges}
    got = assessment.assess(
        dataclasses.replace(found, design=design, coefficients=coefficients), key=KEY
    )
    assert got.confounder == ()
    assert any("common cause of T and D: a common" in each for each in got.refused)
    assert len(got.independences) == 3


def test_given_coefficients(found):
    chosen = designs.Specification(link="reciprocal")
    design = designs.make_design(found.units, chosen)
    got = assessment.assess(
        dataclasses.replace(found, design=design, coefficients={}), key=KEY
    )
    assert len(got.coefficients) == 3
    assert sum("reciprocal link gives" in each for each in got.refused) == 2
