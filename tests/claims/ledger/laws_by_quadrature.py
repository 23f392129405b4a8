"""Errors of quantizers by numerical integration: an oracle that shares no code."""

import functools as ft
import itertools

import numpy as np
from scipy import integrate, optimize, stats

STEPS = {"cells": 2 / 16, "levels": 2 / 15, "symmetric": 1 / 7}
"""Width of a cell over the threshold."""

GAUSSIAN = stats.norm()
LAPLACE = stats.laplace(scale=0.5**0.5)


def student(kurtosis):
    """A Student law of variance 1 with an excess kurtosis."""
    freedom = 4 + 6 / kurtosis
    return stats.t(freedom, scale=((freedom - 2) / freedom) ** 0.5)


def exponent(shape):
    """A generalised Gaussian law of variance 1."""
    return stats.gennorm(shape, scale=1 / stats.gennorm(shape).std())


def exponent_with(kurtosis):
    """The same, of an excess kurtosis."""
    shape = optimize.brentq(
        lambda at: stats.gennorm(at).stats("k") - kurtosis, 0.15, 2.5, xtol=1e-12
    )
    return exponent(shape)


def integral(function, low, high, points=()):
    inner = [low, *(point for point in points if low < point < high), high]
    return sum(
        integrate.quad(function, a, b, epsabs=1e-13, epsrel=1e-11, limit=400)[0]
        for a, b in itertools.pairwise(inner)
    )


def beyond(law, threshold, power):
    """E (|X| - a)_+^power."""
    places = threshold + np.array([0.5, 2.0, 8.0, 40.0, 400.0])
    return 2 * integral(
        lambda x: (x - threshold) ** power * law.pdf(x), threshold, np.inf, places
    )


def constant(step, bits=4):
    return (STEPS[step] * 2.0 ** (4 - bits)) ** 2 / 12


def noise(law, threshold, c):
    return beyond(law, threshold, 2) + c * threshold**2


def noise_threshold(law, c):
    return optimize.brentq(
        lambda at: c * at - beyond(law, at, 1), 1e-3, 200.0, xtol=1e-11
    )


def error(law, threshold, grid):
    """Exact mean squared error, cell by cell."""
    if grid == "symmetric":
        levels = np.arange(8) * threshold / 7
    else:
        levels = (np.arange(8) + 0.5) * threshold / 8
    borders = [0.0, *(0.5 * (levels[1:] + levels[:-1])), np.inf]
    far = threshold + np.array([1.0, 5.0, 30.0, 300.0])
    return 2 * sum(
        integral(lambda x, at=level: (x - at) ** 2 * law.pdf(x), low, high, far)
        for level, low, high in zip(levels, borders[:-1], borders[1:], strict=True)
    )


def best(law, grid, around):
    """Threshold with the least exact error near a guess."""
    found = optimize.minimize_scalar(
        ft.partial(error, law, grid=grid),
        bounds=(0.8 * around, 1.25 * around),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return found.x, found.fun


def recorded(entries, name):
    """The recorded numbers of an entry, and how far each was rounded."""
    (entry,) = (each for each in entries if each.id == name)
    return {value.name: (value.value, value.tolerance) for value in entry.values}


def agrees(entries, name, oracle):
    """Fails unless an oracle gives recorded numbers to their digits."""
    known = recorded(entries, name)
    for key, value in oracle.items():
        number, tolerance = known[key]
        # what was rounded is off by its last digit, and quadrature by 1e-9
        assert abs(value - number) <= tolerance + 1e-9, (name, key, value, number)
