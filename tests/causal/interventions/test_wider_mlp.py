"""A GPT-2 with hidden neurons really duplicated, against matrices of the old size."""

import dataclasses
import functools as ft
import pathlib
import tempfile

import jax
import numpy as np
import pytest

import jaxdisp
from jaxdisp.causal.interventions import duplication, wider_mlp
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure.layer_errors import LAYER, layer_errors
from jaxdisp.models import decoder
from jaxdisp.models import model as models
from jaxdisp.models.quantized import Quantizer, quantize
from tests.measure import tiny
from tests.models import small

DOWN = ("blocks", "mlp", "down", "weight")
LAYERS = 3


@ft.cache
def inputs():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        texts = {name: lines[:2] for name, lines in tiny.TEXTS.items()}
        tiny.write_corpus(directory / "corpus", texts, tiny.GROUPS[:2])
        model = jaxdisp.models.load(tiny.write_model(directory / "model"))
        lines = corpora.load_corpus(directory / "corpus")
    return model, lines


@pytest.mark.parametrize("copies", [3])
def test_the_really_wider_model_is_the_same_function(copies):
    model, _ = inputs()
    wide = wider_mlp.wider_mlp(model, copies)
    assert wide.params["blocks"]["mlp"]["down"]["weight"].shape == (
        LAYERS,
        copies * 48,
        12,
    )
    tokens = small.tokens(tiny.entries())
    expected = models.logits(model, tokens)
    # sums over more terms of float32
    np.testing.assert_allclose(models.logits(wide, tokens), expected, atol=2e-5)
    # to nearest, each copy is rounded as the one neuron was, on a grid of its own
    for quantizer in (Quantizer(bits=3), Quantizer(bits=4, granularity="channel")):
        rounded = dataclasses.replace(wide, params=quantize(wide, quantizer))
        narrow = dataclasses.replace(model, params=quantize(model, quantizer))
        found, expected = (models.logits(each, tokens) for each in (rounded, narrow))
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_the_really_wider_model_makes_the_errors_of_the_duplicated():
    model, corpus = inputs()
    copies, draws, quantizer = 4, 16, Quantizer(bits=5)
    wide = wider_mlp.wider_mlp(model, copies)

    def down_alone(plain, m, seed):
        params = duplication.duplicated(
            plain, quantizer, copies=m, rounding="stochastic", key=jax.random.key(seed)
        )
        rounded = decoder.leaf(params, DOWN)
        blocks = plain.params["blocks"]
        down = blocks["mlp"]["down"] | {"weight": rounded}
        return {"blocks": blocks | {"mlp": blocks["mlp"] | {"down": down}}}

    of_copies = [down_alone(model, copies, seed) for seed in range(draws)]
    of_wide = [down_alone(wide, 1, seed + 99) for seed in range(draws)]
    single = [down_alone(model, 1, seed) for seed in range(draws)]
    found = [
        layer_errors(plain, corpus, versions)[LAYER].relative.mean()
        for plain, versions in ((model, of_copies), (wide, of_wide), (model, single))
    ]
    # 48 means over 16 draws and 3 layers, each with some 20 % from draw to draw
    assert found[0] == pytest.approx(found[1], rel=0.15)
    assert found[1] == pytest.approx(found[2] / copies, rel=0.15)


def test_what_is_refused():
    model, _ = inputs()
    with pytest.raises(ValueError, match="copies must be at least 1, got 0"):
        wider_mlp.wider_mlp(model, 0)
    other = dataclasses.replace(model.architecture, name="llama")
    with pytest.raises(ValueError, match="for gpt2 only, got llama"):
        wider_mlp.wider_mlp(dataclasses.replace(model, architecture=other), 2)
