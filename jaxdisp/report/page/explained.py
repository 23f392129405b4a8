"""Sections on why: experiments, and claims judged by what was measured."""

from collections.abc import Sequence
from typing import Any

from jaxdisp.report.claims import lines as claim_lines
from jaxdisp.report.hypotheses import figures as experiment_figures
from jaxdisp.report.hypotheses import lines
from jaxdisp.report.page.blocks import (
    Block,
    Column,
    Figure,
    Heading,
    Section,
    Terms,
    Text,
    fold,
    items,
    section,
    table,
)
from jaxdisp.report.parts import part

Row = dict[str, Any]

CLAIMS: tuple[Column, ...] = (
    ("Claim", "words"),
    ("Statement", "words"),
    ("Without data", "words"),
    ("On this model", "words"),
    ("Measured", "words"),
    ("Because", "words"),
)
UNJUDGED: tuple[Column, ...] = (
    ("Claim", "words"),
    ("Statement", "words"),
    ("Verdict", "words"),
    ("Ground", "words"),
)


def hypotheses(
    found: Row, figures: Sequence[Figure], of_experiment: dict[str, list[Figure]]
) -> Section | None:
    """Shows what every experiment found, with what would have counted beforehand.

    Args:
        found: the content of `results.json`.
        figures: of the section that belong to no experiment.
        of_experiment: the others, by the id of their experiment.

    Reference: our own definition.
    """
    own = part(found, "hypotheses")
    if own is None:
        return section("hypotheses", "What explains it, and what does not", figures)
    shown: list[Block | None] = [
        Text(lines.tally(own["findings"]), "lede"),
        Text(lines.after_correction(own.get("corrected", []))),
        Text(
            "Each experiment stated beforehand what would count as support and as "
            "refutation; a verdict follows from the whole 95 % interval. Inconclusive "
            "is an answer: neither was shown.",
            "note",
        ),
        *figures,
        table(
            "Findings",
            (
                ("Finding", "words"),
                ("Verdict", "words"),
                ("Estimate [95 %]", "number"),
                ("Unit", "words"),
                ("n", "number"),
            ),
            lines.cells(own["findings"]),
        ),
        fold("Corrected for all findings together", _corrected(own)),
    ]
    for experiment in own["experiments"]:
        shown += _experiment(own, experiment, of_experiment.get(experiment["id"], []))
    return section("hypotheses", "What explains it, and what does not", shown)


def _corrected(own: Row) -> Block:
    names = ("p_value", "benjamini_hochberg", "benjamini_yekutieli", "holm")
    return table(
        "p-values, alone and corrected",
        (
            ("Finding", "words"),
            ("Verdict", "words"),
            ("Alone", "number"),
            ("Benjamini-Hochberg", "number"),
            ("Benjamini-Yekutieli", "number"),
            ("Holm", "number"),
        ),
        [
            (row["id"], row["verdict"], *(_p_value(row.get(name)) for name in names))
            for row in own.get("corrected", [])
        ],
    )


def _p_value(value: float | None) -> str:
    if value is None:
        return ""
    return "below 0.0001" if value < 1e-4 else f"{value:.4f}"


def _experiment(own: Row, experiment: Row, drawn: list[Figure]) -> list[Block | None]:
    anchor = experiment_figures.file_name(experiment["id"])
    findings = experiment_figures.findings_of(own, experiment["id"])
    stated = Terms(
        tuple(
            (name.capitalize(), experiment[name])
            for name in ("support", "refutation", "control")
            if experiment[name]
        )
    )
    return [
        Heading(f"{experiment['id']}: {experiment['title']}", f"hypotheses-{anchor}"),
        Text(experiment["question"]),
        *drawn,
        items(
            f"{finding['id']}, {finding['verdict']}: {finding['statement']} "
            f"{_sentence(finding['reason'])}"
            for finding in findings
        ),
        fold(
            "What was stated beforehand, and how it was measured",
            stated,
            items(dict.fromkeys(f"{row['id']}: {row['method']}." for row in findings)),
        ),
    ]


def _sentence(text: str) -> str:
    if not text:
        return ""
    if text[1:2] == " ":  # a symbol, such as p
        return text if text.endswith(".") else f"{text}."
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def claims(found: Row) -> Section | None:
    """Shows claims by what data say of them, each verdict folded by itself.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    rows = found.get("claims") or []
    if not rows:
        return None
    judged = rows[0]["data_verdict"] is not None
    folds = [_of_verdict(rows, verdict, judged=judged) for verdict in _VERDICTS]
    return section(
        "claims",
        "Every claim, judged by data",
        [
            Text(claim_lines.tally(rows), "lede"),
            Text(claim_lines.MARKS if judged else "", "note"),
            *folds,
        ],
    )


_VERDICTS = claim_lines.VERDICTS


def _of_verdict(rows: list[Row], verdict: str, *, judged: bool) -> Block | None:
    field = "data_verdict" if judged else "verdict"
    own = [row for row in rows if row[field] == verdict]
    if not own:
        return None
    written = claim_lines.in_full(own) if judged else claim_lines.listed(own)
    columns = CLAIMS if judged else UNJUDGED
    count = len(own)
    return fold(
        f"{verdict}: {count} {'claim' if count == 1 else 'claims'}",
        table(f"Claims: {verdict}", columns, written["cells"]),
    )
