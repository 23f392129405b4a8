"""T-008 where agreement is known by construction, where it is not, and in between."""

import dataclasses
import json
import math

import jax
import numpy as np
import pytest
import scipy.stats

from jaxdisp.claims import agreement_rows, agreement_units, registry, subjects
from jaxdisp.claims import morphological_agreement as t008
from jaxdisp.measure import agreement
from jaxdisp.measure.minimal_pairs import Pair, unit_numbers
from jaxdisp.stats.strata import member_means
from tests.claims import subject as small

LANGUAGES = (*t008.RICH, *t008.OTHER)
PER_LANGUAGE, TAPS = 16, 13
LANGUAGE = np.repeat(np.arange(len(LANGUAGES)), PER_LANGUAGE)
IDS = ("T-008", "T-008b", "T-008c", "T-008d")


def made_up(seed, known=0.0, lost=0.0, richer=0.0, uneven=0.0, start=9):
    """Scores with noise, and as much of each effect as asked for.

    The preference rises over two layers from `start` on; what languages lose differs
    by `uneven`.
    """
    noise = np.array(
        jax.random.normal(jax.random.key(seed), (5, len(LANGUAGE))), np.float64
    )
    rise = np.clip((np.arange(TAPS) - start) / 2, 0, 1)[:, None]
    full = rise * (known + noise[0])
    rich = len(t008.RICH) > LANGUAGE
    own = uneven * noise[4][LANGUAGE]
    gap = lost + own + richer * rich + 0.1 * noise[1]
    return agreement_units.Units(
        language=LANGUAGE,
        full=full,
        rounded=full - rise * gap,
        null=noise[2],
        null_rounded=noise[2] + 0.1 * noise[3],
    )


def verdicts(units):
    return {each.id: each.verdict for each in t008.decide(units, LANGUAGES)}


def test_planted_effects_hold():
    found = verdicts(made_up(0, known=1.0, lost=0.5, richer=1.0, start=8))
    assert found == dict.fromkeys(IDS, "holds")


def test_the_opposite_fails():
    found = verdicts(made_up(0, known=-1.0, lost=-0.5, richer=-1.0))
    assert found == dict.fromkeys(IDS[:3], "fails") | {"T-008d": "not applicable"}
    early = verdicts(made_up(0, known=1.0, start=2))
    assert early["T-008d"] == "fails"


def test_nothing_holds_where_there_is_nothing_more_often_than_stated():
    counts = dict.fromkeys(IDS, 0)
    for seed in range(200):
        for name, verdict in verdicts(made_up(seed)).items():
            counts[name] += verdict == "holds"
    # one side of 95 % intervals: 5 of 200 expected, 14 is four deviations above
    assert all(count <= 14 for count in counts.values()), counts


def test_languages_that_differ_at_random_are_no_groups():
    found = [verdicts(made_up(seed, uneven=0.5))["T-008c"] for seed in range(200)]
    # 3 of 126 divisions on one side: 5 of 200 expected, 14 is four deviations above
    assert found.count("holds") <= 14


def test_wrong_and_right_swapped_at_random_is_chance():
    known = made_up(3, known=1.0)
    held = 0
    for seed in range(200):
        coins = np.asarray(jax.random.bits(jax.random.key(seed), (len(LANGUAGE),))) & 1
        turned = dataclasses.replace(known, full=known.full * (2.0 * coins - 1))
        held += t008.decide(turned, LANGUAGES)[0].verdict == "holds"
    assert held <= 14


def test_a_control_that_shows_it_too_objects():
    known = made_up(0, known=1.0, lost=0.5)
    gap = known.full[-1] - known.rounded[-1]
    same = dataclasses.replace(
        known, null=known.full[-1], null_rounded=known.full[-1] - gap
    )
    found = t008.decide(same, LANGUAGES)
    assert [each.verdict for each in found[:2]] == ["inconclusive"] * 2
    assert "the control shows it as well" in found[0].reason


def test_share_is_the_mean_of_the_languages_shares():
    units = made_up(5, known=0.3)
    shares = [np.mean(units.full[-1, n == LANGUAGE] > 0) for n in range(len(LANGUAGES))]
    finding = t008.decide(units, LANGUAGES)[0]
    assert finding.estimate == pytest.approx(np.mean(shares))
    # the closed form of a stratified mean, with the jackknife's n - 1
    variance = sum(p * (1 - p) / (PER_LANGUAGE - 1) for p in shares) / 81
    half = scipy.stats.t.ppf(0.975, len(LANGUAGE) - 1) * math.sqrt(variance)
    # (G - 1) / G with G units against (n - 1) / n within a language: under 4 %
    assert finding.interval[1] - finding.estimate == pytest.approx(half, rel=0.04)


def test_too_few_languages_have_no_contrast_and_few_layers_no_depth():
    units = made_up(0, known=1.0)
    one = LANGUAGE == 0
    alone = agreement_units.Units(
        language=units.language[one],
        full=units.full[-3:, one],
        rounded=units.rounded[-3:, one],
        null=units.null[one],
        null_rounded=units.null_rounded[one],
    )
    found = {each.id: each for each in t008.decide(alone, LANGUAGES[:1])}
    assert found["T-008"].verdict == "holds"
    assert found["T-008c"].verdict == "not applicable"
    assert "got 1 and 0" in found["T-008c"].reason
    assert found["T-008d"].reason == "needs at least 5 layers, got 2"


def test_ties_count_half():
    scores = np.array([0.0, 2.0, -1.0, 0.0])
    assert agreement_units.positive(scores).tolist() == [0.5, 1.0, 0.0, 0.5]
    bounds, p_value = agreement_rows._sign_test(np.zeros(3))
    assert (bounds, p_value) == ((0.0, 1.0), 1.0)


def words(n):
    """Pronounceable words, all different."""
    parts = [a + b for a in "bdgklmnprst" for b in "aeiou"]
    return [parts[i % 55] + parts[(7 * i + 3) % 55] for i in range(n)]


def constructed(language, n_units, sign):
    """Mirrored pairs of made-up words, each as the tiny model has it, or opposite."""
    model = small.model_and_corpus()[0]
    made = words(4 * n_units)
    pairs = []
    for unit in range(n_units):
        one, other, first, second = made[4 * unit : 4 * unit + 4]
        pairs += [
            pair(language, one, first, second, "singular"),
            pair(language, other, second, first, "plural"),
        ]
    scores = agreement.score(model, agreement.encode(model, pairs))
    expected = member_means(scores.difference[-1], unit_numbers(pairs)) * sign > 0
    return tuple(
        each
        if expected[place // 2]
        else dataclasses.replace(each, correct=each.wrong, wrong=each.correct)
        for place, each in enumerate(pairs)
    )


def pair(language, prefix, correct, wrong, value):
    return Pair(
        language=language,
        prefix=prefix,
        correct=correct,
        wrong=wrong,
        phenomenon="made up",
        attribute="number",
        value=value,
    )


@pytest.mark.parametrize(("sign", "verdict"), [(1, "holds"), (-1, "fails")])
def test_a_model_that_knows_by_construction_is_found_to(monkeypatch, sign, verdict):
    pairs = constructed("de", 14, sign) + constructed("ru", 12, sign)
    monkeypatch.setattr(agreement_units, "load_pairs", lambda _: pairs)
    found = registry.examine(t008.EXPERIMENT, small.tiny())
    assert [each.id for each in found.findings] == list(IDS)
    assert found.findings[0].verdict == verdict
    assert found.findings[0].estimate == (sign > 0)
    assert found.findings[0].n == 26
    assert found.findings[3].verdict == "not applicable"  # 3 layers
    by_language = {row["language"]: row for row in found.tables["languages"]}
    assert by_language["de"]["p_value"] == pytest.approx(0.5**14 if sign > 0 else 1.0)
    assert by_language["ru"]["units"] == 12
    again = registry.examine(t008.EXPERIMENT, small.tiny())
    assert again.findings == found.findings
    assert json.dumps(again.tables) == json.dumps(found.tables)


def test_texts_beyond_the_context_are_left_out_and_counted(monkeypatch):
    pairs = list(constructed("de", 13, 1))
    long = dataclasses.replace(pairs[0], prefix="and so on " * 6 + "end")
    pairs[0] = long
    few = constructed("ru", 11, 1)
    monkeypatch.setattr(agreement_units, "load_pairs", lambda _: (*pairs, *few))
    kept, left_out = agreement_units.usable(small.tiny())
    # the pair that is too long takes its mirror with it; 11 units are too few
    assert [each.prefix for each in kept] == [each.prefix for each in pairs[2:]]
    assert left_out == {"de": 2, "ru": 22}


def test_languages_without_pairs_are_not_applicable(monkeypatch):
    monkeypatch.setattr(agreement_units, "load_pairs", lambda _: ())
    found = registry.examine(t008.EXPERIMENT, small.tiny())
    assert [each.verdict for each in found.findings] == ["not applicable"] * 4
    assert "needs at least 12 units" in found.findings[0].reason
    assert found.tables == {}


def test_probes_pass_over_features_of_few_units():
    pairs = constructed("de", 9, 1) + constructed("ru", 7, 1)
    noise = np.array(jax.random.normal(jax.random.key(0), (2, len(pairs), 6)))
    scores = agreement.Scores(
        difference=np.zeros((2, len(pairs))),
        states=noise,
        n_tokens=np.ones((len(pairs), 2), int),
    )
    number = unit_numbers(pairs)
    (only,) = agreement_rows.probe_all(pairs, number, scores, jax.random.key(1))
    assert (only.language, only.attribute) == ("de", "number")
    assert only.scores.feature.shape == (2, 9)
    rows = agreement_rows.probe_rows([only])
    assert [row["tap"] for row in rows] == [0, 1]
    for row in rows:
        gap = row["accuracy"] - row["control"]
        assert row["selectivity"] == pytest.approx(gap)
        assert row["selectivity_low"] <= gap <= row["selectivity_high"]
    assert agreement_rows.probe_rows([]) == []


def test_the_embedded_model_is_examined():
    subject = subjects.open_subject(languages=("en",), limit=8, few=8)
    found = registry.examine(t008.EXPERIMENT, subject)
    assert [each.id for each in found.findings] == list(IDS)
    assert found.findings[0].n == 27
    assert json.dumps(found.tables, allow_nan=False)
    assert len(found.tables["layers"]) == 13
    assert all(len(each.reason) < 220 for each in found.findings)
