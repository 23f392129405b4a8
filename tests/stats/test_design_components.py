"""Components that were put in, mean squares by hand, and statsmodels' table."""

import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.stats import design_components

GROUPS = np.array([0, 0, 0, 1, 1, 1, 1])


def drawn(key, n_rows, sizes, deviations):
    """A table of rows, clusters of these sizes, and parts of these deviations."""
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    shapes = [(n_rows, 1), (1, len(sizes)), (1, len(clusters))]
    shapes += [(n_rows, len(sizes)), (n_rows, len(clusters))]
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    numbers = np.asarray(jax.random.normal(key, (ends[-1],)), np.float64)
    parts = [
        scale * part.reshape(shape)
        for scale, part, shape in zip(
            deviations, np.split(numbers, ends[:-1]), shapes, strict=True
        )
    ]
    spread = [
        parts[0],
        parts[1][:, clusters],
        parts[2],
        parts[3][:, clusters],
        parts[4],
    ]
    return sum(spread), clusters


def found(cells, groups, clusters):
    parts = design_components.estimated(cells, groups, clusters)
    names = ("rows", "clusters", "columns", "interaction", "residual")
    return np.array([getattr(parts, name) for name in names])


def test_what_was_put_in_comes_out():
    deviations = (1.0, 0.8, 1.2, 0.6, 2.0)
    sizes = [3, 5, 4, 6, 2] * 40
    groups = np.repeat([0, 1], 60)
    cells, clusters = drawn(jax.random.key(0), 120, sizes, deviations)
    cells[groups == 1] += 5.0  # no part of what differs within groups
    # 120 rows and 200 clusters: 8 % of a deviation are four of its errors
    np.testing.assert_allclose(found(cells, groups, clusters), deviations, rtol=0.25)
    np.testing.assert_allclose(
        found(cells, groups, clusters)[2:], deviations[2:], rtol=0.05
    )


def test_variances_are_unbiased_with_uneven_clusters():
    deviations = np.array([1.0, 2.0, 1.5, 1.0, 0.5])
    sizes = [1, 2, 6, 3]
    squares = []
    for key in jax.random.split(jax.random.key(1), 800):
        cells, clusters = drawn(key, 7, sizes, deviations)
        squares.append(found(cells, GROUPS, clusters) ** 2)
    squares = np.array(squares)
    errors = squares.std(axis=0) / np.sqrt(len(squares))
    # taking negative ones as 0 lifts a mean by less than this at these sizes
    lifted = np.array([0.02, 0.02, 0.0, 0.0, 0.0])
    gap = squares.mean(axis=0) - deviations**2
    assert np.all(np.abs(gap) < 4 * errors + lifted)


def test_balanced_tables_are_as_mean_squares_say():
    """Textbook mean squares of one group: rows x clusters, columns within clusters."""
    n_rows, n_clusters, each = 5, 4, 3
    cells, clusters = drawn(
        jax.random.key(2), n_rows, [each] * 4, (2.0, 2.0, 1, 1, 0.5)
    )
    y = cells.reshape(n_rows, n_clusters, each)
    grand, of_rows = y.mean(), y.mean((1, 2), keepdims=True)
    of_clusters, both = y.mean((0, 2), keepdims=True), y.mean(2, keepdims=True)
    of_columns = y.mean(0, keepdims=True)
    free = (n_rows - 1) * (n_clusters - 1)
    inside = n_clusters * (each - 1)
    ms_rows = each * n_clusters * np.sum((of_rows - grand) ** 2) / (n_rows - 1)
    ms_clusters = each * n_rows * np.sum((of_clusters - grand) ** 2) / (n_clusters - 1)
    ms_both = each * np.sum((both - of_rows - of_clusters + grand) ** 2) / free
    ms_columns = n_rows * np.sum((of_columns - of_clusters) ** 2) / inside
    left = np.sum((y - both - of_columns + of_clusters) ** 2)
    ms_left = left / ((n_rows - 1) * inside)
    expected = [
        (ms_rows - ms_both) / (each * n_clusters),
        (ms_clusters - ms_both - ms_columns + ms_left) / (each * n_rows),
        (ms_columns - ms_left) / n_rows,
        (ms_both - ms_left) / each,
        ms_left,
    ]
    one_group = np.zeros(n_rows, np.int64)
    np.testing.assert_allclose(
        found(cells, one_group, clusters) ** 2, np.maximum(expected, 0), rtol=1e-9
    )


def test_without_two_columns_in_a_cluster_all_is_residual():
    cells, clusters = drawn(jax.random.key(3), 7, [1] * 50, (1.0, 1.0, 1.0, 1.0, 1.0))
    _, of_clusters, columns, interaction, residual = found(cells, GROUPS, clusters)
    assert of_clusters == interaction == 0
    assert residual == pytest.approx(np.sqrt(2), rel=0.15)
    assert columns == pytest.approx(np.sqrt(2), rel=0.35)


@given(st.integers(0, 2**31), st.floats(-5, 5), st.floats(0.1, 10))
def test_shifts_do_not_matter_and_scales_do(seed, shift, scale):
    cells, clusters = drawn(
        jax.random.key(seed), 7, [2, 3, 2], (1.0, 1.0, 1.0, 1.0, 1.0)
    )
    here = found(cells, GROUPS, clusters)
    moved = scale * cells + shift + 3.0 * GROUPS[:, None]
    np.testing.assert_allclose(
        found(moved, GROUPS, clusters), scale * here, rtol=1e-6, atol=1e-6 * scale
    )


REFUSED = [
    ((np.ones((7, 4)), GROUPS, np.arange(5)), r"cells are \(7, 4\), but there are 7"),
    ((np.full((7, 4), np.nan), GROUPS, np.arange(4)), "finite values in every cell"),
    ((np.ones((7, 4)), np.arange(7), np.arange(4)), "a group with at least 2 rows"),
    ((np.ones((7, 4)), GROUPS, np.zeros(4, np.int64)), "at least 2 clusters, got 1"),
]


@pytest.mark.parametrize(("given_", "message"), REFUSED)
def test_refuses(given_, message):
    with pytest.raises(ValueError, match=message):
        design_components.estimated(*given_)
