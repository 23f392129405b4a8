"""Variance components: how far rows differ, beyond what their noise explains."""

import numpy as np
from jaxtyping import Float, Int

from jaxdisp.result import result


@result
class RowVariance:
    """Variance between means of rows, summed over channels.

    `observed` is that of the means as they are, and `noise` what it would be if rows
    differed only by what varies from column to column within them.
    """

    observed: float
    noise: float

    @property
    def excess(self) -> float:
        """What noise does not explain; unbiased, so that it may be negative."""
        return self.observed - self.noise


def row_variance(cells: Float[np.ndarray, "row column channel"]) -> RowVariance:
    """Measures how far rows differ from each other in a two-way layout.

    Definition: with `m[r]` the mean of row r over C columns and `e[r, c]` what is left
    of a cell after the means of its row and column, `observed = sum_r |m[r] - m|^2 /
    (R - 1)` and `noise = sum_rc |e[r, c]|^2 / ((R - 1) (C - 1) C)`. What all rows have
    in common in a column is no noise: columns are the same texts in every row. The
    noise is what random halves of the columns give on average: the variance of rows in
    the difference of the halves' means, over 4.

    Args:
        cells: in any unit.

    Raises:
        ValueError: if there are fewer than 2 rows or columns.

    Reference: Searle, Casella and McCulloch 1992, Variance Components, section 4.3
        (two-way crossed, without interaction, analysis-of-variance estimator).
    """
    n_rows, n_columns = _sizes(cells)
    centred = cells - cells.mean(axis=0)  # takes each column's mean off every row
    rows = centred.mean(axis=1)
    left = centred - rows[:, None]
    observed = float(np.sum(rows**2)) / (n_rows - 1)
    noise = float(np.sum(left**2)) / ((n_rows - 1) * (n_columns - 1) * n_columns)
    return RowVariance(observed=observed, noise=noise)


def shuffled_excess(
    cells: Float[np.ndarray, "row column channel"],
    order: Int[np.ndarray, "draw column row"],
) -> Float[np.ndarray, " draw"]:
    """Measures the excess that is left when rows are mixed up within each column.

    Definition: `row_variance(...).excess` of `mixed[r, c] = cells[order[c, r], c]`, for
    each order; around 0, whatever the rows are. Only means of rows change, and their
    squares are sums of inner products of cells, which are taken once.

    Args:
        cells: in any unit.
        order: of the rows, per column.

    Raises:
        ValueError: if there are fewer than 2 rows or columns.

    Reference: Good 2005, Permutation, Parametric and Bootstrap Tests of Hypotheses,
        section 9.2 (labels permuted within blocks).
    """
    n_rows, n_columns = _sizes(cells)
    flat = (cells - cells.mean(axis=0)).reshape(n_rows * n_columns, -1)
    inner = flat @ flat.T
    place = (order * n_columns + np.arange(n_columns)[:, None]).swapaxes(1, 2)
    pairs = inner[place[..., :, None], place[..., None, :]]
    squares = pairs.sum(axis=(1, 2, 3)) / n_columns**2
    everything = float(np.trace(inner))
    noise = (everything / n_columns - squares) / ((n_rows - 1) * (n_columns - 1))
    return squares / (n_rows - 1) - noise


def _sizes(cells: np.ndarray) -> tuple[int, int]:
    n_rows, n_columns = cells.shape[:2]
    if n_rows < 2 or n_columns < 2:
        raise ValueError(
            f"variance between rows needs 2 rows and 2 columns, got {n_rows} and "
            f"{n_columns}"
        )
    return n_rows, n_columns
