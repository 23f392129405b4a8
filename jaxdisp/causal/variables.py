"""The four variables of the causal model, by language and sentence, from readings.

Nothing is computed twice under two names: T knows numbers of tokens alone, A states at
one tap, R the readout at the last tap, D the two losses.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxdisp.measure import convergence
from jaxdisp.measure.readings import Readings

NAMES = ("T", "A", "R", "D")


def variables(
    readings: Readings,
    undisturbed: Readings | None = None,
    *,
    reference: int,
) -> dict[str, Float[np.ndarray, "language sentence"]]:
    """Returns T, A, R and D of every sentence in every language.

    Definition: `T` is the number of tokens of the reference language's sentence,
    undisturbed, over that of the sentence: 1 where it is as short, smaller where it is
    cut into more. `A` is `convergence.margins` of the mean states, each language
    against the others undisturbed, so that an intervention on several languages at once
    changes of each no more than its own side. `R` is the number of channels that share
    in the readout, `D` the loss rounded less that in full precision, in nats per
    parallel sentence.

    Args:
        readings: of parallel sentences.
        undisturbed: before an intervention; None if these are.
        reference: the language to which T is relative, by its place.

    Raises:
        ValueError: if there is no such language, or the two readings are of different
            languages or sentences.

    Reference: our own definitions.
    """
    before = readings if undisturbed is None else undisturbed
    if before.n_tokens.shape != readings.n_tokens.shape:
        raise ValueError(
            f"readings are of {readings.n_tokens.shape} languages and sentences, those "
            f"undisturbed of {before.n_tokens.shape}"
        )
    if not 0 <= reference < len(readings.n_tokens):
        raise ValueError(
            f"reference must be from 0 to {len(readings.n_tokens) - 1}, got {reference}"
        )
    margins = convergence.margins(
        jnp.asarray(readings.means),
        None if undisturbed is None else jnp.asarray(undisturbed.means),
    )
    return {
        "T": before.n_tokens[reference] / readings.n_tokens,
        "A": np.asarray(margins, np.float64),
        "R": readings.readout.astype(np.float64),
        "D": (readings.rounded - readings.full).astype(np.float64),
    }
