"""Clipping thresholds from the spread and the kurtosis of weights, through a family.

Kurtosis alone does not determine the best threshold: at kurtosis 3 and 4 bits it is
3.48 standard deviations for a Student-t law and 3.56 for a Laplace law. So the family
is always named.
"""

import functools as ft
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.quant import additive_noise, laws
from jaxdisp.quant.granularity import Grouping, grouped
from jaxdisp.quant.moments import SPREAD

LEAST_KURTOSIS = -0.9


@ft.partial(jax.jit, static_argnames=("family", "step"))
def kurtosis_threshold(
    deviation: Float[Array, ""],
    kurtosis: Float[Array, ""],
    bits: Int[Array, ""] | int,
    *,
    family: laws.Family,
    step: additive_noise.Step = "cells",
) -> Float[Array, ""]:
    """Finds the threshold for weights of known deviation and excess kurtosis.

    Formula: `deviation * law_threshold(shape_of(kurtosis), noise_constant(bits))`.
    Kurtosis that the family cannot have counts as the nearest it can.

    Args:
        deviation: standard deviation, in any unit.
        kurtosis: excess kurtosis.
        bits: word length, from 2 to 8.
        family: whose tail is assumed.
        step: width of a cell in the objective.

    Reference: our own definition, after Banner et al. 2019, arXiv:1810.05723.
    """
    shape = laws.shape_of(kurtosis, family=family)
    c = additive_noise.noise_constant(bits, step=step).astype(shape.dtype)
    return deviation * additive_noise.law_threshold(shape, c, family=family)


@ft.partial(jax.jit, static_argnames=("family", "step", "grouping"))
def weight_thresholds(
    weight: Float[Array, "rows columns"] | Float[Array, " rows"],
    bits: Int[Array, ""] | int,
    *,
    family: laws.Family | Literal["logarithmic"],
    grouping: Grouping,
    step: additive_noise.Step = "cells",
) -> Float[Array, " group"]:
    """Finds the threshold of every group of a weight from its spread and kurtosis.

    Formula: `kurtosis_threshold` of each group's standard deviation and excess
    kurtosis, or `logarithmic_threshold`; a group of equal values has these as its
    threshold.

    Args:
        weight: a matrix, input-first, or a vector.
        bits: word length, from 2 to 8.
        family: whose tail is assumed, or `logarithmic`.
        grouping: which weights form a group.
        step: width of a cell in the objective.

    Raises:
        ValueError: as `granularity.grouped`.

    Reference: our own definition.
    """
    groups = grouped(weight, grouping)
    present = grouped(jnp.ones_like(weight), grouping)
    count = jnp.sum(present, axis=1)
    largest = jnp.max(jnp.abs(groups), axis=1)
    scale = jnp.where(largest > 0, largest, 1.0)  # fourth powers would leave float32
    groups = groups / scale[:, None]
    centred = (groups - (jnp.sum(groups, axis=1) / count)[:, None]) * present
    variance = jnp.sum(centred**2, axis=1) / count
    fourth = jnp.sum(centred**4, axis=1) / count
    varied = variance > (SPREAD * jnp.finfo(variance.dtype).eps) ** 2
    kurtosis = fourth / jnp.where(varied, variance, 1.0) ** 2 - 3.0
    law = jnp.sqrt(variance), jnp.where(varied, kurtosis, 0.0)
    if family == "logarithmic":
        found = jax.vmap(logarithmic_threshold)(*law)
    else:
        one = ft.partial(kurtosis_threshold, bits=bits, family=family, step=step)
        found = jax.vmap(one)(*law)
    return jnp.where(varied, scale * found, largest)


def logarithmic_threshold(
    deviation: Float[Array, ""], kurtosis: Float[Array, ""]
) -> Float[Array, ""]:
    """Returns the research notes' threshold, a baseline to compare with.

    Formula: `deviation (2.5 + 0.3 ln(1 + kurtosis))`, whatever the bits. Kurtosis below
    -0.9 counts as -0.9. It is the optimum of no family: for a generalised Gaussian law
    of kurtosis 171 and 4 bits its error is 75 % above the least.

    Args:
        deviation: standard deviation, in any unit.
        kurtosis: excess kurtosis.

    Reference: the research notes under test, which ascribe it to Banner et al. 2019;
        that paper has no such formula.
    """
    bounded = jnp.maximum(kurtosis, LEAST_KURTOSIS)
    return deviation * (2.5 + 0.3 * jnp.log1p(bounded))
