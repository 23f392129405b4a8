"""Permutation tests, of independent rows and of rows in clusters."""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, PRNGKeyArray
from scipy import stats

from jaxdisp.stats import block_permutation
from jaxdisp.stats.bootstrap import cluster_numbers
from jaxdisp.stats.permutation_outcome import (
    PermutationTest,
    Plan,
    outcome,
    p_value,
    planned,
)

LEAST_ROWS = 4
EXCHANGES = (*block_permutation.EXCHANGES, "means")


def correlation_test(
    x: Float[ArrayLike, " row"],
    y: Float[ArrayLike, " other"],
    *,
    ranks: bool = False,
    clusters: Int[ArrayLike, " cluster_of"] | None = None,
    exchange: str = "members",
    key: PRNGKeyArray,
    draws: int = 9999,
    alternative: str = "two-sided",
) -> PermutationTest:
    """Tests whether two columns are independent, by their correlation.

    Definition: y is rearranged and x stays; the p-value is the share of rearrangements
    that correlate as much (all of them where `draws` are enough, and else `(1 + #) /
    (1 + draws)`), two-sided twice the smaller of both sides'. Without clusters all
    orders count. Rows of a cluster (languages of a family) are not independent, and
    orders that mix clusters find far too many correlations; by `exchange`:

    - members: whole clusters of one size are exchanged, and the members of each; exact
      if `y = effect of the cluster + effect of the row`, with independent effects;
    - blocks: whole clusters of one size are exchanged, with their members in order;
      exact for any dependence within clusters;
    - means: correlates means of clusters, and exchanges all of them.

    Args:
        x: one value per row.
        y: another.
        ranks: whether to correlate ranks, ties sharing theirs (Spearman).
        clusters: id of each row's cluster, 0 or larger, with gaps allowed.
        exchange: members, blocks or means; of no account without clusters.
        key: of the rearrangements, where there are too many to take them all.
        draws: how many are not too many.
        alternative: two-sided, greater or less.

    Raises:
        ValueError: if columns differ in length, are not finite or constant, are of
            fewer than 4 rows (with means, clusters); no rearrangement changes
            anything; or a word or number is not allowed.

    Reference: Winkler et al. 2015, NeuroImage 123 (exchangeable blocks); Phipson and
        Smyth 2010, arXiv:1603.05766 (p-values of draws).
    """
    plan = planned(key, draws, alternative)
    given, other = (_finite(name, side) for name, side in (("x", x), ("y", y)))
    if given.shape != other.shape or len(given) < LEAST_ROWS:
        raise ValueError(
            f"a correlation needs two values of at least {LEAST_ROWS} rows each, got "
            f"shapes {given.shape} and {other.shape}"
        )
    numbers = _numbers(clusters, len(given), exchange)
    if numbers is not None and exchange == "means":
        given, other = (_means(side, numbers) for side in (given, other))
    if ranks:
        given, other = (stats.rankdata(side) for side in (given, other))
    given, other = (_standardized(side) for side in (given, other))
    if numbers is not None and exchange != "means":
        return _rearranged(given, other, numbers, exchange, plan)
    return _by_scipy(
        plan,
        (other,),
        lambda moved, axis: np.tensordot(moved, given, axes=(axis, 0)),
        kind="pairings",
        rearrangements=math.factorial(len(given)),
        null="rows" if numbers is None else "means",
    )


def difference_test(
    values: Float[ArrayLike, " row"],
    first: Bool[ArrayLike, " label"],
    *,
    clusters: Int[ArrayLike, " cluster_of"] | None = None,
    exchange: str = "members",
    key: PRNGKeyArray,
    draws: int = 9999,
    alternative: str = "two-sided",
) -> PermutationTest:
    """Tests whether two groups of rows have one law, by the difference of their means.

    Definition: as `correlation_test`, with labels in place of x: values are rearranged
    and labels stay. With "means", where clusters have to be of one group each, the
    difference is of means of clusters' means.

    Args:
        values: one per row, in any unit.
        first: whether a row is of the first group, whose mean comes first.
        clusters: id of each row's cluster, 0 or larger, with gaps allowed.
        exchange: members, blocks or means; see `correlation_test`.
        key: of the rearrangements, where there are too many to take them all.
        draws: how many are not too many.
        alternative: two-sided, greater (the first group's mean is) or less.

    Raises:
        ValueError: if there is no label for each value, a group is empty, values are
            not finite or constant; with "means", a cluster is of both groups; no
            rearrangement changes anything; or a word or number is not allowed.

    Reference: Fisher 1935, The Design of Experiments, section 21; Winkler et al. 2015,
        NeuroImage 123 (exchangeable blocks).
    """
    plan = planned(key, draws, alternative)
    table, labels = _finite("values", values), np.asarray(first)
    if labels.shape != table.shape or labels.dtype != np.bool_:
        raise ValueError(
            f"first must be true or false for each of {len(table)} values, got shape "
            f"{labels.shape} of {labels.dtype}"
        )
    numbers = _numbers(clusters, len(table), exchange)
    if numbers is not None and exchange == "means":
        share = _means(labels.astype(np.float64), numbers)
        if mixed := int(np.sum((share > 0) & (share < 1))):
            raise ValueError(
                f"{mixed} cluster(s) have rows of both groups: exchange members"
            )
        table, labels = _means(table, numbers), share > 0
    if labels.all() or not labels.any() or np.ptp(table) == 0:
        raise ValueError("a difference needs values that differ, and two groups")
    if numbers is not None and exchange != "means":
        weights = labels / labels.sum() - ~labels / (~labels).sum()
        return _rearranged(weights, table, numbers, exchange, plan)
    return _by_scipy(
        plan,
        (table[labels], table[~labels]),
        lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis),
        kind="independent",
        rearrangements=math.comb(len(table), int(labels.sum())),
        null="rows" if numbers is None else "means",
    )


def sign_flip_test(
    differences: Float[ArrayLike, " row"],
    *,
    clusters: Int[ArrayLike, " cluster_of"] | None = None,
    key: PRNGKeyArray,
    draws: int = 9999,
    alternative: str = "two-sided",
) -> PermutationTest:
    """Tests whether paired differences lie about zero, by their mean.

    Definition: as `correlation_test`, where signs of differences are flipped; those of
    a cluster together, so that only their sums count, and k clusters have `2^k` flips.

    Args:
        differences: one per row, in any unit.
        clusters: id of each row's cluster, 0 or larger, with gaps allowed.
        key: of the flips, where there are too many to take them all.
        draws: how many are not too many.
        alternative: two-sided, greater (the mean is above 0) or less.

    Raises:
        ValueError: if there are fewer than 2 differences (or clusters), they are not
            finite or all zero, or a word or number is not allowed.

    Reference: Fisher 1935, The Design of Experiments, section 21; Winkler et al. 2014,
        NeuroImage 92 (sign flips of exchangeable blocks).
    """
    plan = planned(key, draws, alternative)
    table = _finite("differences", differences)
    n, null = len(table), "signs"
    if clusters is not None:
        numbers, _ = cluster_numbers(clusters, n)
        table, null = np.bincount(numbers, weights=table), "cluster signs"
    if len(table) < 2 or not np.any(table):
        raise ValueError(
            "a mean of paired differences needs 2 or more (clusters of them) that are "
            f"not all zero, got {len(table)}"
        )
    return _by_scipy(
        plan,
        (table,),
        lambda flipped, axis: flipped.sum(axis=axis) / n,
        kind="samples",
        rearrangements=2 ** len(table),
        null=null,
    )


def _finite(name: str, values: ArrayLike) -> Float[np.ndarray, " row"]:
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or not np.all(np.isfinite(found)):
        raise ValueError(
            f"{name} must be one finite value per row, got shape {found.shape} with "
            f"{np.sum(~np.isfinite(found))} NaN or infinite"
        )
    return found


def _numbers(
    clusters: ArrayLike | None, n: int, exchange: str
) -> Int[np.ndarray, " row"] | None:
    """Numbers the clusters, if there are; raises if nothing can be exchanged."""
    if clusters is None:
        return None
    if exchange not in EXCHANGES:
        raise ValueError(
            f"exchange must be one of {', '.join(EXCHANGES)}, got {exchange!r}"
        )
    numbers, many = cluster_numbers(clusters, n)
    if exchange == "means":
        if many < LEAST_ROWS:
            raise ValueError(
                f"got {many} clusters, means need at least {LEAST_ROWS} to exchange"
            )
    elif block_permutation.rearrangements(numbers, exchange=exchange) == 1:
        raise ValueError(
            f"no two clusters of {np.bincount(numbers).tolist()} rows have one size: "
            "nothing can be exchanged whole"
        )
    return numbers


def _means(values: np.ndarray, numbers: np.ndarray) -> Float[np.ndarray, " cluster"]:
    return np.bincount(numbers, weights=values) / np.bincount(numbers)


def _standardized(values: np.ndarray) -> Float[np.ndarray, " row"]:
    if np.ptp(values) == 0:
        raise ValueError("a constant correlates with nothing")
    centred = values - values.mean()
    return centred / np.linalg.norm(centred)


def _by_scipy(
    plan: Plan,
    samples: tuple[np.ndarray, ...],
    statistic: Callable[..., Any],
    *,
    kind: str,
    rearrangements: int,
    null: str,
) -> PermutationTest:
    """Leaves independent rows to SciPy, which takes all rearrangements if they are few.

    Its seed is drawn from the key.
    """
    found = stats.permutation_test(
        samples,
        statistic,
        permutation_type=kind,
        vectorized=True,
        n_resamples=plan.draws,
        alternative=plan.alternative,
        rng=int(np.asarray(jax.random.bits(plan.key, dtype=np.uint32))),
    )
    return outcome(
        plan,
        float(found.statistic),
        np.asarray(found.null_distribution),
        p=float(found.pvalue),
        rearrangements=rearrangements,
        null=null,
    )


def _rearranged(
    weights: Float[np.ndarray, " row"],
    values: Float[np.ndarray, " row"],
    numbers: Int[np.ndarray, " row"],
    exchange: str,
    plan: Plan,
) -> PermutationTest:
    """Rearranges values that are summed with fixed weights."""
    many = block_permutation.rearrangements(numbers, exchange=exchange)
    if many <= plan.draws:
        orders = block_permutation.every(numbers, exchange=exchange)
    else:
        orders = block_permutation.sampled(
            plan.key, numbers, exchange=exchange, draws=plan.draws
        )
    seen = float(weights @ values)
    drawn = values[orders] @ weights
    return outcome(
        plan,
        seen,
        drawn,
        p=p_value(drawn, seen, plan.alternative, exact=many <= plan.draws),
        rearrangements=many,
        null=exchange,
    )
