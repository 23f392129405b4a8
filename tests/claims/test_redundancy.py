import collections
import dataclasses
import json

import jax
import numpy as np
from scipy import stats

from jaxdisp.claims import redundancy, registry, subjects
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import redundancy_estimates
from tests.claims import subject as made

KEY = jax.random.key(11)
LANGUAGES, TEXTS = 16, 16
NAMES = tuple(f"l{number:02d}" for number in range(LANGUAGES))
GROUPS = np.repeat(np.arange(TEXTS), 4)
SEEDS = 200


def normal(seed, *shape):
    key = jax.random.fold_in(KEY, seed)
    return np.asarray(jax.random.normal(key, shape), np.float64)


def estimates_of(common, seed, shared):
    """All estimators, each with a part of what is common."""
    noise = normal(1000 + seed, len(redundancy_estimates.KINDS), len(common))
    return {
        name: shared * common + np.sqrt(1 - shared**2) * row
        for name, row in zip(redundancy_estimates.KINDS, noise, strict=True)
    }


def drawn(seed, loss_of, *, noise=0.02, shared=0.0):
    """Redundancies of 0.3 to 5 bits, with 1/R spread evenly."""
    bits = 1 / (0.2 + 2.8 * stats.norm.cdf(normal(seed, LANGUAGES)))
    loss = loss_of(bits) + noise * normal(500 + seed, LANGUAGES)
    added = loss[:, None] + 0.1 * normal(seed + 77, LANGUAGES, len(GROUPS))
    others = estimates_of(-stats.zscore(1 / bits), seed, shared)
    return added, others | {"gaussian": bits}


def verdicts(loss_of, seeds, **changes):
    count = collections.Counter()
    for seed in range(seeds):
        added, estimates = drawn(seed, loss_of, **changes)
        found = redundancy.decide(added, GROUPS, estimates, NAMES, key=KEY, draws=50)
        count.update((f.id, f.verdict) for f in found.findings)
    return count


def test_one_over_r_is_found():
    count = verdicts(lambda bits: 1 / bits, 40, shared=0.97)
    assert count["redundancy", "holds"] == 40
    assert count["redundancy-b", "holds"] >= 32
    assert count["redundancy-b", "fails"] == 0
    assert count["redundancy-c", "holds"] >= 36


def test_four_to_the_minus_r_is_found():
    count = verdicts(lambda bits: 4 * 4.0**-bits, 40)
    assert count["redundancy", "holds"] >= 38
    assert count["redundancy-b", "fails"] >= 32
    assert count["redundancy-b", "holds"] == 0
    assert count["redundancy-c", "fails"] >= 36


def test_nothing_is_found_where_there_is_nothing():
    count = verdicts(lambda bits: 0 * bits, SEEDS, noise=0.5)
    # aimed at 1 in 40 for each of these; 200 seeds know it to 1.1 of a hundred
    assert count["redundancy", "holds"] <= 0.025 * SEEDS + 7
    assert count["redundancy-b", "holds"] <= 0.025 * SEEDS + 7
    assert count["redundancy-c", "holds"] == 0


def test_more_redundancy_that_loses_more_is_refuted():
    count = verdicts(lambda bits: bits, 20)
    assert count["redundancy", "fails"] == 20
    # a slope below 0 is no law of the inverse, however well it fits
    assert count["redundancy-b", "holds"] == 0


def test_intervals_of_agreement_cover():
    """Estimators that share 0.5 with a common factor agree by about 0.25."""
    means, inside = [], 0
    for seed in range(SEEDS):
        common = normal(seed, LANGUAGES)
        estimates = estimates_of(common, seed, 0.5)
        _, found = redundancy._agreement(estimates, LANGUAGES, "")
        low, high = found.interval
        means.append(found.estimate)
        truth = 6 / np.pi * np.arcsin(0.25 / 2)  # Spearman's of normal pairs
        inside += low <= truth <= high
    # a rank correlation of 16 is a little nearer to 0 than the truth
    np.testing.assert_allclose(np.mean(means), truth, atol=0.04)
    assert inside / SEEDS > 0.9


def test_every_estimator_is_in_the_tables():
    added, estimates = drawn(0, lambda bits: 1 / bits)
    found = redundancy.decide(added, GROUPS, estimates, NAMES, key=KEY, draws=100)
    tables = found.tables
    assert [row["estimator"] for row in tables["correlations"]] == list(estimates)
    by_name = {row["estimator"]: row for row in tables["correlations"]}
    assert by_name["gaussian"]["level"] == 0.95
    np.testing.assert_allclose(by_name["head"]["level"], 1 - 0.05 / 6)
    assert [n for n, row in by_name.items() if row["circular"]] == ["noise"]
    kinds = redundancy_estimates.KINDS
    assert len(tables["agreement"]) == 18
    assert all(kinds[r["first"]] != kinds[r["second"]] for r in tables["agreement"])
    loss = added.mean(axis=1)
    for row, law in zip(
        tables["shapes"],
        (1 / estimates["gaussian"], 4.0 ** -estimates["gaussian"]),
        strict=True,
    ):
        fit = stats.linregress(law, loss)
        np.testing.assert_allclose(row["slope"], fit.slope)
        np.testing.assert_allclose(row["r2"], fit.rvalue**2)
    left = [
        16 * np.log((1 - row["r2"]) * np.var(loss)) + 2 * 3 + 2 * 3 * 4 / (16 - 3 - 1)
        for row in tables["shapes"]
    ]
    np.testing.assert_allclose([row["aicc"] for row in tables["shapes"]], left)
    json.dumps(tables, allow_nan=False)
    for each in found.findings:
        assert len(each.reason) < 220


def test_estimators_that_are_not_finite_are_left_out():
    added, estimates = drawn(0, lambda bits: 1 / bits)
    estimates["gaussian"][3] = np.inf
    found = redundancy.decide(
        added, GROUPS, estimates, NAMES, missing="needs more", key=KEY, draws=100
    )
    assert [f.verdict for f in found.findings[:2]] == ["not applicable"] * 2
    assert found.findings[0].reason == "needs more"
    assert found.tables["languages"][3]["gaussian"] is None
    some = {"gaussian": np.arange(16.0), "spare dimensions": np.arange(16.0)}
    found = redundancy.decide(added, GROUPS, some, NAMES, key=KEY, draws=100)
    assert found.findings[2].reason == "needs estimators of 3 kinds, got 1"
    negative = {"gaussian": np.arange(16.0) - 2}
    found = redundancy.decide(added, GROUPS, negative, NAMES, key=KEY, draws=100)
    assert found.findings[1].reason == "needs redundancies above 0 bits"
    found = redundancy.decide(0 * added, GROUPS, some, NAMES, key=KEY, draws=100)
    assert found.findings[0].reason == "redundancy or loss is constant"


def test_few_languages_are_not_applicable():
    found = registry.examine(redundancy.EXPERIMENT, made.tiny())
    assert [f.reason for f in found.findings] == [
        "needs at least 6 languages, got 3"
    ] * 3
    assert found.tables == {}


def six_languages(times):
    """The tiny corpus, its languages twice and its sentences several times."""
    model, corpus = made.model_and_corpus()
    long = tuple(sum((corpus.sentences[i] for _ in range(times)), ()) for i in range(3))
    turned = tuple(text[::-1] for text in long)
    groups = tuple(g + 4 * t for t in range(times) for g in corpus.groups)
    six = dataclasses.replace(
        corpus,
        languages=("a", "b", "c", "d", "e", "f"),
        sentences=(*long, *turned),
        groups=groups,
        lines=tuple(range(1, 8 * times + 1)),
    )
    return subjects.make_subject(model, six, few=4)


def test_every_estimator_is_measured():
    subject = six_languages(6)
    found = registry.examine(redundancy.EXPERIMENT, subject)
    # noise may well improve a model that has learned nothing: then it is left out
    named = {row["estimator"] for row in found.tables["correlations"]}
    assert named | {"noise"} == set(redundancy_estimates.KINDS)
    assert "not applicable" not in {f.verdict for f in found.findings}
    for row in found.tables["languages"]:
        assert row["noise"] is None or row["noise"] > 0
        assert 1 < row["readout"] < subject.model.config.width
        assert row["shared_information"] < np.log(24)
        assert row["gaussian"] > 0
    again = registry.examine(redundancy.EXPERIMENT, subject)
    assert json.dumps(again.tables) == json.dumps(found.tables)


def test_short_texts_leave_the_spectrum_out():
    subject = six_languages(1)
    few = dataclasses.replace(subject, corpus=corpora.keep(subject.corpus, [0, 2]))
    found = registry.examine(redundancy.EXPERIMENT, few)
    by_id = {f.id: f for f in found.findings}
    assert "needs 48 tokens in each language, got" in by_id["redundancy"].reason
    assert by_id["redundancy-b"].verdict == "not applicable"
    assert by_id["redundancy-c"].reason.endswith("got 6")
    assert {row["estimator"] for row in found.tables["correlations"]} <= {
        "readout",
        "noise",
        "head",
    }
