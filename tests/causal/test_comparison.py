"""Comparison of models: known truths, and a conjugate model left out by hand."""

import functools as ft

import hypothesis
import jax
import numpy as np
import pytest
import scipy.stats
from hypothesis import strategies as st

from jaxdisp.causal import comparison
from jaxdisp.causal import graph as graphs
from jaxdisp.causal.design import Specification
from tests.causal import simulated

EQUIVALENT = {
    "chain": ("reversed chain",),
    "reversed chain": ("chain",),
    "full": ("reversed full",),
    "reversed full": ("full",),
    "chain and T>D": ("confounded chain",),
    "confounded chain": ("chain and T>D",),
}


def normal(number, *shape):
    return np.array(jax.random.normal(jax.random.key(number), shape), np.float64)


@ft.cache
def compared(truth):
    units = simulated.of(truth, languages=5, sentences=60)
    found = comparison.compare(units, key=jax.random.key(1))
    return {row.name: row for row in found.rows}


def rejected(row):
    return "worse" in row.verdict or "contradicted" in row.verdict


@pytest.mark.parametrize(
    ("truth", "wrong"),
    [
        ("full mediation", set()),
        ("no mediation", {"chain", "reversed chain", "chain and T>D"}),
        ("direct only", {"chain", "reversed chain"}),
        ("confounded", {"chain", "reversed chain"}),
    ],
)
def test_wrong_models_are_recognised(truth, wrong):
    rows = compared(truth)
    assert wrong <= {name for name, row in rows.items() if rejected(row)}
    assert not rejected(rows["full"])
    assert max(row.pareto_k_max for row in rows.values()) < comparison.MOST_K


def test_a_right_chain_is_kept():
    row = compared("full mediation")["chain"]
    assert not rejected(row)
    assert {(each.x, each.y) for each in row.checks} == {
        ("T", "R"),
        ("T", "D"),
        ("A", "D"),
    }


def test_a_direct_path_and_a_common_cause_are_told_from_neither():
    rows = compared("confounded")
    direct, latent = rows["chain and T>D"], rows["confounded chain"]
    assert direct.elpd == latent.elpd
    assert "no data can tell it from confounded chain" in direct.verdict
    assert "no data can tell it from chain and T>D" in latent.verdict
    assert not rejected(direct)


@pytest.mark.parametrize("truth", ["full mediation", "direct only"])
def test_equivalent_models_predict_alike(truth):
    """Two nats are less than priors and languages make of 300 rows."""
    rows = compared(truth)
    for name, (other,) in EQUIVALENT.items():
        assert rows[name].same_as == (other,)
        assert rows[name].elpd == pytest.approx(rows[other].elpd, abs=2.0)


def test_parameters_are_about_as_many_as_there_are():
    """Six arrows, four covariates, scales and constants, and of 20 languages' some."""
    assert 18 < compared("full mediation")["full"].p_loo < 40


def test_the_confounded_chain_implies_what_it_is_fitted_as():
    for model in comparison.MODELS:
        implied = graphs.implied_independences(model.graph, model.latent)
        assert implied == graphs.implied_independences(model.fitted)


def test_rows_left_out_are_those_of_a_conjugate_model():
    """A mean with prior N(0, 1) of rows with variance 1, each left out exactly."""
    n, rows = 20, normal(0, 20)
    centre, spread = rows.sum() / (n + 1), (n + 1) ** -0.5
    draws = centre + spread * normal(1, 4, 1000)
    densities = scipy.stats.norm.logpdf(rows - draws[..., None])
    found = comparison.leave_one_out(densities)
    others = (rows.sum() - rows) / n
    exact = scipy.stats.norm.logpdf(rows, others, np.sqrt(1 + 1 / n))
    # of 4000 draws, whose weights vary by about a fifth
    np.testing.assert_allclose(found.elpd, exact, atol=0.02)
    assert found.p.sum() == pytest.approx(np.mean(rows**2) * n / (n + 1), rel=0.4)
    assert found.k.max() < comparison.MOST_K


@hypothesis.settings(max_examples=10)
@hypothesis.given(st.floats(-5, 5))
def test_a_constant_moves_every_row_alike(by):
    densities = normal(2, 2, 50, 3)
    first, moved = map(comparison.leave_one_out, (densities, densities + by))
    np.testing.assert_allclose(moved.elpd, first.elpd + by, atol=1e-9)
    np.testing.assert_allclose(moved.p, first.p, atol=1e-9)


def test_differences_of_one_sentence_have_errors_over_rows():
    """One row per language: a single sum over the sentence would have none."""
    units = simulated.of("full mediation", languages=12, sentences=1)
    found = comparison.compare(units, key=jax.random.key(1))
    best, *others = found.rows
    assert best.difference_se == 0
    assert all(row.difference_se > 0 for row in others)


def test_the_reciprocal_link_is_refused():
    units = simulated.of("full mediation", languages=3, sentences=5)
    with pytest.raises(ValueError, match="compare under the log link"):
        comparison.compare(
            units, Specification(link="reciprocal"), key=jax.random.key(0)
        )


def test_without_arviz(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "arviz_stats.base.array", None)
    units = simulated.of("full mediation", languages=3, sentences=5)
    with pytest.raises(ValueError, match=r"pip install 'jaxdisp\[bayes\]'"):
        comparison.compare(units, key=jax.random.key(0))
