"""Ranking: the place of each protection set, and how far its place is known."""

import os
from concurrent import futures

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxdisp.result import result
from jaxdisp.search import objectives, simultaneous
from jaxdisp.stats import bca

BLOCK = 64
# sets that are compared with all others at a time: 64 x 2000 draws stay in the cache


@result
class Ranking:
    """The place of each set by its objective, 1 for the smallest, 0 for unbounded.

    Equal sets share the lower rank. `low` to `high` is the interval of the rank of that
    set, each set by itself (marginal). `among_best` flags the sets that are not
    distinguishable from the best. `share_best` says in which share of draws a set is
    the best (equals share it); it describes the draws and is no probability of being
    the best. Sets that are not `bounded` have an objective that is not a number in some
    draw: they get no rank, take no part, and count in no other set's rank.
    """

    objective: Float[np.ndarray, " subset"]
    rank: Int[np.ndarray, " subset"]
    low: Int[np.ndarray, " subset"]
    high: Int[np.ndarray, " subset"]
    among_best: Bool[np.ndarray, " subset"]
    share_best: Float[np.ndarray, " subset"]
    bounded: Bool[np.ndarray, " subset"]


def ranking(
    found: objectives.Objectives, *, level: float = 0.95, expanded: bool = True
) -> Ranking:
    """Ranks all sets, with an interval of each rank that holds near ties, too.

    Definition: with `t[j, k] = (D_j - D_k) / se[j, k]` of p sets, `c_j` the critical
    value of `max_k |t*[j, k]|` (draws, centred), the rank of j lies between
    `1 + #{k: t[j, k] > c_j}` and `p - #{k: t[j, k] < -c_j}`. A set is among the best
    unless `t[j, k] > d_j` for some k, with `d_j` that of `max_k t*[j, k]`. Each set
    that is the best stays among the best with probability `level`, also where several
    are. Critical values are of one step (no step-down) and, unless `expanded` is off,
    widened for the number of texts as `simultaneous.critical_values` says.

    With few texts the widening falls short where sets differ in more ways than there
    are texts.

    The quantiles of resampled ranks, which this replaces, miss the rank of equal sets
    most of the time: resampling cannot know that they are equal.

    Args:
        found: objectives of all sets; a smaller one is better.
        level: coverage aimed at.
        expanded: whether to widen for the number of texts.

    Raises:
        ValueError: if `level` is not between 0 and 1.

    Reference: Mogstad, Romano, Shaikh and Wilhelm 2024, Review of Economic Studies 91
    (marginal intervals, one step); Hsu 1981, Annals of Statistics 9 (comparisons with
    the best).
    """
    bounded = objectives.bounded(found)
    some = objectives.chosen(found, bounded)
    places = np.flatnonzero(bounded)
    clusters = len(found.jackknife) if expanded else None
    rank, low, high = np.zeros((3, len(bounded)), int)
    among_best, share = np.zeros(len(bounded), bool), np.zeros(len(bounded))
    if len(places):
        rank[places], low[places], high[places], among_best[places] = _places(
            some, level=level, clusters=clusters
        )
        share[places] = _share_best(some.replicates)
    return Ranking(
        objective=found.estimate,
        rank=rank,
        low=low,
        high=high,
        among_best=among_best,
        share_best=share,
        bounded=bounded,
    )


def _share_best(
    replicates: Float[np.ndarray, "draw subset"],
) -> Float[np.ndarray, " subset"]:
    """Finds the share of draws in which each set is the best; equals share a draw."""
    best = replicates <= replicates.min(axis=1, keepdims=True) + _tie(replicates)
    return (1.0 / best.sum(axis=1)) @ best / len(best)


def _places(
    found: objectives.Objectives, *, level: float, clusters: int | None
) -> Int[np.ndarray, "4 subset"]:
    """Finds rank, its bounds, and whether among the best, in blocks of sets."""
    centred = found.replicates - found.replicates.mean(axis=0)
    deviations = (found.replicates - found.estimate).T.astype(np.float32)
    variance = np.einsum("ds,ds->s", centred, centred)
    everything, tie = jnp.asarray(deviations), _tie(found.replicates)
    sets, draws = deviations.shape
    block = min(BLOCK, sets)

    def one_block(start: int) -> Int[np.ndarray, "4 block"]:
        # the last block overlaps the one before, so that all have one shape
        rows = slice(start, start + block)
        product = centred[:, rows].T @ centred
        squares = variance[rows, None] + variance - 2 * product
        error = np.sqrt(np.maximum(squares, 0.0) / (draws - 1))
        weight = np.where(error > tie, 1.0 / np.where(error > tie, error, 1.0), 0.0)
        up, down = _extremes(
            everything, jnp.asarray(deviations[rows]), _single(weight.T)
        )
        critical = simultaneous.critical_values(
            np.concatenate([np.maximum(up, down), up]), level=level, clusters=clusters
        )
        gap = found.estimate[rows, None] - found.estimate
        t = simultaneous.studentized(gap, error, np.full((1, 1), tie))
        two_sided, one_sided = critical[:block, None], critical[block:, None]
        return np.stack(
            [
                1 + (gap > tie).sum(axis=1),
                1 + (t > two_sided).sum(axis=1),
                sets - (t < -two_sided).sum(axis=1),
                ~(t > one_sided).any(axis=1),
            ]
        )

    starts = [min(s, sets - block) for s in range(0, sets, block)]
    # XLA keeps one core busy with one block, so that threads use all cores
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(one_block, starts))
    return np.concatenate([*parts[:-1], parts[-1][:, len(parts) * block - sets :]], 1)


def _tie(replicates: Float[np.ndarray, "draw subset"]) -> float:
    """Finds what roundings of float64 objectives may add up to."""
    largest = max(float(replicates.max()), -float(replicates.min()))
    return bca.ROUNDINGS * float(np.finfo(np.float64).eps) * largest


def _single(x: Float[np.ndarray, "subset block"]) -> Array:
    return jnp.asarray(x.astype(np.float32))


@jax.jit
def _extremes(
    everything: Float[Array, "subset draw"],
    rows: Float[Array, "block draw"],
    weight: Float[Array, "subset block"],
) -> tuple[Float[Array, "block draw"], Float[Array, "block draw"]]:
    """Finds the largest of `rows - everything` and of its opposite, in errors.

    One set at a time is compared with the block, so that all stays in the cache.
    """

    def compare(
        largest: tuple[Array, Array], other: tuple[Array, Array]
    ) -> tuple[tuple[Array, Array], None]:
        one, scale = other
        t = (rows - one[None]) * scale[:, None]
        up, down = largest
        return (jnp.maximum(up, t), jnp.maximum(down, -t)), None

    # a set is no rival of its own: 0 where all others lie on one side
    start = (jnp.zeros_like(rows), jnp.zeros_like(rows))
    return jax.lax.scan(compare, start, (everything, weight))[0]
