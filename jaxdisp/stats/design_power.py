"""Power of a design: two groups of rows, read on the same clusters of columns.

Rows are languages and columns parallel sentences, which come in clusters, texts. A cell
is `d [row in the first group] + a[row] + b[cluster] + c[column] + i[row, cluster] +
e[row, column]`, all parts independent with mean 0. What rows share, b and c, drops out
of the difference d of the two groups.

Of other rows, `d` is known up to how rows differ, however many columns there are; of
these very rows, whose `a` belong to `d` then, it is known up to how clusters differ.
"""

import dataclasses
import math
from collections.abc import Iterator
from typing import Literal

import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from scipy import special

from jaxdisp.result import result
from jaxdisp.stats import t_test_power
from jaxdisp.stats.power import check_alpha, check_power

Over = Literal["rows", "clusters"]
"""What the difference is to hold for: other rows, or other clusters of these rows."""

CELLS = 2**20
"""Normal numbers drawn at once."""

MIN_DRAWS = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Components:
    """Standard deviations of the parts of a cell, in its unit.

    `rows` within a group; `clusters` and `columns` of what rows share; `interaction` of
    row and cluster; `residual` of a cell beyond all these.
    """

    rows: float
    clusters: float = 0.0
    columns: float = 0.0
    interaction: float = 0.0
    residual: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Design:
    """How many rows there are in either group, clusters, and columns per cluster."""

    rows: tuple[int, int]
    clusters: int
    per_cluster: int


@result
class Simulated:
    """Differences seen where there is none, each with its standard error.

    A true difference d makes them `difference + d` and leaves the errors alone.
    """

    difference: Float[np.ndarray, " draw"]
    error: Float[np.ndarray, " draw"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share:
    """A share of simulated studies, and its Monte Carlo standard error."""

    estimate: float
    error: float


def degrees(design: Design, over: Over) -> int:
    """Counts the degrees of freedom of the standard error.

    Definition: rows less 2, or clusters less 1.

    Args:
        design: of the study.
        over: what the difference is to hold for.

    Raises:
        ValueError: if a group has no row, there are no columns, or none is left.

    Reference: textbook definition.
    """
    if min(design.rows) < 1 or design.clusters < 1 or design.per_cluster < 1:
        raise ValueError(
            f"a design needs a row in both groups, a cluster and a column, got {design}"
        )
    free = sum(design.rows) - 2 if over == "rows" else design.clusters - 1
    if free < 1:
        needed = "3 rows in two groups" if over == "rows" else "2 clusters"
        raise ValueError(f"a study over {over} needs at least {needed}, got {design}")
    return free


def standard_error(design: Design, components: Components, over: Over) -> float:
    """Computes how far a difference of two groups is off.

    Definition: `sqrt((1 / n + 1 / m) (s_rows^2 + s_interaction^2 / clusters +
    s_residual^2 / columns))` for groups of n and m; without `s_rows` over clusters.

    Args:
        design: of the study.
        components: of a cell.
        over: what the difference is to hold for.

    Raises:
        ValueError: if the design is none, or a component negative or not finite.

    Reference: Searle, Casella and McCulloch 1992, Variance Components, section 4.3.
    """
    degrees(design, over)
    if not all(x >= 0 and math.isfinite(x) for x in dataclasses.astuple(components)):
        raise ValueError(f"components must be finite and at least 0, got {components}")
    between = components.rows**2 if over == "rows" else 0.0
    between += components.interaction**2 / design.clusters
    between += components.residual**2 / (design.clusters * design.per_cluster)
    return math.sqrt(between * (1 / design.rows[0] + 1 / design.rows[1]))


def normal_power(
    effect: float,
    design: Design,
    components: Components,
    *,
    over: Over = "rows",
    alpha: float = 0.05,
) -> float:
    """Computes how often a difference is found, where all parts are normal.

    Definition: `t_test_power.power` of the effect in standard errors: the pooled t test
    of the rows' means, or the paired one of the clusters'.

    Args:
        effect: true difference of the groups, in the unit of a cell.
        design: of the study.
        components: of a cell.
        over: what the difference is to hold for.
        alpha: level of the two-sided test.

    Raises:
        ValueError: if the design is none, nothing varies, or alpha is not in (0, 1).

    Reference: as for `t_test_power.power`.
    """
    error = standard_error(design, components, over)
    if error == 0:
        raise ValueError("power needs something that varies: all components are 0")
    return t_test_power.power(effect / error, degrees(design, over), alpha=alpha)


def simulated(
    design: Design,
    components: Components,
    *,
    key: PRNGKeyArray,
    over: Over = "rows",
    draws: int = 2000,
    skewed: bool = False,
) -> Simulated:
    """Simulates studies in which the groups do not differ.

    Definition: the mean of each row in each cluster is drawn; over rows, the difference
    of the groups' means of row means with its pooled standard error; over clusters, the
    mean over clusters of the groups' difference with that of a mean, and rows do not
    differ.

    Args:
        design: of the study.
        components: of a cell.
        key: of the draws.
        over: what the difference is to hold for.
        draws: how many studies.
        skewed: whether rows differ like exponential numbers, a few far above the rest,
            instead of normal ones.

    Raises:
        ValueError: if the design is none, a component is negative, all that matter are
            0, or there are fewer than 100 draws.

    Reference: our own definition.
    """
    if standard_error(design, components, over) == 0:
        raise ValueError("power needs something that varies: all components are 0")
    if draws < MIN_DRAWS:
        raise ValueError(f"draws must be at least {MIN_DRAWS}, got {draws}")
    scales = np.array(dataclasses.astuple(components))
    if over == "clusters":
        scales[0] = 0.0
    factors = scales / np.sqrt([1, 1, design.per_cluster, 1, design.per_cluster])
    found = [
        _studies(drawn, factors, design, over, skewed=skewed)
        for drawn in _drawn(key, design, draws)
    ]
    difference, error = np.concatenate(found, axis=1)
    return Simulated(difference=difference, error=error)


def shown(
    studies: Simulated, effect: float, design: Design, over: Over, alpha: float = 0.05
) -> Share:
    """Counts the studies that find a difference.

    Definition: the share of `|difference + effect| >= t error`, t the quantile of
    Student's distribution at `1 - alpha / 2`.

    Args:
        studies: simulated without a difference.
        effect: true difference of the groups, in the unit of a cell.
        design: that they were simulated with.
        over: what the difference is to hold for.
        alpha: level of the two-sided test.

    Raises:
        ValueError: if alpha is not in (0, 1).

    Reference: our own definition.
    """
    bound = _critical(design, over, alpha) * studies.error
    share = float(np.mean(np.abs(studies.difference + effect) >= bound))
    error = math.sqrt(share * (1 - share) / len(bound))
    return Share(estimate=share, error=error)


def smallest_effect(
    studies: Simulated, wanted: float, design: Design, over: Over, alpha: float = 0.05
) -> tuple[float, float, float]:
    """Finds the smallest difference that simulated studies show so often.

    Definition: the quantile at `wanted` of `t error - difference`, the true difference
    from which on a study finds it, with its sign; the bounds are the order statistics
    whose ranks are 1.96 binomial standard errors away.

    Args:
        studies: simulated without a difference.
        wanted: power, between alpha and 1.
        design: that they were simulated with.
        over: what the difference is to hold for.
        alpha: level of the two-sided test.

    Returns:
        The difference, and the bounds of its 95 % Monte Carlo interval.

    Raises:
        ValueError: if power or alpha are out of range.

    Reference: our own definition; Conover 1999, Practical Nonparametric Statistics,
        section 3.2 (the interval of a quantile).
    """
    check_power(wanted, alpha)
    needed = np.sort(
        _critical(design, over, alpha) * studies.error - studies.difference
    )
    half = 1.96 * math.sqrt(wanted * (1 - wanted) / len(needed))
    shares = np.clip([wanted, wanted - half, wanted + half], 0, 1)
    estimate, low, high = np.quantile(needed, shares).tolist()
    return estimate, low, high


def _critical(design: Design, over: Over, alpha: float) -> float:
    check_alpha(alpha)
    return -float(special.stdtrit(degrees(design, over), alpha / 2))


def _drawn(
    key: PRNGKeyArray, design: Design, draws: int
) -> Iterator[Float[np.ndarray, "draw part column"]]:
    """Draws the normal numbers of all studies, some studies at a time.

    A study has a line of one per cluster for what rows share in clusters and one for
    what they do in columns, then for each row its interaction, then its residual; the
    last column is for rows. One size is compiled, whatever the design.
    """
    shape = 2 + 2 * sum(design.rows), design.clusters + 1
    cells = math.prod(shape)
    batch, blocks = max(1, CELLS // cells), -(-cells // CELLS)
    for start in range(0, draws, batch):
        keys = jax.random.split(jax.random.fold_in(key, start), blocks)
        numbers = np.concatenate([np.asarray(_normal(each)) for each in keys])
        n = min(batch, draws - start)
        yield numbers[: n * cells].reshape(n, *shape)


@jax.jit
def _normal(key: PRNGKeyArray) -> Float[Array, " cell"]:
    return jax.random.normal(key, (CELLS,))


def _studies(
    drawn: Float[np.ndarray, "draw part column"],
    factors: Float[np.ndarray, " component"],
    design: Design,
    over: Over,
    *,
    skewed: bool,
) -> Float[np.ndarray, "2 draw"]:
    """The difference and its standard error in each study.

    Cells are the means of a row in a cluster: nothing else of its columns matters.
    """
    n_rows = sum(design.rows)
    parts, of_rows = drawn[:, :, :-1], drawn[:, 2 : 2 + n_rows, -1:]
    if skewed:  # minus the logarithm of a uniform number is exponential
        of_rows = -special.log_ndtr(of_rows) - 1
    cells = factors[0] * of_rows
    cells = cells + factors[1] * parts[:, :1] + factors[2] * parts[:, 1:2]
    cells += factors[3] * parts[:, 2 : 2 + n_rows] + factors[4] * parts[:, 2 + n_rows :]
    one, other = cells[:, : design.rows[0]], cells[:, design.rows[0] :]
    if over == "clusters":
        gaps = one.mean(axis=1) - other.mean(axis=1)
        errors = gaps.std(axis=1, ddof=1) / math.sqrt(design.clusters)
        return np.stack([gaps.mean(axis=1), errors])
    means = [side.mean(axis=2) for side in (one, other)]
    squares = sum(len(side[0]) * side.var(axis=1) for side in means)
    factor = (1 / design.rows[0] + 1 / design.rows[1]) / degrees(design, over)
    gaps = means[0].mean(axis=1) - means[1].mean(axis=1)
    return np.stack([gaps, np.sqrt(squares * factor)])
