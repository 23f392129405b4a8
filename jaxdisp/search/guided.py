"""Guided search: measures only the neighbours of the best sets, in rounds.

For lattices too large to measure. It starts from sets that are good in the additive
model and says at the end what that model leaves possible among the others.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int

from jaxdisp.result import result
from jaxdisp.search import additive_bound, lattice
from jaxdisp.search.additive_bound import Limit
from jaxdisp.search.additive_candidates import Candidates

Assignments = Int[np.ndarray, "subset layer"]
Evaluate = Callable[[Assignments], Float[np.ndarray, " subset"]]
Neighbours = Callable[[Int[np.ndarray, " layer"]], Assignments]


@result
class Visited:
    """The assignments that were measured, in order, and why no others were.

    `rounds` is 0 for the start. `best` is the place of the smallest value, the first of
    equals; `local_optimum` says that all its neighbours were measured. `stopped` is
    "local optimum" if a round found nothing smaller or nothing is left to measure
    around the best; otherwise it names the allowance that was used up.
    """

    assignments: Int[np.ndarray, "visit layer"]
    values: Float[np.ndarray, " visit"]
    rounds: Int[np.ndarray, " visit"]
    best: int
    local_optimum: bool
    stopped: str


@result
class Distance:
    """What the additive model leaves possible below the best that was measured.

    In the model no allowed set is below `floor`, none that was not measured is below
    `floor_of_others`, infinite if all were, and `model_best` is the best that is known.
    The best measured has `measured_best`, and in the model `predicted`. On what was
    measured, prediction and measurement are at most `largest_error` apart.
    """

    floor: Float[np.ndarray, ""]
    floor_of_others: Float[np.ndarray, ""]
    model_best: Float[np.ndarray, ""]
    predicted: Float[np.ndarray, ""]
    measured_best: Float[np.ndarray, ""]
    largest_error: Float[np.ndarray, ""]

    @property
    def gap(self) -> Float[np.ndarray, ""]:
        """The best measured minus the floor: a distance only where losses add up."""
        return np.asarray(self.measured_best - self.floor)

    @property
    def error_needed(self) -> Float[np.ndarray, ""]:
        """By how much the model must overestimate a set that is better than the best.

        Negative if sets that it predicts rightly could be.
        """
        return np.asarray(self.floor_of_others - self.measured_best)

    @property
    def better_only_by_larger_error(self) -> bool:
        """Whether the model must be further off there than on all that was measured."""
        return bool(self.error_needed >= self.largest_error)


def steps(limit: Limit, *, swaps: bool = True) -> Neighbours:
    """Returns the function that lists the allowed assignments one step away.

    Definition: those of `lattice.neighbours` that the limit allows; with a number of
    protected layers these are the exchanges.

    Args:
        limit: what is allowed.
        swaps: whether exchanges of two layers count as steps.

    Reference: our own definition.
    """

    def neighbours(assignment: Int[np.ndarray, " layer"]) -> Assignments:
        near = lattice.neighbours(assignment, limit.sizes.shape[1], swaps=swaps)
        return near[additive_bound.allowed(limit, near)]

    return neighbours


def guided(
    evaluate: Evaluate,
    start: Int[np.ndarray, "subset layer"],
    neighbours: Neighbours,
    *,
    beam: int = 4,
    rounds: int = 16,
    most: int = 4096,
) -> Visited:
    """Searches from some assignments for one that none of its neighbours improves on.

    Definition: round 0 measures the start; every other all neighbours of the `beam`
    best so far that are new, neighbours of the best first. It ends with a round that
    finds no smaller value than the best before. NaN becomes infinite.

    Args:
        evaluate: measures the objective of assignments, all of a round at once; it is
            never asked for one twice.
        start: assignments to begin with, in any order; repeated ones count once.
        neighbours: lists what is one step away from an assignment, and allowed.
        beam: how many assignments to look around in a round.
        rounds: rounds after the start at most.
        most: assignments to measure at most.

    Raises:
        ValueError: if there is no start or more than `most`, an allowance is not
            positive, or `evaluate` does not return one number for each assignment.

    Reference: Lowerre 1976, The HARPY speech recognition system (beam search); our own
        rule for stopping.
    """
    seen: set[bytes] = set()
    new = _new([start], seen)
    _check(new, beam, rounds, most)
    visited, values, when = new[:0], np.zeros(0), np.zeros(0, int)
    number, stopped = 0, None
    while stopped is None:
        added = new[: most - len(visited)]
        found = _measured(evaluate, added)
        improved = bool(found.min() < values.min(initial=np.inf)) or number == 0
        visited, values = np.vstack([visited, added]), np.append(values, found)
        when = np.append(when, np.full(len(added), number))
        seen.update(map(np.ndarray.tobytes, added))
        cut = len(added) < len(new)
        ranked = np.argsort(values, kind="stable")
        new = _new([neighbours(row) for row in visited[ranked[:beam]]], seen)
        if not len(new) or not (improved or cut):
            stopped = "local optimum"
        elif len(visited) == most:
            stopped = "most"
        elif number == rounds:
            stopped = "rounds"
        number += 1
    best = int(np.argmin(values))
    return Visited(
        assignments=visited,
        values=values,
        rounds=when,
        best=best,
        local_optimum=not len(_new([neighbours(visited[best])], seen)),
        stopped=stopped,
    )


def distance(visited: Visited, candidates: Candidates) -> Distance:
    """Says what the additive model leaves possible below the best that was measured.

    Definition: a set that was not measured has at least `floor_of_others` in the model,
    so that it is better only if the model overestimates it by more than `error_needed`.

    Args:
        visited: what was measured, of the objective that the candidates are for.
        candidates: the best sets of the model, within the limit of the search.

    Reference: our own definition.
    """
    problem = candidates.certificate.problem
    predicted = additive_bound.values(problem, visited.assignments)
    seen = set(map(np.ndarray.tobytes, visited.assignments))
    others = [row.tobytes() not in seen for row in _rows(candidates.assignments)]
    least = np.min(candidates.values[others], initial=float(candidates.rest))
    inside = additive_bound.allowed(problem.limit, visited.assignments)
    return Distance(
        floor=candidates.floor,
        floor_of_others=np.asarray(np.maximum(least, candidates.certificate.claim)),
        model_best=np.asarray(
            np.min(predicted[inside], initial=float(candidates.values[0]))
        ),
        predicted=np.asarray(predicted[visited.best]),
        measured_best=np.asarray(visited.values[visited.best]),
        largest_error=np.asarray(np.max(np.abs(predicted - visited.values))),
    )


def _rows(assignments: Assignments) -> Assignments:
    """Gives assignments the type that makes equal ones equal in bytes."""
    return np.ascontiguousarray(assignments, np.int64)


def _new(
    lists: Sequence[Int[np.ndarray, "_ layer"]], seen: set[bytes]
) -> Int[np.ndarray, "new layer"]:
    """Lists what is in some lists and was not seen, in order, everything once."""
    found: dict[bytes, Int[np.ndarray, " layer"]] = {}
    for row in _rows(np.concatenate(lists)):
        if (word := row.tobytes()) not in seen:
            found.setdefault(word, row)
    return np.array([*found.values()], np.int64).reshape(-1, lists[0].shape[1])


def _measured(evaluate: Evaluate, added: Assignments) -> Float[np.ndarray, " subset"]:
    found = np.asarray(evaluate(added), np.float64)
    if found.shape != (len(added),):
        raise ValueError(
            f"evaluate returned an array of shape {found.shape} for {len(added)} "
            "assignments; it must return one number for each"
        )
    return np.where(np.isnan(found), np.inf, found)


def _check(start: Assignments, beam: int, rounds: int, most: int) -> None:
    if not 1 <= len(start) <= most:
        raise ValueError(
            f"the search starts from {len(start)} assignments and may measure {most}; "
            "give at least one to start from, and no more than may be measured"
        )
    if beam < 1 or rounds < 0:
        raise ValueError(
            f"beam must be at least 1 and rounds at least 0, got {beam} and {rounds}"
        )
