"""Sources of vectors and codes of a few bits whose errors are known without sampling.

Five kinds take turns. Of a Gaussian vector that is autoregressive (correlation `r^|i -
j|`), each component is rounded to the best equally spaced levels (`levels`), or to the
best levels of all (`lloyd`); or its principal components are, with whole bits allotted
one by one to where they help most (`transform`). Of independent uniform variables of
different widths, turned by an orthogonal matrix, the unturned ones are rounded with
bits allotted likewise (`turned`). And `limit` is the rate-distortion function of the
Gaussian vector, by reverse water-filling, to which codes of long blocks come near.
"""

import functools as ft
import math

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray
from scipy import linalg, optimize, stats

from jaxdisp.result import result

KINDS = ("levels", "lloyd", "transform", "turned", "limit")
MOST_COMPONENTS = 6
MOST_BITS = 9
"""Of a component that is given more than its share."""
ROUNDS = 40
GAUSSIAN_POWER = 2 * math.pi * math.e


@result
class Coded:
    """Sources by instance, and what a code of so many bits per component does to them.

    `variance` and `error` are mean squares per component, in the same unit;
    `redundancy` is `log2(2 pi e variance) / 2 - h / d` bits per component, h the
    differential entropy.
    """

    bits: Float[np.ndarray, " instance"]
    variance: Float[np.ndarray, " instance"]
    redundancy: Float[np.ndarray, " instance"]
    error: Float[np.ndarray, " instance"]


def coded(key: PRNGKeyArray, bits: Int[np.ndarray, " instance"]) -> Coded:
    """Draws a source and a code for each number of bits.

    Definition: kinds take turns; components number 1 to 6, correlations lie between
    -0.95 and 0.95, deviations are log-normal.

    Args:
        key: of the sources.
        bits: per component, from 2 to 6.

    Reference: our own definition.
    """
    n = len(bits)
    size, correlation, scale, widths = jax.random.split(key, 4)
    sizes = np.asarray(jax.random.randint(size, (n,), 1, MOST_COMPONENTS + 1))
    r = np.asarray(jax.random.uniform(correlation, (n,)), np.float64) * 1.9 - 0.95
    sigma = np.exp(np.asarray(jax.random.normal(scale, (n,)), np.float64))
    spread = np.exp(
        np.asarray(jax.random.normal(widths, (n, MOST_COMPONENTS)), np.float64)
    )
    rows = np.array(
        [
            _one(KINDS[i % len(KINDS)], int(sizes[i]), r[i], sigma[i], spread[i], b)
            for i, b in enumerate(bits.tolist())
        ]
    )
    variance, redundancy, error = rows.T
    return Coded(
        bits=bits.astype(np.float64),
        variance=variance,
        redundancy=redundancy,
        error=error,
    )


def _one(
    kind: str, d: int, r: float, sigma: float, spread: np.ndarray, bits: int
) -> tuple[float, float, float]:
    """Variance, redundancy and error of one source and code."""
    if kind == "turned":
        half = sigma * spread[:d]  # of the widths
        own = half**2 / 3
        error = allotted_error(own, 4.0 ** -np.arange(MOST_BITS + 1), bits * d)
        variance = float(own.mean())
        entropy = float(np.log2(2 * half).mean())
        spare = 0.5 * math.log2(GAUSSIAN_POWER * variance) - entropy
        return variance, spare, error
    own = sigma**2 * linalg.eigvalsh(linalg.toeplitz(r ** np.arange(d)))
    spare = spectral_redundancy(own)
    if kind == "levels":
        return sigma**2, spare, sigma**2 * float(equal_steps()[bits])
    if kind == "lloyd":
        return sigma**2, spare, sigma**2 * float(best_levels()[bits])
    if kind == "transform":
        return sigma**2, spare, allotted_error(own, best_levels(), bits * d)
    return sigma**2, spare, water_filled(own, float(bits))


def spectral_redundancy(variances: Float[np.ndarray, " component"]) -> float:
    """Returns the bits per component that correlation and unequal variances save.

    Definition: half the binary logarithm of the arithmetic over the geometric mean of a
    Gaussian vector's principal variances.

    Args:
        variances: eigenvalues of the covariance, above 0.

    Reference: Cover and Thomas 2006, Elements of Information Theory, theorem 8.4.1.
    """
    return float(0.5 * (np.log2(variances.mean()) - np.log2(variances).mean()))


def water_filled(variances: Float[np.ndarray, " component"], bits: float) -> float:
    """Returns the least error of a Gaussian vector at so many bits per component.

    Definition: `mean min(t, v)` with the water level t for which `mean max(0, log2(v /
    t)) / 2` is the bits.

    Args:
        variances: eigenvalues of the covariance, above 0.
        bits: per component, above 0.

    Reference: Cover and Thomas 2006, theorem 10.3.3.
    """
    ordered = np.sort(variances)[::-1]
    d = len(ordered)
    above = np.arange(1, d + 1)
    levels = 2.0 ** (np.cumsum(np.log2(ordered)) / above - 2 * bits * d / above)
    # the level of k wet components is right where it covers all the others
    level = levels[np.flatnonzero(levels <= ordered)[-1]]
    return float(np.minimum(level, ordered).mean())


def allotted_error(
    variances: Float[np.ndarray, " component"],
    errors: Float[np.ndarray, " bits"],
    total: int,
) -> float:
    """Allots whole bits to components one by one, where each helps most.

    Args:
        variances: of the components.
        errors: of a component of variance 1 at 0, 1, 2, ... bits, convex.
        total: bits to give away.

    Returns:
        Mean error per component.

    Reference: Fox 1966, Operations Research 14 (greedy marginal allocation is optimal
        where errors are convex).
    """
    given = np.zeros(len(variances), int)
    for _ in range(total):
        room = given < len(errors) - 1
        after = errors[np.minimum(given + 1, len(errors) - 1)]
        gain = np.where(room, variances * (errors[given] - after), -1.0)
        given[int(np.argmax(gain))] += 1
    return float(np.mean(variances * errors[given]))


@ft.cache
def equal_steps() -> Float[np.ndarray, " bits"]:
    """Least errors of equally spaced levels for a Gaussian of variance 1, by bits.

    Definition: levels `(k + 1/2) step`, the step being found by bounded minimization;
    up to 6 bits.

    Reference: Max 1960, Quantizing for minimum distortion, table II.
    """

    def least(bits: int) -> float:
        places = np.arange(2**bits) - (2**bits - 1) / 2
        found = optimize.minimize_scalar(
            lambda step: gaussian_error(step * places),
            bounds=(0.01, 4.0),
            method="bounded",
            options={"xatol": 1e-10},
        )
        return float(found.fun)

    return np.array([1.0, *(least(bits) for bits in range(1, 7))])


@ft.cache
def best_levels() -> Float[np.ndarray, " bits"]:
    """Errors of levels that are nearly the best for a Gaussian of variance 1, by bits.

    Definition: from the levels that are best where there are many (equal steps of the
    cube root of the density), 40 rounds of Lloyd's iteration: borders halfway between
    levels, levels at the means of their cells. Whether or not they have settled, the
    error is that of these levels.

    Reference: Lloyd 1982, Least squares quantization in PCM, section III; Panter and
        Dite 1951 (the start).
    """

    def settled(count: int) -> float:
        level = math.sqrt(3) * stats.norm.ppf((np.arange(count) + 0.5) / count)
        for _ in range(ROUNDS):
            mass, moment = _cells(level)
            level = moment / mass
        return gaussian_error(level)

    return np.array([settled(2**bits) for bits in range(MOST_BITS + 1)])


def gaussian_error(levels: Float[np.ndarray, " level"]) -> float:
    """Returns the mean squared error of a Gaussian at the nearest of some levels.

    Definition: `1 - 2 sum y m + sum y^2 p`, p the mass and m the partial mean of the
    cell of level y.

    Args:
        levels: ascending, in standard deviations.

    Reference: Max 1960, Quantizing for minimum distortion, equation 1.
    """
    mass, moment = _cells(levels)
    return float(1 - 2 * np.sum(levels * moment) + np.sum(levels**2 * mass))


def _cells(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mass and partial mean of a Gaussian in the cell of each level."""
    middle = (levels[1:] + levels[:-1]) / 2
    border = np.concatenate([[-np.inf], middle, [np.inf]])
    return np.diff(stats.norm.cdf(border)), -np.diff(stats.norm.pdf(border))
