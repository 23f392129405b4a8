"""How often permutation tests of clustered rows reject what is true, and what is not.

Languages of a family are alike: both columns have an effect of the cluster, with the
given share of variance, and one of the row (Laplace, so that normal theory does not
help). `size` is the share of p-values of 0.05 or less where the columns are
independent, to be 5 % at most; `power` is that where 0.8 of the second column's
standard deviation is the first column. The sign flips are of a column with mean 0, and
mean 0.8. Tests as in `stats/permutation.py`, two-sided, 999 rearrangements. Run:

    python benchmarks/permutation_size.py [data sets of each row]
"""

import sys
import time

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from jaxdisp.stats import block_permutation
from jaxdisp.stats.permutation_outcome import p_value

BATCH, DRAWS, EFFECT = 200, 999, 0.8
DESIGNS = {
    "4 3 1 1 1 1 1": (4, 3, 1, 1, 1, 1, 1),
    "3 3 3 3": (3,) * 4,
    "2 x 8": (2,) * 8,
}
TESTS = ("rows", "members", "blocks", "means", "signs", "cluster signs")
Columns = Float[np.ndarray, "set row"]


def noise(key: PRNGKeyArray, clusters: Int[np.ndarray, " row"], icc: float) -> Columns:
    """Rows of variance 1 and mean 0, in clusters."""
    of_cluster, of_row = (
        np.asarray(jax.random.laplace(k, (BATCH, len(clusters))), np.float64) / 2**0.5
        for k in jax.random.split(key)
    )
    return icc**0.5 * of_cluster[:, clusters] + (1 - icc) ** 0.5 * of_row


def means(x: Columns, clusters: Int[np.ndarray, " row"]) -> Columns:
    belongs = clusters[:, None] == np.arange(clusters.max() + 1)
    return x @ (belongs / belongs.sum(axis=0))


def orders(
    key: PRNGKeyArray, clusters: Int[np.ndarray, " row"], exchange: str
) -> tuple[Int[np.ndarray, "draw row"], bool]:
    many = block_permutation.rearrangements(clusters, exchange=exchange)
    if many <= DRAWS:
        return block_permutation.every(clusters, exchange=exchange), True
    found = block_permutation.sampled(key, clusters, exchange=exchange, draws=DRAWS)
    return found, False


def rejected(
    null: Float[np.ndarray, "draw set"], seen: np.ndarray, *, exact: bool
) -> float:
    pairs = zip(null.T, seen, strict=True)
    p = [p_value(one, float(s), "two-sided", exact=exact) for one, s in pairs]
    return float(np.mean(np.array(p) <= 0.05 + 1e-12))


def correlated(x: Columns, y: Columns, order: np.ndarray, *, exact: bool) -> float:
    """Share of data sets in which the correlation is significant."""
    x = x - x.mean(axis=1, keepdims=True)
    return rejected(
        np.einsum("sn,sdn->ds", x, y[:, order]),
        np.einsum("sn,sn->s", x, y),
        exact=exact,
    )


def flipped(x: Columns, key: PRNGKeyArray) -> float:
    """Share of data sets in which the mean is not zero, by random flips of columns."""
    signs = 2.0 * np.asarray(jax.random.bernoulli(key, 0.5, (DRAWS, x.shape[1]))) - 1
    return rejected(signs @ x.T, x.sum(axis=1), exact=False)


def shares(
    key: PRNGKeyArray, clusters: Int[np.ndarray, " row"], icc: float, effect: float
) -> list[float]:
    one, other, draw = jax.random.split(key, 3)
    x = noise(one, clusters, icc)
    y = effect * x + (1 - effect**2) ** 0.5 * noise(other, clusters, icc)
    rows, of_means = np.arange(len(clusters)), np.arange(clusters.max() + 1)
    found = []
    for groups, exchange in (
        (rows, "members"),
        (clusters, "members"),
        (clusters, "blocks"),
    ):
        order, exact = orders(draw, groups, exchange)
        found.append(correlated(x, y, order, exact=exact))
    order, exact = orders(draw, of_means, "members")
    found.append(correlated(means(x, clusters), means(y, clusters), order, exact=exact))
    sizes, shifted = np.bincount(clusters), noise(other, clusters, icc) + effect
    sums = means(shifted, clusters) * sizes
    return [*found, flipped(shifted, draw), flipped(sums, draw)]


def main(sets: int = 4000) -> None:
    start = time.perf_counter()
    error = 100 * (0.05 * 0.95 / sets) ** 0.5
    print(
        f"{sets} data sets a row; Monte Carlo standard error {error:.1f} points at 5 %"
    )
    print("share of p-values of 0.05 or less in %: rows and signs ignore clusters")
    print(f"{'clusters':14} {'icc':>4} {'':6}", *(f"{x:>13}" for x in TESTS))
    number = 0
    for design, sizes in DESIGNS.items():
        clusters = np.repeat(np.arange(len(sizes)), sizes)
        for icc in (0.0, 0.5, 0.8):
            for name, effect in (("size", 0.0), ("power", EFFECT)):
                number += 1
                keys = jax.random.split(jax.random.key(number), sets // BATCH)
                row = np.mean([shares(k, clusters, icc, effect) for k in keys], axis=0)
                cells = " ".join(f"{100 * x:13.1f}" for x in row)
                print(f"{design:14} {icc:4} {name:6} {cells}", flush=True)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
