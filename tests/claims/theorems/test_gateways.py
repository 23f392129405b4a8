"""Gateway layers: checks, counterexamples, planted bugs, and what a model says."""

import dataclasses
import functools as ft
import itertools

import hypothesis.extra.numpy as hnp
import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.claims import losses
from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.theorems import gateways, gateways_on_model, layer_draws
from jaxdisp.claims.theorems import group_instances as drawn
from tests.claims import subject as made
from tests.claims import twelve
from tests.claims.theorems import reversal

MODULE = "jaxdisp.claims.theorems.gateways"
MUTATIONS = [
    (
        "T3a",
        "compared(smaller=by_rank, larger=least,",
        "compared(smaller=least + 1e-3, larger=by_rank,",
    ),
    ("T3a", "return rivals < kept", "return rivals <= kept"),
    (
        "T3a",
        "importances[..., None, :] >= importances",
        "importances[..., None, :] > importances",
    ),
    (
        "T3a",
        "compared(smaller=missed, larger=third / 6 * cubes,",
        "compared(smaller=third / 6 * cubes, larger=missed,",
    ),
    ("T3a", "third / 6 * cubes", "third / 8 * cubes"),
    (
        "T3b",
        "compared(smaller=ratio, larger=least,",
        "compared(smaller=least * 1.001, larger=ratio,",
    ),
    (
        "T3b",
        "np.argsort(-(a - ratio[:, None] * b), axis=1)",
        "np.argsort(a - ratio[:, None] * b, axis=1)",
    ),
    ("T3b", "rise = (before - a / b)", "rise = (a / b - before)"),
    (
        "T3c",
        "compared(smaller=least, larger=after,",
        "compared(smaller=after, larger=least,",
    ),
    (
        "T3c",
        "compared(smaller=after, larger=most,",
        "compared(smaller=most, larger=after,",
    ),
    (
        "T3c",
        "least = np.prod(np.maximum(1 - lipschitz",
        "least = np.prod(np.maximum(1.01 - lipschitz",
    ),
    (
        "T3c",
        "most = np.prod(1 + lipschitz, axis=1)",
        "most = np.prod(lipschitz, axis=1)",
    ),
]
BY_ID = {theorem.id: theorem for theorem in gateways.THEOREMS}


@ft.cache
def twelve_layers():
    return twelve.subject(lambda _: None)


def kept(_, compute):
    return compute()


def evidence(subject):
    return Evidence(subject=subject, findings={}, causes=None, kept=kept)


@pytest.mark.parametrize("name", BY_ID)
def test_no_instance_contradicts(name):
    found = BY_ID[name].check(jax.random.key(1), 200)
    assert (found.n, found.violations) == (200, 0)
    # equalities are met to rounding
    assert abs(found.tightest) < 1e-9


@pytest.mark.parametrize(("name", "old", "new"), MUTATIONS)
def test_planted_bugs_are_seen(name, old, new):
    assert reversal.violations(MODULE, old, new, name) > 0


def test_second_order_bound_is_nearly_attained():
    found = gateways._second_order(jax.random.key(2), 64)
    assert found.violations == 0
    # errors of a tenth: the next order is that small beside the third
    assert 0 < found.tightest < 0.1


def test_products_of_norms_choose_one_end():
    values = BY_ID["T3a"].counterexample().values
    assert [
        round(values[f"importance of layer {i} at norms of 1.1"], 2) for i in range(3)
    ] == [2.85, 2.59, 2.36]
    assert values["last layer is protected at norms of 1.1"] == 0
    assert values["first layer is protected at norms of 0.9"] == 0
    assert gateways.best_layers(gateways.product_importances(1.1), 3) == [0, 1, 2]
    assert gateways.best_layers(gateways.product_importances(0.9), 3) == [9, 10, 11]


def test_a_ratio_rises_though_both_lose_less():
    values = BY_ID["T3b"].counterexample().values
    assert (values["ratio before"], values["ratio after"]) == (1.5, 2.0)
    assert values["least ratio of three layers"] == pytest.approx(1.2222, abs=5e-5)
    assert values["sets that attain it"] == 4


def test_halving_layers_turn_the_order_around():
    values = BY_ID["T3c"].counterexample().values
    assert values["gain of layer 0"] == 2**-11
    assert values["first of the best three"] == 9
    assert values["first of the best three, claimed"] == 0


def test_required_layers_by_all_sets():
    g = np.array([3.0, 1, 3, 2, 2, 0])
    for size in range(1, 6):
        sets = list(itertools.combinations(range(6), size))
        saved = [sum(g[list(chosen)]) for chosen in sets]
        best = [set(s) for s, x in zip(sets, saved, strict=True) if x == max(saved)]
        marks = gateways.required(g, np.array([float(size)]))
        assert set(np.flatnonzero(marks)) == set.intersection(*best)


def test_margins_by_hand():
    g = np.array([[5.0, 1, 2, 3, 4], [1, 5, 4, 3, 2], [5, 1, 2, 5, 5]])
    # both must exceed the second largest of the others
    found = gateways_on_model.margin(gateways_on_model.leads(g), 2)
    np.testing.assert_array_equal(found, [1.0, -3.0, 0.0])
    both = gateways.required(g, np.full((3, 1), 2.0))[:, [0, -1]].all(axis=1)
    np.testing.assert_array_equal(found > 0, both)


@given(
    g=hnp.arrays(np.float64, (5, 7), elements=st.integers(-3, 3).map(float)),
    kept=st.integers(1, 6),
)
def test_margin_is_positive_where_both_are_required(g, kept):
    found = gateways_on_model.margin(gateways_on_model.leads(g), kept)
    both = gateways.required(g, np.full((5, 1), float(kept)))[:, [0, -1]].all(axis=1)
    np.testing.assert_array_equal(found > 0, both)
    # importances in another unit, or from another zero
    moved = gateways_on_model.margin(gateways_on_model.leads(2 * g + 5), kept)
    np.testing.assert_array_equal(moved, 2 * found)


def test_instances_are_what_they_say():
    key = jax.random.key(3)
    shares = drawn.simplex(key, (500, 3))
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-14)
    # 1500 draws of standard deviation 0.24
    assert abs(shares[:, 0].mean() - 1 / 3) < 0.04
    whole = drawn.whole(key, (999,), -2, 4)
    assert set(whole) == set(range(-2, 5))
    normal = drawn.normal(key, (4000,))
    assert abs(normal.mean()) < 0.06
    assert abs(normal.std() - 1) < 0.05
    assert len(drawn.all_sets(4)) == 16


def test_ranks_of_draws():
    values = np.array([[5.0, 1, 2, 3, 4], [5, 1, 2, 3, 4], [1, 5, 4, 3, 2]])
    found = gateways_on_model._ranked(values, 9)
    assert found["rank"] == [1, 2]
    assert found["margin"] == 2.0
    assert found["share"] == 0.5
    assert found["low"] < 0 < found["high"]


def told(stored, subject):
    """Evidence on which `stored` was measured."""
    return Evidence(
        subject=subject, findings={}, causes=None, kept=lambda name, _: stored[name]
    )


def ranked(margin, low, high):
    return {
        "residual": 0.1,
        "objectives": {
            "difference": {
                "importance": [],
                "rank": [1, 2],
                "margin": margin,
                "low": low,
                "high": high,
                "share": 1.0,
            }
        },
    }


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        ((0.2, 0.1, 0.3), "holds"),
        ((-0.2, -0.3, -0.1), "fails"),
        ((0.2, -0.1, 0.3), "inconclusive"),
    ],
)
def test_verdicts_of_ranks(row, verdict):
    subject = twelve_layers()
    found = gateways_on_model.judge_ranks(
        told({"gateway ranks": ranked(*row)}, subject)
    )
    assert found.verdict == verdict
    assert "low minus high side they rank 1 and 2 of 12" in found.reason
    assert "miss 10% of what all lose" in found.reason


def test_ratios_of_all_sets(monkeypatch):
    """Losses by hand: the notes' layers are the best, and others are second."""
    subject = twelve_layers()
    low, high = np.ones((2, 12))
    low[[0, 9, 11]] = 4.0
    low[5] = 0.5
    alone = np.stack([low, high], axis=-1)
    one = layer_draws.LayerDraws(
        alone=np.stack([alone] * 101),
        spared=np.stack([alone.sum(axis=0) - alone] * 101),
        everything=np.stack([alone.sum(axis=0)] * 101),
    )
    monkeypatch.setattr(layer_draws, "resampled", lambda _: one)
    monkeypatch.setattr(layer_draws, "sides", lambda _: np.eye(2))
    found = gateways_on_model.ratio(evidence(subject))
    assert found["best"] == [0, 9, 11]
    assert found["now"] == pytest.approx(20.5 / 12)
    assert found["gateways"] == pytest.approx(8.5 / 9)
    # one of them is left out, a layer of ratio 1 is taken in
    assert found["other"] == pytest.approx(11.5 / 9)
    assert found["below"] == found["rising"] == [1, 2, 3, 4, 5, 6, 7, 8, 10]
    judged = gateways_on_model.judge_ratio(evidence(subject))
    assert judged.verdict == "holds"
    assert "9 are below the ratio" in judged.reason
    bare = dataclasses.replace(one, alone=one.alone * [1.0, 0.0])
    monkeypatch.setattr(layer_draws, "resampled", lambda _: bare)
    assert gateways_on_model.ratio(evidence(subject)) == {}


def test_draws_are_means_over_resampled_texts():
    ev = evidence(made.tiny())
    found = layer_draws.resampled(ev)
    nats = losses.layer_losses(ev.subject)
    np.testing.assert_allclose(
        found.alone[0], (nats.alone - nats.full).mean(axis=2), rtol=1e-12
    )
    np.testing.assert_allclose(
        found.everything[0], (nats.everything - nats.full).mean(axis=1), rtol=1e-12
    )
    np.testing.assert_allclose(
        found.spared[0], (nats.spared - nats.full).mean(axis=2), rtol=1e-12
    )
    assert found.spared.shape == found.alone.shape == (2001, *nats.alone.shape[:2])
    spread = found.alone[1:].mean(axis=0) - found.alone[0]
    # 2000 draws of at most 8 texts
    assert np.abs(spread).max() < 0.1 * np.abs(found.alone[0]).max()


def test_errors_that_are_passed_on():
    subject = twelve_layers()
    found = gateways_on_model.gains(evidence(subject))
    assert found["layer"] == [0, 6, 10]
    assert found["first"][0] == pytest.approx(found["gain"][0], rel=1e-12)
    assert sum(found["steps"]) == pytest.approx(found["gain"][0], rel=1e-9)
    judged = gateways_on_model.judge_propagation(evidence(subject))
    assert judged.id == "T3c"
    assert judged.interval[0] <= judged.estimate <= judged.interval[1]


def test_small_models_have_no_gateways():
    ev = evidence(made.tiny())
    for judged in (
        gateways_on_model.judge_ranks,
        gateways_on_model.judge_ratio,
        gateways_on_model.judge_propagation,
    ):
        found = judged(ev)
        assert found.verdict == "not applicable"
        assert "needs at least 5 layers, got 3" in found.reason
