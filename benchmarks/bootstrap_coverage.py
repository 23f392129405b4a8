"""Coverage of the 95 % bootstrap interval on simulated cubes, plain and expanded.

A cube has 16 languages on the same sentences, 8 to a cluster. A sentence's value is
1 + sqrt(icc) * cluster + sqrt(1 - icc) * sentence, half of each part common to all
languages (which is why differences are paired). Parts are standard normal, or
exponential (centred) for skewed degradations. Each cube gives 16 means and, from
8 pairs of languages, 8 differences and 8 log-ratios. A log-ratio with a draw in which
a mean is not positive has no bounds; its share is shown and it is not counted. Run:

    python benchmarks/bootstrap_coverage.py [cubes]
"""

import functools as ft
import itertools
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jaxdisp.stats import bootstrap

LANGUAGES, SENTENCES_PER_CLUSTER, BATCH = 16, 8, 50
NAMES, FAMILIES = ("mean", "difference", "log-ratio"), (16, 8, 8)


def statistic(
    sums: Float[Array, "cube language"], n_sentences: Float[Array, ""]
) -> Float[Array, "statistic cube"]:
    """16 means, then 8 differences and 8 log-ratios of the pairs (0, 1), (2, 3)..."""
    mean = jnp.moveaxis(sums / n_sentences, 1, 0)
    first, second = mean[::2], mean[1::2]
    ratio = jnp.log(first) - jnp.log(second)
    return jnp.concatenate([mean, first - second, ratio])


@ft.partial(jax.jit, static_argnames=("clusters", "skewed"))
def cubes(
    key: PRNGKeyArray, icc: Float[Array, ""], *, clusters: int, skewed: bool
) -> Float[Array, "sentence cube language"]:
    """Simulates `BATCH` cubes whose true means are 1 in every language."""
    n = clusters * SENTENCES_PER_CLUSTER

    def noise(key: PRNGKeyArray, rows: int) -> Float[Array, "row cube language"]:
        common, own = jax.random.split(key)
        draw = jax.random.exponential if skewed else jax.random.normal
        both = draw(common, (rows, BATCH, 1)), draw(own, (rows, BATCH, LANGUAGES))
        return sum(x - (1.0 if skewed else 0.0) for x in both) * jnp.sqrt(0.5)

    of_cluster, of_sentence = jax.random.split(key)
    shared = jnp.repeat(noise(of_cluster, clusters), SENTENCES_PER_CLUSTER, axis=0)
    return 1 + jnp.sqrt(icc) * shared + jnp.sqrt(1 - icc) * noise(of_sentence, n)


def coverage(
    key: PRNGKeyArray, icc: float, *, clusters: int, skewed: bool, n_cubes: int
) -> tuple[Float[np.ndarray, "kind family"], Float[np.ndarray, "kind family"]]:
    """Share of bounded intervals that hold the truth, of unbounded; plain, expanded."""
    groups = np.repeat(np.arange(clusters), SENTENCES_PER_CLUSTER)
    truth = np.repeat([1.0, 0.0, 0.0], FAMILIES)[:, None]
    holds, bounded = [], []
    for batch in jax.random.split(key, n_cubes // BATCH):
        data, draws = jax.random.split(batch)
        values = cubes(data, jnp.float32(icc), clusters=clusters, skewed=skewed)
        resamples = bootstrap.resample(values, groups, key=draws)
        found = [
            bootstrap.interval(resamples, statistic, expanded=expanded)
            for expanded in (False, True)
        ]
        low, high = (
            np.array([getattr(x, side) for x in found]) for side in ("low", "high")
        )
        holds.append(((low <= truth) & (truth <= high)).mean(axis=2))
        bounded.append(np.isfinite(low).mean(axis=2))
    starts = np.cumsum((0, *FAMILIES))[:-1]
    held, finite = (
        np.add.reduceat(np.mean(x, axis=0), starts, axis=1) / FAMILIES
        for x in (holds, bounded)
    )
    return held / finite, 1 - finite


def main(n_cubes: int = 1000) -> None:
    start = time.perf_counter()
    error = 100 * (0.95 * 0.05 / n_cubes) ** 0.5
    print(f"{n_cubes} cubes a row; Monte Carlo standard error below {error:.1f} points")
    print("coverage in % of the 95 % interval, plain -> expanded; target 93 to 97")
    print(f"{'clusters':>8} {'icc':>4} {'noise':>7}", *(f"{x:>16}" for x in NAMES))
    cells = itertools.product((16, 30), (0.1, 0.2, 0.3), (False, True))
    for number, (clusters, icc, skewed) in enumerate(cells):
        key = jax.random.fold_in(jax.random.key(0), number)
        holds, unbounded = coverage(
            key, icc, clusters=clusters, skewed=skewed, n_cubes=n_cubes
        )
        noise = "skewed" if skewed else "normal"
        texts = (f"{100 * a:6.1f} -> {100 * b:5.1f}" for a, b in holds.T)
        print(f"{clusters:8} {icc:4} {noise:>7}", *(f"{x:>16}" for x in texts))
        if unbounded.any():
            print(f"{'':22} log-ratios without bounds: {100 * unbounded[0, 2]:.1f} %")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
