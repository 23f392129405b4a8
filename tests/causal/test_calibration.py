"""Calibration of a conjugate model, whose posterior is known, and the causal one."""

import dataclasses

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxdisp.causal import calibration, posterior
from jaxdisp.causal.design import Specification
from jaxdisp.causal.posterior import Sampling
from tests.causal import simulated

N_ROWS, DRAWS = 5, (2, 100)


def normal(key, shape):
    return np.array(jax.random.normal(key, shape), np.float64)


def mean_and_data(key):
    """A mean from N(0, 1), and data about it."""
    first, second = jax.random.split(key)
    mean = normal(first, (1, 1))
    return mean + normal(second, (1, N_ROWS)), {"mean": mean, "known": np.zeros((1, 1))}


def conjugate(*, shift=0.0, width=1.0):
    """Draws of N(n ybar / (n + 1), 1 / (n + 1)), or of something wrong."""

    def fit(data, key):
        centre = data.sum() / (N_ROWS + 1) + shift
        spread = width / np.sqrt(N_ROWS + 1)
        return {"mean": centre + spread * normal(key, DRAWS), "known": np.zeros(DRAWS)}

    return fit


def calibrated(fit, n_sets=500):
    return calibration.calibrate(
        mean_and_data, fit, list, key=jax.random.key(77), n_sets=n_sets
    )


def test_a_right_posterior_is_calibrated():
    (row,), refused = calibrated(conjugate())
    assert (row.name, refused) == ("mean", 0)
    assert row.corrected > 0.01
    # 0.9 within three standard errors of 500 data sets
    assert row.coverage == pytest.approx(0.9, abs=0.04)


@pytest.mark.parametrize("error", [{"shift": 0.2}, {"width": 0.8}, {"width": 1.3}])
def test_planted_errors_are_found(error):
    (row,), _ = calibrated(conjugate(**error))
    assert row.corrected < 0.01


def test_data_that_are_refused_are_counted():
    def fit(data, key):
        if data[0, 0] > 0:
            raise ValueError("no")
        return conjugate()(data, key)

    (row,), refused = calibrated(fit)
    assert len(row.ranks) + refused == 500
    assert 150 < refused < 350
    assert row.corrected > 0.01


def test_a_rank_counts_draws_below():
    draws = np.arange(2.0 * calibration.KEPT).reshape(2, -1)
    assert calibration.rank(draws, -1.0) == 0
    assert calibration.rank(draws, 1e3) == calibration.KEPT
    # half of the draws, which are taken at equal distances, are below the middle
    assert calibration.rank(draws, float(calibration.KEPT)) == 50


@hypothesis.given(st.floats(-3, 3), st.integers(0, 50))
def test_a_rank_is_that_of_the_opposite_turned_around(true, number):
    draws = normal(jax.random.key(number), DRAWS)
    rank = calibration.rank(draws, true)
    hypothesis.assume(not np.any(draws == true))
    assert rank + calibration.rank(-draws, -true) == calibration.KEPT


def test_uniformity_is_the_chi_square_of_equal_bins():
    ranks = np.arange(200) % 100
    assert calibration.uniformity(ranks) == pytest.approx(1.0)
    assert calibration.uniformity(ranks // 2) < 1e-6
    # ten data sets have two bins: counts 7 and 3, chi-square 1.6 with one degree
    few = np.array([0, 1, 2, 3, 4, 5, 6, 60, 70, 80])
    assert calibration.uniformity(few) == pytest.approx(0.2059, abs=1e-4)


def test_what_cannot_be_ranked():
    with pytest.raises(ValueError, match="got 10 draws; a rank is among at least 99"):
        calibration.rank(np.zeros((1, 10)), 0.0)
    with pytest.raises(ValueError, match="9 data sets are too few; needed are at"):
        calibration.uniformity(np.zeros(9, int))

    def refuse(data, key):
        raise ValueError("no")

    def forgetful(data, key):
        return {"mean": np.zeros(DRAWS)}

    with pytest.raises(ValueError, match="not of the same quantities: known"):
        calibrated(forgetful, n_sets=1)
    with pytest.raises(ValueError, match="all 3 data sets were refused"):
        calibrated(refuse, n_sets=3)


@pytest.fixture(scope="module")
def design():
    units = simulated.of("full mediation", languages=4, sentences=15)
    return calibration.prior_design(units, Specification())


def inferred(design, *, blind=False):
    """A fit, which may see the covariate of other rows."""

    def fit(units, key):
        seen = units.columns["bytes"]
        columns = units.columns | {"bytes": seen[::-1].copy() if blind else seen}
        return posterior.fit(
            dataclasses.replace(units, columns=columns),
            design.specification,
            key=key,
            sampling=Sampling(draws=100, tuning=150, chains=2),
            scales=design.scales,
        )

    return fit


def parameters(found):
    return [calibration.every_parameter(each) for each in found]


@pytest.mark.parametrize("blind", [False, True])
def test_the_causal_model_is_calibrated(design, blind):
    """Cheaply: 40 data sets find what is far off, here a covariate left out."""
    rows, _ = calibration.calibrate(
        calibration.simulator(design),
        inferred(design, blind=blind),
        parameters if blind else calibration.parameters_and_effects(design),
        key=jax.random.key(1),
        n_sets=40,
    )
    found = {row.name: row for row in rows}
    assert {"T>A", "constant of D", "sigma of R", "tau of T"} <= found.keys()
    effects = {"total", "natural_direct", "natural_indirect", "T>A>R>D"}
    assert effects.isdisjoint(found) if blind else effects <= found.keys()
    worst = min(row.corrected for row in rows)
    mean_coverage = np.mean([row.coverage for row in rows])
    if blind:
        assert worst < 0.01
        assert found["bytes>T"].coverage < 0.7
    else:
        assert worst > 0.01
        # 40 data sets whose quantities depend on one another: four standard errors
        # of about 0.015
        assert mean_coverage == pytest.approx(0.9, abs=0.06)


def test_truths_are_those_that_made_the_data(design):
    """What parameters leave of the data are errors with the SDs they say."""
    simulate = calibration.simulator(design)
    for number in range(5):
        units, truth = simulate(jax.random.key(number))
        for node in ("T", "A", "R", "D"):
            left = np.log(units.columns[node]) - truth.constants[node][0, 0]
            left -= truth.languages[node][0, 0][units.language]
            left -= truth.covariates["bytes", node][0, 0] * units.columns["bytes"]
            for (cause, effect), by in truth.coefficients.items():
                if effect == node:
                    left -= by[0, 0] * np.log(units.columns[cause])
            # 60 errors: an SD within four standard errors, 1 / sqrt(120)
            assert left.std() == pytest.approx(truth.sigma[node][0, 0], rel=0.37)
            assert abs(left.mean()) < 0.55 * truth.sigma[node][0, 0]
