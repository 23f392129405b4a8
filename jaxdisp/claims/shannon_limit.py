"""How far the grid is from what any code of as many bits could do, layer by layer."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxdisp.claims.experiment import Rows
from jaxdisp.measure.language_clipping import clipped_tensors
from jaxdisp.models.model import Model, full_weight
from jaxdisp.models.quantized import Quantizer, round_tensor
from jaxdisp.quant import blahut_arimoto, relative_error

BINS = 256
NEARBY = (0.8, 1.0, 1.25)
"""Slopes tried, over that of a smooth source at the grid's distortion."""


def rows(model: Model, quantizer: Quantizer) -> Rows:
    """Compares rounding with the rate-distortion function of the weights themselves.

    Definition: of each layer's largest matrix, as one source without memory:
    `effective_bits = log2(1 / relative error) / 2`, which a Gaussian source would need,
    and `shannon_bits`, what the histogram of the weights (256 bins) needs for the same
    error by `blahut_arimoto.least_bits`. `saved` is the word length minus that.

    Args:
        model: an open model.
        quantizer: how weights are rounded.

    Reference: our own definition.
    """
    tensors = clipped_tensors(model, quantizer)
    if not tensors:
        return []
    tensor = max(tensors, key=lambda each: math.prod(each.shape))
    weight = full_weight(model, tensor.path)
    rounded = round_tensor(weight, tensor, quantizer)
    errors = jax.vmap(relative_error.relative_error)(weight, rounded)
    points = jax.lax.map(lambda one: _points(*one), (weight, errors))
    found: Rows = []
    for layer, error in enumerate(np.asarray(errors, np.float64).tolist()):
        if not error > 0:
            continue
        of_layer = jax.tree.map(lambda x, at=layer: x[at], points)
        least = blahut_arimoto.least_bits(of_layer, error)
        found.append(
            {
                "layer": layer,
                "matrix": ".".join(tensor.path[1:-1]),
                "bits": quantizer.bits,
                "relative_error": error,
                "effective_bits": -math.log2(error) / 2,
                "shannon_bits": least,
                "saved": quantizer.bits - least,
            }
        )
    return found


def _points(weight: jax.Array, error: jax.Array) -> blahut_arimoto.RatePoint:
    """Points of the function near an error, distortion being relative."""
    flat = weight.reshape(-1)
    share, value = blahut_arimoto.histogram_source(flat, bins=BINS)
    power = jnp.mean(flat * flat)
    letters = value / jnp.sqrt(jnp.where(power > 0, power, 1.0))
    distortion = (letters[:, None] - letters[None, :]) ** 2
    # of a smooth source, dR / dD = -1 / (2 D ln 2) where noise is small
    steepness = 1.0 / (2.0 * jnp.log(2.0) * jnp.where(error > 0, error, 1.0))
    slopes = -jnp.asarray(NEARBY, weight.dtype) * steepness
    return jax.lax.map(
        lambda slope: blahut_arimoto.rate_distortion(share, distortion, slope), slopes
    )
