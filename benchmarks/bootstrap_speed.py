"""Time of all BCa intervals of a cube: scipy statistic by statistic, against ours.

16 languages x 200 configurations on 128 parallel sentences, 2000 resamples. Families:
the mean of what each language loses to each configuration; the same as a paired
difference of quantized and full precision; and, against language 0, the difference
and the log-ratio of two languages' means. scipy is called as its manual shows, with
a vectorized statistic; "plain" is the paired difference with a statistic of two plain
arrays, which scipy evaluates resample by resample. Ours computes a whole family, from
the sentences to the bounds, resampling again for each. The ratio of processor times
(all threads) depends less on other load than the ratio of wall times. Run:

    python benchmarks/bootstrap_speed.py
"""

import os
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
from jaxtyping import Array, Float

from jaxdisp.stats import bca, bootstrap

SENTENCES, LANGUAGES, CONFIGS, REPEATS = 128, 16, 200, 15
TARGET, KEY = 1000, jax.random.key(0)


def difference(
    sums: Float[Array, "language config"], n_sentences: Float[Array, ""]
) -> Float[Array, "other config"]:
    """Difference of each language's mean from language 0's."""
    mean = sums / n_sentences
    return mean[1:] - mean[:1]


def log_ratio(
    sums: Float[Array, "language config"], n_sentences: Float[Array, ""]
) -> Float[Array, "other config"]:
    """Log-ratio of each language's mean to language 0's."""
    logs = jnp.log(sums / n_sentences)
    return logs[1:] - logs[:1]


def scipy_mean(x: np.ndarray, axis: int) -> np.ndarray:
    """Mean, vectorized."""
    return np.mean(x, axis=axis)


def scipy_difference(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
    """Difference of means, vectorized."""
    return np.mean(x, axis=axis) - np.mean(y, axis=axis)


def scipy_log_ratio(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
    """Log-ratio of means, vectorized."""
    return np.log(np.mean(x, axis=axis) / np.mean(y, axis=axis))


def plain_difference(x: np.ndarray, y: np.ndarray) -> np.floating:
    """Difference of means of one resample."""
    return np.mean(x) - np.mean(y)


def seconds(function: Callable[[], object]) -> Float[np.ndarray, "2"]:
    """Wall time and processor time (all threads) of one call."""
    start = time.perf_counter(), time.process_time()
    jax.block_until_ready(function())
    return np.array([time.perf_counter(), time.process_time()]) - start


def cube() -> dict[str, Float[Array, "sentence language config"]]:
    """Simulates nats per sentence in full precision, quantized, and what is lost."""
    key, noise = jax.random.split(KEY)
    shape = (SENTENCES, LANGUAGES, CONFIGS)
    full = 50 + 10 * jax.random.normal(key, shape)
    lost = 1 + 0.5 * jax.random.exponential(noise, shape)
    return {"full": full, "quantized": full + lost, "lost": lost}


def ours(
    data: dict[str, Array], names: tuple[str, ...], statistic: Callable[..., Array]
) -> bca.Interval:
    """All intervals of a family, from the sentences on."""
    values = data["quantized"] - data["full"] if "full" in names else data["lost"]
    return bootstrap.interval(bootstrap.resample(values, key=KEY), statistic)


def theirs(
    tables: dict[str, np.ndarray], names: tuple[str, ...], statistic: Callable, i: int
) -> object:
    """One interval: of language i + 1, against language 0 if `names` are equal."""
    languages = (i + 1, 0 if names == ("lost", "lost") else i + 1)
    samples = tuple(
        tables[name][:, language, i]
        for name, language in zip(names, languages, strict=False)
    )
    return scipy.stats.bootstrap(
        samples,
        statistic,
        paired=len(samples) > 1,
        n_resamples=2000,
        method="BCa",
        rng=0,
    )


FAMILIES = (
    ("mean", ("lost",), bootstrap.mean, scipy_mean),
    ("paired difference", ("quantized", "full"), bootstrap.mean, scipy_difference),
    ("between languages", ("lost", "lost"), difference, scipy_difference),
    ("log-ratio", ("lost", "lost"), log_ratio, scipy_log_ratio),
    ("paired, plain", ("quantized", "full"), bootstrap.mean, plain_difference),
)


def row(
    data: dict[str, Array],
    names: tuple[str, ...],
    statistic: Callable[..., Array],
    peer: Callable,
) -> tuple[int, Float[np.ndarray, "5"]]:
    """Number of statistics; scipy wall, processor; ours wall, processor, first wall."""
    number = (LANGUAGES - (names == ("lost", "lost"))) * CONFIGS
    tables = {name: np.asarray(x, np.float64) for name, x in data.items()}
    jax.clear_caches()
    first = seconds(lambda: ours(data, names, statistic))[0]
    warm, each = [], []
    for i in range(REPEATS):  # in turn, so that other load falls on both
        warm.append(seconds(lambda: ours(data, names, statistic)))
        each.append(seconds(lambda i=i: theirs(tables, names, peer, i)))
    scipy_all, ours_all = number * np.median(each, axis=0), np.median(warm, axis=0)
    return number, np.array([*scipy_all, *ours_all, first])


def show(name: str, number: int, times: Float[np.ndarray, "5"]) -> None:
    wall, processor, our_wall, our_processor, first = times
    print(f"{name:18}{number:6}{1e3 * wall / number:8.2f} ms{wall:6.1f} s", end="")
    print(f"{1e3 * our_wall:8.1f} ms{1e3 * first:7.0f} ms", end="")
    print(f"{wall / our_wall:8.0f}x{wall / first:7.0f}x", end="")
    print(f"{processor / our_processor:8.0f}x", flush=True)


def main() -> None:
    print(f"{LANGUAGES} languages x {CONFIGS} configurations on {SENTENCES} sentences")
    print(f"scipy: median of {REPEATS} statistics, EXTRAPOLATED to the whole family")
    print(f"ours: the whole family, median of {REPEATS}; first = with compiling")
    print(f"load of this machine's {os.cpu_count()} cores: {os.getloadavg()[0]:.1f}")
    print(f"{'':18}{'number':>6}{'scipy each':>11}{'all':>8}{'ours':>11}", end="")
    print(f"{'first':>10}{'ratio':>9}{'first':>8}{'processor':>9}")
    data, numbers, total = cube(), 0, np.zeros(5)
    for name, names, statistic, peer in FAMILIES:
        number, times = row(data, names, statistic, peer)
        show(name, number, times)
        if peer is not plain_difference:
            numbers, total = numbers + number, total + times
    show("all but plain", numbers, total)
    print(f"target: {TARGET}x")


if __name__ == "__main__":
    main()
