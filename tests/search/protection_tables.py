"""Made-up tables of protection sets: four layers, three languages, twelve sentences."""

import itertools

import jax
import numpy as np

from tests.models import small

KEY = jax.random.key(5)
LAYERS, LANGUAGES = 4, 3
GROUPS = np.array([3, 3, 3, 0, 0, 5, 5, 5, 5, 8, 1, 1])
TEXTS = 5
LOW, HIGH = (0, 2), (1,)
WEIGHTS = np.array([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]])
# the last row is full precision
ALL_SETS = np.array(list(itertools.product([1, 0], repeat=LAYERS)))
ALONE = np.array([[2.0, 1.0, 0.5], [0.5, 0.75, 1.0], [0.25, 0.5, 0.5], [1.0, 0.5, 2.0]])
"""What each language loses when one layer alone is quantized."""


def noise(name, shape, scale):
    return scale * small.normal(name, shape).astype(np.float64)


def additive(assignments=ALL_SETS, scale=0.0, name="additive"):
    """Losses that add up over quantized layers, and noise but in full precision."""
    losses = assignments @ ALONE
    spread = noise(name, (len(GROUPS), *losses.shape), scale)
    return losses + spread * assignments.any(axis=1)[:, None]


def protected(row):
    return frozenset(np.flatnonzero(np.asarray(row) == 0).tolist())


def row(*layers):
    """The row of `ALL_SETS` that protects these layers."""
    return next(n for n, a in enumerate(ALL_SETS) if protected(a) == set(layers))


def value(added, assignments=ALL_SETS):
    """The game: what protecting a set saves, from the means over sentences."""
    losses = {
        protected(a): x for a, x in zip(assignments, added.mean(axis=0), strict=True)
    }
    return lambda members: losses[frozenset()] - losses.get(members, 0.0)
