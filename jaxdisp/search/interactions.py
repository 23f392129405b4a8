"""Interactions: what each layer is worth, and what layers are worth only together."""

import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from jaxdisp.measure import disparity
from jaxdisp.result import result
from jaxdisp.search import coalitions, simultaneous
from jaxdisp.stats import bca, bootstrap


@result
class Shapley:
    """The share of each layer in what protection saves, in nats per sentence.

    `per_language` is of layers and languages, `mean` over languages. With `order` k
    below the number of layers they are `truncated`: the interactions of more than k
    layers are taken to be 0, and `residual` is what the shares then miss of the total,
    `v(all) - sum(phi)`, by language; it is 0 up to rounding if nothing is truncated.
    """

    per_language: bca.Interval
    mean: bca.Interval
    residual: bca.Interval
    order: int
    truncated: bool


@result
class Interactions:
    """What sets of layers save only together (positive) or twice (negative).

    In nats per sentence; `sets` are the layers of each, `per_language` is of sets and
    languages, `mean` over languages. The flags tell which exceed noise, with one error
    rate for all sets (and all languages) together; the intervals are of one each.
    """

    sets: Int[np.ndarray, "set size"]
    per_language: bca.Interval
    mean: bca.Interval
    mean_above_noise: Bool[np.ndarray, " set"]
    language_above_noise: Bool[np.ndarray, "set language"]


@result
class Synergy:
    """What protecting first and last layer saves beyond what each saves alone.

    Positive is synergy. In nats per sentence: `per_language`, `mean` and `worst` of the
    languages, and `difference` of the two sides. Without unit, the same of natural
    logarithms, which asks whether the two shrink a loss by more than the product of
    what each does: `log_per_language`, `log_mean`, `log_worst`, and `log_ratio` of the
    two sides; NaN unless all four losses are positive.
    """

    per_language: bca.Interval
    mean: bca.Interval
    worst: bca.Interval
    difference: bca.Interval
    log_per_language: bca.Interval
    log_mean: bca.Interval
    log_worst: bca.Interval
    log_ratio: bca.Interval


def shapley(
    added: Float[np.ndarray, "sentence subset language"],
    groups: Int[np.ndarray, " sentence"],
    assignments: Int[np.ndarray, "subset layer"],
    *,
    key: PRNGKeyArray,
    level: float = 0.95,
) -> Shapley:
    """Shares what protecting every layer saves among the layers.

    Definition: of the game `v(S) = D(none protected) - D(S protected)`, in which
    protecting all layers is full precision unless the table has that row. Exact with
    all `2^L` sets; with all sets of up to k layers the value of the k-additive
    truncation. Weighted sums are taken by sentence, before resampling.

    Args:
        added: nats added to each sentence against full precision.
        groups: the text that each sentence belongs to.
        assignments: the version of each layer in each row; 0 is full precision.
        key: of the resamples.
        level: coverage aimed at.

    Raises:
        ValueError: if there are other versions than 0 and 1, a set is there twice, or
            there are not even the rows that protect no layer and one layer.

    Reference: Shapley 1953; Grabisch 1997, Fuzzy Sets and Systems 92 (k-additivity).
    """
    rows = coalitions.rows_of_sets(assignments)
    n_rows, n_layers = assignments.shape
    order = coalitions.complete_order(rows, n_layers)
    weights = coalitions.shapley_map(rows, n_layers, order, n_rows)
    total = np.zeros((1, n_rows))
    total[0, rows[frozenset()]] = 1.0
    if (everything := frozenset(range(n_layers))) in rows:
        total[0, rows[everything]] = -1.0
    contrasts = np.concatenate([weights, total - weights.sum(axis=0)])
    resamples = bootstrap.resample(_contrasted(added, contrasts), groups, key=key)
    found = bootstrap.interval(resamples, _each_and_mean, level=level)
    per_language, mean = found["per_language"], found["mean"]
    return Shapley(
        per_language=_part(per_language, slice(None, -1)),
        mean=_part(mean, slice(None, -1)),
        residual=_part(per_language, -1),
        order=order,
        truncated=order < n_layers,
    )


def interactions(
    added: Float[np.ndarray, "sentence subset language"],
    groups: Int[np.ndarray, " sentence"],
    assignments: Int[np.ndarray, "subset layer"],
    *,
    size: int,
    key: PRNGKeyArray,
    level: float = 0.95,
) -> Interactions:
    """Measures what sets of layers save beyond what their parts save.

    Definition: `m(T) = sum_{S subset T} (-1)^{|T| - |S|} v(S)` of `v` as in `shapley`,
    for every T of `size` layers all of whose subsets are there. Flags as in
    `simultaneous.above_noise`.

    Args:
        added: nats added to each sentence against full precision.
        groups: the text that each sentence belongs to.
        assignments: the version of each layer in each row; 0 is full precision.
        size: layers of a set, 2 or 3.
        key: of the resamples.
        level: coverage aimed at, and one minus the error rate of all flags.

    Raises:
        ValueError: if the size is not 2 or 3, there are other versions than 0 and 1, a
            set is there twice, or no set has all its subsets in the table.

    Reference: Grabisch, Marichal and Roubens 2000, Mathematics of Operations Research
    25.
    """
    if size not in (2, 3):
        raise ValueError(f"size must be 2 or 3 layers, got {size}")
    rows = coalitions.rows_of_sets(assignments)
    n_rows, n_layers = assignments.shape
    known = rows.keys() | {frozenset(range(n_layers))}
    sets = [
        members
        for chosen in itertools.combinations(range(n_layers), size)
        if known.issuperset(coalitions.subsets_of(members := frozenset(chosen)))
    ]
    if not sets:
        raise ValueError(
            f"no set of {size} layers has all its subsets in the table; measure every "
            f"set of up to {size} layers, and the one without protection"
        )
    contrasts = coalitions.mobius_map(rows, sets, n_rows)
    resamples = bootstrap.resample(_contrasted(added, contrasts), groups, key=key)
    found = bootstrap.interval(resamples, _each_and_mean, level=level)
    flags = _flags(resamples, level)
    return Interactions(
        sets=np.array([sorted(members) for members in sets]),
        per_language=found["per_language"],
        mean=found["mean"],
        mean_above_noise=flags["mean"],
        language_above_noise=flags["per_language"].reshape(len(sets), -1),
    )


def synergy(
    added: Float[np.ndarray, "sentence subset language"],
    groups: Int[np.ndarray, " sentence"],
    assignments: Int[np.ndarray, "subset layer"],
    *,
    weights: Float[np.ndarray, "side language"],
    key: PRNGKeyArray,
    level: float = 0.95,
) -> Synergy:
    """Measures whether the first and the last layer save more together than alone.

    Definition: `x({0}) + x({L-1}) - x({0, L-1}) - x({})` of the loss or disparity
    `x(S)` with S protected; for losses this is `m({0, L-1})` of `interactions`. The
    logarithmic one is minus the interaction of `ln x`.

    Args:
        added: nats added to each sentence against full precision.
        groups: the text that each sentence belongs to.
        assignments: the version of each layer in each row; 0 is full precision.
        weights: of each language in the low and the high mean, each row summing to 1.
        key: of the resamples.
        level: coverage aimed at.

    Raises:
        ValueError: if there are fewer than 3 layers, other versions than 0 and 1, a set
            is there twice, or one of the four sets is missing.

    Reference: our own definition.
    """
    last = assignments.shape[1] - 1
    if last < 2:
        raise ValueError(f"synergy needs at least 3 layers, got {last + 1}")
    rows = coalitions.rows_of_sets(assignments)
    sets = ((0,), (last,), (0, last), ())
    four = [coalitions.row_of(rows, frozenset(members)) for members in sets]
    losses = added[:, four]
    columns = np.concatenate([losses, _together(losses, axis=1)[:, None]], axis=1)
    resamples = bootstrap.resample(columns, groups, key=key)
    sides = jnp.asarray(weights, resamples.sums.dtype)

    def statistic(sums: Array, n_sentences: Array) -> dict[str, Array]:
        means = sums / n_sentences
        found = disparity.measures(means[:4], sides)
        return {
            # taken by sentence, as a small difference of large losses
            "per_language": means[4],
            "mean": jnp.mean(means[4]),
            "worst": _together(found["worst"]),
            "difference": _together(found["difference"]),
            "log_per_language": _together(_log(means[:4])),
            "log_mean": _together(_log(found["mean"])),
            "log_worst": _together(_log(found["worst"])),
            "log_ratio": _together(found["log_ratio"]),
        }

    return Synergy(**bootstrap.interval(resamples, statistic, level=level))


def _contrasted(
    added: Float[np.ndarray, "sentence subset language"],
    weights: Float[np.ndarray, "contrast subset"],
) -> Float[np.ndarray, "sentence contrast language"]:
    return weights @ np.asarray(added, np.float64)


def _each_and_mean(sums: Array, n_sentences: Array) -> dict[str, Array]:
    means = sums / n_sentences
    return {"per_language": means, "mean": jnp.mean(means, axis=-1)}


def _flags(
    resamples: bootstrap.Resamples, level: float
) -> dict[str, Bool[np.ndarray, " comparison"]]:
    """Flags means over languages, and numbers of single languages, above noise."""
    n = resamples.replicate_n_sentences[:, None, None]
    estimate = _each_and_mean(resamples.sums, resamples.n_sentences)
    replicates = _each_and_mean(resamples.replicate_sums, n)
    return {
        name: simultaneous.above_noise(
            value.reshape(-1),
            replicates[name].reshape(len(n), -1),
            clusters=len(resamples.jackknife_n_sentences),
            level=level,
        )
        for name, value in estimate.items()
    }


def _together(x: Any, axis: int = 0) -> Any:
    first, last, both, none = (x.take(place, axis=axis) for place in range(4))
    return first + last - both - none


def _log(x: Array) -> Array:
    return jnp.where(x > 0, jnp.log(jnp.where(x > 0, x, 1.0)), jnp.nan)


def _part(found: bca.Interval, rows: slice | int) -> bca.Interval:
    return bca.Interval(
        estimate=found.estimate[rows],
        low=found.low[rows],
        high=found.high[rows],
        standard_error=found.standard_error[rows],
    )
