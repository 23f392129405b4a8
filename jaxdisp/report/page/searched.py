"""Sections on what can be done: layers to protect, the plan, clipping."""

from collections.abc import Sequence
from typing import Any

from jaxdisp.report import clip_tables, search_tables, tables
from jaxdisp.report.headline import SHARED
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
from jaxdisp.report.plans import lines as plan_lines

Row = dict[str, Any]

LISTED, FOLDED = 10, 50
"""Sets that the page shows, and how many more it folds."""
EXPLAINING = {
    "layer_shares": "What each layer is worth",
    "interactions": "What layers are worth together",
    "pareto": "What it costs",
}
"""Figures with a heading of their own."""
KINDS = ("words", "number", "name", "number", "number", "number", "number", "words")
"""Of the columns of `search_tables.SET_HEADER`."""


def search(found: Row, figures: Sequence[Figure]) -> Section | None:
    """Shows which layers to protect, how sure that is, and what it costs.

    Args:
        found: the content of `results.json`.
        figures: of the section.

    Reference: our own definition.
    """
    own = part(found, "search")
    if own is None or "sets" not in own:
        return section("search", "Which layers to protect", figures)
    by_name = {figure.name: figure for figure in figures}
    first = [figure for figure in figures if figure.name not in EXPLAINING]
    shown: list[Block | None] = [*_answer(own), *first, *_sets(own)]
    for name, title in EXPLAINING.items():
        shown += [Heading(title, f"search-{name}"), by_name.get(name)]
        shown += [_explained(name, own)]
    certificates = (own.get("certificates") or {}).get("sentences", [])
    shown += [Heading("What cannot be reached", "search-bounds"), items(certificates)]
    return section("search", "Which layers to protect", shown)


def _answer(own: Row) -> list[Block]:
    n_sets, asked = len(own["sets"]), search_tables.OBJECTIVES[own["objective"]]
    said = (
        f"{n_sets} sets of layers were measured on {own['search_sentences']} sentences "
        f"per language and ranked by the {asked}. With every layer quantized the worst "
        f"language loses {tables.with_bounds(own['unprotected'], 'worst', 2)} nats per "
        "sentence."
    )
    guided = own.get("guided") or {}
    down = sum(row["levelling_down"] for row in own["sets"])
    levelled = (
        f"{down or 'None'} of the sets {'is' if down == 1 else 'are'} more equal only "
        "because more is lost."
    )
    answer = (own.get("proposed") or {}).get("sentence", "")
    return [
        Text(said),
        Text(answer, "lede"),
        Text(guided.get("sentence", "")),
        Text(f"{search_tables.best_sentence(own['sets'])} {levelled}"),
    ]


def _sets(own: Row) -> list[Block | None]:
    proposed = search_tables.proposed_row(own)
    shown, rest = own["sets"][:LISTED], own["sets"][LISTED:]
    if proposed is not None and not any(row is proposed for row in shown):
        shown = [*shown, proposed]
    header = map(_capital, search_tables.SET_HEADER)
    columns = tuple(zip(header, KINDS, strict=True))
    more = rest[:FOLDED]
    return [
        table(
            f"The first {len(shown)} of {len(own['sets'])} sets of layers kept "
            "(nats per sentence, 95 %)",
            columns,
            search_tables.set_cells(shown, proposed=proposed),
            [n for n, row in enumerate(shown) if row is proposed],
        ),
        Text(
            "Rank: with the interval of each set's rank by itself, paired over texts "
            "and safe where sets are nearly equal. Best set: not distinguishable from "
            "the best.",
            "note",
        ),
        fold(
            f"The next {len(more)} sets",
            table("More sets", columns, search_tables.set_cells(more)),
        ),
    ]


def _explained(name: str, own: Row) -> Block | None:
    if name == "interactions":
        sentences = [*own.get("sentences", [])]
        sentences.append((own.get("surrogate") or {}).get("sentence", ""))
        return items(sentences)
    if name == "layer_shares" and not own["layers"] and own.get("shapley_reason"):
        return Text(f"No Shapley values: {own['shapley_reason']}.")
    return None


def plan(found: Row) -> Section | None:
    """Shows the plan that follows: which version each layer is in, and its cost.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    own = part(found, "plan")
    if own is None:
        return None
    versions = ["full precision", *(_version(each) for each in own["quantizers"])]
    by_version = [
        (words, " ".join(str(n) for n, v in enumerate(own["assignment"]) if v == place))
        for place, words in enumerate(versions)
    ]
    exceptions = [
        (name, versions[version]) for name, version in own["exceptions"].items()
    ]
    chosen, predicted = own.get("chosen") or {}, own.get("predicted")
    return section(
        "plan",
        "The plan",
        [
            Text(chosen.get("sentence") or "", "lede"),
            table(
                "Layers by the version they are in",
                (("Version", "words"), ("Layers", "words")),
                [row for row in by_version if row[1]],
            ),
            table(
                "Modules that differ from their layer",
                (("Module", "code"), ("Version", "words")),
                exceptions,
            ),
            *_predicted(predicted or {}),
            Text(
                "plan.json beside this report holds the plan; jaxdisp plan export "
                "writes it as the recipe of a toolkit.",
                "note",
            ),
        ],
    )


def _version(quantizer: Row) -> str:
    shared = SHARED[quantizer["granularity"]].format(**quantizer)
    clipping = quantizer["clipping"]
    clipped = "" if clipping == "absmax" else f", {clipping} clipping"
    return f"{quantizer['bits']} bits {shared}, {quantizer['grid']} grid{clipped}"


def _predicted(predicted: Row) -> list[Block]:
    columns: tuple[Column, ...] = (
        ("Language", "name"),
        ("Lost by the plan [95 %]", "number"),
        ("Unprotected [95 %]", "number"),
        ("Saved [95 %]", "number"),
        ("Loss per token", "number"),
        ("In full precision", "number"),
    )
    rows = [
        (
            row["language"],
            *(_bounds(row, name) for name in ("d_sent", "unprotected_d_sent", "saved")),
            f"{row['loss_per_token']:.4f}",
            f"{row['full_per_token']:.4f}",
        )
        for row in predicted.get("languages", [])
    ]
    if not rows:
        return []
    cost = plan_lines.cost(predicted) if "worst" in predicted else ""
    caption = "What the plan costs each language (nats per sentence, and per token)"
    return [Text(cost), *_levels(predicted), table(caption, columns, rows)]


def _levels(predicted: Row) -> list[Block]:
    """Level and disparity side by side, by the plan and without it."""
    base = predicted.get("unprotected") or {}
    measure = search_tables.OBJECTIVES.get(predicted.get("disparity_measure", ""), "")
    names = {"mean": "mean", "worst": "worst language", "disparity": measure}
    rows = [
        (
            title,
            _bounds(predicted, name),
            _bounds(base, name),
            _bounds(predicted, f"saved_{name}"),
        )
        for name, title in names.items()
        if title and name in predicted and f"{name}_low" in predicted
    ]
    columns: tuple[Column, ...] = (
        ("Measure", "words"),
        ("By the plan [95 %]", "number"),
        ("Unprotected [95 %]", "number"),
        ("Saved, paired [95 %]", "number"),
    )
    return [table("Level and disparity (nats per sentence)", columns, rows)]


def _bounds(row: Row, name: str) -> str:
    """An estimate with its interval; nothing where it was not measured."""
    return tables.with_bounds(row, name, 2) if name in row else ""


def clipping(found: Row, figures: Sequence[Figure]) -> Section | None:
    """Shows what clipping rules change, by language.

    Args:
        found: the content of `results.json`.
        figures: of the section.

    Reference: our own definition.
    """
    own = part(found, "clipping")
    if own is None:
        return section("clipping", "What clipping changes", figures)
    header = clip_tables.comparison_header(own)
    columns: list[Column] = [("Language", "name")]
    columns.extend((_capital(name), "number") for name in header[1:])
    down = [row["rule"] for row in own["disparity"] if row["levelling_down"]]
    levelled = (
        f"More equal only because more is lost: {', '.join(down)}." if down else ""
    )
    return section(
        "clipping",
        "What clipping changes",
        [
            *figures,
            table(
                "Lost per sentence by clipping rule (nats), and paired differences",
                columns,
                clip_tables.comparison_cells(own),
            ),
            Text(
                f"Measured on {own['n_sentences']} sentences per language, with "
                f"activations from {own['calibrated_on']}. absmax clips nothing; "
                "99.9 % is a percentile of the weights; gauss and laplace are ACIQ's; "
                "exact has the least error of the weights; average and minimax have "
                "the least error of the outputs, averaged over languages and in the "
                "worst one. *: the interval of the difference leaves out 0.",
                "note",
            ),
            items([*_sentences(own["verdict"]), levelled]),
            Text(" ".join(clip_tables.split_sentence(own).split()), "note"),
        ],
    )


def _sentences(text: str) -> list[str]:
    parts = text.strip().removesuffix(".").split(". ")
    return [f"{_capital(each)}." for each in parts if each]


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
