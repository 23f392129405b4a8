"""Predictions beside measurements, in worlds that are the model and that are not."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxdisp.causal import confrontation, posterior
from jaxdisp.causal.design import Specification
from jaxdisp.causal.interventions.intervention import Intervention
from jaxdisp.causal.posterior import Sampling
from tests.causal import drawn_units

N_LANGUAGES, N_SENTENCES = 8, 24
EFFECTS = {
    ("T", "A"): 0.7,
    ("T", "R"): 0.5 + 0.7 * 0.4,
    ("T", "D"): -0.2 + 0.7 * 0.1 + (0.5 + 0.7 * 0.4) * -0.8,
    ("A", "R"): 0.4,
    ("A", "D"): 0.1 - 0.4 * 0.8,
    ("R", "D"): -0.8,
}


@pytest.fixture(scope="module")
def fitted():
    return posterior.fit(
        drawn_units.make(n_sentences=100),
        Specification(link="linear"),
        key=jax.random.key(0),
        sampling=Sampling(draws=200, tuning=200, chains=2),
    )


def intervention(seed, target, moved, *, sign=1.0, placebo=False, noise=0.1, log=False):
    """A world in which effects are as in the model, times `sign`."""
    shape = (N_LANGUAGES, N_SENTENCES)
    draws = np.asarray(jax.random.normal(jax.random.key(seed), (8, *shape)), float)
    before = dict(zip("TARD", 0.5 * draws[:4], strict=True))
    order = "TARD"
    after = dict(before)
    for place, name in enumerate(order):
        if placebo or order.index(name) < order.index(target):
            by = 0.0
        elif name == target:
            by = moved
        else:
            by = sign * EFFECTS[target, name] * moved
        own = 0.0 if name == target else noise * draws[4 + place]
        after[name] = before[name] + by + own
    if log:
        before, after = (
            {name: np.exp(x) for name, x in side.items()} for side in (before, after)
        )
    return Intervention(
        target=target,
        kind="moved" if not placebo else "left",
        amount=float(moved),
        unit="units",
        placebo=placebo,
        languages=tuple(f"l{number}" for number in range(N_LANGUAGES)),
        groups=tuple(place // 2 for place in range(N_SENTENCES)),
        before=before,
        after=after,
    )


def confront(fitted, *interventions):
    return confrontation.confront(fitted, interventions, key=jax.random.key(1))


def verdicts(found):
    return {row["arrow"]: row["verdict"] for row in found.arrows}


@pytest.mark.parametrize("target", ["T", "A", "R"])
def test_every_arrow_holds_in_a_world_that_is_the_model(fitted, target):
    found = confront(
        fitted,
        intervention(0, target, 1.5),
        intervention(50, target, 1.5, placebo=True),
    )
    assert set(verdicts(found).values()) == {"holds"}
    assert set(verdicts(found)) == {
        f"do({target})>{name}" for name in confrontation.ARROWS[target]
    }
    rows = found.languages
    # 95 % intervals of few languages each
    assert sum(row["covered"] for row in rows) >= 0.75 * len(rows)
    assert all(row["beyond_placebo"] for row in found.interventions)


def test_every_arrow_fails_in_a_world_with_opposite_effects(fitted):
    found = confront(fitted, intervention(1, "T", 1.5, sign=-1.0))
    assert set(verdicts(found).values()) == {"fails"}
    assert not any(row["covered"] for row in found.languages)


def test_arrows_fail_where_nothing_follows_what_was_set(fitted):
    found = confront(fitted, intervention(2, "T", 1.0, sign=0.0))
    assert set(verdicts(found).values()) == {"fails"}
    assert found.arrows[0]["reason"] == "what was measured is not what was predicted"


def test_a_change_too_small_to_be_seen_is_inconclusive(fitted):
    found = confront(fitted, intervention(3, "R", 0.003, noise=0.5))
    assert verdicts(found) == {"do(R)>D": "inconclusive"}
    assert found.arrows[0]["reason"] == "predicted, but what was measured may be none"


def test_what_the_placebo_does_as_well_is_not_an_effect(fitted):
    done = intervention(4, "R", 1.5)
    alike = dataclasses.replace(done, placebo=True, kind="the same")
    found = confront(fitted, done, alike)
    assert found.interventions[0]["measured"] == pytest.approx(0, abs=1e-6)
    assert verdicts(found) == {"do(R)>D": "fails"}


def test_the_first_way_decides_and_all_ways_are_listed(fitted):
    found = confront(
        fitted, intervention(5, "R", 1.5), intervention(6, "R", 1.5, sign=-1.0)
    )
    assert verdicts(found) == {"do(R)>D": "holds"}
    assert [row["verdict"] for row in found.interventions] == ["holds", "fails"]


def test_noise_alone_is_seldom_an_effect(fitted):
    """Of 40 worlds without any effect of R, in which next to nothing was moved."""
    seen = [
        confront(fitted, intervention(seed, "R", 1e-6, noise=0.5)).arrows[0]
        for seed in range(100, 140)
    ]
    wrong = [row for row in seen if row["verdict"] != "inconclusive"]
    assert len(wrong) <= 6  # of intervals at 95 %, 2 are expected


def test_factors_are_predicted_under_the_log_link():
    fitted = posterior.fit(
        drawn_units.make(n_sentences=100, log=True),
        Specification(link="log"),
        key=jax.random.key(0),
        sampling=Sampling(draws=100, tuning=200, chains=2),
    )
    done = intervention(7, "R", 0.7, log=True)
    predicted = confrontation.predict(fitted, done, "D")
    elasticity = fitted.coefficients["R", "D"].reshape(-1)
    for place in range(N_LANGUAGES):
        ratio = done.after["R"][place] / done.before["R"][place]
        factor = ratio[None] ** elasticity[:, None]
        expected = np.mean(done.before["D"][place] * (factor - 1), axis=1)
        np.testing.assert_allclose(predicted[:, place], expected)
    assert verdicts(confront(fitted, done)) == {"do(R)>D": "holds"}


def test_the_reciprocal_link_predicts_by_its_given_powers():
    fitted = posterior.fit(
        drawn_units.make(n_sentences=20, log=True),
        Specification(link="reciprocal"),
        key=jax.random.key(0),
        sampling=Sampling(draws=20, tuning=100, chains=1),
    )
    done = intervention(8, "T", 0.7, log=True)
    predicted = confrontation.predict(fitted, done, "D")
    ratio = done.before["T"] / done.after["T"]
    expected = np.mean(done.before["D"] * (ratio - 1), axis=1)
    np.testing.assert_allclose(predicted, np.tile(expected, (20, 1)))


def test_a_target_moved_beyond_what_was_observed_is_an_extrapolation(fitted):
    near, far = (
        confront(fitted, intervention(10, "R", moved)).arrows[0] for moved in (0.5, 8.0)
    )
    spread = fitted.units.columns["R"].std()
    assert far["moved"] == pytest.approx(8.0 / spread, rel=1e-6)
    assert "extrapolation" not in near["reason"]
    assert f"by {8.0 / spread:.1f} SDs of what was observed" in far["reason"]


def test_another_target_is_refused(fitted):
    done = dataclasses.replace(intervention(9, "R", 1.0), target="D")
    with pytest.raises(ValueError, match="target must be T, A or R, got D"):
        confront(fitted, done)
