"""Clipping by brute force: levels written out, every value at the nearest of them."""

import itertools

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st


def level_numbers(bits, grid, zero=0):
    """All levels, in steps; `zero` is the place of 0 among those of `affine`."""
    half = 2 ** (bits - 1)
    return {
        "symmetric": np.arange(-half + 1, half, dtype=float),
        "twos_complement": np.arange(-half, half, dtype=float),
        "midrise": np.arange(-half, half) + 0.5,
        "affine": np.arange(2 * half, dtype=float) - zero,
    }[grid]


def all_level_numbers(bits, grid):
    """The levels of each place of 0; only `affine` has more than one."""
    zeros = range(2**bits) if grid == "affine" else [0]
    return [level_numbers(bits, grid, zero) for zero in zeros]


def weighted_mean(values, weights):
    """The mean over the last axis; 0 if no value counts."""
    total = np.sum(weights)
    return values @ weights / total if total > 0 else 0.0 * np.sum(values, axis=-1)


def mean_square(x, weights):
    """What the error is if every value is rounded to 0."""
    return float(weighted_mean(x**2, weights))


def nearest_numbers(x, steps, numbers):
    """The number of the level nearest to each value, for each step."""
    middles = (numbers[1:] + numbers[:-1]) / 2
    return numbers[np.searchsorted(middles, x / steps[:, None])]


def errors(x, weights, steps, numbers):
    """The weighted mean squared error of each step, all levels being given in steps."""
    rounded = nearest_numbers(x, steps, numbers) * steps[:, None]
    return weighted_mean((x - rounded) ** 2, weights)


def square_numbers(x, weights, steps, numbers):
    """The weighted mean square of the numbers of the nearest levels, at each step."""
    return weighted_mean(nearest_numbers(x, steps, numbers) ** 2, weights)


def steps_up_to(largest, count):
    """Steps everywhere below the largest: evenly spaced ones, and of 15 magnitudes."""
    even = np.linspace(0, largest, count // 2 + 1)[1:]
    return np.concatenate([even, np.geomspace(1e-15 * largest, largest, count // 2)])


def least_error(x, weights, bits, grid, count):
    """The least error of `count` thresholds (for `affine`, with every place of 0).

    From a step of `2 max |x|` on all codes are 0, or are half a step in `midrise`,
    where the best step is twice a mean, so that none beyond is better.
    """
    largest = 2 * np.abs(x).max()
    if largest == 0:
        return 0.0
    tried = all_level_numbers(bits, grid)
    steps = steps_up_to(largest, count // len(tried))
    return min(errors(x, weights, steps, numbers).min() for numbers in tried)


def least_error_of_all_codes(x, weights, bits, grid):
    """The least error over every choice of a level for every value: few values only.

    The best step for given codes `k` is the least-squares one, `A / B` with
    `A = sum w x k` and `B = sum w k^2`, or 0 if that is negative.
    """
    best = 0.0
    for numbers in all_level_numbers(bits, grid):
        codes = np.array(list(itertools.product(numbers, repeat=len(x))))
        first, square = codes @ (weights * x), codes**2 @ weights
        good = (first > 0) & (square > 0)
        best = max(best, np.max(first[good] ** 2 / square[good], initial=0.0))
    total = weights.sum()
    return (weights @ x**2 - best) / total if total > 0 else 0.0


def threshold_errors(x, weights, bits, grid, count):
    """Errors of `count` thresholds between the mean and the largest magnitude.

    In `affine` the whole range shrinks in proportion, and 0 is rounded to a level.
    """
    top, low, high = np.abs(x).max(), min(0.0, *x), max(0.0, *x)
    if top == 0:
        return np.zeros(1)
    shares = np.linspace(np.abs(x).mean() / top, 1, count)
    if grid != "affine":
        half = 2 ** (bits - 1)
        steps = shares * top / (half if grid == "midrise" else half - 1)
        return errors(x, weights, steps, level_numbers(bits, grid))
    step = (high - low) / (2**bits - 1)
    numbers = level_numbers(bits, grid, np.round(-low / step))
    return errors(x, weights, shares * step, numbers)


def largest_searched_step(x, weights, numbers):
    """The step beyond which the outermost level of neither side is nearest to a value.

    At `max / (n - 1)` even the level before it is the largest value.
    """
    ends = [
        np.max(np.abs(x[(side * x > 0) & (weights > 0)]), initial=0.0)
        / max(np.max(side * numbers) - 1, 0.5)
        for side in (-1, 1)
        if np.max(side * numbers) > 0
    ]
    return max(ends)


def is_searched(limits, x, weights, bits, grid):
    """Whether the step of a range is at most the largest that is searched."""
    count = 2**bits - {"midrise": 0, "affine": 1}.get(grid, 2)
    step = (limits.high - limits.low) / count
    zero = np.round(-limits.low / step) if step > 0 else 0
    numbers = level_numbers(bits, grid, zero)
    return step <= largest_searched_step(x, weights, numbers) * (1 + 1e-12)


def all_weights(shape):
    """Weights of a million to a millionth, some of them 0; all equal; or all 0."""
    wide = st.floats(-6, 6).map(lambda exponent: 10**exponent)
    some = hnp.arrays(np.float64, shape, elements=st.one_of(wide, wide, st.just(0.0)))
    equal = st.sampled_from([1.0, 1.0, 3.0, 0.0]).map(lambda one: np.full(shape, one))
    return st.one_of(some, equal)
