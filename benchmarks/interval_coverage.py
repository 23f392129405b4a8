"""Coverage of 95 % bootstrap intervals on simulated data, with its Monte Carlo error.

Rows are independent, or in clusters (12 or 30 of 8 rows, 7 or 21 of 30 to 4 rows) that
share 0.3 of the variance. `t or z` is the textbook's interval for independent rows
(Student's t of a mean, Fisher's z of a correlation), which ignores clusters;
`jackknife` is `stats/jackknife.py`. Correlations are of normal rows with rho = 0.7,
lognormal rows have a log with standard deviation 1 (skewness 6.2), and the ratio is of
means of two lognormal columns with standard deviation 0.5 of the log.

Data sets come in batches that share their resamples, as a statistic may return an
array. Run:

    python benchmarks/interval_coverage.py [data sets of each design]
"""

import functools as ft
import sys
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from scipy import stats

from jaxdisp.stats import weighted
from jaxdisp.stats.bootstrap_intervals import bootstrap_intervals
from jaxdisp.stats.bootstrap_kinds import KINDS
from jaxdisp.stats.jackknife import jackknife_interval

BATCH, DRAWS, LEVEL, SHARED, RHO = 100, 1000, 0.95, 0.3, 0.7
METHODS = (*KINDS, "jackknife", "t or z")
SIZES = {
    "12 rows": [1] * 12,
    "40 rows": [1] * 40,
    "12 clusters": [8] * 12,
    "7 clusters": [30, 20, 15, 10, 8, 5, 4],
    "21 clusters": [30, 20, 15, 10, 8, 5, 4] * 3,
    "30 clusters": [8] * 30,
}
Columns = tuple[Float[np.ndarray, "row set"], ...]
Bounds = tuple[np.ndarray, np.ndarray]


def fisher(
    x: Array, y: Array, *, weights: Array | None = None
) -> Float[Array, " *column"]:
    """Correlation on Fisher's scale, where its error hardly depends on it."""
    return jnp.arctanh(weighted.correlation(x, y, weights=weights))


def medians(x: Array, *, weights: Array | None = None) -> Float[Array, " column"]:
    """Median of each data set."""
    return jax.vmap(ft.partial(weighted.median, weights=weights), in_axes=1)(x)


def normal(key: PRNGKeyArray, sizes: list[int], columns: int) -> np.ndarray:
    """Standard normal [row, set, column], correlated in clusters and across columns."""
    rows, own = (
        np.asarray(jax.random.normal(k, (n, BATCH, columns)), np.float64)
        for k, n in zip(jax.random.split(key), (len(sizes), sum(sizes)), strict=True)
    )
    shared = SHARED if max(sizes) > 1 else 0.0
    noise = shared**0.5 * np.repeat(rows, sizes, axis=0) + (1 - shared) ** 0.5 * own
    if columns == 2:
        noise[..., 1] = RHO * noise[..., 0] + (1 - RHO**2) ** 0.5 * noise[..., 1]
    return noise


def one(key: PRNGKeyArray, sizes: list[int]) -> Columns:
    return (normal(key, sizes, 1)[..., 0],)


def lognormal(key: PRNGKeyArray, sizes: list[int]) -> Columns:
    return (np.exp(one(key, sizes)[0]),)


def pair(key: PRNGKeyArray, sizes: list[int]) -> Columns:
    found = normal(key, sizes, 2)
    return found[..., 0], found[..., 1]


def positive_pair(key: PRNGKeyArray, sizes: list[int]) -> Columns:
    x, y = pair(key, sizes)
    return np.exp(0.5 * x), np.exp(0.5 * y)


def student(columns: Columns) -> Bounds:
    (x,) = columns
    half = stats.t.isf((1 - LEVEL) / 2, len(x) - 1) * stats.sem(x)
    return x.mean(axis=0) - half, x.mean(axis=0) + half


def fisher_z(columns: Columns) -> Bounds:
    x, y = (c - c.mean(axis=0) for c in columns)
    r = (x * y).sum(axis=0) / np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    half = stats.norm.isf((1 - LEVEL) / 2) / np.sqrt(len(x) - 3)
    return np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half)


def fisher_z_scaled(columns: Columns) -> Bounds:
    low, high = fisher_z(columns)
    return np.arctanh(low), np.arctanh(high)


STATISTICS: dict[str, tuple[Callable, Callable, float, Callable | None]] = {
    "mean, normal": (one, weighted.mean, 0.0, student),
    "mean, lognormal": (lognormal, weighted.mean, float(np.exp(0.5)), student),
    "correlation r": (pair, weighted.correlation, RHO, fisher_z),
    "atanh r": (pair, fisher, float(np.arctanh(RHO)), fisher_z_scaled),
    "ratio of means": (positive_pair, weighted.ratio, 1.0, None),
    "median, normal": (one, medians, 0.0, None),
}


def held(bounds: Bounds, truth: float) -> float:
    return float(np.mean((bounds[0] <= truth) & (truth <= bounds[1])))


def coverage(design: str, name: str, key: PRNGKeyArray, sets: int) -> list[float]:
    """Share of data sets whose interval holds the truth, by method; NaN if none."""
    sizes = SIZES[design]
    simulate, statistic, truth, textbook = STATISTICS[name]
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    smooth = name != "median, normal"
    kinds = KINDS if smooth else KINDS[:-1]
    shares = []
    for batch in jax.random.split(key, max(1, sets // BATCH)):
        data, draws = jax.random.split(batch)
        columns = simulate(data, sizes)
        found = bootstrap_intervals(
            statistic, columns, kinds=kinds, clusters=clusters, key=draws, draws=DRAWS
        )
        row = [held((x.low, x.high), truth) for x in found.values()]
        row += [np.nan] * (len(KINDS) - len(kinds))
        left = found["bca"].left_out
        estimate = found["bca"].estimate
        row.append(
            held(jackknife_interval(estimate, left), truth) if smooth else np.nan
        )
        row.append(held(textbook(columns), truth) if textbook else np.nan)
        shares.append(row)
    return np.mean(shares, axis=0).tolist()


def verdict(shares: list[float]) -> str:
    inside = [m for m, x in zip(METHODS, shares, strict=True) if 0.93 <= x <= 0.97]
    return ", ".join(inside) or "none: the sample does not allow it"


def main(sets: int = 2000) -> None:
    start = time.perf_counter()
    print(
        f"{sets} data sets a row, {DRAWS} draws; Monte Carlo standard error "
        f"{100 * (0.95 * 0.05 / sets) ** 0.5:.1f} points at 95 %"
    )
    print("coverage in % of the 95 % interval; the last column: those in 93 to 97")
    print(f"{'design':12} {'statistic':15}", *(f"{x:>11}" for x in METHODS), "")
    for number, (design, name) in enumerate(
        (design, name)
        for design in SIZES
        for name in STATISTICS
        if "clusters" not in design or "median" not in name
    ):
        shares = coverage(design, name, jax.random.key(number), sets)
        texts = ("-" if np.isnan(x) else f"{100 * x:.1f}" for x in shares)
        cells = " ".join(f"{x:>11}" for x in texts)
        print(f"{design:12} {name:15} {cells}  {verdict(shares)}", flush=True)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
