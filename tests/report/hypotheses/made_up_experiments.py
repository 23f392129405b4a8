"""Two experiments whose numbers are written by hand."""

import jax
import matplotlib.figure

from jaxdisp.claims import finding
from jaxdisp.claims.experiment import Experiment, Outcome

CALLS = []


def claim(name):
    return finding.Claim(
        id=name,
        statement=f"{name} is so.",
        source="nobody",
        unit="nats",
        method="counting texts",
    )


def weigh(subject):
    """Three claims, and rows that show the key."""
    CALLS.append("T-901")
    drawn = float(jax.random.uniform(subject.key))
    judged = finding.judge(claim("T-901"), 0.5, (0.25, 0.75), 4, "half a nat")
    opposite = finding.judge(claim("T-901b"), -0.003, (-0.004, -0.002), 4, "less")
    rows = [{"layer": 0, "value": drawn}, {"layer": 1, "value": None}]
    return Outcome(
        findings=(judged, opposite), tables={"layers": rows, "languages": []}
    )


def nothing(subject):
    CALLS.append("made-up")
    said = finding.not_applicable(claim("made-up"), 3, "needs 10 layers, got 3")
    return Outcome(findings=(said,), tables={})


def experiment(name, run, passes):
    return Experiment(
        id=name,
        title=f"title of {name}",
        question="Is it so?",
        support="More than nothing.",
        refutation="Less than nothing.",
        control="Nothing.",
        run=run,
        passes=passes,
    )


EXPERIMENTS = (experiment("T-901", weigh, 3), experiment("made-up", nothing, 1))


def figure(tables):
    drawn = matplotlib.figure.Figure(figsize=(2, 2))
    drawn.subplots().plot([row["layer"] for row in tables["layers"]])
    return drawn


def install(monkeypatch):
    """Puts them in place of the real ones."""
    from jaxdisp.claims import registry
    from jaxdisp.report.hypotheses import figures

    CALLS.clear()
    monkeypatch.setattr(registry, "EXPERIMENTS", EXPERIMENTS)
    monkeypatch.setattr(figures, "FIGURES", {"T-901": figure})
