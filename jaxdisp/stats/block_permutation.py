"""Rearrangements of clustered rows that leave their dependence as it is."""

import itertools
import math

import jax
import numpy as np
from jaxtyping import Int, PRNGKeyArray

EXCHANGES = ("members", "blocks")

Clusters = Int[np.ndarray, " row"]


def rearrangements(clusters: Clusters, *, exchange: str = "members") -> int:
    """Counts the rearrangements of rows that exchange only what is alike.

    Definition: with `k_s` clusters of s rows, `prod_s k_s! (s!)^k_s` for "members",
    which exchanges whole clusters of one size and the members of each, and `prod_s
    k_s!` for "blocks", which exchanges whole clusters and keeps their members' order.

    Args:
        clusters: number of each row's cluster, from 0 and without gaps.
        exchange: members or blocks.

    Raises:
        ValueError: if `exchange` is neither.

    Reference: Winkler et al. 2015, NeuroImage 123, "Multi-level block permutation".
    """
    if exchange not in EXCHANGES:
        raise ValueError(f"exchange must be members or blocks, got {exchange!r}")
    found = 1
    for alike in _alike(clusters):
        found *= math.factorial(len(alike))
        if exchange == "members":
            size = int(np.sum(clusters == alike[0]))
            found *= math.factorial(size) ** len(alike)
    return found


def every(
    clusters: Clusters, *, exchange: str = "members"
) -> Int[np.ndarray, "rearrangement row"]:
    """Lists all rearrangements, the one that changes nothing first.

    Definition: see `rearrangements`; row i of a rearrangement takes the value of row
    `order[i]`.

    Args:
        clusters: number of each row's cluster, from 0 and without gaps.
        exchange: members or blocks.

    Raises:
        ValueError: if `exchange` is neither.

    Reference: see `rearrangements`.
    """
    rearrangements(clusters, exchange=exchange)
    rows = _rows(clusters)
    choices = [itertools.permutations(numbers) for numbers in _alike(clusters)]
    orders = [_places(clusters, choice) for choice in itertools.product(*choices)]
    if exchange == "blocks":
        return np.array(orders)
    within = itertools.product(*(itertools.permutations(part) for part in rows))
    inside = []
    for parts in within:
        order = np.empty(len(clusters), np.int64)
        for part, permuted in zip(rows, parts, strict=True):
            order[part] = permuted
        inside.append(order)
    return np.array([order[one] for order in orders for one in inside])


def sampled(
    key: PRNGKeyArray, clusters: Clusters, *, exchange: str = "members", draws: int
) -> Int[np.ndarray, "draw row"]:
    """Draws rearrangements at random, each as likely as any other.

    Definition: see `every`.

    Args:
        key: of the draws.
        clusters: number of each row's cluster, from 0 and without gaps.
        exchange: members or blocks.
        draws: how many.

    Raises:
        ValueError: if `exchange` is neither.

    Reference: see `rearrangements`.
    """
    rearrangements(clusters, exchange=exchange)
    of_cluster, of_row = jax.random.split(key)
    rows, found = _rows(clusters), np.empty((draws, len(clusters)), np.int64)
    bits = np.asarray(jax.random.bits(of_cluster, (draws, len(rows)), np.uint32))
    mixed = np.asarray(jax.random.bits(of_row, (draws, len(clusters)), np.uint32))
    for numbers in _alike(clusters):
        table = np.array([rows[number] for number in numbers])
        blocks = table[np.argsort(bits[:, numbers], axis=1)]
        if exchange == "members":
            keys = mixed[:, table.ravel()].reshape(blocks.shape)
            blocks = np.take_along_axis(blocks, np.argsort(keys, axis=2), axis=2)
        found[:, table.ravel()] = blocks.reshape(draws, -1)
    return found


def _rows(clusters: Clusters) -> list[Int[np.ndarray, " member"]]:
    """Lists the rows of each cluster."""
    order = np.argsort(clusters, kind="stable")
    return np.split(order, np.cumsum(np.bincount(clusters))[:-1])


def _alike(clusters: Clusters) -> list[list[int]]:
    """Lists the clusters of each size."""
    sizes = np.bincount(clusters)
    return [np.flatnonzero(sizes == size).tolist() for size in np.unique(sizes)]


def _places(
    clusters: Clusters, choice: tuple[tuple[int, ...], ...]
) -> Int[np.ndarray, " row"]:
    """Finds the rows that come to each row's place when whole clusters move."""
    rows, order = _rows(clusters), np.empty(len(clusters), np.int64)
    for numbers, moved in zip(_alike(clusters), choice, strict=True):
        for number, other in zip(numbers, moved, strict=True):
            order[rows[number]] = rows[other]
    return order
