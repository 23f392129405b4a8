import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxdisp.models.parts.convolution import causal_convolution

SENTENCES, TOKENS, CHANNELS = 2, 5, 3
VALUES = st.floats(-8, 8, width=32)

convolve = jax.jit(causal_convolution)


def loops(state, weight, bias):
    """Token by token, in float64."""
    found = np.zeros(state.shape)
    length = weight.shape[1]
    for token in range(state.shape[1]):
        for place in range(length):
            source = token - (length - 1) + place
            if source >= 0:
                found[:, token] += weight[:, place] * state[:, source]
    return found + bias


@pytest.mark.parametrize("length", [1, 4, 7])  # 7 tokens are more than there are
@given(data=st.data())
def test_equal_to_loops(length, data):
    state, weight, bias = (
        data.draw(hnp.arrays(np.float32, shape, elements=VALUES))
        for shape in ((SENTENCES, TOKENS, CHANNELS), (CHANNELS, length), (CHANNELS,))
    )
    wide = [each.astype(np.float64) for each in (state, weight, bias)]
    found = convolve(state, {"weight": weight, "bias": bias})
    # at most 7 products of 64: float32 has 24 bits
    np.testing.assert_allclose(found, loops(*wide), rtol=0, atol=1e-4)
    without = convolve(state, {"weight": weight})
    np.testing.assert_allclose(without, loops(*wide[:2], 0), rtol=0, atol=1e-4)
