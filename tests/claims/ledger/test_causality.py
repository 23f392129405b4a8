import dataclasses
import functools as ft
import itertools
import json
import math

import jax
import numpy as np
import pandas as pd
import pingouin
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats
from statsmodels.stats.outliers_influence import variance_inflation_factor

from jaxdisp.claims.cause_tables import Units
from jaxdisp.claims.ledger import (
    alignment_claims,
    causal_model_claims,
    causality,
    correlation_claims,
    correlations_on_model,
    entry,
    mediation_claims,
)
from jaxdisp.claims.ledger import typed_tables as typed
from tests.claims import causes_block

ENTRIES = {each.id: each for each in causality.ENTRIES}
TABLE = pd.DataFrame(typed.TWELVE)


@ft.cache
def values(name):
    return ENTRIES[name].recompute().values


def once(each):
    found = entry.Recomputed(values=dict(values(each.id)), verdict=verdict(each.id))
    return dataclasses.replace(each, recompute=lambda: found)


@ft.cache
def verdict(name):
    return ENTRIES[name].recompute().verdict


def test_all_sixteen_claims_are_there_in_order():
    assert list(ENTRIES) == [f"D{number}" for number in range(1, 17)]


@pytest.mark.parametrize("name", ENTRIES)
def test_what_is_recorded_is_what_is_computed(name):
    assert entry.differences(once(ENTRIES[name])) == ()
    assert ENTRIES[name].causes


@pytest.mark.parametrize("name", ENTRIES)
def test_every_alteration_is_seen(name):
    found = once(ENTRIES[name])
    assert found.values
    for place, value in enumerate(found.values):
        moved = dataclasses.replace(
            value, value=value.value + 2 * value.tolerance + 1e-3
        )
        altered = (*found.values[:place], moved, *found.values[place + 1 :])
        assert entry.differences(dataclasses.replace(found, values=altered))
    for word in ("holds", "fails", "inconclusive", "not applicable"):
        changed = dataclasses.replace(found, verdict=word)
        assert bool(entry.differences(changed)) == (word != ENTRIES[name].verdict)


def test_the_table_is_that_of_the_notes():
    row = {name: column[typed.LANGUAGES.index("he")] for name, column in
           typed.TWELVE.items()}  # fmt: skip
    assert row == {
        "alignment": 0.24,
        "degradation": 264.3,
        "training": 8.0,
        "vocabulary": 0.55,
        "benchmark": 0.72,
    }
    assert {len(column) for column in typed.TWELVE.values()} == {12}


# D1 and D2


def test_the_exact_derivative_by_quadrature():
    sd = 0.1 * math.sqrt(1 + 0.85**2)
    law = stats.truncnorm((0.2 - 0.782) / sd, np.inf, 0.782, sd)
    squared = integrate.quad(lambda r: law.pdf(r) / r**2, 0.2, 2.5, epsabs=1e-12)[0]
    np.testing.assert_allclose(values("D1")["exact"], -1.5 * 0.782 * squared)
    # beside what is written of it: larger in size than to second order, and than that
    assert values("D1")["exact"] < values("D1")["second order"] < values("D1")["notes"]


def test_numbers_of_the_reciprocal_of_a_gaussian():
    found = values("D2")
    law = stats.norm(1, 0.5)

    def mean_up_to(bound):
        def inside(r):
            return law.pdf(r) / abs(r)

        return sum(
            integrate.quad(inside, *ends, limit=200, epsabs=1e-10)[0]
            for ends in ((-6, -1 / bound), (1 / bound, 1), (1, 8))
        )

    grown = mean_up_to(1e6) - mean_up_to(1e5)
    np.testing.assert_allclose(found["growth of E|1/R| per decade"], grown, rtol=1e-4)
    # the principal value: what is left when 1 / r is taken together with 1 / -r
    even = integrate.quad(lambda r: (law.pdf(r) - law.pdf(-r)) / r, 1e-12, 8)[0]
    np.testing.assert_allclose(found["principal value"], even, rtol=1e-6)
    below = law.cdf(0) + law.sf(1 / found["median"])
    np.testing.assert_allclose(below, 0.5)


def test_running_means_spread_as_a_cauchy_law_does():
    """Of means with a variance a tenth would be left."""
    found = values("D2")
    # 1000 quartiles of a Cauchy law are known to 5 %, 20 draws are not yet the limit
    assert found["half spread of long means"] == pytest.approx(
        found["of their limit"], rel=0.2
    )
    assert (
        found["half spread of long means"] > 0.5 * found["half spread of short means"]
    )
    bounded = causal_model_claims.running_means(jax.random.key(1), 3, (2, 4))
    assert [len(each) for each in bounded] == [3, 3]


# D3 to D7


@given(st.floats(-2, -0.01))
@settings(deadline=None, max_examples=20)
def test_an_arrow_of_its_own_lowers_the_share(direct):
    alone, share = causal_model_claims.natural_effects(direct)
    assert alone == pytest.approx(direct)
    assert 0 < share < 1


def test_a_share_is_indirect_over_total():
    through = 1.5 / (0.782 * 2) - 1.5 / 0.782
    assert values("D3")["indirect share with an arrow T > D"] == pytest.approx(
        through / (through - 0.3)
    )


@pytest.mark.parametrize(("r", "name"), [(0.92, "b1"), (0.85, "b2")])
def test_fishers_intervals_are_those_of_scipy(r, name):
    """Of twelve points made to correlate by r."""
    x = np.linspace(-1, 1, 12)
    rest = x**2 - np.mean(x**2)
    x, rest = x / np.linalg.norm(x), rest / np.linalg.norm(rest)
    found = stats.pearsonr(x, r * x + math.sqrt(1 - r**2) * rest)
    assert found.statistic == pytest.approx(r)
    expected = found.confidence_interval()
    assert values("D6")[f"{name} low"] == pytest.approx(expected.low)
    assert values("D6")[f"{name} high"] == pytest.approx(expected.high)


def test_intervals_of_partial_correlations_are_those_of_pingouin():
    expected = pingouin.partial_corr(
        TABLE, "alignment", "degradation", list(typed.COVARIATES)
    )
    r = float(expected["r"].iloc[0])
    found = typed.fisher_interval(r, 12, given=3)
    column = next(name for name in expected.columns if name.startswith("CI95"))
    # pingouin rounds to two digits
    np.testing.assert_allclose(found, expected[column].iloc[0], atol=0.005)


@pytest.mark.parametrize(("r", "n"), [(1.0, 12), (-1.2, 12), (0.5, 3)])
def test_fishers_interval_refuses(r, n):
    with pytest.raises(ValueError, match="needs a correlation inside"):
        typed.fisher_interval(r, n)


# D8 to D10 and D16


def test_correlations_of_the_typed_table():
    whole = stats.pearsonr(TABLE["alignment"], TABLE["degradation"])
    found = values("D9")
    interval = whole.confidence_interval()
    expected = (whole.statistic, whole.pvalue, interval.low, interval.high)
    names = ("r", "p", "low", "high")
    np.testing.assert_allclose([found[name] for name in names], expected, rtol=1e-6)
    given_one = pingouin.partial_corr(TABLE, "alignment", "degradation", "vocabulary")
    np.testing.assert_allclose(
        found["given vocabulary coverage"], given_one["r"].iloc[0], atol=1e-6
    )


def test_partial_correlation_and_inflation_of_the_typed_table():
    found = values("D10")
    columns = list(typed.COVARIATES)
    proper = pingouin.partial_corr(TABLE, "alignment", "degradation", columns)
    np.testing.assert_allclose(
        found["partial correlation"], proper["r"].iloc[0], atol=1e-6
    )
    given_all = sm.add_constant(TABLE[["alignment", *columns]])
    whole = sm.OLS(TABLE["degradation"], given_all).fit()
    np.testing.assert_allclose(found["p"], whole.pvalues["alignment"])
    np.testing.assert_allclose(found["R^2 with it"], whole.rsquared)
    np.testing.assert_allclose(
        found["variance inflation"], variance_inflation_factor(given_all.values, 1)
    )
    without = sm.OLS(TABLE["degradation"], sm.add_constant(TABLE[columns])).fit()
    np.testing.assert_allclose(found["R^2 without alignment"], without.rsquared)
    np.testing.assert_allclose(
        found["correlation with residuals"],
        stats.pearsonr(TABLE["alignment"], without.resid).statistic,
    )


def test_words_by_hand():
    """50 + 100 (1 - .8) .9 = 68 for the best word, 149 for the worst."""
    made = correlation_claims.simulated_words(
        typed.WORDS["alignment"], typed.WORDS["frequency"]
    )
    np.testing.assert_allclose(made[[0, -1]], [68.0, 149.0])
    expected = np.corrcoef(typed.WORDS["alignment"], made)[0, 1]
    assert values("D8")["r of the formula"] == pytest.approx(expected)
    assert round(values("D8")["r of the printed table"], 4) == -0.9935


def overturned(v, f, df, critical):
    """The largest t that a cause explaining up to v of both leaves, squared sign."""

    def adjusted(outcome):
        bias = math.sqrt(outcome * v / (1 - v))
        error = math.sqrt((1 - outcome) / (1 - v) / (df - 1))
        return (f - bias) / error - critical

    return min(adjusted(outcome) for outcome in np.linspace(0, v, 2001)) <= 0


@pytest.mark.parametrize(
    ("name", "critical"),
    [("robustness value", 0.0), ("robustness value at 0.05", stats.t.isf(0.025, 9))],
)
def test_robustness_values_by_search(name, critical):
    """The least strength with which some cause overturns it, whatever its outcome."""
    whole = stats.pearsonr(TABLE["alignment"], TABLE["degradation"])
    r = abs(whole.statistic)
    f = r / math.sqrt(1 - r**2)

    def sign(v):
        return 1.0 if overturned(v, f, 10, critical) else -1.0

    least = optimize.bisect(sign, 0.01, 0.99, xtol=1e-6)
    np.testing.assert_allclose(values("D16")[name], least, atol=1e-3)


def test_what_coverage_does_to_the_coefficient():
    """The bias factor is the share of the coefficient that coverage takes, times f."""
    alone = sm.OLS(TABLE["degradation"], sm.add_constant(TABLE[["alignment"]])).fit()
    both = sm.OLS(
        TABLE["degradation"], sm.add_constant(TABLE[["alignment", "vocabulary"]])
    ).fit()
    found = values("D16")
    taken = 1 - both.params["alignment"] / alone.params["alignment"]
    np.testing.assert_allclose(found["bias factor"] / found["f"], taken)
    assert taken > 1
    np.testing.assert_allclose(found["f"], abs(alone.tvalues["alignment"]) / 10**0.5)


# D13 to D15


@given(
    st.lists(st.floats(0, 500), min_size=5, max_size=5, unique=True),
    st.floats(-90, 0),
)
@settings(deadline=None)
def test_a_reference_that_improves_gives_no_correlation(degradation, reference):
    fertility = np.arange(1.0, 6.0)
    found, _ = alignment_claims.guarded(np.array(degradation), reference, fertility)
    assert found == 0.0


def test_fertilities_are_bytes_of_two_words():
    ratios = [len(text.encode()) / 11 for text in list(typed.TWO_WORDS.values())[1:]]
    losses = [60.6, 55.1, 54.1, 78.4, 214.1, 264.3, 124.9, 152.4, 209.4]
    expected = stats.pearsonr(ratios, losses)
    assert values("D13")["r without the guard"] == pytest.approx(expected.statistic)
    r = 0.731
    t = r * math.sqrt(10 / (1 - r**2))
    assert values("D13")["p of the draft's r"] == pytest.approx(2 * stats.t.sf(t, 10))


def test_discordant_pairs_are_those_of_kendall():
    """No ties, so tau = 1 - 2 (pairs that decrease) / pairs."""
    tau = stats.kendalltau(TABLE["alignment"], TABLE["degradation"]).statistic
    found = alignment_claims.discordant(*(TABLE[name].to_numpy() for name in
                                          ("alignment", "degradation")))  # fmt: skip
    assert len(found) == round((1 + tau) / 2 * 66) == 3
    names = {frozenset(typed.LANGUAGES[place] for place in pair) for pair in found}
    assert names == {frozenset(x) for x in (("zh", "ru"), ("zh", "pl"), ("fr", "es"))}


def test_a_simulated_study_by_statsmodels():
    errors = causes_block.normals(3, 4, 2, 12)
    shares, ts = mediation_claims.simulated(errors, -0.3)
    e = errors[:, 1]
    t = e[0]
    a = 0.92 * t + math.sqrt(1 - 0.92**2) * e[1]
    r = 0.85 * a + math.sqrt(1 - 0.85**2) * e[2]
    d = -0.8 * r - 0.3 * t + 0.6 * e[3]
    whole = sm.OLS(d, sm.add_constant(np.column_stack([t, a, r]))).fit()
    alone = sm.OLS(d, sm.add_constant(t)).fit()
    np.testing.assert_allclose(shares[1], 1 - whole.params[1] / alone.params[1])
    np.testing.assert_allclose(ts[1], whole.tvalues[1])


def test_the_test_of_a_direct_effect_has_its_level():
    """Where there is none it is found in 5 % of 2000 studies, -/+ 3 SE of 0.5 %."""
    errors = causes_block.normals(4, 4, 2000, 12)
    _, t = mediation_claims.simulated(errors)
    found = np.mean(np.abs(t) > stats.t.isf(0.025, 8))
    assert abs(found - 0.05) < 0.015


# on a model


def said(name, **changes):
    found = ENTRIES[name].on_model(causes_block.evidence(causes_block.block(**changes)))
    json.dumps(dataclasses.asdict(found), allow_nan=False)
    return found


def means(name):
    frame = pd.DataFrame(causes_block.units())
    return frame.groupby("language")[name].mean().to_numpy()


@pytest.mark.parametrize("name", ENTRIES)
def test_without_causes_it_is_not_applicable(name):
    found = ENTRIES[name].on_model(causes_block.evidence(None))
    assert (found.verdict, found.estimate) == ("not applicable", None)
    assert "causes were not inferred" in found.reason


@pytest.mark.parametrize("name", ENTRIES)
def test_with_nothing_in_the_block_it_is_not_applicable(name):
    bare = {"link": "linear", "languages": [], "effects": [], "units": []}
    found = ENTRIES[name].on_model(causes_block.evidence(bare))
    assert (found.verdict, found.estimate) == ("not applicable", None)


@pytest.mark.parametrize(
    ("name", "estimate", "interval", "word"),
    [
        ("D1", 2.0, (1.0, 3.0), "holds"),
        ("D3", -1.5, (-2.5, -0.5), "fails"),
        ("D4", 0.25, (0.05, 0.40), "fails"),
        ("D5", 0.1, (0.05, 0.2), "fails"),
        ("D15", 0.25, (0.05, 0.40), "holds"),
    ],
)
def test_effects_of_the_posterior(name, estimate, interval, word):
    found = said(name)
    assert found.estimate == pytest.approx(estimate)
    assert found.interval == pytest.approx(interval)
    assert found.verdict == word


def test_shares_only_where_there_is_a_total():
    vague = causes_block.block()["effects"]
    vague[0] = causes_block.effect("total", -1.0, -3.0, 0.5)
    for name in ("D4", "D5", "D15"):
        found = said(name, effects=vague)
        assert found.verdict == "not applicable"
        assert "a share of nothing means nothing" in found.reason


def test_a_wide_share_is_not_known():
    wide = causes_block.block()["effects"]
    wide[-1] = causes_block.effect("proportion_mediated", 0.4, -0.2, 1.1)
    assert said("D15", effects=wide).verdict == "inconclusive"
    assert said("D4", effects=wide).verdict == "inconclusive"


def test_what_was_measured_of_the_direct_effect_is_said():
    rows = [
        {"mediator": "A", "part": "direct", "estimate": -0.6, "low": -1, "high": -0.3},
        {
            "mediator": "R",
            "part": "direct",
            "estimate": None,
            "low": None,
            "high": None,
        },
    ]
    reason = said("D3", mediations=rows).reason
    assert "measured with A put back after do(T) -0.6 [-1, -0.3]" in reason
    assert "with R put back" not in reason


def test_correlations_within_and_over_languages():
    frame = pd.DataFrame(causes_block.units())
    centred = frame[["T", "A", "R", "D"]] - frame.groupby("language")[
        ["T", "A", "R", "D"]
    ].transform("mean")
    within = centred.corr()
    np.testing.assert_allclose(said("D6").estimate, within.loc["T", "A"])
    np.testing.assert_allclose(said("D11").estimate, within.loc["T", "A"])
    np.testing.assert_allclose(said("D8").estimate, -within.loc["T", "D"])
    assert (said("D6").verdict, said("D8").verdict, said("D11").verdict) == (
        ("fails",) * 3
    )
    over = stats.pearsonr(means("T"), means("D"))
    interval = over.confidence_interval()
    np.testing.assert_allclose(said("D9").estimate, -over.statistic)
    np.testing.assert_allclose(said("D9").interval, (-interval.high, -interval.low))
    tokens = stats.pearsonr(means("relative_tokens"), means("D"))
    np.testing.assert_allclose(said("D13").estimate, tokens.statistic)
    table = pd.DataFrame({x: means(x) for x in ("T", "D", "log_training_bytes")})
    partial = pingouin.partial_corr(table, "T", "D", "log_training_bytes")
    np.testing.assert_allclose(said("D10").estimate, partial["r"].iloc[0], atol=1e-6)
    column = next(name for name in partial.columns if name.startswith("CI95"))
    # pingouin rounds to two digits
    np.testing.assert_allclose(
        said("D10").interval, partial[column].iloc[0], atol=0.006
    )


def test_training_text_that_is_not_known():
    rows = [
        {name: value for name, value in row.items() if name != "log_training_bytes"}
        for row in causes_block.units()
    ]
    found = said("D10", units=rows)
    assert found.verdict == "not applicable"
    assert "no column log_training_bytes" in found.reason


@pytest.mark.parametrize(
    ("words", "verdict", "estimate"),
    [
        (("holds", "holds", "holds"), "holds", 1.0),
        (("holds", "holds", "inconclusive"), "inconclusive", 2 / 3),
        (("holds", "fails", "holds"), "fails", 2 / 3),
        (("refused", "refused", "refused"), "inconclusive", 0.0),
        (("holds",), "inconclusive", 1.0),
        ((), "not applicable", None),
    ],
)
def test_interventions_against_predictions(words, verdict, estimate):
    arrows = [
        {"arrow": f"do({node})>D", "verdict": word}
        for node, word in zip("TAR", words, strict=False)
    ]
    found = said("D12", confrontation={"arrows": [{"arrow": "do(T)>A", "verdict": "x"},
                                                  *arrows]})  # fmt: skip
    assert found.verdict == verdict
    assert found.estimate == (None if estimate is None else pytest.approx(estimate))


def robustness(benchmarks=(), **changes):
    tables = causes_block.block()["sensitivity"]
    row = tables["coefficients"][0] | changes
    tables |= {"coefficients": [row], "benchmarks": list(benchmarks)}
    return said("D16", sensitivity=tables)


def test_robustness_on_a_model():
    assert robustness().estimate == 0.32
    assert robustness().verdict == "inconclusive"
    assert robustness(robustness_value_05=0.0).verdict == "fails"
    mark = {
        "coefficient": "T>D",
        "covariate": "x",
        "possible": True,
        "sign_flips": True,
    }
    assert robustness([mark]).verdict == "fails"
    assert "as strong as x turns its sign" in robustness([mark]).reason
    # a cause that left no T to have an effect is no cause that could be
    assert robustness([mark | {"possible": False}]).verdict == "inconclusive"
    assert said("D16", sensitivity={}).verdict == "not applicable"


def made(alignment, loss, spread=0.01):
    """Six languages by four texts with these means."""
    noise = spread * causes_block.normals(5, 2, 6, 12)
    return causes_block.units(
        A=np.array(alignment, float)[:, None] + noise[0],
        D=np.array(loss, float)[:, None] + noise[1],
    )


def test_alignment_orders_languages_or_does_not():
    order = [1, 2, 3, 4, 5, 6]
    down = said("D14", units=made(order, order[::-1]))
    assert (down.verdict, down.estimate, down.n) == ("holds", 0.0, 15)
    one = said("D14", units=made(order, [6, 5, 4, 3, 1, 2]))
    assert (one.verdict, one.estimate) == ("fails", pytest.approx(1 / 15))
    # so much noise that nothing is certain
    noisy = said("D14", units=made(order, order, spread=50.0))
    assert noisy.verdict == "inconclusive"


def test_pairs_of_languages_by_texts():
    """Student's paired interval, as SciPy has it."""
    language = np.repeat(np.arange(3), 4)
    text = np.tile(np.arange(4), 3)
    numbers = causes_block.normals(6, 12)
    units = Units(language=language, text=text, columns={"D": numbers})
    middle, low, high = correlations_on_model.pair_differences(units, "D", 0.9)
    table = numbers.reshape(3, 4)
    for place, (i, j) in enumerate(itertools.combinations(range(3), 2)):
        expected = stats.ttest_rel(table[i], table[j])
        interval = expected.confidence_interval(0.9)
        np.testing.assert_allclose(middle[place], np.mean(table[i] - table[j]))
        np.testing.assert_allclose((low[place], high[place]), interval)
