"""Batches hold every sentence once, with the least padding that so few shapes allow."""

import itertools
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.measure import batches as batching
from jaxdisp.measure import windows


def whole(sentences):
    """Windows of sentences that all fit."""
    return windows.cut(sentences, 30)


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=60),
    tokens_per_batch=st.integers(10, 200),
)
def test_batches_hold_every_sentence_once(lengths, tokens_per_batch):
    sentences = [[n + 1] * length for n, length in enumerate(lengths)]
    made = batching.make_batches(whole(sentences), 30, tokens=tokens_per_batch)
    assert len(made) <= batching.SHAPES
    found = {}
    for batch in made:
        n_batches, rows, length = batch.tokens.shape
        assert rows * length <= tokens_per_batch or rows == 1
        assert length <= 30
        tokens = batch.tokens.reshape(-1, length)
        mask = batch.mask.reshape(-1, length)
        for row, place in enumerate(batch.places.tolist()):
            assert place not in found
            found[place] = tokens[row][mask[row]].tolist()
            assert np.all(np.diff(mask[row].astype(int)) <= 0)  # padded on the right
        assert not mask[len(batch.places) :].any()
        assert n_batches * rows - len(batch.places) < n_batches  # little is wasted
    assert [found[place] for place in range(len(lengths))] == sentences


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=60),
    tokens=st.integers(10, 300),
    multiple=st.integers(1, 5),
)
def test_batches_of_devices_hold_every_sentence_once(lengths, tokens, multiple):
    sentences = [[n + 1] * length for n, length in enumerate(lengths)]
    made = batching.make_batches(whole(sentences), 30, tokens=tokens, multiple=multiple)
    found = {}
    for batch in made:
        n_batches, rows, length = batch.tokens.shape
        assert rows % multiple == 0
        assert rows * length <= tokens or rows == multiple
        flat, mask = batch.tokens.reshape(-1, length), batch.mask.reshape(-1, length)
        for row, place in enumerate(batch.places.tolist()):
            assert place not in found
            found[place] = flat[row][mask[row]].tolist()
        assert not mask[len(batch.places) :].any()
        # as few batches as hold them, and no more filled up than equal ones need
        most = max(1, tokens // (length * multiple)) * multiple
        assert n_batches == -(-len(batch.places) // most)
        assert n_batches * rows - len(batch.places) < n_batches * multiple
    assert [found[place] for place in range(len(lengths))] == sentences


def test_batches_that_are_asked_for_by_name_are_the_usual_ones():
    sentences = [[1] * length for length in (3, 9, 12, 30, 8, 25)]
    usual = batching.make_batches(whole(sentences), 30)
    named = batching.make_batches(
        whole(sentences), 30, tokens=batching.TOKENS_PER_BATCH, multiple=1
    )
    for first, second in zip(usual, named, strict=True):
        np.testing.assert_array_equal(first.tokens, second.tokens)
        np.testing.assert_array_equal(first.places, second.places)


@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=20),
    most=st.integers(1, 4),
)
def test_no_other_choice_of_lengths_pads_less(lengths, most):
    def padded(chosen):
        return sum(min(c for c in chosen if c >= length) for length in lengths)

    rounded = sorted({-(-length // 8) * 8 for length in lengths})
    least = min(
        padded(chosen)
        for size in range(1, most + 1)
        for chosen in itertools.combinations(rounded, size)
        if chosen[-1] == rounded[-1]
    )
    found = batching.padded_lengths(np.array(lengths), most).tolist()
    assert found == sorted(set(found))
    assert 1 <= len(found) <= most
    assert set(found) <= set(rounded)
    assert padded(found) == least


@pytest.mark.parametrize(
    ("lengths", "most", "expected"),
    [
        ([3], 4, [8]),
        ([8, 9, 17], 3, [8, 16, 24]),
        ([8, 8, 8, 40, 48], 2, [8, 48]),
    ],
)
def test_lengths_written_out(lengths, most, expected):
    assert batching.padded_lengths(np.array(lengths), most).tolist() == expected


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=40),
    rows=st.integers(1, 5),
)
def test_equal_batches_hold_every_sentence_once(lengths, rows):
    sentences = [[n + 1] * length for n, length in enumerate(lengths)]
    classes = batching.length_classes([whole(sentences[:3]), whole(sentences[3:])])
    with mock.patch.object(batching, "ROWS", rows):
        made = batching.equal_batches(whole(sentences), classes, 30)
    found = {}
    for batch in made:
        assert batch.tokens.shape[:2] == batch.mask.shape[:2] == (1, rows)
        length = batch.tokens.shape[2]
        assert length in [min(int(c), 30) for c in classes]
        assert 1 <= len(batch.places) <= rows
        for row, place in enumerate(batch.places.tolist()):
            assert place not in found
            found[place] = batch.tokens[0, row][batch.mask[0, row]].tolist()
            # no smaller class would hold it
            shorter = [int(c) for c in classes if c < length]
            assert all(c < lengths[place] for c in shorter)
            assert np.all(np.diff(batch.mask[0, row].astype(int)) <= 0)
        assert not batch.mask[0, len(batch.places) :].any()
        assert not batch.tokens[~batch.mask].any()
    assert [found[place] for place in range(len(lengths))] == sentences
    before = 0
    for size in classes.tolist():
        count = sum(before < length <= size for length in lengths)
        n_batches = sum(batch.tokens.shape[2] == min(size, 30) for batch in made)
        assert n_batches == -(-count // rows)
        before = size


def test_classes_are_those_of_all_languages_together():
    languages = [[[0] * 3, [0] * 20], [[0] * 9], [[0] * 30]]
    cut = [whole(sentences) for sentences in languages]
    assert batching.length_classes(cut).tolist() == [8, 16, 24, 32]
    found = batching.length_classes(cut, 2)
    expected = batching.padded_lengths(np.array([3, 20, 9, 30]), 2)
    assert found.tolist() == expected.tolist()


@given(
    lengths=st.lists(st.integers(1, 90), min_size=1, max_size=20),
    context=st.integers(2, 30),
    data=st.data(),
)
def test_masks_say_what_is_real_and_what_is_scored(lengths, context, data):
    stride = data.draw(st.integers(1, context - 1))
    numbers = itertools.count(1)
    sentences = [[next(numbers) for _ in range(length)] for length in lengths]
    cut = windows.cut(sentences, context, stride)
    usual = batching.make_batches(cut, context, tokens=100)
    equal = batching.equal_batches(cut, batching.length_classes([cut]), context)
    for made in (usual, equal):
        scored = []
        for batch in made:
            width = batch.tokens.shape[2]
            assert width <= context
            tokens, mask, counted = (
                part.reshape(-1, width)
                for part in (batch.tokens, batch.mask, batch.scored)
            )
            for row, place in enumerate(batch.places.tolist()):
                window = cut[place]
                assert tokens[row][mask[row]].tolist() == window.tokens
                given_ = tokens[row][mask[row] & ~counted[row]].tolist()
                assert given_ == window.tokens[: window.first]
                scored += tokens[row][counted[row]].tolist()
            assert not counted[len(batch.places) :].any()
            assert not (counted & ~mask).any()
        # all but the first token of each sentence, each once
        expected = [token for sentence in sentences for token in sentence[1:]]
        assert sorted(scored) == expected
