"""Redundancy: codes against their bound, readouts, and what a model's states say."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, linalg, optimize, special, stats

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.theorems import (
    coded_sources,
    redundancy,
    redundancy_on_model,
    state_codes,
)
from jaxdisp.measure import states
from jaxdisp.quant import additive_noise, expected_error
from tests.claims import subject as made
from tests.claims.theorems import reversal

MODULE = "jaxdisp.claims.theorems.redundancy"
MUTATIONS = [
    (
        "T1a",
        "compared(smaller=bound, larger=found.error,",
        "compared(smaller=found.error, larger=bound,",
    ),
    ("T1a", "4.0 ** -(bits + redundancy)", "4.0 ** -(bits - redundancy)"),
    ("T1a", "4.0 ** -(bits + redundancy)", "2.0 ** -(bits + redundancy)"),
    (
        "T1b",
        "compared(smaller=one, larger=ratio,",
        "compared(smaller=ratio, larger=one,",
    ),
    (
        "T1b",
        "compared(smaller=ratio, larger=high / low,",
        "compared(smaller=high / low, larger=ratio,",
    ),
    ("T1b", "(1 - correlation) / participation", "(1 - correlation) * participation"),
    (
        "T1b",
        "return compared(smaller=1 / ratios.sum(axis=1), larger=error,",
        "return compared(smaller=error, larger=1 / ratios.sum(axis=1),",
    ),
    (
        "P1",
        "compared(smaller=bound, larger=low.error / high.error,",
        "compared(smaller=low.error / high.error, larger=bound,",
    ),
    ("P1", "4.0 ** (high[1] - low[1])", "4.0 ** (low[1] - high[1])"),
]
THEOREMS = {theorem.id: theorem for theorem in redundancy.THEOREMS}


@pytest.mark.parametrize(("theorem", "old", "new"), MUTATIONS)
def test_a_planted_bug_is_found(theorem, old, new):
    assert reversal.violations(MODULE, old, new, theorem) > 0


@pytest.mark.parametrize("name", THEOREMS)
def test_no_instance_contradicts_it_and_some_attain_it(name):
    found = THEOREMS[name].check(jax.random.key(5), 240)
    assert found.n == 240
    assert found.violations == 0
    assert abs(found.tightest) < 1e-9


def test_bound_of_the_notes_is_below_what_any_code_can_do():
    found = THEOREMS["T1a"].counterexample().values
    # as printed: 5 decimals
    assert found["claimed"] == pytest.approx(0.00300, abs=5e-6)
    assert found["shannon"] == pytest.approx(0.00391, abs=5e-6)
    assert found["equal steps"] == pytest.approx(0.01154, abs=5e-6)
    assert found["best levels"] == pytest.approx(0.00950, abs=2e-5)  # not settled
    assert found["claimed"] < found["shannon"] < found["best levels"]
    most = [
        found[f"most R + delta, {name}"]
        for name in ("equal steps", "best levels", "shannon")
    ]
    np.testing.assert_allclose(most, [1.015, 1.233, 3], atol=2e-3)  # not settled


def test_ratio_of_readouts_is_below_what_the_notes_say():
    found = THEOREMS["T1b"].counterexample().values
    ratios = [found[f"ratio at rho {rho}"] for rho in ("0", "0.1", "0.5", "1")]
    np.testing.assert_allclose(ratios, [2.53, 2.08, 1.32, 1.00], atol=0.005)  # printed
    assert max(ratios[1:]) < found["claimed at least"] == pytest.approx(2.4375)
    assert ratios[0] == pytest.approx(found["at most"])


def test_a_source_on_the_levels_has_no_error():
    found = THEOREMS["P1"].counterexample().values
    assert found["low"] == 0 < found["high"]
    assert found["ratio"] == 0


@pytest.mark.parametrize("levels", [[-1.0, 1.0], [-2.0, -0.1, 0.4, 3.0], [0.0]])
def test_error_of_levels_is_the_integral(levels):
    levels = np.array(levels)

    def lost(x):
        return np.min((x - levels) ** 2) * stats.norm.pdf(x)

    edges = [-12.0, *((levels[1:] + levels[:-1]) / 2), 12.0]
    expected = sum(
        integrate.quad(lost, low, high, epsabs=1e-12)[0]
        for low, high in itertools.pairwise(edges)
    )
    assert coded_sources.gaussian_error(levels) == pytest.approx(expected, abs=1e-9)


def test_levels_are_those_of_the_literature():
    # Max 1960, tables I (best levels) and II (equal steps), to their 4 digits
    np.testing.assert_allclose(
        coded_sources.best_levels()[1:5], [0.3634, 0.1175, 0.03454, 0.009497], rtol=3e-3
    )
    np.testing.assert_allclose(
        coded_sources.equal_steps()[1:5], [0.3634, 0.1188, 0.03744, 0.01154], rtol=1e-3
    )
    with jax.enable_x64(True):
        one = expected_error.best_threshold(
            jax.numpy.zeros(()), 5, grid="midrise", family="gaussian"
        )
        assert coded_sources.equal_steps()[5] == pytest.approx(float(one.error))


def test_correlation_saves_what_its_determinant_says():
    r, d = 0.99, 40
    own = linalg.eigvalsh(linalg.toeplitz(r ** np.arange(d)))
    expected = -(d - 1) / (2 * d) * np.log2(1 - r**2)
    # eigenvalues down to 0.005 lose a few digits of 1e-16
    assert coded_sources.spectral_redundancy(own) == pytest.approx(expected, rel=1e-10)
    assert -np.log2(1 - r**2) / 2 == pytest.approx(2.83, abs=0.005)  # d to infinity


@pytest.mark.parametrize("bits", [0.3, 1.0, 4.0])
def test_water_filling_is_the_best_split_of_bits(bits):
    own = np.array([4.0, 1.0, 0.3, 0.05])
    found = optimize.minimize(
        lambda b: np.mean(own * 4.0**-b),
        np.full(4, bits),
        bounds=[(0, None)] * 4,
        constraints={"type": "eq", "fun": lambda b: b.mean() - bits},
        tol=1e-14,
    )
    # SLSQP stops at a relative error around 1e-7
    assert coded_sources.water_filled(own, bits) == pytest.approx(found.fun, rel=1e-5)


@given(
    st.lists(st.floats(0.01, 10), min_size=1, max_size=3), st.integers(0, 6), st.data()
)
def test_bits_are_allotted_as_well_as_can_be(own, total, data):
    errors = coded_sources.best_levels()[:7]
    own = np.array(own)
    every = [
        np.mean(own * errors[list(bits)])
        for bits in itertools.product(range(7), repeat=len(own))
        if sum(bits) == min(total, 6 * len(own))
    ]
    found = coded_sources.allotted_error(own, errors, total)
    assert found == pytest.approx(min(every), rel=1e-12)


def test_error_of_a_readout_is_its_variance():
    g = np.array([1.0, 2.0, 0.5, 3.0])
    rho, n = 0.3, 200_000
    shared, own = jax.random.split(jax.random.key(0))
    common = np.asarray(jax.random.normal(shared, (n, 1)), np.float64)
    single = np.asarray(jax.random.normal(own, (n, 4)), np.float64)
    errors = np.sqrt(rho) * common + np.sqrt(1 - rho) * single
    measured = np.mean((errors @ g) ** 2) / g.sum() ** 2
    participation = g.sum() ** 2 / np.sum(g**2)
    expected = redundancy.readout_error(np.array([rho]), np.array([participation]))[0]
    # the mean of n squares of normals has a relative error of sqrt(2 / n)
    assert measured == pytest.approx(expected, rel=5 * np.sqrt(2 / n))


@given(st.floats(0.1, 10), st.floats(0, 3), st.floats(0, 3), st.floats(1, 30))
def test_bound_of_the_ratio_is_the_least_error_over_the_measured(
    scale, low, high, gamma
):
    bits, one = np.array([4.0]), np.ones(1)
    error = gamma * redundancy.least_error(one, high * one, bits)
    found = redundancy.ratio_bound(
        (scale * one, low * one), (one, high * one), error, bits
    )
    expected = redundancy.least_error(scale * one, low * one, bits) / error
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def evidence(subject, causes=None, **stored):
    found = dict(stored)

    def kept(name, compute):
        return found.setdefault(name.replace(" ", "_"), compute())

    if stored:
        kept = lambda name, _: found[name.replace(" ", "_")]  # noqa: E731
    return Evidence(subject=subject, findings={}, causes=causes, kept=kept)


def test_states_are_coded_and_bounded_as_they_should_be():
    subject = made.tiny()
    found = state_codes.state_codes(evidence(subject))
    assert found["layers"] == [0, 1, 2]
    counted = [
        each.values[2][each.place > 0].astype(np.float64)
        for _, each in states.language_states(subject.model, subject.few)
    ]
    mean = np.mean([x.mean(axis=0) for x in counted], axis=0)
    scale = np.sqrt(np.mean([((x - mean) ** 2).mean(axis=0) for x in counted], axis=0))
    standard = [(x - mean) / scale for x in counted]
    c = 1 / (12 * 7**2)  # four bits, symmetric

    def noise(a):
        return (
            np.mean([np.mean(np.maximum(np.abs(x) - a, 0) ** 2) for x in standard])
            + c * a**2
        )

    a = optimize.minimize_scalar(noise, bounds=(0.5, 8), method="bounded").x
    for place, x in enumerate(standard):
        step = a / 7
        rounded = np.clip(np.round(x / step), -7, 7) * step
        # the threshold is found in float32, and few values change their level by it
        assert found["error"][1][place] == pytest.approx(
            np.mean((x - rounded) ** 2), rel=1e-3
        )
        n, d = x.shape
        expected = np.linalg.slogdet(np.cov(x.T))[1] - (
            special.digamma((n - np.arange(1, d + 1)) / 2).sum()
            - d * np.log((n - 1) / 2)
        )
        # states are standardized in float32
        assert found["least"][1][place] == pytest.approx(
            np.exp(expected / d) / 256, rel=1e-4
        )
        assert found["variance"][1][place] == pytest.approx(np.mean(x**2), rel=1e-5)
    assert np.shape(found["left_out"]["error"]) == (4, 3)


def test_leaving_out_a_text_is_what_it_says():
    sums = _sums_of_blocks()
    without = state_codes._table(sums, 4, without=2)
    kept = np.array([0, 1, 3, 4])
    names = ("count", "first", "second", "lost")
    fewer = dataclasses.replace(sums, **{x: getattr(sums, x)[kept] for x in names})
    assert without == pytest.approx(state_codes._table(fewer, 4), rel=1e-12)
    assert without["error"] != state_codes._table(sums, 4)["error"]


def _sums_of_blocks():
    values = np.asarray(jax.random.normal(jax.random.key(3), (60, 4)), np.float32)
    places = [np.arange(60)[start::5] for start in range(5)]
    return next(state_codes._coded([values], [places], made.tiny().quantizer))


def test_too_little_text_is_refused():
    found = evidence(made.tiny(few=2))
    for judged in (
        redundancy_on_model.least_errors,
        redundancy_on_model.measured_ratio,
    ):
        finding = judged(found)
        assert finding.verdict == "not applicable"
        assert "needs 48 tokens" in finding.reason


def stored(least, error, spread=0.0):
    """State codes of three languages in one layer, the same in all texts but a bit."""
    texts = 1 + spread * np.linspace(-1, 1, 6)[:, None]
    return {
        "languages": ["de", "en", "ru"],
        "bits": 4,
        "layers": [0],
        "error": [error],
        "least": [least],
        "variance": [[1.0, 1.0, 1.0]],
        "left_out": {
            "error": (np.array(error) * texts).tolist(),
            "least": (np.array(least) * texts**-1).tolist(),
        },
    }


def test_bound_on_the_ratio_is_that_of_least_and_measured():
    # ru has the least text, en the most; de belongs to neither
    found = evidence(
        made.tiny(), state_codes=stored([1e-3, 1e-3, 8e-3], [1e-2, 2e-3, 1e-2], 1e-3)
    )
    finding = redundancy_on_model.measured_ratio(found)
    assert finding.estimate == pytest.approx(np.log(4))
    assert finding.verdict == "holds"
    assert finding.n == 6
    small = evidence(
        made.tiny(), state_codes=stored([1e-3, 1e-3, 1e-3], [1e-2, 2e-3, 1e-2], 1e-3)
    )
    assert redundancy_on_model.measured_ratio(small).verdict == "fails"


def test_errors_below_a_gaussian_bound_are_told():
    low = evidence(
        made.tiny(), state_codes=stored([1e-3, 1e-3, 8e-3], [1e-2, 2e-3, 4e-3])
    )
    finding = redundancy_on_model.least_errors(low)
    assert finding.verdict == "inconclusive"
    assert "1 are below it" in finding.reason
    fine = evidence(
        made.tiny(), state_codes=stored([1e-3, 1e-3, 1e-3], [1e-2, 2e-3, 4e-3])
    )
    finding = redundancy_on_model.least_errors(fine)
    assert finding.verdict == "holds"
    assert finding.estimate == pytest.approx(np.log2([10, 2, 4]).mean() / 2)


def test_codes_need_training_bytes_to_be_compared():
    model = dataclasses.replace(made.tiny().model, training_bytes={})
    found = evidence(dataclasses.replace(made.tiny(), model=model), state_codes={})
    assert "bytes of training text" in redundancy_on_model.measured_ratio(found).reason


def duplicated(before, after, spread=0.0):
    """Interventions with 8 and 2 copies, of which the fewest count, and to nearest."""
    change = after - before
    ends = {"low": change - spread, "high": change + spread, "change": change}
    same = {"after": before, "low": 0.0, "high": 0.0, "change": 0.0}
    kinds = (
        ("duplication, stochastic", 8.0, same),
        ("duplication, stochastic", 2.0, ends | {"after": after}),
        ("duplication, rounded to nearest", 8.0, same),
    )
    base = {"target": "R", "variable": "D", "before": before}
    rows = [base | {"kind": kind, "amount": m} | found for kind, m, found in kinds]
    return {"interventions": rows, "intervention_sentences": 8}


@pytest.mark.parametrize(
    ("after", "spread", "verdict"),
    [(0.5, 0.02, "holds"), (0.95, 0.02, "fails"), (0.5, 0.2, "inconclusive")],
)
def test_elasticity_by_copies(after, spread, verdict):
    found = evidence(made.tiny(), duplicated(1.0, after, spread))
    finding = redundancy_on_model.duplicated_readouts(found)
    assert finding.verdict == verdict
    assert finding.n == 8
    assert "1 becomes 1" in finding.reason


def test_elasticity_needs_interventions_and_losses():
    judged = redundancy_on_model.duplicated_readouts
    assert judged(evidence(made.tiny())).verdict == "not applicable"
    negative = judged(evidence(made.tiny(), duplicated(1.0, 0.1, 0.2)))
    assert negative.verdict == "not applicable"
    assert "losses above 0" in negative.reason


def test_noise_of_every_grid_is_that_of_its_cells():
    # steps of a range from -1 to 1 at 3 bits, by the table in quant.grids
    steps = {
        "symmetric": 1 / 3,
        "twos_complement": 1 / 3,
        "midrise": 1 / 4,
        "affine": 2 / 7,
    }
    for grid, step in steps.items():
        c = additive_noise.noise_constant(3, step=additive_noise.GRID_STEP[grid])
        assert float(c) == pytest.approx(step**2 / 12)
