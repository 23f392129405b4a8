"""What a plan costs, against losses measured the slow way and NumPy's means."""

import dataclasses
import functools as ft

import numpy as np
import pytest

from jaxdisp.measure import cube
from jaxdisp.measure.disparity import contrast
from jaxdisp.models import storage
from jaxdisp.report.plans import checked, dequantized, predicted
from jaxdisp.report.plans import plan as plans
from jaxdisp.search import store
from tests.measure import tiny
from tests.report.plans import made_up_plan
from tests.search import tiny_sweep


def plan(**changes):
    return made_up_plan.plan(tiny_sweep.model(), **changes)


@ft.cache
def prediction(exceptions=True):
    model, corpus = tiny_sweep.model(), tiny_sweep.corpus()
    made = plan() if exceptions else plan(exceptions={})
    how = predicted.How(chosen=contrast(corpus.languages, tiny.TRAINING_BYTES))
    with tiny_sweep.small_calls(tiny_sweep.TOKENS, shapes=1):
        return predicted.predict(model, corpus, made, how)


@ft.cache
def losses():
    """By `cube.evaluate`: full precision, version 1 of everything, and the plan."""
    model, corpus = tiny_sweep.model(), tiny_sweep.corpus()
    whole = dequantized.applied(plan(), model).params
    rows = [[0] * 4, [1] * 4, [2] * 4]
    return cube.evaluate(model, corpus, rows, [made_up_plan.COARSE, whole])


def test_losses_are_those_of_the_whole_model():
    found, nll = prediction(), np.asarray(losses().nll, np.float64)
    n_tokens = np.asarray(losses().n_tokens).sum(axis=1)
    # float32 sums of some hundred nats, in another order
    close = {"rtol": 1e-5, "abs": 1e-4}
    for place, row in enumerate(found["languages"]):
        assert row["n_tokens"] == n_tokens[place]
        expected = {
            "loss_per_token": nll[2, place].sum() / n_tokens[place],
            "full_per_token": nll[0, place].sum() / n_tokens[place],
            "loss_per_sentence": nll[2, place].mean(),
            "d_sent": (nll[2, place] - nll[0, place]).mean(),
            "unprotected_d_sent": (nll[1, place] - nll[0, place]).mean(),
            "saved": (nll[1, place] - nll[2, place]).mean(),
        }
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=1e-5, abs=close["abs"]), name
        for name in ("d_sent", "unprotected_d_sent", "saved"):
            assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]


def test_exceptions_that_say_the_same_change_nothing():
    """So the engine of searches and the whole model predict the same."""
    name = made_up_plan.matrices(tiny_sweep.model(), 2)[0]
    found = []
    with tiny_sweep.small_calls(tiny_sweep.TOKENS, shapes=1):
        for exceptions in ({}, {name: 1}):
            kept = store.open_store(None)
            losses = predicted.evaluated(
                tiny_sweep.model(),
                tiny_sweep.corpus(),
                plan(exceptions=exceptions),
                kept,
            )
            store.close(kept)
            found.append(np.asarray(losses.nll))
    # the same programs on the same weights, but for the order of sums
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


def test_measures_are_those_of_what_languages_lose():
    found = prediction()
    lost = {row["language"]: row["d_sent"] for row in found["languages"]}
    base = {row["language"]: row["unprotected_d_sent"] for row in found["languages"]}
    for measures, values in ((found, lost), (found["unprotected"], base)):
        assert measures["mean"] == pytest.approx(np.mean(list(values.values())))
        assert measures["worst"] == pytest.approx(max(values.values()))
        assert measures["worst_language"] == max(values, key=values.__getitem__)
        assert measures["disparity_measure"] == "difference"
        assert measures["disparity"] == pytest.approx(values["ru"] - values["en"])
    assert found["saved_mean"] == pytest.approx(
        found["unprotected"]["mean"] - found["mean"], abs=1e-5
    )
    assert found["saved_worst"] == pytest.approx(
        found["unprotected"]["worst"] - found["worst"], abs=1e-5
    )


def test_a_prediction_fits_into_a_plan():
    found = plans.content(dataclasses.replace(plan(), predicted=prediction()))
    assert plans.parse(found).predicted == prediction()
    about = prediction()["corpus"]
    assert about["digest"] == tiny_sweep.corpus().digest
    assert about["languages"] == ["de", "en", "ru"]


def test_bytes_are_those_of_the_plan():
    found, model = prediction(), tiny_sweep.model()
    full, packed = (
        storage.layer_bytes(model, [made_up_plan.COARSE])[:, version].sum()
        + storage.outside_bytes(model, [made_up_plan.COARSE])[version]
        for version in (0, 1)
    )
    assert found["bytes"] == dequantized.n_bytes(plan(), model)
    assert (found["full_bytes"], found["unprotected"]["bytes"]) == (full, packed)


def test_a_store_that_has_everything_is_not_added_to():
    model, corpus, kept = (
        tiny_sweep.model(),
        tiny_sweep.corpus(),
        store.open_store(None),
    )
    with tiny_sweep.small_calls(tiny_sweep.TOKENS, shapes=1):
        first = predicted.evaluated(model, corpus, plan(), kept)
        again = predicted.evaluated(model, corpus, plan(), kept, evaluate=False)
        np.testing.assert_array_equal(first.nll, again.nll)
        assert store.evaluated_twice(kept) == 0
        other = plan(exceptions={}, assignment=(2, 2, 0))
        with pytest.raises(ValueError, match="losses are missing"):
            predicted.evaluated(model, corpus, other, kept, evaluate=False)
    store.close(kept)


def test_a_model_that_loses_something_else_is_found_out():
    made = dataclasses.replace(plan(), predicted=prediction())
    model, corpus = tiny_sweep.model(), tiny_sweep.corpus()
    with tiny_sweep.small_calls(tiny_sweep.TOKENS, shapes=1):
        right = checked.check(made, dequantized.applied(made, model), corpus)
        wrong = checked.check(made, model, corpus)
    assert right["agrees"]
    assert right["largest_per_token"] < 1e-5
    assert not wrong["agrees"]
    row, expected = wrong["languages"][0], prediction()["languages"][0]
    assert row["difference_per_token"] == pytest.approx(
        expected["full_per_token"] - expected["loss_per_token"], abs=1e-5
    )
    assert wrong["largest_per_token"] == max(
        abs(each["difference_per_token"]) for each in wrong["languages"]
    )


def test_texts_that_were_not_measured_are_refused(tmp_path):
    made = dataclasses.replace(plan(), predicted=prediction())
    same = tiny.write_corpus(tmp_path / "same")
    assert checked.corpus_of(made, str(same)).digest == tiny_sweep.corpus().digest
    other = tiny.write_corpus(tmp_path / "other", groups=None)
    with pytest.raises(ValueError, match="is not the text that losses were predicted"):
        checked.corpus_of(made, str(other))
    with pytest.raises(ValueError, match="predicts no losses"):
        checked.corpus_of(plan())
