"""Claims about Gaussian and Laplace thresholds: quadrature, and a model's weights."""

from scipy import special

from jaxdisp.claims.ledger import gaussian_thresholds as claims
from jaxdisp.claims.ledger import weight_facts
from tests.claims.ledger import laws_by_quadrature as oracle
from tests.claims.ledger import planted

FIFTEEN = {
    "best": [2.4, 2.5, 2.6],
    "kurtosis": [0.0, 0.1, -0.1],
    "excess": {"2.5": [0.0, 0.001, 0.002], "2.83": [0.1, 0.11, 0.12]}
    | {"3": [0.2, 0.21, 0.22], "laplace": [0.001, 0.005, 0.6]},
}


def judged(name, facts):
    (entry,) = (each for each in claims.ENTRIES if each.id == name)
    return entry.on_model(planted.evidence({"weights of matrices": facts}))


def test_gaussian_thresholds_agree_with_quadrature():
    level, at_level = oracle.best(oracle.GAUSSIAN, "symmetric", 2.5)
    edge, at_edge = oracle.best(oracle.GAUSSIAN, "midrise", 2.7)
    found = {
        "top of 15 levels": level,
        "top of 16 levels": edge * 15 / 16,
        "edge of 16 levels": edge,
        "error of 15 levels": at_level,
        "error of 16 levels": at_edge,
        "cost of 2.83, 15 levels": oracle.error(oracle.GAUSSIAN, 2.83, "symmetric")
        / at_level
        - 1,
        "cost of 2.83 as edge of 16 levels": oracle.error(
            oracle.GAUSSIAN, 2.83, "midrise"
        )
        / at_edge
        - 1,
        "cost of 2.83 as top of 16 levels": oracle.error(
            oracle.GAUSSIAN, 2.83 * 16 / 15, "midrise"
        )
        / at_edge
        - 1,
    }
    found |= {
        f"ACIQ, {step}": oracle.noise_threshold(oracle.GAUSSIAN, oracle.constant(step))
        for step in oracle.STEPS
    }
    oracle.agrees(claims.ENTRIES, "A1", found)
    cost = oracle.error(oracle.GAUSSIAN, 3.0, "symmetric") / at_level - 1
    oracle.agrees(claims.ENTRIES, "A3", {"cost of 3, 15 levels": cost})
    cost = oracle.error(oracle.GAUSSIAN, 2.5, "symmetric") / at_level - 1
    oracle.agrees(claims.ENTRIES, "A2", {"cost of 2.5, 15 levels": cost})


def test_thresholds_are_optimal_at_the_bits_that_are_recorded():
    for name, threshold in (("A1", 2.83), ("A3", 3.0)):
        bits, rounded = oracle.recorded(claims.ENTRIES, name)[
            "bits at which it is ACIQ's"
        ]
        ends = [
            oracle.noise_threshold(oracle.GAUSSIAN, oracle.constant("cells", at))
            for at in (bits - rounded, bits + rounded)
        ]
        assert ends[0] < threshold < ends[1]


def test_laplace_constants_are_lamberts():
    found = {
        f"mean magnitudes at {bits} bits": float(special.lambertw(3 * 4**bits).real)
        for bits in (2, 3, 4)
    }
    found["standard deviations at 4 bits"] = (
        found["mean magnitudes at 4 bits"] * 0.5**0.5
    )
    oracle.agrees(claims.ENTRIES, "A4", found)


def test_weights_like_the_gaussian_refute_283_and_support_25():
    assert judged("A1", FIFTEEN).verdict == "fails"
    assert judged("A2", FIFTEEN | {"best": [2.45, 2.5, 2.55]}).verdict == "holds"
    assert judged("A2", FIFTEEN).verdict == "inconclusive"
    assert judged("A1", FIFTEEN | {"best": [2.8, 2.83, 2.86]}).verdict == "holds"
    assert judged("A3", FIFTEEN).verdict == "fails"
    cheap = FIFTEEN["excess"] | {"3": [0.001, 0.002, 0.003]}
    assert judged("A3", FIFTEEN | {"excess": cheap}).verdict == "holds"


def test_only_weights_like_a_laplace_law_test_its_constants():
    assert judged("A4", FIFTEEN).verdict == "not applicable"
    like = FIFTEEN | {"kurtosis": [2.8, 3.0, 3.1]}
    assert judged("A4", like).verdict == "inconclusive"
    right = FIFTEEN["excess"] | {"laplace": [0.001, 0.002, 0.003]}
    assert judged("A4", like | {"excess": right}).verdict == "holds"


def test_a_models_own_weights_are_judged():
    known = planted.evidence()
    for entry in claims.ENTRIES:
        found = entry.on_model(known)
        assert (found.id, found.statement) == (entry.id, entry.statement)
        assert found.n == len(weight_facts.matrices(known)["best"])
        assert found.interval[0] <= found.estimate <= found.interval[1]
