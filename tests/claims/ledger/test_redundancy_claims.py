"""Claims on redundancy: exact fractions, counting, and verdicts on planted states."""

import fractions
import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from jaxdisp.claims.ledger import (
    judgement,
    redundancy_bound,
    redundancy_claims,
    redundancy_facts,
)
from tests.claims.ledger import planted

ENTRIES = (*redundancy_bound.ENTRIES, *redundancy_claims.ENTRIES)
CLAIMS: dict[str, Any] = {entry.id: entry for entry in ENTRIES}
BITS, TEXTS = 4, 6


def values(name):
    return CLAIMS[name].recompute().values


def test_arithmetic_in_exact_fractions():
    tenth, one = fractions.Fraction(1, 10), fractions.Fraction(1)
    high, low = fractions.Fraction(38, 10), fractions.Fraction(15, 10)
    constant = 3 * one / 4**4
    assert values("B3")["bound"] == pytest.approx(float(constant / (high + tenth)))
    assert values("B3")["R + delta, any code"] == pytest.approx(float(constant * 4**4))
    assert values("B4")["C_4"] == pytest.approx(float(constant), rel=1e-14)
    assert values("B4")["step^2 / 12"] == float((6 * one / 16) ** 2 / 12)
    assert values("B5")["left over right"] == pytest.approx(float(4 / constant))
    assert values("B6")["delta = 4"] == pytest.approx(float((high + 4) / (low + 4)))
    assert values("B6")["delta = 0.1"] == pytest.approx(float(39 * one / 16))
    typed_high, typed_low = fractions.Fraction(385, 100), fractions.Fraction(44, 30)
    code = (typed_high + tenth) / (typed_low + tenth)
    assert values("B7")["code"] == pytest.approx(float(code))
    assert values("B8")["averaging, at most"] == pytest.approx(float(high / low))
    assert values("B9")["observed"] == pytest.approx(2046 / 482)
    assert values("B15")["rate-distortion"] == pytest.approx(4 ** float(high - low))


def test_averaged_errors_by_simulated_covariances():
    # g' C g / (sum g)^2 with C of equal correlations, for readouts of given R
    for rho in (0.0, 0.1, 0.5, 1.0):
        errors = []
        for participation in (1.5, 3.8):
            n = 5
            # g = 1 + t e_1 with (n + t)^2 / (n - 1 + (1 + t)^2) = R
            squares = [1 - participation, 2 * n - 2 * participation]
            squares.append(n**2 - participation * n)
            t = max(np.roots(squares).real, key=lambda x: n + x)
            g = np.ones(n) + t * np.eye(n)[0]
            covariance = (1 - rho) * np.eye(n) + rho * np.ones((n, n))
            errors.append(g @ covariance @ g / g.sum() ** 2)
        expected = errors[0] / errors[1]
        assert values("B11")[f"rho = {rho:g}"] == pytest.approx(expected, rel=1e-9)


def test_typed_columns_correlate():
    by = 1 / (redundancy_bound.TYPED_REDUNDANCY + 0.1)
    found: Any = stats.pearsonr(by, redundancy_bound.TYPED_LOSS)
    assert values("B11")["typed r"] == pytest.approx(float(found[0]), abs=1e-12)


def test_definitions_by_tables_of_probabilities():
    # pathways 000 or 111, and an output, each of four cases with probability 1/4
    joint = np.zeros((2, 2, 2, 2))
    for x, y in itertools.product((0, 1), repeat=2):
        joint[x, x, x, y] = 0.25

    def bits(*kept):
        axes = tuple(axis for axis in range(4) if axis not in kept)
        return float(stats.entropy(joint.sum(axis=axes).ravel(), base=2))

    found = values("B10")
    given = bits(0, 1, 2, 3) - bits(0, 1, 2)
    assert found["I(X; Y) - H(Y | X)"] == pytest.approx(bits(3) - 2 * given)
    assert found["H_max - H"] == pytest.approx(3 - bits(0, 1, 2))
    between = bits(0) + bits(1) - bits(0, 1)
    assert found["information between pathways"] == pytest.approx(between)


# --- on a model ---


def states(spare, error):
    """State codes of languages with these redundancies and relative errors."""
    spare, error = np.array(spare), np.array(error)
    variance = np.full(len(spare), 2.0)
    least = variance * 4.0 ** -(BITS + spare)
    shaken = [1 + 0.001 * (-1) ** k for k in range(TEXTS)]
    table = {
        "bits": BITS,
        "error": [(error * variance).tolist()],
        "least": [least.tolist()],
        "variance": [variance.tolist()],
        "left_out": {
            "error": [(error * variance * x).tolist() for x in shaken],
            "least": [least.tolist() for _ in shaken],
        },
    }
    return planted.evidence({"state codes": table})


SPARE = (0.5, 1.0, 2.0)


@pytest.mark.parametrize(("factor", "verdict"), [(0.5, "holds"), (2.0, "fails")])
def test_bound_of_planted_states(factor, verdict):
    at_bound = 3 * 4.0**-BITS / (np.array(SPARE) + 0.1)
    found = CLAIMS["B3"].on_model(states(SPARE, factor * at_bound))
    assert found.verdict == verdict
    # a little above, since half of the texts leave a little less error
    assert found.estimate == pytest.approx(-math.log(factor), abs=1e-9)


@pytest.mark.parametrize(("power", "verdict"), [(1.5, "holds"), (0.5, "fails")])
def test_ratios_of_planted_states(power, verdict):
    error = 0.01 / (np.array(SPARE) + 0.1) ** power
    # the ratio of errors is that of redundancies to a power, so that the mean over
    # pairs has a known sign
    assert CLAIMS["B8"].on_model(states(SPARE, error)).verdict == verdict


@pytest.mark.parametrize(
    ("high", "verdict"), [(3.8, "holds"), (1.5, "fails"), (0.4, "fails")]
)
def test_predicted_ratio_of_planted_states(high, verdict, monkeypatch):
    # the last two languages are the low side
    sides = np.array([[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])
    monkeypatch.setattr(redundancy_facts, "sides_of", lambda _: sides)
    evidence = states((high, 1.4, 1.6), (0.01, 0.01, 0.01))
    assert CLAIMS["B7"].on_model(evidence).verdict == verdict


def test_too_little_text_is_said():
    evidence = planted.evidence({"state codes": {"missing": "needs more text"}})
    for name in ("B3", "B7", "B8"):
        found = judgement.judged(CLAIMS[name], evidence)
        assert (found.verdict, found.reason) == ("not applicable", "needs more text")


@pytest.mark.parametrize(
    ("name", "finding"),
    [("B10", "redundancy-c"), ("B11", "redundancy-b"), ("B15", "redundancy")],
)
def test_findings_are_taken_over(name, finding):
    evidence = planted.evidence(findings=[planted.finding(finding, "holds")])
    found = CLAIMS[name].on_model(evidence)
    assert (found.id, found.verdict) == (name, "holds")
    assert CLAIMS[name].experiments == ("redundancy",)
