"""Activations against a float64 decoder that reads one sentence at a time."""

import functools as ft
import pathlib
import tempfile
from unittest import mock

import numpy as np
import pytest

from jaxdisp import measure, models
from jaxdisp.measure import activations, batches
from jaxdisp.measure import corpus as corpora
from tests.measure import clipping_oracles, tiny
from tests.models import small

ENTRIES = tiny.entries(n_layer=2, n_embd=6, n_inner=6)
LINES = [0, 1, 3]


@ft.cache
def model():
    with tempfile.TemporaryDirectory() as directory:
        return models.load(small.write(pathlib.Path(directory), ENTRIES))


@ft.cache
def corpus():
    with tempfile.TemporaryDirectory() as directory:
        whole = measure.load_corpus(
            tiny.write_corpus(pathlib.Path(directory)), ("ru", "de")
        )
    return corpora.keep(whole, LINES)


@pytest.fixture(autouse=True)
def _short_batches():
    """Batches of two, so that one is full and the other filled up; one shape each."""
    with mock.patch.object(batches, "ROWS", 2), mock.patch.object(batches, "SHAPES", 1):
        yield


@ft.cache
def found():
    return dict(activations.second_moments(model(), corpus()))


@pytest.mark.parametrize("language", ["ru", "de"])
def test_moments_equal_those_of_single_sentences(language):
    sentences = [tiny.TEXTS[language][line] for line in LINES]
    arrays = small.tensors(ENTRIES)
    expected = clipping_oracles.second_moments(ENTRIES, arrays, sentences)
    assert list(found()) == ["ru", "de"]
    assert set(found()[language]) == set(expected)
    for path, moments in expected.items():
        assert found()[language][path].dtype == np.float64
        # products of numbers about 1, as close as float32 states are: see test_gpt2
        np.testing.assert_allclose(
            found()[language][path], moments, rtol=1e-4, atol=2e-5
        )
        np.testing.assert_array_less(1e-4, np.einsum("lii->l", moments))


def test_moments_are_symmetric_and_not_negative():
    for moments in found().values():
        for second in moments.values():
            np.testing.assert_allclose(second, second.swapaxes(1, 2), atol=1e-6)
            # float32 products round eigenvalues that are 0
            assert np.linalg.eigvalsh(second).min() > -1e-5


def test_mean_squares_are_the_diagonals():
    done = []
    squares = activations.mean_squares(
        model(), corpus(), advance=lambda: done.append(1)
    )
    assert len(done) == 2
    for path, values in squares.items():
        for place, language in enumerate(("ru", "de")):
            for layer in range(2):
                diagonal = np.diag(found()[language][path][layer])
                # sums in another order
                np.testing.assert_allclose(values[place, layer], diagonal, rtol=1e-5)
    without = activations.mean_squares(model(), corpus())
    for path, values in squares.items():
        np.testing.assert_array_equal(without[path], values)


def test_batches_and_their_shapes_do_not_matter():
    with mock.patch.object(batches, "ROWS", 16):
        other = dict(activations.second_moments(model(), corpus()))
    for language, moments in found().items():
        for path, second in moments.items():
            # sums in another order
            np.testing.assert_allclose(
                other[language][path], second, rtol=1e-4, atol=1e-6
            )


def test_a_repeated_corpus_has_the_same_means():
    twice = corpora.keep(corpus(), [0, 1, 2, 0, 1, 2])
    again = dict(activations.second_moments(model(), twice))
    for language, moments in found().items():
        for path, second in moments.items():
            np.testing.assert_allclose(
                again[language][path], second, rtol=1e-4, atol=1e-6
            )
