"""Tables of experiments, by name."""

from typing import Any

from jaxdisp.report.parts import part


def of_experiment(
    found: dict[str, Any], experiment: str, table: str
) -> list[dict[str, Any]]:
    """Finds a table of an experiment; no rows where it was not run.

    Args:
        found: the content of `results.json`.
        experiment: its id.
        table: its name.

    Reference: our own definition.
    """
    examined = part(found, "hypotheses") or {"experiments": []}
    return next(
        (
            each["tables"].get(table) or []
            for each in examined["experiments"]
            if each["id"] == experiment
        ),
        [],
    )
