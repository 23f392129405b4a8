"""Mediants: why protecting a layer can raise a ratio of losses and still help."""

import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from jaxdisp.measure import disparity
from jaxdisp.result import result
from jaxdisp.search import coalitions
from jaxdisp.stats import bca, bootstrap


@result
class Explanation:
    """What protecting each layer alone does to the ratio of two sides, and to both.

    `before` and `after` are the log-ratio of the low over the high side, `change` their
    difference, `predicted_after` the log-ratio if losses of layers add up.
    `low_change` and `high_change` are what the sides lose more than before, in nats
    per sentence; negative is better. `rises` says whether the ratio does,
    `predicted_rises` whether the mediant rule says so, `agrees` whether they are the
    same. A layer is `harmful_only_in_ratio` where the ratio rises although neither side
    loses more. All four are False where a loss in one of the ratios is not positive,
    which `bounded` says.
    """

    before: bca.Interval
    after: bca.Interval
    change: bca.Interval
    predicted_after: bca.Interval
    low_change: bca.Interval
    high_change: bca.Interval
    rises: Bool[np.ndarray, " layer"]
    predicted_rises: Bool[np.ndarray, " layer"]
    agrees: Bool[np.ndarray, " layer"]
    harmful_only_in_ratio: Bool[np.ndarray, " layer"]
    bounded: Bool[np.ndarray, " layer"]


def explanation(
    added: Float[np.ndarray, "sentence subset language"],
    groups: Int[np.ndarray, " sentence"],
    assignments: Int[np.ndarray, "subset layer"],
    *,
    weights: Float[np.ndarray, "side language"],
    key: PRNGKeyArray,
    level: float = 0.95,
) -> Explanation:
    """Explains for each layer why protecting it alone raises or lowers the ratio.

    Definition: with A, B the losses of the two sides when everything is quantized and
    a, b those with layer i alone quantized, `(A - a) / (B - b) > A / B` iff
    `a / b < A / B`: protecting any layer whose own ratio is below the average raises
    the ratio, even though both sides lose less. That losses add up, which this needs,
    is not assumed of the measured change.

    Args:
        added: nats added to each sentence against full precision.
        groups: the text that each sentence belongs to.
        assignments: the version of each layer in each row, 0 or 1; rows with no, one
            and all but one layer protected are used.
        weights: of each language in the low and the high mean, each row summing to 1.
        key: of the resamples.
        level: coverage aimed at.

    Raises:
        ValueError: if one of these rows is missing, there are other versions than 0
            and 1, or a set is there twice.

    Reference: our own definition, from the mediant inequality.
    """
    sides = _sides(added, assignments, weights)
    resamples = bootstrap.resample(sides, groups, key=key)
    found = bootstrap.interval(resamples, _of_sums, level=level)
    before, after, alone = found.pop("before"), found["after"], found.pop("alone")
    # compared without division, so that b may have either sign
    rises = np.asarray(found["change"].estimate) > 0
    own = np.asarray(alone.estimate, np.float64)
    whole = np.asarray(resamples.sums[0] / resamples.n_sentences, np.float64)
    predicted = own[:, 0] * whole[1] < whole[0] * own[:, 1]
    both = (after.estimate, found["predicted_after"].estimate)
    bounded = np.all(np.isfinite(both), axis=0)
    helps = np.all([found[f"{x}_change"].estimate <= 0 for x in ("low", "high")], 0)
    return Explanation(
        before=before,
        rises=rises & bounded,
        predicted_rises=predicted & bounded,
        agrees=(rises == predicted) & bounded,
        harmful_only_in_ratio=rises & helps & bounded,
        bounded=bounded,
        **found,
    )


def _sides(
    added: Float[np.ndarray, "sentence subset language"],
    assignments: Int[np.ndarray, "subset layer"],
    weights: Float[np.ndarray, "side language"],
) -> Float[np.ndarray, "sentence row side"]:
    """Takes both sides' loss of everything, of each layer alone, and all changes."""
    rows = coalitions.rows_of_sets(assignments)
    layers = assignments.shape[1]
    everything = frozenset(range(layers))
    whole = coalitions.row_of(rows, frozenset())
    without = [coalitions.row_of(rows, frozenset({i})) for i in range(layers)]
    alone = [coalitions.row_of(rows, everything - {i}) for i in range(layers)]
    losses = np.asarray(added, np.float64) @ weights.T
    before = losses[:, [whole]]
    return np.concatenate([before, losses[:, alone], losses[:, without] - before], 1)


def _of_sums(sums: Array, n_sentences: Array) -> dict[str, Array]:
    means = sums / n_sentences
    layers = (means.shape[0] - 1) // 2
    whole, alone, change = means[:1], means[1 : 1 + layers], means[1 + layers :]
    before, after = disparity.log_ratio(whole), disparity.log_ratio(whole + change)
    return {
        "before": before[0],
        "alone": alone,
        "after": after,
        "change": after - before,
        "predicted_after": disparity.log_ratio(whole - alone),
        "low_change": change[:, 0],
        "high_change": change[:, 1],
    }
