"""Batches lose no sentence, and no other choice of lengths pads less."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.measure import batches

LENGTHS = st.lists(st.integers(1, 90), min_size=1, max_size=30).map(np.array)


def padded(lengths, classes):
    """Tokens with padding, one sentence at a time."""
    return sum(min(c for c in classes if c >= n) for n in lengths)


@given(lengths=LENGTHS, most=st.integers(1, 4))
def test_no_other_choice_pads_less(lengths, most):
    found = batches.padded_lengths(lengths, most)
    sizes = sorted({-(-n // batches.STEP) * batches.STEP for n in lengths.tolist()})
    choices = (
        (*choice, sizes[-1])
        for count in range(most)
        for choice in itertools.combinations(sizes[:-1], count)
    )
    assert len(found) <= most
    assert padded(lengths, found) == min(padded(lengths, c) for c in choices)
