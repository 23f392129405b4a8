"""What a posterior predicts: against densities and correlations written out."""

import dataclasses

import jax
import numpy as np
import pytest
import scipy.stats

from jaxdisp.causal import posterior, predictive
from jaxdisp.causal.design import Specification
from jaxdisp.causal.graph import CHAIN, FULL
from jaxdisp.causal.posterior import Sampling
from tests.causal import simulated

FEW = Sampling(draws=100, tuning=200, chains=2)


@pytest.fixture(scope="module")
def units():
    return simulated.of("full mediation", languages=4, sentences=25)


@pytest.fixture(scope="module")
def chain(units):
    return posterior.fit(
        units, Specification(graph=CHAIN), key=jax.random.key(0), sampling=FEW
    )


@pytest.mark.parametrize("node", ["T", "A", "R", "D"])
def test_log_density_is_that_of_the_equation(units, chain, node):
    """In natural coefficients and logarithms, one row and one draw at a time."""
    rows = np.array([0, 31, 99])
    found = predictive.log_densities(chain, node, rows)
    assert found.shape == (2, 100, 3)
    for draw in ((0, 0), (1, 57)):
        for place, row in enumerate(rows):
            mean = chain.constants[node][draw]
            mean += chain.languages[node][draw][units.language[row]]
            for (cause, effect), by in chain.coefficients.items():
                if effect == node:
                    mean += by[draw] * np.log(units.columns[cause][row])
            mean += chain.covariates["bytes", node][draw] * units.columns["bytes"][row]
            law = scipy.stats.norm(mean, chain.sigma[node][draw])
            unit = chain.design.scales.scale[node]  # densities are in standard units
            expected = law.logpdf(np.log(units.columns[node][row])) + np.log(unit)
            assert found[(*draw, place)] == pytest.approx(expected, abs=1e-9)


def test_observed_correlation_is_that_of_dummies_for_languages(units, chain):
    """Partial correlation from residuals of a regression with a column per language."""
    found = {each.x + each.y: each for each in checks(chain)}
    logs = {node: np.log(units.columns[node]) for node in "TARD"}
    dummies = np.eye(4)[units.language]
    for x, y, given in (("T", "R", "A"), ("T", "D", "A"), ("A", "D", "R")):
        others = np.column_stack([dummies, units.columns["bytes"], logs[given]])
        left = [z - others @ np.linalg.pinv(others) @ z for z in (logs[x], logs[y])]
        expected = np.corrcoef(*left)[0, 1]
        assert found[x + y].given == (given,)
        assert found[x + y].observed == pytest.approx(expected, abs=1e-9)


def test_replicas_of_a_right_model_scatter_as_theory_says(chain):
    """A partial correlation that is 0 has the SD 1 / sqrt(degrees of freedom)."""
    width = 2 * 1.96 / np.sqrt(100 - 4 - 2 - 1)
    for each in checks(chain):
        # quantiles of 400 replicas have standard errors of about 8 %
        assert each.high - each.low == pytest.approx(width, rel=0.3)
        assert each.low < 0 < each.high


def test_checks_see_what_is_not_independent():
    """A chain is fitted to what has a direct path."""
    units = simulated.of("direct only", languages=4, sentences=40)
    found = posterior.fit(
        units, Specification(graph=CHAIN), key=jax.random.key(0), sampling=FEW
    )
    worst = {each.x + each.y: each for each in checks(found)}["TD"]
    assert worst.corrected < 0.05
    assert not worst.low < worst.observed < worst.high


def test_one_row_per_language_is_compared_with_all_others():
    """Within its language nothing is left of a single row to correlate."""
    units = simulated.of("full mediation", languages=12, sentences=1)
    fitted = posterior.fit(
        units, Specification(graph=CHAIN), key=jax.random.key(0), sampling=FEW
    )
    found = {each.x + each.y: each for each in checks(fitted)}
    logs = {node: np.log(units.columns[node]) for node in "TARD"}
    names = [units.columns[name] for name in units.covariates]
    others = np.column_stack([np.ones(12), *names, logs["A"]])
    pair = [z - others @ np.linalg.pinv(others) @ z for z in (logs["T"], logs["R"])]
    expected = np.corrcoef(*pair)[0, 1]
    assert found["TR"].observed == pytest.approx(expected, abs=1e-9)
    assert all(each.p_value > 0.01 for each in found.values())


def test_a_full_graph_implies_nothing(chain):
    specification = dataclasses.replace(chain.design.specification, graph=FULL)
    design = dataclasses.replace(chain.design, specification=specification)
    assert checks(dataclasses.replace(chain, design=design)) == ()


def test_student_errors_have_their_own_density(chain):
    """With very many degrees of freedom it is the Gaussian one, with few it is not."""
    rows = np.arange(10)
    plain = predictive.log_densities(chain, "A", rows)
    for freedom, same in ((1e9, True), (3.0, False)):
        every = {node: np.full((2, 100), freedom) for node in "TARD"}
        standard = dataclasses.replace(chain.standard, freedom=every)
        found = dataclasses.replace(chain, standard=standard)
        density = predictive.log_densities(found, "A", rows)
        assert np.allclose(density, plain, atol=1e-5) == same
        assert len(checks(found)) == 3


def test_a_root_without_an_equation_cannot_be_replicated(chain):
    design = dataclasses.replace(chain.design, nodes=("A", "R", "D"))
    with pytest.raises(ValueError, match="T has no equation and cannot be replicated"):
        checks(dataclasses.replace(chain, design=design))


def checks(found):
    return predictive.check(found, key=jax.random.key(1))
