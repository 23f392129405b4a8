"""Multiplicity: p-values when several hypotheses are tested at once."""

import numpy as np
from jaxtyping import Float


def holm(p_values: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """Corrects p-values so that none below 0.05 is wrong, with probability 0.95.

    Definition: in ascending order, `q[i] = min(1, max_{j <= i} (m - j) p[j])` for m
    tests counted from 0, returned in the order given. Holds whatever the dependence.

    Args:
        p_values: of all tests that were made.

    Raises:
        ValueError: if one is not between 0 and 1.

    Reference: Holm 1979, Scandinavian Journal of Statistics 6, section 2.
    """
    if not np.all((p_values >= 0) & (p_values <= 1)):
        raise ValueError(f"p-values must be between 0 and 1, got {p_values.tolist()}")
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    corrected = np.empty(len(p_values))
    corrected[order] = np.maximum.accumulate(factors * p_values[order])
    return np.minimum(corrected, 1.0)
