"""Headlines: each case said as it is, with its interval."""

import math

import jax
import pytest

from jaxdisp.report import headline
from tests.report import made_up_search
from tests.report.causes.made_up_causes import fitted
from tests.report.test_clip_tables import compared

HALVES = (
    "the half of the languages with the least training text against the half with the "
    "most"
)
QUANTIZER = {
    "bits": 4,
    "granularity": "tensor",
    "group_size": 64,
    "clipping": "absmax",
    "grid": "symmetric",
}


def interval(estimate, low, high):
    return {"estimate": estimate, "low": low, "high": high, "unit": "", "reason": ""}


def row(language, value, half=0.5, flag=""):
    low, high = (None, None) if half is None else (value - half, value + half)
    bounds = {"d_sent": value, "d_sent_low": low, "d_sent_high": high}
    return {"language": language, "flag": flag} | bounds


def found(rows, mean=(2.0, 1.75, 2.25), chosen=None, **disparity):
    entries = {"mean": interval(*mean), "contrast": chosen} | disparity
    return {
        "command": "run",
        "quantizer": QUANTIZER,
        "degradation": rows,
        "disparity": entries,
    }


def contrast(low=("sw", "yo"), high=("en", "de"), rule=HALVES):
    return {"low": list(low), "high": list(high), "rule": rule}


ROWS = [row("sw", 3.0), row("yo", 2.75), row("en", 1.0)]
LEAD = (
    "At 4 bits per tensor, sw loses most, 3.00 [2.50, 3.50] nats per parallel "
    "sentence, against 2.00 [1.75, 2.25] in the mean of 3 languages"
)
NONE = interval(None, None, None)


@pytest.mark.parametrize(
    ("difference", "ratio", "said"),
    [
        (
            interval(1.0, 0.5, 1.5),
            interval(math.log(2), math.log(1.5), math.log(3)),
            "the 2 languages with the least training text lose 2.00 [1.50, 3.00] times "
            "as much as the 2 with the most",
        ),
        (
            interval(1.0, 0.5, 1.5),
            NONE,
            "the 2 languages with the least training text lose 1.00 [0.50, 1.50] nats "
            "per sentence more than the 2 with the most",
        ),
        (
            interval(-1.0, -1.5, -0.25),
            NONE,
            "the 2 languages with the least training text lose 1.00 [0.25, 1.50] nats "
            "per sentence less than the 2 with the most",
        ),
        (
            interval(1.0, -0.5, 1.5),
            interval(0.5, 0.25, 0.75),
            "between the 2 languages with the least training text and the 2 with the "
            "most no difference is shown, 1.00 [-0.50, 1.50] nats per sentence",
        ),
        (
            interval(1.0, None, None),
            NONE,
            "between the 2 languages with the least training text and the 2 with the "
            "most no difference is shown, 1.00 [no interval] nats per sentence",
        ),
    ],
)
def test_a_contrast_is_said_as_it_is(difference, ratio, said):
    results = found(ROWS, chosen=contrast(), difference=difference, log_ratio=ratio)
    assert headline.headline(results) == f"{LEAD}; {said}."


def test_without_a_contrast_nothing_is_compared():
    assert headline.headline(found(ROWS)) == f"{LEAD}."


@pytest.mark.parametrize(
    ("chosen", "sides"),
    [
        (contrast(("sw",), ("en",)), ("sw", "en")),
        (
            contrast(("sw", "yo"), ("en",), "the other languages against en"),
            ("the other 2 languages", "en"),
        ),
    ],
)
def test_sides_are_named(chosen, sides):
    assert headline.sides(chosen) == sides
    results = found(
        ROWS, chosen=chosen, difference=interval(1.0, 0.5, 1.5), log_ratio=NONE
    )
    verb = "lose" if len(chosen["low"]) > 1 else "loses"
    assert f"; {sides[0]} {verb} 1.00" in headline.headline(results)


def test_nobody_is_said_to_lose_what_noise_may_be():
    noise = [row(name, 0.25, flag="not above noise") for name in ("sw", "en")]
    said = headline.headline(found(noise, mean=(0.25, -0.5, 1.0)))
    assert said == (
        "At 4 bits per tensor, no single language is shown to lose: 0.25 [-0.50, 1.00] "
        "in the mean of 2 languages, nats per parallel sentence."
    )


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (row("sw", 3.0), "sw loses 3.00 [2.50, 3.50]"),
        (row("sw", 0.25, flag="not above noise"), "sw is not shown to lose: 0.25 ["),
        (row("sw", -3.0, flag="improved"), "sw gains: -3.00 [-3.50, -2.50]"),
        (row("sw", 3.0, None, "not above noise"), "to lose: 3.00 [no interval]"),
    ],
)
def test_one_language_alone(one, said):
    assert said in headline.headline(found([one]))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"granularity": "channel", "bits": 3}, "At 3 bits per output channel, sw"),
        ({"granularity": "group"}, "At 4 bits per group of 64 weights, sw"),
        ({"clipping": "exact"}, "At 4 bits per tensor with exact clipping, sw"),
    ],
)
def test_schemes_are_named(changes, said):
    results = found(ROWS) | {"quantizer": QUANTIZER | changes}
    assert headline.headline(results).startswith(said)


def test_who_may_be_as_hard_hit_is_said():
    (said,) = headline.remarks(found(ROWS))
    assert said == (
        "The intervals of 1 more (yo) reach what sw loses, so which language is hit "
        "hardest is not settled."
    )
    apart = [row("sw", 3.0), row("yo", 2.0)]
    assert headline.remarks(found(apart)) == []
    fallen = [row("sw", 9.0, flag="collapsed"), row("yo", 2.0)]
    assert headline.remarks(found(fallen)) == ["Collapsed, close to guessing: sw."]
    without = [row("sw", 3.0, None), row("yo", 3.0, None)]
    assert headline.remarks(found(without)) == []


def searched(key, **changes):
    made = made_up_search.search(key, [(0, 1), (0, 2), (1, 2)], proposed=None)
    return (
        {"search_sentences": 5, "sentences": [], "command": "search"} | made | changes
    )


@pytest.mark.parametrize(
    ("objective", "words", "name"),
    [
        ("worst", "loss of the worst language", "worst"),
        ("mean", "mean loss over languages", "mean"),
        ("max_min", "worst minus best language", "disparity"),
    ],
)
def test_a_search_says_what_its_best_set_leaves(objective, words, name):
    results = searched(jax.random.key(1), objective=objective)
    first, now = results["sets"][0], results["unprotected"]
    said = headline.headline(results)
    layers = ", ".join(map(str, first["layers"]))
    assert said.startswith(
        f"With {{{layers}}} in full precision the {words} is {first[name]:.2f} ["
    )
    assert f"instead of {now[name]:.2f} [" in said
    assert "of 3 sets" in said


def test_other_commands_answer_in_their_words():
    finding = {"id": "T-001", "verdict": "holds"}
    experiments = {"command": "hypotheses", "findings": [finding], "corrected": []}
    assert headline.headline(experiments) == "1 claims: 1 holds."
    caused = {"command": "causal"} | fitted()
    assert headline.headline(caused).startswith("Does tokenization quality cause")
    claim = {"verdict": "holds", "data_verdict": "fails"}
    claims = {"command": "claims", "claims": [claim]}
    assert headline.headline(claims) == (
        "1 claims, without data: 1 holds. On this model: 1 fails."
    )
    assert headline.headline({"command": "claims"}) == "Nothing was measured."


def test_clipping_is_said_with_what_levels_down():
    rules = compared()
    rules["disparity"][1] |= {"mean": 1.5, "mean_low": 1.25, "mean_high": 1.75}
    rules["disparity"][2]["levelling_down"] = True
    said = dict(headline.brief({"command": "run", "clipping": rules}))["clipping"]
    assert said == (
        "Of 7 clipping rules percentile has the least mean loss, 1.50 [1.25, 1.75] "
        "nats per parallel sentence, against 2.00 [1.75, 2.25] of absmax; more equal "
        "only by losing more: aciq_gaussian."
    )
