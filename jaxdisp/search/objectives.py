"""Objectives: one number per protection set, with the draws it would have had."""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from jaxdisp.measure import disparity
from jaxdisp.result import result
from jaxdisp.stats import bca, bootstrap

OBJECTIVES = ("mean", "worst", "max_min", "difference", "log_ratio")
"""Measures of `disparity.measures` of which a search may want the smallest."""
TWO_SIDED = ("difference", "log_ratio")
"""Those of which the absolute value is wanted small: hurting the other side is no gain.
"""
CHUNK = 2**12
# subsets times languages at a time: 2000 draws of them are 64 MB


@result
class Objectives:
    """One objective of each set: of the data, of each draw, without each text.

    All sets share their draws, so that differences between them are paired. In nats
    per sentence, except `log_ratio` (no unit), which is NaN where it is unbounded.
    They are in float64, since differences between sets are small.
    """

    estimate: Float[np.ndarray, " subset"]
    replicates: Float[np.ndarray, "draw subset"]
    jackknife: Float[np.ndarray, "cluster subset"]


def objectives(
    added: Float[np.ndarray, "sentence subset language"],
    groups: Int[np.ndarray, " sentence"],
    *,
    weights: Float[np.ndarray, "side language"],
    objective: str = "worst",
    key: PRNGKeyArray,
    draws: int = 2000,
) -> Objectives:
    """Measures one objective of every set, on the same resamples of texts for all.

    Definition: `disparity.measures` of the mean over sentences, of a `difference` or
    `log_ratio` the absolute value. Sets are taken in
    chunks with the same key, which gives the same draws, so that an array of draws,
    sets and languages never exists.

    Args:
        added: nats added to each sentence against full precision.
        groups: the text that each sentence belongs to.
        weights: of each language in the low and the high mean, each row summing to 1.
        objective: one of `OBJECTIVES`.
        key: of the draws; the same key gives the same draws.
        draws: number of resamples.

    Raises:
        ValueError: if the objective is unknown.

    Reference: our own definition; resamples as in `stats.bootstrap`.
    """
    if objective not in OBJECTIVES:
        raise ValueError(
            f"objective {objective!r}: must be one of {', '.join(OBJECTIVES)}"
        )
    step = max(1, CHUNK // added.shape[-1])
    parts = []
    with jax.enable_x64(True):
        sides = jnp.asarray(weights, np.float64)
        for start in range(0, added.shape[1], step):
            chunk = added[:, start : start + step]
            resamples = bootstrap.resample(chunk, groups, key=key, draws=draws)
            parts.append(np.asarray(_measured(resamples, sides, objective)))
    values = np.concatenate(parts, axis=1)
    return Objectives(
        estimate=values[0],
        replicates=values[1 : 1 + draws],
        jackknife=values[1 + draws :],
    )


def estimates(
    added: Float[np.ndarray, "sentence subset language"],
    *,
    weights: Float[np.ndarray, "side language"],
    objective: str,
) -> Float[np.ndarray, " subset"]:
    """Measures one objective of every set, without draws.

    Definition: `estimate` of `objectives`.

    Args:
        added: nats added to each sentence against full precision.
        weights: of each language in the low and the high mean, each row summing to 1.
        objective: one of `OBJECTIVES`.

    Reference: our own definition.
    """
    with jax.enable_x64(True):
        losses = jnp.asarray(added.mean(axis=0), np.float64)
        sides = jnp.asarray(weights, np.float64)
        return np.asarray(_value(losses, sides, objective))


def chosen(
    found: Objectives, rows: Bool[np.ndarray, " subset"] | Int[np.ndarray, " set"]
) -> Objectives:
    """Takes some of the sets.

    Args:
        found: objectives of all sets.
        rows: the sets to take, as a mask or as places.

    Reference: our own definition.
    """
    return Objectives(
        estimate=found.estimate[rows],
        replicates=found.replicates[:, rows],
        jackknife=found.jackknife[:, rows],
    )


def bounded(found: Objectives) -> Bool[np.ndarray, " subset"]:
    """Flags the sets whose objective is a number in the data and in every draw.

    Args:
        found: objectives of all sets.

    Reference: our own definition; after the rule for log-ratios of `disparity`.
    """
    return np.isfinite(found.estimate) & np.isfinite(found.replicates).all(axis=0)


def interval(
    estimate: Float[np.ndarray, " *statistic"],
    replicates: Float[np.ndarray, " draw *statistic"],
    jackknife: Float[np.ndarray, " cluster *statistic"],
    *,
    level: float = 0.95,
) -> bca.Interval:
    """Finds the BCa interval of float64 numbers, in JAX's default float type.

    Args:
        estimate: of the data.
        replicates: of each draw.
        jackknife: of the data without each text.
        level: coverage aimed at.

    Reference: Efron 1987, JASA 82, as in `bca.bca_interval`.
    """
    return bca.bca_interval(*map(real, (estimate, replicates, jackknife)), level=level)


def real(x: Float[np.ndarray, " *any"] | np.floating) -> Array:
    """Moves float64 numbers to JAX in its default float type.

    Args:
        x: the numbers.

    Reference: our own definition.
    """
    return jnp.asarray(x.astype(jnp.result_type(float)))


@ft.partial(jax.jit, static_argnums=2)
def _measured(
    resamples: bootstrap.Resamples, sides: Array, objective: str
) -> Float[Array, "row subset"]:
    """Takes the objective of the data, then of the draws, then without each text."""
    sums = jnp.concatenate(
        [resamples.sums[None], resamples.replicate_sums, resamples.jackknife_sums]
    )
    n_sentences = jnp.concatenate(
        [
            resamples.n_sentences[None],
            resamples.replicate_n_sentences,
            resamples.jackknife_n_sentences,
        ]
    )
    losses = sums / n_sentences[:, None, None]
    return jax.vmap(lambda x: _value(x, sides, objective))(losses)


def _value(
    losses: Float[Array, "subset language"], sides: Array, objective: str
) -> Float[Array, " subset"]:
    found = disparity.measures(losses, sides)[objective]
    return jnp.abs(found) if objective in TWO_SIDED else found
