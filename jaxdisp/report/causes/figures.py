"""The files of causes: every table as CSV, and the figures."""

from collections.abc import Callable
from typing import Any

import matplotlib.figure

from jaxdisp.report import tables
from jaxdisp.report.causes import (
    curves_figure,
    effects_figure,
    in_words,
    interventions_figure,
    predictions_figure,
    sensitivity_figure,
)
from jaxdisp.report.illustration import Illustration

Rows = list[dict[str, Any]]

PLAIN = (
    "effects",
    "coefficients",
    "units",
    "by_language",
    "interventions",
    "interventions_by_language",
    "mediations",
    "prior",
    "refused",
    "missing",
)
"""Tables that are named in results as in their files."""

NESTED = {
    "confrontation": {
        "arrows": "predicted_measured_arrows",
        "interventions": "predicted_measured_ways",
        "languages": "predicted_measured_languages",
    },
    "sensitivity": {
        name: f"sensitivity_{name}"
        for name in (
            "coefficients",
            "benchmarks",
            "levels",
            "mediators",
            "mediator_zeros",
            "confounder",
            "least_confounder",
            "independences",
        )
    },
    "held_out": {"summaries": "held_out", "languages": "held_out_languages"},
    "diagnostics": {"quantities": "convergence"},
    "curves": {
        "densities": "effect_densities",
        "do_curve": "do_curve",
        "predictive": "predictive_check",
    },
}
"""Tables within parts of results, and the names of their files."""

FIGURES: dict[str, Callable[[dict[str, Any]], matplotlib.figure.Figure | None]] = {
    "causes_effects": effects_figure.figure,
    "causes_densities": curves_figure.densities,
    "causes_do_curve": curves_figure.do_curve,
    "causes_predictive": curves_figure.predictive,
    "causes_predicted_measured": predictions_figure.figure,
    "causes_interventions": interventions_figure.figure,
    "causes_sensitivity": sensitivity_figure.figure,
}
SHOWN: dict[str, tuple[str, Callable[[dict[str, Any]], str], tuple[str, ...]]] = {
    "causes_effects": (
        "Fitted effects of tokenization, alignment and redundancy",
        in_words.effects,
        ("effects", "coefficients"),
    ),
    "causes_densities": (
        "What the data add to the prior",
        in_words.densities,
        ("effect_densities", "effects"),
    ),
    "causes_do_curve": (
        "What the fit says of setting the tokenization",
        in_words.do_curve,
        ("do_curve", "units"),
    ),
    "causes_predictive": (
        "Whether the fit would make such data",
        in_words.predictive,
        ("predictive_check", "prior"),
    ),
    "causes_predicted_measured": (
        "What was predicted, and what was measured",
        in_words.predicted,
        ("predicted_measured_arrows", "predicted_measured_languages"),
    ),
    "causes_interventions": (
        "What interventions change",
        in_words.interventions,
        ("interventions",),
    ),
    "causes_sensitivity": (
        "How strong a hidden cause would have to be",
        in_words.sensitivity,
        (
            "sensitivity_coefficients",
            "sensitivity_confounder",
            "sensitivity_least_confounder",
        ),
    ),
}
"""Title, description and tables of each figure."""


def files(found: dict[str, Any]) -> dict[str, bytes]:
    """Writes the tables of causes as CSV; one that is missing or empty has no file.

    Args:
        found: as from `job.results` or `analysis.analyse`, `runs.rounded`.

    Returns:
        Files by their path in the run directory.

    Reference: our own definition.
    """
    return {
        f"tables/{name}.csv": tables.csv(rows)
        for name, rows in flat_tables(found).items()
        if rows
    }


def illustrations(found: dict[str, Any]) -> list[Illustration]:
    """Draws the figures of causes that their tables allow.

    Args:
        found: as from `job.results` or `analysis.analyse`, `runs.rounded`.

    Reference: our own definition.
    """
    written = {name for name, rows in flat_tables(found).items() if rows}
    drawn = []
    for name, draw in FIGURES.items():
        figure = draw(found)
        if figure is None:
            continue
        title, in_words_of, shown = SHOWN[name]
        drawn.append(
            Illustration(
                name=name,
                section="causes",
                title=title,
                alt=in_words_of(found),
                tables=tuple(table for table in shown if table in written),
                figure=figure,
            )
        )
    return drawn


def flat_tables(found: dict[str, Any]) -> dict[str, Rows]:
    """Collects what is a table of rows without anything nested in them.

    Args:
        found: as from `job.results` or `analysis.analyse`.

    Returns:
        Rows by the names of their files.

    Reference: our own definition.
    """
    flat = {name: found.get(name) or [] for name in PLAIN}
    for part, names in NESTED.items():
        inside = found.get(part) or {}
        flat |= {to: inside.get(name) or [] for name, to in names.items()}
    models = found.get("models") or []
    flat["models"] = [_without_checks(row) for row in models]
    flat["model_checks"] = [
        {"model": row["name"]} | _joined(check)
        for row in models
        for check in row["checks"]
    ]
    flat["dropped"] = [{"row": text} for text in found.get("dropped") or []]
    return flat | _front_door((found.get("sensitivity") or {}).get("front_door"))


def _without_checks(row: dict[str, Any]) -> dict[str, Any]:
    return _joined({name: value for name, value in row.items() if name != "checks"})


def _joined(row: dict[str, Any]) -> dict[str, Any]:
    """Lists of names that may hold spaces, with semicolons between."""
    return {
        name: "; ".join(value) if isinstance(value, list | tuple) else value
        for name, value in row.items()
    }


def _front_door(found: dict[str, Any] | None) -> dict[str, Rows]:
    if found is None:
        return {}
    through = found["through"]
    plain = {
        name: value
        for name, value in found.items()
        if name not in ("through", "checks", "refused")
    }
    parts = {f"through_{name}": through.get(name) for name in ("A", "R")}
    refused = {"refused": "; ".join(found["refused"])}
    return {
        "front_door": [plain | parts | refused],
        "front_door_checks": found["checks"],
    }
