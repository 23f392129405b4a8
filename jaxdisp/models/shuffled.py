"""Models that have learned nothing: the shape and the weights of one, in no order."""

import dataclasses
import zlib

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from jaxdisp.models import decoder
from jaxdisp.models.model import Model

PIECE = 2**16
"""Random words per call."""


def shuffled(model: Model, key: PRNGKeyArray) -> Model:
    """Permutes the entries of every parameter, layer by layer.

    Definition: each tensor of each layer holds the same numbers as before in an order
    drawn anew, so that every law of its entries (variance, kurtosis, crest factor) is
    kept and everything learned is lost.

    Args:
        model: an open model.
        key: of the order.

    Reference: our own definition; a null model as in Adebayo et al. 2018,
        arXiv:1810.03292, section 3 (weights randomized to see what rests on them).
    """
    leaves = {}
    for tensor in model.architecture.tensors(model.config):
        value = np.asarray(decoder.leaf(model.params, tensor.path))
        own = jax.random.fold_in(key, zlib.crc32("/".join(tensor.path).encode()))
        layers = value.shape[0] if tensor.stacked else 1
        flat = value.reshape(layers, -1)
        # by NumPy, which sorts far faster than XLA on a CPU and compiles nothing
        order = np.argsort(_bits(own, flat.size).reshape(flat.shape), axis=1)
        mixed = np.take_along_axis(flat, order, axis=1)
        leaves[tensor.path] = jnp.asarray(mixed.reshape(value.shape))
    number = "-".join(str(word) for word in jax.random.key_data(key).tolist())
    return dataclasses.replace(
        model,
        params=decoder.assemble(leaves),
        source=f"{model.source}, weights shuffled",
        hashes=model.hashes | {"weights": f"{model.hashes['weights']}/{number}"},
    )


def _bits(key: PRNGKeyArray, n: int) -> np.ndarray:
    """Random words, drawn in pieces of one size, so that one program draws all."""
    pieces = [
        np.asarray(_drawn(jax.random.fold_in(key, number)))
        for number in range(-(-n // PIECE))
    ]
    return np.concatenate(pieces)[:n]


_drawn = jax.jit(lambda key: jax.random.bits(key, (PIECE,)))
