"""The section on causes: the answer, what was predicted beside what was measured."""

from collections.abc import Sequence
from typing import Any

from jaxdisp.report.causes import answer, carried_out_lines, lines, trust_lines, ways
from jaxdisp.report.causes.numbers import written
from jaxdisp.report.page.blocks import (
    Block,
    Column,
    Figure,
    Heading,
    Section,
    Text,
    fold,
    items,
    section,
    table,
)
from jaxdisp.report.parts import part

Row = dict[str, Any]

TITLE = "Causes, predicted and carried out"
SYMBOLS = (
    "T, how few tokens a language takes; A, how alike its states are to those of other "
    "languages; R, over how many channels a prediction is spread; D, what quantization "
    "costs, in nats per sentence. do(T) sets T on the model itself."
)
BESIDE: tuple[Column, ...] = (
    ("Change", "words"),
    ("Carried out", "words"),
    ("Predicted [95 %]", "number"),
    ("Measured [95 %]", "number"),
    ("Inside", "number"),
    ("Verdict", "words"),
    ("Because", "words"),
)


def causes(found: Row, figures: Sequence[Figure]) -> Section | None:
    """Shows whether T causes D through A and R, and what that rests on.

    Args:
        found: the content of `results.json`.
        figures: of the section.

    Reference: our own definition.
    """
    own = part(found, "causes")
    if own is None:
        return section("causes", TITLE, figures)
    return section(
        "causes",
        TITLE,
        [
            Text(answer.answer(own), "lede"),
            Text(SYMBOLS, "note"),
            Heading("Predicted and measured", "causes-beside"),
            *_beside(own),
            *figures,
            *_carried_out(own),
            items(carried_out_lines.mediated(own.get("mediations") or [])),
            Heading("Effects of T on D", "causes-effects"),
            _effects(own),
            fold("What the fit rests on", items(_capitals(lines.assumed(own)))),
            fold("Coefficients", _coefficients(own)),
            Heading("How far this can be trusted", "causes-trust"),
            items(_capitals(trust_lines.sentences(own))),
            fold("Models compared by what they predict of rows left out", _models(own)),
            items(_capitals(lines.refused(own))),
        ],
    )


def _capitals(sentences: Sequence[str]) -> list[str]:
    return [
        f"{each[:1].upper()}{each[1:]}{'' if each.endswith('.') else '.'}"
        for each in sentences
    ]


def _beside(own: Row) -> list[Block | None]:
    beside = own.get("confrontation") or {}
    if not beside.get("arrows"):
        return []
    refused = answer.verdicts_refused(own)
    every = _compared(beside.get("interventions") or [], refused=refused)
    return [
        table(
            "What the fit predicts of each change, and what was measured",
            BESIDE,
            _compared(beside["arrows"], refused=refused),
        ),
        Text(
            "Measured: less the placebo where there is one. Inside: languages in their "
            "95 % predictive interval. Verdicts: by intervals of 95 % over all rows "
            "together, wider than these.",
            "note",
        ),
        fold(
            f"All {len(every)} ways of setting T, A and R",
            table("Every way carried out", BESIDE, every),
        ),
    ]


def _compared(rows: Sequence[Row], *, refused: bool) -> list[tuple[str, ...]]:
    return [
        (
            row["arrow"],
            ways.named(row["arrow"][3], row["kind"], row["amount"]),
            written(row, "predicted", "predicted_"),
            written(row, "measured", "measured_"),
            f"{row['covered']}/{row['n_languages']}",
            "refused" if refused else row["verdict"],
            "" if refused else row["reason"],
        )
        for row in rows
    ]


def _carried_out(own: Row) -> list[Block | None]:
    """What was measured, where there is no prediction beside it or beyond it."""
    rows = [
        (
            f"do({target})",
            ways.placebo_name(row["kind"])
            if row["placebo"]
            else ways.named(target, row["kind"], row["amount"]),
            "placebo" if row["placebo"] else "",
            written(row, "change"),
        )
        for target in ("T", "A", "R")
        for way, placebos in ways.of_degradation(own, target)
        for row in (way, *placebos)
    ]
    shown = table(
        "Change of D by intervention (nats per sentence, mean over languages)",
        (
            ("Set", "words"),
            ("Way", "words"),
            ("Kind", "words"),
            ("Change of D [95 %]", "number"),
        ),
        rows,
    )
    if (own.get("confrontation") or {}).get("arrows"):
        return [fold("What interventions and placebos changed", shown)]
    return [shown]


def _effects(own: Row) -> Block | None:
    effects = own.get("effects") or []
    if not effects:
        return None
    return table(
        f"Fitted effects ({effects[0]['unit']})",
        (("Effect", "words"), ("Median [95 %]", "number"), ("Meaning", "words")),
        [
            (
                row["name"].replace("_", " "),
                written(row),
                lines.MEANINGS.get(row["name"], "along this path alone"),
            )
            for row in effects
        ],
    )


def _coefficients(own: Row) -> Block:
    return table(
        "Coefficients of the fit",
        (("Coefficient", "words"), ("Kind", "words"), ("Median [95 %]", "number")),
        [
            (row["name"], row["kind"], written(row))
            for row in own.get("coefficients") or []
        ],
    )


def _models(own: Row) -> Block:
    return table(
        "Nats behind the best model, with standard errors",
        (("Model", "words"), ("Behind", "number"), ("Verdict", "words")),
        [
            (
                row["name"],
                f"{abs(row['difference']):.1f} ± {row['difference_se']:.1f}",
                row["verdict"],
            )
            for row in own.get("models") or []
        ],
    )
