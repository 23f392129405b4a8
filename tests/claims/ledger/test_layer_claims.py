"""Claims C6 to C11 and C17 against statsmodels, and with planted measurements."""

import itertools
import math

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.outliers_influence import variance_inflation_factor

from jaxdisp.claims.ledger import layer_marks_claims as marks
from jaxdisp.claims.ledger import layer_regression_claims as claims
from jaxdisp.claims.ledger import published_runs as published
from jaxdisp.claims.ledger.judgement import judged
from tests.claims.ledger import planted

ENTRY = {entry.id: entry for entry in (*claims.ENTRIES, *marks.ENTRIES)}


def press_r2(features, response):
    """Each point predicted by a fit to the others, against the mean of all."""
    left = []
    for point in range(len(response)):
        others = np.arange(len(response)) != point
        design = sm.add_constant(features, has_constant="add")
        fit = sm.OLS(response[others], design[others]).fit()
        left.append(response[point] - fit.predict(design[[point]])[0])
    return 1 - np.sum(np.square(left)) / np.sum((response - response.mean()) ** 2)


def test_the_regression_is_that_of_statsmodels():
    features = claims.TYPED
    response = np.log(published.TYPED_DISPARITY + 1)
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    design = sm.add_constant(standard)
    fit = sm.OLS(response, design).fit()
    found = ENTRY["C6"].recompute().values
    expected = {
        "intercept": fit.params[0],
        "slope of the variance": fit.params[1],
        "R2": fit.rsquared,
        "adjusted R2": fit.rsquared_adj,
        "R2 of layers left out": press_r2(features, response),
        "least p-value of a slope": fit.pvalues[1:].min(),
        "leverage of layer 0": fit.get_influence().hat_matrix_diag[0],
        "leverage of layer 1": fit.get_influence().hat_matrix_diag[1],
        "R2 of the variance alone": np.corrcoef(features[:, 0], response)[0, 1] ** 2,
        "the same of layers left out": press_r2(features[:, :1], response),
    }
    inflation = [variance_inflation_factor(design, column) for column in range(1, 5)]
    expected["least variance inflation"] = min(inflation)
    expected["largest variance inflation"] = max(inflation)
    for name, value in expected.items():
        # variance inflation of 500 leaves nine digits of float64
        assert found[name] == pytest.approx(value, rel=1e-7), name


def test_measured_values_break_the_regression():
    found = ENTRY["C7"].recompute().values
    response = published.TYPED_DISPARITY.copy()
    response[[0, 10, 11]] = 3.6180105082748497, 202.63754661228413, 336.1810503820265
    expected = press_r2(claims.TYPED, np.log(response + 1))
    name = "R2 of layers left out with measured values"
    assert found[name] == pytest.approx(expected, rel=1e-6)


def test_signal_to_noise_is_what_rounding_leaves():
    # weights of a crest of 4 on 15 levels, uniform between the extremes' neighbours
    weights = np.concatenate([np.linspace(-1, 1, 20_001), [-4.0, 4.0] * 4])
    step = np.abs(weights).max() / 7
    noise = np.std(np.round(weights / step) * step - weights)
    crest = np.abs(weights).max() / np.std(weights)
    constant = ENTRY["C9"].recompute().values["signal to noise times crest"]
    # the error is uniform but for 1.75 cells that are not whole: a few per cent
    assert constant / crest == pytest.approx(np.std(weights) / noise, rel=0.1)


def test_benefits_of_languages_are_compared_with_all_divisions():
    both = published.MORPHOLOGY["rich"] | published.MORPHOLOGY["other"]
    names = sorted(both)

    def benefit(chosen):
        before = sum(both[name][0] for name in chosen)
        return before / sum(both[name][1] for name in chosen)

    ratios = {
        chosen: benefit(chosen) / benefit(set(names) - set(chosen))
        for chosen in itertools.combinations(names, 3)
    }
    seen = ratios["ar", "de", "he"]
    found = ENTRY["C10"].recompute().values
    assert found["ratio of benefits"] == pytest.approx(seen, rel=1e-12)
    assert sum(x >= seen for x in ratios.values()) == 3
    assert found["p-value over all divisions"] == pytest.approx(3 / 20)


@pytest.mark.parametrize(
    ("crest", "said"), [([5.0, 6.0], "fails"), ([5.0, 20.0], "inconclusive")]
)
def test_a_rule_that_marks_none_tells_nothing(crest, said):
    known = planted.evidence({"weights of matrices": {"crest": crest}})
    assert judged(ENTRY["C9"], known).verdict == said


@pytest.mark.parametrize(
    ("rank", "said"),
    [((2, 1, 2), "holds"), ((5, 3, 9), "fails"), ((2, 1, 6), "inconclusive")],
)
def test_the_rank_of_the_last_layer_is_judged_by_its_bounds(rank, said):
    ranks = [[12.0, float(x)] for x in rank]
    known = planted.evidence({"layer by layer": {"layers": 2, "n": 9, "rank": ranks}})
    assert judged(ENTRY["C7"], known).verdict == said


@pytest.mark.parametrize(("factor", "said"), [(4.0, "holds"), (1.0, "fails")])
def test_a_planted_benefit_of_rich_languages_is_seen(factor, said):
    names = ["ar", "fi", "he", "ru", "tr", "de", "en", "es", "fr", "zh"]
    before = 2.0 + 0.01 * np.arange(10)
    benefit = np.where(np.arange(10) < 5, 1.5 * factor, 1.5)
    found = {
        "languages": names,
        "by_language": [before.tolist(), (before / benefit).tolist()],
    }
    known = planted.evidence({"protected layers": found})
    assert judged(ENTRY["C10"], known).verdict == said


def test_few_languages_of_known_morphology_are_not_compared():
    found = {"languages": ["ar", "de"], "by_language": [[2.0, 2.0], [1.0, 1.0]]}
    known = planted.evidence({"protected layers": found})
    said = judged(ENTRY["C10"], known).reason
    assert said.startswith("needs more languages of known morphology, got 1 rich")


def test_findings_are_taken_over_under_the_id_of_the_claim():
    names = {"C6": "gateway-regression-b", "C8": "T-001b", "C17": "gateway-regression"}
    for name, finding in names.items():
        known = planted.evidence(findings=[planted.finding(finding, "holds")])
        found = ENTRY[name].on_model(known)
        assert (found.id, found.verdict) == (name, "holds")
        missing = judged(ENTRY[name], planted.evidence())
        assert missing.verdict == "not applicable"
        assert f"needs finding {finding}" in missing.reason


def test_two_counts_of_the_depth_agree_where_they_do():
    assert marks._flagged(12) == [8]
    assert marks._flagged(4) == []
    assert math.isclose(
        9 / 11, ENTRY["C11"].recompute().values["place of layer 9 in the code"]
    )
