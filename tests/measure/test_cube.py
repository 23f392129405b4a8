"""The nll cube against a float64 decoder that reads one sentence at a time."""

import dataclasses
import functools as ft
import inspect
import pathlib
import tempfile
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp import measure, models
from jaxdisp.measure import batches, cube, windows
from jaxdisp.measure import corpus as corpora
from jaxdisp.models import Quantizer
from tests import oracles
from tests.measure import tiny
from tests.models import numpy_gpt2, small

ENTRIES = tiny.entries()
COARSE = Quantizer(bits=3)
FINE = Quantizer(bits=4, grid="affine", granularity="channel", include=("all",))
ASSIGNMENTS = np.array(
    [
        [0, 0, 0, 0],
        [1, 1, 1, 1],
        [2, 2, 2, 2],
        [2, 0, 1, 0],
        [0, 1, 0, 2],
    ]
)
# the kinds of weights that `matrices` and `all` stand for, by their checkpoint names
KINDS = {
    "matrices": (".c_attn.weight", ".c_proj.weight", ".c_fc.weight"),
    "all": (".weight",),
}


@ft.cache
def model():
    with tempfile.TemporaryDirectory() as directory:
        return models.load(tiny.write_model(pathlib.Path(directory)))


@ft.cache
def corpus():
    with tempfile.TemporaryDirectory() as directory:
        return measure.load_corpus(tiny.write_corpus(pathlib.Path(directory)))


@ft.cache
def evaluation():
    """All lines with all assignments, on the way that a CPU takes."""
    with mock.patch.object(batches, "SHAPES", 2):  # as each is compiled
        return measure.evaluate(model(), corpus(), ASSIGNMENTS, [COARSE, FINE])


@ft.cache
def hybrids():
    """Checkpoints put together by hand, one per assignment."""
    full = small.tensors(ENTRIES)
    versions = [full, *(rounded(full, quantizer) for quantizer in (COARSE, FINE))]
    return [
        {
            name: versions[row[int(name.split(".")[1]) if name[:2] == "h." else -1]][
                name
            ]
            for name in full
        }
        for row in ASSIGNMENTS.tolist()
    ]


def rounded(arrays, quantizer):
    (kinds,) = (KINDS[name] for name in quantizer.include)
    return {
        name: oracles.quantized_weight(
            array.astype(np.float64),
            quantizer.bits,
            quantizer.grid,
            quantizer.granularity,
            quantizer.group_size,
            0 if name in ("wte.weight", "wpe.weight") else -1,
        )
        if name.endswith(kinds)
        else array
        for name, array in arrays.items()
    }


def expected_nll(arrays, sentence):
    ids = [0, *small.tokenizer().encode(sentence, add_special_tokens=False).ids]
    logits = numpy_gpt2.logits(ENTRIES, arrays, [ids])
    return numpy_gpt2.token_losses(logits, [ids], [[True] * len(ids)]).sum()


@pytest.mark.parametrize("config", range(len(ASSIGNMENTS)))
def test_losses_equal_those_of_checkpoints_put_together_by_hand(config):
    arrays = hybrids()[config]
    lines = [0, 1, 2, 6]  # the longest, the shortest and two others
    expected = [
        [expected_nll(arrays, text[line]) for line in lines]
        for text in tiny.TEXTS.values()
    ]
    found = np.asarray(evaluation().nll)[config][:, lines]
    # float32 against float64: 20 roundings of 6e-8 relative each; found 3e-7. One
    # weight rounded differently, or one token more or less, would move 1e-3
    np.testing.assert_allclose(found, expected, rtol=2e-6)


def test_configurations_differ():
    totals = np.asarray(evaluation().nll).sum(axis=(1, 2))
    assert np.all(np.diff(np.sort(totals)) > 1e-2)


def test_full_precision_is_untouched_by_what_else_is_evaluated():
    some = corpora.keep(corpus(), [0, 3])
    with mock.patch.object(batches, "SHAPES", 1):
        alone = measure.evaluate(model(), some, [[0, 0, 0]], [])
        among = measure.evaluate(model(), some, [[1, 2, 0], [0, 0, 0]], [COARSE, FINE])
        swapped = measure.evaluate(model(), some, [[0, 0, 0]], [FINE, COARSE])
    np.testing.assert_array_equal(among.nll[1], swapped.nll[0])
    # another program, with nothing to select from, may round a sum otherwise (6e-8)
    np.testing.assert_allclose(among.nll[1], alone.nll[0], rtol=3e-7)
    # other padding sums in another order: some roundings
    whole = np.asarray(evaluation().nll)[0][:, [0, 3]]
    np.testing.assert_allclose(alone.nll[0], whole, rtol=1e-5)


def test_many_configurations_at_once_give_the_same(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
    monkeypatch.setattr(cube, "CONFIGS_PER_CALL", 4)  # so the second call is filled up
    monkeypatch.setattr(batches, "SHAPES", 1)  # and padding is another one
    done = []
    found = measure.evaluate(
        model(), corpus(), ASSIGNMENTS, [COARSE, FINE], progress=done.append
    )
    assert done == [4, 1]
    # batched matrix products round otherwise: as above
    np.testing.assert_allclose(found.nll, evaluation().nll, rtol=1e-5)


def test_layers_alone_leave_the_rest_in_full_precision():
    sites = cube.check_assignments(np.array([[1, 0, 2]]), 3, 2)
    assert sites.tolist() == [[1, 0, 2, 0]]
    assert sites.dtype == np.int32


def test_sizes_of_sentences():
    found = evaluation()
    tokenizer = small.tokenizer()
    for place, lines in enumerate(tiny.TEXTS.values()):
        n_tokens = [len(tokenizer.encode(line).ids) for line in lines]
        assert found.n_tokens[place].tolist() == n_tokens
        assert found.n_bytes[place].tolist() == [len(line.encode()) for line in lines]


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ([[0, 1]], r"must have 3 entries per configuration \(or 4, .*got \(1, 2\)"),
        ([[0] * 5], r"must have 3 entries .* got \(1, 5\)"),
        ([0, 1, 0], r"must have 3 entries .* got \(3,\)"),
        ([[0, -1, 0]], r"must be between 0 and 2, .* got -1 to 0"),
        ([[0, 3, 0]], r"must be between 0 and 2, .* got 0 to 3"),
        ([[0.0, 1.0, 0.0]], "must be integers"),
        ([[True, False, True]], "must be integers"),
        (np.zeros((0, 3), int), "at least one configuration"),
    ],
)
def test_assignments_that_are_none(given_, message):
    bare = inspect.unwrap(cube.check_assignments)  # types are not checked outside tests
    with pytest.raises(ValueError, match=message):
        bare(given_, 3, 2)


@ft.partial(jax.jit, static_argnames="n")
def losses(versions, tokens, scored, *, n=1):
    zeros = jnp.zeros((n, 4), jnp.int32)
    return cube.batch_losses(
        versions,
        zeros,
        tokens,
        scored,
        architecture=model().architecture,
        config=model().config,
        configs_at_once=n,
    )


def test_neither_padding_nor_versions_that_are_not_chosen_count():
    batch = batches.make_batches(windows.cut([[0, 7], [0, 5, 9]], 3), 3)[0]
    assert batch.tokens.shape == (1, 2, 3)  # the first sentence is padded
    full = model().params
    broken = jax.tree.map(lambda x: jnp.full_like(x, jnp.nan), full)
    noisy = np.where(batch.mask, batch.tokens, 11)
    found = losses((full, broken), noisy, batch.scored)
    assert np.isfinite(found).all()
    again = losses((full, full), batch.tokens, batch.scored)
    np.testing.assert_array_equal(again, found)


def test_losses_that_are_not_finite():
    opened = model()
    huge = jax.tree.map(lambda x: jnp.full_like(x, 1e38), opened.params)
    overflowing = dataclasses.replace(opened, params=huge)
    layers = [0] * opened.config.n_layers
    one = corpora.keep(corpus(), [0])
    with pytest.raises(FloatingPointError, match="losses are NaN or infinite"):
        measure.evaluate(overflowing, one, [layers], [])


def test_parameters_may_be_rounded_already():
    some = corpora.keep(corpus(), [0, 3])
    ready = models.quantize(model(), FINE)
    with mock.patch.object(batches, "SHAPES", 1):
        by_rule = measure.evaluate(model(), some, [[1, 2, 0]], [COARSE, FINE])
        found = measure.evaluate(model(), some, [[1, 2, 0]], [COARSE, ready])
    np.testing.assert_array_equal(found.nll, by_rule.nll)


@ft.cache
def of_each():
    """Every language in a version of its own, and how many were done when."""
    versions = [models.quantize(model(), q) for q in (FINE, COARSE)]
    asked, done = [], []

    def made():
        for number, version in enumerate((model().params, *versions)):
            asked.append((number, len(done)))
            yield version

    with mock.patch.object(batches, "SHAPES", 2), mock.patch.object(batches, "ROWS", 3):
        nll = cube.evaluate_each(model(), corpus(), made(), progress=done.append)
    return np.asarray(nll), asked, done


@pytest.mark.parametrize(
    ("place", "config"), [(0, 0), (1, 2), (2, 1)], ids=["de", "en", "ru"]
)
def test_languages_with_parameters_of_their_own(place, config):
    found = of_each()[0]
    # other batches sum in another order: as above
    np.testing.assert_allclose(found[place], evaluation().nll[config, place], rtol=1e-5)
    for other in {0, 1, 2} - {config}:
        assert np.abs(found[place] - evaluation().nll[other, place]).max() > 1e-2


def test_parameters_are_made_one_by_one():
    _, asked, done = of_each()
    assert asked == [(0, 0), (1, 1), (2, 2)]
    assert done == [1, 1, 1]


def test_languages_and_parameters_must_be_as_many():
    one = corpora.keep(corpus(), [0])
    with pytest.raises(ValueError, match="shorter"):
        cube.evaluate_each(model(), one, [model().params])


def test_losses_that_are_not_finite_in_one_language():
    huge = jax.tree.map(lambda x: jnp.full_like(x, 1e38), model().params)
    one = corpora.keep(corpus(), [0])
    with pytest.raises(FloatingPointError, match="1 losses are NaN or infinite"):
        cube.evaluate_each(model(), one, [model().params, huge, model().params])


def test_token_numbers_begin_with_the_start():
    found = cube.encode(model(), corpora.keep(corpus(), [1, 2]))
    tokenizer = small.tokenizer()
    for text, lines in zip(found, tiny.TEXTS.values(), strict=True):
        assert text == [[0, *tokenizer.encode(lines[n]).ids] for n in (1, 2)]
