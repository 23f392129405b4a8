"""Slopes within groups and between them, with errors that may depend within groups."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse, stats

from jaxdisp.result import result

Groups = Int[np.ndarray, " row"]

NOTHING = 1e-10
"""Variances this small a share of what they were are rounding."""

ROUNDING = 1e-12
"""Standard deviations this small a share of the largest value are rounding."""

LEAST_DF = 3
"""Degrees of freedom that a regression of groups' means must leave."""


@result
class Slope:
    """One coefficient of a regression.

    `error` is the standard error for independent errors of one variance, `t` the
    estimate over it and `df` its degrees of freedom; these say what share of variance
    the exposure explains. `robust_error` holds for any dependence within groups, and
    has `robust_df` degrees of freedom.
    """

    estimate: float
    error: float
    robust_error: float
    t: float
    df: int
    robust_df: int
    partial_r2: float


@result
class Contrast:
    """A slope within groups, that of groups' means, and the second less the first."""

    within: Slope
    between: Slope
    difference: float
    low: float
    high: float


def slope(
    response: Float[np.ndarray, " row"],
    exposure: Float[np.ndarray, " row"],
    controls: Float[np.ndarray, "row control"],
    groups: Sequence[Groups] = (),
) -> Slope:
    """Regresses a response on an exposure and controls, within groups.

    Definition: least squares with a constant for each group of each grouping (one for
    all if there is none). With `x` and `y` what controls and constants leave of
    exposure and response, and `e = y - b x`: `b = x'y / x'x`, `error^2 = e'e / df /
    x'x`, `partial R^2 = (x'y)^2 / (x'x y'y) = t^2 / (t^2 + df)`, and with G groups of
    the first grouping, `robust_error^2 = sum_g (x_g' e_g)^2 / (x'x)^2 G / (G - 1)
    (n - 1) / (n - k - 1)` for k controls and exposures, with G - 1 degrees of freedom.
    Controls that do not vary within groups say nothing there.

    Args:
        response: in any unit.
        exposure: in any unit.
        controls: of each row, in any units; there may be none.
        groups: numbers of each row's group, from 0; rows of different groups of the
            first grouping are taken to be independent.

    Raises:
        ValueError: if values are not finite, the exposure does not vary apart from
            controls and groups, or no degree of freedom is left.

    Reference: Frisch and Waugh 1933, Econometrica 1; Cameron and Miller 2015, Journal
        of Human Resources 50, equations 11 to 12 and section III.B (constants of
        groups nested in clusters do not count in the correction).
    """
    table = np.column_stack([response, exposure, controls]).astype(np.float64)
    if not np.all(np.isfinite(table)):
        raise ValueError("a regression needs finite values")
    centred = within(table, groups)
    rounded = (ROUNDING * np.max(np.abs(table), axis=0)) ** 2
    least = np.maximum(NOTHING * table.var(axis=0), rounded)
    varies = np.mean(centred**2, axis=0) > least
    kept = centred[:, 2:][:, varies[2:]]
    kept = kept / np.sqrt(np.mean(kept**2, axis=0))
    weights, _, rank, _ = np.linalg.lstsq(kept, centred[:, :2], rcond=NOTHING**0.5)
    y, x = (centred[:, :2] - kept @ weights).T
    if not varies[1] or x @ x <= NOTHING * (centred[:, 1] @ centred[:, 1]):
        raise ValueError("the exposure does not vary apart from controls and groups")
    n, df = len(y), len(y) - _constants(len(y), groups) - int(rank) - 1
    if df < 1:
        raise ValueError(
            f"{n} rows leave no degree of freedom for {int(rank) + 1} slopes and "
            f"{_constants(n, groups)} constants"
        )
    estimate = (x @ y) / (x @ x)
    left = y - estimate * x
    error = np.sqrt(left @ left / df / (x @ x))
    robust, robust_df = error, df
    if groups:
        sums = np.bincount(groups[0], weights=x * left)
        n_groups = len(np.unique(groups[0]))
        correction = n_groups / (n_groups - 1) * (n - 1) / (n - rank - 2)
        robust = np.sqrt(correction * np.sum(sums**2)) / (x @ x)
        robust_df = n_groups - 1
    return Slope(
        estimate=float(estimate),
        error=float(error),
        robust_error=float(robust),
        t=float(estimate / error) if error > 0 else float(np.inf * np.sign(estimate)),
        df=df,
        robust_df=robust_df,
        partial_r2=float((x @ y) ** 2 / ((x @ x) * (y @ y))) if y @ y > 0 else 0.0,
    )


def contrast(
    response: Float[np.ndarray, " row"],
    exposure: Float[np.ndarray, " row"],
    controls: Float[np.ndarray, "row control"],
    groups: Groups,
    *,
    level: float = 0.95,
) -> Contrast:
    """Compares a slope within groups with that of their means.

    Definition: the second is a regression of groups' means on those of exposure and
    controls. Without omitted variables that differ between groups (or within them)
    both estimate one slope. They are independent given the exposure, so the squared
    error of the difference is the sum of theirs (the robust one within groups), with
    Welch's degrees of freedom.

    Args:
        response: in any unit.
        exposure: in any unit.
        controls: of each row; ones that do not vary within groups count between them.
        groups: number of each row's group, from 0.
        level: coverage aimed at.

    Raises:
        ValueError: as `slope`, and if groups are fewer than controls and 5.

    Reference: Mundlak 1978, Econometrica 46; Hausman 1978, Econometrica 46 (the
        contrast); Welch 1947, Biometrika 34.
    """
    inside = slope(response, exposure, controls, (groups,))
    used, numbers = np.unique(groups, return_inverse=True)
    needed = controls.shape[1] + 2 + LEAST_DF
    if len(used) < needed:
        raise ValueError(
            f"{len(used)} groups are too few for a regression of their means on "
            f"{controls.shape[1] + 1} variables; needed are {needed}"
        )
    table = np.column_stack([response, exposure, controls]).astype(np.float64)
    means = group_means(table, numbers)
    across = slope(means[:, 0], means[:, 1], means[:, 2:])
    squares = np.array([inside.robust_error, across.error]) ** 2
    freedom = np.array([inside.robust_df, across.df], np.float64)
    df = np.sum(squares) ** 2 / np.sum(squares**2 / freedom)
    half = float(stats.t.isf((1 - level) / 2, df) * np.sqrt(np.sum(squares)))
    difference = across.estimate - inside.estimate
    return Contrast(
        within=inside,
        between=across,
        difference=difference,
        low=difference - half,
        high=difference + half,
    )


def within(
    values: Float[np.ndarray, "row column"], groups: Sequence[Groups] = ()
) -> Float[np.ndarray, "row column"]:
    """Takes the means of groups off each column; of all rows where there is no group.

    Definition: with several groupings, means of each in turn until they are all zero,
    which is the residual of a regression on constants of every group.

    Args:
        values: in any units.
        groups: numbers of each row's group, from 0.

    Reference: Guimaraes and Portugal 2010, Stata Journal 10.
    """
    scale = np.maximum(np.ptp(values, axis=0), np.finfo(np.float64).tiny)
    found = values - values.mean(axis=0)
    for _ in range(1000):
        largest = 0.0
        for numbers in groups:
            means = group_means(found, numbers)
            found = found - means[numbers]
            largest = max(largest, float(np.max(np.abs(means) / scale)))
        if len(groups) < 2 or largest < 1e-13:
            break
    return found


def group_means(
    values: Float[np.ndarray, "row column"], groups: Groups
) -> Float[np.ndarray, "group column"]:
    """Averages rows of each group; a group without rows has zeros.

    Args:
        values: in any units.
        groups: number of each row's group, from 0.

    Reference: our own definition.
    """
    sizes = np.maximum(np.bincount(groups), 1)
    sums = [np.bincount(groups, weights=column) for column in values.T]
    return (np.array(sums).reshape(values.shape[1], len(sizes)) / sizes).T


def _constants(n: int, groups: Sequence[Groups]) -> int:
    """How many constants of groups can be told apart."""
    if not groups:
        return 1
    if len(groups) == 1:
        return len(np.unique(groups[0]))
    one, other = groups  # rows join groups of both; each joined part costs one
    shape = (int(one.max()) + 1, int(other.max()) + 1)
    joined = sparse.coo_matrix((np.ones(n), (one, other + shape[0])), [sum(shape)] * 2)
    parts = sparse.csgraph.connected_components(joined, directed=False)[0]
    return sum(shape) - parts
