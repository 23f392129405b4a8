"""Mantel's test: do two tables of pairs agree, where pairs share their members."""

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy import stats

from jaxdisp.result import result


@result
class Agreement:
    """Rank correlation over pairs, its interval, and what permutations give.

    `null_low` and `null_high` hold 95 % of the correlations after the members of one
    table are permuted; `p_value` is two-sided; `n` counts members.
    """

    estimate: float
    low: float
    high: float
    null_low: float
    null_high: float
    p_value: float
    n: int


def agreement(
    x: Float[np.ndarray, "member member"],
    y: Float[np.ndarray, "member member"],
    *,
    key: PRNGKeyArray,
    draws: int = 2000,
    level: float = 0.95,
) -> Agreement:
    """Correlates two symmetric tables over the pairs of their members.

    Definition: Spearman's correlation r of the entries above the diagonal. Permutations
    exchange rows and columns of `y` together. The interval is that of `atanh r -/+
    t_{n-1} s`, `s^2 = (n - 2) / (2 n) sum_v (z_v - mean z)^2`, with `z_v` without
    member v.

    Args:
        x: one value per pair; the diagonal does not count.
        y: another.
        key: of the permutations.
        draws: how many permutations.
        level: coverage aimed at.

    Raises:
        ValueError: if there are fewer than 5 members, or a table is not square,
            constant or not finite.

    Reference: Mantel 1967, Cancer Research 27; Snijders and Borgatti 1999, Connections
        22, equation 4 (the jackknife over members).
    """
    n = len(x)
    if x.shape != y.shape or x.shape != (n, n) or n < 5:
        raise ValueError(
            "an agreement needs two square tables of at least 5 members, got "
            f"{x.shape} and {y.shape}"
        )
    place = np.triu_indices(n, 1)
    sides = x[place], y[place]
    if not all(np.all(np.isfinite(side)) and np.ptp(side) > 0 for side in sides):
        raise ValueError("an agreement needs finite values that are not all equal")
    estimate = _correlation(*sides)
    without = np.array([_left_out(x, y, member) for member in range(n)])
    spread = np.sum((without - without.mean()) ** 2) * (n - 2) / (2 * n)
    half = float(stats.t.isf((1 - level) / 2, n - 1)) * float(np.sqrt(spread))
    null = _null(x, y, key, draws)
    null_low, null_high = np.quantile(null, [0.025, 0.975])
    beyond = np.sum(np.abs(null) >= abs(estimate) - 1e-12)
    return Agreement(
        estimate=estimate,
        low=float(np.tanh(_scaled(estimate) - half)),
        high=float(np.tanh(_scaled(estimate) + half)),
        null_low=float(null_low),
        null_high=float(null_high),
        p_value=float((1 + beyond) / (1 + draws)),
        n=n,
    )


def _scaled(r: float) -> float:
    return float(np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)))


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    ranks = [stats.rankdata(side) for side in (x, y)]
    one, other = (side - side.mean() for side in ranks)
    scale = np.linalg.norm(one) * np.linalg.norm(other)
    return float(one @ other / scale) if scale else 0.0


def _left_out(x: np.ndarray, y: np.ndarray, member: int) -> float:
    kept = np.delete(np.arange(len(x)), member)
    some = np.ix_(kept, kept)
    place = np.triu_indices(len(kept), 1)
    return _scaled(_correlation(x[some][place], y[some][place]))


def _null(x: np.ndarray, y: np.ndarray, key: PRNGKeyArray, draws: int) -> np.ndarray:
    """Correlations after permutations; ranks are permuted, so they are taken once."""
    n = len(x)
    place = np.triu_indices(n, 1)
    ranks = []
    for side in (x, y):
        flat = stats.rankdata(side[place])
        flat = flat - flat.mean()
        table = np.zeros((n, n))
        table[place] = flat / np.linalg.norm(flat)
        ranks.append(table + table.T)
    # sorted by NumPy, which is far faster at it than XLA is on a CPU
    orders = np.argsort(np.asarray(jax.random.bits(key, (draws, n))), axis=1)
    permuted = ranks[1][orders[:, :, None], orders[:, None, :]]
    return permuted[:, place[0], place[1]] @ ranks[0][place]
