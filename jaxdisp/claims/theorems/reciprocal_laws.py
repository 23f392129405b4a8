"""Laws of R under do(T = t) in the notes' model, as points with weights.

The notes' structural equations are `A = b1 T + e_A`, `R = b2 A + e_R` and `D = gamma /
R + e_D` with independent errors. Under do(T = t) then `R = b1 b2 t + e`, `e = b2 e_A +
e_R`, and only the law of e matters. Expectations over points with weights are sums, and
what is proved of all laws holds of these.
"""

import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy import special

from jaxdisp.claims.theorems.uniforms import uniforms
from jaxdisp.result import result

Numbers = Float[np.ndarray, " instance"]

NODES = 64
"""Points of a law that is continuous: those of Gauss and Legendre in its quantiles."""

NOTES = {"b1": 0.92, "b2": 0.85, "gamma": 1.5}
"""Coefficients of the notes."""


@result
class Laws:
    """Laws of R under do(T = t), one per instance: points above 0 and their weights.

    `slope` is b1 b2 and `t` where T is set; points less `slope t` are the errors.
    """

    slope: Numbers
    gamma: Numbers
    t: Numbers
    points: Float[np.ndarray, "instance node"]
    weights: Float[np.ndarray, "instance node"]


def mean(laws: Laws, values: np.ndarray) -> np.ndarray:
    """Averages a function of R over each law.

    Args:
        laws: of R.
        values: of the function, at the points.

    Reference: textbook definition.
    """
    return np.sum(laws.weights * values, axis=-1)


def truncated_normal(slope: float, sd: float, least: float) -> Laws:
    """Holds the law of R at t = 1 under normal errors that are cut off below.

    Args:
        slope: b1 b2.
        sd: of the errors before they are cut off.
        least: R at t = 1 is at least this.

    Reference: our own definition.
    """
    nodes, weights = np.polynomial.legendre.leggauss(400)
    high = slope + 12 * sd
    points = least + (high - least) * (nodes + 1) / 2
    mass = weights * np.exp(-(((points - slope) / sd) ** 2) / 2)
    one = np.ones(1)
    return Laws(
        slope=slope * one,
        gamma=NOTES["gamma"] * one,
        t=one,
        points=points[None],
        weights=mass[None] / mass.sum(),
    )


def notes_law() -> tuple[Laws, float]:
    """Holds the notes' R at t = 1 with errors of SD 0.1 in A and R, kept above 0.2.

    Returns:
        The law, and the variance of its errors before they are cut off.

    Reference: formal proofs, theorem 4; the errors are our own choice.
    """
    variance = (NOTES["b2"] ** 2 + 1) * 0.1**2
    slope = NOTES["b1"] * NOTES["b2"]
    return truncated_normal(slope, float(np.sqrt(variance)), 0.2), variance


def weighted_median(
    values: Float[np.ndarray, "instance node"],
    weights: Float[np.ndarray, "instance node"],
) -> Numbers:
    """Finds the median of each law.

    Definition: the least value with at least half of the weight at or below it.

    Args:
        values: where the weight is.
        weights: of each value.

    Reference: textbook definition.
    """
    order = np.argsort(values, axis=1)
    below = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    # half of the weight, but for rounding
    place = np.argmax(below >= 0.5 * below[:, -1:] * (1 - 1e-12), axis=1)
    chosen = np.take_along_axis(order, place[:, None], axis=1)
    return np.take_along_axis(values, chosen, axis=1)[:, 0]


def gaussian_median(mean_r: float, sd: float) -> float:
    """Finds the median of 1 / R for Gaussian R, which may fall below 0.

    Definition: `1 / (m + s z)` with `z = Phi^-1(1/2 + Phi(-m / s))`, for m > 0.

    Args:
        mean_r: m.
        sd: s.

    Reference: our own derivation, docs/theory.md, T4d.
    """
    z = special.ndtri(0.5 + special.ndtr(-mean_r / sd))
    return float(1 / (mean_r + sd * z))


def instances(key: PRNGKeyArray, n: int) -> Laws:
    """Draws laws of R: truncated normal, gamma, lognormal, bounded and two points.

    Two points are where the bounds are attained, or nearly: half of them lie close to
    one another, half put little weight on the lower.

    Args:
        key: of the draws.
        n: how many.

    Reference: our own definition.
    """
    u = 0.01 + 0.98 * uniforms(key, n, 6).T
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    share, weights = (nodes + 1) / 2, weights / 2
    points, mass = np.empty((n, NODES)), np.tile(weights, (n, 1))
    for row in range(n):
        least, size, spread = 0.05 + u[0, row], 2 * u[1, row], 0.05 + u[2, row]
        family = row % 5
        if family == 0:
            low = special.ndtr(-size / spread)
            above = size + spread * special.ndtri(low + (1 - low) * share)
        elif family == 1:
            above = spread * special.gammaincinv(0.5 + 4 * size, share)
        elif family == 2:
            above = size * np.exp(spread * special.ndtri(share))
        elif family == 3:
            above = size * special.betaincinv(0.3 + u[3, row], 0.3 + u[4, row], share)
        else:
            apart = 1e-4 if row % 2 else size
            light = 0.01 * u[5, row] if row % 4 == 0 else u[5, row]
            above = np.where(np.arange(NODES) < 1, 0.0, apart)
            mass[row] = np.where(np.arange(NODES) < 1, light, (1 - light) / (NODES - 1))
        points[row] = least + np.maximum(above, 0.0)
    return Laws(
        slope=0.1 + u[3],
        gamma=0.1 + 3 * u[4],
        t=0.1 + u[5],
        points=points,
        weights=mass,
    )


def symmetric_instances(key: PRNGKeyArray, n: int) -> Laws:
    """Draws laws of R that are symmetric about `b1 b2 t` and positive.

    Args:
        key: of the draws.
        n: how many.

    Reference: our own definition.
    """
    drawn = uniforms(key, n, 35)
    u, side = 0.1 + 1.9 * drawn[:, :3].T, (drawn[:, 3:19], drawn[:, 19:])
    middle = (u[0] * u[2])[:, None]
    far = middle * (1 - 1e-3) * side[0]
    points = np.hstack([middle - far, middle, middle + far])
    weights = np.hstack([side[1], 0.01 + 0 * middle, side[1]])
    return Laws(
        slope=u[0],
        gamma=u[1],
        t=u[2],
        points=points,
        weights=weights / weights.sum(axis=1, keepdims=True),
    )


def log_laws(key: PRNGKeyArray, n: int) -> tuple[Laws, Laws]:
    """Draws gamma and lognormal laws of R, on a fine grid of its logarithm.

    Definition: the trapezoid rule, whose error for these densities of ln R is below
    rounding.

    Args:
        key: of the draws.
        n: how many of each.

    Reference: Trefethen and Weideman 2014, SIAM Review 56 (why it is so accurate).
    """
    u = 0.1 + 0.9 * uniforms(key, n, 3).T
    shape = 1.2 + 20 * u[:1].T
    across = np.linspace(0.0, 1.0, 801)
    low = -40 / (shape - 1)
    y = low + (4 - low) * across
    log_density = shape * (y - np.exp(y))
    gamma = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    z = np.broadcast_to(18 * across - 9, y.shape)
    normal = np.exp(-(z**2) / 2)

    def law(points: np.ndarray, mass: np.ndarray) -> Laws:
        whole = mass.sum(axis=1, keepdims=True)
        return Laws(slope=u[0], gamma=u[1], t=u[2], points=points, weights=mass / whole)

    return law(np.exp(y), gamma), law(np.exp(u[2:].T * z), normal)
