"""Paired cluster bootstrap: every resample of every column in one matrix product."""

import functools as ft
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jaxdisp.result import result
from jaxdisp.stats import bca

MIN_DRAWS = 100


@result
class Resamples:
    """Sums over sentences, and their number: of the data, draws, left-out clusters.

    `sums` and `n_sentences` are of the data; `replicate_*` of each bootstrap resample;
    `jackknife_*` of the data without one cluster.
    """

    sums: Float[Array, " *column"]
    n_sentences: Float[Array, ""]
    replicate_sums: Float[Array, " draw *column"]
    replicate_n_sentences: Float[Array, " draw"]
    jackknife_sums: Float[Array, " cluster *column"]
    jackknife_n_sentences: Float[Array, " cluster"]


def draw_counts(
    key: PRNGKeyArray, *, n_clusters: int, draws: int = 2000
) -> Int[np.ndarray, "draw cluster"]:
    """Counts how often each resample contains each cluster.

    Each row is one draw from Multinomial(C; 1/C, ..., 1/C), with C = `n_clusters`.

    Args:
        key: of the draws; the same key gives the same counts.
        n_clusters: number of clusters; each resample contains as many.
        draws: number of resamples.

    Raises:
        ValueError: if there are fewer than 2 clusters or fewer than 100 draws.

    Reference: Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 6.2.
    """
    if n_clusters < 2:
        raise ValueError(
            f"got {n_clusters} cluster(s), at least 2 are needed: one cluster holds no "
            "information on the spread between clusters"
        )
    if draws < MIN_DRAWS:
        raise ValueError(f"draws must be at least {MIN_DRAWS}, got {draws}")
    # the high half of bits x n is uniform on 0..n-1 up to n / 2^32
    bits = np.asarray(jax.random.bits(key, (draws, n_clusters), np.uint32), np.uint64)
    chosen = (bits * np.uint64(n_clusters) >> np.uint64(32)).astype(np.int64)
    cells = chosen + n_clusters * np.arange(draws)[:, None]
    counts = np.bincount(cells.ravel(), minlength=draws * n_clusters)
    return counts.reshape(draws, n_clusters)


def resample(
    values: Float[ArrayLike, " sentence *column"],
    clusters: Int[ArrayLike, " sentence"] | None = None,
    *,
    key: PRNGKeyArray,
    draws: int = 2000,
) -> Resamples:
    """Resamples whole clusters of sentences, the same ones in every column.

    With N[b, c] = how often draw b contains cluster c, S[c] = sum of the values and
    n[c] = number of sentences of cluster c, draw b has the sums N[b] @ S and the
    N[b] @ n sentences; without cluster c they are sum(S) - S[c] and sum(n) - n[c].

    The product is taken of deviations from the column's mean, so the sums are as exact
    as JAX's float type can hold them (6e-8 of the sum in float32). A small difference
    of large values has to be taken per sentence, before this call. A NaN or infinite
    value makes its column NaN and leaves the others alone.

    Args:
        values: of each sentence and column, in any unit; columns may have any shape.
        clusters: id of each sentence's cluster, 0 or larger, with gaps allowed; without
            it each sentence is a cluster of its own.
        key: of the draws.
        draws: number of resamples.

    Raises:
        ValueError: if `values` has no axis, `clusters` is not one integer of 0 or more
            per sentence, there are fewer than 2 clusters, or fewer than 100 draws.

    Reference: Davison and Hinkley 1997, Bootstrap Methods and their Application,
    section 3.8 (clusters drawn with replacement, kept whole).
    """
    table = np.asarray(values, np.float64)
    if table.ndim == 0:
        raise ValueError("values must be [sentence, ...], got a single number")
    sentences = len(table)
    cluster, n_clusters = cluster_numbers(clusters, sentences)
    counts = draw_counts(key, n_clusters=n_clusters, draws=draws)
    with np.errstate(invalid="ignore"):  # infinity minus infinity: a NaN column
        center = table.mean(axis=0)
        deviations = _cluster_sums(table - center, cluster, n_clusters)
    sizes = np.bincount(cluster)
    return _resample(*map(_real, (counts, deviations, sizes, center)))


def mean(
    sums: Float[Array, " *column"], n_sentences: Float[Array, ""]
) -> Float[Array, " *column"]:
    """Divides sums by the number of sentences: the statistic of `interval` for a mean.

    mean = sums / n_sentences; over clusters of unequal size this is a ratio estimator.

    Args:
        sums: over sentences, in any unit.
        n_sentences: number of sentences.

    Reference: Davison and Hinkley 1997, Bootstrap Methods and their Application,
    section 3.8.
    """
    return sums / n_sentences


def interval(
    resamples: Resamples,
    statistic: Callable[[Array, Array], Any] = mean,
    *,
    level: float = 0.95,
    expanded: bool = True,
) -> Any:
    """Finds the BCa interval of any smooth statistic of sums, or of several.

    The statistic is taken of the data, of each draw and without each cluster, and
    `bca.bca_interval` does the rest. Other denominators than the number of sentences
    (bytes, tokens) are further columns. Several statistics in one call are compiled
    together.

    Args:
        resamples: what `resample` returns.
        statistic: maps (sums[*column], n_sentences[]) to an array or a pytree of them;
            mapped over draws with `jax.vmap`.
        level: coverage aimed at.
        expanded: see `bca.bca_interval`.

    Returns:
        A `bca.Interval` in place of each array of the statistic.

    Raises:
        ValueError: if `level` is not between 0 and 1.

    Reference: Efron 1987, Better Bootstrap Confidence Intervals, JASA 82.
    """
    mapped = ft.partial(_mapped, statistic)
    return jax.tree.map(
        ft.partial(bca.bca_interval, level=level, expanded=expanded),
        _applied(statistic, resamples.sums, resamples.n_sentences),
        mapped(resamples.replicate_sums, resamples.replicate_n_sentences),
        mapped(resamples.jackknife_sums, resamples.jackknife_n_sentences),
    )


# the statistic is static: one that is defined once is compiled once
@ft.partial(jax.jit, static_argnums=0)
def _applied(statistic: Callable[[Array, Array], Any], sums: Array, n: Array) -> Any:
    return statistic(sums, n)


@ft.partial(jax.jit, static_argnums=0)
def _mapped(statistic: Callable[[Array, Array], Any], sums: Array, n: Array) -> Any:
    return jax.vmap(statistic)(sums, n)


@jax.jit
def _resample(
    counts: Float[Array, "draw cluster"],
    deviations: Float[Array, " cluster *column"],
    sizes: Float[Array, " cluster"],
    center: Float[Array, " *column"],
) -> Resamples:
    """Finds all sums from those of deviations from the center, which add up to 0."""
    total = jnp.sum(sizes)
    drawn, left = jnp.matmul(counts, sizes, precision="highest"), total - sizes
    sums = jnp.tensordot(counts, deviations, axes=1, precision="highest")
    return Resamples(
        sums=total * center,
        n_sentences=total,
        replicate_sums=sums + jnp.multiply.outer(drawn, center),
        replicate_n_sentences=drawn,
        jackknife_sums=jnp.multiply.outer(left, center) - deviations,
        jackknife_n_sentences=left,
    )


def cluster_numbers(
    clusters: ArrayLike | None, sentences: int
) -> tuple[Int[np.ndarray, " sentence"], int]:
    """Numbers the clusters 0, 1, ... without gaps, and counts them.

    Args:
        clusters: id of each sentence's cluster, 0 or larger; without it each sentence
            is a cluster of its own.
        sentences: how many there are.

    Raises:
        ValueError: if `clusters` is not one integer of 0 or more per sentence.

    Reference: our own definition.
    """
    if clusters is None:
        return np.arange(sentences), sentences
    ids = np.asarray(clusters)
    if ids.shape != (sentences,) or ids.dtype.kind not in "iu":
        raise ValueError(
            f"clusters must be one integer for each of the {sentences} sentences, "
            f"got shape {ids.shape} of {ids.dtype}"
        )
    if ids.size and ids.min() < 0:
        raise ValueError(f"cluster ids must be 0 or larger, got {ids.min()}")
    found, numbers = np.unique(ids, return_inverse=True)
    return numbers, len(found)


def _cluster_sums(
    values: Float[np.ndarray, " sentence *column"],
    cluster: Int[np.ndarray, " sentence"],
    n_clusters: int,
) -> Float[np.ndarray, " cluster *column"]:
    """Adds up the sentences of each cluster."""
    if n_clusters == len(values):
        return values[np.argsort(cluster)]
    order = np.argsort(cluster, kind="stable")
    starts = np.searchsorted(cluster[order], np.arange(n_clusters))
    return np.add.reduceat(values[order], starts, axis=0)


def _real(x: np.ndarray | np.floating) -> Array:
    """Moves numbers to JAX in its default float type."""
    return jnp.asarray(x.astype(jnp.result_type(float)))
