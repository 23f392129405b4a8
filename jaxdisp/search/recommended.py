"""Which configurations to choose from: good enough for every language, and small.

A floor on quality comes first, so that none is equal because all languages are lost;
what is left is compared by size and by the language that loses most. There is no score:
how many bytes a nat is worth is for those to say who use the model.
"""

import numpy as np
from jaxtyping import Bool, Float, Real

from jaxdisp.result import result
from jaxdisp.search import pareto


@result
class Recommended:
    """Configurations that keep to the floor, and those of them worth having.

    `front` is the Pareto front of size against the worst language's loss among
    `allowed`; `smallest` and `fairest` are its ends, places in the table: the fewest
    bytes, and the least worst loss (-1 if none is allowed).
    """

    allowed: Bool[np.ndarray, " scheme"]
    front: Bool[np.ndarray, " scheme"]
    smallest: int
    fairest: int


def recommended(
    n_bytes: Real[np.ndarray, " scheme"],
    *,
    worst: Float[np.ndarray, " scheme"],
    mean: Float[np.ndarray, " scheme"],
    floor: float,
) -> Recommended:
    """Finds the configurations that no other beats, of those that are good enough.

    Definition: allowed is `worst <= floor`; the front is `pareto.front` of bytes and
    `worst` among these. Of equal sizes and worst losses the smaller mean loss is
    first. Of upper bounds of intervals, what is allowed is so beyond their doubt.

    Args:
        n_bytes: size of each configuration.
        worst: what the language that loses most does, in nats per parallel sentence.
        mean: mean loss of the languages, in that unit.
        floor: the most that a language may lose, in that unit.

    Raises:
        ValueError: if the floor is not a number, or a mean is above its worst.

    Reference: our own definition; Pareto 1906; Rawls 1971, A Theory of Justice, section
        13 (the worst off), with Parfit 1991 on levelling down.
    """
    if np.isnan(floor):
        raise ValueError("floor must be a number of nats per sentence, got NaN")
    # sums of a mean are rounded
    if np.any(mean > worst + 1e-6 * np.abs(worst)):
        at = int(np.argmax(mean - worst))
        raise ValueError(
            f"configuration {at} has a mean loss of {mean[at]:g} above its worst, "
            f"{worst[at]:g}; give the worst language's loss and the mean over languages"
        )
    allowed = worst <= floor
    costs = np.stack([np.asarray(n_bytes, np.float64), worst, mean], axis=1)
    front = np.zeros(len(worst), bool)
    front[allowed] = pareto.front(costs[allowed][:, :2])
    # equal in both: the one that costs all languages less
    for place in np.flatnonzero(front):
        twins = front & np.all(costs[:, :2] == costs[place, :2], axis=1)
        front[twins] &= mean[twins] == mean[twins].min()
    places = np.flatnonzero(front)
    return Recommended(
        allowed=allowed,
        front=front,
        smallest=int(places[np.argmin(costs[places, 0])]) if len(places) else -1,
        fairest=int(places[np.argmin(worst[places])]) if len(places) else -1,
    )
