"""Time and error of clipping thresholds: scipy and PyTorch against ours.

A 3072 x 768 matrix of Student-t weights (5 degrees of freedom), 4 bits, symmetric grid.

rows     a threshold for each row: `scipy.optimize.minimize_scalar` (bounded) row by
         row, on its mean squared error in NumPy; ours is `optimum` under `vmap`. The
         error of both is that of really rounding, in float64; "above exact" compares
         with the exact sweep on the first rows.
noise    the same for the additive-noise objective J: scipy on J; ours is
         `additive_noise.threshold`.
tensor   one threshold: PyTorch's `HistogramObserver` at 4 bits, symmetric (skipped if
         PyTorch is missing; `make .venv/.torch` installs it), told that there are 16
         levels, which it takes for 256 else; ours is `histogram` of as many bins, 2048,
         and `optimum`. PyTorch rounds to two's complement, so ours does here.
stream   10^8 values in pieces through `histogram`, with the memory it took.

    python benchmarks/clipping_speed.py
"""

import functools as ft
import importlib.util
import resource
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize_scalar

from jaxdisp.quant import additive_noise, histogram, optimum, sweep

ROWS, COLUMNS, BITS, TOP, REPEATS, EXACT_ROWS = 3072, 768, 4, 7, 9, 512
STREAMED, PIECE = 100_000_000, 1_000_000
C = 1.0 / (12.0 * TOP**2)


def seconds(function: Callable[[], Any], repeats: int) -> float:
    """Median wall time of a call, after one to warm up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def mean_squared_error(
    threshold: float | np.ndarray, x: np.ndarray, lowest: int = -TOP
) -> np.ndarray:
    """Error of rounding to the levels, by row."""
    step = np.asarray(threshold)[..., None] / TOP
    level = np.clip(np.round(x / step), lowest, TOP)
    return np.mean((x - level * step) ** 2, axis=-1)


def noise(threshold: float, size: np.ndarray) -> float:
    """The additive-noise objective of one row."""
    return float(
        np.mean(np.maximum(size - threshold, 0.0) ** 2) + C * threshold * threshold
    )


def by_scipy(function: Callable[..., Any], rows: np.ndarray) -> np.ndarray:
    """The threshold of every row, by bounded minimisation."""
    return np.array(
        [
            minimize_scalar(
                function,
                bounds=(0.0, np.max(np.abs(row))),
                args=(row,),
                method="bounded",
            ).x
            for row in rows
        ]
    )


def show(name: str, theirs: float, ours: float, errors: tuple[float, float]) -> None:
    print(
        f"{name:8}{1e3 * theirs:10.0f} ms{1e3 * ours:9.1f} ms{theirs / ours:8.1f}x"
        f"{errors[0]:14.8f}{errors[1]:14.8f}",
        flush=True,
    )


def rows(x: jax.Array) -> None:
    plain, double = np.asarray(x), np.asarray(x, np.float64)
    ours = jax.jit(
        lambda x: jax.vmap(
            lambda row: optimum.optimum(row, None, BITS, grid="symmetric")
        )(x)
    )
    found = jax.block_until_ready(ours(x))
    times = [], []
    for _ in range(3):  # in turn, so that other load falls on both
        start = time.perf_counter()
        thresholds = by_scipy(mean_squared_error, plain)
        times[0].append(time.perf_counter() - start)
        times[1].append(seconds(lambda: jax.block_until_ready(ours(x)), REPEATS))
    errors = (
        float(np.mean(mean_squared_error(thresholds, double))),
        float(np.mean(mean_squared_error(np.asarray(found.limits.high), double))),
    )
    show("rows", np.median(times[0]), np.median(times[1]), errors)
    few = x[:EXACT_ROWS]
    exact = jax.vmap(ft.partial(sweep.exact_optimum, bits=BITS, grid="symmetric"))
    least = np.asarray(exact(few, jnp.ones_like(few)).error)
    mine = mean_squared_error(
        np.asarray(found.limits.high)[:EXACT_ROWS], double[:EXACT_ROWS]
    )
    above = mine / least - 1
    scipys = (
        mean_squared_error(thresholds[:EXACT_ROWS], double[:EXACT_ROWS]) / least - 1
    )
    proved = np.mean(np.asarray(found.gap / found.error))
    print(
        f"        above exact, {EXACT_ROWS} rows: ours mean {above.mean():.1e} most "
        f"{above.max():.1e}, proved without it {proved:.1e} (mean); scipy mean "
        f"{scipys.mean():.1e} most {scipys.max():.1e}"
    )


def noise_rows(x: jax.Array) -> None:
    size, double = np.abs(np.asarray(x)), np.abs(np.asarray(x, np.float64))
    ones, c = jnp.ones_like(x), jnp.asarray(C, x.dtype)
    ours = jax.jit(jax.vmap(additive_noise.threshold, (0, 0, None)))
    found = np.asarray(ours(x, ones, c), np.float64)
    start = time.perf_counter()
    thresholds = by_scipy(noise, size)
    theirs = time.perf_counter() - start
    mine = seconds(lambda: jax.block_until_ready(ours(x, ones, c)), REPEATS)
    errors = tuple(
        float(np.mean([noise(t, row) for t, row in zip(ts, double, strict=True)]))
        for ts in (thresholds, found)
    )
    show("noise", theirs, mine, errors)


def tensor(x: jax.Array) -> None:
    if importlib.util.find_spec("torch") is None:
        print("tensor  skipped: PyTorch is not installed; make .venv/.torch does it")
        return
    import torch
    from torch.ao.quantization.observer import HistogramObserver

    flat = np.array(x).ravel()
    torch_flat = torch.from_numpy(flat)

    def observed() -> float:
        observer = HistogramObserver(
            dtype=torch.qint8,
            qscheme=torch.per_tensor_symmetric,
            quant_min=-TOP - 1,
            quant_max=TOP,
        )
        observer.dst_nbins = 2**BITS
        observer(torch_flat)
        return TOP * float(observer.calculate_qparams()[0])

    values = jnp.asarray(flat)
    ours = jax.jit(
        lambda x: optimum.optimum(x, None, BITS, grid="twos_complement").limits.high
    )

    def streamed() -> float:
        found = histogram.add(histogram.empty(2048), flat)
        return histogram.optimum(found, BITS, grid="twos_complement").threshold

    double = flat.astype(np.float64)
    theirs = observed()
    error = ft.partial(mean_squared_error, x=double, lowest=-TOP - 1)
    slow = seconds(observed, REPEATS)
    for name, function in (
        ("tensor", streamed),
        ("  whole", lambda: float(ours(values))),
    ):
        errors = float(error(theirs)), float(error(function()))
        show(name, slow, seconds(function, REPEATS), errors)


def stream(x: jax.Array) -> None:
    flat = np.asarray(x).ravel()[:PIECE]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    found = histogram.empty()
    for number in range(STREAMED // PIECE):
        found = histogram.add(found, np.roll(flat, number))
    best = histogram.optimum(found, BITS, grid="symmetric")
    took = time.perf_counter() - start
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"stream  {STREAMED:.0e} values in {took:.1f} s, {more:.0f} MiB more at most; "
        f"threshold {best.threshold:.4f}, error {best.error:.6f}, proved to "
        f"{best.gap / best.error:.1e} of it"
    )


def main() -> None:
    key = jax.random.key(0)
    x = jax.random.t(key, 5.0, (ROWS, COLUMNS), jnp.float32)
    print(f"{ROWS} x {COLUMNS} Student-t weights, {BITS} bits; medians of wall times")
    print(
        f"{'':8}{'peer':>13}{'ours':>12}{'ratio':>9}{'peer error':>14}{'our error':>14}"
    )
    stream(x)  # first, so that nothing has taken more memory before
    rows(x)
    noise_rows(x)
    tensor(x)


if __name__ == "__main__":
    main()
