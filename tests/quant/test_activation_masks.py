"""Which threshold serves an output: activations weigh errors, they do not clip.

Clipping what a weight and its activation give together, as if that were what is stored,
finds other thresholds, which follow the zeros of the activations.
"""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxdisp.quant import additive_noise
from tests.quant import fair_oracles

COUNT, BLOCK = 200_000, 20


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def scattered(block, key=0):
    """A pattern, in another random order in each run of neighbouring quantiles."""
    keys = jax.random.split(jax.random.key(key), COUNT // BLOCK)
    mixed = jax.vmap(ft.partial(jax.random.permutation, x=jnp.asarray(block)))(keys)
    return np.asarray(mixed).ravel()


def one_threshold(x, weights):
    c = additive_noise.noise_constant(4, step="cells")
    return float(
        additive_noise.threshold(
            *(jnp.asarray(part, np.float64) for part in (x, weights, c))
        )
    )


@pytest.mark.parametrize(
    ("density", "masked"), [(1.0, 2.56), (0.5, 2.36), (0.25, 2.16), (0.1, 1.86)]
)
def test_a_mask_of_activations_does_not_move_the_threshold(density, masked):
    # The threshold of the products w a does move, by their zeros and their kurtosis,
    # which says nothing of the threshold that serves the output best.
    w = fair_oracles.quantiles(scipy.stats.norm, COUNT)
    a = scattered((np.arange(BLOCK) < density * BLOCK).astype(float))
    assert one_threshold(w, a**2) == pytest.approx(2.559, abs=0.03)
    assert one_threshold(w * a, np.ones(COUNT)) == pytest.approx(masked, abs=0.03)
    kurtosis = np.mean((w * a) ** 4) / np.mean((w * a) ** 2) ** 2
    assert kurtosis == pytest.approx(3 / density, rel=0.05)


def test_activations_that_do_not_depend_on_weights_do_not_move_the_threshold():
    # Each run of neighbouring quantiles gets the same activations; what is left is how
    # much the quantiles of one run differ.
    w = fair_oracles.quantiles(scipy.stats.norm, COUNT)
    felt = scattered(fair_oracles.quantiles(scipy.stats.expon, BLOCK))
    unfelt = one_threshold(w, np.ones(COUNT))
    assert one_threshold(w, felt) == pytest.approx(unfelt, rel=0.005)
    assert one_threshold(w, 1 + w**2) > 1.05 * unfelt  # and those that do, do
