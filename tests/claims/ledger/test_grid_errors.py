"""Claims about grids: quadrature, counted levels, and planted measurements."""

import numpy as np
import pytest

from jaxdisp.claims.ledger import grid_errors as claims
from tests.claims.ledger import laws_by_quadrature as oracle
from tests.claims.ledger import planted


def judged(name, facts):
    (entry,) = (each for each in claims.ENTRIES if each.id == name)
    return entry.on_model(planted.evidence({"weights of matrices": facts}))


def test_the_repositorys_rounding_has_seventeen_levels():
    step = 2 * 1.7 / 15
    x = np.linspace(-3, 3, 100_001)
    levels = np.unique(np.round(np.clip(x, -1.7, 1.7) / step) * step)
    found = {
        "levels of the repository's rounding": len(levels),
        "its outer level over a": levels[-1] / 1.7,
    }
    found |= {f"step over a, {name}": step for name, step in oracle.STEPS.items()}
    oracle.agrees(claims.ENTRIES, "A5", found)


def test_additive_noise_agrees_with_quadrature():
    grids = {"cells": "midrise", "levels": "midrise", "symmetric": "symmetric"}
    around = {"midrise": 2.7, "symmetric": 2.5}
    found = {}
    for step, grid in grids.items():
        c = oracle.constant(step)
        at = oracle.noise_threshold(oracle.GAUSSIAN, c)
        least = oracle.noise(oracle.GAUSSIAN, at, c)
        exact = oracle.best(oracle.GAUSSIAN, grid, around[grid])[1]
        found |= {f"least J, {step}": least, f"J over exact, {step}": least / exact}
    heavy = oracle.exponent(0.2)
    found["threshold by J, exponent 0.2"] = oracle.noise_threshold(
        heavy, oracle.constant("cells")
    )
    oracle.agrees(claims.ENTRIES, "A6", found)
    # the error of so heavy a law: lower at the recorded threshold than around it
    at = oracle.recorded(claims.ENTRIES, "A6")["exact threshold, exponent 0.2"][0]
    errors = [oracle.error(heavy, at * by, "symmetric") for by in (0.97, 1.0, 1.03)]
    assert errors[1] == min(errors)


def test_the_gaussian_error_bends_down_beyond_the_recorded_threshold():
    at, rounded = oracle.recorded(claims.ENTRIES, "A7")["Gaussian: concave from"]
    h = 0.02
    for place, sign in ((at - 10 * rounded, 1), (at + 10 * rounded, -1)):
        low, middle, high = (
            oracle.error(oracle.GAUSSIAN, place + step, "symmetric")
            for step in (-h, 0.0, h)
        )
        assert np.sign(low - 2 * middle + high) == sign
    errors = [oracle.error(oracle.GAUSSIAN, at, "symmetric") for at in (10, 20, 40)]
    rise = errors[1] - (errors[0] + (errors[2] - errors[0]) / 3)
    key = "Gaussian: rise over the chord from 10 to 40"
    oracle.agrees(claims.ENTRIES, "A7", {key: rise})


def test_weights_of_two_values_have_seven_best_thresholds():
    places = 7 / np.linspace(0.9, 7.6, 67_001)  # contains 7 / k
    step = places / 7
    errors = (1 - step * np.clip(np.round(1 / step), -7, 7)) ** 2
    inner = errors[1:-1]
    minima = (inner < errors[:-2]) & (inner < errors[2:]) & (inner < 1e-9)
    assert np.sum(minima) == 7
    assert (
        oracle.recorded(claims.ENTRIES, "A7")[
            "weights of +1 and -1: minima of value 0"
        ][0]
        == 7.0
    )
    between = [
        max(errors[(places > 7 / (k + 1)) & (places < 7 / k)]) for k in range(1, 7)
    ]
    key = "and the least error between them"
    assert min(between) == pytest.approx(
        oracle.recorded(claims.ENTRIES, "A7")[key][0], rel=0.2
    )


def test_the_repositorys_objective_falls_jumps_and_falls_again():
    def noise(at):
        kept = 0.97 * (at >= 0.2) + 0.03 * (at >= 1.0)
        clipped = 0.97 * max(0.2 - at, 0) ** 2 + 0.03 * max(1 - at, 0) ** 2
        return clipped + at**2 * kept / 48

    second = 0.03 / (0.03 + 0.97 / 48)
    assert noise(0.1) > noise(0.1999) < noise(0.2) > noise(second) < noise(0.9)
    oracle.agrees(
        claims.ENTRIES,
        "A7",
        {
            "repository's J: second minimum": second,
            "repository's J: jump at 0.2": noise(0.2) - noise(0.2 - 1e-12),
            "J of the Gaussian: least curvature": 2 / 768,
        },
    )


def test_planted_weights_decide_both_ways():
    facts = {"grids_apart": [0.3, 0.31, 0.29], "levels": [15, 15, 14]}
    assert judged("A5", facts).verdict == "fails"
    assert judged("A5", facts | {"grids_apart": [0.0] * 3}).verdict == "holds"
    facts = {"noise_error": [1.0, 1.01, 1.0], "noise_value": [1.0, 1.0, 1.0]}
    assert judged("A6", facts).verdict == "holds"
    assert judged("A6", facts | {"noise_error": [1.2] * 3}).verdict == "fails"
    facts = {"bulge": [0.4, 0.5, 0.6], "minima": [1, 1, 2]}
    assert judged("A7", facts).verdict == "fails"
    assert judged("A7", facts | {"bulge": [0.0] * 3}).verdict == "holds"
