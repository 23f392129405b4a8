"""Laws of weights on a few values, on which objectives of clipping are exact.

Kinds take turns: values that differ by factors, values that are evenly spread, and one
value beside 0, whose share is such that a bound of theorem T2c is attained.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jaxdisp.quant import additive_noise
from jaxdisp.result import result

VALUES = 10
LEAST_BITS, MOST_BITS = 2, 8
KINDS = 3


@result
class Laws:
    """By instance: magnitudes, their shares (of sum 1), and the constant of noise."""

    size: Float[np.ndarray, "instance value"]
    share: Float[np.ndarray, "instance value"]
    c: Float[np.ndarray, " instance"]


@result
class Curves:
    """J by instance, its slope, and half its curvature `P + c`, at thresholds."""

    value: Float[np.ndarray, " instance"]
    slope: Float[np.ndarray, " instance"]
    bend: Float[np.ndarray, " instance"]


def drawn(key: PRNGKeyArray, n: int) -> Laws:
    """Draws laws and word lengths from 2 to 8 bits.

    Args:
        key: of the laws.
        n: how many.

    Reference: our own definition.
    """
    bits, sizes, shares, unit = jax.random.split(key, 4)
    words = np.asarray(jax.random.randint(bits, (n,), LEAST_BITS, MOST_BITS + 1))
    c = 1 / (3 * 4.0**words)
    factor = np.asarray(jax.random.normal(sizes, (n, VALUES)), np.float64)
    size = np.exp(1.5 * factor)
    share = np.exp(np.asarray(jax.random.normal(shares, (n, VALUES)), np.float64))
    size[1::KINDS] = np.linspace(0.0, 1.0, VALUES)
    # one value alone, or of the share at which two moments bound the threshold best
    only = np.resize(np.array([1.0, 2.0, 3.0]), n)[: len(size[2::KINDS])]
    mass = np.where(only == 1.0, 1.0, (only == 2.0) * c[2::KINDS])
    mass = np.where(only == 3.0, 3 * c[2::KINDS], mass)
    size[2::KINDS, :-1], share[2::KINDS] = 0.0, 0.0
    share[2::KINDS, -1], share[2::KINDS, 0] = mass, 1 - mass
    scale = np.exp(np.asarray(jax.random.normal(unit, (n, 1)), np.float64))
    return Laws(size=scale * size, share=share / share.sum(axis=1, keepdims=True), c=c)


def best(laws: Laws) -> Float[np.ndarray, " instance"]:
    """Finds the thresholds that minimise J, in the unit of the values.

    Args:
        laws: any.

    Reference: as `additive_noise.threshold`.
    """
    with jax.enable_x64(True):
        return np.asarray(_best(*map(jnp.asarray, (laws.size, laws.share, laws.c))))


def curves(laws: Laws, at: Float[np.ndarray, " instance"]) -> Curves:
    """Evaluates J at one threshold for each law.

    Args:
        laws: any.
        at: thresholds, in the unit of the values.

    Reference: as `additive_noise.objective`.
    """
    with jax.enable_x64(True):
        found = _curves(*map(jnp.asarray, (laws.size, laws.share, at, laws.c)))
        value, slope, curvature = (
            np.asarray(part) for part in (found.value, found.slope, found.curvature)
        )
    return Curves(value=value, slope=slope, bend=curvature / 2)


def apart(
    one: Float[np.ndarray, " instance"], other: Float[np.ndarray, " instance"]
) -> Float[np.ndarray, " instance"]:
    """Subtracts thresholds; 0 where they differ by no more than rounding.

    Args:
        one: thresholds.
        other: thresholds, in the same unit.

    Reference: our own definition; thresholds are known to a few units in the last
        place, of which 1e-12 is thousands.
    """
    difference = one - other
    return np.where(np.abs(difference) > 1e-12 * np.abs(other), difference, 0.0)


_best = jax.jit(jax.vmap(additive_noise.threshold))
_curves = jax.jit(jax.vmap(additive_noise.objective))
