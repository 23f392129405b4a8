"""Any function of rows on its resamples, given how often each row was drawn."""

import functools as ft
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

BLOCK = 2**22
"""Numbers that one compiled call gathers at a time."""

Statistic = Callable[..., Any]
Columns = Sequence[np.ndarray]
Counts = Int[np.ndarray, "draw row"]
Values = Float[np.ndarray, " draw *statistic"]


def replicates(statistic: Statistic, columns: Columns, counts: Counts) -> Values:
    """Finds a statistic of each resample.

    Definition: `statistic(*rows)`, where `rows` holds row i of each column
    `counts[b, i]` times, in the columns' order; or, if the statistic has a parameter
    `weights`, `statistic(*columns, weights=counts[b])`, which saves copying rows, and
    compiling anew for each number of rows where resamples have several.

    A statistic that JAX can trace is mapped over draws in float64, in blocks of a
    bounded size; any other (one of NumPy or SciPy) is called once for each draw.

    A column that is constant in a draw has no spread, yet rounding may give it one: the
    statistic then counts as undefined, NaN, if it is not finite with ones in place of
    the constant and one row repeated until the number of rows is a power of two, where
    arithmetic is exact. So a mean has a value there and a correlation has none.

    Args:
        statistic: maps arrays whose axis 0 is rows, of which neither number nor order
            is fixed, to a number or an array.
        columns: of the statistic, in float64 and any unit.
        counts: how often each draw holds each row.

    Reference: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 6
        (resamples), and section 20.2 (as weights of rows).
    """
    values = _values(statistic, columns, counts)
    flat = [column.reshape(len(column), -1) for column in columns]
    distinct = np.count_nonzero(counts, axis=1)
    suspects = np.flatnonzero(distinct <= max(_most_equal(x) for x in flat))
    if len(suspects) == 0:
        return values
    constant = _constant(np.concatenate(flat, axis=1), counts[suspects])
    for pattern in np.unique(constant[constant.any(axis=1)], axis=0):
        which = suspects[(constant == pattern).all(axis=1)]
        exact = _values(
            statistic, _with_ones(columns, pattern), _filled_up(counts[which])
        )
        values[which] = np.where(np.isfinite(exact), values[which], np.nan)
    return values


def takes_weights(statistic: Statistic) -> bool:
    """Says whether a statistic has a parameter `weights`.

    Args:
        statistic: any function.

    Reference: our own definition.
    """
    try:
        return "weights" in inspect.signature(statistic).parameters
    except ValueError:  # built into Python, without a signature
        return False


def _values(statistic: Statistic, columns: Columns, counts: Counts) -> Values:
    weighted = takes_weights(statistic)
    with jax.enable_x64(True):
        if not _traceable(statistic, columns, weighted=weighted):
            run = ft.partial(_on_host, statistic, columns, weighted=weighted)
            with np.errstate(all="ignore"), warnings.catch_warnings():
                # a draw without a value is NaN, and counted
                warnings.simplefilter("ignore", RuntimeWarning)
                return np.array([run(row) for row in counts], np.float64)
        arrays = tuple(jnp.asarray(column) for column in columns)
        if weighted:
            run = ft.partial(_of_weights, statistic, arrays)
            return _in_blocks(run, counts.astype(np.float64), _size(columns, counts))
        return _by_length(ft.partial(_of_rows, statistic, arrays), columns, counts)


def _by_length(
    run: Callable[[np.ndarray], Array], columns: Columns, counts: Counts
) -> Values:
    """Copies rows; draws of the same number of rows are compiled together."""
    n_rows = counts.sum(axis=1)
    lengths = np.unique(n_rows)
    # blocks of one size for all lengths, so that each is compiled once
    size = min(_size(columns, counts), -(-len(counts) // len(lengths)))
    parts, places = [], []
    for length in lengths:
        which = np.flatnonzero(n_rows == length)
        rows = np.tile(np.arange(counts.shape[1]), len(which))
        chosen = np.repeat(rows, counts[which].ravel()).reshape(len(which), length)
        parts.append(_in_blocks(run, chosen, size))
        places.append(which)
    return np.concatenate(parts)[np.argsort(np.concatenate(places))]


def _in_blocks(
    run: Callable[[np.ndarray], Array], chosen: np.ndarray, size: int
) -> Values:
    """Runs blocks of one size, the last one filled up with copies of its first row."""
    found = []
    for start in range(0, len(chosen), size):
        part = chosen[start : start + size]
        filled = np.concatenate([part, np.repeat(part[:1], size - len(part), axis=0)])
        found.append(np.asarray(run(filled))[: len(part)])
    return np.concatenate(found)


def _size(columns: Columns, counts: Counts) -> int:
    """Finds how many draws one block holds."""
    width = sum(column[0].size for column in columns)
    return max(1, min(len(counts), BLOCK // (counts.shape[1] * width)))


@ft.partial(jax.jit, static_argnums=0)
def _of_weights(
    statistic: Statistic, columns: tuple[Array, ...], weights: Array
) -> Array:
    return jax.vmap(lambda w: _number(statistic(*columns, weights=w)))(weights)


@ft.partial(jax.jit, static_argnums=0)
def _of_rows(statistic: Statistic, columns: tuple[Array, ...], rows: Array) -> Array:
    return jax.vmap(lambda i: _number(statistic(*(x[i] for x in columns))))(rows)


def _number(value: Any) -> Array:
    return jnp.asarray(value).astype(np.float64)


def _on_host(
    statistic: Statistic, columns: Columns, counts: np.ndarray, *, weighted: bool
) -> Any:
    if weighted:
        return statistic(*columns, weights=counts.astype(np.float64))
    rows = np.repeat(np.arange(len(counts)), counts)
    return statistic(*(column[rows] for column in columns))


def _traceable(statistic: Statistic, columns: Columns, *, weighted: bool) -> bool:
    """Says whether JAX can run the statistic; NumPy's and SciPy's raise TypeError."""
    given = [jax.ShapeDtypeStruct(x.shape, np.float64) for x in columns]
    weights = {"weights": jax.ShapeDtypeStruct((len(columns[0]),), np.float64)}
    try:
        jax.eval_shape(
            lambda x, w: _number(statistic(*x, **w)), given, weights if weighted else {}
        )
    except (TypeError, jax.errors.JAXIndexError):
        return False
    return True


def _most_equal(table: Float[np.ndarray, "row element"]) -> int:
    """Finds how many rows have the same value, at most, in one element."""
    return max(int(np.unique(x, return_counts=True)[1].max()) for x in table.T)


def _constant(
    table: Float[np.ndarray, "row element"], counts: Counts
) -> Bool[np.ndarray, "draw element"]:
    """Says which elements are the same in all rows of a draw."""
    found = np.empty((len(counts), table.shape[1]), bool)
    for number, row in enumerate(counts):
        drawn = table[row > 0]
        found[number] = (drawn == drawn[0]).all(axis=0)
    return found


def _filled_up(counts: Counts) -> Counts:
    """Repeats one row of each draw until the number of rows is a power of two."""
    found, rows = counts.copy(), counts.sum(axis=1)
    powers = 2 ** np.ceil(np.log2(rows)).astype(np.int64)
    found[np.arange(len(counts)), counts.argmax(axis=1)] += powers - rows
    return found


def _with_ones(
    columns: Columns, pattern: Bool[np.ndarray, " element"]
) -> list[np.ndarray]:
    """Puts ones in place of some elements."""
    found, start = [], 0
    for column in columns:
        width = column[0].size
        ones = pattern[start : start + width].reshape(column.shape[1:])
        found.append(np.where(ones, 1.0, column))
        start += width
    return found
