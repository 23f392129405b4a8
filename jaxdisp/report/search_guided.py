"""Guided searches: around the best sets of the additive model, round by round."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from jaxdisp.models import storage
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer
from jaxdisp.report import search_lattice
from jaxdisp.report.search_lattice import Lattice, Search
from jaxdisp.search import (
    additive_bound,
    additive_candidates,
    guided,
    lattice,
    objectives,
    surrogate,
)

START = 64
"""Sets that are measured first: the best of the additive model."""

Measure = Callable[
    [Int[np.ndarray, "subset layer"]], Float[np.ndarray, "sentence subset language"]
]


def check(search: Search) -> None:
    """Checks that a guided search knows what is allowed and what is wanted.

    Args:
        search: what is asked for.

    Raises:
        ValueError: if it asks for listed or all sets, or for a log-ratio.

    Reference: our own definition.
    """
    if search.guided is None:
        return
    if search.guided < 2 * START:
        raise ValueError(f"--guided {search.guided}: must be at least {2 * START}")
    if search.keep is None and search.budget is None:
        raise ValueError("--guided needs --keep or --budget, within which it searches")
    if search.objective == "log_ratio":
        raise ValueError(
            "--guided knows no log-ratio, which does not add up over layers; take "
            "--objective difference"
        )


def explore(
    model: Model,
    first: Quantizer,
    search: Search,
    weights: Float[np.ndarray, "side language"],
    measure: Measure,
) -> tuple[Lattice, dict[str, Any]]:
    """Measures sets around the best ones, and says what may have been missed.

    Definition: each layer quantized alone gives the additive model; its best sets are
    measured, then the neighbours of the best measured, round by round.

    Args:
        model: an open model.
        first: the quantizer of version 1.
        search: what is asked for.
        weights: of each language in the low and the high mean.
        measure: nats added to each sentence against full precision, by assignment.

    Returns:
        The lattice of what was measured, and what is known of the rest.

    Reference: our own definition.
    """
    made = search_lattice.quantizers(first, search.bits)
    n_layers = model.config.n_layers
    limit = _limit(model, made, search)
    alone = _alone(n_layers, len(made), measure)
    problem = additive_bound.problem(
        alone, limit, objective=search.objective, weights=weights
    )
    found = additive_candidates.candidates(problem, START)

    def value(rows: Int[np.ndarray, "subset layer"]) -> Float[np.ndarray, " subset"]:
        return objectives.estimates(
            measure(rows), weights=weights, objective=search.objective
        )

    visited = guided.guided(
        value, found.assignments, guided.steps(limit), most=search.guided or START
    )
    distance = guided.distance(visited, found)
    asked = visited.assignments
    best = asked[visited.best]
    around = [lattice.protected_layers(best)] if set(best) <= {0, 1} else []
    built = search_lattice.around(model, made, asked, around)
    content = {
        "measured": len(asked),
        "rounds": int(visited.rounds.max()),
        "local_optimum": visited.local_optimum,
        "stopped": visited.stopped,
        "floor": float(distance.floor),
        "model_best": float(distance.model_best),
        "floor_of_others": float(distance.floor_of_others),
        "largest_error": float(distance.largest_error),
        "error_needed": float(distance.error_needed),
    }
    return built, content | {"sentence": _sentence(visited, distance)}


def _limit(
    model: Model, made: tuple[Quantizer, ...], search: Search
) -> additive_bound.Limit:
    if search.keep is not None:
        return additive_bound.keeping(model.config.n_layers, search.keep)
    of_layers = storage.layer_bytes(model, made)
    room = search_lattice.room(model, made, search.budget or "")
    return additive_bound.within_bytes(of_layers, room)


def _alone(
    n_layers: int, n_quantizers: int, measure: Measure
) -> Float[np.ndarray, "layer version language"]:
    parts = [lattice.uniform(n_layers)]
    parts += [lattice.one_quantized(n_layers, q) for q in range(1, n_quantizers + 1)]
    rows = np.concatenate(parts)
    added = measure(rows)
    return surrogate.isolated(added - added[:, :1], rows).mean(axis=0)


def _sentence(visited: guided.Visited, distance: guided.Distance) -> str:
    reason = {
        "local optimum": "no exchange or change of a layer improves the best",
    }.get(visited.stopped, f"stopped by the limit of {visited.stopped}")
    begun = (
        f"{len(visited.values)} sets were measured in {int(visited.rounds.max()) + 1} "
        f"rounds; {reason}."
    )
    if not np.isfinite(distance.floor_of_others):
        return f"{begun} These are all sets that are allowed."
    return (
        f"{begun} In the additive model none that was not measured is below "
        f"{float(distance.floor_of_others):.2f}, and the best measured has "
        f"{float(distance.measured_best):.2f}: a better one exists only where that "
        f"model overestimates by more than {float(distance.error_needed):.2f} (it was "
        f"off by up to {float(distance.largest_error):.2f} on those measured)."
    )
