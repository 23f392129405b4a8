"""The largest geometric mean of noise powers under linear limits, with its dual.

    maximise sum w log u   over   A u <= h,  low <= u <= high

is what bits cost (`log u = -2 b log 2`) against what languages lose (`A u`). For prices
`p >= 0` of the limits and `r = A^T p`, the least of `-sum w log u` is at least

    sum_i min {-w log u + r u over low <= u <= high}  -  p h,

each minimum at `clip(w / r)`, or at `high` where `r <= 0`. Newton steps on the
conditions of optimality, with products of slacks and prices shrinking to 0, find both
sides; what they leave open is known at every step. Prices whose bound exceeds
`-sum w log low`, which no `u` can cost, prove that no `u` is within the limits.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from jaxdisp.result import result

STEPS = 1000
CENTRING, TO_THE_EDGE = 0.15, 0.99
SMALLEST = 1e-150  # whose products and quotients are finite
# of the objective, in nats per weight; the steps reach it with two digits to spare
TOLERANCE = 1e-11


@result
class Optimum:
    """Noise powers, prices of the limits, and both sides of the optimum, in nats.

    `cost = -sum w log u`, `bound` its dual; `feasible` is whether any noise powers are
    within the limits. If not, `cost` is infinite and `bound` proves it.
    """

    noise: Float[np.ndarray, " group"]
    prices: Float[np.ndarray, " limit"]
    cost: Float[np.ndarray, ""]
    bound: Float[np.ndarray, ""]
    feasible: Bool[np.ndarray, ""]


class _Problem(NamedTuple):
    """The problem for `t = u / high`, with each limit divided by its largest term."""

    weights: np.ndarray
    rows: np.ndarray
    limits: np.ndarray
    low: np.ndarray


class _Point(NamedTuple):
    """Noise above its least, below its most, slack of the limits; prices of each.

    The distances are kept apart, since both ends may be within rounding of the noise.
    """

    above: np.ndarray
    below: np.ndarray
    slack: np.ndarray
    price: np.ndarray
    low_price: np.ndarray
    high_price: np.ndarray


def largest_geometric_mean(
    weights: Float[np.ndarray, " group"],
    rows: Float[np.ndarray, "limit group"],
    limits: Float[np.ndarray, " limit"],
    low: Float[np.ndarray, " group"],
    high: Float[np.ndarray, " group"],
) -> Optimum:
    """Finds the noise powers of largest weighted geometric mean within linear limits.

    Formula: the module's.

    Args:
        weights: `w` of the groups, positive, of sum 1.
        rows: `A`, in any unit of loss per unit of noise; no row of zeros.
        limits: `h`, in the unit of the rows.
        low: least noise powers, at least 0.
        high: largest noise powers, above `low`, finite.

    Raises:
        ValueError: if only noise powers on the edge of the limits are within them.

    Reference: Boyd and Vandenberghe 2004, Convex Optimization, section 11.7.
    """
    terms = rows * high
    scale = np.abs(terms).max(axis=1)
    problem = _Problem(weights, terms / scale[:, None], limits / scale, low / high)
    offset = -weights @ np.log(high)
    with np.errstate(divide="ignore"):
        ceiling = -weights @ np.log(problem.low)
    point = _start(problem)
    best, bound = point.price, -np.inf
    for _ in range(STEPS):
        value = _dual(problem, point.price)
        if value > bound:
            best, bound = point.price, value
        noise = problem.low + point.above
        cost = _cost(problem, noise)
        if bound > ceiling + TOLERANCE or cost - bound <= TOLERANCE:
            break
        point = _step(problem, point)
    else:
        raise ValueError(
            "neither noise powers strictly within the limits were found, nor a proof "
            "that there are none: the limits are at the edge of what can be met, or "
            "losses span too many orders of magnitude; widen the limits"
        )
    feasible = not bound > ceiling + TOLERANCE
    return Optimum(
        noise=noise * high,
        prices=best / scale,
        cost=np.asarray(cost + offset if feasible else np.inf),
        bound=np.asarray(bound + offset),
        feasible=np.asarray(feasible),
    )


def _start(problem: _Problem) -> _Point:
    """Begins in the middle of the range of bits, with equal products."""
    noise = np.where(problem.low > 0, np.sqrt(problem.low), 0.5)
    slack = np.maximum(problem.limits - problem.rows @ noise, noise.max())
    product = 1 / noise.size
    return _Point(
        above=noise - problem.low,
        below=1 - noise,
        slack=slack,
        price=product / slack,
        low_price=product / (noise - problem.low),
        high_price=product / (1 - noise),
    )


def _cost(problem: _Problem, noise: Float[np.ndarray, " group"]) -> float:
    """Costs noise powers; infinite outside the limits by more than rounding."""
    terms = problem.rows * noise
    over = terms.sum(axis=1) - problem.limits
    size = np.abs(terms).sum(axis=1) + np.abs(problem.limits)
    outside = (over > 1e-12 * size).any()
    return np.inf if outside else float(-problem.weights @ np.log(noise))


def _dual(problem: _Problem, price: Float[np.ndarray, " limit"]) -> float:
    """Bounds the cost from below."""
    r, w = price @ problem.rows, problem.weights
    with np.errstate(divide="ignore"):
        free = np.where(r > 0, w / np.where(r > 0, r, 1.0), 1.0)
    at = np.clip(free, problem.low, 1.0)
    return float(np.sum(r * at - w * np.log(at)) - price @ problem.limits)


def _step(problem: _Problem, point: _Point) -> _Point:
    """Takes one Newton step towards smaller products, not quite to the edge."""
    w, rows = problem.weights, problem.rows
    above, below, slack, price, low_price, high_price = point
    noise = problem.low + above
    target = CENTRING * _products(point).mean()
    curvature = w / noise**2 + low_price / above + high_price / below
    slope = -w / noise + price @ rows - target / above + target / below
    missing = rows @ noise + slack - problem.limits
    scaled = rows / curvature
    price_step = np.linalg.solve(
        scaled @ rows.T + np.diag(slack / price),
        missing - slack + target / price - scaled @ slope,
    )
    noise_step = -(slope + price_step @ rows) / curvature
    slack_step = -missing - rows @ noise_step
    low_step = (target - low_price * noise_step) / above - low_price
    high_step = (target + high_price * noise_step) / below - high_price
    steps = (noise_step, -noise_step, slack_step, price_step, low_step, high_step)
    return _moved(point, steps)


def _moved(point: _Point, steps: tuple[np.ndarray, ...]) -> _Point:
    """Goes as far as all stays positive, at most the whole way."""
    shrinking = [np.max(-s / x) for s, x in zip(steps, point, strict=True)]
    # the objective bends: both sides move together
    length = min(1.0, TO_THE_EDGE / max(1e-12, *shrinking))
    moved = (x + length * s for x, s in zip(point, steps, strict=True))
    return _Point(*(np.maximum(x, SMALLEST) for x in moved))


def _products(point: _Point) -> np.ndarray:
    """Multiplies each distance from a limit with its price; all 0 at the optimum."""
    above, below, slack, price, low_price, high_price = point
    return np.concatenate([slack * price, above * low_price, below * high_price])
