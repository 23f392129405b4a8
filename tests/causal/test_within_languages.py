import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from jaxdisp.causal import design as designs
from jaxdisp.causal import graph as graphs
from jaxdisp.causal import units, within_languages
from tests.causal import serial

CHAINED = {
    **serial.COEFFICIENTS,
    ("T", "R"): 0.0,
    ("T", "D"): 0.0,
    ("A", "D"): 0.0,
}


def logs(made, name):
    return np.log(made.columns[name])


def one_hot(values):
    return (np.array(values)[:, None] == np.unique(values)).astype(float)


def test_columns_come_back():
    made = serial.made(covariate=0.5)
    found = within_languages.linked(designs.make_design(made))
    assert list(found) == ["T", "A", "R", "D", "length"]
    for name in ("T", "A", "R", "D"):
        # standardized and back
        np.testing.assert_allclose(found[name], logs(made, name), atol=1e-12)
    np.testing.assert_allclose(found["length"], made.columns["length"], atol=1e-12)


@pytest.mark.parametrize("same_sentence", [False, True])
def test_regression_against_statsmodels(same_sentence):
    made = serial.made(covariate=0.5)
    design = designs.make_design(made)
    found = within_languages.regress(
        design, "D", "R", ("T", "A"), same_sentence=same_sentence
    )
    columns = [logs(made, "R"), logs(made, "T"), logs(made, "A")]
    blocks = [np.stack([*columns, made.columns["length"]], 1), one_hot(made.language)]
    if same_sentence:
        blocks.append(one_hot(made.sentences)[:, 1:])
    fit = sm.OLS(logs(made, "D"), np.column_stack(blocks)).fit()
    np.testing.assert_allclose(found.estimate, fit.params[0], rtol=1e-8)
    np.testing.assert_allclose(found.error, fit.bse[0], rtol=1e-8)
    assert found.df == fit.df_resid
    assert found.robust_df == 5


def test_one_row_per_language():
    made = serial.made(n_languages=12, n_sentences=1, covariate=0.5)
    design = designs.make_design(made)
    assert within_languages.groupings(design) == ()
    assert within_languages.varying_covariates(design) == ("length",)
    found = within_languages.regress(design, "A", "T")
    x = np.column_stack([logs(made, "T"), made.columns["length"]])
    fit = sm.OLS(logs(made, "A"), sm.add_constant(x)).fit()
    np.testing.assert_allclose(found.t, fit.tvalues[1], rtol=1e-8)


def test_covariates_of_languages_say_nothing_within_them():
    rows = serial.rows(covariate=0.5)
    for row in rows:
        row["bytes"] = float(row["language"][1:]) ** 2
    design = designs.make_design(units.make_units(rows))
    assert within_languages.varying_covariates(design) == ("length",)
    plain = designs.make_design(serial.made(covariate=0.5))
    found, expected = (
        within_languages.regress(each, "D", "T", ("A", "R")) for each in (design, plain)
    )
    np.testing.assert_allclose(found.estimate, expected.estimate, rtol=1e-9)
    assert found.df == expected.df


def test_independences_of_the_chain():
    holds = serial.made(coefficients=CHAINED)
    chain = designs.Specification(graph=graphs.CHAIN)
    found = within_languages.independences(designs.make_design(holds, chain))
    assert [(row["x"], row["y"], row["given"]) for row in found] == [
        ("T", "R", "A"),
        ("T", "D", "A"),
        ("A", "D", "R"),
    ]
    assert not any(row["contradicted"] for row in found)
    direct = serial.made(n_languages=12)
    against = within_languages.independences(designs.make_design(direct, chain))
    assert all(row["contradicted"] for row in against)
    whole = designs.make_design(serial.made())
    assert within_languages.independences(whole) == []
    (other,) = within_languages.independences(
        whole, graph=graphs.read("T>A>R>D, T>R, T>D")
    )
    assert (other["x"], other["y"], other["given"]) == ("A", "D", "T, R")


def test_partial_correlation_against_scipy():
    made = serial.made()
    chain = designs.Specification(graph=graphs.CHAIN)
    row = within_languages.independences(designs.make_design(made, chain))[0]
    controls = np.column_stack([one_hot(made.language), logs(made, "A")])
    left = [sm.OLS(logs(made, name), controls).fit().resid for name in ("T", "R")]
    r = stats.pearsonr(*left).statistic
    np.testing.assert_allclose(row["correlation"], r, rtol=1e-8)
    # the interval is that of the slope, clustered, in the unit of the correlation
    fit = sm.OLS(logs(made, "R"), np.column_stack([logs(made, "T"), controls])).fit()
    options = {"groups": made.language, "use_correction": False}
    clustered = fit.get_robustcov_results("cluster", **options)
    error = clustered.bse[0] * np.sqrt(6 / 5 * 239 / 237)
    half = stats.t.isf(0.025 / 3, 5) * error * np.std(left[0]) / np.std(left[1])
    np.testing.assert_allclose(row["high"], r + half, rtol=1e-8)
    np.testing.assert_allclose(row["low"], r - half, rtol=1e-8)


def test_a_true_graph_is_rarely_contradicted():
    chain = designs.Specification(graph=graphs.CHAIN)
    against, draws = 0, 60
    for seed in range(draws):
        made = serial.made(
            seed=seed, coefficients=CHAINED, n_languages=10, n_sentences=12
        )
        rows = within_languages.independences(designs.make_design(made, chain))
        against += any(row["contradicted"] for row in rows)
    # 3 +- 1.7 expected for an exact level; robust errors of ten languages fall short
    assert against <= 9
