"""All that speaks of unobserved causes, in one table after another."""

import dataclasses

from jaxtyping import PRNGKeyArray

from jaxdisp.causal import confounding, front_door, sensitivity, within_languages
from jaxdisp.causal.front_door import FrontDoor
from jaxdisp.causal.graph import Graph
from jaxdisp.causal.posterior import Posterior

Row = dict[str, object]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Assessment:
    """How far the effects of a posterior depend on there being no unobserved causes.

    `coefficients`, `benchmarks` and `levels` are rows of `sensitivity`; `mediators` and
    `mediator_zeros` those of `confounding.mediators`; `confounder` those of
    `confounding.confounded`, and `least_confounder` the least strengths, `effect,
    strength`; `independences` those of `within_languages`. `front_door` is of the graph
    without T>D, with a common cause of T and D in its place. `refused` says what could
    not be had, and why.
    """

    coefficients: tuple[Row, ...]
    benchmarks: tuple[Row, ...]
    levels: tuple[Row, ...]
    mediators: tuple[Row, ...]
    mediator_zeros: tuple[Row, ...]
    confounder: tuple[Row, ...]
    least_confounder: tuple[Row, ...]
    independences: tuple[Row, ...]
    front_door: FrontDoor
    refused: tuple[str, ...]


def assess(posterior: Posterior, *, key: PRNGKeyArray) -> Assessment:
    """Puts a posterior to every test of sensitivity.

    Args:
        posterior: of a model.
        key: of the loadings of an unobserved cause.

    Raises:
        ValueError: as `within_groups.slope`.

    Reference: see the modules that it brings together.
    """
    design = posterior.design
    levels, refused = sensitivity.levels(design)
    curves, zeros, without = confounding.mediators(posterior)
    refused += without
    swept: list[Row] = []
    least: dict[str, float | None] = {}
    try:
        swept, least = confounding.confounded(posterior, key=key)
    except ValueError as error:
        refused.append(f"common cause of T and D: {error}")
    around = Graph(tuple(edge for edge in posterior.graph.edges if edge != ("T", "D")))
    door = front_door.front_door(design, around)
    refused += [f"front door: {reason}" for reason in door.refused]
    return Assessment(
        coefficients=tuple(sensitivity.coefficients(design)),
        benchmarks=tuple(sensitivity.benchmarks(design)),
        levels=tuple(levels),
        mediators=tuple(curves),
        mediator_zeros=tuple(zeros),
        confounder=tuple(swept),
        least_confounder=tuple(
            {"effect": name, "strength": strength} for name, strength in least.items()
        ),
        independences=tuple(within_languages.independences(design)),
        front_door=door,
        refused=tuple(refused),
    )
