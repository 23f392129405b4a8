"""Windows of long sentences: every token scored once, from enough of what is before."""

import dataclasses
import functools as ft
import itertools
import pathlib
import tempfile
import tracemalloc
from unittest import mock

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp import measure, models
from jaxdisp.measure import activations, batches, cube, windows
from jaxdisp.measure import corpus as corpora
from jaxdisp.models import Quantizer
from jaxdisp.search import plan, store, sweep
from tests.measure import tiny, window_oracles
from tests.models import small

CONTEXT = 12
"""Most lines are longer, some of them several times."""
ENTRIES = tiny.entries(n_positions=CONTEXT, n_layer=2, n_embd=6)
QUANTIZERS = (Quantizer(bits=3),)
ROWS = np.array([[0, 0, 0], [1, 1, 1], [0, 1, 0], [1, 0, 0]])
UNLIMITED = 2**30
FITTING = (2, 7)
"""Lines that fit in every language."""


@ft.cache
def model():
    with tempfile.TemporaryDirectory() as directory:
        return models.load(small.write(pathlib.Path(directory), ENTRIES))


@ft.cache
def corpus():
    with tempfile.TemporaryDirectory() as directory:
        return measure.load_corpus(tiny.write_corpus(pathlib.Path(directory)))


@ft.cache
def encoded():
    return cube.encode(model(), corpus())


@ft.cache
def evaluation(stride=None):
    return measure.evaluate(model(), corpus(), ROWS, QUANTIZERS, stride=stride)


@st.composite
def cases(draw):
    context = draw(st.integers(2, 20))
    return draw(st.integers(1, 90)), context, draw(st.integers(1, context - 1))


@given(cases())
def test_every_token_is_scored_once_after_enough_others(case):
    n_tokens, context, stride = case
    sentence = [1000 + n for n in range(n_tokens)]
    times = dict.fromkeys(sentence[1:], 0)
    for window in windows.cut([sentence], context, stride):
        start = window.tokens[0] - 1000
        # consecutive tokens of the sentence, with nothing put before them
        assert window.tokens == sentence[start : start + len(window.tokens)]
        assert len(window.tokens) <= context
        assert window.first >= 1
        assert len(window.tokens) > window.first or n_tokens == 1
        for token in window.tokens[window.first :]:
            times[token] += 1
            place, before = token - 1000, window.tokens.index(token)
            if place < context:
                assert before == place  # all that there is
            else:
                assert context - stride <= before <= context - 1
    assert set(times.values()) <= {1}


@given(cases())
def test_tokens_are_scored_in_the_first_window_that_reaches_them(case):
    n_tokens, context, stride = case
    found = {}
    for start, stop, scored in windows.bounds(n_tokens, context, stride):
        found |= dict.fromkeys(range(scored, stop), start)
    assert found == {
        token: window_oracles.start_of(token, context, stride)
        for token in range(1, n_tokens)
    }


@pytest.mark.parametrize(
    ("n_tokens", "context", "stride", "expected"),
    [
        (1, 4, 2, [(0, 1, 1)]),
        (4, 4, 2, [(0, 4, 1)]),
        (5, 4, 2, [(0, 4, 1), (2, 5, 4)]),
        (6, 4, 2, [(0, 4, 1), (2, 6, 4)]),
        (7, 4, 2, [(0, 4, 1), (2, 6, 4), (4, 7, 6)]),
        (6, 4, 1, [(0, 4, 1), (1, 5, 4), (2, 6, 5)]),
        (8, 4, 3, [(0, 4, 1), (3, 7, 4), (6, 8, 7)]),
        (4, 2, 1, [(0, 2, 1), (1, 3, 2), (2, 4, 3)]),
        (90, UNLIMITED, UNLIMITED // 2, [(0, 90, 1)]),
    ],
)
def test_bounds_written_out(n_tokens, context, stride, expected):
    assert windows.bounds(n_tokens, context, stride) == expected


@given(st.lists(st.integers(1, 60), max_size=8), st.integers(60, 99))
def test_sentences_that_fit_are_not_cut(lengths, context):
    sentences = [list(range(length)) for length in lengths]
    cut = windows.cut(sentences, context)
    assert [window.tokens for window in cut] == sentences
    assert [window.first for window in cut] == [1] * len(lengths)
    assert windows.sentences_of(cut).tolist() == list(range(len(lengths)))


@pytest.mark.parametrize(("context", "expected"), [(2, 1), (3, 1), (9, 4), (30, 15)])
def test_half_of_the_context_is_the_usual_stride(context, expected):
    assert windows.checked_stride(context) == expected
    assert windows.checked_stride(context, expected) == expected
    sentences = [list(range(70))]
    usual, named = (
        [(window.tokens, window.first) for window in windows.cut(sentences, *given_)]
        for given_ in ((context,), (context, expected))
    )
    assert usual == named


@pytest.mark.parametrize("stride", [0, -1, CONTEXT, CONTEXT + 1, UNLIMITED])
def test_strides_out_of_range(stride):
    message = (
        rf"^stride must be between 1 and 11 tokens, less than the model's context of "
        rf"12, got {stride}$"
    )
    with pytest.raises(ValueError, match=message):
        windows.checked_stride(CONTEXT, stride)
    text = corpora.keep(corpus(), FITTING)  # that nothing is cut does not matter
    for evaluate in (measure.evaluate, sweep.evaluate):
        with pytest.raises(ValueError, match=message):
            evaluate(model(), text, ROWS, QUANTIZERS, stride=stride)
    with pytest.raises(ValueError, match=message):
        cube.evaluate_each(model(), text, [model().params] * 3, stride=stride)
    with pytest.raises(ValueError, match=message):
        activations.mean_squares(model(), text, stride=stride)


def test_a_context_of_one_token_predicts_nothing():
    with pytest.raises(ValueError, match="context of 1 token leaves none to predict"):
        windows.cut([[0, 1]], 1)


def test_longer_sentences_are_counted():
    languages = [[[0] * 5, [0] * 13], [[0] * 12, [0] * 12], [[0] * 99, [0] * 13]]
    found = windows.count_longer(("aa", "bb", "cc"), languages, 12, 5)
    assert found == windows.LongSentences(
        context=12, stride=5, sentences=2, languages={"aa": 1, "cc": 2}
    )
    found = windows.count_longer(("aa", "bb", "cc"), languages, 99)
    assert (found.stride, found.sentences, found.languages) == (49, 0, {})


LOSSES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.just(9)),
    elements=st.floats(0, 1000, width=32) | st.just(np.nan),
)


@given(LOSSES, st.lists(st.booleans(), min_size=8, max_size=8))
def test_losses_of_windows_add_up(losses, begins):
    sentences = np.cumsum([0, *begins])
    found = windows.add_up(losses, sentences)
    assert found.dtype == np.float32
    for config, row in enumerate(losses.tolist()):
        for sentence in range(sentences[-1] + 1):
            parts = [row[w] for w in range(9) if sentences[w] == sentence]
            expected = np.float32(sum(parts))  # in float64; NaN if one of them is
            np.testing.assert_array_equal(found[config, sentence], expected)
    np.testing.assert_array_equal(windows.add_up(losses[0], sentences), found[0])


@pytest.mark.parametrize("stride", [None, 1, 5, 11])
def test_losses_are_those_of_each_token_in_its_window(stride):
    arrays = small.tensors(ENTRIES)
    lines = [1, 3, 6, 7]  # up to 29 tokens; the last fits
    found = evaluation(stride)
    expected = [
        [window_oracles.nll(ENTRIES, arrays, text[line], stride or 6) for line in lines]
        for text in encoded()
    ]
    # float32 against float64, as in test_cube; a token more or less would move 1e-2
    nll = np.asarray(found.nll)
    np.testing.assert_allclose(nll[0][:, lines], expected, rtol=2e-6)
    assert nll.dtype == np.float32
    # every token counts, those of long sentences as well
    sizes = [[len(ids) - 1 for ids in text] for text in encoded()]
    np.testing.assert_array_equal(found.n_tokens, sizes)


def test_strides_differ_where_sentences_are_longer():
    one, other = (np.asarray(evaluation(stride).nll) for stride in (1, 11))
    longer = [[len(ids) > CONTEXT for ids in text] for text in encoded()]
    differ = np.abs(one - other).min(axis=0) > 1e-4
    np.testing.assert_array_equal(differ, longer)


def test_sentences_that_fit_do_not_feel_those_that_do_not():
    alone = corpora.keep(corpus(), FITTING)
    for evaluate in (measure.evaluate, sweep.evaluate):
        without = np.asarray(evaluate(model(), alone, ROWS, QUANTIZERS).nll)
        # other batches sum in another order
        found = np.asarray(evaluation().nll)[..., FITTING]
        np.testing.assert_allclose(found, without, rtol=1e-6)
        # where nothing is cut, the stride changes nothing at all
        again = evaluate(model(), alone, ROWS, QUANTIZERS, stride=1)
        np.testing.assert_array_equal(again.nll, without)


def test_parameters_by_language():
    ready = models.quantize(model(), QUANTIZERS[0])
    versions = [model().params, ready, model().params]
    found = cube.evaluate_each(model(), corpus(), versions, stride=5)
    # other batches, and one version less to select from, round sums otherwise
    expected = np.asarray(evaluation(5).nll)[[0, 1, 0], [0, 1, 2]]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("stride", [4, 11])
def test_moments_count_each_token_once(stride):
    text = corpora.keep(corpus(), [1, 2, 4])
    with mock.patch.object(batches, "ROWS", 4):
        found = dict(activations.second_moments(model(), text, stride=stride))
    squares = activations.mean_squares(model(), text, stride=stride)
    arrays = small.tensors(ENTRIES)
    for place, language in enumerate(text.languages):
        sentences = [encoded()[place][line] for line in (1, 2, 4)]
        expected = window_oracles.second_moments(ENTRIES, arrays, sentences, stride)
        for path, moments in expected.items():
            # products of numbers about 1, as close as float32 states are
            np.testing.assert_allclose(
                found[language][path], moments, rtol=1e-4, atol=2e-5
            )
            diagonal = np.einsum("lii->li", moments)
            np.testing.assert_allclose(
                squares[path][place], diagonal, rtol=1e-4, atol=2e-5
            )


def planned(rows=ROWS, stride=None, tokens=40):
    with mock.patch.object(plan, "ROWS", {"cpu": tokens}):
        return plan.make(model(), corpus(), rows, QUANTIZERS, stride=stride)


def filled(made, shard=(0, 1)):
    kept = store.open_store(None)
    sweep.fill(made, kept, shard=shard)
    losses = sweep.table(made, kept, shard)
    store.close(kept)
    return losses


@pytest.mark.parametrize("stride", [None, 3])
def test_the_engine_gives_what_the_cube_gives(stride):
    made = planned(stride=stride)
    # windows of a sentence are in several batches
    texts = {}
    for number, text in enumerate(made.texts):
        for place in made.sentences[text.places].tolist():
            texts.setdefault(place, set()).add(number)
    assert max(map(len, texts.values())) > 1
    # of a shape, the batch that scores most has no row that is not needed
    needed = {}
    for text in made.texts:
        shape = (text.passage.tokens.shape, text.passage.rows.size)
        count = int(text.passage.counted.sum())
        needed[shape] = max(count, needed.get(shape, 0))
    assert all(count == shape[1] for shape, count in needed.items())
    found = sweep.evaluation(made, filled(made))
    # float32 sums of up to 200 nats in another order
    np.testing.assert_allclose(found.nll, evaluation(stride).nll, rtol=2e-6)
    np.testing.assert_array_equal(found.n_tokens, evaluation(stride).n_tokens)


def test_shards_that_divide_a_sentence_come_together():
    made = planned()
    one, other = (filled(made, (number, 2)) for number in (1, 2))
    assert np.all(np.isnan(one) != np.isnan(other))
    # no shard has all windows of every sentence that it has begun
    divided = [
        not np.isnan(part).all() and np.isnan(part).any()
        for place in np.unique(made.sentences)
        for part in [one[:, made.sentences == place]]
    ]
    assert any(divided)
    for part in (one, other):
        with pytest.raises(ValueError, match="losses are missing: a shard was left"):
            sweep.evaluation(made, part)
    together = np.where(np.isnan(one), other, one)
    np.testing.assert_array_equal(together, filled(made))


def test_a_sentence_with_a_missing_window_is_missing():
    made = planned()
    losses = filled(made)
    (places,) = np.nonzero(np.bincount(made.sentences) > 2)
    (of_one,) = np.nonzero(made.sentences == places[0])
    losses[1, of_one[1]] = np.nan
    with pytest.raises(ValueError, match=r"^1 of \d+ losses are missing"):
        sweep.evaluation(made, losses)
    nll = windows.add_up(losses, made.sentences)
    assert np.argwhere(np.isnan(nll)).tolist() == [[1, places[0]]]


def test_the_same_tokens_with_others_of_them_scored_are_another_cell():
    later = windows.cut([list(range(17))], CONTEXT, 5)[1]
    digests = []
    for first in (later.first, 1, later.first):
        parts = [dataclasses.replace(later, first=first, sentence=0)]
        with mock.patch.object(windows, "cut", return_value=parts):
            (text,) = planned().texts
        assert text.passage.counted.sum() == CONTEXT - first
        digests.append(text.digest)
    assert digests[0] == digests[2] != digests[1]


def test_nothing_is_cut_where_the_context_is_unlimited():
    config = dataclasses.replace(model().config, context=UNLIMITED)
    boundless = dataclasses.replace(model(), config=config)
    alone = corpora.keep(corpus(), [2])  # which the positions of this model suffice for
    text = [list(range(5000))]
    tracemalloc.start()
    (window,) = windows.cut(text, UNLIMITED)
    found = measure.evaluate(boundless, alone, ROWS, QUANTIZERS)
    swept = sweep.evaluate(boundless, alone, ROWS, QUANTIZERS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert window.tokens == text[0]
    assert peak < 2**28  # a byte per token of the context would be four times as much
    usual = measure.evaluate(model(), alone, ROWS, QUANTIZERS)
    np.testing.assert_array_equal(found.nll, usual.nll)
    np.testing.assert_allclose(swept.nll, usual.nll, rtol=1e-6)


def test_a_long_line_is_as_many_windows_as_it_needs():
    cut = windows.cut(list(itertools.chain(*encoded())), CONTEXT, 4)
    counts = np.bincount(windows.sentences_of(cut))
    lengths = [len(ids) for text in encoded() for ids in text]
    expected = [1 + max(0, -(-(n - CONTEXT) // 4)) for n in lengths]
    assert counts.tolist() == expected
