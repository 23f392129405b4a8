"""Fitting the causal model to units, and everything said about the fit, as tables."""

import dataclasses
from typing import Any

import jax
from jaxtyping import PRNGKeyArray

from jaxdisp.causal import (
    assessment,
    comparison,
    curves,
    diagnostics,
    effects,
    graph,
    held_out,
    posterior,
    prior_check,
)
from jaxdisp.causal.design import Specification, make_design
from jaxdisp.causal.posterior import Posterior, Sampling
from jaxdisp.causal.units import Units

Rows = list[dict[str, Any]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choices:
    """What is assumed of causes, and how long the sampler runs.

    `arrows` as `graph.read` takes them; None is every arrow that points forward.
    """

    link: str = "log"
    arrows: str | None = None
    errors: str = "gaussian"
    slopes: bool = False
    draws: int = 1000
    chains: int = 4


def specification(choices: Choices) -> Specification:
    """Reads choices as the model's specification.

    Args:
        choices: as given.

    Raises:
        ValueError: if the arrows are not understood.

    Reference: our own definition.
    """
    chosen = graph.FULL if choices.arrows is None else graph.read(choices.arrows)

    return Specification(
        graph=chosen, link=choices.link, errors=choices.errors, slopes=choices.slopes
    )


def check(units: Units, choices: Choices) -> None:
    """Checks that choices fit the units, before anything is computed.

    Args:
        units: rows.
        choices: as given.

    Raises:
        ValueError: if they do not.

    Reference: our own definition.
    """
    make_design(units, specification(choices))
    if choices.chains < 1 or choices.draws < diagnostics.SPLIT:
        raise ValueError(
            f"needs at least 1 chain of {diagnostics.SPLIT} draws, got "
            f"{choices.chains} of {choices.draws}"
        )


def analyse(
    units: Units, choices: Choices, key: PRNGKeyArray
) -> tuple[dict[str, Any], Posterior]:
    """Fits the model and says everything about the fit.

    Definition: `posterior.fit`, `effects.effects`, `diagnostics.diagnose`,
    `prior_check`, `assessment.assess`, `comparison.compare`, `held_out.held_out`. What
    does not hold, or cannot be had, is in `refused` with its reason.

    Args:
        units: rows.
        choices: of the model and the sampler.
        key: of everything random.

    Raises:
        ValueError: as `posterior.fit`.

    Returns:
        Tables by name, and the posterior.

    Reference: our own definition.
    """
    keys = jax.random.split(key, 5)
    chosen = specification(choices)
    sampling = Sampling(draws=choices.draws, chains=choices.chains)
    found = posterior.fit(units, chosen, key=keys[0], sampling=sampling)
    made = effects.effects(found)
    refused: Rows = []
    share, why = effects.proportion_mediated(made)
    refused += [{"what": "proportion mediated", "reason": why}] if why else []
    diagnosis = diagnostics.diagnose(found, made.draws)
    refused += [{"what": "verdicts", "reason": text} for text in diagnosis.problems]
    refused += _of_few(found)
    assessed = dataclasses.asdict(assessment.assess(found, key=keys[1]))
    refused += [
        {"what": "sensitivity", "reason": text} for text in assessed.pop("refused")
    ]
    left = held_out.held_out(found.design, key=keys[2])
    refused += [{"what": "held-out language", "reason": text} for text in left.refused]
    models, notes = _compared(found, keys[3], refused)
    content = {
        "link": found.link,
        "arrows": [graph.name(edge) for edge in found.graph.edges],
        "rows": len(units.language),
        "languages": list(units.languages),
        "covariates": list(units.covariates),
        "notes": [*units.notes, *found.design.notes, *_witnesses(found), *notes],
        "dropped": list(units.dropped),
        "effects": effects.summary(made) + ([share] if share else []),
        "coefficients": coefficients(found),
        "diagnostics": {
            "problems": list(diagnosis.problems),
            "divergences": diagnosis.divergences,
            "bfmi": diagnosis.bfmi.tolist(),
            "by": diagnosis.by,
            "quantities": [dataclasses.asdict(each) for each in diagnosis.quantities],
        },
        "prior": prior_check.prior_check(found.design, key=keys[4]),
        "curves": curves.curves(found, made, key=jax.random.fold_in(key, 6)),
        "sensitivity": assessed,
        "held_out": {
            "summaries": list(left.summaries),
            "languages": list(left.languages),
        },
        "models": models,
        "refused": refused,
    }
    return content, found


def coefficients(found: Posterior) -> Rows:
    """Lists the coefficients and scales of a posterior.

    Definition: medians and central 95 % intervals; `kind` is `arrow`, `covariate`,
    `error` (SD of errors) or `language` (SD of the constants of languages).

    Args:
        found: a posterior.

    Reference: our own definition.
    """
    tables = (
        ("arrow", {graph.name(edge): x for edge, x in found.coefficients.items()}),
        ("covariate", {graph.name(edge): x for edge, x in found.covariates.items()}),
        ("error", found.sigma),
        ("language", found.tau),
        ("slope", {graph.name(edge): x for edge, x in found.slope_sds.items()}),
    )
    return [
        {"name": name, "kind": kind, **effects.interval(draws)}
        for kind, table in tables
        for name, draws in table.items()
    ]


def _witnesses(found: Posterior) -> list[str]:
    """Paths whose effects are known by linearity alone."""
    paths = [
        (path, graph.recanting_witness(found.graph, path))
        for path in graph.paths(found.graph)
    ]
    return [
        f"{graph.name(path)}: {', '.join(nodes)} also reaches D on another path "
        "(recanting witness), so that this effect is identified by linearity alone"
        for path, nodes in paths
        if nodes
    ]


def _of_few(found: Posterior) -> Rows:
    """What the number of rows does not allow to be said."""
    units = found.units
    if units.repeated:
        return []
    return [
        {
            "what": "intercepts of languages",
            "reason": "every language has one row, so that what a language adds cannot "
            "be told from the error; effects rest on "
            f"{len(units.languages)} points, and causes that languages share are in "
            "them",
        }
    ]


def _compared(
    found: Posterior, key: PRNGKeyArray, refused: Rows
) -> tuple[Rows, tuple[str, ...]]:
    """Other models of the same rows, unless that is not possible."""
    try:
        compared = comparison.compare(found.units, found.design.specification, key=key)
    except ValueError as error:
        refused.append({"what": "models", "reason": str(error)})
        return [], ()
    return [dataclasses.asdict(row) for row in compared.rows], tuple(
        note for note in compared.notes if note not in found.design.notes
    )
