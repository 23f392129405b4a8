"""Splitting an inequality of errors into what clipping can and cannot change."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdisp.result import result


@result
class Split:
    """Log-ratios to a reference language: `total = intrinsic + regret`.

    `intrinsic` remains if every language had the thresholds it would choose itself;
    `regret` is due to sharing.
    """

    total: Float[Array, " language"]
    intrinsic: Float[Array, " language"]
    regret: Float[Array, " language"]


def split_disparity(
    levels: Float[Array, " language"],
    own: Float[Array, " language"],
    reference: Float[Array, ""],
    own_reference: Float[Array, ""],
) -> Split:
    """Splits the log-ratio of errors of languages to a reference's.

    Formula: `ln(E_l / E_h) = ln(E*_l / E*_h) + ln(E_l / E*_l) - ln(E_h / E*_h)`.

    Args:
        levels: error of each language under shared thresholds, above 0.
        own: its least error, with thresholds of its own, above 0.
        reference: error of the reference under shared thresholds, above 0.
        own_reference: its least error, above 0.

    Reference: our own definition.
    """
    intrinsic = jnp.log(own) - jnp.log(own_reference)
    regret = jnp.log(levels / own) - jnp.log(reference / own_reference)
    return Split(total=intrinsic + regret, intrinsic=intrinsic, regret=regret)
