"""Correlations of errors: against loops, and what random signs leave."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.measure import error_geometry
from tests.models import small


def products(n, layers=4, seed=0, common=0.0, width=6):
    """Products of errors that share a part in every text."""
    drawn = small.normal("errors", (n, layers, width), seed).astype(np.float64)
    errors = drawn + common * small.normal("common", (n, 1, width), seed)
    return np.einsum("gix,gjx->gij", errors, errors)


def test_correlations_and_pairs_are_of_one_pair_at_a_time():
    table = products(1)[0]
    found = error_geometry.pairs(error_geometry.correlations(table))
    expected = [
        table[i, j] / np.sqrt(table[i, i] * table[j, j])
        for i in range(4)
        for j in range(i + 1, 4)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    table[1] = table[:, 1] = 0.0
    assert not error_geometry.correlations(table)[1].any()


def test_squares_are_of_different_texts():
    given_products = products(5, layers=3)
    total = given_products.sum(axis=0)
    expected = []
    for i, j in ((0, 1), (0, 2), (1, 2)):
        crossed = sum(
            given_products[g, i, j] * given_products[h, i, j]
            for g in range(5)
            for h in range(5)
            if g != h
        )
        expected.append(crossed / (total[i, i] * total[j, j]) * 5 / 4)
    found = error_geometry.squared_correlation(given_products)
    np.testing.assert_allclose(found, np.mean(expected), rtol=1e-12)
    with pytest.raises(ValueError, match="at least 2 texts, got 1"):
        error_geometry.squared_correlation(given_products[:1])


@given(seed=st.integers(0, 50), order=st.permutations(range(4)))
def test_neither_sizes_nor_names_of_layers_matter(seed, order):
    table = products(6, seed=seed)
    scale = np.array([0.5, 1.0, 2.0, 8.0])
    scaled = table * scale[:, None] * scale[None]
    moved = scaled[:, order][:, :, order]
    found = error_geometry.squared_correlation(table)
    np.testing.assert_allclose(error_geometry.squared_correlation(moved), found)
    values = error_geometry.correlations(table)
    assert np.all(np.abs(values) <= 1 + 1e-12)
    np.testing.assert_allclose(np.diagonal(values, axis1=1, axis2=2), 1.0)


def test_independent_errors_have_no_squared_correlation_and_others_have_theirs():
    n = 200
    independent = [
        error_geometry.squared_correlation(products(16, seed=s, width=40))
        for s in range(n)
    ]
    error = np.std(independent) / np.sqrt(n)
    assert abs(np.mean(independent)) < 3 * error
    plain = [
        np.mean(
            error_geometry.pairs(
                error_geometry.correlations(products(16, seed=s, width=40).sum(0))
            )
            ** 2
        )
        for s in range(n)
    ]
    assert np.mean(plain) > 10 * error  # which it is without: biased by noise
    # errors with a common part of equal size correlate by one half
    related = [
        error_geometry.squared_correlation(products(16, seed=s, common=1.0, width=40))
        for s in range(50)
    ]
    np.testing.assert_allclose(np.mean(related), 0.25, atol=0.02)


def test_random_signs_have_the_variance_of_their_sentences():
    table = products(12, common=2.0)
    null = error_geometry.random_signs(table, key=jax.random.key(1), draws=2000)
    size = np.diagonal(table.sum(axis=0))
    row, column = np.triu_indices(4, 1)
    expected = np.sum(table[:, row, column] ** 2, axis=0) / (size[row] * size[column])
    # 2000 draws know a variance to about 5 %
    np.testing.assert_allclose(null.var(axis=0), expected, rtol=0.15)
    assert np.all(np.abs(null.mean(axis=0)) < 4 * np.sqrt(expected / 2000))


def test_texts_are_sums_of_sentences():
    values = np.arange(8.0).reshape(4, 2)
    found = error_geometry.by_text(values, np.array([3, 1, 3, 1]))
    np.testing.assert_array_equal(found, [values[[1, 3]].sum(0), values[[0, 2]].sum(0)])
