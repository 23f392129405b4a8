"""Claims about a shared threshold: quadrature, simulation, planted regrets."""

import jax
import numpy as np
import pytest

from jaxdisp.claims.ledger import joint_thresholds, shared_thresholds
from tests.claims.ledger import laws_by_quadrature as oracle
from tests.claims.ledger import planted

ENTRIES = shared_thresholds.ENTRIES + joint_thresholds.ENTRIES
C = 1 / 768
LAYERS, KINDS, LANGUAGES = 6, 4, 5


def judged(name, table):
    (entry,) = (each for each in ENTRIES if each.id == name)
    return entry.on_model(planted.evidence(table))


def normal(shape, seed):
    return np.asarray(jax.random.normal(jax.random.key(seed), shape), np.float64)


def regrets(blind, average=None, intrinsic=None):
    shape = (LAYERS * KINDS, LANGUAGES)
    average = np.zeros(shape) if average is None else average
    intrinsic = np.ones(shape) if intrinsic is None else intrinsic
    return {
        "clipping regrets": {
            "layer": list(range(LAYERS)) * KINDS,
            "intrinsic": intrinsic.tolist(),
            "blind": {"regret": blind.tolist()},
            "average": {"regret": average.tolist()},
        }
    }


def test_laplace_regrets_agree_with_closed_forms():
    b = 0.5**0.5
    at = oracle.noise_threshold(oracle.LAPLACE, C)

    def noise(a):
        return 2 * b * b * np.exp(-a / b) + C * a * a

    found = {
        f"regret over squared distance {off:g}": (noise(at + off) - noise(at)) / off**2
        for off in (0.4, 0.1, 0.01)
    }
    found["lower bound at 0.4"] = np.exp(-(at + 0.4) / b) + C
    found["upper bound"] = np.exp(-at / b) + C
    ends = [noise(at + off) - noise(at) for off in (0.1, 0.01)]
    found["power of the distance"] = np.log(ends[0] / ends[1]) / np.log(10)
    oracle.agrees(ENTRIES, "A15", found)


def test_regrets_of_the_notes_kurtoses_agree_with_quadrature():
    found = {
        f"notes' threshold at {at:g}": 2.5 + 0.3 * np.log1p(at) for at in (28.3, 32.9)
    }
    for name, law_of in (
        ("student_t", oracle.student),
        ("generalised_gaussian", oracle.exponent_with),
    ):
        light, heavy = law_of(28.3), law_of(32.9)
        lost = [
            oracle.noise(heavy, oracle.noise_threshold(law, C), C)
            for law in (light, heavy)
        ]
        found[f"regret, {name}"] = lost[0] / lost[1] - 1
    high, low = (
        oracle.noise_threshold(law, C) for law in (oracle.GAUSSIAN, oracle.LAPLACE)
    )
    least = oracle.noise(oracle.GAUSSIAN, high, C)
    found["kurtosis 0 and 3, shared"] = oracle.noise(oracle.LAPLACE, high, C) / least
    found["kurtosis 0 and 3, own"] = oracle.noise(oracle.LAPLACE, low, C) / least
    oracle.agrees(ENTRIES, "A16", found)


@pytest.mark.parametrize("density", shared_thresholds.DENSITIES)
def test_a_random_mask_moves_the_notes_threshold_alone(density):
    n = 1_000_000
    size = np.abs(normal((n,), 0))
    mask = np.asarray(jax.random.bernoulli(jax.random.key(1), density, (n,)), float)
    places = np.linspace(1.5, 3.0, 151)

    def best(values, weights):
        noise = [
            np.mean(weights * np.maximum(values - at, 0) ** 2)
            + C * at**2 * weights.mean()
            for at in places
        ]
        return places[np.argmin(noise)]

    known = oracle.recorded(ENTRIES, "A17")
    # the grid is 0.01 wide; the rest is sampling, most where few are active
    near = 0.01 + 0.02 / density**0.5
    assert best(size, mask) == pytest.approx(
        known[f"best, density {density:g}"][0], abs=near
    )
    assert best(size * mask, np.ones(n)) == pytest.approx(
        known[f"notes, density {density:g}"][0], abs=near
    )
    own, notes = (
        oracle.noise_threshold(oracle.GAUSSIAN, C / share) for share in (1.0, density)
    )
    lost = [oracle.noise(oracle.GAUSSIAN, at, C) for at in (notes, own)]
    cost = {f"cost, density {density:g}": lost[0] / lost[1] - 1}
    oracle.agrees(ENTRIES, "A17", cost)


def test_newtons_passes_agree_with_quadrature():
    at, found = 0.0, {}
    for number in range(1, 9):
        tail = 2 * oracle.GAUSSIAN.sf(at)
        at = (oracle.beyond(oracle.GAUSSIAN, at, 1) + at * tail) / (C + tail)
        found[f"after pass {number}"] = at
    oracle.agrees(ENTRIES, "A19", found)


def test_the_least_maximum_is_that_of_a_fine_grid():
    x = np.abs(oracle.GAUSSIAN.ppf((np.arange(512) + 0.5) / 512))
    places = np.linspace(2.5, 3.0, 20_001)
    excess = [np.maximum(each - places, 0) ** 2 for each in x]
    ratios, own = [], []
    for power in joint_thresholds.FELT:
        felt = x**power
        noise = sum(w * e for w, e in zip(felt, excess, strict=True))
        noise = noise + C * places**2 * felt.sum()
        own.append(places[np.argmin(noise)])
        ratios.append(noise / noise.min())
    worst = np.max(ratios, axis=0)
    found = {
        "least of the languages' own": min(own),
        "largest of the languages' own": max(own),
        "shared": places[np.argmin(worst)],
        "least maximum of J over own": worst.min(),
        "its bound by duality": worst.min(),
    }
    oracle.agrees(ENTRIES, "A20", found)


def test_planted_regrets_decide_whether_they_follow_the_kurtosis():
    apart = np.exp(normal((LAYERS * KINDS, LANGUAGES), 0))
    kurtoses = {
        "kurtoses by language": {
            "tilted_by_matrix": (3 * apart).tolist(),
            "weights_by_matrix": [0.0] * (LAYERS * KINDS),
        }
    }
    linear = judged("A15", regrets(0.01 * apart) | kurtoses)
    assert linear.verdict == "holds"
    assert linear.estimate == pytest.approx(1.0)
    squared = judged("A15", regrets(0.01 * apart**2) | kurtoses)
    assert squared.verdict == "fails"
    # ln y = 2 ln x leaves a quarter of its variance to slope 1
    assert squared.estimate == pytest.approx(0.75)
    noise = np.exp(normal(apart.shape, 1))
    assert judged("A15", regrets(0.01 * noise) | kurtoses).verdict == "fails"


def test_planted_regrets_decide_what_causes_the_disparity():
    spread = np.exp(normal((LAYERS * KINDS, LANGUAGES), 0))
    from_sharing = judged("A16", regrets(spread))
    assert from_sharing.verdict == "holds"
    assert from_sharing.estimate == pytest.approx(1.0)
    own = judged("A16", regrets(0.001 * spread, intrinsic=np.exp(spread)))
    assert own.verdict == "fails"
    assert abs(own.estimate) < 0.01


def test_planted_costs_decide_the_algorithms_claims():
    rows = np.full((LAYERS * KINDS, LANGUAGES), 0.3)
    table = {"unit_power": rows.tolist(), "unit_peak": rows.tolist()}
    assert judged("A17", {"product thresholds": table}).verdict == "fails"
    table["unit_power"] = (0.001 * rows).tolist()
    assert judged("A17", {"product thresholds": table}).verdict == "holds"
    assert judged("A19", regrets(rows, average=rows)).verdict == "holds"
    assert judged("A19", regrets(rows, average=0.001 * rows)).verdict == "fails"
    gap = {"gap of a shared threshold": {"matrix": "m", "gap": [1e-9, 2e-9]}}
    assert judged("A20", gap).verdict == "fails"
    gap = {"gap of a shared threshold": {"matrix": "m", "gap": [0.1, 0.2]}}
    assert judged("A20", gap).verdict == "holds"


def test_models_without_rounded_matrices_are_refused():
    with pytest.raises(ValueError, match="needs matrices of the layers"):
        judged("A16", {"clipping regrets": {"languages": ["a"]}})
