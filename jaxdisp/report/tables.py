"""Rows as text for a terminal and as CSV for everything else."""

import io
from collections.abc import Sequence
from typing import Any

import pandas as pd


def csv(rows: Sequence[dict[str, Any]]) -> bytes:
    """Writes rows as CSV with a header; lists are written with spaces between.

    Args:
        rows: dicts of the same keys.

    Reference: RFC 4180.
    """
    frame = pd.DataFrame(
        [
            {
                key: " ".join(map(str, value)) if isinstance(value, list) else value
                for key, value in row.items()
            }
            for row in rows
        ]
    )
    buffer = io.StringIO()
    frame.to_csv(buffer, index=False, lineterminator="\n")
    return buffer.getvalue().encode()


def with_bounds(row: dict[str, Any], name: str, digits: int) -> str:
    """Writes an estimate with its interval; `-` where there is no number.

    Args:
        row: holds `name`, `name_low` and `name_high`.
        name: of the quantity.
        digits: after the point.

    Reference: our own definition.
    """
    value, low, high = (row[key] for key in (name, f"{name}_low", f"{name}_high"))
    if value is None or value != value:
        return "-"
    if low is None or low != low or high is None or high != high:
        return f"{value:.{digits}f} [no interval]"
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def size(n_bytes: int | None) -> str:
    """Writes a number of bytes with a unit; `?` where it is unknown.

    Args:
        n_bytes: the number.

    Reference: our own definition.
    """
    if n_bytes is None:
        return "?"
    return f"{n_bytes / 1e3:.0f} kB" if n_bytes < 1e6 else f"{n_bytes / 1e6:.1f} MB"


def aligned(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, words: Sequence[int] = (0,)
) -> str:
    """Sets a table in columns: those of words to the left, the others to the right.

    Args:
        header: names of columns.
        rows: cells.
        words: places of the columns that hold words.

    Reference: our own definition.
    """
    widths = [max(len(row[n]) for row in [header, *rows]) for n in range(len(header))]
    lines = []
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [
            cell.ljust(width) if place in words else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


DEGRADATION_HEADER = (
    "language",
    "trained on",
    "tokens/byte",
    "loss",
    "D_sent [95 %]",
    "D_byte [95 %]",
    "flag",
)


def degradation_cells(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Writes the cells of the table of degradation by language.

    Args:
        rows: as from `results.degradation_rows`.

    Reference: our own definition.
    """
    return [
        [
            row["language"],
            size(row["training_bytes"]),
            f"{row['tokens_per_byte']:.3f}",
            f"{row['loss']:.2f}",
            with_bounds(row, "d_sent", 2),
            with_bounds(row, "d_byte", 4),
            row["flag"],
        ]
        for row in rows
    ]


MEASURES = {
    "mean": "mean over languages",
    "worst": "worst language",
    "max_min": "worst minus best",
    "difference": "low minus high resource",
    "log_ratio": "log of low over high",
    "gini": "Gini coefficient",
}
"""Measures of disparity, and what a table calls them."""


def measure_names(contrast: dict[str, Any] | None) -> dict[str, str]:
    """Says what a table calls measures of disparity, a single language by its name.

    Args:
        contrast: `low` and `high`, if there is one.

    Reference: our own definition.
    """
    if contrast is None or len(contrast["high"]) != 1:
        return dict(MEASURES)
    low, (high,) = contrast["low"], contrast["high"]
    name = low[0] if len(low) == 1 else "others"
    return MEASURES | {
        "difference": f"{name} minus {high}",
        "log_ratio": f"log of {name} over {high}",
    }


def disparity_lines(entries: dict[str, Any]) -> list[list[str]]:
    """Writes the cells of the table of disparity: measure, value, remark.

    Args:
        entries: as from `results.disparity_entries`.

    Reference: our own definition.
    """
    lines = []
    for name, title in measure_names(entries["contrast"]).items():
        entry = entries[name]
        row = {"v": entry["estimate"], "v_low": entry["low"], "v_high": entry["high"]}
        remark = entry["reason"] or entry.get("language") or entry["unit"]
        lines.append([title, with_bounds(row, "v", 3), remark])
    return lines


def windows_sentence(found: dict[str, Any]) -> str:
    """Says how many sentences are scored in windows; nothing where all fit.

    Args:
        found: the fields of `windows.LongSentences`.

    Reference: our own definition.
    """
    if not found["sentences"]:
        return ""
    counts = ", ".join(f"{name} {count}" for name, count in found["languages"].items())
    return (
        f"sentences longer than the context, scored in windows of {found['context']} "
        f"tokens with stride {found['stride']}: {found['sentences']} ({counts})"
    )
