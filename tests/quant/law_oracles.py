"""Slow float64 answers about laws, clipping and moments, which share no code.

Laws are scipy's, scaled to variance 1; expectations are quadratures of their densities
(tanh-sinh, which takes cusps and endless ranges); optima are searched without
derivatives. Sums over data are in rational numbers, so without any rounding.
"""

import itertools
from fractions import Fraction

import numpy as np
import scipy.integrate
import scipy.optimize
import scipy.stats


def standard(family, shape):
    """A law of scipy and its standard deviation."""
    law = {
        "gaussian": scipy.stats.norm,
        "laplace": scipy.stats.laplace,
        "generalised_gaussian": lambda: scipy.stats.gennorm(shape),
        "student_t": lambda: scipy.stats.t(shape),
    }[family]()
    return law, law.std()


def magnitude_density(family, shape):
    """The density of the magnitude, both signs together, with variance 1."""
    law, deviation = standard(family, shape)
    return lambda x: 2 * deviation * law.pdf(x * deviation)


def integral(integrand, low, high, args=()):
    """Quadrature over each of several ranges, to 13 digits or to within 1e-25.

    Two coarse sums may agree by chance, so it starts from 500 points a range.
    """
    limits = {"rtol": 1e-13, "atol": 1e-25, "minlevel": 5}
    found = scipy.integrate.tanhsinh(integrand, low, high, args=args, **limits)
    assert np.all(found.success), (found.status, found.error)
    return found.integral


def partial_moment(order, thresholds, density):
    """E of a power of the magnitude, where that is above each threshold."""
    return integral(lambda x: x**order * density(x), thresholds, np.inf)


def excess_kurtosis(family, shape):
    """The excess kurtosis of a law, by quadrature."""
    return partial_moment(4, 0.0, magnitude_density(family, shape)) - 3


def cell_width(bits, step):
    """Width of a cell of a range from -1 to 1."""
    widths = {
        "cells": 2 / 2**bits,
        "levels": 2 / (2**bits - 1),
        "symmetric": 1 / (2 ** (bits - 1) - 1),
    }
    return widths[step]


def noise_objective(threshold, c, density):
    """What clipping and uniform noise cost together, by quadrature."""
    clipped = integral(lambda x: (x - threshold) ** 2 * density(x), threshold, np.inf)
    return float(clipped) + c * threshold**2


def least(function, candidates):
    """The argument of a least value: the best candidate, then golden sections."""
    values = [function(at) for at in candidates]
    best = int(np.argmin(values))
    assert 0 < best < len(values) - 1, "the candidates do not bracket a minimum"
    return scipy.optimize.minimize_scalar(
        function,
        bounds=(candidates[best - 1], candidates[best + 1]),
        method="bounded",
        options={"xatol": 1e-9},
    )


def noise_optimum(c, density):
    """The threshold with the least noise, between 0.3 and 600."""
    candidates = np.geomspace(0.3, 600, 33)
    return least(lambda at: noise_objective(at, c, density), candidates).x


def grid_levels(threshold, bits, grid):
    """All levels of a grid, in order."""
    half = 2 ** (bits - 1)
    if grid == "midrise":
        step = threshold / half
        return [(k + 0.5) * step for k in range(-half, half)]
    step = threshold / (half - 1)
    first = -half if grid == "twos_complement" else 1 - half
    return [k * step for k in range(first, half)]


def grid_error(threshold, bits, grid, density):
    """Mean squared distance from the nearest level: the sum over explicit cells.

    Levels on the negative side are those of the mirrored law, so every cell is a
    range of magnitudes and no cell has the cusp at 0 inside it.
    """
    lows, highs, nearest = [], [], []
    for side in (1, -1):
        levels = sorted(side * level for level in grid_levels(threshold, bits, grid))
        borders = [(a + b) / 2 for a, b in itertools.pairwise(levels)]
        starts, ends = [-np.inf, *borders], [*borders, np.inf]
        for level, start, end in zip(levels, starts, ends, strict=True):
            if end > 0:
                lows.append(max(start, 0.0))
                highs.append(end)
                nearest.append(level)
    cells = integral(
        lambda x, level: (x - level) ** 2 * density(x),
        np.array(lows),
        np.array(highs),
        args=(np.array(nearest),),
    )
    return cells.sum() / 2


def clipping_error(threshold, bits, grid, density):
    """The part of `grid_error` from beyond the outermost cells' ends."""
    levels = grid_levels(threshold, bits, grid)
    total = 0.0
    for level in (levels[0], levels[-1]):
        outermost = abs(level)
        # the edge of the last cell for midrise, else the level itself
        end = threshold if grid == "midrise" else outermost
        total += 0.5 * integral(
            lambda x, level=outermost: (x - level) ** 2 * density(x), end, np.inf
        )
    return float(total)


def grid_optimum(bits, grid, density, candidates):
    """The threshold with the least error on a grid, and that error."""
    found = least(lambda at: grid_error(at, bits, grid, density), candidates)
    return found.x, found.fun


def rational(values):
    return [Fraction(float(value)) for value in values]


def data_objective(x, weights, threshold, c):
    """The objective for weighted data, without rounding."""
    clipped = sum(
        weight * max(abs(value) - threshold, 0) ** 2
        for value, weight in zip(x, weights, strict=True)
    )
    return clipped + c * threshold**2 * sum(weights)


def data_optimum(x, weights, c):
    """The best threshold for weighted data: every interval between magnitudes tried.

    Within an interval the objective is a parabola, least at its vertex or, if that is
    outside, at an end of the interval.
    """
    x, weights, c = rational(x), rational(weights), Fraction(float(c))
    if sum(weights) == 0:
        return Fraction(0)
    sizes = sorted({Fraction(0), *map(abs, x)})
    candidates = []
    for low, high in zip(sizes, [*sizes[1:], None], strict=True):
        beyond = [
            (abs(value), weight)
            for value, weight in zip(x, weights, strict=True)
            if abs(value) > low
        ]
        mass = c * sum(weights) + sum(weight for _, weight in beyond)
        vertex = sum(size * weight for size, weight in beyond) / mass
        vertex = max(vertex, low)
        candidates.append(vertex if high is None else min(vertex, high))
    return min(candidates, key=lambda at: data_objective(x, weights, at, c))


def moments(x, weights):
    """Weight, mean and sums of powers of the distance from it, without rounding."""
    x, weights = rational(x), rational(weights)
    total = sum(weights)
    pairs = list(zip(x, weights, strict=True))
    mean = sum(w * v for v, w in pairs) / total if total else Fraction(0)
    sums = [sum(w * (v - mean) ** power for v, w in pairs) for power in (2, 3, 4)]
    return [total, mean, *sums]


def kurtosis(x, weights=None):
    """Excess kurtosis, without rounding; 0 where all values are equal."""
    weights = [1] * len(x) if weights is None else weights
    total, _, second, _, fourth = moments(x, weights)
    return float(total * fourth / second**2 - 3) if second else 0.0
