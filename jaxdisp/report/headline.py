"""What a run found, in one sentence and in a few more."""

import math
from typing import Any

from jaxdisp.report import results, search_tables, tables
from jaxdisp.report.causes.answer import answer
from jaxdisp.report.claims.lines import tally as claims_tally
from jaxdisp.report.hypotheses.lines import after_correction, tally
from jaxdisp.report.parts import part
from jaxdisp.report.plans import lines as plan_lines

Row = dict[str, Any]

UNIT = "nats per parallel sentence"
SHARED = {
    "tensor": "per tensor",
    "channel": "per output channel",
    "group": "per group of {group_size} weights",
}
HALVES = "the half of the languages with the least training text"
"""How the rule of a contrast begins that compares halves by training text."""


def headline(found: Row) -> str:
    """Says in one sentence what was found, with its interval.

    Definition: of a run, what the hardest hit language loses, the mean beside it, and
    how the contrast's two sides differ: as a ratio where both its interval and that of
    the difference leave out equality, else as a difference, or as none that is shown.
    Of other commands, their answer.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    if "degradation" in found:
        said = [_losses(found), _contrast(found["disparity"])]
        return f"{_scheme(found['quantizer'])}, {'; '.join(filter(None, said))}."
    sentences = [sentence for _, sentence in brief(found)]
    return sentences[0] if sentences else "Nothing was measured."


def _scheme(quantizer: Row) -> str:
    shared = SHARED[quantizer["granularity"]].format(**quantizer)
    clipped = quantizer["clipping"]
    rule = "" if clipped == "absmax" else f" with {clipped} clipping"
    return f"At {quantizer['bits']} bits {shared}{rule}"


def _losses(found: Row) -> str:
    rows, mean = found["degradation"], found["disparity"]["mean"]
    worst = rows[0]
    lost = tables.with_bounds(worst, "d_sent", 2)
    if len(rows) == 1:
        return f"{worst['language']} {_verb(worst)} {lost} {UNIT}"
    average = f"{interval(mean)} in the mean of {len(rows)} languages"
    shown = [row for row in rows if row["flag"] in ("", results.COLLAPSED)]
    if not shown:
        return f"no single language is shown to lose: {average}, {UNIT}"
    return f"{worst['language']} loses most, {lost} {UNIT}, against {average}"


def _verb(row: Row) -> str:
    if row["flag"] == results.NOISE:
        return "is not shown to lose:"
    return "gains:" if row["flag"] == results.GAINED else "loses"


def _contrast(disparity: Row) -> str:
    chosen = disparity["contrast"]
    if chosen is None:
        return ""
    low, high = sides(chosen)
    many = "" if len(chosen["low"]) > 1 else "s"
    difference, ratio = disparity["difference"], disparity["log_ratio"]
    if not excludes(difference, 0.0):
        unit = "nats per sentence"
        return (
            f"between {low} and {high} no difference is shown, "
            f"{interval(difference)} {unit}"
        )
    if excludes(ratio, 0.0):
        return f"{low} lose{many} {times(ratio)} times as much as {high}"
    side = "more" if difference["estimate"] > 0 else "less"
    size = _turned(difference) if side == "less" else difference
    return f"{low} lose{many} {interval(size)} nats per sentence {side} than {high}"


def _turned(entry: Row) -> Row:
    return {
        "estimate": -entry["estimate"],
        "low": -entry["high"],
        "high": -entry["low"],
    }


def sides(chosen: Row) -> tuple[str, str]:
    """Names the two sides of a contrast within a sentence.

    Args:
        chosen: `low`, `high` and `rule`, as in the disparity of results.

    Reference: our own definition.
    """
    low, high = chosen["low"], chosen["high"]
    if len(low) == len(high) == 1:
        return low[0], high[0]
    if chosen["rule"].startswith(HALVES):
        return (
            f"the {len(low)} languages with the least training text",
            f"the {len(high)} with the most",
        )
    others = f"the other {len(low)} languages" if len(low) > 1 else low[0]
    return others, " ".join(high)


def interval(entry: Row, digits: int = 2) -> str:
    """Writes a measure of disparity with its interval.

    Args:
        entry: `estimate`, `low` and `high`.
        digits: after the point.

    Reference: our own definition.
    """
    row = {"v": entry["estimate"], "v_low": entry["low"], "v_high": entry["high"]}
    return tables.with_bounds(row, "v", digits)


def times(ratio: Row) -> str:
    """Writes the ratio of two sides with its interval, from its logarithm.

    Args:
        ratio: `estimate`, `low` and `high` of a logarithm.

    Reference: our own definition.
    """
    names = ("estimate", "low", "high")
    return interval(
        {name: None if ratio[name] is None else math.exp(ratio[name]) for name in names}
    )


def excludes(entry: Row, value: float) -> bool:
    """Says whether there is an interval, and a value is outside it.

    Args:
        entry: `low` and `high`.
        value: in their unit.

    Reference: our own definition.
    """
    low, high = entry["low"], entry["high"]
    return low is not None and high is not None and not low <= value <= high


def remarks(found: Row) -> list[str]:
    """Says what the headline leaves open: who may be as hard hit, who collapsed.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    rows = found.get("degradation", [])
    said = []
    if len(rows) > 1 and rows[0]["d_sent_low"] is not None:
        worst = rows[0]["d_sent"]
        reach = [row["language"] for row in rows[1:] if _high(row) >= worst]
        if reach:
            said.append(
                f"The intervals of {len(reach)} more ({', '.join(reach)}) reach what "
                f"{rows[0]['language']} loses, so which language is hit hardest is not "
                "settled."
            )
    collapsed = [row["language"] for row in rows if row["flag"] == results.COLLAPSED]
    if collapsed:
        said.append(f"Collapsed, close to guessing: {', '.join(collapsed)}.")
    return said


def _high(row: Row) -> float:
    return float("-inf") if row["d_sent_high"] is None else row["d_sent_high"]


def brief(found: Row) -> list[tuple[str, str]]:
    """Says in a sentence what each part found, in the order of the report.

    Args:
        found: the content of `results.json`.

    Returns:
        Pairs of the section's name and its sentence.

    Reference: our own definition.
    """
    said = []
    if (searched := part(found, "search")) is not None and "sets" in searched:
        said.append(("search", _searched(searched)))
    predicted = (part(found, "plan") or {}).get("predicted") or {}
    if "worst" in predicted:
        said.append(("plan", plan_lines.cost(predicted)))
    if "clipping" in found:
        said.append(("clipping", _clipped(found["clipping"])))
    if (examined := part(found, "hypotheses")) is not None:
        counted = tally(examined["findings"])
        said.append(("hypotheses", f"{counted} {_corrected(examined)}".strip()))
    if (caused := part(found, "causes")) is not None:
        said.append(("causes", answer(caused)))
    if found.get("claims"):
        said.append(("claims", claims_tally(found["claims"])))
    return said


def _searched(found: Row) -> str:
    if not found["sets"]:
        return "No set of layers was measured."
    first, asked = found["sets"][0], found["objective"]
    name = asked if asked in ("mean", "worst") else "disparity"
    level, now = (
        tables.with_bounds(row, name, 2) for row in (first, found["unprotected"])
    )
    best = search_tables.best_sentence(found["sets"])
    return (
        f"With {search_tables.in_braces(first)} in full precision the "
        f"{search_tables.OBJECTIVES[asked]} is {level} instead of {now} "
        f"{found['objective_unit']}".rstrip()
        + f"; {best[:1].lower()}{best[1:]}"
    )


def _corrected(examined: Row) -> str:
    return after_correction(examined.get("corrected", []))


def _clipped(compared: Row) -> str:
    """The rule of least mean loss, and what it changes against absmax, paired."""
    by_rule = {row["rule"]: row for row in compared["disparity"]}
    least = min(by_rule.values(), key=lambda row: row["mean"])
    said = (
        f"Of {len(by_rule)} clipping rules {least['rule']} has the least mean loss, "
        f"{tables.with_bounds(least, 'mean', 2)} {UNIT}"
    )
    if "absmax" in by_rule and least["rule"] != "absmax":
        said += (
            f", against {tables.with_bounds(by_rule['absmax'], 'mean', 2)} of absmax"
        )
    flagged = [row["rule"] for row in by_rule.values() if row["levelling_down"]]
    if flagged:
        said += f"; more equal only by losing more: {', '.join(flagged)}"
    return said + "."
