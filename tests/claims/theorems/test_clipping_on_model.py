"""Clipping on a model: regrets of its matrices, and what the theorems say of them."""

import dataclasses

import jax
import numpy as np
import pytest
from scipy import optimize

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.theorems import (
    clipping,
    clipping_findings,
    clipping_on_model,
    shared_clipping,
)
from jaxdisp.measure.language_clipping import clipped_tensors
from jaxdisp.models.model import full_weight
from tests.claims import subject as made

THEOREMS = (*clipping.THEOREMS, *shared_clipping.THEOREMS)


def evidence(subject, **stored):
    found = {name.replace("_", " "): value for name, value in stored.items()}

    def kept(name, compute):
        if name not in found:
            found[name] = compute()
        return found[name]

    return Evidence(subject=subject, findings={}, causes=None, kept=kept)


@pytest.fixture(scope="module")
def regrets():
    return clipping_on_model.regrets(evidence(made.tiny()))


def test_regrets_are_those_of_each_matrix(regrets):
    subject = made.tiny()
    squares = clipping_on_model.felt_squares(subject.model, subject.few, None)
    tensor = clipped_tensors(subject.model, subject.quantizer)[2]
    name = ".".join(tensor.path[1:-1])
    row = list(zip(regrets["layer"], regrets["matrix"], strict=True)).index((1, name))
    w = np.abs(np.asarray(full_weight(subject.model, tensor.path)[1], np.float64))
    c = 1 / (12 * 7**2)
    assert regrets["c"] == pytest.approx(c)
    p = [np.broadcast_to(s[1][:, None], w.shape) for s in squares[tensor.path]]

    def level(a, felt):
        return np.sum(felt * (np.maximum(w - a, 0) ** 2 + c * a**2))

    def best(felt):
        found = optimize.minimize_scalar(
            level, args=(felt,), bounds=(0, w.max()), options={"xatol": 1e-12}
        )
        return found.x, found.fun

    shared = best(np.ones_like(w))[0]
    size = np.sqrt(np.mean(w**2))
    blind = regrets["blind"]
    assert blind["threshold"][row] == pytest.approx(shared / size, rel=1e-6)
    for place, felt in enumerate(p):
        own, least = best(felt)
        # bounded minimization knows a place to the root of rounding
        assert blind["regret"][row][place] == pytest.approx(
            level(shared, felt) / least - 1, abs=1e-9
        )
        assert blind["distance"][row][place] == pytest.approx(
            abs(own - shared) / size, abs=1e-5
        )
        second = np.sum(felt * w**2) / np.sum(felt)
        assert regrets["own"][row][place] == pytest.approx(own / second**0.5, rel=1e-5)
        assert regrets["intrinsic"][row][place] == pytest.approx(
            least / np.sum(felt * w**2), rel=1e-9
        )
        fourth = np.sum(felt * w**4) / np.sum(felt)
        assert regrets["felt"][row][place] == pytest.approx(fourth / second**2 - 3)
        assert regrets["over_floor"][row][place] == pytest.approx(
            own * (1 + c) / (np.sum(felt * w) / np.sum(felt)), rel=1e-5
        )
        ceiling = min((second / (4 * c)) ** 0.5, (27 * fourth / (256 * c)) ** 0.25)
        assert regrets["under_ceiling"][row][place] == pytest.approx(
            ceiling / own, rel=1e-5
        )
    assert regrets["kurtosis"][row] == pytest.approx(np.mean(w**4) / size**4 - 3)


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_regrets_of_a_model_are_within_their_bounds(regrets, granularity):
    if granularity == "channel":
        tiny = made.tiny()
        quantizer = dataclasses.replace(
            tiny.quantizer, granularity="channel", grid="midrise"
        )
        tiny = dataclasses.replace(tiny, quantizer=quantizer)
        regrets = clipping_on_model.regrets(evidence(tiny))
    assert len(regrets["layer"]) == 3 * 4
    for kind in clipping_on_model.SHARED:
        regret, lower, upper = (
            np.array(regrets[kind][name]) for name in ("regret", "lower", "upper")
        )
        # J / J* - 1 is rounded at 1e-16 times the number of weights
        assert np.all(lower <= regret * (1 + 1e-7) + 1e-12)
        assert np.all(regret <= upper * (1 + 1e-7) + 1e-12)
    assert np.min(regrets["over_floor"]) >= 1
    assert np.min(regrets["under_ceiling"]) >= 1
    if granularity == "tensor":
        largest = {
            kind: np.max(regrets[kind]["regret"], axis=1)
            for kind in clipping_on_model.SHARED
        }
        for other in ("blind", "average"):
            # 12 halvings leave a little
            assert np.all(largest["fair"] <= largest[other] * 1.01 + 1e-9)


def test_findings_of_a_model(regrets):
    found = evidence(made.tiny(), clipping_regrets=regrets)
    verdicts = {theorem.id: theorem.on_model(found) for theorem in THEOREMS}
    assert all(finding.id == name for name, finding in verdicts.items())
    assert all(finding.n == 12 for finding in verdicts.values())
    blind = np.array(regrets["blind"]["regret"]).max(axis=1).mean()
    fair = np.array(regrets["fair"]["regret"]).max(axis=1).mean()
    assert verdicts["T2d"].estimate == pytest.approx(blind)
    assert verdicts["T2e"].estimate == pytest.approx(0.1 - fair)
    assert verdicts["T2c"].verdict == "holds"
    assert "36 of 36 regrets are within the bounds" in verdicts["T2a"].reason


def planted(scale=1.0, power=2.0):
    """Regrets of 6 layers with 2 matrices, of 3 languages at given distances."""
    distance = np.exp(np.asarray(jax.random.normal(jax.random.key(4), (12, 3))))
    regret = scale * distance**power
    kind = {
        "regret": regret.tolist(),
        "lower": (0.9 * regret).tolist(),
        "upper": (1.1 * regret).tolist(),
        "distance": distance.tolist(),
        "threshold": np.arange(12.0).tolist(),
    }
    table = np.ones((12, 3))
    return {
        "languages": ["de", "en", "ru"],
        "layer": [at // 2 for at in range(12)],
        "matrix": ["up", "down"] * 6,
        "kurtosis": np.arange(12.0).tolist(),
        "intrinsic": (table * [1, 1, 1.5]).tolist(),
        "own": (table * [1, 2, 3]).tolist(),
        "felt": (table * [1, 2, 3]).tolist(),
        "over_floor": (3 * table).tolist(),
        "under_ceiling": (2 * table).tolist(),
    } | dict.fromkeys(clipping_on_model.SHARED, kind)


@pytest.mark.parametrize(
    ("judged", "changes", "verdict"),
    [
        (clipping_findings.costs, {}, "holds"),
        (clipping_findings.costs, {"power": 1.0}, "fails"),
        (clipping_findings.orders, {}, "holds"),
        (clipping_findings.bounds, {}, "holds"),
        (clipping_findings.languages_apart, {"scale": 10.0}, "holds"),
        (clipping_findings.languages_apart, {"scale": 1e-4}, "fails"),
        (clipping_findings.fair_thresholds, {"scale": 10.0}, "fails"),
        (clipping_findings.fair_thresholds, {"scale": 1e-4}, "holds"),
    ],
)
def test_planted_effects_are_found(judged, changes, verdict):
    found = evidence(made.tiny(), clipping_regrets=planted(**changes))
    assert judged(found).verdict == verdict


def test_matrices_in_the_other_order():
    table = planted()
    table["kurtosis"] = table["kurtosis"][::-1]
    found = evidence(made.tiny(), clipping_regrets=table)
    finding = clipping_findings.orders(found)
    assert finding.verdict == "fails"
    assert finding.estimate == pytest.approx(-1.0)
    assert "100% of pairs" in finding.reason


def test_a_broken_bound_is_seen():
    table = planted()
    table["under_ceiling"][3][1] = 0.9
    found = evidence(made.tiny(), clipping_regrets=table)
    assert clipping_findings.bounds(found).verdict == "inconclusive"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"languages": ["de"]}, "needs at least 2 languages, got 1"),
        ({"layer": [0, 1] * 6}, "needs at least 3 layers that are quantized, got 2"),
    ],
)
def test_too_little_is_refused(changes, reason):
    found = evidence(made.tiny(), clipping_regrets=planted() | changes)
    for judged in (
        clipping_findings.costs,
        clipping_findings.orders,
        clipping_findings.languages_apart,
        clipping_findings.fair_thresholds,
    ):
        finding = judged(found)
        assert finding.verdict == "not applicable"
        assert finding.reason == reason
