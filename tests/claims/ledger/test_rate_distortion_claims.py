"""Claims on rates: numbers by SciPy and by search, verdicts on planted measurements."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from jaxdisp.claims.ledger import judgement, rate_facts
from jaxdisp.claims.ledger.rate_distortion_claims import ENTRIES, SUITE_LOSSES
from jaxdisp.models.model import full_weight
from tests.claims.ledger import planted
from tests.claims.subject import tiny

CLAIMS: dict[str, Any] = {entry.id: entry for entry in ENTRIES}
LAWS: dict[str, Any] = {
    "gaussian": stats.norm(),
    "laplace": stats.laplace(scale=math.sqrt(0.5)),
}


def values(name):
    return CLAIMS[name].recompute().values


def partial_mean(law, low, high):
    """Integral of x times the density, in closed form."""
    if law == "gaussian":
        return stats.norm.pdf(low) - stats.norm.pdf(high)
    scale = math.sqrt(0.5)
    ends = [
        (x + scale) * math.exp(-x / scale) if x < math.inf else 0.0 for x in (low, high)
    ]
    return (ends[0] - ends[1]) / 2


def squared_error(step, count, law):
    """Mean squared error of equal steps, cell by cell of the positive half."""
    cdf = LAWS[law].cdf
    levels = [k * step for k in np.arange(count) - (count - 1) / 2 if k >= 0]
    borders = [0, *[(a + b) / 2 for a, b in itertools.pairwise(levels)], math.inf]
    total = 1.0
    for level, low, high in zip(levels, borders[:-1], borders[1:], strict=True):
        total -= 4 * level * partial_mean(law, low, high)
        total += 2 * level**2 * (cdf(high) - cdf(low))
    return total


def least_error(count, law):
    found: Any = optimize.minimize_scalar(
        squared_error,
        args=(count, law),
        bounds=(1 / count, 10 / count),
        method="bounded",
        options={"xatol": 1e-6 / count},
    )
    return found.fun


def test_errors_of_equal_steps():
    assert values("B1")["16 equal steps"] == pytest.approx(
        least_error(16, "gaussian"), abs=1e-9
    )
    bits = -0.5 * math.log2(least_error(15, "gaussian"))
    assert values("B13")["15 equal steps"] == pytest.approx(bits, abs=1e-6)
    slope = math.log(least_error(8, "gaussian") / least_error(4, "gaussian"))
    assert values("B16")["best steps, 2 to 3 bits"] == pytest.approx(slope, abs=1e-6)
    ratio = math.log(least_error(4, "laplace") / least_error(4, "gaussian"))
    assert values("B17")["ln ratio at 2 bits"] == pytest.approx(ratio, abs=1e-6)


def test_refitted_line():
    fitted = np.polyfit([2, 3, 4, 6, 8], np.log(SUITE_LOSSES), 1)
    assert values("B16")["typed line, refitted"] == pytest.approx(fitted[0], abs=1e-12)
    assert fitted[0] == pytest.approx(-math.log(2) / 2, abs=1e-12)


def test_rate_of_a_gaussian_by_its_test_channel():
    # X = Z + N with variances 1 - D and D: I(X; Z) by correlation
    for bits, ratio in ((1, 2), (4, 16), (8, 256)):
        rates = []
        for part in (bits / 2, bits):
            error = 4.0**-part
            correlation = math.sqrt(1 - error)
            rates.append(-0.5 * math.log2(1 - correlation**2))
        np.testing.assert_allclose(rates, [bits / 2, bits], atol=1e-9)
        assert values("B2")[f"{bits} bits"] == ratio


def test_no_bits_bound_the_ratio():
    # all allocations of noise on a grid, of the two groups of the example
    noise = 4.0 ** np.arange(9)
    ratios = [(3 * a + b) / (a + 2 * b) for a, b in itertools.product(noise, noise)]
    limit = values("B18")["limit"]
    assert limit <= min(ratios) < limit + 1e-4
    assert values("B18")["equal bits"] == pytest.approx(4 / 3)


# --- on a model ---


def measured(own, eight, four):
    table = {"bits": 4, "own": own, "8": eight, "4": four}
    return planted.evidence({"rounding errors": table})


@pytest.mark.parametrize(("error", "verdict"), [(4.0**-4, "holds"), (4.0**-2, "fails")])
def test_kept_bits_of_planted_errors(error, verdict):
    evidence = measured([error, 1.01 * error], [1e-4] * 2, [1e-2] * 2)
    assert CLAIMS["B13"].on_model(evidence).verdict == verdict
    assert CLAIMS["B14"].on_model(evidence).verdict == verdict


@pytest.mark.parametrize(("factor", "verdict"), [(2.0, "holds"), (256.0, "fails")])
def test_half_the_bits_of_planted_errors(factor, verdict):
    evidence = measured([0.1] * 3, [1e-4] * 3, [1e-4 * factor] * 3)
    assert CLAIMS["B2"].on_model(evidence).verdict == verdict


@pytest.mark.parametrize(("spare", "verdict"), [(0.0, "holds"), (0.5, "fails")])
def test_rate_of_planted_weights(spare, verdict):
    rows = [
        {"effective_bits": 3.0 + x, "shannon_bits": 3.0 + x - spare} for x in (0, 1)
    ]
    evidence = planted.evidence({"rate-distortion limits": {"rows": rows}})
    assert CLAIMS["B1"].on_model(evidence).verdict == verdict


@pytest.mark.parametrize(
    ("same", "share", "verdict"),
    [
        ("holds", "holds", "fails"),
        ("inconclusive", "fails", "fails"),
        ("fails", "holds", "inconclusive"),
        ("not applicable", "holds", "not applicable"),
        ("inconclusive", "not applicable", "inconclusive"),
    ],
)
def test_the_notes_form_is_refuted_by_either_part(same, share, verdict):
    findings = [planted.finding("T-010c", same), planted.finding("T-010e", share)]
    found = CLAIMS["B17"].on_model(planted.evidence(findings=findings))
    assert (found.id, found.verdict) == ("B17", verdict)


@pytest.mark.parametrize(("change", "verdict"), [(-1.0, "fails"), (1.0, "holds")])
def test_spoilt_ratio_that_was_planted(change, verdict):
    left_out = [change + 0.01 * k for k in (-1, 0, 1)]
    table = {"layer": 2, "now": 2.0, "least": 1.0, "change": change}
    evidence = planted.evidence(
        {"ratio at any quality": table | {"left_out": left_out}}
    )
    assert CLAIMS["B18"].on_model(evidence).verdict == verdict


def test_errors_of_a_tiny_model():
    found = rate_facts.rounding_errors(planted.evidence())
    subject = tiny()
    # per tensor and layer, 15 levels up to the largest magnitude, one by one
    weight = np.asarray(
        full_weight(
            subject.model,
            rate_facts.clipped_tensors(subject.model, subject.quantizer)[0].path,
        ),
        np.float64,
    )
    expected = []
    for layer in weight:
        step = abs(layer).max() / 7
        rounded = np.round(layer / step) * step
        expected.append(np.sum((rounded - layer) ** 2) / np.sum(layer**2))
    # single precision rounds steps, and a weight between two levels may go to either
    np.testing.assert_allclose(found["own"][: len(weight)], expected, rtol=1e-3)
    assert found["own"] == found["4"]
    assert min(found["4"]) > max(found["8"]) > 0


def test_everything_runs_on_a_tiny_model():
    evidence = planted.evidence(
        findings=[planted.finding(f"T-010{x}", "holds") for x in "bce"]
    )
    for entry in ENTRIES:
        if entry.on_model is None:
            assert entry.no_data
            continue
        found = judgement.judged(entry, evidence)
        assert found.id == entry.id
        assert found.verdict != "not applicable" or "needs" in found.reason
