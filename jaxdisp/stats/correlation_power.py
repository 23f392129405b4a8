"""Power of correlations: from the exact distribution of r, not from Fisher's z.

The test is the usual one, `t = r sqrt((n - 2) / (1 - r^2))` against Student's t with
n - 2 degrees of freedom; points are draws from a bivariate normal distribution whose
correlation is rho.
"""

import math

import numpy as np
from scipy import integrate, optimize, special

from jaxdisp.stats.power import Sides, check_alpha, check_power, least_number

FEWEST = 3
NEAR_ONE = 18.0
"""Fisher's z of the largest correlation that float64 tells from 1."""


def density(r: float, rho: float, n: int) -> float:
    """Returns the density of r in n points whose true correlation is rho.

    Definition: `(n - 2) B(n - 1, 1/2) / (pi sqrt 2) (1 - rho^2)^((n - 1) / 2)
    (1 - r^2)^((n - 4) / 2) (1 - rho r)^(3/2 - n) 2F1(1/2, 1/2; n - 1/2;
    (1 + rho r) / 2)`.

    Args:
        r: correlation seen, between -1 and 1.
        rho: true correlation.
        n: number of points.

    Raises:
        ValueError: if a correlation is not inside (-1, 1) or n is below 3.

    Reference: Hotelling 1953, JRSS B 15, equation 25.
    """
    _check(rho, n)
    if not -1 < r < 1:
        raise ValueError(f"r must be above -1 and below 1, got {r:g}")
    return _density(math.atanh(r), math.atanh(rho), n) / (1 - r * r)


def critical_correlation(n: int, *, alpha: float = 0.05, sides: Sides = "two") -> float:
    """Finds the correlation beyond which the test rejects that there is none.

    Definition: `t / sqrt(n - 2 + t^2)` with t the quantile of Student's distribution
    with n - 2 degrees of freedom at `1 - alpha / 2`, or `1 - alpha` of one side.

    Args:
        n: number of points.
        alpha: level of the test; `0.05 / m` for m tests.
        sides: whether correlations of either sign count.

    Raises:
        ValueError: if n is below 3 or alpha not in (0, 1).

    Reference: textbook definition.
    """
    _check(0.0, n)
    check_alpha(alpha)
    return math.tanh(_critical(n, alpha, sides))


def power(rho: float, n: int, *, alpha: float = 0.05, sides: Sides = "two") -> float:
    """Computes how often a correlation is found in n points.

    Definition: `P(|r| >= c)`, or `P(r >= c)` where one side is tested, that of rho;
    integrals of `density` over Fisher's z of r.

    Args:
        rho: true correlation.
        n: number of points.
        alpha: level of the test; `0.05 / m` for m tests.
        sides: whether correlations of either sign count.

    Raises:
        ValueError: if rho is not inside (-1, 1), n is below 3 or alpha not in (0, 1).

    Reference: Hotelling 1953, JRSS B 15, equation 25 (the distribution).
    """
    _check(rho, n)
    check_alpha(alpha)
    critical = _critical(n, alpha, sides)
    centre = math.atanh(abs(rho))
    above = _above(critical, centre, n)
    if sides == "one":
        return above
    return above + _above(critical, -centre, n)


def sample_size(
    rho: float, wanted: float, *, alpha: float = 0.05, sides: Sides = "two"
) -> int:
    """Finds the fewest points in which a correlation is found so often.

    Definition: the least n with `power(rho, n) >= wanted`.

    Args:
        rho: true correlation.
        wanted: power, between alpha and 1.
        alpha: level of the test; `0.05 / m` for m tests.
        sides: whether correlations of either sign count.

    Raises:
        ValueError: if rho is 0 or not inside (-1, 1), or power or alpha out of range.

    Reference: our own definition.
    """
    check_power(wanted, alpha)
    _check(rho, FEWEST)
    if rho == 0:
        raise ValueError("rho is 0: no n finds a correlation that is not there")
    return least_number(
        lambda n: power(rho, n, alpha=alpha, sides=sides), wanted, first=FEWEST
    )


def smallest_correlation(
    n: int, wanted: float, *, alpha: float = 0.05, sides: Sides = "two"
) -> float:
    """Finds the smallest correlation that n points show so often.

    Definition: the rho above 0 with `power(rho, n) = wanted`.

    Args:
        n: number of points.
        wanted: power, between alpha and 1.
        alpha: level of the test; `0.05 / m` for m tests.
        sides: whether correlations of either sign count.

    Raises:
        ValueError: if n is below 3, or power or alpha out of range, or so extreme that
            only a correlation would do that rounding cannot tell from 1.

    Reference: our own definition.
    """
    check_power(wanted, alpha)
    _check(0.0, n)

    def missing(centre: float) -> float:
        rho = math.tanh(centre)
        return power(rho, n, alpha=alpha, sides=sides) - wanted

    if missing(NEAR_ONE) < 0:
        raise ValueError(
            f"{n} points show no correlation with power {wanted:g} at alpha {alpha:g}"
        )
    found = optimize.brentq(missing, 0.0, NEAR_ONE, xtol=1e-12)
    return math.tanh(np.asarray(found).item())


def _critical(n: int, alpha: float, sides: Sides) -> float:
    """Fisher's z of the critical correlation, which may be too near 1 for float64."""
    tail = alpha / 2 if sides == "two" else alpha
    return math.asinh(-float(special.stdtrit(n - 2, tail)) / math.sqrt(n - 2))


def _above(critical: float, centre: float, n: int) -> float:
    """P(z >= critical), where Fisher's z of rho is `centre`: by the smaller tail."""
    scale = 1 / math.sqrt(n - 1.5)

    def scaled(u: float) -> float:
        return scale * _density(centre + scale * u, centre, n)

    start = (critical - centre) / scale
    if start < 0:
        return 1 - integrate.quad(scaled, -math.inf, start, epsabs=1e-11)[0]
    return integrate.quad(scaled, start, math.inf, epsabs=1e-11)[0]


def _density(z: float, centre: float, n: int) -> float:
    """The density of Fisher's z.

    In r, powers of 1 - r^2, 1 - rho^2 and 1 - rho r all but cancel; in z they are
    `sqrt(cosh z / cosh c) cosh(z - c)^(3/2 - n)`, which holds for any n.
    """
    constant = (n - 2) * special.beta(n - 1, 0.5) / (math.pi * math.sqrt(2))
    half = (1 + math.tanh(centre) * math.tanh(z)) / 2
    series = special.hyp2f1(0.5, 0.5, n - 0.5, half)
    shape = (_log_cosh(z) - _log_cosh(centre)) / 2
    shape -= (n - 1.5) * _log_cosh(z - centre)
    return float(constant * series) * math.exp(shape)


def _log_cosh(x: float) -> float:
    return abs(x) + math.log1p(math.exp(-2 * abs(x))) - math.log(2)


def _check(rho: float, n: int) -> None:
    if not -1 < rho < 1:
        raise ValueError(f"rho must be above -1 and below 1, got {rho:g}")
    if n < FEWEST:
        raise ValueError(f"a test of a correlation needs at least 3 points, got {n}")
