"""Coalitions: sets of protected layers as rows of a table, and linear maps of them."""

import itertools
import math

import numpy as np
from jaxtyping import Float, Int

from jaxdisp.search.lattice import FULL, QUANTIZED


def rows_of_sets(
    assignments: Int[np.ndarray, "subset layer"],
) -> dict[frozenset[int], int]:
    """Finds the row of each set of protected layers.

    Definition: a layer is protected where its version is 0, full precision.

    Args:
        assignments: the version of each layer in each row; 0 or 1.

    Raises:
        ValueError: if a version is not 0 or 1, or a set is there twice.

    Reference: our own definition.
    """
    others = sorted(set(np.unique(assignments).tolist()) - {FULL, QUANTIZED})
    if others:
        raise ValueError(
            f"assignments hold version(s) {', '.join(map(str, others))}: layers play a "
            "game of two versions; give the rows with 0 and 1 only"
        )
    rows: dict[frozenset[int], int] = {}
    for row, versions in enumerate(assignments):
        protected = frozenset(np.flatnonzero(versions == FULL).tolist())
        if protected in rows:
            raise ValueError(
                f"rows {rows[protected]} and {row} protect the same layers "
                f"{sorted(protected)}; give each set once"
            )
        rows[protected] = row
    return rows


def row_of(rows: dict[frozenset[int], int], protected: frozenset[int]) -> int:
    """Looks up the row of a set.

    Args:
        rows: what `rows_of_sets` returns.
        protected: the protected layers.

    Raises:
        ValueError: if the table lacks the set.

    Reference: our own definition.
    """
    if protected not in rows:
        raise ValueError(
            f"the table has no row that protects just {sorted(protected)}; measure it"
        )
    return rows[protected]


def complete_order(rows: dict[frozenset[int], int], n_layers: int) -> int:
    """Finds the largest size up to which every set of protected layers is there.

    Args:
        rows: what `rows_of_sets` returns; the set of all layers is always known.
        n_layers: layers of the model.

    Raises:
        ValueError: if the row without protection, or one of a single layer, is missing.

    Reference: our own definition.
    """
    sizes = [0] * (n_layers + 1)
    for protected in rows:
        sizes[len(protected)] += 1
    sizes[n_layers] = 1
    order = -1
    while order < n_layers and sizes[order + 1] == math.comb(n_layers, order + 1):
        order += 1
    if order < 1:
        raise ValueError(
            "the value of a layer needs the row without protection and the "
            f"{n_layers} rows that protect one layer; they are not all there"
        )
    return order


def mobius_map(
    rows: dict[frozenset[int], int], sets: list[frozenset[int]], n_rows: int
) -> Float[np.ndarray, "set subset"]:
    """Writes the Moebius transform of losses as one weight per row.

    Definition: `m(T) = sum_{S subset T} (-1)^{|T| - |S|} v(S)` of the value
    `v(S) = D(none) - D(S)`, so that row S has the weight `-(-1)^{|T| - |S|}`; `D(none)`
    cancels. Protecting all layers is full precision, which needs no row.

    Args:
        rows: what `rows_of_sets` returns.
        sets: the sets T, not empty, all of whose subsets are there.
        n_rows: rows of the table.

    Reference: Rota 1964; Grabisch, Marichal and Roubens 2000, Mathematics of
    Operations Research 25.
    """
    table = np.zeros((len(sets), n_rows))
    for number, members in enumerate(sets):
        for part in subsets_of(members):
            if part in rows:
                sign = -1.0 if (len(members) - len(part)) % 2 else 1.0
                table[number, rows[part]] = -sign
    return table


def shapley_map(
    rows: dict[frozenset[int], int], n_layers: int, order: int, n_rows: int
) -> Float[np.ndarray, "layer subset"]:
    """Writes Shapley values of losses as one weight per row.

    Definition: with all sets there, those with layer i have the weight
    `-1 / (L C(L-1, |S|-1))` and those without it `1 / (L C(L-1, |S|))`. With the sets
    up to k layers, `phi_i = sum_{T with i, |T| <= k} m(T) / |T|`.

    Args:
        rows: what `rows_of_sets` returns.
        n_layers: layers of the model, L.
        order: what `complete_order` returns, k.
        n_rows: rows of the table.

    Reference: Shapley 1953; Grabisch 1997, Fuzzy Sets and Systems 92 (the Shapley
    value from the Moebius transform).
    """
    weights = np.zeros((n_layers, n_rows))
    if order == n_layers:
        for members, row in rows.items():
            size = len(members)
            for layer in range(n_layers):
                without = size - (layer in members)
                share = 1 / (n_layers * math.comb(n_layers - 1, without))
                weights[layer, row] = -share if layer in members else share
        return weights
    for size in range(1, order + 1):
        sets = [*map(frozenset, itertools.combinations(range(n_layers), size))]
        members = np.array([[i in s for i in range(n_layers)] for s in sets])
        weights += members.T / size @ mobius_map(rows, sets, n_rows)
    return weights


def subsets_of(members: frozenset[int]) -> list[frozenset[int]]:
    """Lists all subsets of a set, the empty one and itself included.

    Args:
        members: the set.

    Reference: our own definition.
    """
    ordered = sorted(members)
    sizes = range(len(ordered) + 1)
    parts = (itertools.combinations(ordered, size) for size in sizes)
    return [*map(frozenset, itertools.chain.from_iterable(parts))]
