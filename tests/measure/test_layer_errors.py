"""Errors of layers and matrices against float64, one token at a time."""

import functools as ft
import pathlib
import tempfile

import jax
import numpy as np
import pytest

import jaxdisp
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import cube
from jaxdisp.measure.layer_errors import LAYER, layer_errors
from jaxdisp.models.quantized import Quantizer, quantize
from tests.measure import tiny
from tests.models import numpy_gpt2, small

DOWN = ("blocks", "mlp", "down", "weight")


@ft.cache
def inputs():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        texts = {name: tiny.TEXTS[name][:2] for name in ("de", "en")}
        tiny.write_corpus(directory / "corpus", texts, tiny.GROUPS[:2])
        model = jaxdisp.models.load(tiny.write_model(directory / "model"))
        lines = corpora.load_corpus(directory / "corpus")
    versions = [quantize(model, Quantizer(bits=bits)) for bits in (4, 6)]
    return model, lines, versions


@ft.cache
def found():
    return layer_errors(*inputs())


def inner_values(model, layer):
    """What `mlp/down` is applied to, token by token, the start token left out."""
    entries, arrays = tiny.entries(), small.tensors(tiny.entries())
    arrays = {name: np.asarray(a, float) for name, a in arrays.items()}
    rows = []
    for sentence in (s for text in cube.encode(*inputs()[:2]) for s in text):
        states = numpy_gpt2.hidden_states(entries, arrays, sentence)[layer]
        normed = [
            numpy_gpt2.layer_norm(np.array(x), arrays, f"h.{layer}.ln_1", entries)
            for x in states
        ]
        read = numpy_gpt2.attention(normed, arrays, layer, entries)
        for x, added in list(zip(states, read, strict=True))[1:]:
            middle = np.array(x) + added
            normed = numpy_gpt2.layer_norm(middle, arrays, f"h.{layer}.ln_2", entries)
            rows.append(numpy_gpt2.activated(normed, arrays, layer, entries))
    return np.array(rows)


@pytest.mark.parametrize("layer", [0, 2])
def test_errors_of_a_matrix_are_those_of_its_products(layer):
    model, _, versions = inputs()
    x = inner_values(model, layer)
    weight = np.asarray(model.params["blocks"]["mlp"]["down"]["weight"][layer], float)
    changed = [
        np.asarray(v["blocks"]["mlp"]["down"]["weight"][layer]) for v in versions
    ]
    errors = [x @ (v - weight) for v in changed]
    products = [[np.sum(a * b) for a in errors] for b in errors]
    # float32, differences of weights included
    np.testing.assert_allclose(found()[DOWN].products[layer], products, rtol=2e-3)
    power = np.sum((x @ weight) ** 2)
    np.testing.assert_allclose(found()[DOWN].power[layer], power, rtol=1e-4)
    relative = np.diag(products) / power
    np.testing.assert_allclose(found()[DOWN].relative[:, layer], relative, rtol=2e-3)


def test_errors_of_a_layer_are_of_that_layer_alone():
    model, corpus, versions = inputs()
    for layer in range(3):
        params = jax.tree.map(
            lambda own, other, layer=layer: own.at[layer].set(other[layer]),
            model.params["blocks"],
            versions[0]["blocks"],
        )
        mixed = {"blocks": params, "outside": model.params["outside"]}
        errors = layer_errors(model, corpus, [mixed, versions[0]])[LAYER]
        # version 0 differs in this layer alone, where both are the same
        squares = np.diagonal(errors.products, axis1=1, axis2=2)
        others = [each for each in range(3) if each != layer]
        np.testing.assert_array_equal(squares[others, 0], 0)
        np.testing.assert_array_equal(squares[layer, 0], squares[layer, 1])
    expected = found()[LAYER].products[:, 0, 0]
    np.testing.assert_allclose(squares[:, 1], expected, rtol=1e-5)


def test_no_change_is_no_error_and_more_bits_are_less():
    model, corpus, _ = inputs()
    still = layer_errors(model, corpus, [model.params, model.params])
    for path, errors in still.items():
        np.testing.assert_array_equal(errors.products, 0, str(path))
        relative = found()[path].relative
        assert np.all(relative[1] < relative[0] / 4)
        gram = found()[path].products
        # Cauchy and Schwarz
        bound = np.sqrt(gram[:, 0, 0] * gram[:, 1, 1]) * (1 + 1e-5)
        assert np.all(np.abs(gram[:, 0, 1]) <= bound)


def test_needs_a_version():
    with pytest.raises(ValueError, match="at least one version of the parameters"):
        layer_errors(*inputs()[:2], [])
