"""Results of a search as tables and lines of text."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxdisp.report import tables

TOP = 5
"""Sets, layers and interactions that a terminal shows."""
SPELT = 5
"""Layers of a set that are all written out."""
WIDTH = 110

SET_HEADER = (
    "layers",
    "rank",
    "worst",
    "its loss [95 %]",
    "mean [95 %]",
    "disparity [95 %]",
    "bytes",
    "flag",
)
OBJECTIVES = {
    "worst": "loss of the worst language",
    "mean": "mean loss over languages",
    "max_min": "worst minus best language",
    "difference": "low minus high resource",
    "log_ratio": "log of low over high resource",
}


def set_name(row: dict[str, Any]) -> str:
    """Names a set by its layers in full precision, then those in later versions.

    Args:
        row: one of `sets`.

    Reference: our own definition.
    """
    parts = [_listed(row["layers"])] if row["layers"] else []
    for version in range(2, 1 + max(row["assignment"], default=0)):
        layers = [n for n, each in enumerate(row["assignment"]) if each == version]
        if layers:
            parts.append(f"version {version}: {_listed(layers)}")
    return ", ".join(parts) or "none"


def in_braces(row: dict[str, Any]) -> str:
    """Names a set within a sentence, such as `{0, 9, 11}`.

    Args:
        row: `layers` and `assignment` of a set.

    Reference: our own definition.
    """
    if max(row["assignment"], default=0) > 1:
        return f"({set_name(row)})"
    return "{" + ", ".join(map(str, row["layers"])) + "}"


def _listed(layers: Sequence[int]) -> str:
    """Layers in order; of many, three or more in a row as `2-4`."""
    if len(layers) <= SPELT:
        return " ".join(map(str, layers))
    runs: list[list[int]] = []
    for layer in layers:
        if runs and layer == runs[-1][-1] + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    return " ".join(
        f"{run[0]}-{run[-1]}" if len(run) > 2 else " ".join(map(str, run))
        for run in runs
    )


def place(row: dict[str, Any]) -> str:
    """Writes the rank of a set with its interval; `-` where it has none.

    Args:
        row: holds `rank`, `rank_low` and `rank_high`.

    Reference: our own definition.
    """
    if not row["rank"]:
        return "-"
    return f"{row['rank']} [{row['rank_low']}-{row['rank_high']}]"


def proposed_row(found: dict[str, Any]) -> dict[str, Any] | None:
    """Finds the proposed set among all sets, its other layers in version 1.

    Args:
        found: results of a search.

    Reference: our own definition.
    """
    if not found["proposed"]:
        return None
    layers = found["proposed"]["layers"]
    same = (row for row in found["sets"] if row["layers"] == layers)
    return next((row for row in same if max(row["assignment"]) <= 1), None)


def excludes_zero(low: float | None, high: float | None) -> bool:
    """Tells whether there is an interval, and 0 is outside it.

    Args:
        low: lower bound.
        high: upper bound.

    Reference: our own definition.
    """
    return low is not None and high is not None and (low > 0 or high < 0)


def column(rows: Sequence[dict[str, Any]], name: str) -> Float[np.ndarray, " row"]:
    """Collects the numbers of rows; NaN, which draws nothing, where there is none.

    Args:
        rows: each with `name`.
        name: of the quantity.

    Reference: our own definition.
    """
    return np.array([row[name] for row in rows], float)


def set_cells(
    rows: Sequence[dict[str, Any]], *, proposed: dict[str, Any] | None = None
) -> list[list[str]]:
    """Writes the cells of the table of sets.

    Args:
        rows: of `sets`.
        proposed: the one of them that is flagged as proposed.

    Reference: our own definition.
    """
    return [
        [
            set_name(row),
            place(row),
            row["worst_language"],
            tables.with_bounds(row, "worst", 2),
            tables.with_bounds(row, "mean", 2),
            tables.with_bounds(row, "disparity", 2),
            tables.size(row["bytes"]),
            _flag(row, proposed),
        ]
        for row in rows
    ]


def _flag(row: dict[str, Any], proposed: dict[str, Any] | None) -> str:
    flags = {
        "proposed": row is proposed,
        "best set": row["among_best"],
        "levelling down": row["levelling_down"],
    }
    return ", ".join(name for name, holds in flags.items() if holds)


def lines(found: dict[str, Any]) -> list[str]:
    """Writes the results of a search for a terminal.

    Args:
        found: results of a search.

    Reference: our own definition.
    """
    proposed, shown = proposed_row(found), found["sets"][:TOP]
    if proposed is not None and not any(row is proposed for row in shown):
        shown = [*shown, proposed]
    words = (0, 2, len(SET_HEADER) - 1)
    text = [
        "",
        f"Sets of layers kept, by {OBJECTIVES[found['objective']]}:",
        tables.aligned(SET_HEADER, set_cells(shown, proposed=proposed), words=words),
        *_wrapped(
            "Nats lost per parallel sentence; rank with its 95 % interval; best set: "
            "not distinguishable from the best."
        ),
        "",
    ]
    if found["proposed"]:
        text += _wrapped(found["proposed"].get("sentence", ""))
    text += _wrapped(best_sentence(found["sets"]))
    text += _layer_lines(found)
    text += _interaction_lines(found["interactions"])
    for sentence in _sentences(found):
        text += _wrapped(sentence)
    return text


def _wrapped(sentence: str) -> list[str]:
    return textwrap.wrap(
        sentence, WIDTH, break_long_words=False, break_on_hyphens=False
    )


def best_sentence(rows: Sequence[dict[str, Any]]) -> str:
    """Says how many sets may be the best.

    Args:
        rows: all `sets`.

    Reference: our own definition.
    """
    ranked = sum(row["rank"] > 0 for row in rows)
    if not ranked:
        return "No set has a rank, the objective is not bounded."
    best, out = sum(row["among_best"] for row in rows), len(rows) - ranked
    verb = "is" if best == 1 else "are"
    text = f"{best} of {ranked} sets {verb} not distinguishable from the best"
    if out:
        has, its = ("has", "its") if out == 1 else ("have", "their")
        text += f"; {out} of the sets {has} no rank, {its} objective is not bounded"
    return text + "."


def truncation(found: dict[str, Any]) -> str:
    """Says of which sets Shapley values are, where not of all.

    Args:
        found: results of a search.

    Reference: our own definition.
    """
    if not found.get("shapley_truncated"):
        return ""
    order = found["shapley_order"]
    return f"of sets up to {order} layer{'' if order == 1 else 's'}"


def _layer_lines(found: dict[str, Any]) -> list[str]:
    if not found["layers"]:
        reason = found.get("shapley_reason")
        return _wrapped(f"No Shapley values: {reason}.") if reason else []
    cells = []
    for row in sorted(found["layers"], key=lambda row: -row["shapley"])[:TOP]:
        each = row["by_language"]
        most = max(each, key=lambda name: each[name]["shapley"])
        saved = f"{most} {each[most]['shapley']:.2f}"
        cells.append([str(row["layer"]), tables.with_bounds(row, "shapley", 2), saved])
    header = ("layer", "Shapley value [95 %]", "most in")
    limit = truncation(found)
    return [
        "",
        "What protecting a layer saves, mean over languages"
        f"{', ' if limit else ''}{limit}:",
        tables.aligned(header, cells, words=(0, 2)),
        "",
    ]


def largest(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sorts interactions by size, whatever their sign.

    Args:
        rows: of `interactions`.

    Reference: our own definition.
    """
    return sorted(rows, key=lambda row: -abs(row["interaction"]))


def _interaction_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    above = [row for row in rows if row["above_noise"]]
    if not rows:
        return []
    if not above:
        return [f"Interactions of layers: none above noise, of {len(rows)}.", ""]
    cells = [
        [" ".join(map(str, row["layers"])), tables.with_bounds(row, "interaction", 3)]
        for row in largest(above)[:TOP]
    ]
    return [
        f"Interactions of layers: {len(above)} of {len(rows)} above noise, the largest "
        "(positive: saved only together):",
        tables.aligned(("layers", "interaction [95 %]"), cells),
        "",
    ]


def _sentences(found: dict[str, Any]) -> list[str]:
    """What others wrote in words, and what sharing of layers saved."""
    said = [(found.get("surrogate") or {}).get("sentence", "")]
    said += (found.get("certificates") or {}).get("sentences", [])
    computed, alone = (
        found.get(name) for name in ("layer_evaluations", "layers_without_sharing")
    )
    if computed is not None and alone is not None:
        said.append(
            f"{computed} layers computed per sentence batch instead of {alone}."
        )
    return said


def csv_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Lays out all sets flat, losses by language as `d_sent_en`.

    Args:
        found: results of a search.

    Reference: our own definition.
    """
    return [
        {key: value for key, value in row.items() if key != "d_sent"}
        | {f"d_sent_{name}": value for name, value in row["d_sent"].items()}
        for row in found["sets"]
    ]


def layer_csv_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Lays out Shapley values flat, those of languages as `shapley_en`.

    Args:
        found: results of a search.

    Reference: our own definition.
    """
    rows = []
    for row in found["layers"]:
        flat = {key: value for key, value in row.items() if key != "by_language"}
        for name, each in row["by_language"].items():
            flat[f"shapley_{name}"] = each["shapley"]
            flat[f"shapley_{name}_low"] = each["low"]
            flat[f"shapley_{name}_high"] = each["high"]
        rows.append(flat)
    return rows


def interaction_csv_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Lays out interactions flat, those of languages as `interaction_en`.

    Args:
        found: results of a search.

    Reference: our own definition.
    """
    return [
        {key: value for key, value in row.items() if key != "by_language"}
        | {f"interaction_{name}": value for name, value in row["by_language"].items()}
        for row in found["interactions"]
    ]
