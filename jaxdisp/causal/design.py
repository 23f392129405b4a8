"""From units to equations: links, standard units, and which columns each is of."""

import dataclasses

import numpy as np
from jaxtyping import Float64

from jaxdisp.causal import graph as graphs
from jaxdisp.causal.collapsed import Equation
from jaxdisp.causal.graph import CHAIN, FULL, NODES, Graph
from jaxdisp.causal.units import Units, check_independent

LINKS = ("log", "linear", "reciprocal")
ERRORS = ("gaussian", "student")
CONSTANT = "1"

COEFFICIENT_SD = 1.0
CONSTANT_SD = 2.0
SCALE_SD = 1.0
"""Of the priors, in standard units: N(0, 1) for coefficients, N(0, 2) for constants,
and half-normal with SD 1 for every scale."""

NOTED = {"A": ("T", 1.0), "R": ("A", 1.0), "D": ("R", -1.0)}
"""The notes' equations A = b1 T, R = b2 A, D = c / R, as elasticities."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Specification:
    """What is assumed of T, A, R and D.

    `link`: `log` takes logarithms of all four, so that coefficients are elasticities;
    `linear` takes them as they are; `reciprocal` is the notes' `A = b1 T`, `R = b2 A`,
    `D = c / R`, each times positive noise of median 1, so that medians are estimands.
    `errors` are `gaussian` or, heavier in the tails, `student`. With `slopes` every
    language has its own coefficients about the common ones. `roots` also models what
    has no causes, T; no effect depends on it.
    """

    graph: Graph = FULL
    link: str = "log"
    errors: str = "gaussian"
    slopes: bool = False
    roots: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scales:
    """Location and scale of each column: `standard = (value - location) / scale`."""

    location: dict[str, float]
    scale: dict[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Design:
    """Standardized columns, and the equations they stand in.

    `columns` are those of `names`: the constant, the covariates, T, A, R, D after the
    link, and of nodes in `fixed`, whose cause has a given coefficient, what that leaves
    of them. `regressors` names for each node of `nodes` those of its equation,
    `varying` which differ among languages; `equations` number them, filled up to one
    length, and `effects` lists (equation, slot) of each that differs.
    """

    units: Units
    specification: Specification
    scales: Scales
    names: tuple[str, ...]
    columns: Float64[np.ndarray, "row column"]
    nodes: tuple[str, ...]
    regressors: dict[str, tuple[str, ...]]
    varying: dict[str, tuple[str, ...]]
    fixed: dict[str, tuple[str, float]]
    equations: tuple[Equation, ...]
    effects: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]


def make_design(
    units: Units,
    specification: Specification | None = None,
    scales: Scales | None = None,
) -> Design:
    """Transforms units by a link, standardizes them and sets up the equations.

    Definition: where the log link meets a value of T, A, R or D that is not positive,
    all four are taken as they are (the linear link) and a note says so. Every column
    but the constant has mean 0 and SD 1 unless scales are given.

    Args:
        units: rows.
        specification: of the model; None is the default.
        scales: of the transformed columns; None takes mean and SD of these units.

    Raises:
        ValueError: if the link, the errors or the graph do not go together, values are
            not positive under the reciprocal link, or transformed columns are
            constant or linear functions of one another.

    Reference: our own definition.
    """
    chosen = _checked(specification or Specification())
    values, link, notes = _linked(units, chosen.link)
    chosen = dataclasses.replace(chosen, link=link)
    covariates = {name: units.columns[name] for name in units.covariates}
    check_independent(values | covariates)
    table = covariates | values
    scales = scales or Scales(
        location={name: float(x.mean()) for name, x in table.items()},
        scale={name: float(x.std()) for name, x in table.items()},
    )
    for name, spread in scales.scale.items():
        if not spread > 0:
            raise ValueError(f"{name} does not vary under the {link} link")
    standard = {
        name: (x - scales.location[name]) / scales.scale[name]
        for name, x in table.items()
    }
    fixed = _fixed(link, scales)
    standard |= {
        _less(node): standard[node] - by * standard[cause]
        for node, (cause, by) in fixed.items()
    }
    names = (CONSTANT, *standard)
    nodes, regressors, varying = _structure(units, chosen)
    outcomes = [_less(node) if node in fixed else node for node in nodes]
    equations, effects = _stacked(names, outcomes, regressors, varying)
    return Design(
        units=units,
        specification=chosen,
        scales=scales,
        names=names,
        columns=np.stack([np.ones(len(units.language)), *standard.values()], axis=1),
        nodes=nodes,
        regressors=regressors,
        varying=varying,
        fixed=fixed,
        equations=equations,
        effects=effects,
        notes=notes,
    )


def _checked(chosen: Specification) -> Specification:
    if chosen.link not in LINKS:
        raise ValueError(f"link is {chosen.link!r}; allowed are {', '.join(LINKS)}")
    if chosen.errors not in ERRORS:
        raise ValueError(
            f"errors are {chosen.errors!r}; allowed are {', '.join(ERRORS)}"
        )
    if chosen.link != "reciprocal":
        return chosen
    if chosen.graph not in (FULL, CHAIN):
        raise ValueError(
            "the reciprocal link is of the chain T>A>R>D; leave the graph out"
        )
    if chosen.slopes:
        raise ValueError("the reciprocal link has no slopes that could vary")
    return dataclasses.replace(chosen, graph=CHAIN)


def _linked(
    units: Units, link: str
) -> tuple[dict[str, np.ndarray], str, tuple[str, ...]]:
    """The four variables after the link, which link it was, and notes."""
    values = {node: units.columns[node] for node in NODES}
    low = {node: int(np.sum(x <= 0)) for node, x in values.items()}
    found = ", ".join(f"{node} in {count} rows" for node, count in low.items() if count)
    if link == "linear":
        return values, link, ()
    if found and link == "reciprocal":
        raise ValueError(
            f"not positive, as the reciprocal link needs: {found}; take linear"
        )
    if found:
        note = f"not positive: {found}; so all are taken as they are (linear link)"
        return values, "linear", (note,)
    return {node: np.log(x) for node, x in values.items()}, link, ()


def _less(node: str) -> str:
    return f"{node} less its cause"


def _fixed(link: str, scales: Scales) -> dict[str, tuple[str, float]]:
    """Causes whose coefficients are given, in standard units."""
    if link != "reciprocal":
        return {}
    return {
        node: (cause, by * scales.scale[cause] / scales.scale[node])
        for node, (cause, by) in NOTED.items()
    }


def _structure(
    units: Units, chosen: Specification
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Nodes that are modelled, the regressors of each, and which of these vary."""
    free = chosen.link != "reciprocal"
    causes = {node: graphs.parents(chosen.graph, node) for node in NODES}
    nodes = tuple(
        node for node in graphs.order(chosen.graph) if causes[node] or chosen.roots
    )
    regressors, varying = {}, {}
    for node in nodes:
        parents = causes[node] if free else ()
        regressors[node] = (CONSTANT, *units.covariates, *parents)
        slopes = parents if chosen.slopes else ()
        varying[node] = (CONSTANT, *slopes) if units.repeated else ()
    return nodes, regressors, varying


def _stacked(
    names: tuple[str, ...],
    outcomes: list[str],
    regressors: dict[str, tuple[str, ...]],
    varying: dict[str, tuple[str, ...]],
) -> tuple[tuple[Equation, ...], tuple[tuple[int, int], ...]]:
    """Equations with columns numbered, the shorter ones filled up."""
    nodes = tuple(regressors)
    longest = max(map(len, regressors.values()))
    slots = max(1, *map(len, varying.values()))
    place = {name: number for number, name in enumerate(names)}

    def filled(columns: tuple[str, ...], length: int) -> np.ndarray:
        found = [place[each] for each in columns]
        return np.array(found + [0] * (length - len(found)))

    prior = np.array([CONSTANT_SD] + [COEFFICIENT_SD] * (longest - 1))
    equations = tuple(
        Equation(
            outcome=place[outcome],
            regressors=filled(regressors[node], longest),
            present=np.arange(longest) < len(regressors[node]),
            effects=filled(varying[node], slots),
            prior=prior,
        )
        for node, outcome in zip(nodes, outcomes, strict=True)
    )
    effects = tuple(
        (number, slot)
        for number, node in enumerate(nodes)
        for slot in range(len(varying[node]))
    )
    return equations, effects
