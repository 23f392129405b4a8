"""Clipping for tensors that do not fit into memory: one pass, a fixed histogram.

Bins of equal width, a power of two, lie around 0 and hold the sums of `w` and `w x`;
the sum of `w x^2` is kept for all. A value outside doubles the width as often as it
takes, pairs of bins being added up exactly, so the range need not be known before, and
any two histograms can be merged. Sums are float64, on the host.

The error M of any step is then known but for the bins that hold a border between two
levels: a whole bin goes to the level that is nearest to its middle. That can only raise
the error, for no value by more than `w * width * step`, since it lies within half a
width of the border. This bounds how far the result is from the optimum of the data.
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxdisp.quant.grids import Grid

BINS = 16384
CHUNK = 65_536


@dataclasses.dataclass(frozen=True, kw_only=True)
class Histogram:
    """Sums over bins `[j h, (j + 1) h)` for `j` from `-n/2` to `n/2 - 1`.

    `width` is 0 as long as every value was 0.
    """

    width: float
    weight: Float[np.ndarray, " bin"]
    first: Float[np.ndarray, " bin"]
    square: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimum:
    """The best threshold of a histogram; the error there is at most `error`.

    No other threshold has an error below `error - gap`. Errors are weighted means.
    """

    threshold: float
    error: float
    gap: float


def empty(bins: int = BINS) -> Histogram:
    """Returns a histogram of nothing.

    Args:
        bins: how many; a multiple of 4.

    Raises:
        ValueError: if the number is none.

    Reference: our own definition.
    """
    if bins < 4 or bins % 4:
        raise ValueError(f"bins must be a multiple of 4, got {bins}")
    nothing = np.zeros(bins)
    return Histogram(width=0.0, weight=nothing, first=nothing, square=0.0)


def add(
    found: Histogram,
    x: Float[np.ndarray, " value"],
    weights: Float[np.ndarray, " value"] | None = None,
) -> Histogram:
    """Adds values to a histogram.

    Definition: the module's.

    Args:
        found: the histogram so far.
        x: the next values, in any unit.
        weights: of the values, at least 0; 1 if None.

    Raises:
        ValueError: if a value is NaN or infinite, or a weight negative or not finite.

    Reference: our own definition; ranges that double are as in streaming quantiles.
    """
    if x.size == 0:
        return found
    low, high = float(np.min(x)), float(np.max(x))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("values must be finite, got NaN or an infinity")
    if weights is not None and not (np.all(weights >= 0) and np.all(weights < np.inf)):
        raise ValueError("weights must be finite and at least 0")
    bins = len(found.weight)
    grown = _widened(found, _width(max(-low, high), bins))
    weight, first, square = grown.weight.copy(), grown.first.copy(), grown.square
    inverse = 1.0 / grown.width if grown.width else 0.0
    for start in range(0, x.size, CHUNK):  # so that it stays in the cache
        double = x[start : start + CHUNK].astype(np.float64)
        place = np.floor(double * inverse).astype(np.intp) + bins // 2
        np.minimum(place, bins - 1, out=place)  # the upper end is in the last bin
        if weights is None:
            mass, moved = None, double
        else:
            mass = weights[start : start + CHUNK].astype(np.float64)
            moved = double * mass
        weight += np.bincount(place, mass, bins)
        first += np.bincount(place, moved, bins)
        square += float(double @ moved)
    return Histogram(width=grown.width, weight=weight, first=first, square=square)


def merge(one: Histogram, other: Histogram) -> Histogram:
    """Combines the histograms of two sets of values with equally many bins.

    Definition: the narrower one is widened, then sums are added.

    Args:
        one: a histogram.
        other: another.

    Raises:
        ValueError: if the numbers of bins differ.

    Reference: our own definition.
    """
    if len(one.weight) != len(other.weight):
        raise ValueError(
            f"histograms must have equally many bins, got {len(one.weight)} and "
            f"{len(other.weight)}"
        )
    one, other = _widened(one, other.width), _widened(other, one.width)
    return Histogram(
        width=one.width,
        weight=one.weight + other.weight,
        first=one.first + other.first,
        square=one.square + other.square,
    )


def _width(largest: float, bins: int) -> float:
    """The least power of two with which the bins hold a magnitude; 0 for 0."""
    return 2.0 ** math.ceil(math.log2(2.0 * largest / bins)) if largest > 0 else 0.0


def _widened(found: Histogram, width: float) -> Histogram:
    if found.width == 0:
        return dataclasses.replace(found, width=width)
    while found.width < width:
        padding = len(found.weight) // 4
        weight, first = (
            np.pad(bins.reshape(-1, 2).sum(axis=1), padding)
            for bins in (found.weight, found.first)
        )
        found = dataclasses.replace(
            found, width=2.0 * found.width, weight=weight, first=first
        )
    return found


def optimum(found: Histogram, bits: int, *, grid: Grid) -> Optimum:
    """Finds the threshold with the least weighted mean squared error, and bounds it.

    Formula: the sweep of `sweep.exact_optimum` with bins for values, exact for codes
    that are constant within bins; the module's bound for the others.

    Args:
        found: a histogram.
        bits: word length, from 2 to 8.
        grid: symmetric, twos_complement or midrise.

    Raises:
        ValueError: if the histogram is empty, the bits are out of range, or the grid is
            none of these.

    Reference: our own derivation.
    """
    total = float(np.sum(found.weight))
    if total == 0:
        raise ValueError("the histogram holds nothing; add values first")
    if not 2 <= bits <= 8:
        raise ValueError(f"bits must be between 2 and 8, got {bits}")
    half = 2 ** (bits - 1)
    shapes = {  # levels below and above 0, steps to the threshold
        "symmetric": (half - 1, half - 1, half - 1),
        "twos_complement": (half, half - 1, half - 1),
        "midrise": (half, half, half),
    }
    if grid not in shapes:
        raise ValueError(f"grid must be one of {', '.join(shapes)}, got {grid}")
    if found.width == 0:
        return Optimum(threshold=0.0, error=0.0, gap=0.0)
    below, above, per_step = shapes[grid]
    swept = _sweep(found, below, above, shifted=grid == "midrise")
    errors = np.maximum(found.square - swept.step * swept.first, 0.0)
    best = int(np.argmin(errors))
    lowest = np.min(errors - _too_large(found, swept))
    return Optimum(
        threshold=float(per_step * swept.step[best]),
        error=float(errors[best]) / total,
        gap=float(np.clip(errors[best] - lowest, 0.0, errors[best])) / total,
    )


def noise_optimum(found: Histogram, c: float) -> tuple[float, float]:
    """Finds the threshold that minimises the additive-noise objective J, to a bound.

    Formula: sums beyond the edges of bins are exact, so the optimum lies between two of
    them; from the left one, one step of Newton's method, which does not overshoot. J
    exceeds its minimum by at most `(P + c) d^2`, with `P` the share of the weight
    beyond the left edge and `d` the distance to the right one.

    Args:
        found: a histogram.
        c: as from `additive_noise.noise_constant`.

    Returns:
        The threshold, and how much larger than the least J (a mean) its J may be.

    Raises:
        ValueError: if the histogram is empty.

    Reference: our own derivation; the bound follows from J's second derivative.
    """
    total = float(np.sum(found.weight))
    if total == 0:
        raise ValueError("the histogram holds nothing; add values first")
    half = len(found.weight) // 2
    mass = (found.weight[half:] + found.weight[:half][::-1]) / total
    first = (found.first[half:] - found.first[:half][::-1]) / total
    edges = found.width * np.arange(half + 1)
    beyond = np.append(np.cumsum(mass[::-1])[::-1], 0.0)
    sums = np.append(np.cumsum(first[::-1])[::-1], 0.0)
    falling = sums - edges * beyond > c * edges
    left = max(int(np.count_nonzero(falling)) - 1, 0)
    threshold = float(sums[left] / (c + beyond[left]))
    distance = float(edges[left + 1]) - threshold
    return threshold, float(beyond[left] + c) * distance**2


class _Sweep(NamedTuple):
    """Codes in the order in which they are best as the step falls.

    `step` is the best for each, `first` its sum of `w x k`; `high` and `low` are the
    steps between which these codes are nearest, `places` where the borders between
    levels lie, in steps, below and above 0.
    """

    step: np.ndarray
    first: np.ndarray
    high: np.ndarray
    low: np.ndarray
    places: tuple[np.ndarray, np.ndarray]


def _sweep(found: Histogram, below: int, above: int, *, shifted: bool) -> _Sweep:
    half = len(found.weight) // 2
    middle = (np.arange(half) + 0.5) * found.width
    if shifted:
        borders = [np.arange(1.0, count) for count in (below, above)]
        begin = np.array([0.5 * _magnitudes(found), 0.25 * np.sum(found.weight)])
    else:
        borders = [np.arange(1.0, count + 1.0) - 0.5 for count in (below, above)]
        begin = np.zeros(2)
    breaks, gained = [], []
    for places, weight, first in (
        (borders[0], found.weight[:half][::-1], -found.first[:half][::-1]),
        (borders[1], found.weight[half:], found.first[half:]),
    ):
        breaks.append((middle[None] / places[:, None]).ravel())
        a = np.broadcast_to(first, (len(places), half)).ravel()
        b = (2.0 * places[:, None] * weight[None]).ravel()
        gained.append(np.stack([a, b]))
    where = np.concatenate(breaks)
    order = np.argsort(-where)
    where = where[order]
    sums = begin[:, None] + np.cumsum(np.concatenate(gained, axis=1)[:, order], axis=1)
    a, b = np.concatenate([begin[:, None], sums], axis=1)
    return _Sweep(
        step=np.divide(a, b, out=np.zeros_like(a), where=b > 0),
        first=a,
        high=np.concatenate([[2.0 * where[0]], where]),
        low=np.concatenate([where, [0.0]]),
        places=(borders[0], borders[1]),
    )


def _magnitudes(found: Histogram) -> float:
    half = len(found.weight) // 2
    return float(np.sum(found.first[half:]) - np.sum(found.first[:half]))


def _too_large(found: Histogram, swept: _Sweep) -> np.ndarray:
    """How much the error of bins may exceed that of the data, for each codes.

    Between two breaks a border passes no middle of a bin, so it lies in the bins that
    hold its ends.
    """
    half = len(found.weight) // 2
    split = np.zeros_like(swept.step)
    for places, weight in zip(
        swept.places, (found.weight[:half][::-1], found.weight[half:]), strict=True
    ):
        padded = np.append(weight, 0.0)
        for place in places:
            ends = (
                padded[np.minimum((place / found.width * at).astype(np.intp), half)]
                for at in (swept.low, swept.high)
            )
            split += np.maximum(*ends)
    return found.width * swept.high * split
