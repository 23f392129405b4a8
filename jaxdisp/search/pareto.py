"""Pareto fronts of size against losses, and comparisons at the same size."""

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from jaxdisp.result import result
from jaxdisp.search import objectives, ranking
from jaxdisp.stats import bca

BLOCK = 256
# rows that are compared with all others at a time: a few MB


@result
class Fronts:
    """The sets that no other beats in size and one more number, for each number."""

    mean: Bool[np.ndarray, " subset"]
    worst: Bool[np.ndarray, " subset"]
    disparity: Bool[np.ndarray, " subset"]


@result
class MatchedBudget:
    """The place of one set among the sets of the same size.

    `members` are those sets and `number` how many have a bounded objective; `rank`,
    its bounds `low` and `high` and `among_best` are as in `ranking.Ranking`, of the
    proposed one among them; `best` is the place in the table of the smallest (-1 if
    none is bounded). `difference` is proposed minus best, in the objective's unit; its
    interval takes the best as given, although it was chosen on the same text, while
    `among_best` allows for the choice.
    """

    members: Bool[np.ndarray, " subset"]
    number: int
    rank: int
    low: int
    high: int
    among_best: bool
    best: int
    difference: bca.Interval


def front(costs: Real[np.ndarray, "subset cost"]) -> Bool[np.ndarray, " subset"]:
    """Flags the rows that no other row dominates.

    Definition: a row is dominated if another is no larger in any cost and smaller in
    one. Equal rows stay together. A row with a NaN is not on the front and dominates
    none.

    Args:
        costs: of each row, in any units; smaller is better in each.

    Reference: Pareto 1906; as in Deb 2001, Multi-Objective Optimization, section 2.4.
    """
    table = np.asarray(costs, np.float64)
    found = np.zeros(len(table), bool)
    for start in range(0, len(table), BLOCK):
        block = table[start : start + BLOCK, None]
        # False wherever one of the two is NaN
        no_larger = (table <= block).all(axis=-1)
        smaller = (table < block).any(axis=-1)
        found[start : start + BLOCK] = ~np.any(no_larger & smaller, axis=1)
    return found & ~np.isnan(table).any(axis=1)


def fronts(
    n_bytes: Real[np.ndarray, " subset"],
    *,
    mean: Float[np.ndarray, " subset"],
    worst: Float[np.ndarray, " subset"],
    disparity: Float[np.ndarray, " subset"],
) -> Fronts:
    """Finds the fronts of size against mean, worst and disparity, each by itself.

    Definition: `front` of two columns. They use estimates; a set next to a front may
    not be distinguishable from one on it.

    Args:
        n_bytes: size of each set.
        mean: mean loss of the languages.
        worst: largest loss of a language.
        disparity: how unequal the losses are; 0 is equal, so take absolute values of a
            difference or log-ratio.

    Reference: our own definition.
    """
    return Fronts(
        mean=front(np.stack([n_bytes, mean], axis=1)),
        worst=front(np.stack([n_bytes, worst], axis=1)),
        disparity=front(np.stack([n_bytes, disparity], axis=1)),
    )


def matched_budget(
    n_bytes: Real[np.ndarray, " subset"],
    found: objectives.Objectives,
    proposed: int,
    *,
    tolerance: float = 0.0,
    level: float = 0.95,
) -> MatchedBudget:
    """Places a proposed set among all measured sets of its size.

    Definition: sets with `|bytes - bytes[proposed]| <= tolerance` are ranked by
    `ranking.ranking`, with its intervals.

    Args:
        n_bytes: size of each set.
        found: objective of each set.
        proposed: place of the proposed set in the table.
        tolerance: bytes by which sizes may differ.
        level: coverage aimed at.

    Raises:
        ValueError: if the proposed place is not one of the table's, or the tolerance
            is negative.

    Reference: our own definition.
    """
    if not 0 <= proposed < len(n_bytes):
        raise ValueError(
            f"proposed must be 0 to {len(n_bytes) - 1}, a row of the table; "
            f"got {proposed}"
        )
    if tolerance < 0:
        raise ValueError(f"tolerance must be 0 bytes or more, got {tolerance}")
    sizes = np.asarray(n_bytes, np.float64)
    members = abs(sizes - sizes[proposed]) <= tolerance
    places = np.flatnonzero(members)
    ranked = ranking.ranking(objectives.chosen(found, places), level=level)
    own = int(np.searchsorted(places, proposed))
    best = _best(ranked.objective, ranked.bounded, places)
    return MatchedBudget(
        members=members,
        number=int(ranked.bounded.sum()),
        rank=int(ranked.rank[own]),
        low=int(ranked.low[own]),
        high=int(ranked.high[own]),
        among_best=bool(ranked.among_best[own]),
        best=best,
        difference=_difference(found, proposed, best, level=level),
    )


def _best(
    objective: Float[np.ndarray, " set"],
    bounded: Bool[np.ndarray, " set"],
    places: Int[np.ndarray, " set"],
) -> int:
    """Finds the first set with the smallest bounded objective; -1 without any."""
    if not bounded.any():
        return -1
    return int(places[np.where(bounded, objective, np.inf).argmin()])


def _difference(
    found: objectives.Objectives, proposed: int, best: int, *, level: float
) -> bca.Interval:
    """Finds the paired interval of proposed minus best; NaN if there is no best."""
    differences = (
        np.asarray(x[..., proposed] - (x[..., best] if best >= 0 else np.nan))
        for x in (found.estimate, found.replicates, found.jackknife)
    )
    return objectives.interval(*differences, level=level)
