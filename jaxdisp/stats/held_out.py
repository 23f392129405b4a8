"""Choosing the best of several options on some groups, and judging it on others."""

import numpy as np
from jaxtyping import Float, Int


def chosen_without(
    values: Float[np.ndarray, "option observation"],
    groups: Int[np.ndarray, " observation"],
) -> Int[np.ndarray, " observation"]:
    """Says for each observation which option is the best on the other groups.

    Definition: `argmax over options of the mean over observations outside its group`;
    of equal options the first. What a choice attains on its own group is not flattered
    by having been the largest of several.

    Args:
        values: of each option and observation, in any unit; larger is better.
        groups: id of each observation's group; groups are independent.

    Raises:
        ValueError: if there are fewer than 2 groups.

    Reference: Stone 1974, JRSS B 36 (cross-validatory choice), leaving out groups.
    """
    number = np.unique(groups, return_inverse=True)[1]
    n_groups = int(number.max(initial=-1)) + 1
    if n_groups < 2:
        raise ValueError(f"a choice on other groups needs at least 2, got {n_groups}")
    member = np.eye(n_groups)[number]
    real = np.asarray(values, np.float64)
    sums = real.sum(axis=1, keepdims=True) - real @ member
    means = sums / (len(number) - member.sum(axis=0))
    return np.argmax(means, axis=0)[number]


def taken(
    values: Float[np.ndarray, "option observation"],
    choice: Int[np.ndarray, " observation"],
) -> Float[np.ndarray, " observation"]:
    """Picks for each observation the value of the option chosen for it.

    Args:
        values: of each option and observation.
        choice: options, as from `chosen_without`.

    Reference: our own definition.
    """
    return np.take_along_axis(values, choice[None], axis=0)[0]
