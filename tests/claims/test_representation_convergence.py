"""T-009 where a peak is planted, where there is none, and on a model."""

import dataclasses
import json

import jax
import numpy as np
import pytest

import jaxdisp
from jaxdisp.claims import alignment, registry, representation_convergence, subjects
from jaxdisp.claims.alignment import Alignment, SentenceStates
from jaxdisp.claims.representation_convergence import EXPERIMENT, Evidence
from jaxdisp.measure import corpus as corpora
from jaxdisp.report.hypotheses import representation_convergence as drawing
from tests.claims import subject as made
from tests.measure import tiny as texts

KEY = jax.random.key(8)
TAPS, LANGUAGES, SENTENCES = 9, 4, 32
TEXT = np.arange(SENTENCES) // 2
FLAT = np.full(TAPS, 0.3)
MIDDLE = FLAT + 0.2 * (np.arange(TAPS) == 4)
QUARTERS = FLAT + 0.2 * (np.arange(TAPS) == 6)
START = FLAT + 0.2 * (np.arange(TAPS) == 0)
SEEDS = 200


def noise(seed, shape):
    return np.asarray(jax.random.normal(jax.random.key(seed), shape), float)


def measured(profile, seed=0, languages=LANGUAGES, spread=0.0):
    """Margins about a profile: some of the noise is common to all depths."""
    own = noise(seed, (TAPS, languages, SENTENCES))
    common = noise(seed + 1000, (languages, SENTENCES // 2))[:, TEXT]
    hard = spread * np.linspace(-1, 1, languages)[:, None]
    values = profile[:, None, None] + hard + 0.1 * common + 0.1 * own
    return Alignment(margins=values, text=TEXT)


def evidence(profile, seed=0, languages=LANGUAGES, **changes):
    nothing = measured(0 * FLAT, seed + 1, languages)
    return Evidence(
        **{
            "model": measured(profile, seed, languages),
            "mismatched": nothing,
            "untrained": nothing,
            "lost": np.linspace(1, 2, languages),
        }
        | changes
    )


def verdicts(*args, **kwargs):
    found = representation_convergence.decide(evidence(*args, **kwargs), KEY)
    return [finding.verdict for finding in found]


def test_planted_peaks_are_found_where_they_are():
    assert verdicts(MIDDLE) == ["holds", "fails", "not applicable"]
    assert verdicts(QUARTERS) == ["holds", "holds", "not applicable"]
    assert verdicts(START) == ["fails", "fails", "not applicable"]
    assert alignment.peak_interval(measured(MIDDLE), KEY) == (4, 4)


@pytest.mark.parametrize("control", ["mismatched", "untrained"])
def test_a_peak_that_the_control_has_too_does_not_hold(control):
    shown = evidence(MIDDLE, **{control: measured(MIDDLE, 7)})
    first = representation_convergence.decide(shown, KEY)[0]
    assert first.verdict == "inconclusive"
    assert "the control shows it as well" in first.reason


def test_without_a_peak_few_hold_or_fail():
    ties = [verdicts(FLAT, seed)[:2] for seed in range(SEEDS)]
    # 2.5 % of 200 on either side is 5, and 11 the 99th percentile
    for claim in range(2):
        for verdict in ("holds", "fails"):
            assert sum(each[claim] == verdict for each in ties) <= 11


def test_aligned_languages_that_lose_less_are_found():
    n = 12
    aligned = measured(QUARTERS, languages=n, spread=0.5)
    found = [
        representation_convergence.decide(
            evidence(QUARTERS, languages=n, model=aligned, lost=lost, **more), KEY
        )[2]
        for lost, more in (
            (np.linspace(2, 1, n), {}),
            (np.linspace(1, 2, n), {}),
            (np.linspace(2, 1, n), {"untrained": aligned}),
        )
    ]
    verdict = [finding.verdict for finding in found]
    assert verdict == ["holds", "fails", "inconclusive"]
    assert found[0].estimate == pytest.approx(1, abs=0.05)
    assert "shuffled weights" in found[2].reason


def test_three_quarters_of_the_depth():
    near = representation_convergence.near_three_quarters
    assert near(12).tolist() == [8, 9, 10]
    assert near(6).tolist() == [4, 5]
    # the notes' 9 of 12 layers, counted from 0, comes after 10 of them
    assert set(range(9, 11)) <= set(near(12).tolist())


def lengths(seed=0, languages=3, taps=5):
    """States that tell nothing but how long a sentence is, as positions do."""
    long = np.round(20 + 5 * np.abs(noise(seed, (SENTENCES,)))).astype(int)
    tokens = long[None] + np.arange(languages)[:, None]
    # the direction is that of all languages, as that of a position is
    told = np.log(tokens)[None, :, :, None] * noise(seed + 2, (taps, 1, 1, 6))
    own = 0.02 * noise(seed + 3, (taps, languages, SENTENCES, 6))
    return SentenceStates(means=(told + own).astype(np.float32), tokens=tokens)


def test_length_does_not_pass_for_meaning():
    found = lengths()
    corpus = corpora.Corpus(
        languages=("a", "b", "c"),
        sentences=(("",) * SENTENCES,) * 3,
        groups=tuple(TEXT.tolist()),
        lines=tuple(range(SENTENCES)),
        source="made up",
    )
    raw = alignment.measured(found.means, corpus).margins.mean(axis=(1, 2))
    clean = alignment.measured(alignment.without_length(found), corpus)
    assert raw.min() > 0.5
    assert np.abs(clean.margins.mean(axis=(1, 2))).max() < 0.1


def test_mismatched_sentences_are_the_same_in_another_order():
    means = lengths().means
    found = alignment.mismatched(means, KEY)
    for language in range(3):
        order = [
            int(np.flatnonzero((means[0, language] == row).all(axis=1))[0])
            for row in found[0, language]
        ]
        assert sorted(order) == list(range(SENTENCES))
        assert order != list(range(SENTENCES))
        np.testing.assert_array_equal(found[:, language], means[:, language, order])


def test_layers_are_judged_on_texts_that_did_not_choose_them():
    model = measured(QUARTERS)
    spiked = model.margins.copy()
    spiked[3, :, TEXT == 5] += 10
    values = alignment.at_peak(dataclasses.replace(model, margins=spiked))
    # the text that would have made tap 3 the best is not judged there
    assert values[:, TEXT == 5].max() < 5


def test_runs_on_a_random_model_twice_the_same():
    outcome = registry.examine(EXPERIMENT, made.tiny())
    assert [finding.id for finding in outcome.findings] == ["T-009", "T-009b", "T-009c"]
    verdict = [finding.verdict for finding in outcome.findings]
    assert verdict[1:] == ["not applicable"] * 2
    layers = outcome.tables["layers"]
    assert [row["tap"] for row in layers] == [0, 1, 2, 3]
    assert sum(row["share_of_peaks"] for row in layers) == pytest.approx(1)
    for row in layers:
        for name in ("margin", "retrieval", "cka", "distance"):
            assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
    text = json.dumps(outcome.tables, allow_nan=False)
    again = registry.examine(EXPERIMENT, made.tiny())
    assert json.dumps(again.tables, allow_nan=False) == text
    assert again.findings == outcome.findings
    assert drawing.figure(outcome.tables).axes
    for finding in outcome.findings:
        assert len(finding.reason) < 220


@pytest.mark.parametrize(
    ("layers", "few", "languages", "reason"),
    [
        (2, 8, 3, "at least 3 layers, got 2"),
        (3, 2, 3, "at least 4 texts, got 2"),
        (3, 4, 3, "at least 8 sentences, got 4"),
        (3, 8, 1, "at least 2 languages, got 1"),
    ],
)
def test_too_little_is_not_applicable(layers, few, languages, reason, tmp_path):
    model, corpus = made.model_and_corpus()
    corpus = dataclasses.replace(
        corpus,
        languages=corpus.languages[:languages],
        sentences=corpus.sentences[:languages],
    )
    if layers == 2:
        model = jaxdisp.models.load(texts.write_model(tmp_path, n_layer=2))
    subject = subjects.make_subject(model, corpus, few=few)
    outcome = registry.examine(EXPERIMENT, subject)
    assert {finding.verdict for finding in outcome.findings} == {"not applicable"}
    assert all(reason in finding.reason for finding in outcome.findings)
    assert outcome.tables == {}
