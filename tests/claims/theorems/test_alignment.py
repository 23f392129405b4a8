"""Alignment: check, counterexample, planted bugs, and what a model says."""

import jax
import numpy as np
import pytest

from jaxdisp.claims import losses
from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.theorems import alignment, alignment_on_model
from jaxdisp.measure import matrix_errors
from tests.claims import subject as made
from tests.claims.theorems import reversal

MODULE = "jaxdisp.claims.theorems.alignment"
MUTATIONS = [
    ("T5", "moments_en - moments_other)", "moments_other - moments_en)"),
    (
        "T5",
        "mixture(low) + (high - low) * slope",
        "mixture(low) - (high - low) * slope",
    ),
    ("T5", "(errors**2).sum(axis=2)", "abs(errors).sum(axis=2)"),
]
(T5,) = alignment.THEOREMS


def kept(_, compute):
    return compute()


def evidence(subject):
    return Evidence(subject=subject, findings={}, causes=None, kept=kept)


def test_no_instance_contradicts():
    found = T5.check(jax.random.key(1), 200)
    assert (found.n, found.violations) == (200, 0)
    assert abs(found.tightest) < 1e-11


@pytest.mark.parametrize(("name", "old", "new"), MUTATIONS)
def test_planted_bugs_are_seen(name, old, new):
    assert reversal.violations(MODULE, old, new, name) > 0


def test_three_quantizers():
    values = list(T5.counterexample().values.values())
    expected = [0.05, 0.05, 0.05, 1.0, 0.55, 0.1, 0.1, 0.6, 1.1]
    np.testing.assert_allclose(values, expected, rtol=1e-12)


def test_loss_of_tokens_that_are_mixed():
    """A language whose tokens are English with probability a loses the mixture."""
    one, two, three = jax.random.split(jax.random.key(5), 3)
    english, other = (
        np.asarray(jax.random.normal(key, (40, 3)), np.float64) * scale
        for key, scale in ((one, [3.0, 1, 0.1]), (two, [0.1, 1, 2]))
    )
    change = np.asarray(jax.random.normal(three, (2, 3)), np.float64)
    moments = english.T @ english / 40, other.T @ other / 40
    tokens = np.concatenate([english, english, english, other])  # a = 3/4
    direct = np.mean([np.sum((change @ x) ** 2) for x in tokens])
    assert alignment.loss(change, 0.75, moments) == pytest.approx(direct, rel=1e-12)


def test_a_model_says_something():
    ev = evidence(made.tiny())
    found = alignment_on_model.slopes(ev)
    assert found["reference"] == "en"
    # three layers of four matrices
    assert len(found["rows"]) == 12
    for row in found["rows"]:
        assert row["low"] <= row["log"] <= row["high"] <= row["sure_high"]
    judged = alignment_on_model.judge_operator(ev)
    assert judged.id == "T5"
    assert judged.estimate == min(row["log"] for row in found["rows"])
    assert "of 12 matrices" in judged.reason


def test_slope_is_that_of_second_moments():
    """The same sign and size from moments of all tokens of each language."""

    ev = evidence(made.tiny())
    few = ev.subject.few
    tokens, sums = matrix_errors.matrix_errors(
        ev.subject.model, few, losses.rounded(ev.subject)
    )
    row = alignment_on_model.slopes(ev)["rows"][5]
    (path,) = (p for p in sums if ".".join(p[1:-1]) == row["matrix"])
    by_language = sums[path].error[row["layer"]].sum(axis=1) / tokens.sum(axis=1)
    english = few.languages.index("en")
    others = np.delete(by_language, english).mean()
    assert row["log"] == pytest.approx(np.log(others / by_language[english]), rel=1e-9)


@pytest.mark.parametrize(
    ("logs", "verdict"),
    [
        ([(0.5, 0.4, 0.6, 0.7), (0.2, 0.1, 0.3, 0.4)], "holds"),
        ([(0.5, 0.4, 0.6, 0.7), (-0.2, -0.3, -0.1, -0.05)], "fails"),
        ([(0.5, 0.4, 0.6, 0.7), (-0.2, -0.3, -0.1, 0.05)], "inconclusive"),
    ],
)
def test_verdicts(logs, verdict):
    names = ("log", "low", "high", "sure_high")
    rows = [
        {"layer": 0, "matrix": "up", "relative": 0.1}
        | dict(zip(names, each, strict=True))
        for each in logs
    ]
    stored = {"reference": "en", "texts": 9, "rows": rows}
    ev = Evidence(subject=made.tiny(), findings={}, causes=None, kept=lambda *_: stored)
    assert alignment_on_model.judge_operator(ev).verdict == verdict


def test_nothing_that_rounding_changes():
    stored = {"reference": "en", "texts": 2, "rows": []}
    ev = Evidence(subject=made.tiny(), findings={}, causes=None, kept=lambda *_: stored)
    found = alignment_on_model.judge_operator(ev)
    assert found.verdict == "not applicable"
    assert "needs 3 texts of 2 languages" in found.reason
