"""The effect of T through A and R where T and D may share any unobserved cause."""

import dataclasses

import numpy as np

from jaxdisp.causal import graph as graphs
from jaxdisp.causal.design import Design
from jaxdisp.causal.graph import Graph, Pairs
from jaxdisp.causal.within_languages import (
    groupings,
    independences,
    table,
    varying_covariates,
)
from jaxdisp.stats import jackknife, within_groups

CONFOUNDED = (("T", "D"),)
MEDIATORS = ("A", "R")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrontDoor:
    """The front-door estimate, or why there is none.

    `through` has the parts through the first mediators met, A and R: the effect of T on
    each by the effect of that on D. `checks` are rows of
    `within_languages.independences`; with none of them the conditions rest on the graph
    alone. All but these is None or empty where `refused` has a reason.
    """

    assumed: str
    estimate: float | None
    low: float | None
    high: float | None
    through: dict[str, float]
    checks: tuple[dict[str, object], ...]
    refused: tuple[str, ...]


def front_door(
    design: Design,
    graph: Graph | None = None,
    *,
    latent: Pairs = CONFOUNDED,
    level: float = 0.95,
) -> FrontDoor:
    """Estimates the effect of T on D from what passes through A and R alone.

    Definition: within languages and given covariates, the sum over mediators M of the
    coefficient of T in a regression of M on T, times that of M in one of D on A, R and
    T; adjusting for T closes what T and D share. The interval is by the jackknife over
    languages (over rows if each language has one). It is refused where
    `graph.front_door` has a reason, or the rows contradict an independence that the
    graph with the unobserved causes implies.

    Args:
        design: of the model.
        graph: of any arrows; None is the design's.
        latent: pairs of nodes with a common cause that is not observed.
        level: coverage aimed at.

    Raises:
        ValueError: as `within_groups.slope`.

    Reference: Pearl 1995, Biometrika 82, theorem 2, for linear equations.
    """
    chosen = design.specification.graph if graph is None else graph
    reasons = list(graphs.front_door(chosen, latent))
    checks = independences(design, latent, graph=chosen, level=level)
    reasons += [
        f"the rows contradict that {row['x']} and {row['y']} are independent given "
        f"{row['given'] or 'nothing'}: correlation {row['correlation']:.2f} "
        f"[{row['low']:.2f}, {row['high']:.2f}]"
        for row in checks
        if row["contradicted"]
    ]
    confounded = ", ".join("<->".join(pair) for pair in latent)
    arrows = ", ".join(map(graphs.name, chosen.edges))
    found = FrontDoor(
        assumed=f"{arrows}; {confounded}" if confounded else arrows,
        estimate=None,
        low=None,
        high=None,
        through={},
        checks=tuple(checks),
        refused=tuple(reasons),
    )
    if reasons:
        return found
    names = ("T", *MEDIATORS, "D", *varying_covariates(design))
    values, groups = table(design, names), groupings(design)
    parts = _through(values, groups)
    leaving = groups[0] if groups else np.arange(len(values))
    without = [
        _through(
            values[leaving != group],
            tuple(numbers[leaving != group] for numbers in groups),
        ).sum()
        for group in np.unique(leaving)
    ]
    low, high = jackknife.jackknife_interval(
        np.asarray(parts.sum()), np.array(without), level=level
    )
    return dataclasses.replace(
        found,
        estimate=float(parts.sum()),
        low=float(low),
        high=float(high),
        through=dict(zip(MEDIATORS, parts.tolist(), strict=True)),
    )


def _through(values: np.ndarray, groups: tuple[np.ndarray, ...]) -> np.ndarray:
    """The parts through A and through R; columns are T, A, R, D and covariates."""
    centred = within_groups.within(values, groups)
    t, mediators, response = centred[:, :1], centred[:, 1:3], centred[:, 3]
    given = np.hstack([t, centred[:, 4:]])
    to = np.linalg.lstsq(given, mediators, rcond=None)[0][0]
    both = np.hstack([mediators, given])
    return to * np.linalg.lstsq(both, response, rcond=None)[0][:2]
