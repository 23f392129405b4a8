"""Errors of matrices by sentence against second moments and a lone sentence."""

import functools as ft
import pathlib
import tempfile

import jax.numpy as jnp
import numpy as np
import pytest

import jaxdisp
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import cube
from jaxdisp.measure.layer_errors import layer_errors
from jaxdisp.measure.matrix_errors import matrix_errors
from jaxdisp.models import decoder
from jaxdisp.models.quantized import Quantizer, quantize
from tests.measure import tiny


@ft.cache
def inputs():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        tiny.write_corpus(directory / "corpus")
        model = jaxdisp.models.load(tiny.write_model(directory / "model"))
        lines = corpora.load_corpus(directory / "corpus")
    return model, lines, quantize(model, Quantizer(bits=4))


@ft.cache
def found():
    return matrix_errors(*inputs())


def test_tokens_are_those_between_the_first_and_the_last():
    model, lines, _ = inputs()
    lengths = [[len(s) - 2 for s in language] for language in cube.encode(model, lines)]
    np.testing.assert_array_equal(found()[0], lengths)


def test_sums_are_those_over_all_languages():
    """`layer_errors` counts scored tokens: another set, of about as many errors."""
    model, lines, version = inputs()
    expected = layer_errors(model, lines, [version])
    for path, one in found()[1].items():
        whole = one.error.sum(axis=(1, 2)) / one.power.sum(axis=(1, 2))
        np.testing.assert_allclose(whole, expected[path].relative[0], rtol=0.2)


def test_a_sentence_alone_gives_the_same():
    model, lines, version = inputs()
    tokens, alone = matrix_errors(model, corpora.keep(lines, [2]), version)
    np.testing.assert_array_equal(tokens[:, 0], found()[0][:, 2])
    for path, one in alone.items():
        for name in ("error", "power"):
            expected = getattr(found()[1][path], name)[..., 2]
            # float32 sums in another order
            np.testing.assert_allclose(getattr(one, name)[..., 0], expected, rtol=1e-4)


def test_traces_of_second_moments():
    """tr(C' S C) with S from the inputs of a float64 run of one layer's matrix."""
    model, lines, version = inputs()
    path = ("blocks", "mlp", "up", "weight")

    one = corpora.keep(lines, [0])
    encoded = cube.encode(model, one)
    _, sums = matrix_errors(model, one, version)
    for language, (sentence,) in enumerate(encoded):
        mask = np.ones((1, len(sentence)), bool)
        mask[0, [0, -1]] = False
        moments = decoder.input_moments(
            model.architecture,
            model.config,
            model.params,
            jnp.asarray([sentence]),
            jnp.asarray(mask),
        )
        second = np.asarray(moments[path], np.float64)
        weight = np.asarray(decoder.leaf(model.params, path), np.float64)
        change = np.asarray(decoder.leaf(version, path), np.float64) - weight
        for name, matrix in (("error", change), ("power", weight)):
            expected = np.einsum("lio,lij,ljo->l", matrix, second, matrix)
            np.testing.assert_allclose(
                getattr(sums[path], name)[:, language, 0], expected, rtol=1e-4
            )


def test_no_change_is_no_error():
    model, lines, _ = inputs()
    _, sums = matrix_errors(model, lines, model.params)
    assert all(
        np.all(one.error == 0) and np.all(one.power > 0) for one in sums.values()
    )


def test_mistaken_stride():
    model, lines, version = inputs()
    with pytest.raises(ValueError, match="stride"):
        matrix_errors(model, lines, version, stride=model.config.context)
