"""T-002: planted laws hold, chance does not, and the measured model obeys the law."""

import json

import jax
import numpy as np
import pytest

from jaxdisp import measure, models
from jaxdisp.claims import relative_error as claims
from jaxdisp.claims import subjects
from jaxdisp.measure import corpus as corpora
from jaxdisp.models.quantized import Quantizer
from jaxdisp.models.shuffled import shuffled
from jaxdisp.report.hypotheses import relative_error as figures
from tests.claims import subject as made
from tests.models import small

SEEDS, LAYERS, MATRICES, SENTENCES = 200, 12, 4, 8
GROUPS = np.repeat(np.arange(4), 2)
BY_CHANCE = 12
"""Of 200 tries at 2.5 %, a count above this has a probability of 0.2 %."""


def normal(name, shape, seed):
    return small.normal(name, shape, seed).astype(np.float64)


def errors(seed, *, power=1.0, by_variance=0.0, elasticity=0.0):
    """Errors that follow a power of the law's, and perhaps the variance."""
    predicted = np.exp(0.4 * normal("predicted", (MATRICES, LAYERS), seed) - 3)
    variance = np.exp(normal("variance", (1, LAYERS), seed)) * np.ones((MATRICES, 1))
    noise = np.exp(0.01 * normal("rounding", (MATRICES, LAYERS), seed))
    error = predicted**power * variance**by_variance * noise
    scales = np.array(claims.SCALES)[:, None, None]
    return claims.MatrixErrors(
        absmax=error,
        exact=error / 3,
        predicted=predicted,
        crest=np.sqrt(588 * predicted),
        variance=variance,
        scaled=error * scales ** (2 * elasticity),
    )


def decided(seed, *, costs=None, **planted):
    found = errors(seed, **planted)
    if costs is None:
        costs = normal("cost", (LAYERS,), seed)
    sentences = costs + 0.01 * normal("sentence", (SENTENCES, LAYERS), seed)
    names = [f"matrix {number}" for number in range(MATRICES)]
    outcome = claims.decide(found, sentences, GROUPS, names, key=jax.random.key(seed))
    return outcome, [each.verdict for each in outcome.findings]


def test_planted_effects_hold():
    cost = np.log(errors(0).absmax).mean(axis=0)
    outcome, verdicts = decided(0, costs=cost, by_variance=-3.0, elasticity=-0.5)
    assert verdicts[0] == verdicts[3] == "holds"
    assert outcome.findings[3].estimate == pytest.approx(0.5, abs=1e-6)
    _, verdicts = decided(0, costs=cost)
    assert verdicts[1:] == ["holds", "holds", "fails"]
    assert decided(0, by_variance=3.0)[1][0] == "fails"
    outcome, verdicts = decided(0, power=0.7)
    assert verdicts[2] == "fails"
    assert outcome.tables["law"][0]["slope"] == pytest.approx(0.7, abs=0.02)


def test_chance_rarely_holds():
    counts = np.zeros(2)
    for seed in range(SEEDS):
        _, verdicts = decided(seed)
        counts += [verdict == "holds" for verdict in verdicts[:2]]
        assert verdicts[2:] == ["holds", "fails"]
    assert np.all(counts <= BY_CHANCE), counts


def test_a_real_model_obeys_the_law_and_its_shuffled_copy_has_the_same_errors():
    text = corpora.spread(measure.load_corpus(None, ("en",)), 4)
    subject = subjects.make_subject(models.load(), text, few=4)
    outcome = claims.EXPERIMENT.run(subject)
    assert [each.verdict for each in outcome.findings][2:] == ["holds", "fails"]
    matrices = outcome.tables["matrices"]
    assert len(matrices) == 12 * 4
    for row in matrices:
        np.testing.assert_allclose(row["predicted"], row["crest"] ** 2 / 588, rtol=1e-4)
        assert row["relative_error_clipped"] <= row["relative_error"] * (1 + 1e-5)
    own = claims.matrix_errors(subject)
    model = shuffled(subject.model, jax.random.key(3))
    other = claims.matrix_errors(subjects.make_subject(model, text, few=4))
    # sums of the same numbers in another order, in float32
    np.testing.assert_allclose(other.absmax, own.absmax, rtol=1e-4)
    np.testing.assert_allclose(other.crest, own.crest, rtol=1e-5)
    json.dumps(outcome.tables, allow_nan=False)
    figure = figures.figure(outcome.tables)
    assert len(figure.axes) == 2


def test_models_that_are_too_small_or_keep_their_matrices_are_told_so():
    outcome = claims.EXPERIMENT.run(made.tiny())
    assert {each.verdict for each in outcome.findings} == {"not applicable"}
    assert "needs at least 6 layers, got 3" in outcome.findings[0].reason
    text = corpora.spread(measure.load_corpus(None, ("en",)), 4)
    bare = subjects.make_subject(
        models.load(), text, quantizer=Quantizer(include=("embeddings", "head")), few=2
    )
    outcome = claims.EXPERIMENT.run(bare)
    assert "got none" in outcome.findings[0].reason
