"""Facts of weights: NumPy's brute force, planted laws, and how spreads are judged."""

import dataclasses
import functools as ft

import numpy as np
import pytest
from scipy import stats

from jaxdisp.claims import subjects
from jaxdisp.claims.finding import Claim
from jaxdisp.claims.ledger import weight_facts
from jaxdisp.measure.language_clipping import clipped_tensors
from jaxdisp.models.model import full_weight
from jaxdisp.models.quantized import Quantizer
from jaxdisp.stats.jackknife import jackknife_interval
from tests.claims import subject as made
from tests.claims.ledger import planted

CLAIM = Claim(id="A0", statement="s", source="t", unit="u", method="m")


@ft.cache
def plain():
    return planted.evidence()


def rounded(x, threshold):
    """Fifteen levels."""
    return np.clip(np.round(x / (threshold / 7)), -7, 7) * threshold / 7


def error(x, threshold):
    return np.mean((x - rounded(x, threshold)) ** 2)


def matrices(subject):
    """Weights of every matrix, in the order of the facts."""
    for tensor in clipped_tensors(subject.model, subject.quantizer):
        stacked = np.asarray(full_weight(subject.model, tensor.path), np.float64)
        yield from stacked.reshape(len(stacked), -1)


def with_quantizer(**changes):
    model, corpus = made.model_and_corpus()
    quantizer = dataclasses.replace(Quantizer(), **changes)
    return subjects.make_subject(model, corpus, quantizer=quantizer, few=8)


def test_a_models_matrices_are_measured_as_by_brute_force():
    known = plain()
    facts = weight_facts.matrices(known)
    found = list(matrices(known.subject))
    assert len(found) == len(facts["layer"]) == len(facts["matrix"])
    for at, x in enumerate(found):
        unit = x.std()
        y = x / unit
        places = np.linspace(1.2, 4.5, 1000)
        least = min(error(y, place) for place in places)
        # the optimum is found with a gap, and the grid is 3e-3 wide
        assert facts["error"][at] == pytest.approx(least, rel=2e-3)
        assert error(y, facts["best"][at]) == pytest.approx(least, rel=2e-3)
        assert facts["kurtosis"][at] == pytest.approx(stats.kurtosis(x), abs=1e-5)
        for name, threshold in (("2.5", 2.5), ("2.83", 2.83), ("3", 3.0)):
            cost = error(y, threshold) / facts["error"][at] - 1
            assert facts["excess"][name][at] == pytest.approx(cost, abs=2e-3)
        formula = 2.5 + 0.3 * np.log1p(stats.kurtosis(x))
        cost = error(y, formula) / facts["error"][at] - 1
        assert facts["excess"]["formula"][at] == pytest.approx(cost, abs=2e-3)


def test_the_additive_noise_optimum_is_a_minimum_by_brute_force():
    known = plain()
    facts = weight_facts.matrices(known)
    for at, x in enumerate(matrices(known.subject)):
        y = np.abs(x / x.std())

        def noise(place, size=y):
            return np.mean(np.maximum(size - place, 0) ** 2) + place**2 / 588

        least = min(noise(place) for place in np.linspace(1.2, 4.5, 1000))
        assert facts["noise_value"][at] == pytest.approx(least, rel=1e-5)
        assert noise(facts["noise"][at]) == pytest.approx(least, rel=1e-5)
        exact = error(x / x.std(), facts["noise"][at])
        assert facts["noise_error"][at] == pytest.approx(exact, rel=1e-3)


def test_clipping_and_levels_are_those_of_the_run():
    for changes, most in (
        ({}, 15),
        ({"bits": 3, "granularity": "channel"}, 7),
        ({"granularity": "group", "group_size": 18, "grid": "midrise"}, 16),
    ):
        facts = weight_facts.matrices(planted.evidence(of=with_quantizer(**changes)))
        assert max(facts["levels"]) <= most
        assert max(facts["levels"]) > most // 3
        assert max(facts["clipped"]) == 0
    subject = with_quantizer(clipping="percentile")
    facts = weight_facts.matrices(planted.evidence(of=subject))
    for share, x in zip(facts["clipped"], matrices(subject), strict=True):
        limit = np.percentile(np.abs(x), 99.9)
        # float32 percentiles may put the value at the limit on either side
        assert share == pytest.approx(np.mean(np.abs(x) > limit), abs=1.01 / x.size)


def test_no_exact_error_is_convex():
    facts = weight_facts.matrices(plain())
    assert min(facts["bulge"]) > 0.1
    assert min(facts["minima"]) >= 1


def test_grids_of_15_and_16_levels_differ_by_their_steps():
    facts = weight_facts.matrices(plain())
    # uniform errors differ by (8 / 7)^2; a few hundred weights scatter about it
    assert np.median(facts["grids_apart"]) == pytest.approx((8 / 7) ** 2 - 1, abs=0.15)


def test_spreads_hold_fail_or_leave_it_open():
    values = np.linspace(1.0, 2.0, 41)
    for allowed, verdict in (
        ((0.9, 2.1), "holds"),
        ((1.5, 3.0), "inconclusive"),
        ((2.0, 3.0), "fails"),
        ((0.0, 0.9), "fails"),
    ):
        found = weight_facts.spread(CLAIM, values, allowed, "seen")
        assert found.verdict == verdict
        assert found.interval == pytest.approx((1.025, 1.975))
        assert (found.estimate, found.n) == (1.5, 41)
    assert "21 of 41" in weight_facts.spread(CLAIM, values, (1.5, 3.0), "x").reason
    with pytest.raises(ValueError, match="needs matrices"):
        weight_facts.spread(CLAIM, [], (0.0, 1.0), "seen")


def test_layers_are_left_out_one_at_a_time():
    layer, values = [0, 0, 1, 2, 2, 2], np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    found, interval, n = weight_facts.over_layers(
        layer, lambda kept: float(values[kept].mean())
    )
    left_out = np.array([values[2:].mean(), np.delete(values, 2).mean(), 7 / 3])
    expected = jackknife_interval(np.asarray(values.mean()), left_out)
    assert (found, n) == (values.mean(), 3)
    assert interval == pytest.approx(tuple(float(end) for end in expected))
    with pytest.raises(ValueError, match="needs at least 3 layers, got 2"):
        weight_facts.over_layers([0, 1], len)


def test_models_without_rounded_matrices_are_refused():
    subject = with_quantizer(include=("embeddings", "head"))
    with pytest.raises(ValueError, match="needs matrices of the layers"):
        weight_facts.matrices(planted.evidence(of=subject))
