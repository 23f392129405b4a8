"""Slow float64 answers that share no code with `jaxdisp.stats`."""

import types
import warnings

import numpy as np
import scipy.stats


def resampled_sums(values, clusters, counts):
    """Sums and numbers of sentences of each draw, from the drawn sentences."""
    ids = np.unique(clusters)
    sums, sizes = [], []
    for row in counts:
        rows = [
            sentence
            for cluster, times in zip(ids, row, strict=True)
            for sentence in np.tile(np.flatnonzero(clusters == cluster), times)
        ]
        sums.append(np.asarray(values, np.float64)[rows].sum(axis=0))
        sizes.append(len(rows))
    return np.array(sums), np.array(sizes, np.float64)


def jackknife_sums(values, clusters):
    """Sums and numbers of sentences without each cluster."""
    kept = [clusters != cluster for cluster in np.unique(clusters)]
    table = np.asarray(values, np.float64)
    return np.array([table[k].sum(axis=0) for k in kept]), np.array(
        [k.sum() for k in kept]
    )


def bca(estimate, replicates, jackknife, level=0.95):
    """BCa interval of one number, as in Efron 1987."""
    normal = scipy.stats.norm
    n_below = np.sum(replicates < estimate) + np.sum(replicates <= estimate)
    z0 = normal.ppf(n_below / (2 * len(replicates)))
    d = np.mean(jackknife) - jackknife
    a = np.sum(d**3) / (6 * np.sum(d**2) ** 1.5)
    shifted = z0 + normal.ppf([(1 - level) / 2, (1 + level) / 2])
    return np.quantile(replicates, normal.cdf(z0 + shifted / (1 - a * shifted)))


def scipy_bca(data, statistic, replicates, level=0.95):
    """`scipy.stats.bootstrap` of paired samples, on given replicates."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return scipy.stats.bootstrap(
            data,
            statistic,
            paired=True,
            vectorized=True,
            n_resamples=0,
            bootstrap_result=types.SimpleNamespace(bootstrap_distribution=replicates),
            confidence_level=level,
            method="BCa",
        )
