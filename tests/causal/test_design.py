"""Designs: links, standard units, which equations there are, and refusals."""

import numpy as np
import pytest

from jaxdisp.causal import design
from jaxdisp.causal.design import Specification
from jaxdisp.causal.graph import CHAIN, Graph
from tests.causal import drawn_units


def test_columns_are_standardized_after_the_link():
    units = drawn_units.make(log=True)
    made = design.make_design(units)
    place = made.names.index("R")
    logs = np.log(units.columns["R"])
    np.testing.assert_allclose(
        made.columns[:, place], (logs - logs.mean()) / logs.std()
    )
    np.testing.assert_allclose(made.columns[:, 1:].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(made.columns[:, 1:].std(axis=0), 1)


def test_values_that_have_no_logarithm_are_taken_as_they_are_and_that_is_said():
    units = drawn_units.make()
    made = design.make_design(units)
    assert made.specification.link == "linear"
    counts = {node: int((units.columns[node] <= 0).sum()) for node in "TARD"}
    assert made.notes == (
        "not positive: "
        + ", ".join(f"{node} in {count} rows" for node, count in counts.items())
        + "; so all are taken as they are (linear link)",
    )


def test_every_equation_has_the_causes_of_its_node():
    made = design.make_design(drawn_units.make(), Specification(slopes=True))
    assert made.nodes == ("T", "A", "R", "D")
    assert made.regressors["R"] == ("1", "x", "T", "A")
    assert made.varying["D"] == ("1", "T", "A", "R")
    assert len(made.effects) == 1 + 2 + 3 + 4
    taken = made.equations[3].regressors[made.equations[3].present]
    assert [made.names[number] for number in taken] == ["1", "x", "T", "A", "R"]


def test_without_roots_what_has_no_causes_is_not_modelled():
    made = design.make_design(
        drawn_units.make(), Specification(graph=CHAIN, roots=False)
    )
    assert made.nodes == ("A", "R", "D")
    assert made.regressors["D"] == ("1", "x", "R")


def test_the_reciprocal_link_leaves_what_its_fixed_causes_do_not_explain():
    units = drawn_units.make(log=True)
    made = design.make_design(units, Specification(link="reciprocal"))
    found = made.columns[:, made.names.index("D less its cause")]
    # D R = c, up to a constant and the scale of ln D
    product = np.log(units.columns["D"] * units.columns["R"])
    expected = product / np.log(units.columns["D"]).std()
    np.testing.assert_allclose(found - found.mean(), expected - expected.mean())


def test_one_row_per_language_leaves_nothing_to_vary():
    made = design.make_design(drawn_units.make(n_languages=20, n_sentences=1))
    assert made.effects == ()


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        (Specification(link="cubic"), "link is 'cubic'; allowed are log, linear"),
        (Specification(errors="cauchy"), "errors are 'cauchy'; allowed are gaussian"),
        (
            Specification(link="reciprocal"),
            "not positive, as the reciprocal link needs",
        ),
        (
            Specification(link="reciprocal", slopes=True),
            "no slopes that could vary",
        ),
        (
            Specification(link="reciprocal", graph=Graph((("T", "D"),))),
            "is of the chain T>A>R>D",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(specification, message):
    with pytest.raises(ValueError, match=message):
        design.make_design(drawn_units.make(), specification)


def test_variables_that_are_powers_of_one_another_are_refused_under_the_log_link():
    rows = drawn_units.table(log=True)
    rows = [row | {"R": row["T"] ** 2} for row in rows]
    with pytest.raises(ValueError, match="R is a linear function of T"):
        design.make_design(drawn_units.units.make_units(rows))
