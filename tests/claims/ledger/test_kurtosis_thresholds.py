"""Claims about kurtosis and thresholds: quadrature, brute force, planted matrices."""

import jax
import numpy as np
import pytest
from scipy import optimize, stats

from jaxdisp.claims.ledger import kurtosis_thresholds as claims
from tests.claims.ledger import laws_by_quadrature as oracle
from tests.claims.ledger import planted

C = 1 / 768
LAYERS, KINDS = 6, 4


def spikes(kurtosis):
    """The best threshold of 0 and two more points, by brute force."""
    share = 1 / (kurtosis + 3)
    places = np.linspace(0.0, share**-0.5, 2_000_001)
    noise = share * (share**-0.5 - places) ** 2 + C * places**2
    return places[np.argmin(noise)]


NODES, WEIGHTS = np.polynomial.legendre.leggauss(400)


def quick_threshold(law):
    """As the oracle's, from G(a) = 2 int_a^oo Pr(X > x) dx by one Gauss rule."""

    def left(at):
        u = 0.5 * (NODES + 1)
        x = at + 3 * u / (1 - u)
        clipped = np.sum(WEIGHTS * law.sf(x) * 3 / (1 - u) ** 2)
        return C * at - clipped

    return optimize.brentq(left, 0.1, 20.0, xtol=1e-9)


def judged(name, facts, more=()):
    (entry,) = (each for each in claims.ENTRIES if each.id == name)
    table = {"weights of matrices": facts} | dict(more)
    return entry.on_model(planted.evidence(table))


def facts(noise=0.0, sign=1.0):
    """Matrices whose thresholds follow their kurtosis, up to noise."""
    key = jax.random.key(0)
    kurtosis = np.linspace(0.0, 3.0, LAYERS * KINDS)
    moved = noise * np.asarray(jax.random.normal(key, kurtosis.shape), np.float64)
    threshold = 2.5 + 0.3 * sign * kurtosis + moved
    return {
        "layer": list(range(LAYERS)) * KINDS,
        "kurtosis": kurtosis.tolist(),
        "noise": threshold.tolist(),
        "best": threshold.tolist(),
        "rests_on_few": [False] * len(kurtosis),
        "excess": {"formula": [0.001] * 24, "2.5": [0.01] * 24},
    }


def test_laws_of_one_kurtosis_have_the_recorded_thresholds():
    found = {}
    for kurtosis in (3.0, 164.0):
        laws = {
            "student_t": oracle.student(kurtosis),
            "generalised_gaussian": oracle.exponent_with(kurtosis),
        }
        found |= {
            f"{name}, kurtosis {kurtosis:g}": oracle.noise_threshold(law, C)
            for name, law in laws.items()
        }
        found[f"three points, kurtosis {kurtosis:g}"] = spikes(kurtosis)
    oracle.agrees(claims.ENTRIES, "A8", found)


def test_thresholds_fall_with_kurtosis_where_that_is_recorded():
    found = {
        "Gaussian, kurtosis 0": oracle.noise_threshold(oracle.GAUSSIAN, C),
        "three points, kurtosis 3": spikes(3.0),
        "three points there": spikes(765.0),
        "three points at twice that": spikes(1530.0),
    }
    oracle.agrees(claims.ENTRIES, "A9", found)
    assert spikes(765.0) > max(spikes(700.0), spikes(830.0))
    known = oracle.recorded(claims.ENTRIES, "A9")
    widest = oracle.exponent(0.156)
    assert stats.gennorm(0.156).stats("k") == pytest.approx(
        known["generalised Gaussian: kurtosis there"][0], rel=1e-2
    )
    # so heavy tails are integrated to a few digits
    assert oracle.noise_threshold(widest, C) == pytest.approx(
        known["generalised Gaussian: widest"][0], abs=0.01
    )


def test_the_formula_costs_what_is_recorded():
    laws = {
        "Laplace": (oracle.LAPLACE, 3.0, 3.4),
        "generalised Gaussian, kurtosis 171": (
            oracle.exponent_with(171.0),
            171.0,
            10.0,
        ),
        "Student, kurtosis 5": (oracle.student(5.0), 5.0, 3.4),
    }
    found = {"formula, Laplace": 2.5 + 0.3 * np.log(4.0)}
    found["formula, kurtosis 171"] = 2.5 + 0.3 * np.log(172.0)
    for name, (law, kurtosis, around) in laws.items():
        least = oracle.best(law, "symmetric", around)[1]
        at = 2.5 + 0.3 * np.log1p(kurtosis)
        found[f"cost, {name}"] = oracle.error(law, at, "symmetric") / least - 1
    found["ACIQ, Laplace"] = oracle.noise_threshold(oracle.LAPLACE, C)
    oracle.agrees(claims.ENTRIES, "A10", found)


def test_no_one_coefficient_fits_both_families():
    kurtosis = np.geomspace(0.1, 100.0, 30)
    student = [quick_threshold(oracle.student(at)) for at in kurtosis]
    rise, base = np.polyfit(np.log1p(kurtosis), student, 1)
    shapes = np.linspace(0.5, 2.0, 31)
    heavy = [float(stats.gennorm(at).stats("k")) for at in shapes]
    best = [quick_threshold(oracle.exponent(at)) for at in shapes]
    steeper, below = np.polyfit(np.log1p(heavy), best, 1)
    found = {
        "fit to Student: base": base,
        "fit to Student: rise": rise,
        "fit to generalised Gaussian: base": below,
        "fit to generalised Gaussian: rise": steeper,
    }
    oracle.agrees(claims.ENTRIES, "A10", found)


def test_planted_matrices_decide_both_ways():
    assert judged("A8", facts()).verdict == "holds"
    noisy = judged("A8", facts(noise=0.3))
    assert noisy.verdict == "fails"
    kurtosis, threshold = (facts(noise=0.3)[name] for name in ("kurtosis", "noise"))
    tau = stats.kendalltau(kurtosis, threshold)[0]
    assert noisy.estimate == pytest.approx(-(1 - tau) / 2)
    rising, falling = judged("A9", facts(noise=0.1)), judged("A9", facts(sign=-1.0))
    assert (rising.verdict, falling.verdict) == ("holds", "fails")
    both = [facts(noise=0.1)[name] for name in ("kurtosis", "best")]
    assert rising.estimate == pytest.approx(stats.spearmanr(*both)[0])
    assert judged("A10", facts()).verdict == "holds"
    costly = facts()["excess"] | {"formula": [0.1] * 24}
    assert judged("A10", facts() | {"excess": costly}).verdict == "fails"


def test_no_disparity_is_refuted_by_one_language_and_supported_by_equals():
    key = jax.random.key(1)
    noise = 0.01 * np.asarray(jax.random.normal(key, (9, 4)), np.float64)

    def costs(values):
        left_out = np.array(values) + noise / 3
        return {
            "costs by language": {
                "languages": ["a", "b", "c", "d"],
                "cost": list(values),
                "left_out": left_out.tolist(),
            }
        }

    apart = judged("A22", facts(), costs([1.0, 1.0, 1.0, 3.0]))
    assert apart.verdict == "fails"
    assert "d loses 3.00" in apart.reason
    assert judged("A22", facts(), costs([2.0, 2.0, 2.0, 2.0])).verdict == "holds"
    with pytest.raises(ValueError, match="needs a model of which no matrix"):
        judged("A22", facts() | {"kurtosis": [6.0]}, costs([1.0] * 4))
    with pytest.raises(ValueError, match="needs a loss by rounding"):
        judged("A22", facts(), costs([-1.0] * 4))
