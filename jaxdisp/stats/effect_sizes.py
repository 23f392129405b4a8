"""Effect sizes: how large a difference is, with an interval.

A standardized difference is one of samples: it divides by how much they scatter. A
ratio, a percentage or a single number has none.
"""

import math
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import optimize, special, stats

from jaxdisp.result import result


@result
class Effect:
    """An effect size with its interval."""

    estimate: float
    low: float
    high: float


@result
class Pooled:
    """Standardized differences of two groups: Cohen's d, and Hedges' g without bias."""

    d: Effect
    g: Effect


@result
class PairedEffects:
    """Standardized mean differences of pairs; these are different quantities.

    `d_z` divides by the SD of the differences, `d_av` by the root mean square of the
    SDs of the two sides, which is what Cohen's d of two groups compares with. `g_z` and
    `g_av` are without bias.
    """

    d_z: Effect
    d_av: Effect
    g_z: Effect
    g_av: Effect


def pooled(
    one: Float[np.ndarray, " member"],
    other: Float[np.ndarray, " rival"],
    *,
    level: float = 0.95,
) -> Pooled:
    """Standardizes the difference of the means of two groups.

    Definition: `d = (mean - mean') / s`, `s^2` the pooled variance; its interval holds
    every delta for which t is between the quantiles of a noncentral t distribution with
    noncentrality `delta sqrt(n m / (n + m))`. `g = J d` and so its bounds, `J =
    gamma(f / 2) / (sqrt(f / 2) gamma((f - 1) / 2))` with `f = n + m - 2`.

    Args:
        one: values of a group, in any unit.
        other: values of the other.
        level: coverage aimed at.

    Raises:
        ValueError: if a group has fewer than 2 values, one is not finite, or both
            groups are constant.

    Reference: Hedges 1981, Journal of Educational Statistics 6, equations 5 and 6e;
        Steiger and Fouladi 1997 (the interval).
    """
    _check(level, one, other)
    n, m = len(one), len(other)
    squares = np.sum((one - one.mean()) ** 2) + np.sum((other - other.mean()) ** 2)
    spread = math.sqrt(squares / (n + m - 2))
    _refuse_constant(spread, float(max(np.abs(one).max(), np.abs(other).max())))
    d = float(one.mean() - other.mean()) / spread
    found = _noncentral(d, math.sqrt(n * m / (n + m)), n + m - 2, level)
    return Pooled(d=found, g=_scaled(found, correction(n + m - 2)))


def paired(
    one: Float[np.ndarray, " pair"],
    other: Float[np.ndarray, " partner"],
    *,
    level: float = 0.95,
) -> PairedEffects:
    """Standardizes the mean difference of pairs, in two ways.

    Definition: `d_z = mean(x - y) / sd(x - y)` with the interval of a noncentral t of
    n - 1 degrees of freedom; `d_av = d_z sd(x - y) / sqrt((var x + var y) / 2)`, whose
    bounds are in the same ratio, which is taken as known; `g` are these times
    `correction` of n - 1.

    Args:
        one: a value of each pair, in any unit.
        other: the other value.
        level: coverage aimed at.

    Raises:
        ValueError: if there are fewer than 3 pairs, sides differ in length, a value is
            not finite, all differences are the same, or a side is constant.

    Reference: Cumming 2012, Understanding the New Statistics, chapter 11; Algina and
        Keselman 2003, Educational and Psychological Measurement 63 (the interval).
    """
    if one.shape != other.shape:
        raise ValueError(f"pairs need as many values, got {len(one)} and {len(other)}")
    _check(level, one, other)
    gaps = one - other
    largest = float(max(np.abs(one).max(), np.abs(other).max()))
    spread = float(gaps.std(ddof=1))
    average = math.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 2)
    _refuse_constant(spread, largest)
    _refuse_constant(average, largest)
    n = len(gaps)
    d_z = _noncentral(float(gaps.mean()) / spread, math.sqrt(n), n - 1, level)
    d_av, unbiased = _scaled(d_z, spread / average), correction(n - 1)
    return PairedEffects(
        d_z=d_z,
        d_av=d_av,
        g_z=_scaled(d_z, unbiased),
        g_av=_scaled(d_av, unbiased),
    )


def correction(df: int) -> float:
    """Returns what takes the bias off a standardized difference.

    Definition: `gamma(f / 2) / (sqrt(f / 2) gamma((f - 1) / 2))`; near `1 - 3 / (4 f -
    1)`. With one degree of freedom d has no mean.

    Args:
        df: degrees of freedom of the standard deviation, f.

    Raises:
        ValueError: if there are fewer than 2.

    Reference: Hedges 1981, Journal of Educational Statistics 6, equation 6e.
    """
    if df < 2:
        raise ValueError(
            f"d of {df} degrees of freedom has no mean: it takes 3 pairs or more"
        )
    logs = special.gammaln(df / 2) - special.gammaln((df - 1) / 2)
    return float(np.exp(logs) / math.sqrt(df / 2))


def correlation(
    x: Float[np.ndarray, " point"],
    y: Float[np.ndarray, " partner"],
    *,
    level: float = 0.95,
) -> Effect:
    """Correlates two sides, with Fisher's interval.

    Definition: Pearson's r and `tanh(atanh r -/+ z / sqrt(n - 3))`
    (`scipy.stats.pearsonr`). Right for a bivariate normal distribution.

    Args:
        x: a value of each point.
        y: another.
        level: coverage aimed at.

    Raises:
        ValueError: if there are fewer than 4 points, sides differ in length or are
            constant or not finite, or lie on a line, where Fisher's z is infinite.

    Reference: Fisher 1921, Metron 1.
    """
    if x.shape != y.shape or len(x) < 4:
        raise ValueError(
            f"an interval of a correlation needs two values of at least 4 points, got "
            f"{len(x)} and {len(y)}"
        )
    _check(level, x, y)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise ValueError("a constant correlates with nothing")
    found: Any = stats.pearsonr(x, y)
    r = float(found.statistic)
    if abs(r) > 1 - 1e-12:
        raise ValueError("points on a line: r is 1 or -1, and Fisher's z infinite")
    bounds = found.confidence_interval(level)
    return Effect(estimate=r, low=float(bounds.low), high=float(bounds.high))


def log_ratio(
    one: Float[np.ndarray, " member"],
    other: Float[np.ndarray, " rival"],
    *,
    of_pairs: bool,
    level: float = 0.95,
) -> Effect:
    """Compares two means by the logarithm of their ratio.

    Definition: `ln(mean / mean')` with the variance `v / mean^2 + v' / mean'^2 - 2 c /
    (mean mean')`, v and c those of the means (c = 0 but for pairs), and Student's t
    with n - 1 degrees of freedom for pairs, or Welch's. Defined only if both means
    are above 0 with their whole intervals. What languages lose is compared by
    `jaxdisp.measure.disparity`, which resamples texts and has the same rule.

    Args:
        one: values of a side, in any unit of which 0 is nothing.
        other: values of the other.
        of_pairs: whether values of the two sides belong together.
        level: coverage aimed at.

    Raises:
        ValueError: if a side has fewer than 2 values, one is not finite, sides of pairs
            differ in number, or the ratio is unbounded.

    Reference: Hedges, Gurevitch and Curtis 1999, Ecology 80, equation 1.
    """
    if of_pairs and one.shape != other.shape:
        raise ValueError(f"pairs need as many values, got {len(one)} and {len(other)}")
    sides = one, other
    for side in sides:
        _check(level, side)
        error = side.std(ddof=1) / math.sqrt(len(side))
        low = side.mean() - stats.t.isf((1 - level) / 2, len(side) - 1) * error
        if not low > 0:
            raise ValueError(
                f"unbounded: a mean of {side.mean():.3g} with the lower bound "
                f"{low:.3g} is not above 0; compare the means by their difference"
            )
    shares = [side.var(ddof=1) / len(side) / side.mean() ** 2 for side in sides]
    df = len(one) - 1
    variance = float(sum(shares))
    if of_pairs:
        both = np.cov(one, other)[0, 1] / len(one)
        variance -= float(2 * both / (one.mean() * other.mean()))
    elif variance > 0:
        parts = [x**2 / (len(side) - 1) for x, side in zip(shares, sides, strict=True)]
        df = variance**2 / float(sum(parts))
    estimate = float(np.log(one.mean() / other.mean()))
    # rounding may make that of proportional pairs negative
    half = float(stats.t.isf((1 - level) / 2, df)) * math.sqrt(max(variance, 0.0))
    return Effect(estimate=estimate, low=estimate - half, high=estimate + half)


def _noncentral(d: float, root: float, df: int, level: float) -> Effect:
    """The interval of a standardized difference whose t is `d root`."""
    t, tail = d * root, (1 - level) / 2

    def beyond(delta: float, share: float) -> float:
        below = float(special.nctdtr(df, delta, t))
        return (0.0 if math.isnan(below) else below) - share  # NaN is next to nothing

    def solved(share: float) -> float:
        low, high, step = t - 5.0, t + 5.0, 5.0 + abs(t)
        while beyond(low, share) < 0:
            low, step = low - step, 2 * step
        step = 5.0 + abs(t)
        while beyond(high, share) > 0:
            high, step = high + step, 2 * step
        return np.asarray(
            optimize.brentq(beyond, low, high, args=(share,), xtol=1e-10)
        ).item()

    bounds = [solved(share) / root for share in (1 - tail, tail)]
    return Effect(estimate=d, low=bounds[0], high=bounds[1])


def _scaled(effect: Effect, factor: float) -> Effect:
    return Effect(
        estimate=factor * effect.estimate,
        low=factor * effect.low,
        high=factor * effect.high,
    )


def _check(level: float, *sides: np.ndarray) -> None:
    fewest = min(map(len, sides))
    if fewest < 2:
        raise ValueError(
            f"an effect size needs samples of at least 2 values, got {fewest}: a "
            "single number, a ratio or a percentage has none"
        )
    if not all(np.all(np.isfinite(side)) for side in sides):
        raise ValueError("an effect size needs finite values")
    if not 0 < level < 1:
        raise ValueError(f"a level must be in (0, 1), got {level:g}")


def _refuse_constant(spread: float, largest: float) -> None:
    if spread <= 1e-12 * largest:  # roundings of the means
        raise ValueError("values that do not vary have no standardized difference")
