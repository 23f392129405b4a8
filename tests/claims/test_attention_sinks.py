"""Attention sinks: planted ones are found, chance is not, what cannot be is said."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp import measure, models
from jaxdisp.claims import attention_sinks, sink_tables, subjects
from jaxdisp.models import Quantizer, quantize
from jaxdisp.report.hypotheses import attention_sinks as figures
from tests.measure import tiny
from tests.models import small
from tests.models.architectures import drawn, every

SEEDS = 200
LAYERS, HEADS, LANGUAGES, TEXTS, PER_TEXT = 8, 2, 6, 12, 3
SENTENCES = TEXTS * PER_TEXT
TEXT = np.repeat(np.arange(TEXTS), PER_TEXT)
FEW = np.arange(0, SENTENCES, 2)
BY_CHANCE = 12
"""Of 200 tries at 2.5 %, a count above this has a probability of 0.2 %."""


def noise(seed, shape, size=1.0):
    """Normal numbers of which half the variance is of whole texts."""
    rng = jax.random.split(jax.random.key(seed))
    own = np.asarray(jax.random.normal(rng[0], (*shape, SENTENCES)), np.float64)
    texts = np.asarray(jax.random.normal(rng[1], (*shape, TEXTS)), np.float64)
    return size * (own + texts[..., TEXT]) / np.sqrt(2)


def sinks(seed, excess=0.0, other=0.0, null=0.0):
    # what is drawn is the mean over heads and languages, which all alike have
    drawn_ = noise(seed, (2, LAYERS), 0.1)

    def spread(values):
        shape = (LAYERS, HEADS, LANGUAGES, SENTENCES)
        return np.broadcast_to(values[:, None, None], shape)

    first = spread(excess + drawn_[0])
    return sink_tables.Sinks(
        first=first,
        rounded=first,
        other=spread(other + drawn_[1]),
        shift=np.ones(first.shape),
        rank=np.ones(first.shape),
        rest=np.ones(first.shape),
        chance=np.full((LANGUAGES, SENTENCES), 0.1),
        null=null + noise(seed + SEEDS, (LAYERS,), 0.1)[:, FEW],
        few=FEW,
        text=TEXT,
    )


def verdicts(found):
    return [each.verdict for each in found]


def test_planted_sinks_hold_and_chance_does_not():
    def decided(seed, **means):
        key = jax.random.key(seed)
        return attention_sinks.decide_existence(sinks(seed, **means), key)

    null = [decided(seed) for seed in range(SEEDS)]
    assert verdicts(null).count("holds") <= BY_CHANCE
    assert verdicts(null).count("fails") > 0.9 * SEEDS
    for each in (decided(seed, excess=0.1) for seed in range(20)):
        assert each.verdict == "holds"
        assert "; 0 of 14 heads give it over 0.3" in each.reason
    assert "; 14 of 14 heads" in decided(0, excess=0.3).reason


def test_controls_object():
    key = jax.random.key(0)
    found = attention_sinks.decide_existence(sinks(0, excess=0.2, other=0.4), key)
    assert found.verdict == "inconclusive"
    assert "another place gets 0.388" in found.reason
    found = attention_sinks.decide_existence(sinks(0, excess=0.2, null=0.4), key)
    assert found.verdict == "inconclusive"
    assert "with shuffled weights it gets 0.39" in found.reason


def changes(seed, ends=1.0):
    """Changes of layers that differ at random, two of them by a factor."""
    own, other = jax.random.split(jax.random.key(seed))
    layers = np.exp(0.3 * np.asarray(jax.random.normal(own, (12,)), np.float64))
    layers[[0, -1]] *= ends
    key = int(jax.random.bits(other, (), jnp.uint32))
    return layers[:, None] * np.exp(noise(key, (12,), 0.2))


def test_planted_ends_hold_and_random_layers_do_not():
    null = [attention_sinks.decide_ends(changes(n), TEXT) for n in range(SEEDS)]
    # the interval says of these layers, the rank among pairs of any: 3 of 66
    assert verdicts(null).count("holds") <= 17
    planted = [attention_sinks.decide_ends(changes(n, 8), TEXT) for n in range(SEEDS)]
    assert verdicts(planted).count("holds") > 0.95 * SEEDS
    assert "number 1 of 66" in planted[0].reason
    reversed_ = attention_sinks.decide_ends(changes(0, 0.1), TEXT)
    assert reversed_.verdict == "fails"


def test_the_ratio_of_changes_is_what_was_planted():
    shift = np.ones((12, SENTENCES))
    shift[0], shift[-1] = 2.0, 4.0
    shift *= 1 + 0.1 * TEXT
    found = attention_sinks.decide_ends(shift, TEXT)
    assert found.estimate == pytest.approx(np.log(3), abs=1e-12)
    assert np.ptp(found.interval) < 1e-10, "texts that all agree leave no doubt"


def test_planted_losses_hold_and_shuffled_languages_do_not():
    count = 60  # 10 000 permutations each
    draws = np.asarray(jax.random.normal(jax.random.key(5), (count, 2, 16)), float)
    keys = jax.random.split(jax.random.key(6), count)
    null = [
        attention_sinks.decide_losses(x, y, key)
        for (x, y), key in zip(draws, keys, strict=True)
    ]
    assert verdicts(null).count("holds") <= 6
    for (x, y), key in zip(draws[:10], keys, strict=False):
        planted = attention_sinks.decide_losses(x, x + 0.1 * y, key)
        assert planted.verdict == "holds"


def test_few_layers_and_languages_are_said():
    found = attention_sinks.decide_ends(np.ones((6, SENTENCES)), TEXT)
    assert (found.verdict, found.reason) == (
        "not applicable",
        "needs at least 7 layers, got 6",
    )
    found = attention_sinks.decide_ends(np.zeros((8, SENTENCES)), TEXT)
    assert found.reason == "needs a change, but nothing has changed"
    key = jax.random.key(0)
    found = attention_sinks.decide_losses(np.arange(4.0), np.arange(4.0), key)
    assert found.reason == "needs at least 5 languages, got 4"
    found = attention_sinks.decide_losses(np.ones(6), np.arange(6.0), key)
    assert found.reason == "needs languages that differ, but all are equal"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    directory = tmp_path_factory.mktemp("text")
    return measure.load_corpus(tiny.write_corpus(directory, tiny.TEXTS))


def constructed(directory, size):
    """A model whose heads give the first token `size` more in every score.

    Only the first position has anything in channel 0, which all keys read and all
    queries ask for; matrices that write into states write nothing.
    """
    entries = tiny.entries()
    arrays = small.tensors(entries)
    width = entries["n_embd"]
    arrays["wpe.weight"][:] = 0.0
    arrays["wpe.weight"][0, 0] = 30.0
    arrays["wte.weight"][:, 0] = 0.0
    for layer in range(entries["n_layer"]):
        name = f"h.{layer}"
        arrays[f"{name}.ln_1.weight"][:] = 1.0
        arrays[f"{name}.ln_1.bias"][:] = 0.0
        attention = np.zeros((width, 3 * width), np.float32)
        bias = np.zeros(3 * width, np.float32)
        heads = np.arange(0, width, 4)  # the first channel of each of three heads
        attention[0, width + heads] = 1.0
        bias[heads] = size
        arrays[f"{name}.attn.c_attn.weight"] = attention
        arrays[f"{name}.attn.c_attn.bias"] = bias
        for part in ("attn.c_proj", "mlp.c_proj"):
            arrays[f"{name}.{part}.weight"] *= 0.01
    return models.load(small.write(directory, entries, small.prefixed(arrays)))


def test_a_model_of_sinks_and_one_that_looks_everywhere_alike(corpus, tmp_path):
    of_sinks = constructed(tmp_path / "sinks", 3.0)
    subject = subjects.make_subject(of_sinks, corpus, few=6)
    found = attention_sinks.EXPERIMENT.run(subject)
    assert verdicts(found.findings) == ["holds", "not applicable", "not applicable"]
    assert "6 of 6 heads give it over 0.3" in found.findings[0].reason
    heads = found.tables["heads"]
    assert len(heads) == 9
    # one direction: all look at the same place
    assert all(1 <= row["directions"] < 1.5 for row in heads)
    assert found.tables["text"][0]["too_short"] == 0
    drawing = figures.figure(found.tables)
    assert len(drawing.axes) == 5
    alike = dataclasses.replace(subject, model=constructed(tmp_path / "alike", 0.0))
    measured = attention_sinks.measured(alike)
    # float32 shares of 1
    np.testing.assert_allclose(measured.first, 0.0, rtol=0, atol=1e-6)
    np.testing.assert_allclose(measured.other, 0.0, rtol=0, atol=1e-6)


def test_quantized_is_what_a_model_of_rounded_weights_does(corpus, tmp_path):
    model = models.load(small.write(tmp_path, tiny.entries()))
    subject = subjects.make_subject(model, corpus, few=6, quantizer=Quantizer(bits=3))
    found = attention_sinks.measured(subject)
    other = dataclasses.replace(model, params=quantize(model, subject.quantizer))
    expected = attention_sinks.measured(dataclasses.replace(subject, model=other))
    # two runs of one float32 program
    np.testing.assert_allclose(found.rounded, expected.first, rtol=0, atol=1e-6)
    assert np.abs(found.rounded - found.first).mean() > 1e-2
    assert np.all(found.shift >= np.abs(found.rounded - found.first) - 1e-6)


def test_a_model_without_attention_is_told(corpus, tmp_path):
    model = drawn.load(tmp_path, every.entries("mamba"))
    found = attention_sinks.EXPERIMENT.run(subjects.make_subject(model, corpus))
    assert {each.reason for each in found.findings} == {
        "needs attention, which mamba has not"
    }
    assert verdicts(found.findings) == ["not applicable"] * 3


def test_sentences_that_are_too_short_are_told(tmp_path):
    texts = {name: ["a"] * 6 + list(lines[6:]) for name, lines in tiny.TEXTS.items()}
    text = measure.load_corpus(tiny.write_corpus(tmp_path / "text", texts))
    model = models.load(small.write(tmp_path / "model", tiny.entries()))
    found = attention_sinks.EXPERIMENT.run(subjects.make_subject(model, text))
    assert found.findings[0].reason == (
        "needs sentences of at least 3 texts with 4 tokens in every language, got 1"
    )
