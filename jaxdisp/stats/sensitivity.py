"""How strong an omitted variable must be to overturn a coefficient of a regression."""

import numpy as np
from scipy import stats

from jaxdisp.result import result
from jaxdisp.stats.within_groups import Slope


@result
class Adjusted:
    """What is left of a coefficient with an omitted variable in the regression."""

    estimate: float
    error: float
    t: float


@result
class Benchmark:
    """A variable left out that is `times` as strong as a control.

    `r2_exposure` and `r2_outcome` are its partial R^2 with both, the second an upper
    bound. `possible` is false if it would leave the exposure without variation of its
    own; `adjusted` is then NaN.
    """

    r2_exposure: float
    r2_outcome: float
    possible: bool
    adjusted: Adjusted


def partial_r2(t: float, df: int) -> float:
    """Says which share of what the others leave of a response an exposure explains.

    Definition: `t^2 / (t^2 + df)`.

    Args:
        t: of the exposure's coefficient, for independent errors.
        df: degrees of freedom.

    Reference: Cinelli and Hazlett 2020, JRSS B 82, section 4.
    """
    return float(t**2 / (t**2 + df))


def robustness_value(
    t: float, df: int, *, alpha: float | None = None, inflation: float = 1.0
) -> float:
    """Finds how much of exposure and response a variable must explain to overturn.

    Definition: the least v such that an omitted variable whose partial R^2 with both
    exposure and response is at most v can make the estimate 0 or, given `alpha`, its
    p-value larger. With `f = |t| / sqrt(df)`, `f* = inflation t*(alpha, df - 1) /
    sqrt(df - 1)` (0 without alpha) and `g = f - f*`, it is 0 if `g < 0`, `(f^2 - f*^2)
    / (1 + f^2)` if `f f* > 1`, and `(sqrt(g^4 + 4 g^2) - g^2) / 2` otherwise. In the
    second case a variable that explains less of the response than v does more harm,
    as it lowers the standard error less.

    Args:
        t: of the exposure's coefficient, for independent errors.
        df: degrees of freedom.
        alpha: level of the test, such as 0.05.
        inflation: what to multiply the critical value with for dependent errors: their
            standard error over that for independent ones, taken to stay as it is.

    Raises:
        ValueError: if alpha is not between 0 and 1, or with it there are fewer than two
            degrees of freedom.

    Reference: Cinelli and Hazlett 2020, JRSS B 82, section 4, which takes `f f* <= 1`
        for granted; their R package has the other case; the inflation is our own.
    """
    critical = 0.0
    if alpha is not None:
        if not 0 < alpha < 1 or df < 2:
            raise ValueError(
                f"a test needs a level between 0 and 1 and at least 2 degrees of "
                f"freedom, got {alpha:g} and {df}"
            )
        quantile = float(stats.t.isf(alpha / 2, df - 1))
        critical = inflation * quantile / float(np.sqrt(df - 1))
    f = abs(t) / float(np.sqrt(df))
    gap = f - critical
    if gap <= 0:
        return 0.0
    if f * critical > 1:
        return (f**2 - critical**2) / (1 + f**2) if np.isfinite(f) else 1.0
    # the usual form cancels for large f, and so does its square overflow
    return float(2 / (1 + np.sqrt(1 + 4 / gap**2))) if gap > 1e-150 else 0.0


def adjusted(found: Slope, r2_exposure: float, r2_outcome: float) -> Adjusted:
    """Says what an omitted variable of such strength would leave of a coefficient.

    Definition: `|bias| = error sqrt(df r2_outcome r2_exposure / (1 - r2_exposure))`,
    taken towards 0 and beyond; the error becomes `error sqrt((1 - r2_outcome) /
    (1 - r2_exposure) df / (df - 1))`.

    Args:
        found: the coefficient without that variable.
        r2_exposure: partial R^2 of that variable with the exposure, given the controls;
            below 1.
        r2_outcome: partial R^2 with the response, given controls and exposure.

    Raises:
        ValueError: if a partial R^2 is not between 0 and 1, or that with the exposure
            is 1.

    Reference: Cinelli and Hazlett 2020, JRSS B 82, section 4.
    """
    if not (0 <= r2_exposure < 1 and 0 <= r2_outcome <= 1):
        raise ValueError(
            "a partial R^2 is between 0 and 1 (below 1 with the exposure), got "
            f"{r2_exposure:g} with the exposure and {r2_outcome:g} with the response"
        )
    bias = found.error * np.sqrt(found.df * r2_outcome * r2_exposure)
    bias = float(bias / np.sqrt(1 - r2_exposure))
    estimate = float(found.estimate - np.copysign(bias, found.estimate))
    share = (1 - r2_outcome) / (1 - r2_exposure)
    error = float(found.error * np.sqrt(share * found.df / max(found.df - 1, 1)))
    t = estimate / error if error > 0 else float(np.copysign(np.inf, estimate))
    return Adjusted(estimate=estimate, error=error, t=t)


def benchmark(
    found: Slope, r2_exposure: float, r2_outcome: float, *, times: float = 1.0
) -> Benchmark:
    """Bounds what a variable so many times as strong as a control does if left out.

    Definition: for k = `times`, `x` the partial R^2 of the control with the exposure
    given the other controls, `y` that with the response given the exposure too: with
    the exposure the omitted variable has `k x / (1 - x)`, and with the response at most
    `(sqrt k + sqrt h)^2 / (1 - h) y / (1 - y)`, where `h = k x^2 / ((1 - k x)
    (1 - x))`, cut off at 1.

    Args:
        found: the coefficient with the control in the regression.
        r2_exposure: x.
        r2_outcome: y.
        times: k, above 0.

    Reference: Cinelli and Hazlett 2020, JRSS B 82, section 4.4 and appendix.
    """
    x, y, k = r2_exposure, r2_outcome, times
    nan = float("nan")
    nothing = Adjusted(estimate=nan, error=nan, t=nan)
    strength = k * x / (1 - x) if x < 1 else np.inf
    shared = k * x**2 / ((1 - k * x) * (1 - x)) if max(x, k * x) < 1 else np.inf
    if strength >= 1 or shared >= 1:
        return Benchmark(
            r2_exposure=float(min(strength, 1.0)),
            r2_outcome=nan,
            possible=False,
            adjusted=nothing,
        )
    odds = y / (1 - y) if y < 1 else np.inf
    of_response = (np.sqrt(k) + np.sqrt(shared)) ** 2 / (1 - shared) * odds
    bound = float(min(of_response, 1.0))
    return Benchmark(
        r2_exposure=float(strength),
        r2_outcome=bound,
        possible=True,
        adjusted=adjusted(found, float(strength), bound),
    )
