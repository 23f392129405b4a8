"""Sections on what was measured: on what, by language, how unequally, by layer."""

from collections.abc import Sequence
from typing import Any

from jaxdisp.report import limits, results, tables
from jaxdisp.report.page.blocks import (
    Block,
    Column,
    Figure,
    Section,
    Terms,
    Text,
    items,
    section,
    table,
)
from jaxdisp.report.search_tables import excludes_zero

Row = dict[str, Any]

EVIDENCE = {
    "": "loses",
    results.NOISE: "insufficient evidence",
    results.COLLAPSED: "collapsed",
    results.GAINED: "gains",
}
"""Flags of degradation, in words of the page."""
MEANINGS = {
    "mean": "average over languages: how much is lost at all",
    "worst": "what the hardest hit language loses",
    "max_min": "how far the hardest and the least hit language are apart",
    "difference": "mean of the low side minus mean of the high side",
    "log_ratio": "logarithm of the low side's mean over the high side's; 0: equal",
    "gini": "mean gap between two languages over twice the mean; 0: equal",
}


def described(found: Row) -> Section | None:
    """Says what was measured on what.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    windows = tables.windows_sentence(found["windows"]) if "windows" in found else ""
    languages = found.get("measured_languages", [])
    facts = {
        "Model": found.get("model"),
        "Architecture": found.get("architecture"),
        "Size": _size(found),
        "Quantizer": found.get("quantizer_in_words"),
        "Corpus": _corpus(found),
        "Text": f"{found['n_sentences']} parallel sentences in {found['n_groups']} "
        "texts"
        if "n_groups" in found
        else None,
        f"{len(languages)} languages": " ".join(languages),
        "Long sentences": f"{windows[:1].upper()}{windows[1:]}." if windows else None,
        "Computed in": found.get("dtype"),
    }
    pairs = tuple((name, str(value)) for name, value in facts.items() if value)
    remarks = (found.get("corpus_facts") or {}).get("remarks", [])
    shown = [Terms(pairs, outside=True), items(remarks)]
    return section("measured", "What was measured", shown)


def _corpus(found: Row) -> str:
    facts = found.get("corpus_facts") or {}
    known = [facts.get(name) for name in ("title", "domain", "published")]
    licence = facts.get("licence") and f"licence {facts['licence']}"
    said = [found.get("corpus"), *known, licence]
    return "; ".join(str(each) for each in said if each)


def _size(found: Row) -> str | None:
    if "parameters" not in found:
        return None
    count = found["parameters"]
    size = f"{count / 1e6:.1f} million" if count >= 1e6 else f"{count:,}"
    return f"{size} parameters, {found['n_layers']} layers"


def degradation(found: Row, figures: Sequence[Figure]) -> Section | None:
    """Shows what each language loses, with intervals and what of it is shown.

    Args:
        found: the content of `results.json`.
        figures: of the section.

    Reference: our own definition.
    """
    rows = found.get("degradation", [])
    columns: tuple[Column, ...] = (
        ("Language", "name"),
        ("Lost per sentence (nats)", "number"),
        ("Evidence", "words"),
        ("Smallest detectable (nats)", "number"),
        ("Lost per byte (bits)", "number"),
        ("Full precision (bits per byte)", "number"),
        ("Tokens per byte", "number"),
        ("Trained on", "number"),
    )
    noise = [n for n, row in enumerate(rows) if row["flag"]]
    shown: list[Block] = [
        *figures,
        table(
            "Degradation by language, hardest hit first, with 95 % intervals",
            columns,
            [_language(row) for row in rows],
            noise,
        ),
    ]
    if rows:
        shown.append(
            Text(
                "Lost per sentence compares languages, since all say the same in their "
                "sentences; lost per byte is what compression would lose. Intervals: "
                f"paired BCa bootstrap over {found['n_groups']} texts, each language "
                "by itself. Loses: the interval lies above 0; insufficient evidence: "
                "it holds 0; collapsed: close to guessing. Smallest detectable: what "
                "an interval as wide would show in four of five runs.",
                "note",
            )
        )
    return section("degradation", "What each language loses", shown)


def _language(row: Row) -> tuple[str, ...]:
    least = limits.detectable(row, "d_sent")
    known = row["training_bytes"] is not None
    return (
        row["language"],
        tables.with_bounds(row, "d_sent", 2),
        str(EVIDENCE.get(row["flag"], row["flag"])),
        "" if least is None else f"{least:.2f}",
        tables.with_bounds(row, "d_byte", 4),
        f"{row['loss']:.2f}",
        f"{row['tokens_per_byte']:.3f}",
        tables.size(row["training_bytes"]) if known else "",
    )


def disparity(found: Row, figures: Sequence[Figure]) -> Section | None:
    """Shows how unequally languages lose, and what each measure means.

    Args:
        found: the content of `results.json`.
        figures: of the section.

    Reference: our own definition.
    """
    entries = found.get("disparity")
    if entries is None:
        return section("disparity", "How unequal that is", figures)
    chosen = entries["contrast"]
    lines = tables.disparity_lines(entries)
    cells = [
        (title, value, entries[name]["unit"], _remark(entries[name]), MEANINGS[name])
        for (title, value, _), name in zip(lines, _order(), strict=True)
    ]
    columns: tuple[Column, ...] = (
        ("Measure", "words"),
        ("Estimate [95 %]", "number"),
        ("Unit", "words"),
        ("Remark", "name"),
        ("Meaning", "words"),
    )
    compared = (
        f"Low: {', '.join(chosen['low'])}. High: {', '.join(chosen['high'])}. Rule: "
        f"{chosen['rule']}."
        if chosen
        else ""
    )
    return section(
        "disparity",
        "How unequal that is",
        [
            *figures,
            table("Disparity, always beside the level", columns, cells),
            Text(compared),
            Text(
                "A smaller disparity is no gain where the mean or worst loss grows: "
                "sets of layers and clipping rules that are more equal only because "
                "more is lost are flagged as levelling down.",
                "note",
            ),
        ],
    )


def _order() -> tuple[str, ...]:
    """Measures in the order of `tables.disparity_lines`."""
    return ("mean", "worst", "max_min", "difference", "log_ratio", "gini")


def _remark(entry: Row) -> str:
    return entry["reason"] or entry.get("language") or ""


def layers(found: Row, figures: Sequence[Figure]) -> Section | None:
    """Shows what single layers cost, and whom most.

    Args:
        found: the content of `results.json`.
        figures: of the section.

    Reference: our own definition.
    """
    shown: list[Block] = list(figures)
    if "layer_sentences" in found:
        rows = found["layers"]
        languages = len({row["language"] for row in rows})
        shown += [
            table(
                "Single layers: whom they cost most (nats per sentence, 95 %)",
                (
                    ("Layer", "number"),
                    ("Quantized alone", "number"),
                    ("Costs most", "name"),
                    (f"Shown, of {languages}", "number"),
                    ("Protected alone", "number"),
                    ("Saves most", "name"),
                    (f"Shown, of {languages} ", "number"),
                ),
                [
                    (str(layer), *_extreme(rows, layer, 1), *_extreme(rows, layer, -1))
                    for layer in sorted({row["layer"] for row in rows})
                ],
            ),
            Text(
                f"Measured on {found['layer_sentences']} sentences per language. "
                "Quantized alone: all other layers in full precision. Protected alone: "
                "everything else quantized; below 0, protecting saves. Shown: of how "
                "many languages the interval leaves out 0, as about one in twenty does "
                "by chance.",
                "note",
            ),
        ]
    return section("layers", "Which layers are to blame", shown)


def _extreme(rows: list[Row], layer: int, sign: int) -> tuple[str, str, str]:
    treatment = "quantized" if sign == 1 else "protected"
    own = [
        row for row in rows if row["layer"] == layer and row["treatment"] == treatment
    ]
    most = max(own, key=lambda row: sign * row["effect"])
    clear = sum(excludes_zero(row["effect_low"], row["effect_high"]) for row in own)
    return tables.with_bounds(most, "effect", 2), most["language"], str(clear)
