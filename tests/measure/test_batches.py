"""Batches hold every sentence once, with the least padding that so few shapes allow."""

import itertools
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.measure import batches as batching


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=60),
    tokens_per_batch=st.integers(10, 200),
)
def test_batches_hold_every_sentence_once(lengths, tokens_per_batch):
    sentences = [[n + 1] * length for n, length in enumerate(lengths)]
    with mock.patch.object(batching, "TOKENS_PER_BATCH", tokens_per_batch):
        made = batching.make_batches(sentences, 30)
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
