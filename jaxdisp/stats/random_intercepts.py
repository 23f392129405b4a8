"""Regression with a random constant per group, and prediction of a new group."""

import numpy as np
from jaxtyping import Float, Int
from scipy import optimize, stats

from jaxdisp.result import result
from jaxdisp.stats.within_groups import ROUNDING

SPREADS = (-20.0, 12.0)
"""Logarithms of tau^2 / sigma^2 between which the best is searched."""


@result
class RandomIntercepts:
    """Coefficients common to all groups, and how far groups are from them.

    `coefficients` begin with the constant; `covariance` is theirs given the scales,
    `sigma` the SD of errors and `tau` that of groups' constants.
    """

    coefficients: Float[np.ndarray, " coefficient"]
    covariance: Float[np.ndarray, "coefficient coefficient"]
    sigma: float
    tau: float
    n_groups: int


@result
class Prediction:
    """The mean of a new group's responses with its interval."""

    mean: float
    low: float
    high: float


def fit(
    features: Float[np.ndarray, "row feature"],
    response: Float[np.ndarray, " row"],
    groups: Int[np.ndarray, " row"],
) -> RandomIntercepts:
    """Fits coefficients, errors and groups' constants by restricted likelihood.

    Definition: `y = c + x b + u_g + e`, `u_g ~ N(0, tau^2)`, `e ~ N(0, sigma^2)`. With
    `v = tau^2 / sigma^2` and N_g rows in group g, rows less `1 - 1 / sqrt(1 + N_g v)`
    times their group's mean have independent errors; least squares of these for the v
    with the largest restricted likelihood `-1/2 ((n - p) log rss + sum_g log(1 + N_g v)
    + log det X'X)`.

    Args:
        features: of each row, in any units.
        response: in any unit.
        groups: number of each row's group.

    Raises:
        ValueError: if values are not finite, there are fewer than 2 groups, or features
            are constant, linear functions of one another or too many.

    Reference: Patterson and Thompson 1971, Biometrika 58 (restricted likelihood);
        Fuller and Battese 1973, JASA 68 (the transformation).
    """
    numbers = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(numbers)
    location, scale = features.mean(axis=0), features.std(axis=0)
    table = np.column_stack([np.ones(len(response)), features, response])
    n, p = len(response), table.shape[1] - 1
    if not np.all(np.isfinite(table)):
        raise ValueError("random intercepts need finite values")
    if len(sizes) < 2 or n < p + 2:
        raise ValueError(
            f"random intercepts of {p} coefficients need at least 2 groups and {p + 2} "
            f"rows, got {len(sizes)} and {n}"
        )
    if np.any(scale <= ROUNDING * np.max(np.abs(features), axis=0)):
        raise ValueError("features of random intercepts must not be constant")
    table[:, 1:-1] = (features - location) / scale
    gram = table.T @ table
    sums = np.stack([np.bincount(numbers, column) for column in table.T], axis=1)
    if np.linalg.matrix_rank(gram[:-1, :-1], rtol=1e-12) < p:
        raise ValueError("features of random intercepts determine one another")

    def solved(log_ratio: float) -> tuple[np.ndarray, np.ndarray, float]:
        # (1 - phi)^2 = 1 / (1 + N v), so a mean loses N v / (1 + N v) of its square
        ratio = np.exp(log_ratio)
        taken = gram - (sums.T * (ratio / (1 + sizes * ratio))) @ sums
        inverse = np.linalg.inv(taken[:-1, :-1])
        found = inverse @ taken[:-1, -1]
        return found, inverse, float(taken[-1, -1] - taken[:-1, -1] @ found)

    def cost(log_ratio: float) -> float:
        _, inverse, rss = solved(log_ratio)
        spread = np.sum(np.log1p(sizes * np.exp(log_ratio)))
        return float((n - p) * np.log(rss) + spread - np.linalg.slogdet(inverse)[1])

    best = np.asarray(optimize.fminbound(cost, *SPREADS, xtol=1e-8)).item()
    standard, inverse, rss = solved(best)
    sigma = np.sqrt(rss / (n - p))
    # back from features of mean 0 and SD 1
    back = np.diag(np.append(1.0, 1 / scale))
    back[0, 1:] = -location / scale
    return RandomIntercepts(
        coefficients=back @ standard,
        covariance=sigma**2 * back @ inverse @ back.T,
        sigma=float(sigma),
        tau=float(sigma * np.exp(best / 2)),
        n_groups=len(sizes),
    )


def predict(
    found: RandomIntercepts,
    features: Float[np.ndarray, "row feature"],
    *,
    level: float = 0.95,
) -> Prediction:
    """Predicts the mean response of rows of a group that was not in the fit.

    Definition: with z the mean of (1, features), `z b -/+ t sqrt(tau^2 + sigma^2 / N +
    z V z')`, t of as many degrees of freedom as groups less 1.

    Args:
        found: of other groups.
        features: of the new group's rows.
        level: coverage aimed at.

    Reference: McCulloch, Searle and Neuhaus 2008, Generalized, Linear, and Mixed
        Models, section 13.4; degrees of freedom are our own choice.
    """
    z = np.append(1.0, features.mean(axis=0))
    mean = float(z @ found.coefficients)
    own = found.tau**2 + found.sigma**2 / len(features)
    error = np.sqrt(own + z @ found.covariance @ z)
    half = float(stats.t.isf((1 - level) / 2, found.n_groups - 1) * error)
    return Prediction(mean=mean, low=mean - half, high=mean + half)
