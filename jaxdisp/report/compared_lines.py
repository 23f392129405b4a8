"""A comparison of two runs in words: verdicts, tables of text, a page of Markdown."""

import shlex
import textwrap
from collections.abc import Sequence
from typing import Any

from jaxdisp.report import markdown_text, tables
from jaxdisp.report.compared import LESS, MORE, OPEN
from jaxdisp.report.illustration import Illustration

WIDTH = 110
FEW_TEXTS = 10
"""Texts below which a bootstrap interval rests on too little to be trusted."""
LEAST = 0.001
"""P-values below are not told apart: they are read off intervals."""
HEADER = (
    "language",
    "first D_sent [95 %]",
    "second D_sent [95 %]",
    "second - first [95 %]",
    "p (Holm)",
    "in the second",
)
FULL_HEADER = ("language", "first", "second", "second - first [95 %]")
MEASURES_HEADER = (
    "disparity",
    "first [95 %]",
    "second [95 %]",
    "second - first [95 %]",
)
LIMITS = (
    "Intervals are paired: both runs stand on the same resamples of texts. They say "
    "nothing of other texts, or of languages that were not measured.",
    "Verdicts of languages are corrected for how many there are (Holm, 5 % for any "
    "error); measures of disparity are not. Inconclusive is not equal.",
    "The worst language is chosen as the largest of estimates that err: its interval "
    "is too narrow where several are close to it.",
)


def verdict(found: dict[str, Any]) -> str:
    """Says in one sentence which run loses more, or that this is not known.

    Args:
        found: as from `compared.compare`.

    Reference: our own definition.
    """
    mean = _measure(found, "mean")
    size = _change(mean)
    of = f"in the mean of {len(found['languages'])} languages"
    if not _excludes(mean):
        return f"Inconclusive: the second run loses {size} more than the first {of}."
    side = "more" if mean["change"] > 0 else "less"
    if side == "less":
        mean = mean | {
            "change": -mean["change"],
            "change_low": -mean["change_high"],
            "change_high": -mean["change_low"],
        }
    return f"The second run loses {_change(mean)} {side} than the first {of}."


def sentences(found: dict[str, Any]) -> list[str]:
    """Says what else a comparison found, and what it leaves out.

    Args:
        found: as from `compared.compare`.

    Reference: our own definition.
    """
    return [
        each for each in (_languages(found), _spread(found), *_asides(found)) if each
    ]


def _languages(found: dict[str, Any]) -> str:
    rows = found["degradation_compared"]
    by = {
        word: [row["language"] for row in rows if row["verdict"] == word]
        for word in (MORE, LESS, OPEN)
    }
    named = {word: f" ({', '.join(some)})" if some else "" for word, some in by.items()}
    return (
        f"Of {len(rows)} languages {len(by[MORE])} lose more in the second"
        f"{named[MORE]} and {len(by[LESS])} less{named[LESS]}, at a 5 % chance of any "
        f"error; {len(by[OPEN])} are inconclusive."
    )


def _spread(found: dict[str, Any]) -> str:
    row, mean = _measure(found, "max_min"), _measure(found, "mean")
    size = _change(row)
    if not _excludes(row):
        return (
            f"Whether languages are served more equally is inconclusive: worst minus "
            f"best changes by {size}."
        )
    if row["change"] > 0:
        return f"Languages are served less equally: worst minus best grows by {size}."
    said = f"Languages are served more equally: worst minus best changes by {size}"
    return f"{said}, but only as more is lost." if mean["change"] > 0 else f"{said}."


def _asides(found: dict[str, Any]) -> list[str]:
    said = [
        f"Left out, as only the {which} has them: {', '.join(left)}."
        for which in ("first", "second")
        if (left := found[f"only_in_{which}"])
    ]
    totals = [run["n_sentences"] for run in found["compared"]]
    if max(totals) > found["n_sentences"]:
        said.append(
            f"Compared on the {found['n_sentences']} sentences in common, of "
            f"{totals[0]} and {totals[1]}."
        )
    if not found["same_model"]:
        said.append(
            "The models differ, and so do their losses in full precision; D_sent is "
            "against each model's own."
        )
    if found["n_groups"] < FEW_TEXTS:
        said.append(
            f"Only {found['n_groups']} texts: take these intervals with caution."
        )
    return said


def described(found: dict[str, Any]) -> list[str]:
    """Says which two runs are compared.

    Args:
        found: as from `compared.compare`.

    Reference: our own definition.
    """
    return [
        f"{which}: {run['run']}, {run['model']}, {run['quantizer_in_words']}"
        + ("" if run["dtype"] == "float32" else f", computed in {run['dtype']}")
        for which, run in zip(("first", "second"), found["compared"], strict=True)
    ]


def language_cells(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Writes the cells of the table of languages.

    Args:
        rows: of `degradation_compared`.

    Reference: our own definition.
    """
    names = ("d_sent_first", "d_sent_second", "d_sent_change")
    return [
        [
            row["language"],
            *(tables.with_bounds(row, name, 2) for name in names),
            f"{row['p_holm']:.3f}" if row["p_holm"] >= LEAST else f"< {LEAST}",
            row["verdict"],
        ]
        for row in rows
    ]


def full_cells(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Writes the cells of the table of losses in full precision.

    Args:
        rows: of `degradation_compared`.

    Reference: our own definition.
    """
    return [
        [
            row["language"],
            f"{row['full_first']:.2f}",
            f"{row['full_second']:.2f}",
            tables.with_bounds(row, "full_change", 2),
        ]
        for row in rows
    ]


def measure_cells(found: dict[str, Any]) -> list[list[str]]:
    """Writes the cells of the table of disparity; rows without numbers are left out.

    Args:
        found: as from `compared.compare`.

    Reference: our own definition.
    """
    titles = tables.measure_names(found["contrast"])
    cells = []
    for row in found["disparity_compared"]:
        named = [
            f"{tables.with_bounds(row, name, 2)} {row.get(f'{name}_language', '')}"
            for name in ("first", "second")
        ]
        shown = [
            *(each.strip() for each in named),
            tables.with_bounds(row, "change", 2),
        ]
        cells.append([titles[row["measure"]], *shown])
    return cells


def lines(found: dict[str, Any]) -> list[str]:
    """Writes a comparison for a terminal.

    Args:
        found: as from `compared.compare`.

    Reference: our own definition.
    """
    rows = found["degradation_compared"]
    words = (0, len(HEADER) - 1)
    shown = [*described(found), _text(found), ""]
    shown += [tables.aligned(HEADER, language_cells(rows), words=words), ""]
    if not found["same_model"]:
        shown += ["Losses in full precision, nats per sentence:"]
        shown += [tables.aligned(FULL_HEADER, full_cells(rows)), ""]
    shown += [tables.aligned(MEASURES_HEADER, measure_cells(found)), ""]
    for sentence in (*_reasons(found), verdict(found), *sentences(found)):
        shown += textwrap.wrap(sentence, WIDTH)
    return shown


def page(
    found: dict[str, Any],
    environment: dict[str, Any],
    drawn: Sequence[Illustration],
) -> str:
    """Writes a comparison as Markdown.

    Args:
        found: as from `compared.compare`.
        environment: the content of `environment.json`.
        drawn: figures, which lie in `figures/` beside it.

    Reference: our own definition.
    """
    escaped, table = markdown_text.escaped, markdown_text.table
    rows = found["degradation_compared"]
    written = ["# Two runs compared", "", f"**{escaped(verdict(found))}**", ""]
    written += _listed([*described(found), _text(found), *sentences(found)])
    written += ["## What each language loses", ""]
    written += [*table(HEADER, language_cells(rows), words=(0, 5)), ""]
    if not found["same_model"]:
        written += ["Losses in full precision, nats per sentence:", ""]
        written += [*table(FULL_HEADER, full_cells(rows)), ""]
    written += ["Numbers: [comparison](tables/comparison.csv).", ""]
    for each in drawn:
        written += [markdown_text.image(each.alt, f"figures/{each.name}.svg"), ""]
    written += ["## How unequal that is", ""]
    written += [*table(MEASURES_HEADER, measure_cells(found)), ""]
    written += _listed(_reasons(found))
    written += ["## What this cannot say", "", *_listed(LIMITS)]
    command = shlex.join(["jaxdisp", *environment["arguments"]])
    return "\n".join([*written, markdown_text.code(command)]) + "\n"


def _text(found: dict[str, Any]) -> str:
    return (
        f"{found['n_sentences']} parallel sentences in {found['n_groups']} texts, "
        f"{found['corpus']} corpus; nats per sentence"
    )


def _reasons(found: dict[str, Any]) -> list[str]:
    reasons = [row["reason"] for row in found["disparity_compared"] if row["reason"]]
    return [f"No {tables.MEASURES['difference']}: {each}." for each in reasons]


def _listed(said: Sequence[str]) -> list[str]:
    kept = [f"- {markdown_text.escaped(each)}" for each in said]
    return [*kept, ""] if kept else []


def _measure(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in found["disparity_compared"] if row["measure"] == name)


def _change(row: dict[str, Any]) -> str:
    return f"{tables.with_bounds(row, 'change', 2)} nats per sentence"


def _excludes(row: dict[str, Any]) -> bool:
    low, high = row["change_low"], row["change_high"]
    return low is not None and high is not None and (low > 0 or high < 0)
