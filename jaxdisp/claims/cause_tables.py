"""What was inferred of causes, as a run records it, read for claims."""

import dataclasses
import functools as ft
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from jaxdisp.claims.evidence import Evidence, Judge
from jaxdisp.claims.finding import (
    Claim,
    Finding,
    Verdict,
    concluded,
    judge,
    not_applicable,
)
from jaxdisp.result import result
from jaxdisp.stats import within_groups
from jaxdisp.stats.jackknife import jackknife_interval

Causes = Mapping[str, Any]
Row = Mapping[str, Any]
Interval = tuple[float, float]

LEAST_LANGUAGES = 4
"""Fewer have no spread of their own that an interval could rest on."""

NOTHING = 1e-12
"""Variances this small a share of the squared size are rounding."""


@result
class Units:
    """Rows of T, A, R, D and others; `language` and `text` are numbers from 0."""

    language: Int[np.ndarray, " row"]
    text: Int[np.ndarray, " row"]
    columns: dict[str, Float[np.ndarray, " row"]]


def answered(claim: Claim, ask: Callable[[Claim, Causes], Finding]) -> Judge:
    """Makes a judge of what was inferred; where it says nothing, it says why.

    Args:
        claim: to be judged.
        ask: judges it by what was inferred, and raises ValueError where it cannot.

    Reference: our own definition.
    """
    return ft.partial(_answer, claim, ask)


def _answer(
    claim: Claim, ask: Callable[[Claim, Causes], Finding], evidence: Evidence
) -> Finding:
    try:
        return ask(claim, recorded(evidence))
    except ValueError as error:
        return not_applicable(claim, 0, str(error))


def recorded(evidence: Evidence) -> Causes:
    """Returns what was inferred of causes, if it can be trusted.

    Args:
        evidence: of a model.

    Raises:
        ValueError: if causes were not inferred, or the diagnostics of the posterior
            failed.

    Reference: our own definition.
    """
    if evidence.causes is None:
        raise ValueError("causes were not inferred, so that there is no posterior")
    problems = evidence.causes.get("diagnostics", {}).get("problems", [])
    if problems:
        raise ValueError(f"the posterior is not to be trusted: {problems[0]}")
    return evidence.causes


def row(causes: Causes, table: str, **wanted: str) -> Row:
    """Finds the row of a table that has these values.

    Args:
        causes: as recorded.
        table: its name, such as `effects`.
        wanted: values by column.

    Raises:
        ValueError: if there is no such row, with what was refused.

    Reference: our own definition.
    """
    for each in causes.get(table, ()):
        if all(each.get(name) == value for name, value in wanted.items()):
            return each
    refused = "; ".join(
        f"{each['what']}: {each['reason']}" for each in causes.get("refused", ())
    )
    raise ValueError(
        f"the inference has no {' '.join(wanted.values())} in its {table}"
        + (f" ({refused})" if refused else "")
    )


def units(causes: Causes, *names: str) -> Units:
    """Reads columns of the units, leaving out rows in which one of them is missing.

    Args:
        causes: as recorded.
        names: of columns.

    Raises:
        ValueError: if there is no such column, or fewer than 4 languages are left.

    Reference: our own definition.
    """
    table = causes.get("units", ())
    absent = [name for name in names if not any(name in each for each in table)]
    if absent:
        raise ValueError(f"the units have no column {', '.join(absent)}")
    rows = [each for each in table if all(_known(each.get(name)) for name in names)]
    _, language = np.unique([each["language"] for each in rows], return_inverse=True)
    text = [each.get("group", each.get("sentence", 0)) for each in rows]
    if not rows or len(np.unique(language)) < LEAST_LANGUAGES:
        raise ValueError(
            f"needs at least {LEAST_LANGUAGES} languages with {', '.join(names)}, got "
            f"{len(np.unique(language)) if rows else 0}"
        )
    return Units(
        language=np.asarray(language, np.int64),
        text=np.asarray(np.unique(text, return_inverse=True)[1], np.int64),
        columns={
            name: np.array([float(each[name]) for each in rows]) for name in names
        },
    )


def _known(value: Any) -> bool:
    return value is not None and bool(np.isfinite(value))


def language_means(found: Units, name: str) -> Float[np.ndarray, " language"]:
    """Averages a column over the rows of each language.

    Args:
        found: units.
        name: of the column.

    Reference: our own definition.
    """
    return within_groups.group_means(found.columns[name][:, None], found.language)[:, 0]


def over_languages(
    found: Units, statistic: Callable[[Units], float]
) -> tuple[float, Interval, int]:
    """Estimates a statistic of the units, with the jackknife over languages.

    Args:
        found: units.
        statistic: of units, smooth in them.

    Returns:
        The estimate, its 95 % interval, and the number of languages.

    Raises:
        ValueError: as `statistic`.

    Reference: `jackknife.jackknife_interval`.
    """
    estimate = statistic(found)
    left = [
        statistic(_without(found, each)) for each in np.unique(found.language).tolist()
    ]
    low, high = jackknife_interval(np.array(estimate), np.array(left))
    return float(estimate), (float(low), float(high)), len(left)


def _without(found: Units, language: int) -> Units:
    kept = found.language != language
    numbers = found.language[kept]
    return Units(
        language=numbers - (numbers > language),
        text=found.text[kept],
        columns={name: column[kept] for name, column in found.columns.items()},
    )


def within_correlation(found: Units, one: str, other: str) -> float:
    """Correlates two columns within languages: after the means of languages are off.

    Args:
        found: units.
        one: name of a column.
        other: name of another.

    Raises:
        ValueError: if either does not vary within languages.

    Reference: textbook definition.
    """
    table = np.column_stack([found.columns[one], found.columns[other]])
    centred = within_groups.within(table, (found.language,))
    spread = np.mean(centred**2, axis=0)
    if np.any(spread <= NOTHING * np.mean(table**2, axis=0)):
        raise ValueError(f"{one} or {other} does not vary within languages")
    return float(np.mean(centred[:, 0] * centred[:, 1]) / np.sqrt(np.prod(spread)))


def transformed(
    estimate: float, interval: Interval, onto: Callable[[float], float]
) -> Interval:
    """Moves an interval of an increasing function of an estimate back to the estimate.

    Args:
        estimate: which the interval will hold.
        interval: of the function.
        onto: the inverse of the function.

    Reference: textbook definition.
    """
    low, high = (float(onto(bound)) for bound in interval)
    return min(low, estimate), max(high, estimate)


def correlated(found: Units, one: str, other: str) -> tuple[float, Interval, int]:
    """Correlates two columns within languages, with an interval.

    Definition: `within_correlation`; the jackknife over languages on Fisher's z.

    Args:
        found: units.
        one: name of a column.
        other: name of another.

    Raises:
        ValueError: as `within_correlation`.

    Reference: Fisher 1921, Metron 1 (z); our own combination with the jackknife.
    """

    def statistic(each: Units) -> float:
        r = within_correlation(each, one, other)
        return float(np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)))

    estimate, interval, n = over_languages(found, statistic)
    r = float(np.tanh(estimate))
    return r, transformed(r, interval, np.tanh), n


def negative(claim: Claim, found: Row, n: int, remark: str) -> Finding:
    """Judges a claim that an effect is below 0, by its median and interval.

    Args:
        claim: that minus the effect is above 0.
        found: row with `median` (or `estimate`), `low` and `high`.
        n: number of units that it rests on.
        remark: what was seen.

    Reference: `finding.judge`.
    """
    middle = found["median"] if "median" in found else found["estimate"]
    interval = (-float(found["high"]), -float(found["low"]))
    return judge(claim, -float(middle), interval, n, remark)


def compared_with(
    claim: Claim,
    value: float,
    estimate: float,
    interval: Interval,
    n: int,
    remark: str,
    *,
    margin: float = 0.0,
) -> Finding:
    """Judges a claim that something has a value.

    Definition: `fails` if the whole interval is farther from the value than the margin,
    on one side; `holds` if all of it is within the margin; else `inconclusive`.

    Args:
        claim: with its unit and method.
        value: claimed.
        estimate: of what has it.
        interval: of 95 %.
        n: number of units.
        remark: what was seen.
        margin: what still counts as the value; 0 if nothing but it does, which no data
            can show to hold.

    Reference: Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15.
    """
    low, high = interval
    if low > value + margin or high < value - margin:
        verdict: Verdict = "fails"
        why = "all of the interval is beyond"
    elif value - margin < low and high < value + margin:
        verdict, why = "holds", "all of the interval is within"
    else:
        verdict, why = "inconclusive", "the interval does not leave out"
    given = f"{value:g} -/+ {margin:g}" if margin else f"{value:g}"
    return dataclasses.replace(
        concluded(claim, verdict, f"{remark}; {why} {given}", n),
        estimate=float(estimate),
        interval=(float(low), float(high)),
    )
