"""Instances that theorems about layers and groups of weights are tried on.

Losses range over three orders of magnitude, or are small integers where ties are to be
met; all arrays have one row per instance.
"""

import itertools
import math

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy import special

DECADES = 1.5
"""Losses lie within so many powers of ten of 1, either way."""

NOTES_REFERENCE = np.array([1.0, *[0.5] * 5, *[0.8] * 4, 0.5, 0.95])
NOTES_LANGUAGE = NOTES_REFERENCE * np.where(NOTES_REFERENCE > 0.5, 1.5, 1.0)
"""The notes' own importances of 12 layers (theory/redundancy_formalization.py)."""


def keys(key: PRNGKeyArray, count: int) -> list[PRNGKeyArray]:
    """Makes several keys of one.

    Args:
        key: of them all.
        count: how many are needed.

    Reference: our own definition.
    """
    return [jax.random.fold_in(key, number) for number in range(count)]


def uniform(
    key: PRNGKeyArray, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0
) -> Float[np.ndarray, "..."]:
    """Draws numbers strictly between two, as float64.

    Args:
        key: of the draws.
        shape: of the array.
        low: all are above.
        high: all are below.

    Reference: our own definition.
    """
    count = math.prod(shape)
    # powers of two, so that few programs are compiled
    padded = 1 << (count - 1).bit_length()
    bits = np.asarray(jax.random.bits(key, (padded,), np.uint32), np.float64)[:count]
    return low + (high - low) * ((bits + 0.5) / 2**32).reshape(shape)


def normal(key: PRNGKeyArray, shape: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    """Draws standard normal numbers, as float64.

    Args:
        key: of the draws.
        shape: of the array.

    Reference: our own definition (quantiles of uniform numbers).
    """
    return special.ndtri(uniform(key, shape))


def positive(key: PRNGKeyArray, shape: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    """Draws positive losses, even on a logarithmic scale.

    Args:
        key: of the draws.
        shape: of the array.

    Reference: our own definition.
    """
    return 10 ** uniform(key, shape, -DECADES, DECADES)


def whole(
    key: PRNGKeyArray, shape: tuple[int, ...], low: int, high: int
) -> Float[np.ndarray, "..."]:
    """Draws whole numbers, whose sums are exact and which are often equal.

    Args:
        key: of the draws.
        shape: of the array.
        low: least.
        high: most.

    Reference: our own definition.
    """
    return np.floor(uniform(key, shape, float(low), float(high + 1)))


def simplex(key: PRNGKeyArray, shape: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    """Draws weights of sum 1 on the last axis, evenly over the simplex.

    Args:
        key: of the draws.
        shape: of the array.

    Reference: Devroye 1986, Non-Uniform Random Variate Generation, section 5.2.
    """
    drawn = -np.log(uniform(key, shape))
    return drawn / drawn.sum(axis=-1, keepdims=True)


def all_sets(groups: int) -> Float[np.ndarray, "subset group"]:
    """Lists all sets of groups: 1 for a member, 0 for the others.

    Args:
        groups: how many there are.

    Reference: our own definition.
    """
    return np.array(list(itertools.product([0.0, 1.0], repeat=groups)))
