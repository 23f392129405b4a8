"""Posteriors: two ways to the same one, closed forms, and known truths."""

import jax
import numpy as np
import pytest

from jaxdisp.causal import design, effects, posterior
from jaxdisp.causal.design import Specification
from jaxdisp.causal.graph import CHAIN
from jaxdisp.causal.posterior import Sampling
from tests.causal import drawn_units

FEW = Sampling(draws=300, tuning=300, chains=2)
TRUE = {("T", "A"): 0.7, ("T", "R"): 0.5, ("A", "R"): 0.4}
TRUE |= {("T", "D"): -0.2, ("A", "D"): 0.1, ("R", "D"): -0.8}


def standardized_difference(one, two, draws):
    """Difference of two posterior means in standard errors of `draws` draws each."""
    error = np.sqrt((one.var() + two.var()) / draws)
    return abs(one.mean() - two.mean()) / error


def test_nuts_over_scales_has_the_same_posterior():
    units = drawn_units.make(n_languages=5, n_sentences=12)
    own, walked = (
        posterior.fit(
            units,
            Specification(link="linear"),
            key=jax.random.key(0),
            sampling=Sampling(draws=500, tuning=300, chains=2, nuts=nuts),
        )
        for nuts in (False, True)
    )
    assert not walked.walk.diverging.any()
    for node in "TARD":
        for name in ("sigma", "tau"):
            one, two = (np.log(getattr(each, name)[node]) for each in (own, walked))
            # of 1000 draws at least 200 are independent
            assert standardized_difference(one, two, 200) < 4.5
            assert 0.7 < one.std() / two.std() < 1.4


@pytest.mark.slow
def test_the_generative_program_has_the_same_posterior():
    units = drawn_units.make(n_languages=4, n_sentences=8)
    made = design.make_design(units, Specification(link="linear"))
    exact = posterior.fit(
        units, Specification(link="linear"), key=jax.random.key(0), sampling=FEW
    )
    by_rows, walk = posterior.fit_rows(made, jax.random.key(1), FEW)
    assert walk.diverging.mean() < 0.02  # few languages tell little of tau
    for node in made.nodes:
        pairs = [(by_rows.sigma[node], exact.standard.sigma[node])]
        pairs.append((by_rows.tau[node][..., 0], exact.standard.tau[node][..., 0]))
        b, expected = by_rows.b[node], exact.standard.b[node]
        u, around = by_rows.effects[node], exact.standard.effects[node]
        pairs += [(b[..., k], expected[..., k]) for k in range(b.shape[-1])]
        pairs += [(u[..., k, 0], around[..., k, 0]) for k in range(4)]
        for one, two in pairs:
            # of 600 draws at least 100 are independent; 4.5 standard errors are
            # exceeded once in 150 000
            assert standardized_difference(one, two, 100) < 4.5
            assert 0.6 < one.std() / two.std() < 1.6


@pytest.mark.parametrize("link", ["linear", "log"])
def test_true_coefficients_and_effects_lie_within_their_intervals(link):
    units = drawn_units.make(log=link == "log", n_sentences=100)
    found = posterior.fit(
        units, Specification(link=link), key=jax.random.key(0), sampling=FEW
    )
    assert found.link == link
    for arrow, true in TRUE.items():
        z = (found.coefficients[arrow].mean() - true) / found.coefficients[arrow].std()
        assert abs(z) < 3.5
    rows = {row["name"]: row for row in effects.summary(effects.effects(found))}
    paths = {"T>A>R>D": 0.7 * 0.4 * -0.8, "T>R>D": 0.5 * -0.8, "T>A>D": 0.7 * 0.1}
    expected = paths | {"total": sum(paths.values()) - 0.2, "natural_direct": -0.2}
    expected["natural_indirect"] = sum(paths.values())
    for name, true in expected.items():
        half = (rows[name]["high"] - rows[name]["low"]) / 2
        assert abs(rows[name]["median"] - true) < 2 * half


def test_effects_are_products_of_the_coefficients_along_their_paths():
    units = drawn_units.make(n_sentences=10)
    found = posterior.fit(
        units, Specification(link="linear"), key=jax.random.key(0), sampling=FEW
    )
    b = found.coefficients
    ways = {
        "T>A>R>D": b["T", "A"] * b["A", "R"] * b["R", "D"],
        "T>R>D": b["T", "R"] * b["R", "D"],
        "T>A>D": b["T", "A"] * b["A", "D"],
        "natural_direct": b["T", "D"],
        "controlled_direct": b["T", "D"],
    }
    total = sum(ways[name] for name in ("T>A>R>D", "T>R>D", "T>A>D")) + b["T", "D"]
    ways |= {"total": total, "natural_indirect": total - b["T", "D"]}
    drawn = effects.effects(found).draws
    assert set(drawn) == set(ways)
    for name, expected in ways.items():
        np.testing.assert_allclose(drawn[name], expected, rtol=1e-9, atol=1e-12)


def test_effects_do_not_depend_on_the_units_of_the_data():
    rows = drawn_units.table(n_sentences=10)
    stretched = [row | {"T": 10 * row["T"] + 3, "R": 2 * row["R"]} for row in rows]
    one, two = (
        effects.effects(
            posterior.fit(
                drawn_units.units.make_units(each),
                Specification(link="linear"),
                key=jax.random.key(0),
                sampling=FEW,
            )
        ).draws["T>R>D"]
        for each in (rows, stretched)
    )
    # the same random numbers, in standard units that differ in their last digit
    np.testing.assert_allclose(np.median(two) * 10, np.median(one), rtol=1e-2)


def test_the_reciprocal_link_gives_the_notes_median():
    units = drawn_units.make(
        log=True,
        n_sentences=60,
        coefficients={"TA": 1, "TR": 0, "AR": 1, "TD": 0, "AD": 0, "RD": -1},
    )
    found = posterior.fit(
        units, Specification(link="reciprocal"), key=jax.random.key(0), sampling=FEW
    )
    assert found.graph == CHAIN
    assert not found.coefficients
    made = effects.effects(found)
    low, high = np.quantile(units.columns["T"], (0.25, 0.75))
    x = units.columns["x"].mean()
    logs = sum(
        sign * (found.constants[node] + found.covariates["x", node] * x)
        for node, sign in (("D", 1), ("R", -1), ("A", -1))
    )
    # gamma / (beta_1 beta_2 t), the medians multiplied out
    expected = np.exp(logs) * (1 / high - 1 / low)
    np.testing.assert_allclose(made.draws["total"], expected, rtol=1e-6)
    np.testing.assert_allclose(made.draws["T>A>R>D"], expected, rtol=1e-6)
    assert np.all(made.draws["natural_direct"] == 0)


def test_slopes_differ_among_languages_where_they_do():
    rows = drawn_units.table(n_sentences=60, noise=0.3)
    for row in rows:
        row["D"] += 0.5 * (int(row["language"][1:]) % 2) * row["R"]
    found = posterior.fit(
        drawn_units.units.make_units(rows),
        Specification(link="linear", slopes=True),
        key=jax.random.key(0),
        sampling=Sampling(draws=100, tuning=200, chains=2),
    )
    slopes = found.slopes["R", "D"].mean(axis=(0, 1))
    assert slopes[1::2].min() > slopes[::2].max()
    apart = slopes[1::2].mean() - slopes[::2].mean()
    # four languages each, whose slopes have a standard error of .05
    assert apart == pytest.approx(0.5, abs=0.15)
    assert np.quantile(found.slope_sds["A", "D"], 0.5) < 0.15


def test_student_errors_resist_outliers():
    rows = drawn_units.table(n_languages=3, n_sentences=20)
    for row in rows[::10]:
        row["D"] += 30.0
    units = drawn_units.units.make_units(rows)
    few = Sampling(draws=50, tuning=80, chains=1)
    found = {
        errors: posterior.fit(
            units,
            Specification(link="linear", errors=errors),
            key=jax.random.key(0),
            sampling=few,
        ).coefficients["R", "D"]
        for errors in ("gaussian", "student")
    }
    assert abs(found["student"].mean() + 0.8) < 0.3
    assert found["student"].std() < found["gaussian"].std() / 2


def test_one_row_per_language_has_no_intercepts():
    units = drawn_units.make(n_languages=30, n_sentences=1)
    found = posterior.fit(
        units, Specification(link="linear"), key=jax.random.key(0), sampling=FEW
    )
    assert not found.tau
    assert not found.languages
    assert effects.effects(found).draws["total"].shape == (2, 300)


def test_the_same_key_gives_the_same_draws():
    units = drawn_units.make(n_sentences=5)
    one, two = (
        posterior.fit(units, key=jax.random.key(3), sampling=FEW) for _ in range(2)
    )
    for arrow, draws in one.coefficients.items():
        np.testing.assert_array_equal(draws, two.coefficients[arrow])


def test_no_draws_are_refused():
    with pytest.raises(ValueError, match="at least 1, got 0, 300 and 2"):
        posterior.fit(
            drawn_units.make(n_sentences=5),
            key=jax.random.key(0),
            sampling=Sampling(draws=0, tuning=300, chains=2),
        )
