"""Which figure belongs to which experiment, and the tables of all of them."""

from collections.abc import Callable
from typing import Any

import matplotlib.figure

from jaxdisp.claims import registry
from jaxdisp.report import tables
from jaxdisp.report.hypotheses import (
    attention_sinks,
    bottleneck,
    causal_tracing,
    error_correlation,
    gateway_regression,
    gateway_structure,
    information_content,
    information_flow,
    language_variance,
    mean_field,
    morphological_agreement,
    rate_distortion,
    redundancy,
    relative_error,
    representation_convergence,
    residual_propagation,
)
from jaxdisp.report.illustration import Illustration

Tables = dict[str, list[dict[str, Any]]]

FIGURES: dict[str, Callable[[Tables], matplotlib.figure.Figure]] = {
    "T-001": information_content.figure,
    "T-002": relative_error.figure,
    "T-003": language_variance.figure,
    "T-004": residual_propagation.figure,
    "T-005": gateway_structure.figure,
    "T-006": error_correlation.figure,
    "T-007": bottleneck.figure,
    "T-008": morphological_agreement.figure,
    "T-009": representation_convergence.figure,
    "T-010": rate_distortion.figure,
    "information-flow": information_flow.figure,
    "causal-tracing": causal_tracing.figure,
    "mean-field": mean_field.figure,
    "attention-sinks": attention_sinks.figure,
    "gateway-regression": gateway_regression.figure,
    "redundancy": redundancy.figure,
}


def files(found: dict[str, Any]) -> dict[str, bytes]:
    """Writes the tables of experiments as CSV.

    Args:
        found: `findings` and `experiments`, as from `job.results`.

    Returns:
        Files by their path in the run directory.

    Reference: our own definition.
    """
    written = {"tables/findings.csv": tables.csv(found["findings"])}
    if found["corrected"]:
        written["tables/findings_corrected.csv"] = tables.csv(found["corrected"])
    for experiment in found["experiments"]:
        name = file_name(experiment["id"])
        for table, rows in experiment["tables"].items():
            if rows:
                written[f"tables/{name}_{table}.csv"] = tables.csv(rows)
    return written


def illustrations(found: dict[str, Any]) -> list[Illustration]:
    """Draws a figure of each experiment.

    One that was not applicable in any of its claims has none.

    Args:
        found: `findings` and `experiments`, as from `job.results`.

    Reference: our own definition.
    """
    drawn = []
    for experiment in found["experiments"]:
        if not drawable(found, experiment["id"]):
            continue
        name = file_name(experiment["id"])
        verdicts = [
            f"{finding['id']} {finding['verdict']}"
            for finding in findings_of(found, experiment["id"])
        ]
        drawn.append(
            Illustration(
                name=name,
                section="hypotheses",
                title=experiment["title"],
                alt=f"{experiment['question']} {', '.join(verdicts)}.",
                tables=tuple(
                    f"{name}_{table}"
                    for table in experiment["tables"]
                    if experiment["tables"][table]
                ),
                figure=FIGURES[experiment["id"]](experiment["tables"]),
                experiment=experiment["id"],
            )
        )
    return drawn


def drawable(found: dict[str, Any], experiment: str) -> bool:
    """Says whether an experiment has found anything that can be drawn.

    Args:
        found: `findings` and `experiments`, as from `job.results`.
        experiment: its id.

    Reference: our own definition.
    """
    return any(
        finding["verdict"] != "not applicable"
        for finding in findings_of(found, experiment)
    )


def findings_of(found: dict[str, Any], experiment: str) -> list[dict[str, Any]]:
    """Lists the findings of one experiment: its id, and that with a letter or word.

    Args:
        found: `findings` and `experiments`, as from `job.results`.
        experiment: its id.

    Reference: our own definition.
    """
    known = [each["id"] for each in found["experiments"]]
    return [
        finding
        for finding in found["findings"]
        if registry.owner(finding["id"], known) == experiment
    ]


def file_name(experiment: str) -> str:
    """Names the files of an experiment.

    Args:
        experiment: its id.

    Reference: our own definition.
    """
    return experiment.lower().replace("-", "_")
