import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.causal import design as designs
from jaxdisp.causal import graph as graphs
from jaxdisp.causal import sensitivity, units
from tests.causal import serial


def one_hot(values):
    return (np.array(values)[:, None] == np.unique(values)).astype(float)


def fits(made, effect, names):
    """Least squares with a constant per language, by statsmodels."""
    values = {
        **made.columns,
        **{n: np.log(made.columns[n]) for n in ("T", "A", "R", "D")},
    }
    columns = [values[name][:, None] for name in names]
    return sm.OLS(
        values[effect], np.column_stack([*columns, one_hot(made.language)])
    ).fit()


def r2_of_first(made, effect, names):
    """Partial R^2 of the first regressor given the others."""
    full, rest = fits(made, effect, names), fits(made, effect, names[1:])
    return 1 - full.ssr / rest.ssr


def test_coefficients_against_statsmodels():
    made = serial.made(covariate=0.5)
    found = {
        row["coefficient"]: row
        for row in sensitivity.coefficients(designs.make_design(made))
    }
    assert list(found) == ["T>A", "T>R", "A>R", "T>D", "A>D", "R>D"]
    for name, causes in {"T>A": "T", "A>R": "AT", "T>D": "TAR", "R>D": "RTA"}.items():
        fit = fits(made, name[-1], [*causes, "length"])
        row = found[name]
        np.testing.assert_allclose(row["estimate"], fit.params[0], rtol=1e-8)
        np.testing.assert_allclose(row["t"], fit.tvalues[0], rtol=1e-8)
        assert row["df"] == fit.df_resid
        expected = r2_of_first(made, name[-1], [*causes, "length"])
        np.testing.assert_allclose(row["partial_r2"], expected, rtol=1e-6)
        f = np.sqrt(expected / (1 - expected))
        value = (np.sqrt(f**4 + 4 * f**2) - f**2) / 2
        np.testing.assert_allclose(row["robustness_value"], value, rtol=1e-6)
        assert row["robustness_value_05"] <= row["robustness_value"]
        assert row["low"] < row["estimate"] < row["high"]


def test_interval_and_its_robustness_value_agree():
    """The value is 0 exactly where the clustered interval holds 0."""
    zero = 0
    for seed in range(12):
        weak = dict.fromkeys(serial.COEFFICIENTS, 0.15)
        design = designs.make_design(
            serial.made(seed=seed, coefficients=weak, n_sentences=15)
        )
        for row in sensitivity.coefficients(design):
            holds = row["low"] <= 0 <= row["high"]
            # one degree of freedom and its factor are between the two
            margin = min(abs(row["low"]), abs(row["high"])) / row["error"]
            if margin > 0.05:
                assert (row["robustness_value_05"] == 0) == holds
                zero += holds
    assert zero > 5


def test_known_coefficients_are_found():
    design = designs.make_design(serial.made(n_sentences=400))
    for row in sensitivity.coefficients(design):
        true = serial.COEFFICIENTS[tuple(row["coefficient"].split(">"))]
        # 2400 rows of SD 1: errors of 0.02 or so
        assert abs(row["estimate"] - true) < 0.1
        assert abs(row["same_sentence"] - true) < 0.1
        low, high = row["same_sentence_low"], row["same_sentence_high"]
        assert low < row["same_sentence"] < high


def test_the_sentence_as_a_common_cause():
    """A cause that sentences share confounds, and translations of one tell."""
    rows = serial.rows(n_languages=8, coefficients={("T", "D"): 0.3})
    hidden = np.sin(np.arange(40.0)) * 1.5
    for row in rows:
        own = hidden[int(row["sentence"][1:])]
        row["T"] *= np.exp(own)
        # D takes 0.3 of what T has, and as much again from the sentence itself
        row["D"] *= np.exp(0.3 * own + own)
    design = designs.make_design(units.make_units(rows))
    found = {r["coefficient"]: r for r in sensitivity.coefficients(design)}["T>D"]
    assert found["estimate"] > 0.8
    assert abs(found["same_sentence"] - 0.3) < 0.2
    assert found["low"] > 0.7
    assert found["same_sentence_low"] < 0.3 < found["same_sentence_high"]


def test_benchmarks_against_statsmodels():
    made = serial.made(covariate=0.5)
    found = {
        (row["coefficient"], row["covariate"]): row
        for row in sensitivity.benchmarks(designs.make_design(made))
    }
    assert set(found) == {
        *((name, "length") for name in ("T>A", "T>R", "A>R", "T>D", "A>D", "R>D")),
        ("A>R", "T"),
        ("A>D", "T"),
        ("R>D", "T"),
        ("R>D", "A"),
    }
    row = found["T>D", "length"]
    x = r2_of_first(made, "T", ["length", "A", "R"])
    y = r2_of_first(made, "D", ["length", "T", "A", "R"])
    np.testing.assert_allclose(row["r2_exposure"], x / (1 - x), rtol=1e-6)
    shared = x**2 / (1 - x) ** 2
    bound = (1 + shared**0.5) ** 2 / (1 - shared) * y / (1 - y)
    np.testing.assert_allclose(row["r2_outcome"], bound, rtol=1e-6)
    fit = fits(made, "D", ["T", "A", "R", "length"])
    strength = x / (1 - x)
    bias = fit.bse[0] * np.sqrt(fit.df_resid * bound * strength / (1 - strength))
    expected = np.sign(fit.params[0]) * (abs(fit.params[0]) - bias)
    np.testing.assert_allclose(row["adjusted_estimate"], expected, rtol=1e-6)
    assert row["sign_flips"] == (expected * fit.params[0] < 0)


def test_a_covariate_that_leaves_nothing_over():
    """T is the covariate but for a little noise: one as strong cannot be."""
    rows = serial.rows(n_languages=4)
    for i, row in enumerate(rows):
        row["length"] = np.log(row["T"]) + 0.05 * np.sin(7.0 * i)
    found = sensitivity.benchmarks(designs.make_design(units.make_units(rows)))
    row = next(
        r for r in found if (r["coefficient"], r["covariate"]) == ("T>D", "length")
    )
    assert (row["possible"], row["sign_flips"]) == (False, True)
    assert row["adjusted_estimate"] is None
    assert row["r2_exposure"] == 1


@settings(max_examples=10)
@given(st.integers(0, 20), st.floats(0.1, 10))
def test_units_do_not_count(seed, factor):
    """Under the log link, D in another unit has the same elasticities and values."""
    rows = serial.rows(seed=seed, n_languages=4, n_sentences=10)
    scaled = [{**row, "D": row["D"] * factor} for row in rows]
    one, other = (
        sensitivity.coefficients(designs.make_design(units.make_units(each)))
        for each in (rows, scaled)
    )
    for left, right in zip(one, other, strict=True):
        for name in ("estimate", "error", "t", "partial_r2", "robustness_value"):
            np.testing.assert_allclose(left[name], right[name], rtol=1e-7, atol=1e-10)


def test_levels():
    """A cause that differs between languages shows in the contrast, arrow by arrow."""
    rows = serial.rows(n_languages=16, between=0.0)
    hidden = np.cos(3.0 * np.arange(16))
    for row in rows:
        own = hidden[int(row["language"][1:])]
        row["T"] *= np.exp(own)
        row["D"] *= np.exp(2 * own)
    found, refused = sensitivity.levels(designs.make_design(units.make_units(rows)))
    assert refused == []
    by_name = {row["coefficient"]: row for row in found}
    assert by_name["T>D"]["differs"]
    assert by_name["T>D"]["difference"] > 1
    assert not by_name["A>R"]["differs"]
    few, refused = sensitivity.levels(designs.make_design(serial.made(n_languages=5)))
    assert [row["coefficient"] for row in few] == ["T>A"]
    assert len(refused) == 5
    assert "too few" in refused[0]
    once = designs.make_design(serial.made(n_languages=12, n_sentences=1))
    assert sensitivity.levels(once)[0] == []


@pytest.mark.parametrize("n_sentences", [1, 20])
def test_the_chain_and_one_row_per_language(n_sentences):
    made = serial.made(n_languages=14, n_sentences=n_sentences)
    chain = designs.Specification(graph=graphs.CHAIN)
    found = sensitivity.coefficients(designs.make_design(made, chain))
    assert [row["coefficient"] for row in found] == ["T>A", "A>R", "R>D"]
    assert (found[0]["same_sentence"] is None) == (n_sentences == 1)
    if n_sentences == 1:
        assert found[0]["df"] == 12


def test_levels_control_for_covariates():
    made = serial.made(n_languages=14, covariate=0.8)
    rows, _ = sensitivity.levels(designs.make_design(made))
    values = {**made.columns, **{n: np.log(made.columns[n]) for n in ("T", "A")}}
    means = {
        name: np.array([values[name][made.language == g].mean() for g in range(14)])
        for name in ("T", "A", "length")
    }
    x = sm.add_constant(np.stack([means["T"], means["length"]], axis=1))
    fit = sm.OLS(means["A"], x).fit()
    np.testing.assert_allclose(rows[0]["between"], fit.params[1], rtol=1e-8)
