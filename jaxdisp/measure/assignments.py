"""Assignments that a sweep goes through: the version of each layer, as integers."""

import itertools
import math

import numpy as np
from jaxtyping import Int

FULL, QUANTIZED = 0, 1


def uniform(n_layers: int) -> Int[np.ndarray, "config site"]:
    """Lists full precision, then everything quantized.

    Args:
        n_layers: layers of the model.

    Reference: our own definition.
    """
    return np.array([[FULL], [QUANTIZED]]).repeat(n_layers + 1, axis=1)


def one_quantized(n_layers: int) -> Int[np.ndarray, "config site"]:
    """Lists the assignments in which a single layer is quantized, first to last.

    Args:
        n_layers: layers of the model.

    Reference: our own definition.
    """
    return np.eye(n_layers, n_layers + 1, dtype=int)


def protecting(
    sets: Int[np.ndarray, "subset layer"], n_layers: int
) -> Int[np.ndarray, "config site"]:
    """Lists the assignments in which everything but a set of layers is quantized.

    Args:
        sets: the protected layers of each set, from 0.
        n_layers: layers of the model.

    Reference: our own definition.
    """
    sites = np.full((len(sets), n_layers + 1), QUANTIZED)
    np.put_along_axis(sites, np.asarray(sets), FULL, axis=1)
    return sites


def subsets(n_layers: int, size: int) -> Int[np.ndarray, "subset layer"]:
    """Lists all sets of so many layers, in lexicographic order.

    Args:
        n_layers: layers of the model.
        size: layers in a set.

    Raises:
        ValueError: if a set would be empty or hold every layer.

    Reference: our own definition.
    """
    if not 0 < size < n_layers:
        raise ValueError(
            f"a protection set must have 1 to {n_layers - 1} of the {n_layers} layers, "
            f"got {size}"
        )
    found = list(itertools.combinations(range(n_layers), size))
    return np.array(found)


def gateways(n_layers: int) -> tuple[int, int, int]:
    """Returns the layers that the gateway claim names: first, at three quarters, last.

    Definition: `0, floor(3 L / 4), L - 1`; for 12 layers 0, 9 and 11.

    Args:
        n_layers: layers of the model, at least 5.

    Raises:
        ValueError: if there are fewer than 5 layers, so that two of them coincide.

    Reference: the claim under test; see the documentation's page on claims.
    """
    if n_layers < 5:
        raise ValueError(f"gateway layers need at least 5 layers, got {n_layers}")
    return 0, math.floor(3 * n_layers / 4), n_layers - 1
