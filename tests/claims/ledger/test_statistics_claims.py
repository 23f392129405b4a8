"""Claims E1 to E11, E18 and E19 against simulation and libraries."""

import math

import jax
import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from jaxdisp.claims.ledger import power_claims, sample_claims, statistics_claims
from jaxdisp.claims.ledger.judgement import judged
from tests.claims.ledger import planted

ENTRY = {
    entry.id: entry
    for module in (power_claims, sample_claims, statistics_claims)
    for entry in module.ENTRIES
}


def test_the_power_is_that_of_simulated_studies():
    n = 100_000
    x, noise = np.asarray(jax.random.normal(jax.random.key(0), (2, n, 12)))
    y = 0.7 * x + math.sqrt(1 - 0.49) * noise
    x, y = (part - part.mean(axis=1, keepdims=True) for part in (x, y))
    r = np.sum(x * y, axis=1) / np.sqrt(np.sum(x**2, axis=1) * np.sum(y**2, axis=1))
    p = stats.t.sf(r * np.sqrt(10 / (1 - r**2)), 10)
    found = ENTRY["E1"].recompute().values
    # five standard errors of shares of 100 000
    assert found["power, two-sided"] == pytest.approx(np.mean(p < 0.025), abs=0.007)
    assert found["power, one-sided"] == pytest.approx(np.mean(p < 0.05), abs=0.007)


def test_as_many_languages_as_here_are_judged_by_their_power():
    found = judged(ENTRY["E1"], planted.evidence())
    assert found.n == len(planted.evidence().subject.corpus.languages)
    assert found.verdict == ("holds" if found.estimate >= 0.85 else "fails")


def test_corrections_are_those_of_statsmodels():
    found = ENTRY["E6"].recompute().values
    ladder = 0.05 * np.arange(1, 218) / 217
    one = np.concatenate([[0.0002], np.linspace(0.3, 1, 216)])
    methods = {
        "Bonferroni": "bonferroni",
        "Benjamini and Hochberg": "fdr_bh",
        "any dependence": "fdr_by",
    }
    for name, p in (("p-values on a ladder", ladder), ("one small p-value", one)):
        for said, method in methods.items():
            # p-values on the ladder are equal to their limits, up to rounding
            rejected = multipletests(p * (1 - 1e-9), 0.05, method=method)[0]
            assert found[f"{said}, {name}"] == rejected.sum()


def test_effects_are_those_of_t_tests_from_statistics():
    found = ENTRY["E7"].recompute().values
    for name, equal in (("t, pooled", True), ("t, unequal variances", False)):
        t = stats.ttest_ind_from_stats(204.6, 45.2, 5, 48.2, 8.4, 3, equal_var=equal)
        assert found[name] == pytest.approx(t.statistic)
    scale = math.sqrt(1 / 3 + 1 / 5)
    assert found["d, pooled"] * scale**-1 == pytest.approx(found["t, pooled"])


def test_coverage_is_that_of_simulated_percentile_intervals():
    studies = np.asarray(jax.random.normal(jax.random.key(1), (2000, 12)), np.float64)
    chosen = np.asarray(jax.random.randint(jax.random.key(2), (600, 12), 0, 12))
    means = studies[:, chosen].mean(axis=2)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    covered = np.mean((low <= 0) & (high >= 0))
    found = ENTRY["E10"].recompute().values["coverage at n = 12"]
    # three standard errors of 2000 studies, and the noise of 600 resamples
    assert found == pytest.approx(covered, abs=0.02)


def test_texts_of_a_subject_are_covered_too_seldom(monkeypatch):
    known = planted.evidence()
    n = known.subject.few.n_sentences
    normal = stats.norm.ppf((np.arange(n) + 0.5) / n)

    class Losses:
        everything = np.stack([10 + normal, 10 - normal, 10 + normal])
        full = np.zeros((3, n))

    monkeypatch.setattr(sample_claims.losses, "layer_losses", lambda _: Losses)
    found = judged(ENTRY["E10"], known)
    assert found.n == sample_claims.STUDIES
    assert found.verdict == "fails"
    # 0.913 for normal values; these are n of them, four standard errors of 2000
    assert found.estimate == pytest.approx(0.905, abs=0.03)
    low, high = found.interval
    assert low < found.estimate < high < low + 0.03


@pytest.mark.parametrize(("gap", "said"), [(2.0, "holds"), (-0.5, "fails")])
def test_planted_effects_are_seen(gap, said, monkeypatch):
    lost = np.concatenate([np.linspace(1, 2, 8) + gap, np.linspace(1, 2, 8)])
    sides = np.kron(np.eye(2), np.full((1, 8), 1 / 8))
    monkeypatch.setattr(statistics_claims.protection, "sides_of", lambda _: sides)
    known = planted.evidence({"protected layers": {"by_language": [lost.tolist()]}})
    found = judged(ENTRY["E7"], known)
    assert found.verdict == said
    spread = np.std(np.linspace(1, 2, 8), ddof=1)
    assert found.estimate == pytest.approx(gap / spread)
    # the interval holds the noncentralities under which t is in the middle
    t = found.estimate / math.sqrt(2 / 8)
    for bound, share in zip(found.interval, (0.975, 0.025), strict=True):
        assert stats.nct.cdf(t, 14, bound / math.sqrt(2 / 8)) == pytest.approx(
            share,
            rel=1e-4,  # scipy inverts to five digits
        )


def test_findings_of_a_run_are_counted():
    some = [planted.finding(f"X{k}", "holds") for k in range(3)]
    found = judged(ENTRY["E5"], planted.evidence(findings=some))
    assert (found.estimate, found.verdict) == (3.0, "not applicable")


def test_families_that_are_not_known_are_said():
    found = judged(ENTRY["E11"], planted.evidence())
    assert found.n == len(planted.evidence().subject.corpus.languages)
    known = list(planted.evidence().subject.corpus.languages)
    families = {
        sample_claims.FAMILY_OF[x] for x in known if x in sample_claims.FAMILY_OF
    }
    assert found.estimate == len(families)


def test_the_law_of_three_points_is_clipped_by_hand():
    # c a = (z - a) p at z = sqrt 6, p = 1/6 and c = 1/768
    share, size, c = 1 / 6, 6**0.5, 1 / 768
    found = ENTRY["E19"].recompute().values
    name = "threshold of a law of three points, kurtosis 3"
    assert found[name] == pytest.approx(size * share / (c + share), rel=1e-9)


def test_corrections_of_a_run_are_counted():
    some = [planted.finding("T-001", "holds"), planted.finding("T-002", "fails")]
    found = judged(ENTRY["E6"], planted.evidence(findings=some))
    assert (found.n, found.verdict) == (2, "inconclusive")
    # 0.5 with bounds of 0.25 and 0.75 is four errors from 0
    assert found.reason.startswith("of 2 findings with an interval Bonferroni's")
    assert "rejects 2 at" in found.reason
    nothing = judged(ENTRY["E6"], planted.evidence())
    assert nothing.verdict == "not applicable"
