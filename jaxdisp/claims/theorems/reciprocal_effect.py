"""What T does to mean and median of D = gamma / R: theorems T4b, T4c and T4d."""

import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jaxdisp.claims.theorems import mediation_on_model as on_model
from jaxdisp.claims.theorems.reciprocal_laws import (
    Laws,
    instances,
    log_laws,
    mean,
    notes_law,
    symmetric_instances,
    weighted_median,
)
from jaxdisp.claims.theorems.theorem import (
    Check,
    Counterexample,
    Theorem,
    compared,
    equal,
    together,
)

Numbers = Float[np.ndarray, " instance"]

ROUNDING = 1e-10
"""Relative; sums of some hundred terms of one sign."""

STEP = 1e-30
"""Of the imaginary step, whose square vanishes beside 1."""


def derivative(laws: Laws) -> Numbers:
    """Differentiates E[D | do(T = t)] in t, by itself, without the theorem.

    Definition: the imaginary part of `E[gamma / (b1 b2 (t + i h) + e)] / h` for h so
    small that its square is nothing; there is no cancellation.

    Args:
        laws: of R.

    Reference: Squire and Trapp 1998, SIAM Review 40 (complex step).
    """
    moved = laws.points + 1j * STEP * laws.slope[:, None]
    return np.imag(mean(laws, laws.gamma[:, None] / moved)) / STEP


def exact_slope(laws: Laws) -> Numbers:
    """Gives the derivative of E[D | do(T = t)].

    Definition: `-gamma b1 b2 E[R^-2]`.

    Args:
        laws: of R.

    Reference: docs/theory.md, T4b.
    """
    return -laws.gamma * laws.slope * mean(laws, laws.points**-2.0)


def slope_at_mean(laws: Laws) -> Numbers:
    """Gives the notes' derivative: what it is if R does not vary.

    Definition: `-gamma b1 b2 / (E R)^2`.

    Args:
        laws: of R.

    Reference: formal proofs, theorem 4, step 3.
    """
    return -laws.gamma * laws.slope / mean(laws, laws.points) ** 2


def second_order(laws: Laws) -> Numbers:
    """Approximates E[1 / R] by mean and variance.

    Definition: `1 / m + v / m^3`.

    Args:
        laws: of R.

    Reference: docs/theory.md, T4c.
    """
    m = mean(laws, laws.points)
    v = mean(laws, (laws.points - m[:, None]) ** 2)
    return 1 / m + v / m**3


def remainder(laws: Laws) -> Numbers:
    """Bounds how far `second_order` is from E[1 / R].

    Definition: `E|R - m|^3 / (m^3 r0)` with r0 the least R.

    Args:
        laws: of R.

    Reference: docs/theory.md, T4c.
    """
    m = mean(laws, laws.points)
    third = mean(laws, np.abs(laws.points - m[:, None]) ** 3)
    return third / (m**3 * laws.points.min(axis=1))


def chord(laws: Laws) -> Numbers:
    """Bounds E[1 / R] from above for R between its least and greatest values.

    Definition: `(r0 + r1 - m) / (r0 r1)`.

    Args:
        laws: of R.

    Reference: Edmundson 1956; docs/theory.md, T4c.
    """
    least, most = laws.points.min(axis=1), laws.points.max(axis=1)
    return (least + most - mean(laws, laws.points)) / (least * most)


def check_derivative(key: PRNGKeyArray, n: int) -> Check:
    """Compares the derivative of E[D | do t] with its formula and the notes'.

    Args:
        key: of the laws.
        n: how many.

    Reference: docs/theory.md, T4b.
    """
    laws = instances(key, n)
    exact = exact_slope(laws)
    return together(
        (
            equal(derivative(laws), exact, ROUNDING),
            compared(exact, slope_at_mean(laws), ROUNDING),
            compared(slope_at_mean(laws), np.zeros(n), 0.0),
        )
    )


def check_mean(key: PRNGKeyArray, n: int) -> Check:
    """Compares E[1 / R] with its bounds, and with closed forms of two families.

    Args:
        key: of the laws.
        n: how many.

    Reference: docs/theory.md, T4c.
    """
    laws = instances(key, n)
    exact, m = mean(laws, 1 / laws.points), mean(laws, laws.points)
    # a difference of numbers near 1 / m has their rounding, not its own
    off = np.maximum(np.abs(exact - second_order(laws)) - 1e-14 / m, 0.0)
    gamma, lognormal = log_laws(key, n)
    return together(
        (
            compared(off, remainder(laws), ROUNDING),
            compared(1 / m, exact, ROUNDING),
            compared(exact, chord(laws), ROUNDING),
            equal(_excess(gamma), 1 / (1 - _squared_variation(gamma)), ROUNDING),
            equal(_excess(lognormal), 1 + _squared_variation(lognormal), ROUNDING),
        )
    )


def _excess(laws: Laws) -> Numbers:
    return mean(laws, 1 / laws.points) * mean(laws, laws.points)


def _squared_variation(laws: Laws) -> Numbers:
    m = mean(laws, laws.points)
    return mean(laws, (laws.points - m[:, None]) ** 2) / m**2


def check_median(key: PRNGKeyArray, n: int) -> Check:
    """Compares the median of D under symmetric errors with the notes' mean.

    Args:
        key: of the laws.
        n: how many.

    Reference: docs/theory.md, T4d.
    """
    laws = symmetric_instances(key, n)
    values = laws.gamma[:, None] / laws.points
    formula = laws.gamma / (laws.slope * laws.t)
    return together(
        (
            equal(weighted_median(values, laws.weights), formula, ROUNDING),
            compared(formula, mean(laws, values), ROUNDING),
        )
    )


def second_order_slope(laws: Laws, variance: float) -> float:
    """Differentiates `second_order` in t, for errors of a variance about 0.

    Definition: `-gamma b1 b2 (1 / m^2 + 3 v / m^4)` with `m = b1 b2 t`.

    Args:
        laws: one law.
        variance: v.

    Reference: docs/theory.md, T4c.
    """
    m = laws.slope * laws.t
    return float((-laws.gamma * laws.slope * (1 / m**2 + 3 * variance / m**4))[0])


def _wrong_slope() -> Counterexample:
    laws, variance = notes_law()
    exact, formula = float(exact_slope(laws)[0]), float(slope_at_mean(laws)[0])
    slope = laws.slope[0] * laws.t[0]
    notes = -laws.gamma[0] * laws.slope[0] / slope**2
    return Counterexample(
        text="with errors of SD 0.1 in A and in R the derivative at t = 1 is "
        f"{exact:.4g}, the notes' formula gives {notes:.4g}",
        values={
            "exact": exact,
            "notes": float(notes),
            "at the mean": formula,
            "second order": second_order_slope(laws, variance),
        },
    )


def _rare_and_low() -> Counterexample:
    """Of two values of R one lies near 0, where the approximation breaks."""
    one = np.ones(1)
    laws = Laws(
        slope=one,
        gamma=one,
        t=one,
        points=np.array([[0.01, 1.09]]),
        weights=np.array([[1 / 12, 11 / 12]]),
    )
    m = mean(laws, laws.points)
    v = mean(laws, (laws.points - m[:, None]) ** 2)
    exact = float(mean(laws, 1 / laws.points)[0])
    return Counterexample(
        text="R is 0.01 once in twelve and 1.09 else: its mean is 1, its variance "
        f"{v[0]:.3g} of the squared mean, and E[1/R] is {exact:.3g}, not 1",
        values={
            "E[1/R]": exact,
            "1/E[R]": float(1 / m[0]),
            "variance over squared mean": float(v[0] / m[0] ** 2),
        },
    )


def _mean_for_median() -> Counterexample:
    one = np.ones(1)
    laws = Laws(
        slope=one,
        gamma=one,
        t=one,
        points=np.array([[0.5, 1.0, 1.5]]),
        weights=np.full((1, 3), 1 / 3),
    )
    exact = float(mean(laws, 1 / laws.points)[0])
    middle = float(weighted_median(1 / laws.points, laws.weights)[0])
    return Counterexample(
        text=f"R is 0.5, 1 or 1.5, equally often: 1/R has the mean {exact:.4g} and the "
        f"median {middle:.4g}, which is the formula's value",
        values={"mean": exact, "median": middle, "formula": 1.0},
    )


THEOREMS: tuple[Theorem, ...] = (
    Theorem(
        id="T4b",
        title="The derivative of mean degradation in T",
        claimed="d/dt E[D | do(T = t)] = -gamma b1 b2 / (b1 b2 t)^2.",
        source="formal proofs, theorem 4",
        failed_step="Step 3 differentiates the approximation of step 2, as if the "
        "derivative of an approximation were an approximation of the derivative.",
        counterexample=_wrong_slope,
        statement="If R = b1 b2 t + e > 0 with e independent of T and E[R^-2] is "
        "finite near t, d/dt E[D | do t] = -gamma b1 b2 E[R^-2] <= -gamma b1 b2 / "
        "E[R]^2 < 0 for gamma, b1 b2 > 0: equality only if R does not vary, and the "
        "notes' formula understates the effect.",
        check=check_derivative,
        on_model=on_model.derivative,
        causes=True,
    ),
    Theorem(
        id="T4c",
        title="How far the mean is from the value at the mean",
        claimed="E[D | do(T = t)] is about gamma / (b1 b2 t), if the variance of the "
        "errors is small beside the squared mean.",
        source="formal proofs, theorem 4, step 2",
        failed_step="A small variance does not make E[1/R] small: it takes a lower "
        "bound of R. For normal errors E[1/R] does not exist, whatever the variance.",
        counterexample=_rare_and_low,
        statement="If R >= r0 > 0 with mean m and variance v, |E[1/R] - (1/m + "
        "v/m^3)| <= E|R - m|^3 / (m^3 r0) and E[1/R] >= 1/m; if also R <= r1, "
        "E[1/R] <= (r0 + r1 - m) / (r0 r1). Gamma: E[1/R] = 1 / (m (1 - CV^2)); "
        "lognormal: (1 + CV^2) / m.",
        check=check_mean,
        on_model=on_model.shortfall,
        causes=True,
    ),
    Theorem(
        id="T4d",
        title="The notes' formula is a median",
        claimed="E[D | do(T = t)] is about gamma / (b1 b2 t).",
        source="formal proofs, theorem 4, step 2",
        failed_step="The value of a convex function at the mean is not its mean, but "
        "that of a monotone function at the median is its median.",
        counterexample=_mean_for_median,
        statement="If e_D = 0, R > 0 and e is symmetric about 0, the median of D under "
        "do(T = t) is gamma / (b1 b2 t) exactly, and the mean, where it exists, is at "
        "least that.",
        check=check_median,
        on_model=on_model.median,
        causes=True,
    ),
)
