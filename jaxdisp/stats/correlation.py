"""Correlations of few points: intervals that know how few, and permutations."""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from scipy import stats

from jaxdisp.result import result


@result
class RankCorrelation:
    """Spearman's correlation with its interval and what permutations give.

    `null_low` and `null_high` hold 95 % of the correlations after one side is permuted;
    `p_value` is two-sided.
    """

    estimate: float
    low: float
    high: float
    null_low: float
    null_high: float
    p_value: float
    n: int


def rank_correlation(
    x: Float[np.ndarray, " point"],
    y: Float[np.ndarray, " point"],
    *,
    key: PRNGKeyArray,
    draws: int = 10_000,
    level: float = 0.95,
) -> RankCorrelation:
    """Correlates ranks, with an interval and a permutation test.

    Definition: Pearson's r of ranks, ties sharing theirs; the interval is
    `tanh(atanh r -/+ z sqrt((1 + r^2 / 2) / (n - 3)))`, where |r| counts as half a step
    below 1 at most, `1 - 6 / (n^3 - n)`: a perfect order of few is not certain;
    `p = (1 + #{|r_b| >= |r|}) / (1 + draws)`.

    Args:
        x: one value per point.
        y: another.
        key: of the permutations.
        draws: how many permutations.
        level: coverage aimed at; `1 - 0.05 / m` for m correlations tried.

    Raises:
        ValueError: if there are fewer than 5 points, or either side is constant or
            not finite.

    Reference: Bonett and Wright 2000, Psychometrika 65, equation 4 (the interval);
        Phipson and Smyth 2010, arXiv:1603.05766 (the p-value).
    """
    if x.shape != y.shape or x.ndim != 1 or len(x) < 5:
        raise ValueError(
            f"a correlation needs two values of at least 5 points, got {x.shape} and "
            f"{y.shape}"
        )
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        raise ValueError("a correlation needs finite values")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise ValueError("a constant correlates with nothing")
    ranks = [_standardized(stats.rankdata(side)) for side in (x, y)]
    estimate = float(np.clip(ranks[0] @ ranks[1], -1.0, 1.0))
    null = np.asarray(
        _permuted(key, jnp.asarray(ranks[0]), jnp.asarray(ranks[1]), draws)
    )
    low, high = rank_interval(estimate, len(x), level=level)
    null_low, null_high = np.quantile(null, [0.025, 0.975])
    beyond = np.sum(np.abs(null) >= abs(estimate) - 1e-6)  # float32 ranks
    return RankCorrelation(
        estimate=estimate,
        low=low,
        high=high,
        null_low=float(null_low),
        null_high=float(null_high),
        p_value=float((1 + beyond) / (1 + draws)),
        n=len(x),
    )


def rank_interval(
    estimate: float, n: int, *, level: float = 0.95
) -> tuple[float, float]:
    """Finds the interval of a rank correlation of so many points.

    Definition: see `rank_correlation`.

    Args:
        estimate: Spearman's correlation.
        n: number of points.
        level: coverage aimed at.

    Raises:
        ValueError: if there are fewer than 5 points.

    Reference: Bonett and Wright 2000, Psychometrika 65, equation 4.
    """
    if n < 5:
        raise ValueError(f"an interval needs at least 5 points, got {n}")
    largest = 1 - 6 / (n**3 - n)
    inside = float(np.clip(estimate, -largest, largest))
    error = np.sqrt((1 + inside**2 / 2) / (n - 3))
    half = float(stats.norm.isf((1 - level) / 2)) * error
    low, high = np.tanh(np.arctanh(inside) - half), np.tanh(np.arctanh(inside) + half)
    return float(min(low, estimate)), float(max(high, estimate))


def _standardized(ranks: np.ndarray) -> np.ndarray:
    centred = ranks - ranks.mean()
    return centred / np.linalg.norm(centred)


@ft.partial(jax.jit, static_argnums=3)
def _permuted(key: PRNGKeyArray, x: Array, y: Array, draws: int) -> Array:
    keys = jax.random.split(key, draws)
    return jax.vmap(lambda one: jax.random.permutation(one, x) @ y)(keys)
