"""Slow float64 answers for what languages lose and how unequally."""

import numpy as np
import scipy.stats


def expanded_bca(estimate, replicates, jackknife, level=0.95):
    """Efron's BCa interval, its z widened to t for the number of clusters n."""
    everything = [estimate, *replicates, *jackknife]
    if not np.all(np.isfinite(everything)):
        return np.nan, np.nan
    normal, n = scipy.stats.norm, len(jackknife)
    n_below = np.sum(replicates < estimate) + np.sum(replicates <= estimate)
    share = n_below / (2 * len(replicates))
    z0 = normal.ppf(np.clip(share, 0.5 / len(replicates), 1 - 0.5 / len(replicates)))
    d = np.mean(jackknife) - jackknife
    a = np.sum(d**3) / (6 * np.sum(d**2) ** 1.5) if np.any(d) else 0.0
    t = scipy.stats.t.ppf((1 + level) / 2, n - 1) * np.sqrt(n / (n - 1))
    bounds = []
    for s in (z0 - t, z0 + t):
        share = normal.cdf(z0 + s / (1 - a * s)) if a * s < 1 else float(s > 0)
        bounds.append(np.quantile(replicates, share))
    return tuple(bounds)


def measured(statistic, groups, counts):
    """A statistic of the sentences, of resampled texts, and without each text.

    `statistic` maps sentence numbers to a number; texts are drawn whole.
    """
    ids = np.unique(groups)
    members = [np.flatnonzero(groups == group) for group in ids]
    estimate = statistic(np.arange(len(groups)))
    replicates = [
        statistic(
            np.concatenate([np.tile(m, n) for m, n in zip(members, row, strict=True)])
        )
        for row in counts
    ]
    jackknife = [statistic(np.flatnonzero(groups != group)) for group in ids]
    low, high = expanded_bca(estimate, np.array(replicates), np.array(jackknife))
    return estimate, low, high


def degradations(added, n_tokens, n_bytes):
    """Per language: nats per sentence, bits per byte and nats per token."""
    return {
        "per_sentence": lambda n, rows: added[n, rows].mean(),
        "per_byte": lambda n, rows: (
            added[n, rows].sum() / n_bytes[n, rows].sum() / np.log(2)
        ),
        "per_token": lambda n, rows: added[n, rows].sum() / n_tokens[n, rows].sum(),
    }


def gini(losses):
    """Mean gap of all ordered pairs over twice the mean."""
    mean = sum(losses) / len(losses)
    if min(losses) < 0 or mean <= 0:
        return np.nan
    gaps = [abs(x - y) for x in losses for y in losses]
    return sum(gaps) / len(losses) ** 2 / (2 * mean)


def disparities(losses, low, high):
    """Every measure of disparity of the languages' losses; `low`, `high` are places."""
    poor = sum(losses[place] for place in low) / len(low)
    rich = sum(losses[place] for place in high) / len(high)
    return {
        "mean": sum(losses) / len(losses),
        "worst": max(losses),
        "max_min": max(losses) - min(losses),
        "gini": gini(losses),
        "difference": poor - rich,
        "log_ratio": np.log(poor / rich) if poor > 0 and rich > 0 else np.nan,
    }
