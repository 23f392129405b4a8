"""Information flow: planted decays and gaps, the rate of errors, and small models."""

import jax
import numpy as np
import pytest

from jaxdisp.claims import information_flow, subjects
from jaxdisp.measure import corpus as corpora
from jaxdisp.models import model as models
from jaxdisp.models.quantized import Quantizer
from jaxdisp.report.hypotheses import information_flow as drawing
from tests.measure import tiny

KEY = jax.random.key(4)
TEXTS, LANGUAGES, LAYERS = 16, 16, 12
SIDES = np.repeat([[1.0, 0.0], [0.0, 1.0]], 8, axis=1) / 8
"""The first eight languages have little training text."""


def normal(number, shape):
    key = jax.random.fold_in(KEY, number)
    return np.asarray(jax.random.normal(key, shape), float)


def with_texts(bits, number, error=0.02):
    """Means over texts of noise, and the same without each."""
    texts = bits + error * normal(number, (TEXTS, LANGUAGES, LAYERS))
    left_out = (texts.sum(axis=0) - texts) / (TEXTS - 1)
    return texts.mean(axis=0), left_out


def flow(seed, *, fall=0.0, gap=0.0, control_fall=0.0, spread=0.02, predicts=False):
    """Bits that fall with depth; the low side has `gap` less at the last layer."""
    place = np.linspace(0, 1, LAYERS)
    own = spread * normal(4 * seed, (LANGUAGES, 1)) * place
    low = np.where(np.arange(LANGUAGES) < 8, 1.0, 0.0)[:, None]
    bits, left_out = with_texts(
        3 - fall * place + own - gap * low * place, 4 * seed + 1
    )
    control, control_left_out = with_texts(
        np.tile(3 - control_fall * place, (LANGUAGES, 1)), 4 * seed + 2
    )
    noise = normal(4 * seed + 3, (2, LANGUAGES))
    return information_flow.Flow(
        bits=bits,
        left_out=left_out,
        control=control,
        control_left_out=control_left_out,
        degradation=-bits[:, -1] + 0.01 * noise[0] if predicts else noise[0],
        tokens=noise[1],
        sides=SIDES,
    )


def decided(found, draws=200):
    return information_flow.decide(found, key=KEY, draws=draws)


def test_planted_effects_hold():
    found = decided(flow(0, fall=0.7, gap=0.4, spread=0.1, predicts=True))
    assert [each.verdict for each in found] == ["holds"] * 3
    assert found[0].estimate == pytest.approx(0.7 + 0.2, abs=0.1)
    assert found[1].estimate == pytest.approx(0.4, abs=0.1)
    assert all(len(each.reason) < 220 for each in found)


def test_effects_that_are_absent_or_opposite_fail():
    found = decided(flow(1, fall=-0.3, gap=-0.3))
    assert [each.verdict for each in found[:2]] == ["fails"] * 2
    opposite = flow(2, spread=0.5, predicts=True)
    opposite = opposite.replace(degradation=-opposite.degradation)
    assert decided(opposite)[2].verdict == "fails"


def test_a_control_that_decays_as_well_objects():
    found = decided(flow(3, fall=0.7, control_fall=1.0))[0]
    assert found.verdict == "inconclusive"
    assert "1.0" in found.reason.split("but the control shows it as well")[1]


def test_languages_that_differ_at_random_are_no_gap():
    """Texts show a gap beyond doubt, yet sorting languages at random shows it too."""
    gaps, held = 0, 0
    for seed in range(200):
        found = decided(flow(seed, spread=1.0), draws=100)[1]
        gaps += found.interval[0] > 0
        held += found.verdict == "holds"
    assert gaps > 60
    # one-sided, 5 %, and three errors of 200 seeds
    assert held / 200 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_without_an_effect_few_hold():
    holds = np.zeros(3)
    for seed in range(200):
        holds += [each.verdict == "holds" for each in decided(flow(seed), draws=20)]
    # one side of 5 %, and three errors of 200 seeds
    assert np.all(holds / 200 < 0.025 + 3 * np.sqrt(0.025 * 0.975 / 200)), holds


def test_the_decay_is_that_of_a_fitted_line():
    bits = normal(9, (3, LANGUAGES, LAYERS))
    expected = [
        -(LAYERS - 1) * np.polyfit(np.arange(LAYERS), one.mean(axis=0), 1)[0]
        for one in bits
    ]
    np.testing.assert_allclose(information_flow.decay(bits), expected, atol=1e-9)


def test_what_is_unknown_is_not_applicable():
    found = flow(0, fall=0.7)
    unknown = decided(found.replace(sides=np.full((2, LANGUAGES), np.nan)))
    assert unknown[1].verdict == "not applicable"
    assert unknown[0].verdict == "holds"
    few = found.replace(
        bits=found.bits[:3],
        left_out=found.left_out[:, :3],
        control=found.control[:3] * np.nan,
        control_left_out=found.control_left_out[:, :3] * np.nan,
        degradation=found.degradation[:3],
        tokens=found.tokens[:3],
        sides=SIDES[:, [0, 1, 9]],
    )
    assert "at least 5 languages, got 3" in decided(few)[2].reason
    assert decided(few)[0].verdict == "holds"
    equal = decided(found.replace(degradation=np.ones(LANGUAGES)))
    assert equal[2].verdict == "not applicable"


def test_a_small_corpus_or_model_is_not_applicable(tmp_path):
    text = corpora.load_corpus(tiny.write_corpus(tmp_path / "corpus"))
    model = models.load(tiny.write_model(tmp_path / "model"))
    outcome = information_flow.run(subjects.make_subject(model, text))
    assert all("needs at least 320 tokens" in one.reason for one in outcome.findings)
    shallow = models.load(tiny.write_model(tmp_path / "shallow", n_layer=2))
    outcome = information_flow.run(subjects.make_subject(shallow, text))
    assert {one.reason for one in outcome.findings} == {
        "needs at least 3 layers, got 2"
    }


@pytest.fixture(scope="module")
def outcome():
    subject = subjects.open_subject(languages=["am", "en"], limit=16, few=8)
    with jax.numpy_dtype_promotion("strict"):
        return information_flow.run(subject)


def test_the_embedded_model_end_to_end(outcome):
    first, second, third = outcome.findings
    assert first.id == "information-flow"
    assert first.estimate is not None
    assert third.verdict == "not applicable"
    assert all(len(one.reason) < 220 for one in outcome.findings)
    rows = outcome.tables["layers"]
    assert len(rows) == 2 * 12
    for row in rows:
        assert 1 < row["effective_bits"] < row["bits"] < 5
        assert 0 < row["moved"] < row["noise"] < 1
    last = outcome.tables["languages"]
    assert [row["language"] for row in last] == ["am", "en"]
    weights = np.array([row["bits"] for row in last])
    assert second.estimate == pytest.approx(weights[1] - weights[0])
    assert last[0]["bits_low"] < last[0]["bits"] < last[0]["bits_high"]


def test_a_quantizer_that_spares_the_layers_leaves_nothing_to_measure():
    subject = subjects.open_subject(
        languages=["am", "en"],
        limit=16,
        few=8,
        quantizer=Quantizer(include=("embeddings", "head")),
    )
    found = information_flow.run(subject).findings
    reason = "needs a quantizer that changes the layers' activations"
    assert {one.reason for one in found} == {reason}


def test_the_figure_is_drawn_from_rows_alone(outcome):
    tables = {
        name: [dict(row) for row in rows] for name, rows in outcome.tables.items()
    }
    tables["trend"][0]["bits_low"] = None
    tables["layers"][0]["bits"] = None
    tables["languages"][0]["bits_low"] = None
    figure = drawing.figure(tables)
    assert len(figure.axes) == 3
