"""Choosing between curves of few points: lines, laws with a floor, and AICc.

Positive measurements scatter in proportion to themselves, so curves are fitted to their
logarithms. Leading axes are those of replicates, such as a jackknife's.
"""

import numpy as np
from jaxtyping import Float

from jaxdisp.result import result

STEPS = 400
NARROWINGS = 60
FARTHEST = 14.0
GOLDEN = (5**0.5 - 1) / 2


@result
class Line:
    """A straight line by least squares, and the squares that it leaves."""

    slope: Float[np.ndarray, "*batch"]
    intercept: Float[np.ndarray, "*batch"]
    squares: Float[np.ndarray, "*batch"]


@result
class Floored:
    """A proportional law above a floor, `u x + w`, fitted to logarithms.

    `share` is the floor's in the law at the smallest x, `w / (u x_min + w)`; a negative
    one bends the law downwards there. `squares` are those of logarithms.
    """

    share: Float[np.ndarray, "*batch"]
    log_factor: Float[np.ndarray, "*batch"]
    squares: Float[np.ndarray, "*batch"]


def straight_line(
    x: Float[np.ndarray, " point"], y: Float[np.ndarray, "*batch point"]
) -> Line:
    """Fits a straight line by least squares.

    Definition: `slope = sum (x - mean x) y / sum (x - mean x)^2`.

    Args:
        x: places, in any unit.
        y: values.

    Raises:
        ValueError: if there are fewer than 2 different places.

    Reference: textbook definition.
    """
    if np.ptp(x) == 0:
        raise ValueError("a line needs at least 2 different places")
    centred = x - x.mean()
    slope = np.asarray(y @ centred / (centred @ centred))
    intercept = np.asarray(y.mean(axis=-1) - slope * x.mean())
    left = y - slope[..., None] * x - intercept[..., None]
    squares = np.asarray(np.sum(left**2, axis=-1))
    return Line(slope=slope, intercept=intercept, squares=squares)


def proportional(
    x: Float[np.ndarray, " point"], y: Float[np.ndarray, "*batch point"]
) -> Float[np.ndarray, "*batch"]:
    """Returns the squares of logarithms that the law `y = u x` leaves.

    Definition: the least `sum (ln y - ln x - ln u)^2`.

    Args:
        x: positive places.
        y: positive values.

    Raises:
        ValueError: if a place or a value is not positive.

    Reference: textbook definition.
    """
    _positive(x, y)
    left = np.log(y) - np.log(x)
    squares = (left - left.mean(axis=-1, keepdims=True)) ** 2
    return np.asarray(np.sum(squares, axis=-1))


def above_floor(
    x: Float[np.ndarray, " point"], y: Float[np.ndarray, "*batch point"]
) -> Floored:
    """Fits a proportional law above a floor.

    Definition: the least `sum (ln y - ln(u x + w))^2` over `u > 0` and `w > -u x_min`.
    With `w = u x_min (e^t - 1)` it is a search over t alone, first on a grid from -14
    to 14 above the logarithm of the range of x, then by golden sections beside its
    best point.

    Args:
        x: positive places, such as noise powers.
        y: positive values.

    Raises:
        ValueError: if a place or a value is not positive, or there are fewer than 3.

    Reference: our own definition; Kiefer 1953 (golden sections).
    """
    _positive(x, y)
    if len(x) < 3:
        raise ValueError(f"a law with a floor needs at least 3 points, got {len(x)}")
    least, batch = x.min(), y.shape[:-1]
    logs = np.log(y).reshape(-1, len(x))

    def gaps(t: np.ndarray) -> np.ndarray:
        return logs - np.log((x - least) + least * np.exp(t)[..., None])

    def squares(t: np.ndarray) -> np.ndarray:
        left = gaps(t)
        return np.sum((left - left.mean(axis=-1, keepdims=True)) ** 2, axis=-1)

    highest = FARTHEST + float(np.log(x.max() / least))
    grid = np.linspace(-FARTHEST, highest, STEPS)
    tried = squares(grid[:, None])
    best = np.clip(np.argmin(tried, axis=0), 1, STEPS - 2)
    low, high = grid[best - 1], grid[best + 1]
    for _ in range(NARROWINGS):
        inner, outer = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        lower = squares(inner) < squares(outer)
        low, high = np.where(lower, low, inner), np.where(lower, outer, high)
    t = (low + high) / 2
    return Floored(
        share=(-np.expm1(-t)).reshape(batch),
        log_factor=gaps(t).mean(axis=-1).reshape(batch),
        squares=squares(t).reshape(batch),
    )


def aicc(
    squares: Float[np.ndarray, "*batch"], n: int, parameters: int
) -> Float[np.ndarray, "*batch"]:
    """Scores a fit by least squares; a smaller score predicts new points better.

    Definition: `n ln(squares / n) + 2 k + 2 k (k + 1) / (n - k - 1)`, where k counts
    the variance of the points, too. Differences below 2 or so decide nothing.

    Args:
        squares: sum over the points, in any unit, the same in all models compared.
        n: how many points.
        parameters: of the model, without the variance.

    Raises:
        ValueError: if there are fewer points than the correction needs, k + 2.

    Reference: Hurvich and Tsai 1989, Biometrika 76, equation 6.
    """
    k = parameters + 1
    if n < k + 2:
        raise ValueError(
            f"AICc of {parameters} parameters needs at least {k + 2} points, got {n}"
        )
    # a perfect fit is no better than one that is perfect up to rounding
    mean = np.maximum(squares / n, np.finfo(np.float64).eps ** 2)
    return np.asarray(n * np.log(mean) + 2 * k + 2 * k * (k + 1) / (n - k - 1))


def _positive(x: np.ndarray, y: np.ndarray) -> None:
    if not (np.all(x > 0) and np.all(y > 0)):
        raise ValueError("logarithms need positive places and values")
