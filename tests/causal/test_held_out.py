import jax
import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.causal import design as designs
from jaxdisp.causal import held_out, units
from tests.causal import serial

KEY = jax.random.key(5)


def found_for(made, **options):
    return held_out.held_out(designs.make_design(made), key=KEY, draws=500, **options)


def summary(found, method, predictors):
    (row,) = [
        row
        for row in found.summaries
        if (row["method"], row["predictors"]) == (method, predictors)
    ]
    return row


def language_means(made, names):
    logs = {
        **made.columns,
        **{n: np.log(made.columns[n]) for n in ("T", "A", "R", "D")},
    }
    return np.array(
        [
            [logs[name][made.language == g].mean() for name in names]
            for g in range(len(made.languages))
        ]
    )


@pytest.mark.parametrize("names", ["T", "TAR"])
def test_means_against_refits(names):
    made = serial.made(n_languages=10)
    found = found_for(made)
    means = language_means(made, [*names, "D"])
    errors, by_mean = [], []
    rows = [r for r in found.languages if r["predictors"] == ", ".join(names)]
    for g in range(10):
        rest = np.delete(means, g, axis=0)
        fit = sm.OLS(rest[:, -1], sm.add_constant(rest[:, :-1])).fit()
        predicted = fit.params[0] + means[g, :-1] @ fit.params[1:]
        row = next(
            r for r in rows if (r["method"], r["language"]) == ("means", f"l{g}")
        )
        np.testing.assert_allclose(row["predicted"], predicted, rtol=1e-8)
        np.testing.assert_allclose(row["actual"], means[g, -1], rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(row["by_mean"], rest[:, -1].mean(), rtol=1e-8)
        errors.append((means[g, -1] - predicted) ** 2)
        by_mean.append((means[g, -1] - rest[:, -1].mean()) ** 2)
    row = summary(found, "means", ", ".join(names))
    np.testing.assert_allclose(row["r2"], 1 - sum(errors) / sum(by_mean), rtol=1e-8)
    left = [
        1 - (sum(errors) - e) / (sum(by_mean) - b)
        for e, b in zip(errors, by_mean, strict=True)
    ]
    error = np.sqrt(9 / 10 * np.sum((np.array(left) - np.mean(left)) ** 2))
    low = row["r2"] - 2.2621571628 * error  # t of 9 degrees of freedom
    np.testing.assert_allclose(row["low"], low, rtol=1e-8)
    assert row["n"] == 10


def test_sentences_against_statsmodels():
    made = serial.made(n_languages=8)
    found = found_for(made, sets=(("T", "A"),))
    logs = {n: np.log(made.columns[n]) for n in ("T", "A", "D")}
    x = np.stack([logs["T"], logs["A"]], axis=1)
    location, scale = x.mean(axis=0), x.std(axis=0)
    standard = sm.add_constant((x - location) / scale)
    for g in (0, 5):
        left = made.language == g
        fit = sm.MixedLM(logs["D"][~left], standard[~left], made.language[~left]).fit()
        expected = standard[left].mean(axis=0) @ fit.fe_params
        row = next(
            r
            for r in found.languages
            if (r["method"], r["language"]) == ("sentences", f"l{g}")
        )
        # its optimizer stops early, by 1e-4 of an SD
        np.testing.assert_allclose(row["predicted"], expected, atol=1e-4)
        assert row["low"] < row["predicted"] < row["high"]


def test_a_model_that_predicts_and_one_that_does_not():
    strong = {("T", "D"): -1.0}
    # languages differ in T, and hardly else
    rows = serial.rows(n_languages=12, coefficients=strong, between=0.1)
    for row in rows:
        own = np.cos(2.0 * int(row["language"][1:]))
        row["T"] *= np.exp(own)
        row["D"] *= np.exp(-own)
    found = found_for(units.make_units(rows))
    for method in ("means", "sentences"):
        row = summary(found, method, "T")
        assert row["r2"] > 0.9
        assert row["low"] > 0.5
        assert row["p_value"] < 0.01
    nothing = found_for(serial.made(n_languages=12, coefficients={}))
    for method in ("means", "sentences"):
        row = summary(nothing, method, "T")
        assert row["r2"] < 0.3
        assert row["p_value"] > 0.05


def test_p_values_are_small_as_often_as_they_should():
    small, draws = {"means": 0, "sentences": 0}, 30
    for seed in range(draws):
        made = serial.made(seed=seed, n_languages=8, n_sentences=6, coefficients={})
        found = found_for(made, sets=(("T",),))
        for row in found.summaries:
            small[row["method"]] += row["p_value"] <= 0.2
    # 6 +- 2.2 expected of permutations; a model that is fitted in vain does worse
    # than the mean, so changing signs finds fewer
    assert 1 <= small["means"] <= 13
    assert small["sentences"] <= 10


def test_covariates_and_refusals():
    made = serial.made(n_languages=7, covariate=0.5)
    found = found_for(made)
    sets = {(row["method"], row["predictors"]) for row in found.summaries}
    assert ("sentences", "T, A, R, length") in sets
    assert found.refused == (
        "means by T, A, R: 7 languages are too few for 3 predictors; needed are 8",
        "means by T, A, R, length: 7 languages are too few for 4 predictors; needed "
        "are 9",
    )
    rows = serial.rows(n_languages=9)
    for row in rows:
        row["alone"] = float(row["language"] == "l3")
    found = found_for(units.make_units(rows))
    assert found.refused[0].endswith("cannot say what is particular to l3")
    assert "must not be constant" in found.refused[1]


def test_a_covariate_that_is_the_same_in_all_languages():
    """Lengths of reference sentences vary within languages, and not between them."""
    rows = serial.rows(n_languages=9)
    for row in rows:
        row["reference"] = 4 + 0.1 * np.cos(int(row["sentence"][1:]) * 1.7)
    found = found_for(units.make_units(rows))
    assert found.refused == ()
    with_it, without = (
        summary(found, "means", names) for names in ("T, A, R, reference", "T, A, R")
    )
    np.testing.assert_allclose(with_it["r2"], without["r2"], rtol=1e-9)


def test_one_row_per_language():
    found = found_for(serial.made(n_languages=12, n_sentences=1))
    assert {row["method"] for row in found.summaries} == {"means"}


@settings(max_examples=5)
@given(st.integers(0, 20), st.floats(0.1, 10))
def test_units_do_not_count(seed, factor):
    rows = serial.rows(seed=seed, n_languages=8, n_sentences=8)
    scaled = [{**row, "D": row["D"] * factor, "T": row["T"] / factor} for row in rows]
    one, other = (found_for(units.make_units(each)) for each in (rows, scaled))
    for left, right in zip(one.summaries, other.summaries, strict=True):
        np.testing.assert_allclose(left["r2"], right["r2"], rtol=1e-5, atol=1e-7)
        assert left["r2"] <= left["high"] <= 1
