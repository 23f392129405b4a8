"""Mediation on a model: T4a to T4f at the posterior of causes, and on its units."""

import numpy as np

from jaxdisp.claims import cause_tables
from jaxdisp.claims.cause_tables import Causes, Units
from jaxdisp.claims.finding import Claim, Finding, judge

MARGIN = 0.01
"""Relative error up to which an approximation counts as right."""

BY_LANGUAGES = "jackknife over languages, 95 % interval"
POSTERIOR = "posterior of the fitted causal model, median and central 95 % interval"


def inverse_excess(found: Units) -> float:
    """Says how far the mean of 1 / R exceeds 1 / mean, on average over languages.

    Definition: the mean over languages of `E[R] E[1 / R] - 1`.

    Args:
        found: units with R.

    Raises:
        ValueError: if an R is not above 0.

    Reference: docs/theory.md, T4c.
    """
    return float(np.mean(_moment(found, 1) * _moment(found, -1) - 1))


def slope_excess(found: Units) -> float:
    """Says how far the derivative's formula at the mean falls short of the mean's.

    Definition: the mean over languages of `E[R]^2 E[R^-2] - 1`.

    Args:
        found: units with R.

    Raises:
        ValueError: if an R is not above 0.

    Reference: docs/theory.md, T4b.
    """
    return float(np.mean(_moment(found, 1) ** 2 * _moment(found, -2) - 1))


def median_excess(found: Units) -> float:
    """Says how far 1 / median exceeds 1 / mean, on average over languages.

    Definition: the mean over languages of `E[R] / median(R) - 1`.

    Args:
        found: units with R.

    Raises:
        ValueError: if an R is not above 0.

    Reference: docs/theory.md, T4d.
    """
    middle = [
        np.median(found.columns["R"][found.language == each])
        for each in np.unique(found.language)
    ]
    return float(np.mean(_moment(found, 1) / np.array(middle) - 1))


def _moment(found: Units, power: int) -> np.ndarray:
    values = found.columns["R"]
    if np.min(values) <= 0:
        raise ValueError(f"1 / R needs R above 0, got {np.min(values):g}")
    counts = np.bincount(found.language)
    return np.bincount(found.language, weights=values ** float(power)) / counts


def _bounds_of_mean(found: Units) -> tuple[float, float]:
    """The second order, and the bound of what it leaves, on average over languages."""
    values = found.columns["R"]
    m = _moment(found, 1)
    off = values - m[found.language]
    counts = np.bincount(found.language)
    v = np.bincount(found.language, weights=off**2) / counts
    third = np.bincount(found.language, weights=np.abs(off) ** 3) / counts
    least = [values[found.language == each].min() for each in np.unique(found.language)]
    return float(np.mean(v / m**2)), float(np.mean(third / (m**2 * np.array(least))))


def _front_door(claim: Claim, causes: Causes) -> Finding:
    found = causes.get("sensitivity", {}).get("front_door") or {}
    if found.get("estimate") is None:
        reasons = "; ".join(found.get("refused", ())) or "it was not estimated"
        raise ValueError(f"the front door does not identify the effect: {reasons}")
    total = cause_tables.row(causes, "effects", name="total")
    remark = (
        f"through A and R alone {found['estimate']:.3g} per unit of T, "
        f"{found['assumed']}; the total, with no common cause, is "
        f"{total['median']:.3g} [{total['low']:.3g}, {total['high']:.3g}]"
    )
    return cause_tables.negative(claim, found, len(causes["languages"]), remark)


def _derivative(claim: Claim, causes: Causes) -> Finding:
    found = cause_tables.row(causes, "effects", name="T>A>R>D")
    table = cause_tables.units(causes, "R")
    remark = (
        f"along T>A>R>D {found['median']:.3g} {found['unit']}; if D = gamma / R, the "
        f"formula at the mean falls {100 * slope_excess(table):.2g} % short of the "
        "derivative of the mean"
    )
    return cause_tables.negative(claim, found, len(causes["languages"]), remark)


def _shortfall(claim: Claim, causes: Causes) -> Finding:
    table = cause_tables.units(causes, "R")
    estimate, interval, n = cause_tables.over_languages(table, inverse_excess)
    second, rest = _bounds_of_mean(table)
    remark = (
        f"E[R] E[1/R] - 1 is {estimate:.2g}; to second order {second:.2g}, and what "
        f"that leaves is at most {rest:.2g}"
    )
    return cause_tables.compared_with(
        claim, 0.0, estimate, interval, n, remark, margin=MARGIN
    )


def _median(claim: Claim, causes: Causes) -> Finding:
    table = cause_tables.units(causes, "R")
    estimate, interval, n = cause_tables.over_languages(table, median_excess)
    remark = f"E[R] / median(R) - 1 is {estimate:.2g}: 0 if errors are symmetric"
    return cause_tables.compared_with(
        claim, 0.0, estimate, interval, n, remark, margin=MARGIN
    )


def _falsifier(claim: Claim, causes: Causes) -> Finding:
    table = cause_tables.units(causes, "A", "R", "D")
    estimate, interval, n = cause_tables.over_languages(table, _margin_of_chain)
    ends, middle = (
        cause_tables.within_correlation(table, "A", other) for other in ("D", "R")
    )
    remark = f"|r(A, R)| = {abs(middle):.2g} and |r(A, D)| = {abs(ends):.2g}"
    return judge(claim, estimate, interval, n, remark)


def _margin_of_chain(found: Units) -> float:
    """How much less the ends correlate than the first link does."""
    link, ends = (
        cause_tables.within_correlation(found, "A", other) for other in ("R", "D")
    )
    return abs(link) - abs(ends)


def at_the_means(causes: Causes, name: str) -> tuple[float, tuple[float, float], str]:
    """Gives an effect of T on D as an elasticity, at the means of T and D.

    Definition: the effect itself if variables are logarithms; under the linear link the
    effect times mean T over mean D.

    Args:
        causes: as recorded.
        name: of the effect.

    Returns:
        Median, 95 % interval, and how it was obtained.

    Raises:
        ValueError: if the link sets elasticities, or the mean of D is not above 0.

    Reference: our own definition.
    """
    found = cause_tables.row(causes, "effects", name=name)
    link = causes["link"]
    if link == "reciprocal":
        raise ValueError("the reciprocal link sets elasticities and infers none")
    scale, how = 1.0, "in logarithms"
    if link == "linear":
        table = cause_tables.units(causes, "T", "D")
        means = [float(np.mean(table.columns[each])) for each in ("T", "D")]
        if means[1] <= 0:
            raise ValueError(f"D is {means[1]:.3g} on average: there is no elasticity")
        scale, how = means[0] / means[1], "at the means of T and D, taken as known"
    low, high = found["low"] * scale, found["high"] * scale
    return found["median"] * scale, (low, high), how


def _elasticity(claim: Claim, causes: Causes) -> Finding:
    estimate, interval, how = at_the_means(causes, "T>A>R>D")
    whole, around, _ = at_the_means(causes, "total")
    remark = (
        f"{how}: {estimate:.2g} along T>A>R>D, {whole:.2g} "
        f"[{around[0]:.2g}, {around[1]:.2g}] in all"
    )
    n = len(causes["languages"])
    return cause_tables.compared_with(claim, -1.0, estimate, interval, n, remark)


def _claim(name: str, statement: str, unit: str, method: str) -> Claim:
    return Claim(
        id=name,
        statement=statement,
        source="our own theorem, in place of formal proofs, theorem 4",
        unit=unit,
        method=method,
    )


PER_T = "less of D per unit of T, after the link"

identification = cause_tables.answered(
    _claim(
        "T4a",
        "Better tokenization lowers degradation through alignment and redundancy, "
        "whatever T and D have in common.",
        PER_T,
        f"front-door estimate within languages, {BY_LANGUAGES}",
    ),
    _front_door,
)
"""The front-door estimate through A and R."""

derivative = cause_tables.answered(
    _claim(
        "T4b",
        "Better tokenization lowers degradation along T > A > R > D.",
        PER_T,
        POSTERIOR,
    ),
    _derivative,
)
"""The effect along the chain, and what the notes' derivative leaves out."""

shortfall = cause_tables.answered(
    _claim(
        "T4c",
        f"gamma / E[R] is E[gamma / R] within {MARGIN:.0%}.",
        "E[R] E[1 / R] - 1 within languages, mean over languages",
        BY_LANGUAGES,
    ),
    _shortfall,
)
"""How far the mean of 1 / R is from 1 / mean."""

median = cause_tables.answered(
    _claim(
        "T4d",
        f"gamma / E[R] is the median of gamma / R within {MARGIN:.0%}.",
        "E[R] / median(R) - 1 within languages, mean over languages",
        BY_LANGUAGES,
    ),
    _median,
)
"""How far the median of 1 / R is from 1 / mean."""

falsifier = cause_tables.answered(
    _claim(
        "T4e",
        "Alignment and degradation correlate no more than a chain through redundancy "
        "allows.",
        "|r(A, R)| - |r(A, D)| within languages",
        BY_LANGUAGES,
    ),
    _falsifier,
)
"""Whether A and D correlate more than A > R > D allows."""

elasticity = cause_tables.answered(
    _claim(
        "T4f",
        "Along T > A > R > D the elasticity of degradation in tokenization quality is "
        "-1, as in the notes' model without errors.",
        "elasticity",
        POSTERIOR,
    ),
    _elasticity,
)
"""The elasticity of D in T along the chain."""
