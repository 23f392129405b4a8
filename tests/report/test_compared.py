"""Comparisons of two runs: paired, symmetric, and refused where texts differ."""

import dataclasses
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp.measure.cube import Evaluation
from jaxdisp.measure.degradation import degradation
from jaxdisp.measure.disparity import disparity_change
from jaxdisp.report import compared, compared_files, compared_lines
from jaxdisp.stats import multiplicity
from tests.report import finished

LANGUAGES = ["de", "en", "he", "ru"]
N = 24
GROUPS = [place // 2 for place in range(N)]


def table(seed, scale=1.0):
    noise = jax.random.normal(jax.random.key(seed), (len(LANGUAGES), N))
    return scale * np.asarray(noise, np.float64)


FULL = 40 + table(0, 5.0)
NOISE = table(1)
LEVEL = np.array([[0.5], [1.0], [2.0], [4.0]])


def losses(lost, full=FULL, languages=LANGUAGES, lines=range(1, N + 1)):
    places = [LANGUAGES.index(name) for name in languages]
    at = np.ix_(places, [line - 1 for line in lines])
    sizes = np.arange(len(LANGUAGES) * N).reshape(len(LANGUAGES), N) + 50
    return {
        "languages": list(languages),
        "lines": list(lines),
        "groups": [GROUPS[line - 1] for line in lines],
        "n_tokens": sizes[at].tolist(),
        "n_bytes": sizes[at].tolist(),
        "full": full[at].tolist(),
        "quantized": (full + lost)[at].tolist(),
    }


def run(name, lost, **changes):
    given = {
        key: changes.pop(key)
        for key in ("full", "languages", "lines")
        if key in changes
    }
    return finished.recorded(pathlib.Path(name), losses(lost, **given), **changes)


FIRST = run("first", LEVEL + NOISE)
SECOND = run("second", LEVEL * 1.5 + NOISE + table(2, 0.1))
OTHER_TEXT = {"hashes": {"weights": "aa", "tokenizer": "bb", "corpus": "dd"}}


def rows_of(found):
    return {row["language"]: row for row in found["degradation_compared"]}


def measures_of(found):
    return {row["measure"]: row for row in found["disparity_compared"]}


def test_estimates_are_those_of_the_sentences():
    found = compared.compare(FIRST, SECOND)
    one, other = (LEVEL + NOISE), (LEVEL * 1.5 + NOISE + table(2, 0.1))
    for place, name in enumerate(LANGUAGES):
        row = rows_of(found)[name]
        # six digits are stored
        assert row["d_sent_first"] == pytest.approx(one[place].mean(), rel=1e-5)
        assert row["d_sent_second"] == pytest.approx(other[place].mean(), rel=1e-5)
        expected = other[place].mean() - one[place].mean()
        assert row["d_sent_change"] == pytest.approx(expected, rel=1e-5)
        assert row["full_first"] == pytest.approx(FULL[place].mean(), rel=1e-5)
        assert row["full_change"] == 0
    means = [each.mean(axis=1) for each in (one, other)]
    for name, of in {"mean": np.mean, "worst": np.max, "max_min": np.ptp}.items():
        row = measures_of(found)[name]
        assert row["first"] == pytest.approx(of(means[0]), rel=1e-5)
        assert row["change"] == pytest.approx(of(means[1]) - of(means[0]), rel=1e-4)
    assert measures_of(found)["worst"]["first_language"] == "ru"


def evaluation(*added):
    sizes = jnp.ones((len(LANGUAGES), N), int)
    cells = jnp.asarray(np.stack(added), jnp.float32)
    return Evaluation(nll=cells, n_tokens=sizes, n_bytes=sizes)


def test_intervals_are_those_of_other_paired_measures():
    """What degradation and changes of disparity say of the same resamples."""
    found = compared.compare(FIRST, SECOND)
    one, other = (LEVEL + NOISE), (LEVEL * 1.5 + NOISE + table(2, 0.1))
    pair, key, groups = evaluation(one, other), jax.random.key(1), np.asarray(GROUPS)
    change = degradation(pair, pair.nll[0], groups, key=key, vocabulary=9).per_sentence
    level = disparity_change(
        pair, jnp.zeros_like(pair.nll[0]), groups, target=1, key=key
    )
    for place, name in enumerate(LANGUAGES):
        row = rows_of(found)[name]
        bounds = [change.low[1, place], change.high[1, place]]
        # float32 losses against differences of float64
        assert row["d_sent_change_low"] == pytest.approx(float(bounds[0]), abs=1e-4)
        assert row["d_sent_change_high"] == pytest.approx(float(bounds[1]), abs=1e-4)
    for name in ("mean", "worst", "max_min"):
        row = measures_of(found)[name]
        assert row["change_low"] == pytest.approx(float(level[name].low[0]), abs=1e-4)
        assert row["change_high"] == pytest.approx(float(level[name].high[0]), abs=1e-4)


def test_pairing_removes_what_both_runs_share():
    """The noise of sentences is in both, and not in their difference."""
    row = rows_of(compared.compare(FIRST, SECOND))["ru"]
    widths = {
        name: row[f"d_sent_{name}_high"] - row[f"d_sent_{name}_low"]
        for name in ("first", "change")
    }
    assert widths["change"] < 0.25 * widths["first"]


def test_the_other_way_round_signs_turn():
    there, back = (
        compared.compare(*pair) for pair in ((FIRST, SECOND), (SECOND, FIRST))
    )
    for name, row in rows_of(there).items():
        other = rows_of(back)[name]
        assert row["d_sent_change"] == -other["d_sent_change"]
        # quantiles of 2000 draws, mirrored
        assert row["d_sent_change_low"] == pytest.approx(
            -other["d_sent_change_high"], abs=5e-3
        )
    assert compared_lines.verdict(there).startswith("The second run loses 0.9")
    assert " more than the first in the mean of 4 languages" in compared_lines.verdict(
        there
    )
    assert " less than the first" in compared_lines.verdict(back)


def test_a_run_does_not_differ_from_itself():
    found = compared.compare(FIRST, FIRST)
    for row in found["degradation_compared"]:
        assert [row[f"d_sent_change{end}"] for end in ("", "_low", "_high")] == [
            0,
            0,
            0,
        ]
        assert (row["p_holm"], row["verdict"]) == (1.0, "inconclusive")
    assert compared_lines.verdict(found).startswith("Inconclusive: ")
    assert "4 are inconclusive" in compared_lines.sentences(found)[0]


def test_verdicts_are_corrected_for_the_number_of_languages():
    lost = LEVEL + NOISE + table(3) + np.array([[0.0], [0.5], [0.3], [4.0]])
    found = compared.compare(FIRST, run("second", lost))
    rows = [rows_of(found)[name] for name in LANGUAGES]
    p = np.array([row["p"] for row in rows])
    expected = multiplicity.holm(p)
    for row, corrected in zip(rows, expected, strict=True):
        assert row["p_holm"] == pytest.approx(corrected, rel=1e-5)
        assert (row["verdict"] != "inconclusive") == (corrected < 0.05)
    assert rows[3]["verdict"] == "loses more"
    assert rows[0]["verdict"] == "inconclusive"


def test_what_only_one_has_is_left_out_and_said():
    other = run(
        "second",
        LEVEL + 1 + NOISE,
        languages=["ru", "he", "en"],
        lines=range(5, 21),
        **OTHER_TEXT,
    )
    found = compared.compare(FIRST, other)
    assert found["languages"] == ["en", "he", "ru"]
    assert (found["only_in_first"], found["only_in_second"]) == (["de"], [])
    assert (found["n_sentences"], found["n_groups"]) == (16, 8)
    expected = (LEVEL + NOISE)[3, 4:20].mean()
    assert rows_of(found)["ru"]["d_sent_first"] == pytest.approx(expected, rel=1e-5)
    said = compared_lines.sentences(found)
    assert "Left out, as only the first has them: de." in said
    assert "Compared on the 16 sentences in common, of 24 and 16." in said
    assert "Only 8 texts: take these intervals with caution." in said


def test_other_models_are_compared_in_full_precision_too():
    hashes = {"weights": "zz", "tokenizer": "bb", "corpus": "cc"}
    found = compared.compare(
        FIRST, run("second", LEVEL + NOISE, full=FULL + 3, hashes=hashes)
    )
    assert not found["same_model"]
    for row in found["degradation_compared"]:
        assert row["full_change"] == pytest.approx(3.0, rel=1e-5)
        assert row["d_sent_change"] == pytest.approx(0, abs=1e-5)
    assert "Losses in full precision, nats per sentence:" in compared_lines.lines(found)


def test_a_reference_gives_the_contrast():
    found = compared.compare(FIRST, SECOND, reference="ru")
    means = [
        (LEVEL * f + NOISE + x).mean(axis=1) for f, x in ((1, 0), (1.5, table(2, 0.1)))
    ]
    gaps = [mean[:3].mean() - mean[3] for mean in means]
    row = measures_of(found)["difference"]
    assert row["first"] == pytest.approx(gaps[0], rel=1e-4)
    assert row["change"] == pytest.approx(gaps[1] - gaps[0], rel=1e-4)
    without = measures_of(compared.compare(FIRST, SECOND))["difference"]
    assert without["change"] is None
    assert "name a --reference language" in without["reason"]
    with pytest.raises(ValueError, match="reference xx: must be one of"):
        compared.compare(FIRST, SECOND, reference="xx")


def without_losses():
    found = {k: v for k, v in FIRST.found.items() if k != "sentence_losses"}
    return dataclasses.replace(FIRST, found=found | {"command": "search"})


def longer():
    other = run("second", LEVEL, languages=LANGUAGES[:2], **OTHER_TEXT)
    other.found["sentence_losses"]["n_bytes"][1][4] += 1
    return other


def regrouped():
    other = run("second", LEVEL, languages=LANGUAGES[:2], **OTHER_TEXT)
    other.found["sentence_losses"]["groups"][3] = 11
    return other


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (without_losses(), "first: has no losses of sentences .jaxdisp search."),
        (
            run("second", LEVEL, **OTHER_TEXT),
            r"not on the same text .*SHA-256 cc and dd",
        ),
        (longer(), "line 5 of en has 78 bytes there and 79 here"),
        (regrouped(), "sentences stand in other texts"),
        (run("second", LEVEL, lines=[1, 2], **OTHER_TEXT), "one text in common with"),
        (run("second", LEVEL, lines=[], **OTHER_TEXT), "no language and sentence in"),
    ],
)
def test_what_cannot_be_compared_is_refused(second, message):
    with pytest.raises(ValueError, match=message):
        compared.compare(FIRST, second)


def test_files_of_a_comparison():
    found = compared.compare(FIRST, SECOND)
    tables = compared_files.written_tables(found)
    assert tables["tables/comparison.csv"].decode().count("\n") == 5
    assert tables["tables/comparison_disparity.csv"].decode().count("\n") == 5
    (drawn,) = compared_files.illustrations(found)
    assert drawn.section == "comparison"
    lost, change = drawn.figure.axes
    labels = [text.get_text() for text in lost.get_yticklabels()]
    assert labels == [row["language"] for row in found["degradation_compared"]][::-1]
    assert "nats" in change.get_xlabel()
    page = compared_files.page(found, {"arguments": ["compare"]}, [drawn])
    assert b"![Two panels" in page["report.md"]
