"""Slow and obvious float64 answers, one number at a time, that share no code."""

import itertools
import math

import numpy as np


def absmax_range(values):
    """The smallest range that contains zero and all values."""
    return min(0.0, *map(float, values)), max(0.0, *map(float, values))


def grid_step(low, high, bits, grid):
    """The distance of neighbouring levels over the range from low to high."""
    top = max(-low, high, 0.0)
    if grid == "affine":
        return (max(high, 0.0) - min(low, 0.0)) / (2**bits - 1)
    if grid == "midrise":
        return 2 * top / 2**bits
    return top / (2 ** (bits - 1) - 1)


def steps_per_unit(low, high, bits, grid):
    """One over the step, rounded once; the package multiplies by it."""
    top = max(-low, high, 0.0)
    if grid == "affine":
        return (2**bits - 1) / (max(high, 0.0) - min(low, 0.0))
    if grid == "midrise":
        return 2**bits / (2 * top)
    return (2 ** (bits - 1) - 1) / top


def grid_zero(low, high, bits, grid):
    """The integer that stands for zero; Python's round takes halves to even."""
    if grid != "affine" or low == high == 0:
        return 0
    return round(-min(low, 0.0) * steps_per_unit(low, high, bits, grid))


def grid_codes(values, low, high, bits, grid):
    """The integer stored for each value."""
    step = grid_step(low, high, bits, grid)
    if step == 0:
        return np.zeros(len(values), int)
    per_unit = steps_per_unit(low, high, bits, grid)
    zero = grid_zero(low, high, bits, grid)
    first, last = {
        "symmetric": (-(2 ** (bits - 1)) + 1, 2 ** (bits - 1) - 1),
        "twos_complement": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1),
        "midrise": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1),
        "affine": (0, 2**bits - 1),
    }[grid]
    found = []
    for value in map(float, values):
        if grid == "midrise":
            code = math.floor(value * per_unit)
        else:
            code = round(value * per_unit) + zero
        found.append(min(max(code, first), last))
    return np.array(found)


def grid_round_trip(values, low, high, bits, grid):
    """The level each value is rounded to."""
    step = grid_step(low, high, bits, grid)
    zero = grid_zero(low, high, bits, grid)
    half = 0.5 if grid == "midrise" else 0.0
    codes = grid_codes(values, low, high, bits, grid)
    return np.array([(int(code) - zero + half) * step + 0.0 for code in codes])


def steps_to_next_decision(values, low, high, bits, grid):
    """How far each value is from where its code would change, in steps."""
    step = grid_step(low, high, bits, grid)
    shift = 0.0 if grid == "midrise" else 0.5
    scaled = [float(value) / step - shift for value in values]
    return np.array([abs(place - round(place)) for place in scaled])


def weight_groups(shape, granularity, group_size, channel_axis):
    """The positions of the weights that share a range, group by group."""
    if len(shape) == 1:
        return [[(i,) for i in range(shape[0])]]
    if granularity == "tensor":
        return [list(itertools.product(range(shape[0]), range(shape[1])))]
    by_row = channel_axis in (0, -2)
    channels, inputs = shape if by_row else shape[::-1]
    size = group_size if granularity == "group" else inputs
    return [
        [
            (channel, i) if by_row else (i, channel)
            for i in range(first, min(first + size, inputs))
        ]
        for channel in range(channels)
        for first in range(0, inputs, size)
    ]


def quantized_weight(weight, bits, grid, granularity, group_size, channel_axis):
    """A weight, each group rounded over its own absmax range."""
    rounded = np.full(weight.shape, np.nan)
    for places in weight_groups(weight.shape, granularity, group_size, channel_axis):
        values = [weight[place] for place in places]
        low, high = absmax_range(values)
        levels = grid_round_trip(values, low, high, bits, grid)
        for place, level in zip(places, levels, strict=True):
            rounded[place] = level
    return rounded
