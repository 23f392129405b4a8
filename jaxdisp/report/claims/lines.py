"""The ledger as text: on a terminal, and in Markdown."""

import textwrap
from collections import Counter
from collections.abc import Sequence

from jaxdisp.claims.ledger import registry
from jaxdisp.report import tables
from jaxdisp.report.claims.rows import Row
from jaxdisp.report.hypotheses.lines import estimate

WIDTH = 110
STATEMENT, ASKED, MEASURED = 64, 34, 34
FULL = 3
"""Up to so many claims are shown with all that is known of them."""

THEOREM = "(theorem)"
MARKS = (
    "*: of what data can say of the claim. A theorem is true of every model; what is "
    "judged is what it was to explain."
)

VERDICTS = ("holds", "fails", "inconclusive", "not applicable")


def lines(rows: Sequence[Row]) -> list[str]:
    """Writes claims for a terminal: a table, or in full where there are few.

    Args:
        rows: of the ledger.

    Reference: our own definition.
    """
    if len(rows) <= FULL:
        return [line for row in rows for line in _full(row)]
    found = listed(rows)
    words = tuple(range(len(found["header"])))
    shown = [tables.aligned(found["header"], found["cells"], words=words), ""]
    shown += textwrap.wrap(found["tally"], WIDTH)
    more = (
        "jaxdisp claims --id A1 shows one in full; --model embedded, or another, "
        "judges all by data."
    )
    if rows[0]["data_verdict"] is not None:
        more = f"{MARKS} --id A1 shows one in full."
    shown += textwrap.wrap(more, WIDTH)
    return shown


def listed(rows: Sequence[Row]) -> Row:
    """Writes the table of claims: `header`, `cells` and a `tally` in words.

    Args:
        rows: of the ledger, at least one.

    Reference: our own definition.
    """
    with_data = rows[0]["data_verdict"] is not None
    header = ("claim", "statement", "verdict", "ground")
    if with_data:
        header = ("claim", "statement", "without data", "on this model", "measured")
    cells = [_judged(row) if with_data else _known(row) for row in rows]
    return {"header": header, "cells": cells, "tally": tally(rows)}


def in_full(rows: Sequence[Row]) -> Row:
    """Writes the table of claims that a model judged, nothing shortened, for a page.

    Args:
        rows: of the ledger, judged by a model.

    Returns:
        `header`, `cells`, a `tally` in words, and a `remark` on marks.

    Reference: our own definition.
    """
    cells = []
    for row in rows:
        name, _, known, found, _ = _judged(row)
        asked = row["data"]["statement"] if known == THEOREM else row["statement"]
        cells.append([name, asked, known, found, _measured(row), row["data"]["reason"]])
    header = ("claim", "statement", "without data", "on this model", "measured")
    return {
        "header": (*header, "because"),
        "cells": cells,
        "tally": tally(rows),
        "remark": MARKS,
    }


def _measured(row: Row) -> str:
    found = row["data"]
    if found["estimate"] is None:
        return "-"
    return f"{estimate(found)} {found['unit']}"


def _known(row: Row) -> list[str]:
    statement = _shortened(row["statement"], STATEMENT)
    return [row["id"], statement, row["verdict"], row["ground"]]


def _judged(row: Row) -> list[str]:
    """A theorem holds of every model: shown is what is asked of this one."""
    found, theorem = row["data"], row["statement"] == row["correct"]
    asked = found["statement"] if theorem else row["statement"]
    return [
        row["id"],
        _shortened(asked, ASKED),
        THEOREM if theorem else row["verdict"],
        row["data_verdict"] + ("" if asked == found["statement"] else "*"),
        _shortened(_measured(row), MEASURED),
    ]


def _shortened(text: str, width: int) -> str:
    return textwrap.shorten(text, width, placeholder=" ...")


def _full(row: Row) -> list[str]:
    """One claim with all that is known of it."""
    parts = [
        ("statement", row["statement"]),
        ("source", row["source"]),
        ("verdict", f"{row['verdict']} ({row['ground']})"),
        ("known by", row["check"]),
        ("numbers", "; ".join(_number(value) for value in row["values"])),
        ("test", row["test"]),
    ]
    if row["correct"] != row["statement"]:
        parts.insert(3, ("correct", row["correct"]))
    if row["data"] is not None:
        found = row["data"]
        measured = "" if found["estimate"] is None else f", {estimate(found)} "
        measured += "" if found["estimate"] is None else found["unit"]
        if found["statement"] != row["statement"]:
            parts.append(("asked of this model", found["statement"]))
        parts.append(("on this model", f"{row['data_verdict']}{measured}"))
        parts.append(("because", found["reason"]))
    shown = [row["id"]]
    for name, text in parts:
        shown += textwrap.wrap(
            f"{name}: {text}",
            WIDTH,
            initial_indent="    ",
            subsequent_indent=" " * 8,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return shown


def _number(value: Row) -> str:
    return f"{value['name']} {value['value']:.6g}"


def tally(rows: Sequence[Row]) -> str:
    """Counts verdicts in a sentence or two.

    Args:
        rows: of the ledger.

    Reference: our own definition.
    """
    said = f"{len(rows)} claims, without data: {_counts(rows, 'verdict')}."
    if rows and rows[0]["data_verdict"] is not None:
        said += f" On this model: {_counts(rows, 'data_verdict')}."
    return said


def _counts(rows: Sequence[Row], field: str) -> str:
    counts = Counter(row[field] for row in rows)
    return ", ".join(f"{counts[name]} {name}" for name in VERDICTS if counts[name])


def markdown(rows: Sequence[Row]) -> str:
    """Writes claims as a page of Markdown, by sections.

    Args:
        rows: of the ledger.

    Reference: our own definition.
    """
    with_data = bool(rows) and rows[0]["data_verdict"] is not None
    header = ["id", "statement", "verdict", "what is true", "numbers"]
    header += ["on this model"] if with_data else []
    shown = [
        "# Every claim, and what is known of it",
        "",
        "Written by `jaxdisp claims --markdown`; do not edit. " + tally(rows),
        "",
        "`holds` and `fails` rest on a theorem, a counterexample or a calculation that "
        "the entry's test repeats; `inconclusive` claims lack a condition or data; "
        "`not applicable` are those that were put in by construction, that nothing "
        "reproduces, or that are someone else's. `jaxdisp claims --id A1` shows one "
        "with its source and test, `jaxdisp claims --model M` judges all by a model.",
    ]
    section = None
    for row in rows:
        if (named := registry.section(row["id"])) != section:
            section = named
            shown += ["", f"## {section}", ""]
            shown += [_line(header), _line(["---"] * len(header))]
        shown.append(_line([_escaped(cell) for cell in _written(row)]))
    return "\n".join(shown) + "\n"


def _written(row: Row) -> list[str]:
    numbers = "; ".join(_number(value) for value in row["values"])
    true = "-" if row["correct"] == row["statement"] else row["correct"]
    cells = [row["id"], row["statement"], f"{row['verdict']} ({row['ground']})"]
    cells += [true, numbers]
    if row["data"] is not None:
        cells.append(f"{row['data_verdict']}: {row['data']['reason']}")
    return cells


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is: no new cells, emphasis or HTML."""
    for character in "\\|*_<>`[]":
        text = text.replace(character, f"\\{character}")
    return text.replace("$", "&#36;")
