"""Which figure belongs to which experiment, and the files of all of them."""

from collections.abc import Callable
from typing import Any

import matplotlib.figure

from jaxdisp.report import plots, tables

Tables = dict[str, list[dict[str, Any]]]

FIGURES: dict[str, Callable[[Tables], matplotlib.figure.Figure]] = {}


def written(found: dict[str, Any]) -> dict[str, bytes]:
    """Writes the tables of experiments as CSV, and draws a figure of each.

    An experiment that was not applicable in any of its claims has no figure.

    Args:
        found: `findings` and `experiments`, as from `job.results`.

    Returns:
        Files by their path in the run directory.

    Reference: our own definition.
    """
    files = {"tables/findings.csv": tables.csv(found["findings"])}
    for experiment in found["experiments"]:
        name = file_name(experiment["id"])
        for table, rows in experiment["tables"].items():
            if rows:
                files[f"tables/{name}_{table}.csv"] = tables.csv(rows)
        if drawable(found, experiment["id"]):
            figure = FIGURES[experiment["id"]](experiment["tables"])
            files |= plots.drawn(name, figure)
    return files


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
    lengths = {each["id"]: len(each["id"]) for each in found["experiments"]}

    def owner(finding: dict[str, Any]) -> str:
        fitting = [name for name in lengths if finding["id"].startswith(name)]
        return max(fitting, key=len)

    return [finding for finding in found["findings"] if owner(finding) == experiment]


def file_name(experiment: str) -> str:
    """Names the files of an experiment.

    Args:
        experiment: its id.

    Reference: our own definition.
    """
    return experiment.lower().replace("-", "_")
