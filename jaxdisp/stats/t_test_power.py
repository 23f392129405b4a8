"""Power of t tests: from the noncentral t distribution."""

import math

import numpy as np
from scipy import optimize, special

from jaxdisp.stats.power import Sides, check_alpha, check_power, least_number

FEWEST = 2


def power(
    noncentrality: float, df: float | int, *, alpha: float = 0.05, sides: Sides = "two"
) -> float:
    """Computes how often a t test rejects.

    Definition: `P(|T| >= c)`, or `P(T >= c)` where one side is tested, that of the
    effect, for T of the noncentral t distribution
    and c the critical value of Student's t.

    Args:
        noncentrality: true effect over its standard error.
        df: degrees of freedom of the standard error.
        alpha: level of the test; `0.05 / m` for m tests.
        sides: whether effects of either sign count.

    Raises:
        ValueError: if the noncentrality is not finite, there are no degrees of freedom,
            or alpha is not in (0, 1).

    Reference: Johnson and Welch 1940, Biometrika 31, "Applications of the noncentral
        t-distribution".
    """
    check_alpha(alpha)
    if not math.isfinite(noncentrality):
        raise ValueError(f"an effect must be finite, got {noncentrality:g}")
    if not df > 0:
        raise ValueError(f"a t test needs degrees of freedom above 0, got {df:g}")
    critical = -float(special.stdtrit(df, alpha / 2 if sides == "two" else alpha))
    effect = abs(noncentrality)
    above = 1 - float(special.nctdtr(df, effect, critical))
    if math.isnan(above):
        raise ValueError(
            f"an effect of {effect:g} standard errors with {df:g} degrees of freedom "
            "is too far out for float64"
        )
    below = float(special.nctdtr(df, effect, -critical)) if sides == "two" else 0.0
    # the library gives NaN for what is below 1e-12
    return above if math.isnan(below) else above + below


def noncentrality(
    df: float | int, wanted: float, *, alpha: float = 0.05, sides: Sides = "two"
) -> float:
    """Finds the effect that a t test shows so often, in standard errors.

    Definition: the noncentrality above 0 with `power(noncentrality, df) = wanted`.

    Args:
        df: degrees of freedom of the standard error.
        wanted: power, between alpha and 1.
        alpha: level of the test; `0.05 / m` for m tests.
        sides: whether effects of either sign count.

    Raises:
        ValueError: if there are no degrees of freedom, or power or alpha out of range.

    Reference: our own definition.
    """
    check_power(wanted, alpha)

    def missing(effect: float) -> float:
        return power(effect, df, alpha=alpha, sides=sides) - wanted

    high = 8.0
    while missing(high) < 0:
        high *= 2
    return np.asarray(optimize.brentq(missing, 0.0, high, xtol=1e-12)).item()


def paired(
    effect: float, n: int, *, alpha: float = 0.05, sides: Sides = "two"
) -> float:
    """Computes how often n pairs show a difference.

    Definition: `power(effect sqrt(n), n - 1)`.

    Args:
        effect: mean of the differences over their standard deviation (d_z).
        n: number of pairs.
        alpha: level of the test.
        sides: whether differences of either sign count.

    Raises:
        ValueError: if there are fewer than 2 pairs, the effect is not finite, or alpha
            not in (0, 1).

    Reference: Cohen 1988, Statistical Power Analysis, section 2.3.5 (here exact).
    """
    _check_pairs(n)
    return power(effect * math.sqrt(n), n - 1, alpha=alpha, sides=sides)


def pairs_needed(
    effect: float, wanted: float, *, alpha: float = 0.05, sides: Sides = "two"
) -> int:
    """Finds the fewest pairs that show a difference so often.

    Definition: the least n with `paired(effect, n) >= wanted`.

    Args:
        effect: mean of the differences over their standard deviation (d_z).
        wanted: power, between alpha and 1.
        alpha: level of the test.
        sides: whether differences of either sign count.

    Raises:
        ValueError: if the effect is 0 or not finite, or power or alpha out of range.

    Reference: our own definition.
    """
    check_power(wanted, alpha)
    if effect == 0:
        raise ValueError("the difference is 0: no n finds what is not there")
    return least_number(
        lambda n: paired(effect, n, alpha=alpha, sides=sides), wanted, first=FEWEST
    )


def smallest_difference(
    n: int, wanted: float, *, alpha: float = 0.05, sides: Sides = "two"
) -> float:
    """Finds the smallest difference that n pairs show so often.

    Definition: `noncentrality(n - 1, wanted) / sqrt(n)`, in standard deviations of the
    differences (d_z).

    Args:
        n: number of pairs.
        wanted: power, between alpha and 1.
        alpha: level of the test.
        sides: whether differences of either sign count.

    Raises:
        ValueError: if there are fewer than 2 pairs, or power or alpha out of range.

    Reference: our own definition.
    """
    _check_pairs(n)
    return noncentrality(n - 1, wanted, alpha=alpha, sides=sides) / math.sqrt(n)


def _check_pairs(n: int) -> None:
    if n < FEWEST:
        raise ValueError(f"a paired test needs at least 2 pairs, got {n}")
