"""T-006: errors that cancel, that agree, and that do neither."""

import dataclasses
import json

import jax
import numpy as np

from jaxdisp import measure, models
from jaxdisp.claims import error_correlation as claims
from jaxdisp.claims import subjects
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import error_geometry, logit_errors
from jaxdisp.models import decoder
from jaxdisp.report.hypotheses import error_correlation as figures
from tests.claims import subject as made
from tests.models import small

SEEDS, LAYERS, TEXTS, LANGUAGES, LOGITS = 200, 8, 16, 2, 150
GROUPS = np.repeat(np.arange(TEXTS), 1)
NAMES = ("aa", "bb")
BY_CHANCE = 12
"""Of 200 tries at 2.5 %, a count above this has a probability of 0.2 %."""


def normal(name, shape, seed):
    key = jax.random.fold_in(jax.random.key(seed), sum(name.encode()))
    return np.asarray(jax.random.normal(key, shape), np.float64)


def measured(seed, *, cancel=0.0, common=0.0, obeyed=1.0, noise=1.0):
    """Errors at the logits, and interactions that obey their products."""
    shape = (LANGUAGES, TEXTS, LAYERS, LOGITS)
    errors = normal("errors", shape, seed)
    errors[:, :, -1] -= cancel * errors[:, :, 0]
    weights = common * normal("weights", (LAYERS, 1), seed)
    errors += weights * normal("common", (LANGUAGES, TEXTS, 1, LOGITS), seed)
    products = np.einsum("lsix,lsjx->lsij", errors, errors)
    pairs = np.moveaxis(error_geometry.pairs(products), -1, 0)
    spread = noise * np.sqrt(LOGITS)
    return claims.Measured(
        fisher=products,
        plain=products,
        interaction=obeyed * pairs + spread * normal("nll", pairs.shape, seed),
    )


def decided(seed, **planted):
    outcome = claims.decide(
        measured(seed, **planted), NAMES, GROUPS, key=jax.random.key(seed), draws=50
    )
    return outcome, [each.verdict for each in outcome.findings]


def test_independent_errors_hold_and_common_ones_fail():
    assert decided(0)[1][0] == "holds"
    outcome, verdicts = decided(0, common=1.0)
    assert verdicts[0] == "fails"
    assert verdicts[2] == "holds"  # and then they predict interactions
    assert figures.figure(outcome.tables).axes


def test_errors_that_cancel_by_construction_hold():
    outcome, verdicts = decided(1, cancel=1.0)
    assert verdicts[1] == "holds"
    # e and -e + noise as large
    np.testing.assert_allclose(outcome.findings[1].estimate, 0.5**0.5, atol=0.05)
    assert decided(1, cancel=-1.0)[1][1] == "fails"


def test_verdicts_where_there_is_nothing():
    counts = np.zeros(2)
    fails = 0
    for seed in range(SEEDS):
        _, verdicts = decided(seed, obeyed=0.0)
        assert verdicts[0] == "holds"
        counts += [verdict == "holds" for verdict in verdicts[1:]]
        fails += verdicts[1] == "fails"
    assert np.all(counts <= BY_CHANCE), counts
    assert fails > 0.5 * SEEDS  # correlations are known to 0.02: below -0.05 is refuted


def test_interactions_of_other_texts_are_not_predicted():
    # errors that differ between texts, so that each text has interactions of its own
    outcome, _ = decided(2, noise=0.1)
    row = outcome.tables["prediction"][0]
    assert row["by_text"] > 0.9
    assert row["by_other_text_low"] < 0 < row["by_other_text_high"] < 0.5
    assert row["slope_low"] < 1 < row["slope_high"]


def opposite(model):
    """A version in which the last layer takes back what the first one adds."""
    leaves = {
        tensor.path: decoder.leaf(model.params, tensor.path)
        for tensor in model.architecture.tensors(model.config)
    }
    path = ("blocks", "mlp", "down", "bias")
    change = 0.3 * small.normal("change", leaves[path].shape[1:])
    leaves[path] = leaves[path].at[0].add(change).at[-1].add(-change)
    return decoder.assemble(leaves)


def test_a_model_whose_layers_cancel_end_to_end():
    subject = made.tiny()
    # layers between that add nothing pass errors on as they are
    params = jax.tree.map(lambda x: x, subject.model.params)
    blocks = params["blocks"]
    quiet = {
        name: jax.tree.map(lambda x: 0 * x, part)
        if name in ("mlp", "attention")
        else part
        for name, part in blocks.items()
    }
    model = dataclasses.replace(subject.model, params=params | {"blocks": quiet})
    version = opposite(model)
    n_layers = model.config.n_layers
    sites = np.concatenate([np.zeros((1, n_layers), int), np.eye(n_layers, dtype=int)])
    states = dict(logit_errors.final_states(model, subject.few, version, sites))
    found = logit_errors.error_products(model, states["en"], subject.few.n_sentences)
    groups = np.array(subject.few.groups)
    texts = error_geometry.by_text(found.fisher, groups)
    table = error_geometry.correlations(texts.sum(axis=0))
    # the final norm bends a large error a little
    assert table[0, -1] < -0.8
    assert not table[1, [0, 2]].any()


def test_the_embedded_model_on_little_text():
    text = corpora.spread(measure.load_corpus(None, ("sw",)), 5)
    subject = subjects.make_subject(models.load(), text, few=5)
    outcome = claims.EXPERIMENT.run(subject)
    assert [each.id for each in outcome.findings] == ["T-006", "T-006b", "T-006c"]
    assert outcome.findings[0].verdict != "not applicable"
    rows = outcome.tables["pairs"]
    assert len(rows) == 66
    assert all(abs(row["correlation"]) < 0.5 for row in rows)
    json.dumps(outcome.tables, allow_nan=False)


def test_the_same_key_gives_the_same_outcome():
    assert decided(3)[0] == decided(3)[0]


def test_too_few_layers_or_texts_are_told():
    outcome = claims.EXPERIMENT.run(made.tiny())
    assert "needs at least 6 layers, got 3" in outcome.findings[0].reason
    text = corpora.spread(measure.load_corpus(None, ("en",)), 3)
    outcome = claims.EXPERIMENT.run(subjects.make_subject(models.load(), text))
    assert "needs at least 5 texts, got 3" in outcome.findings[2].reason
    assert {each.verdict for each in outcome.findings} == {"not applicable"}
