"""Components of a design, estimated from a table of rows and clustered columns."""

import numpy as np
from jaxtyping import Float, Int

from jaxdisp.stats.design_power import Components
from jaxdisp.stats.variance_components import row_variance


def estimated(
    cells: Float[np.ndarray, "row column"],
    groups: Int[np.ndarray, " member"],
    clusters: Int[np.ndarray, " place"],
) -> Components:
    """Estimates the standard deviations of the parts of a cell.

    Definition: unbiased variances by unweighted means of clusters, negative ones taken
    as 0. The residual is what is left within clusters of a cell after its row's mean
    and its column's, over `(R - 1) (N - C)`; less `mean(1 / columns of a cluster)`
    times that, what is left of a mean in a cluster is the interaction's, over `(R - 1)
    (C - 1)`. Rows: `row_variance(...).excess` of the means in clusters, within each
    group, weighted by its rows less 1. Columns and clusters: the same steps on the
    means over rows, whose noise is known by then. If no cluster has two columns, all of
    the interaction is residual, and all that is shared is the columns'.

    Args:
        cells: of every row and column, in any unit.
        groups: of each row.
        clusters: of each column.

    Raises:
        ValueError: if cells are not finite, sizes do not fit, no group has 2 rows, or
            there are fewer than 2 clusters.

    Reference: Searle, Casella and McCulloch 1992, Variance Components, sections 4.3 and
        5.3 (unweighted means).
    """
    _check(cells, groups, clusters)
    numbers = np.unique(clusters, return_inverse=True)[1]
    sizes = np.bincount(numbers)
    n_rows, n_columns, n_clusters = *cells.shape, len(sizes)
    member = np.eye(n_clusters)[numbers]
    means = cells @ member / sizes
    within = cells - means[:, numbers]
    shared = within.mean(axis=0)
    inverse = float(np.mean(1 / sizes))
    free = n_columns - n_clusters
    residual = columns = 0.0
    if free:
        left = np.sum((within - shared) ** 2)
        residual = float(left / ((n_rows - 1) * free))
        columns = float(np.sum(shared**2)) / free - residual / n_rows
    centred = means - means.mean(axis=1, keepdims=True)
    common = centred.mean(axis=0)
    noise = np.sum((centred - common) ** 2) / ((n_rows - 1) * (n_clusters - 1))
    between = float(np.var(common, ddof=1) - noise / n_rows)
    interaction = float(noise - inverse * residual)
    if not free:
        residual, interaction, columns, between = interaction, 0.0, between, 0.0
    return Components(
        rows=_deviation(_between_rows(means, groups)),
        clusters=_deviation(between - inverse * max(columns, 0.0) * (free > 0)),
        columns=_deviation(columns),
        interaction=_deviation(interaction),
        residual=_deviation(residual),
    )


def _between_rows(means: np.ndarray, groups: np.ndarray) -> float:
    of_groups = [means[groups == group][..., None] for group in np.unique(groups)]
    large = [cells for cells in of_groups if len(cells) > 1]
    weights = np.array([len(cells) - 1 for cells in large])
    excess = np.array([row_variance(cells).excess for cells in large])
    return float(weights @ excess / weights.sum())


def _deviation(variance: float) -> float:
    return float(np.sqrt(max(variance, 0.0)))


def _check(cells: np.ndarray, groups: np.ndarray, clusters: np.ndarray) -> None:
    if cells.shape != (len(groups), len(clusters)):
        raise ValueError(
            f"cells are {cells.shape}, but there are {len(groups)} rows in groups and "
            f"{len(clusters)} columns in clusters"
        )
    if not np.all(np.isfinite(cells)):
        raise ValueError("components need finite values in every cell")
    if len(groups) == 0 or np.unique(groups, return_counts=True)[1].max() < 2:
        raise ValueError("components need a group with at least 2 rows")
    if len(np.unique(clusters)) < 2:
        raise ValueError("components need at least 2 clusters, got 1")
