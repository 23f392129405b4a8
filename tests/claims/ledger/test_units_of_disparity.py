"""Rows on units: published perplexities with nothing but math, and planted losses."""

import math
from typing import Any

import numpy as np
import pytest

from jaxdisp.claims import losses
from jaxdisp.claims.ledger import judgement, unit_facts
from jaxdisp.claims.ledger.units_of_disparity import ENTRIES
from jaxdisp.measure import cube
from tests.claims.ledger import planted
from tests.claims.subject import tiny

CLAIMS: dict[str, Any] = {entry.id: entry for entry in ENTRIES}
TEXTS, TOKENS, BYTES = 8, (40.0, 20.0), (90.0, 60.0)

# exp034_result.json, per cent of perplexity of Hebrew and English
PUBLISHED = {
    "U1": (971648.258461368, 4544.200465563847),
    "U2": (34993.95656839732, 5884.174135078882),
    "U3": (8970.434900917608, 11929.230332012427),
    "U4": (1296.5542593154346, 3508.6758741343465),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_four_units_of_one_run(name):
    low, high = (math.log(1 + each / 100) for each in PUBLISHED[name])
    expected = {
        "perplexity": PUBLISHED[name][0] / PUBLISHED[name][1],
        "token": low / high,
        "byte": (low * 46 / 67) / (high * 9 / 44),
        "sentence": low * 46 / (high * 9),
    }
    found = CLAIMS[name].recompute().values
    for unit, value in expected.items():
        assert found[unit] == pytest.approx(value, rel=1e-12)


def test_texts_have_as_many_bytes():
    english = "The quick brown fox jumps over the lazy dog."
    # 30 letters of two bytes each, six spaces and a full stop
    hebrew = "\u05d4\u05e9\u05d5\u05e2\u05dc \u05d4\u05d7\u05d5\u05dd "
    hebrew += "\u05d4\u05de\u05d4\u05d9\u05e8 \u05e7\u05d5\u05e4\u05e5 "
    hebrew += "\u05de\u05e2\u05dc \u05d4\u05db\u05dc\u05d1 "
    hebrew += "\u05d4\u05e2\u05e6\u05dc\u05df."
    assert (len(english.encode()), len(hebrew.encode())) == (44, 67)


def evidence(per_sentence, worst=5.0):
    """Losses per sentence by scheme and side, alike in all texts but for a little."""
    shaken = np.array([1 + 0.002 * (-1) ** text for text in range(TEXTS)])
    added = 3 * shaken[:, None] * np.array(per_sentence)[:, None]
    table = {
        "added": added.tolist(),
        "tokens": [[3 * x for x in TOKENS]] * TEXTS,
        "bytes": [[3 * x for x in BYTES]] * TEXTS,
        "sentences": [3] * TEXTS,
        "worst": worst,
        "left_out": [worst + 0.01 * (-1) ** text for text in range(TEXTS)],
        "language": "xx",
        "uniform": 8.0,
    }
    return planted.evidence({"units of disparity": table})


LEVEL = (4.0, 4.0)
"""As much by sentence; half as much per token of the low side."""


def test_ratios_by_sentence_and_token_apart():
    found = unit_facts.log_ratios(
        unit_facts.measured(evidence([(8.0, 2.0), LEVEL, LEVEL, LEVEL]))
    )
    at = {unit: float(rows[0, 0]) for unit, rows in found.items()}
    assert at["sentence"] == pytest.approx(math.log(4))
    assert at["token"] == pytest.approx(math.log(4 * 20 / 40))
    assert at["byte"] == pytest.approx(math.log(4 * 60 / 90))
    expected = math.log(math.expm1(8 / 40) / math.expm1(2 / 20))
    assert at["perplexity"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "schemes", "verdict"),
    [
        # 4 by sentence, 2 by token, 2.1 by per cent
        ("U1", [(8.0, 2.0), LEVEL, LEVEL, LEVEL], "fails"),
        ("U5", [(8.0, 2.0), LEVEL, LEVEL, LEVEL], "holds"),
        # of large losses, per cent is an exponential
        ("U5", [(400.0, 100.0), LEVEL, LEVEL, LEVEL], "fails"),
        ("U2", [(8.0, 2.0), LEVEL, LEVEL, LEVEL], "holds"),
        ("U2", [LEVEL, (2.0, 8.0), LEVEL, LEVEL], "fails"),
        ("U3", [LEVEL, LEVEL, LEVEL, LEVEL], "holds"),
        ("U3", [LEVEL, LEVEL, (8.0, 4.0), LEVEL], "fails"),
        ("U4", [LEVEL, LEVEL, LEVEL, (4.0, 8.0)], "holds"),
        ("U4", [LEVEL, LEVEL, LEVEL, (8.0, 4.0)], "fails"),
    ],
)
def test_verdicts_on_planted_losses(name, schemes, verdict):
    assert CLAIMS[name].on_model(evidence(schemes)).verdict == verdict


@pytest.mark.parametrize(("worst", "verdict"), [(5.0, "holds"), (9.0, "fails")])
def test_a_model_that_is_worse_than_guessing(worst, verdict):
    found = CLAIMS["U6"].on_model(evidence([LEVEL] * 4, worst))
    assert found.verdict == verdict


def test_a_side_that_gains_has_no_ratio():
    found = judgement.judged(CLAIMS["U1"], evidence([(-1.0, 2.0), *[LEVEL] * 3]))
    assert found.verdict == "not applicable"
    assert "low side" in found.reason


def test_measures_sums_over_sentences_of_a_text():
    subject = tiny()
    found = unit_facts.measured(planted.evidence())
    last = subject.model.config.n_layers - 1
    assert last == 2
    sites = np.array([[0, 0, 0], [1, 1, 1], [0, 1, 1], [0, 1, 0], [0, 1, 0]])
    nll = losses.evaluate(subject, sites)
    n_tokens, n_bytes = map(np.asarray, cube.sizes(subject.model, subject.few))
    # de is neither side's; the little trained one is low, English high
    order = [subject.few.languages.index(name) for name in ("ru", "en")]
    texts = np.unique(subject.few.groups)
    for place, text in enumerate(texts):
        rows = [i for i, name in enumerate(subject.few.groups) if name == text]
        assert found["sentences"][place] == len(rows)
        for side, language in enumerate(order):
            assert found["tokens"][place][side] == n_tokens[language, rows].sum()
            assert found["bytes"][place][side] == n_bytes[language, rows].sum()
            for scheme in range(4):
                added = (nll[1 + scheme] - nll[0])[language, rows].sum()
                # single precision, differences of sums of about 100 nats
                assert found["added"][scheme][place][side] == pytest.approx(
                    added, abs=1e-3
                )
    per_token = nll[1].sum(axis=1) / n_tokens.sum(axis=1)
    assert found["worst"] == pytest.approx(per_token.max(), rel=1e-5)
    assert found["uniform"] == math.log(subject.model.config.vocabulary)
