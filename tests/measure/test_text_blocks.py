"""Which texts stand together, and which tokens are theirs."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxdisp.measure.text_blocks import blocks, tokens_by_block
from tests.measure import drawn_states


@pytest.mark.parametrize(
    ("groups", "most", "expected"),
    [
        ((3, 3, 1, 2, 2), 16, [0, 0, 1, 2, 2]),
        ((3, 3, 1, 2, 2), 2, [0, 0, 1, 0, 0]),
        ((0, 1, 2, 3, 4), 3, [0, 1, 2, 0, 1]),
    ],
)
def test_texts_take_turns(groups, most, expected):
    assert blocks(groups, most).tolist() == expected


@hypothesis.given(st.lists(st.integers(0, 9), min_size=1, max_size=20))
def test_texts_stay_whole_and_blocks_are_nearly_equal(groups):
    found = blocks(groups, 4)
    assert len(set(found)) == min(4, len(set(groups)))
    of_text = {(text, int(block)) for text, block in zip(groups, found, strict=True)}
    assert len(of_text) == len(set(groups))
    sizes = np.bincount([block for _, block in of_text])
    assert np.ptp(sizes) <= 1


def test_start_tokens_are_in_no_block():
    states = drawn_states.states(
        np.zeros((1, 6, 2)), sentence=[0, 0, 1, 1, 2, 2], place=[0, 1, 0, 1, 1, 2]
    )
    found = tokens_by_block(states, np.array([0, 1, 0]))
    assert [place.tolist() for place in found] == [[1, 4, 5], [3]]
