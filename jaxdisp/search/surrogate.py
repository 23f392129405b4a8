"""Surrogate: losses of single layers added up, and how far they mislead a search."""

import jax.numpy as jnp
import numpy as np
import scipy.stats
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Real

from jaxdisp.result import result
from jaxdisp.search import objectives
from jaxdisp.search.lattice import FULL
from jaxdisp.stats import bca, bootstrap


@result
class Spread:
    """A number with plain quantiles of its draws: a description, no interval.

    Ranks and choices jump, so that resampling gives them no coverage.
    """

    estimate: Float[np.ndarray, " *statistic"]
    low: Float[np.ndarray, " *statistic"]
    high: Float[np.ndarray, " *statistic"]


@result
class Surrogate:
    """How well an objective is predicted by adding up losses of single layers.

    Over the sets `compared`, predicted minus measured: `bias` and `rms`, in the unit of
    the objective; noise adds to the second. `rank_correlation` is Spearman's. `regret`
    is, for each class of `n_bytes`, the measured objective of the set that the
    surrogate picks (`picked`, a row) minus the smallest measured one (of `best`).
    `predicted` and `measured` are the objective of every row; in those not compared the
    prediction is exact by construction, or one of the two is unbounded.
    """

    predicted: Float[np.ndarray, " subset"]
    measured: Float[np.ndarray, " subset"]
    compared: Bool[np.ndarray, " subset"]
    bias: bca.Interval
    rms: bca.Interval
    rank_correlation: Spread
    n_bytes: Real[np.ndarray, " class"]
    picked: Int[np.ndarray, " class"]
    best: Int[np.ndarray, " class"]
    regret: Spread


def isolated(
    added: Float[np.ndarray, "sentence subset language"],
    assignments: Int[np.ndarray, "subset layer"],
) -> Float[np.ndarray, "sentence layer version language"]:
    """Finds what each layer loses when it alone is quantized.

    Definition: the row in which only layer i has version q, at `[i, q]`; 0 in full
    precision, version 0; NaN where the table has no such row.

    Args:
        added: nats added to each sentence against full precision.
        assignments: the version of each layer in each row; 0 is full precision.

    Reference: our own definition.
    """
    sentences, _, languages = added.shape
    shape = (sentences, assignments.shape[1], assignments.max() + 1, languages)
    found = np.full(shape, np.nan)
    found[:, :, FULL] = 0.0
    for row in np.flatnonzero((assignments != FULL).sum(axis=1) == 1):
        layer = np.flatnonzero(assignments[row] != FULL)[0]
        found[:, layer, assignments[row, layer]] = added[:, row]
    return found


def predict(
    alone: Float[np.ndarray, "*sentence layer version language"],
    assignments: Int[np.ndarray, "subset layer"],
) -> Float[np.ndarray, "*sentence subset language"]:
    """Predicts what any assignment loses by adding up its layers.

    Definition: `D(q) = sum_i alone[i, q_i]`, which is linear: prediction and mean over
    sentences may change places.

    Args:
        alone: what `isolated` returns, or its mean over sentences.
        assignments: the version of each layer in each assignment.

    Raises:
        ValueError: if an assignment has a version that was not measured by itself.

    Reference: AutoRound's and NVIDIA ModelOpt's automatic mixed precision, which add
    one score per layer; ours are measured losses.
    """
    layers, versions, languages = alone.shape[-3:]
    known = np.all(np.isfinite(alone), axis=(*range(alone.ndim - 3), -1))
    needed = np.zeros((layers, max(versions, assignments.max() + 1)), bool)
    needed[np.arange(layers), assignments] = True
    needed[:, :versions] &= ~known
    if needed.any():
        layer, version = np.argwhere(needed)[0]
        raise ValueError(
            f"layer {layer} in version {version} was not measured by itself; measure "
            "the row in which it alone is quantized"
        )
    one_hot = assignments[..., None] == np.arange(versions)
    flat = one_hot.reshape(len(assignments), -1).astype(np.float64)
    # a version that no assignment has may be unmeasured, and 0 times NaN is NaN
    terms = np.where(known[..., None], alone, 0.0)
    return flat @ terms.reshape(*alone.shape[:-3], layers * versions, languages)


def additive(
    added: Float[np.ndarray, "sentence subset language"],
    groups: Int[np.ndarray, " sentence"],
    assignments: Int[np.ndarray, "subset layer"],
    n_bytes: Real[np.ndarray, " subset"],
    *,
    weights: Float[np.ndarray, "side language"],
    objective: str = "worst",
    key: PRNGKeyArray,
    level: float = 0.95,
) -> Surrogate:
    """Compares the objective of added-up losses with the measured one, set by set.

    Definition: see `Surrogate`. Sets with two or more layers quantized are compared,
    if both objectives are bounded; draws are those of `objectives.objectives`, shared
    by both. Bias and error are smooth and have BCa intervals; the others have a
    `Spread`. A regret in draws is a regret with less text, and so larger.

    Args:
        added: nats added to each sentence against full precision.
        groups: the text that each sentence belongs to.
        assignments: the version of each layer in each row; 0 is full precision.
        n_bytes: of each row; sets compete with those of the same size.
        weights: of each language in the low and the high mean, each row summing to 1.
        objective: one of `objectives.OBJECTIVES`.
        key: of the resamples.
        level: coverage aimed at, and the share of draws between the quantiles.

    Raises:
        ValueError: if a layer's own loss is missing, or fewer than 3 sets can be
            compared.

    Reference: our own definition.
    """
    sums = predict(isolated(added, assignments), assignments)
    predicted, measured = (
        objectives.objectives(x, groups, weights=weights, objective=objective, key=key)
        for x in (sums, added)
    )
    compared = (assignments != FULL).sum(axis=1) >= 2
    compared &= objectives.bounded(predicted) & objectives.bounded(measured)
    if compared.sum() < 3:
        raise ValueError(
            f"{compared.sum()} set(s) have two or more quantized layers and a bounded "
            "objective; at least 3 are needed"
        )
    ours, truth = (objectives.chosen(x, compared) for x in (predicted, measured))
    bias, rms = _errors(ours, truth, level)
    sizes, classes = np.unique(n_bytes[compared], return_inverse=True)
    picked, best, regret = _regrets(ours, truth, classes, level)
    places = np.flatnonzero(compared)
    return Surrogate(
        predicted=predicted.estimate,
        measured=measured.estimate,
        compared=compared,
        bias=bias,
        rms=rms,
        rank_correlation=_spread(
            spearman(ours.estimate[None], truth.estimate[None])[0],
            spearman(ours.replicates, truth.replicates),
            level,
        ),
        n_bytes=sizes,
        picked=places[picked],
        best=places[best],
        regret=regret,
    )


def additivity(
    added: Float[np.ndarray, "sentence subset language"],
    groups: Int[np.ndarray, " sentence"],
    assignments: Int[np.ndarray, "subset layer"],
    *,
    key: PRNGKeyArray,
    level: float = 0.95,
) -> bca.Interval:
    """Measures which share of the loss of everything quantized no layer has by itself.

    Definition: `(D(all) - sum_i D(i)) / D(all)` for each language, NaN unless D(all) is
    positive; its absolute value is the residual to print beside certificates. Positive:
    layers do more harm together than one by one.

    Args:
        added: nats added to each sentence against full precision.
        groups: the text that each sentence belongs to.
        assignments: the version of each layer in each row; 0 is full precision, and
            everything has to be quantized to version 1 in one row.
        key: of the resamples.
        level: coverage aimed at.

    Raises:
        ValueError: if a row that is needed is missing.

    Reference: our own definition.
    """
    rows = np.flatnonzero((assignments == 1).all(axis=1))
    if not len(rows):
        raise ValueError(
            "the table has no row with every layer in version 1; measure it"
        )
    everything = added[:, rows[0]]
    alone = predict(isolated(added, assignments), assignments[rows[:1]])[:, 0]
    # the difference is taken by sentence, as one of large losses
    columns = np.stack([everything - alone, everything], axis=1)
    resamples = bootstrap.resample(columns, groups, key=key)
    return bootstrap.interval(resamples, _share_of_second, level=level)


def spearman(
    one: Float[np.ndarray, "draw subset"], other: Float[np.ndarray, "draw subset"]
) -> Float[np.ndarray, " draw"]:
    """Correlates ranks in each draw; ties have their mean rank.

    Definition: Pearson's correlation of ranks; NaN where one side is constant.

    Args:
        one: numbers to rank, in any unit.
        other: numbers of the same sets.

    Reference: Spearman 1904.
    """
    ranks = [scipy.stats.rankdata(x, axis=1) for x in (one, other)]
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    products = [np.einsum("ds,ds->d", x, y) for x, y in ((a, b), (a, a), (b, b))]
    spread = np.sqrt(products[1] * products[2])
    return np.where(spread > 0, products[0] / np.where(spread > 0, spread, 1.0), np.nan)


def _share_of_second(sums: Array, n_sentences: Array) -> Array:
    means = sums / n_sentences
    defined = means[1] > 0
    return jnp.where(defined, means[0] / jnp.where(defined, means[1], 1.0), jnp.nan)


def _errors(
    ours: objectives.Objectives, truth: objectives.Objectives, level: float
) -> tuple[bca.Interval, bca.Interval]:
    """Finds the mean error over sets and the root of its mean square."""
    errors = (
        ours.estimate - truth.estimate,
        ours.replicates - truth.replicates,
        ours.jackknife - truth.jackknife,
    )
    bias = [x.mean(axis=-1) for x in errors]
    rms = [np.sqrt((x * x).mean(axis=-1)) for x in errors]
    return (
        objectives.interval(*map(np.asarray, bias), level=level),
        objectives.interval(*map(np.asarray, rms), level=level),
    )


def _regrets(
    ours: objectives.Objectives,
    truth: objectives.Objectives,
    classes: Int[np.ndarray, " subset"],
    level: float,
) -> tuple[Int[np.ndarray, " class"], Int[np.ndarray, " class"], Spread]:
    """Finds, in each class, what is picked, what is best, and the loss between them."""
    predicted = np.vstack([ours.estimate, ours.replicates])
    measured = np.vstack([truth.estimate, truth.replicates])
    picked, best, lost = [], [], []
    for number in range(classes.max() + 1):
        places = np.flatnonzero(classes == number)
        pick = predicted[:, places].argmin(axis=1)
        smallest = measured[:, places].argmin(axis=1)
        rows = np.arange(len(measured))
        picked.append(places[pick[0]])
        best.append(places[smallest[0]])
        lost.append(measured[rows, places[pick]] - measured[rows, places[smallest]])
    regrets = np.stack(lost, axis=1)
    return np.array(picked), np.array(best), _spread(regrets[0], regrets[1:], level)


def _spread(
    estimate: Float[np.ndarray, " *statistic"] | np.floating,
    replicates: Float[np.ndarray, " draw *statistic"],
    level: float,
) -> Spread:
    tails = (1 - level) / 2, (1 + level) / 2
    low, high = map(np.asarray, np.quantile(replicates, tails, axis=0))
    return Spread(estimate=np.asarray(estimate), low=low, high=high)
