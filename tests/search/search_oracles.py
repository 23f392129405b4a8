"""Slow float64 answers that share no code with `jaxdisp.search`."""

import itertools

import numpy as np
import scipy.stats


def subsets(members):
    ordered = sorted(members)
    for size in range(len(ordered) + 1):
        yield from map(frozenset, itertools.combinations(ordered, size))


def shapley(value, n_layers):
    """Mean gain of each layer over all orders in which layers may be protected."""
    totals = [0.0] * n_layers
    orders = list(itertools.permutations(range(n_layers)))
    for order in orders:
        before = frozenset()
        for layer in order:
            after = before | {layer}
            totals[layer] = totals[layer] + value(after) - value(before)
            before = after
    return np.array([total / len(orders) for total in totals])


def mobius(value, members):
    """Interaction of a set: what its proper subsets leave of its value."""
    proper = [part for part in subsets(members) if part != members]
    return value(members) - sum((mobius(value, part) for part in proper), 0.0)


def objective(losses, name, low, high):
    """One objective of the losses of the languages; `low`, `high` are places."""
    poor = np.mean([losses[place] for place in low])
    rich = np.mean([losses[place] for place in high])
    return {
        "mean": lambda: np.mean(losses),
        "worst": lambda: max(losses),
        "max_min": lambda: max(losses) - min(losses),
        "difference": lambda: abs(poor - rich),
        "log_ratio": lambda: (
            abs(np.log(poor / rich)) if poor > 0 and rich > 0 else np.nan
        ),
    }[name]()


def drawn_sentences(groups, counts):
    """Sentences of each draw, whole texts at a time; then those without each text."""
    ids = np.unique(groups)
    members = [np.flatnonzero(groups == group) for group in ids]
    draws = [
        np.concatenate([np.tile(m, n) for m, n in zip(members, row, strict=True)])
        for row in counts
    ]
    return draws, [np.flatnonzero(groups != group) for group in ids]


def ranks(values):
    return scipy.stats.rankdata(values, method="min")


def critical_value(maxima, level, clusters):
    """Quantile of the maxima, its normal tail turned into Student's."""
    ordered = sorted(maxima)
    quantile = ordered[min(int(np.ceil(level * (len(ordered) + 1))), len(ordered)) - 1]
    tail = scipy.stats.norm.sf(quantile)
    return np.sqrt(clusters / (clusters - 1)) * scipy.stats.t.isf(tail, clusters - 1)


def rank_interval(estimate, replicates, j, level, clusters):
    """Low, high and whether among the best, one pair of sets at a time."""
    others = [k for k in range(len(estimate)) if k != j]
    gaps = [estimate[j] - estimate[k] for k in others]
    draws = [replicates[:, j] - replicates[:, k] for k in others]
    errors = [np.std(draw, ddof=1) for draw in draws]
    deviations = np.array(
        [(d - gap) / se for d, gap, se in zip(draws, gaps, errors, strict=True)]
    )
    t = [gap / se for gap, se in zip(gaps, errors, strict=True)]
    two_sided = critical_value(abs(deviations).max(axis=0), level, clusters)
    one_sided = critical_value(deviations.max(axis=0).clip(min=0), level, clusters)
    low = 1 + sum(value > two_sided for value in t)
    high = len(estimate) - sum(value < -two_sided for value in t)
    return low, high, not any(value > one_sided for value in t)


def percentile_rank_intervals(replicates, level):
    """Quantiles of the ranks in draws: the intervals that do not hold near ties."""
    found = scipy.stats.rankdata(replicates, method="min", axis=1)
    return np.quantile(found, [(1 - level) / 2, (1 + level) / 2], axis=0)


def front(costs):
    """Rows that no other row dominates, one pair at a time."""
    kept = []
    for row in costs:
        beaten = any(
            all(a <= b for a, b in zip(other, row, strict=True))
            and any(a < b for a, b in zip(other, row, strict=True))
            for other in costs
        )
        kept.append(not beaten and not any(np.isnan(row)))
    return kept


def added_up(added, assignments, row):
    """Losses of the layers of a row, each quantized alone, added up."""
    total = 0.0
    for layer, version in enumerate(assignments[row]):
        if version:
            wanted = [version * (i == layer) for i in range(assignments.shape[1])]
            place = next(p for p, a in enumerate(assignments) if list(a) == wanted)
            total = total + added[:, place]
    return total
