"""Claims about effective kurtosis: SciPy's moments, the repository's numbers."""

import jax
import numpy as np
import pytest
from scipy import stats

from jaxdisp.claims.ledger import effective_kurtosis as claims
from jaxdisp.claims.ledger import kurtosis_records as records
from tests.claims import subject as made
from tests.claims.ledger import laws_by_quadrature as oracle
from tests.claims.ledger import planted


def judged(name, table):
    (entry,) = (each for each in claims.ENTRIES if each.id == name)
    return entry.on_model(planted.evidence(table))


def felt(**changes):
    """Kurtoses of eight languages."""
    rising = np.linspace(1.0, 2.0, 8).tolist()
    base = dict.fromkeys(("product", "tilted", "layers", "mixture"), rising)
    return {"kurtoses by language": {"languages": list("abcdefgh")} | base | changes}


def costs(values):
    return {"costs by language": {"languages": list("abcdefgh"), "cost": values}}


def test_raw_and_excess_ratios_are_arithmetic():
    found = {
        "raw, 3.3 and 3.0": 0.1,
        "raw, 3.3 and 3.1": 0.2 / 3.1,
        "excess, 3.3 and 3.1": 2.0,
        "excess of the Gaussian, by which it divides": float(stats.norm().stats("k")),
    }
    oracle.agrees(claims.ENTRIES, "A11", found)


@pytest.mark.parametrize("density", claims.DENSITIES)
def test_a_random_mask_multiplies_the_kurtosis_of_products_alone(density):
    one, other = jax.random.split(jax.random.key(0))
    w = np.asarray(jax.random.normal(one, (1_000_000,)), np.float64)
    a = np.asarray(jax.random.bernoulli(other, density, w.shape), np.float64)
    product = stats.kurtosis(w * a, fisher=False) / stats.kurtosis(w, fisher=False)
    tilted = np.sum(a * w**4) * np.sum(a) / np.sum(a * w**2) ** 2 / 3
    known = oracle.recorded(claims.ENTRIES, "A12")
    # five standard errors of a fourth moment of a million values, of which few count
    near = 5 * np.sqrt(96 / 9 / (1e6 * density)) + 0.005
    assert known[f"product, density {density:g}"][0] == pytest.approx(product, rel=near)
    assert known[f"tilted, density {density:g}"][0] == pytest.approx(tilted, rel=near)
    assert known[f"layers, density {density:g}"][0] == 1.0


def test_the_notes_effective_kurtosis_correlates_as_recorded():
    share, lost = np.array(records.OUTLIER_SHARES), np.array(records.DEGRADATIONS)
    bloom = np.array(records.BLOOM_LAYERS)
    near = [4, 5, 6, 7, 20, 21, 22, 23]
    other = np.mean([x for at, x in enumerate(bloom) if at not in near])
    effective = share * (bloom[5] + bloom[21] + bloom[22]) / 3 + (1 - share) * other
    r = stats.pearsonr(effective, lost)
    oracle.agrees(
        claims.ENTRIES,
        "A13",
        {
            "r of effective kurtosis and degradation": r.statistic,
            "r of outlier share and degradation": stats.pearsonr(share, lost).statistic,
            "r of effective kurtosis and outlier share": 1.0,
        },
    )
    within = r.confidence_interval(0.95)
    by_language = dict(zip(records.LANGUAGES, effective, strict=True))
    ratio = by_language["eng"] / effective
    oracle.agrees(
        claims.ENTRIES,
        "A14",
        {
            "r of English over own kurtosis and degradation": stats.pearsonr(
                ratio, lost
            ).statistic,
            "effective kurtosis, English": by_language["eng"],
            "effective kurtosis, Arabic": by_language["ara"],
            "languages": len(lost),
            "least |r| within its interval": -within.high,
            "largest |r| within its interval": -within.low,
        },
    )


def test_planted_kurtoses_decide_both_ways():
    weights = {"weights of matrices": {"kurtosis": [0.1, 0.2, 0.3]}}
    assert judged("A11", weights).verdict == "fails"
    assert judged("A12", felt()).verdict == "holds"
    apart = judged("A12", felt(product=[20.0] * 8))
    assert apart.verdict == "fails"
    assert apart.estimate == pytest.approx(18.5)
    rising = np.linspace(0.5, 3.0, 8).tolist()
    assert judged("A14", felt() | costs(rising)).verdict == "holds"
    assert judged("A14", felt() | costs(rising[::-1])).verdict == "fails"
    mixed = [1.0, 3.0, 2.0, 4.0, 1.5, 2.5, 3.5, 1.2]
    found = judged("A14", felt() | costs(mixed))
    assert found.verdict == "inconclusive"
    assert found.estimate == pytest.approx(stats.spearmanr(range(8), mixed)[0])


def test_three_languages_are_too_few():
    known = planted.evidence(of=made.tiny())
    (entry,) = (each for each in claims.ENTRIES if each.id == "A14")
    with pytest.raises(ValueError, match="at least 5 points"):
        entry.on_model(known)
