"""What a run cannot say, as far as its results tell."""

import jax
import pytest

from jaxdisp.report import limits
from tests.report import made_up_search
from tests.report.causes.made_up_causes import carried_out, fitted
from tests.report.test_headline import HALVES, found, interval, row

ABOUT = {
    "n_groups": 16,
    "n_sentences": 32,
    "measured_languages": ["sw", "yo", "en"],
    "dtype": "float32",
    "quantizer_in_words": "4 bits, symmetric grid",
}
ROWS = [row("sw", 3.0), row("yo", 2.0, 1.0), row("en", 0.25, 0.625, "not above noise")]


def run(rows=ROWS, **changes):
    chosen = {"low": ["sw", "yo"], "high": ["en", "de"], "rule": HALVES}
    made = found(rows, chosen=chosen, difference=interval(1.0, 0.5, 1.5))
    return made | ABOUT | changes


def said(results):
    pairs = [(each.about, each.text) for each in limits.limits(results)]
    assert all(text.endswith(".") and "None" not in text[5:] for _, text in pairs)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_insufficient_evidence_names_the_languages():
    found_ = said(run())["Insufficient evidence"]
    assert found_.startswith("Of 3 languages 1 (en) have an interval that holds 0")
    flagged = [row("sw", 9.0, flag="collapsed"), row("yo", -2.0, flag="improved")]
    assert said(run(flagged))["Insufficient evidence"].startswith("None of 2")
    clear = said(run([row("sw", 3.0), row("yo", 2.0)]))["Insufficient evidence"]
    assert clear.startswith("None of 2 languages")
    without = said(run([row("sw", 3.0, None, "not above noise")]))
    assert without["Insufficient evidence"] == "No interval could be had for sw."


def test_smallest_detectable_effects_follow_from_intervals():
    # (1.96 + 0.8416) / 1.96 times half the width of the interval
    text = said(run())["Smallest detectable effects"]
    assert "from 0.71 (sw) to 1.43 (yo) nats per sentence" in text
    assert "training text and the 2 with the most from 0.71 on" in text
    without = run([row("sw", 3.0, None)])
    assert "Smallest detectable effects" not in said(without)


@pytest.mark.parametrize(("bounds", "expected"), [((None, 1.0), None), ((2, 1), None)])
def test_of_no_interval_nothing_is_detectable(bounds, expected):
    low, high = bounds
    assert limits.detectable({"v_low": low, "v_high": high}, "v") is expected


def test_few_texts_are_said():
    assert "Fewer than 10" not in said(run())["Texts"]
    assert "Fewer than 10 texts are too few" in said(run(n_groups=9))["Texts"]


def test_intervals_that_miss_are_counted():
    text = said(run(layers=[{}] * 40))["Many intervals"]
    assert "about 0.2 of 3 languages, 2.0 of 40 effects of layers miss" in text
    assert "Holm" not in text
    assert "Holm" in said(run(hypotheses={"findings": []}))["Many intervals"]


def test_what_is_left_out_is_said_with_its_option():
    text = said(run())["Left out"]
    for option in ("--layer-limit 24", "--set-limit 6", "--clip-limit 16"):
        assert f"({option} adds it)" in text
    parts = {name: {"findings": []} for name in ("hypotheses", "causes", "clipping")}
    everything = run(layer_sentences=4, layers=[], search={}, claims=[], **parts)
    assert "Left out" not in said(everything)
    assert "Left out" not in said(run(command="measure"))


def test_experiments_that_are_open_are_counted():
    verdicts = ("holds", "inconclusive", "not applicable", "inconclusive")
    examined = {"findings": [{"verdict": verdict} for verdict in verdicts]}
    found_ = said(run(hypotheses=examined))
    assert found_["Experiments"] == (
        "2 of 4 findings are inconclusive, neither shown nor refuted; 1 could not be "
        "asked of this model; one model was measured, and what holds of it need not of "
        "others."
    )
    assert "exploratory" in found_["Registration"]
    registered = run(hypotheses=examined, registration={"exploratory": ["T-001"]})
    assert said(registered)["Registration"].startswith("1 findings were not")


def test_parts_alone_have_their_limits():
    made = made_up_search.search(jax.random.key(2), [(0, 1)], proposed=None)
    search = ABOUT | {"command": "search", "search_sentences": 5, "quantizer": {}}
    assert "5 sentences" in said(search | made)["Searched on few sentences"]
    assert "assumed" in said(ABOUT | {"command": "causal"} | fitted())["Causes"]
    intervene = ABOUT | {"command": "intervene"} | carried_out()
    assert said(intervene)["Causes"].startswith("Nothing was fitted")
    assert "Languages" not in said(intervene)
    assert limits.limits({"command": "claims"}) == []
