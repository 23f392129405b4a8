"""Thresholds and errors of laws with variance 1, as plain numbers in float64.

What `quant` computes for arrays, evaluated once: the entries of the ledger rest on it.
Thresholds are in standard deviations, and kurtosis is the excess over the Gaussian's.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from jaxdisp.quant import additive_noise, expected_error, kurtosis_clipping, laws
from jaxdisp.quant.additive_noise import Step
from jaxdisp.quant.expected_error import LawGrid

BITS = 4


class Law(NamedTuple):
    """A law of weights: its family and, where that has one, its shape."""

    family: laws.Family
    shape: float = 0.0


class Best(NamedTuple):
    """A threshold and the error there."""

    threshold: float
    error: float


# compiled once: the entries are computed anew again and again
_shape_of = jax.jit(laws.shape_of, static_argnames="family")
_kurtosis_of = jax.jit(laws.excess_kurtosis, static_argnames="family")
_objective = jax.jit(additive_noise.law_objective, static_argnames="family")
_error = jax.jit(expected_error.law_error, static_argnames=("grid", "family"))

GAUSSIAN, LAPLACE = Law("gaussian"), Law("laplace")


def with_kurtosis(family: laws.Family, kurtosis: float) -> Law:
    """Finds the law of a family with an excess kurtosis.

    Reference: as `laws.shape_of`.
    """
    with jax.enable_x64(True):
        return Law(family, float(_shape_of(jnp.asarray(kurtosis), family=family)))


def kurtosis_of(law: Law) -> float:
    """Returns a law's excess kurtosis.

    Reference: as `laws.excess_kurtosis`.
    """
    with jax.enable_x64(True):
        shape = jnp.asarray(law.shape)
        return float(_kurtosis_of(shape, family=law.family))


def noise_constant(bits: int = BITS, step: Step = "cells") -> float:
    """Returns `c` of the additive-noise objective.

    Reference: as `additive_noise.noise_constant`.
    """
    with jax.enable_x64(True):
        return float(additive_noise.noise_constant(bits, step=step))


def noise_threshold(law: Law, c: float) -> float:
    """Finds the threshold with the least additive-noise objective J.

    Reference: as `additive_noise.law_threshold`.
    """
    with jax.enable_x64(True):
        shape, constant = jnp.asarray(law.shape), jnp.asarray(c)
        found = additive_noise.law_threshold(shape, constant, family=law.family)
        return float(found)


def noise(threshold: float, law: Law, c: float) -> float:
    """Evaluates the additive-noise objective J.

    Reference: as `additive_noise.law_objective`.
    """
    return float(_noise(threshold, law, c).value)


def clipped_mean(threshold: float, law: Law) -> float:
    """Evaluates `G(a) = E(|X| - a)_+`, which is `c a` at the optimum.

    Reference: as `additive_noise`: half of J's slope without noise, with its sign
        turned.
    """
    return -0.5 * float(_noise(threshold, law, 0.0).slope)


def tail(threshold: float, law: Law) -> float:
    """Evaluates `P(a) = Pr(|X| > a)`.

    Reference: as `laws.tail`.
    """
    return 0.5 * float(_noise(threshold, law, 0.0).curvature)


def _noise(threshold: float, law: Law, c: float) -> additive_noise.Curve:
    with jax.enable_x64(True):
        return _objective(
            *(jnp.asarray(part) for part in (threshold, law.shape, c)),
            family=law.family,
        )


def best(law: Law, grid: LawGrid = "symmetric", bits: int = BITS) -> Best:
    """Finds the threshold with the least exact error of a grid.

    Reference: as `expected_error.best_threshold`.
    """
    with jax.enable_x64(True):
        found = expected_error.best_threshold(
            jnp.asarray(law.shape), bits, grid=grid, family=law.family
        )
        return Best(float(found.threshold), float(found.error))


def curve(
    threshold: float, law: Law, grid: LawGrid = "symmetric", bits: int = BITS
) -> expected_error.Curve:
    """Evaluates the exact error of a grid and its derivatives.

    Reference: as `expected_error.law_error`.
    """
    with jax.enable_x64(True):
        return _error(
            jnp.asarray(threshold),
            jnp.asarray(law.shape),
            bits,
            grid=grid,
            family=law.family,
        )


def error(threshold: float, law: Law, grid: LawGrid = "symmetric") -> float:
    """Evaluates the exact error of a grid of 4 bits.

    Reference: as `expected_error.law_error`.
    """
    return float(curve(threshold, law, grid).value)


def excess(threshold: float, law: Law, grid: LawGrid = "symmetric") -> float:
    """Says how much larger the exact error is than the least, as a share of it.

    Reference: our own definition.
    """
    return error(threshold, law, grid) / best(law, grid).error - 1.0


def formula(kurtosis: float) -> float:
    """Returns the notes' threshold for 4 bits, by the excess kurtosis alone.

    Reference: as `kurtosis_clipping.logarithmic_threshold`.
    """
    with jax.enable_x64(True):
        one, excess_kurtosis = jnp.ones(()), jnp.asarray(kurtosis)
        return float(kurtosis_clipping.logarithmic_threshold(one, excess_kurtosis))


def bits_of(c: float) -> float:
    """Returns the bits, whole or not, of ACIQ's noise constant.

    Definition: `c = 1 / (3 4^b)` solved for `b`.

    Reference: Banner et al. 2019, arXiv:1810.05723, equation 5.
    """
    return float(-np.log(3.0 * c) / np.log(4.0))


def spikes(kurtosis: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the law of three points, 0 and two of the same size, with a kurtosis.

    Definition: a share `p = 1 / (kurtosis + 3)` of the weights has the size
    `1 / sqrt(p)`, the others are 0; the variance is 1.

    Reference: our own definition.
    """
    share = 1.0 / (kurtosis + 3.0)
    return np.array([0.0, share**-0.5]), np.array([1.0 - share, share])


def points_threshold(sizes: np.ndarray, shares: np.ndarray, c: float) -> float:
    """Finds the threshold with the least J for a law of finitely many points.

    Reference: as `additive_noise.threshold`.
    """
    with jax.enable_x64(True):
        return float(
            additive_noise.threshold(
                jnp.asarray(sizes), jnp.asarray(shares), jnp.asarray(c)
            )
        )


def gaussian_points(n: int) -> np.ndarray:
    """Returns `n` weights whose law is as Gaussian as so many can be.

    Definition: quantiles at `(i + 1/2) / n`.

    Reference: our own definition.
    """
    return special.ndtri((np.arange(n) + 0.5) / n)
