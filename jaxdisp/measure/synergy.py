"""What protecting two layers does beyond what each of them does."""

import numpy as np
from jaxtyping import Float


def synergy(
    neither: Float[np.ndarray, " *cell"],
    one: Float[np.ndarray, " *cell"],
    other: Float[np.ndarray, " *cell"],
    both: Float[np.ndarray, " *cell"],
) -> Float[np.ndarray, " *cell"]:
    """Measures what two protections save together beyond what they save separately.

    Definition: `(one + other - neither - both) / neither`, a share of the error without
    protection. On the scale of squared errors 0 is what independent errors of layers
    give that pass through the later ones linearly, since their squares add up; on the
    scale of logarithms the same errors would seem to help each other.

    Args:
        neither: error with neither layer protected, such as one minus a cosine.
        one: with the first protected, in the same unit.
        other: with the second.
        both: with both.

    Raises:
        ValueError: if there is no error without protection.

    Reference: our own definition; the additive model is that of Bliss 1939 for doses,
        Annals of Applied Biology 26, on the scale of squared errors.
    """
    if np.any(neither <= 0):
        raise ValueError("a synergy needs an error above 0 without protection")
    return (one + other - neither - both) / neither


def advantage(
    chosen: Float[np.ndarray, " *cell"], rivals: Float[np.ndarray, " rival *cell"]
) -> Float[np.ndarray, " *cell"]:
    """Compares the error of one choice with the mean of others.

    Definition: `mean over rivals of ln rival - ln chosen`: 0.1 is 10 % less error than
    the geometric mean of the others.

    Args:
        chosen: error of the choice, above 0.
        rivals: errors of the others, in the same unit.

    Raises:
        ValueError: if there is no rival, or an error is not above 0.

    Reference: our own definition.
    """
    if len(rivals) == 0:
        raise ValueError("an advantage needs at least 1 rival, got 0")
    if np.any(chosen <= 0) or np.any(rivals <= 0):
        raise ValueError("an advantage needs errors above 0")
    return np.log(rivals).mean(axis=0) - np.log(chosen)
