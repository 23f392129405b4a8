"""Equivalence: whether a number is as near to another as a claim needs it to be."""

import dataclasses
import math
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import special

Verdict = Literal["equivalent", "different", "undecided"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Equivalence:
    """Whether an estimate is within a margin of what it is claimed to equal.

    `low` to `high` is the interval of `1 - 2 alpha`. Where all of it lies within the
    margin, "equivalent" is right with probability `1 - alpha`, as `p_value < alpha`
    says, the larger one of two one-sided tests; where all of it lies beyond,
    "different". Every margin above `smallest_margin` would have been supported; None
    is the p-value of an interval that says nothing about its law.
    """

    estimate: float
    low: float
    high: float
    p_value: float | None
    margin: float
    smallest_margin: float
    verdict: Verdict


def margin_left(
    estimate: float, interval: tuple[float, float], *, target: float, margin: float
) -> tuple[float, tuple[float, float]]:
    """Turns "is it near the target" into an effect that is positive where it is.

    Definition: `margin - |x - target|` of the estimate, and its least and largest
    value over the interval. All of it is positive where the whole interval lies within
    the margin, and all of it negative where none of it does.

    Args:
        estimate: in any unit.
        interval: of it.
        target: that it is claimed to equal.
        margin: how far from the target still counts as equal.

    Raises:
        ValueError: if the interval is none, or the margin not positive.

    Reference: Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15
        (equivalence by the inclusion of an interval).
    """
    low, high = interval
    if not low <= high:
        raise ValueError(f"an interval from {low} to {high} is none")
    if not margin > 0:
        raise ValueError(f"a margin must be positive, got {margin}")
    ends = abs(low - target), abs(high - target)
    nearest = 0.0 if low <= target <= high else min(ends)
    return (
        margin - abs(estimate - target),
        (margin - max(ends), margin - nearest),
    )


def paired(
    one: Float[np.ndarray, " pair"],
    other: Float[np.ndarray, " partner"],
    *,
    margin: float,
    alpha: float = 0.05,
) -> Equivalence:
    """Tests whether the mean difference of pairs is within a margin.

    Definition: two one-sided t tests with n - 1 degrees of freedom; see `Equivalence`.

    Args:
        one: a value of each pair, in any unit.
        other: the other value.
        margin: the largest difference that still counts as none.
        alpha: level of either test.

    Raises:
        ValueError: if there are fewer than 2 pairs, sides differ in length, values are
            not finite, all differences are the same, or margin or alpha out of range.

    Reference: Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15.
    """
    if one.shape != other.shape:
        raise ValueError(f"pairs need as many values, got {len(one)} and {len(other)}")
    _check_samples(one, other)
    gaps = one - other
    error = float(gaps.std(ddof=1)) / math.sqrt(len(gaps))
    return _decided(float(gaps.mean()), error, len(gaps) - 1, margin, alpha)


def two_groups(
    one: Float[np.ndarray, " member"],
    other: Float[np.ndarray, " rival"],
    *,
    margin: float,
    alpha: float = 0.05,
    equal_variances: bool = False,
) -> Equivalence:
    """Tests whether the means of two groups differ by less than a margin.

    Definition: two one-sided t tests, Welch's or with the pooled variance; see
    `Equivalence`.

    Args:
        one: values of a group, in any unit.
        other: values of the other.
        margin: the largest difference that still counts as none.
        alpha: level of either test.
        equal_variances: whether the groups are taken to scatter alike.

    Raises:
        ValueError: if a group has fewer than 2 values, values are not finite, both
            groups are constant, or margin or alpha out of range.

    Reference: Schuirmann 1987; Welch 1947, Biometrika 34 (degrees of freedom).
    """
    _check_samples(one, other)
    n, m = len(one), len(other)
    variances = float(one.var(ddof=1)), float(other.var(ddof=1))
    if equal_variances:
        df = n + m - 2.0
        pooled = ((n - 1) * variances[0] + (m - 1) * variances[1]) / df
        error = math.sqrt(pooled * (1 / n + 1 / m))
    else:
        shares = variances[0] / n, variances[1] / m
        error = math.sqrt(sum(shares))
        parts = shares[0] ** 2 / (n - 1) + shares[1] ** 2 / (m - 1)
        df = error**4 / parts if parts > 0 else 1.0
    return _decided(float(one.mean() - other.mean()), error, df, margin, alpha)


def correlation(r: float, n: int, *, margin: float, alpha: float = 0.05) -> Equivalence:
    """Tests whether a correlation is within a margin of 0.

    Definition: two one-sided normal tests of `atanh r` with the standard error `1 /
    sqrt(n - 3)` against `atanh` of the margin; bounds are back in units of r.

    Args:
        r: correlation seen.
        n: number of points.
        margin: the largest correlation that still counts as none, below 1.
        alpha: level of either test.

    Raises:
        ValueError: if r is not inside (-1, 1), n is below 4, or margin or alpha out of
            range.

    Reference: Lakens 2017, Social Psychological and Personality Science 8; Fisher 1921.
    """
    if not -1 < r < 1:
        raise ValueError(f"r must be above -1 and below 1, got {r:g}")
    if n < 4:
        raise ValueError(f"Fisher's z needs at least 4 points, got {n}")
    if not 0 < margin < 1:
        raise ValueError(f"a margin of r must be above 0 and below 1, got {margin:g}")
    found = _decided(
        math.atanh(r), 1 / math.sqrt(n - 3), math.inf, math.atanh(margin), alpha
    )
    return dataclasses.replace(
        found,
        estimate=r,
        low=math.tanh(found.low),
        high=math.tanh(found.high),
        smallest_margin=math.tanh(found.smallest_margin),
    )


def of_interval(
    estimate: float,
    interval: tuple[float, float],
    *,
    target: float = 0.0,
    margin: float,
) -> Equivalence:
    """Decides by any interval, such as a bootstrap's, whether two things are equal.

    Definition: the verdict of `Equivalence` by `margin_left`. An interval of `1 - 2
    alpha` is a test at alpha, so one of 95 % is a test at 0.025; it gives no p-value.

    Args:
        estimate: in any unit.
        interval: of it.
        target: that it is claimed to equal.
        margin: how far from the target still counts as equal.

    Raises:
        ValueError: if the interval is none, or the margin not positive.

    Reference: Schuirmann 1987 (equivalence by the inclusion of an interval).
    """
    low, high = interval
    left = margin_left(estimate, interval, target=target, margin=margin)[1]
    return Equivalence(
        estimate=estimate,
        low=low,
        high=high,
        p_value=None,
        margin=margin,
        smallest_margin=max(abs(low - target), abs(high - target)),
        verdict=_verdict(left),
    )


def _decided(
    estimate: float, error: float, df: float | int, margin: float, alpha: float
) -> Equivalence:
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must be above 0 and below 0.5, got {alpha:g}")
    if not (margin > 0 and math.isfinite(margin)):
        raise ValueError(f"a margin must be positive, got {margin:g}")
    if not error > 1e-12 * abs(estimate):  # roundings of the mean
        raise ValueError("values that do not vary cannot be tested")

    def beyond(t: float) -> float:
        found = special.ndtr(-t) if math.isinf(df) else special.stdtr(df, -t)
        return float(found)

    p_value = beyond((margin - abs(estimate)) / error)
    ppf = special.ndtri(alpha) if math.isinf(df) else special.stdtrit(df, alpha)
    half = -float(ppf) * error
    interval = estimate - half, estimate + half
    found = of_interval(estimate, interval, margin=margin)
    return dataclasses.replace(found, p_value=p_value)


def _verdict(left: tuple[float, float]) -> Verdict:
    if left[0] > 0:
        return "equivalent"
    return "different" if left[1] < 0 else "undecided"


def _check_samples(*sides: np.ndarray) -> None:
    fewest = min(map(len, sides))
    if fewest < 2:
        raise ValueError(f"equivalence needs at least 2 values, got {fewest}")
    if not all(np.all(np.isfinite(side)) for side in sides):
        raise ValueError("equivalence needs finite values")
