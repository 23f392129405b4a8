"""Generated inputs shared by tests; array sizes are fixed, so nothing recompiles."""

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

SMALLEST = 1e-20
"""Smaller magnitudes become 0: XLA on the CPU flushes subnormal numbers, which a
smaller value or its step would turn into."""


def _flushed(values):
    return np.where(np.abs(values) < SMALLEST, 0.0, values)


def numbers(largest=1e6, width=32):
    """Numbers of every magnitude, both signs."""
    return st.floats(-largest, largest, width=width, allow_subnormal=False).map(
        lambda value: float(_flushed(value))
    )


def arrays(shape, width=32):
    """Arrays with heavy tails, ties, atoms, one value only, or nothing but zeros.

    They are float64, with values that float32 can hold if `width` is 32.
    """
    dtype = np.dtype(f"float{width}")
    plain = hnp.arrays(np.float64, shape, elements=numbers(width=width))
    exponents = hnp.arrays(np.float64, shape, elements=st.floats(-3, 5))
    signs = hnp.arrays(np.float64, shape, elements=st.sampled_from([-1.0, 1.0]))
    heavy = st.builds(
        lambda sign, exponent: (sign * 10**exponent).astype(dtype).astype(np.float64),
        signs,
        exponents,
    )
    # With thresholds such as 7, multiples of 1/2 are levels and ties of many grids.
    halves = hnp.arrays(np.float64, shape, elements=st.integers(-32, 32).map(_half))
    atoms = st.lists(numbers(width=width), min_size=1, max_size=3).flatmap(
        lambda few: hnp.arrays(np.float64, shape, elements=st.sampled_from(few))
    )
    lonely = st.builds(
        lambda value, place: _one_value(shape, value, place),
        numbers(width=width),
        st.integers(0, int(np.prod(shape)) - 1),
    )
    constant = numbers(width=width).map(lambda value: np.full(shape, value))
    zeros = st.just(np.zeros(shape))
    return st.one_of(plain, heavy, halves, atoms, lonely, constant, zeros)


def thresholds(width=32):
    """Positive thresholds, among them tops of grids with a step of 1."""
    return st.one_of(
        st.sampled_from([1.0, 3.0, 7.0, 8.0, 127.0]),
        st.floats(2**-10, 2**10, width=width),
    )


def ranges(width=32):
    """Ranges from low to high, whether or not they contain 0."""
    return st.tuples(numbers(1e3, width), numbers(1e3, width)).map(sorted)


def _half(number):
    return number / 2


def _one_value(shape, value, place):
    array = np.zeros(shape)
    array.flat[place] = value
    return array
