"""T-001: planted correlations, the rate of errors without any, and small models."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest
from scipy import stats

from jaxdisp.claims import experiment, finding, information_content, losses, subjects
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import layer_information
from jaxdisp.measure.layer_information import Carried
from jaxdisp.models import decoder
from jaxdisp.models import model as models
from jaxdisp.report.hypotheses import information_content as drawing
from tests.measure import tiny

KEY = jax.random.key(1)
N_LAYERS = 12
LAYERS = np.arange(N_LAYERS, dtype=float)


def carried(bits, entropy):
    blank = np.zeros(N_LAYERS)
    return Carried(
        bits=bits,
        bits_low=bits - 1,
        bits_high=bits + 1,
        before=bits,
        gaussian=blank,
        entropy=entropy,
    )


def layers(variance, values, control):
    return information_content.Layers(
        variance=variance,
        critical=values,
        critical_low=values - 1,
        critical_high=values + 1,
        carried=carried(values, values),
        control_critical=control,
        control=carried(control, control),
    )


def uniform(number, n=N_LAYERS):
    key = jax.random.fold_in(KEY, number)
    return np.asarray(jax.random.uniform(key, (n,)), float)


def verdicts(found, draws=200):
    return [
        each.verdict for each in information_content.decide(found, key=KEY, draws=draws)
    ]


def test_a_planted_correlation_holds_and_its_opposite_fails():
    noise = 0.1 * uniform(0)
    rising = layers(LAYERS, LAYERS / 12 + noise, uniform(1))
    assert verdicts(rising) == ["holds"] * 3
    falling = layers(LAYERS, -LAYERS / 12 + noise, uniform(1))
    assert verdicts(falling) == ["fails"] * 3


def test_a_control_that_shows_it_as_well_objects():
    found = layers(LAYERS, LAYERS + uniform(0), LAYERS + uniform(1))
    decided = information_content.decide(found, key=KEY, draws=200)
    assert [each.verdict for each in decided] == ["inconclusive"] * 3
    assert all("the control shows it as well" in each.reason for each in decided)


def test_without_an_effect_few_hold():
    """Seventy seeds of three claims with numbers of their own."""
    held = 0
    for seed in range(70):
        values = [uniform(6 * seed + place) for place in range(6)]
        found = layers(LAYERS, values[0], values[1]).replace(
            carried=carried(values[2], values[3]), control=carried(values[4], values[5])
        )
        held += verdicts(found, draws=10).count("holds")
    # one side of 5 %, and three errors of 210 decisions
    assert held / 210 < 0.025 + 3 * np.sqrt(0.025 * 0.975 / 210)


def test_the_first_layer_is_taken_out_in_words():
    values = LAYERS.copy()
    values[0] = 100.0
    found = layers(LAYERS, values, uniform(3))
    first = information_content.decide(found, key=KEY, draws=200)[0]
    others = [
        stats.spearmanr(np.delete(LAYERS, layer), np.delete(values, layer)).statistic
        for layer in range(N_LAYERS)
    ]
    said = f"1.00 without layer 0 (any one: {min(others):.2f} to {max(others):.2f})"
    assert said in first.reason
    # ranks 12, 1, 2, ..., 11 against 1 to 12: 1 - 6 (11^2 + 11) / (12 (12^2 - 1))
    assert first.estimate == pytest.approx(1 - 6 * 132 / (12 * 143), abs=1e-6)
    assert len(first.reason) < 220
    rows = information_content.correlations(found, key=KEY)
    own = {(row["x"], row["y"]): row["estimate"] for row in rows}
    assert own["weight variance", "layer number"] == pytest.approx(1.0)
    pair = ("weight variance", "bits about the input token")
    assert own[pair] == pytest.approx(first.estimate)
    assert own["weight variance", "Gaussian entropy"] is None


def test_constant_or_missing_numbers_are_not_applicable():
    found = layers(np.ones(N_LAYERS), uniform(0), uniform(1))
    assert verdicts(found) == ["not applicable"] * 3
    missing = layers(LAYERS, np.full(N_LAYERS, np.nan), uniform(1))
    assert verdicts(missing) == ["not applicable"] * 3
    lost = layers(LAYERS, LAYERS, np.full(N_LAYERS, np.nan))
    assert verdicts(lost) == ["holds"] * 3


def test_a_small_model_is_not_applicable(tmp_path):
    model = models.load(tiny.write_model(tmp_path / "model"))
    text = corpora.load_corpus(tiny.write_corpus(tmp_path / "corpus"))
    outcome = information_content.run(subjects.make_subject(model, text))
    reasons = {each.reason for each in outcome.findings}
    assert reasons == {"needs at least 6 layers, got 3"}
    deep = models.load(tiny.write_model(tmp_path / "deep", n_layer=6))
    three = corpora.keep(text, range(5))
    outcome = information_content.run(subjects.make_subject(deep, three))
    assert {each.reason for each in outcome.findings} == {
        "needs at least 4 texts, got 2"
    }
    outcome = information_content.run(subjects.make_subject(deep, text))
    assert all("needs at least 500 tokens" in each.reason for each in outcome.findings)


def test_variance_is_of_all_weights_of_a_layer(tmp_path):
    model = models.load(tiny.write_model(tmp_path))
    found = information_content.weight_variance(model)
    blocks = [
        np.asarray(decoder.leaf(model.params, tensor.path), float)
        for tensor in model.architecture.tensors(model.config)
        if tensor.stacked and tensor.role == "matrix"
    ]
    assert len(blocks) == 4
    for layer in range(3):
        together = np.concatenate([block[layer].ravel() for block in blocks])
        assert found[layer] == pytest.approx(together.var(), rel=1e-6)


@pytest.fixture(scope="module")
def outcome():
    subject = subjects.open_subject(languages=["am", "en"], limit=16, few=8)
    with jax.numpy_dtype_promotion("strict"):
        return subject, information_content.run(subject)


def test_the_embedded_model_end_to_end(outcome):
    subject, found = outcome
    assert isinstance(found, experiment.Outcome)
    rows = found.tables["layers"]
    assert [row["layer"] for row in rows] == list(range(12))
    # the token is there after the first layer, and the one before only in part
    assert rows[0]["bits"] > 2 * rows[0]["before"] > 0
    lost = losses.layer_losses(subject)
    assert rows[3]["critical"] == pytest.approx((lost.alone[3] - lost.full).mean())
    assert [each.id for each in found.findings] == ["T-001", "T-001b", "T-001c"]
    for each in found.findings:
        assert isinstance(each, finding.Finding)
        assert each.verdict in {"holds", "fails", "inconclusive"}
        assert len(each.reason) < 220
    for row in found.tables["correlations"]:
        # where it is 1, so are its bounds but for rounding
        bounds = [-1, row["low"] - 1e-9, row["estimate"], row["high"] + 1e-9, 1 + 1e-9]
        assert bounds == sorted(bounds)


def test_the_figure_is_drawn_from_rows_alone(outcome):
    tables = outcome[1].tables
    rows = [dict(row, bits_low=None, control_entropy=None) for row in tables["layers"]]
    figure = drawing.figure({"layers": rows})
    assert len(figure.axes) == 3
    assert len(figure.axes[0].lines) == 2


def test_tokens_are_taken_with_the_one_before():
    model = models.load()
    text = corpora.spread(corpora.load_corpus(languages=["en", "sw"]), 4)
    taken = layer_information.take_tokens(model, text, None)
    encoded = [
        [model.start, *model.tokenizer.encode(line, add_special_tokens=False).ids]
        for language in text.sentences
        for line in language
    ]
    pairs = [pair for ids in encoded for pair in itertools.pairwise(ids[:-1])]
    seen = list(zip(taken.before.tolist(), taken.token.tolist(), strict=True))
    assert seen == pairs
    counts = np.bincount(taken.token)
    assert counts[taken.frequent].min() >= np.delete(counts, taken.frequent).max()
    assert taken.values.shape == (12, len(pairs), 160)
    assert set(taken.group.tolist()) == set(text.groups)


def test_states_that_are_no_numbers_carry_no_number():
    values = np.full((2, 5, 3), np.nan, np.float32)
    blank = np.zeros(5, int)
    tokens = layer_information.Tokens(
        values=values, token=blank, before=blank, group=blank, frequent=blank[:1]
    )
    found = layer_information.measure_carried(tokens, KEY)
    for field in dataclasses.fields(found):
        assert np.isnan(getattr(found, field.name)).all()
