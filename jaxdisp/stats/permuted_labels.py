"""Permuted labels: how often a contrast is as large where labels say nothing."""

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray


def label_p_value(
    values: Float[np.ndarray, " member"],
    weights: Float[np.ndarray, " weighted"],
    *,
    key: PRNGKeyArray,
    draws: int = 10_000,
) -> float:
    """Finds how rare so large a weighted sum is if weights are dealt out at random.

    Definition: `p = (1 + #{b: sum_i w_b(i) v_i >= sum_i w_i v_i}) / (1 + draws)`, over
    random permutations b; one-sided.

    Args:
        values: one per member, in any unit.
        weights: of the members, such as 1/n for those of one side and -1/m for those of
            the other.
        key: of the permutations.
        draws: how many permutations.

    Raises:
        ValueError: if there are not as many weights as values.

    Reference: Phipson and Smyth 2010, arXiv:1603.05766, section 3.
    """
    if values.shape != weights.shape:
        raise ValueError(f"{len(values)} values need a weight each, got {len(weights)}")
    order = np.argsort(np.asarray(jax.random.bits(key, (draws, len(values)))), axis=1)
    seen, null = weights @ values, weights[order] @ values
    # the same sum in another order differs by rounding
    tie = 1e-9 * (np.abs(weights) @ np.abs(values))
    return float((1 + np.sum(null >= seen - tie)) / (1 + draws))
