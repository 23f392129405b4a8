"""Least squares of few points: how well each is predicted by the others.

With few points and almost as many features, R^2 says next to nothing: features that
have nothing to do with the response reach `p / (n - 1)` on average. What counts is the
prediction of each point by the others, against the same after a permutation.
"""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jaxdisp.result import result
from jaxdisp.stats import spectra

EXACT = 1e-9
"""Leverages this close to 1 and singular values this small are rounding."""


@result
class Fit:
    """A least-squares fit, and what it is worth.

    `slopes` are per unit of each feature. `predicted` is by the other points, NaN where
    they cannot say (leverage 1), and `loo_r2` what these predictions are worth, 0 for
    the mean of the others. `inflation` are the variance inflation
    factors of the features, infinite where others determine one; `condition` is the
    condition number of the features, each with mean 0 and variance 1.
    """

    intercept: float
    slopes: Float[np.ndarray, " feature"]
    fitted: Float[np.ndarray, " point"]
    predicted: Float[np.ndarray, " point"]
    leverage: Float[np.ndarray, " point"]
    r2: float
    adjusted_r2: float
    loo_r2: float
    inflation: Float[np.ndarray, " feature"]
    condition: float


@result
class Null:
    """R^2 and that of leave-one-out predictions with points permuted."""

    r2: Float[np.ndarray, " draw"]
    loo_r2: Float[np.ndarray, " draw"]


def fit(
    features: Float[np.ndarray, "point feature"],
    response: Float[np.ndarray, " point"],
) -> Fit:
    """Fits a response by a constant and features.

    Definition: least squares; `R^2 = 1 - sum (y - fitted)^2 / sum (y - mean)^2`, the
    adjusted one `1 - (1 - R^2) (n - 1) / (n - p - 1)`, `VIF_j = 1 / (1 - R_j^2)` of
    feature j by the others, leverages the diagonal of `hat_matrix`, and for the others
    `leave_one_out` and `loo_r2`.

    Args:
        features: of each point, in any units.
        response: in any unit.

    Raises:
        ValueError: if anything is not finite, the response or a feature is constant, or
            there are not at least two points more than features.

    Reference: Belsley, Kuh and Welsch 1980, Regression Diagnostics, chapters 2 and 3.
    """
    _check(features, response)
    n, p = features.shape
    mean, scale = features.mean(axis=0), features.std(axis=0)
    standard = (features - mean) / scale
    hat = hat_matrix(features)
    fitted = hat @ response
    slopes = _slopes(standard, response - response.mean()) / scale
    r2 = float(_r2(response[None], fitted[None])[0])
    each = range(p)
    return Fit(
        intercept=float(response.mean() - mean @ slopes),
        slopes=slopes,
        fitted=fitted,
        predicted=leave_one_out(features) @ response,
        leverage=np.diag(hat).copy(),
        r2=r2,
        adjusted_r2=1 - (1 - r2) * (n - 1) / (n - p - 1),
        loo_r2=float(loo_r2(features, response[None])[0]),
        inflation=np.array([_inflation(standard, column) for column in each]),
        condition=spectra.condition_number(np.linalg.svd(standard, compute_uv=False)),
    )


def hat_matrix(
    features: Float[np.ndarray, "point feature"],
) -> Float[np.ndarray, "point point"]:
    """Returns the matrix that takes responses to fitted ones.

    Definition: `1 1' / n + Z (Z' Z)^+ Z'`, with `Z` the features scaled to
    mean 0 and variance 1.

    Args:
        features: of each point, in any units, none constant.

    Reference: Hoaglin and Welsch 1978, American Statistician 32.
    """
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    n = len(features)
    return np.full((n, n), 1 / n) + standard @ _slopes(standard, np.eye(n))


def leave_one_out(
    features: Float[np.ndarray, "point feature"],
) -> Float[np.ndarray, "point point"]:
    """Returns the matrix that takes responses to predictions of each by the others.

    Definition: with the hat matrix `H`, `(H[i, j] - H[i, i] [i = j]) / (1 - H[i, i])`.
    Where the leverage `H[i, i]` is 1, as of a point with a flag of its own, the others
    do not say what the flag is worth, and the row is NaN.

    Args:
        features: of each point, in any units, none constant.

    Reference: Allen 1974, Technometrics 16 (PRESS).
    """
    hat = hat_matrix(features)
    leverage = np.diag(hat)
    free = np.where(leverage < 1 - EXACT, 1 - leverage, np.nan)
    return (hat - np.diag(leverage)) / free[:, None]


def loo_r2(
    features: Float[np.ndarray, "point feature"],
    responses: Float[np.ndarray, "draw point"],
) -> Float[np.ndarray, " draw"]:
    """Compares predictions of each point by the others with the others' mean.

    Definition: `1 - sum (y_i - predicted_i)^2 / sum (y_i - mean of the others)^2`, with
    `leave_one_out`. It is 0 where the features add nothing to a constant, and below
    where they do harm. (With the mean of all in the denominator, as PRESS is often
    reported, a constant has `1 - (n / (n - 1))^2`.) Points of leverage 1 take no part,
    nor do they weigh in predictions or means of others: their flag fits them whatever
    they are, and no other point can say whether it should.

    Args:
        features: of each point.
        responses: in any unit, none constant; each draw is a data set of its own.

    Reference: Allen 1974, Technometrics 16; the reference point is our own choice.
    """
    matrix = leave_one_out(features)
    sure = np.isfinite(matrix).all(axis=1)
    y, n = responses[:, sure], int(sure.sum())
    left = y - y @ matrix[np.ix_(sure, sure)].T
    by_mean = (y - y.mean(axis=1, keepdims=True)) * n / (n - 1)
    return 1 - np.sum(left**2, axis=1) / np.sum(by_mean**2, axis=1)


def permutation_null(
    features: Float[np.ndarray, "point feature"],
    response: Float[np.ndarray, " point"],
    *,
    key: PRNGKeyArray,
    draws: int = 10_000,
) -> Null:
    """Finds R^2 and its leave-one-out version where features belong to other points.

    Definition: `R^2` and `loo_r2` with the features of all points permuted together,
    which leaves their dependence on one another as it is.

    Args:
        features: of each point.
        response: in any unit, not constant.
        key: of the permutations.
        draws: how many.

    Raises:
        ValueError: see `fit`.

    Reference: Freedman and Lane 1983, Journal of Business and Economic Statistics 1
        (the whole model at once).
    """
    _check(features, response)
    mixed = response[np.asarray(_orders(key, len(response), draws))]
    fitted = mixed @ hat_matrix(features).T
    return Null(r2=_r2(mixed, fitted), loo_r2=loo_r2(features, mixed))


def transfer_r2(
    features: Float[np.ndarray, "point feature"],
    responses: Float[np.ndarray, "draw point"],
    new_features: Float[np.ndarray, "new feature"],
    new_responses: Float[np.ndarray, "draw new"],
) -> tuple[Float[np.ndarray, " draw"], Float[np.ndarray, " draw"]]:
    """Says how well a fit predicts points that it has not seen.

    Definition: `1 - sum (y - predicted)^2 / sum (y - mean)^2` over the new points,
    first with intercept and slopes of the fit, then with its slopes alone and the
    intercept that suits the new points best, which is never lower.

    Args:
        features: of the points fitted.
        responses: of these; each draw is a data set of its own.
        new_features: of the new points, in the same units.
        new_responses: of these, draw by draw; none constant.

    Raises:
        ValueError: as for `fit`.

    Reference: our own definition.
    """
    _check(features, responses[0])
    _check_response(new_features, new_responses[0])
    mean, scale = features.mean(axis=0), features.std(axis=0)
    standard = (features - mean) / scale
    slopes = _slopes(standard, responses.T)
    level = responses.mean(axis=1, keepdims=True)
    predicted = level + ((new_features - mean) / scale @ slopes).T
    moved = predicted + np.mean(new_responses - predicted, axis=1, keepdims=True)
    return _r2(new_responses, predicted), _r2(new_responses, moved)


def transfer_null(
    features: Float[np.ndarray, "point feature"],
    response: Float[np.ndarray, " point"],
    new_features: Float[np.ndarray, "new feature"],
    new_response: Float[np.ndarray, " new"],
    *,
    key: PRNGKeyArray,
    draws: int = 10_000,
) -> Float[np.ndarray, " draw"]:
    """Finds what slopes of a fit reach on points whose responses are permuted.

    Definition: the second of `transfer_r2`, with the new responses permuted.

    Args:
        features: of the points fitted.
        response: of these.
        new_features: of the new points.
        new_response: of these.
        key: of the permutations.
        draws: how many.

    Raises:
        ValueError: see `transfer_r2`.

    Reference: our own definition.
    """
    mixed = new_response[np.asarray(_orders(key, len(new_response), draws))]
    fitted = np.broadcast_to(response, (draws, len(response)))
    return transfer_r2(features, fitted, new_features, mixed)[1]


def _check(features: np.ndarray, response: np.ndarray) -> None:
    n, p = features.shape
    if n < p + 2 or p < 1:
        raise ValueError(
            f"a fit by {p} features needs at least 1 feature and {p + 2} points, got "
            f"{n} points"
        )
    _check_response(features, response)
    if np.any(np.ptp(features, axis=0) == 0):
        column = int(np.argmax(np.ptp(features, axis=0) == 0))
        raise ValueError(f"feature {column} is the same at every point")


def _check_response(features: np.ndarray, response: np.ndarray) -> None:
    if not (np.all(np.isfinite(features)) and np.all(np.isfinite(response))):
        raise ValueError("a fit needs finite values")
    if np.ptp(response) == 0:
        raise ValueError("a constant response leaves nothing to explain")


def _slopes(standard: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Least-squares slopes, the shortest where features determine one another."""
    return np.linalg.lstsq(standard, response, rcond=EXACT)[0]


def _r2(responses: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    centred = responses - responses.mean(axis=-1, keepdims=True)
    left = np.sum((responses - fitted) ** 2, axis=-1)
    return 1 - left / np.sum(centred**2, axis=-1)


def _inflation(standard: np.ndarray, column: int) -> float:
    y, others = standard[:, column], np.delete(standard, column, axis=1)
    left = np.sum((y - others @ _slopes(others, y)) ** 2) / np.sum(y**2)
    return float(1 / left) if left > EXACT else float("inf")


@ft.partial(jax.jit, static_argnums=(1, 2))
def _orders(key: PRNGKeyArray, n: int, draws: int) -> Int[Array, "draw point"]:
    keys = jax.random.split(key, draws)
    return jax.vmap(lambda one: jax.random.permutation(one, jnp.arange(n)))(keys)
