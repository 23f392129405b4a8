"""Bootstrap intervals of any function of paired and clustered rows."""

from collections.abc import Sequence

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Int, PRNGKeyArray

from jaxdisp.stats.bootstrap import cluster_numbers, draw_counts
from jaxdisp.stats.bootstrap_kinds import (
    KINDS,
    BootstrapInterval,
    Resampled,
    interval_of,
)
from jaxdisp.stats.jackknife import jackknife_error
from jaxdisp.stats.replicates import BLOCK, Statistic, replicates

LEAST_CLUSTERS = 5
"""Clusters without which 2.5 % of resamples are only a handful of different ones."""

LEAST_BEYOND = 5
"""Draws that must lie beyond each quantile."""


def bootstrap_interval(
    statistic: Statistic,
    columns: Sequence[ArrayLike],
    *,
    kind: str = "bca",
    clusters: Int[ArrayLike, " row"] | None = None,
    key: PRNGKeyArray,
    draws: int = 2000,
    level: float = 0.95,
    standard_error: Statistic | None = None,
) -> BootstrapInterval:
    """Finds an interval of any function of rows, such as a correlation or a median.

    Definition: `bootstrap_intervals` of one kind.

    Args:
        statistic: see `replicates.replicates`; `stats/weighted.py` has some.
        columns: of the statistic; rows are drawn whole, the same ones of all columns.
        kind: percentile, basic, bca, expanded or studentized.
        clusters: id of each row's cluster, 0 or larger, with gaps allowed; rows are
            drawn in whole clusters. Without it each row is a cluster of its own.
        key: of the draws.
        draws: number of resamples.
        level: coverage aimed at.
        standard_error: see `bootstrap_intervals`.

    Raises:
        ValueError: as `bootstrap_intervals`.

    Reference: see `bootstrap_intervals`.
    """
    found = bootstrap_intervals(
        statistic,
        columns,
        kinds=(kind,),
        clusters=clusters,
        key=key,
        draws=draws,
        level=level,
        standard_error=standard_error,
    )
    return found[kind]


def bootstrap_intervals(
    statistic: Statistic,
    columns: Sequence[ArrayLike],
    *,
    kinds: Sequence[str] = KINDS,
    clusters: Int[ArrayLike, " row"] | None = None,
    key: PRNGKeyArray,
    draws: int = 2000,
    level: float = 0.95,
    standard_error: Statistic | None = None,
) -> dict[str, BootstrapInterval]:
    """Finds intervals of several kinds from the same resamples.

    Definition: with replicates T_b of the statistic t, their quantiles Q(p) linear
    between order statistics and `p = (1 - level) / 2`:

    - percentile: `Q(p), Q(1 - p)`; basic: `2 t - Q(1 - p), 2 t - Q(p)`;
    - bca: Q at the shares of `bca.adjusted`, with the acceleration of a jackknife that
      leaves out one cluster at a time; expanded: the same, widened for the number of
      clusters (see `bca.half_width`);
    - studentized: `t - s q(1 - p), t - s q(p)`, with s the standard error of t and q
      the quantiles of `(T_b - t) / s_b`. Without `standard_error`, s and s_b are those
      of a jackknife over the clusters of the data, and of each resample.

    A draw has as many clusters as the data, and with clusters of several sizes not as
    many rows. Draws in which the statistic has no value (see `replicates.replicates`)
    are left out and counted.

    A result's `caution` follows the coverage in `benchmarks/interval_coverage.py`: with
    few rows or clusters take expanded or studentized, the latter of a correlation as
    atanh, whose error does not depend on it; nothing helps a mean of 40 lognormal rows.
    Clusters of n_c rows count as `(sum_c n_c)^2 / sum_c n_c^2` of one size.

    Args:
        statistic: see `bootstrap_interval`; it may return an array.
        columns: see `bootstrap_interval`.
        kinds: which intervals.
        clusters: see `bootstrap_interval`.
        key: of the draws.
        draws: number of resamples.
        level: coverage aimed at.
        standard_error: of the statistic, a function of the same arguments, for the
            studentized kind; it has to allow for clusters.

    Raises:
        ValueError: if a kind is unknown; the level is not between 0 and 1; there are
            fewer than 5 clusters, or draws beyond a quantile; columns are empty, not
            finite or of different lengths; the statistic has no value for the data, in
            more draws than a tenth of a tail, or (if a kind needs it) without one
            cluster; it does not vary, or too few of its values differ for a kind.

    Reference: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapters 12
        to 14; Davison and Hinkley 1997, Bootstrap Methods and their Application,
        sections 2.4, 3.8 and 5.2; Hesterberg 2015, arXiv:1411.5279, section 5.3;
        Kish 1965, Survey Sampling, section 11.7 (clusters that differ in size).
    """
    _check(kinds, draws, level)
    arrays = _checked(columns)
    member, n_clusters = cluster_numbers(clusters, len(arrays[0]))
    if n_clusters < LEAST_CLUSTERS:
        what = "rows" if clusters is None else "clusters"
        raise ValueError(
            f"got {n_clusters} {what}, a bootstrap needs at least {LEAST_CLUSTERS}: "
            "fewer have so few different resamples that no tail can be told"
        )
    counts = draw_counts(key, n_clusters=n_clusters, draws=draws)
    without = 1 - np.eye(n_clusters, dtype=counts.dtype)
    ones = np.ones((1, n_clusters), counts.dtype)
    all_counts = np.concatenate([ones, without, counts])[:, member]
    values = replicates(statistic, arrays, all_counts)
    estimate, left_out = np.asarray(values[0]), values[1 : 1 + n_clusters]
    if not np.all(np.isfinite(estimate)):
        raise ValueError(f"the statistic of the data is {estimate}: it has no interval")
    steps = _changes_in_steps(left_out, arrays, member)
    errors = None
    if "studentized" in kinds:
        if standard_error is not None:
            both = np.concatenate([ones, counts])[:, member]
            errors = replicates(standard_error, arrays, both)
        elif steps:
            raise ValueError(
                "a jackknife has no standard error of a statistic that changes in "
                "steps, as a median does: give standard_error, or take another kind"
            )
        else:
            errors = _jackknife_errors(statistic, arrays, member, counts, left_out)
    found = Resampled(
        level=level,
        rows=len(member),
        effective=len(member) ** 2 / float(np.sum(np.bincount(member) ** 2)),
        estimate=estimate,
        left_out=left_out,
        drawn=values[1 + n_clusters :],
        errors=errors,
        steps=steps,
    )
    return {kind: interval_of(kind, found) for kind in kinds}


def _check(kinds: Sequence[str], draws: int, level: float) -> None:
    """Raises unless the kinds are known and the level leaves enough draws beyond."""
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    needed = int(np.ceil(2 * LEAST_BEYOND / (1 - level) - 1e-9))
    if draws < needed:
        raise ValueError(
            f"{draws} draws are too few for level {level:g}: at least {needed} leave "
            f"{LEAST_BEYOND} beyond each bound"
        )


def _checked(columns: Sequence[ArrayLike]) -> tuple[np.ndarray, ...]:
    """Makes columns float64; raises unless they are finite and of one length."""
    arrays = tuple(np.asarray(column, np.float64) for column in columns)
    shapes = [x.shape for x in arrays]
    if not arrays or any(len(shape) == 0 for shape in shapes):
        raise ValueError(
            "columns must be a tuple of arrays, such as (x,) or (x, y), whose "
            "axis 0 is rows"
        )
    if len({shape[0] for shape in shapes}) > 1 or any(x.size == 0 for x in arrays):
        raise ValueError(
            f"columns must have the same rows, at least one, got shapes {shapes}: pair "
            "them, or compare samples that are not paired by a column of labels"
        )
    for number, x in enumerate(arrays):
        if wrong := int(np.sum(~np.isfinite(x))):
            raise ValueError(
                f"column {number} has {wrong} value(s) that are NaN or infinite: leave "
                "out their rows, in all columns"
            )
    return arrays


def _changes_in_steps(
    left_out: Float[np.ndarray, " cluster *statistic"],
    columns: Sequence[np.ndarray],
    member: Int[np.ndarray, " row"],
) -> bool:
    """Says whether leaving out different clusters hardly ever differs."""
    table = np.concatenate([x.reshape(len(x), -1) for x in columns], axis=1)
    order = np.lexsort((*table.T, member))
    starts = np.flatnonzero(np.diff(member[order])) + 1
    different = {part.tobytes() for part in np.split(table[order], starts)}
    by_element = left_out.reshape(len(left_out), -1).T
    return min(len(np.unique(x)) for x in by_element) < len(different) / 2


def _jackknife_errors(
    statistic: Statistic,
    columns: tuple[np.ndarray, ...],
    member: Int[np.ndarray, " row"],
    counts: Int[np.ndarray, "draw cluster"],
    left_out: Float[np.ndarray, " cluster *statistic"],
) -> Float[np.ndarray, " one_and_draw *statistic"]:
    """Finds standard errors of the data and of each draw, leaving out drawn clusters.

    A cluster drawn twice is left out once at a time, and counts twice.
    """
    found = [jackknife_error(left_out)]
    at_once = max(1, 2 * BLOCK // (counts.shape[1] * len(member)))
    for start in range(0, len(counts), at_once):
        part = counts[start : start + at_once]
        draw, cluster = np.nonzero(part)
        less = part[draw]
        less[np.arange(len(less)), cluster] -= 1
        values = replicates(statistic, columns, less[:, member])
        ends = np.cumsum(np.count_nonzero(part, axis=1))[:-1]
        times = np.split(part[draw, cluster].astype(np.float64), ends)
        pieces = zip(np.split(values, ends), times, strict=True)
        found += [jackknife_error(piece, held) for piece, held in pieces]
    return np.array(found)
