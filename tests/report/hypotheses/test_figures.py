"""Every experiment has a figure, and every figure an experiment."""

from jaxdisp.claims import registry
from jaxdisp.report.hypotheses import figures


def test_every_experiment_has_a_figure():
    assert {each.id for each in registry.EXPERIMENTS} == set(figures.FIGURES)


def test_findings_belong_to_the_experiment_with_the_longest_fitting_id():
    names = ("T-001", "mean-field", "mean-field-noise")
    found = {
        "experiments": [{"id": name} for name in names],
        "findings": [
            {"id": "T-001b"},
            {"id": "mean-field-b"},
            {"id": "mean-field-noise-c"},
        ],
    }
    owned = [figures.findings_of(found, name) for name in names]
    assert [[row["id"] for row in rows] for rows in owned] == [
        ["T-001b"],
        ["mean-field-b"],
        ["mean-field-noise-c"],
    ]
