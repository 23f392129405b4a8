"""Weights as they are distributed, and where a threshold is best for them."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import numpy as np
import scipy.stats
from jaxtyping import Float

from jaxdisp.report import drawing
from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS
from jaxdisp.report.illustration import Illustration

Rows = list[dict[str, Any]]
Points = tuple[np.ndarray, np.ndarray]

MODEL = "weights of the model"
LOOKS = {
    MODEL: (BLUE, "-", "o"),
    "Gaussian": (GREY, "--", "s"),
    "Laplace": (RED, ":", "^"),
}
DASHES = ("-", "--", "-.", ":")
WITHIN, REACH, FINE = 15, 14.0, 0.005
"""Points in a bin; how far laws go, in standard deviations, and their points."""
THRESHOLDS = np.geomspace(0.4, 12.0, 160)
BITS = range(2, 9)


def errors(
    points: Points, bits: int, thresholds: Float[np.ndarray, " threshold"]
) -> Float[np.ndarray, "2 threshold"]:
    """Computes the error of rounding values to a symmetric grid, and its clipped part.

    Definition: levels `a k / m` for integers k from -m to m, with `m = 2^(bits - 1) -
    1`; the mean square of what rounding to the nearest changes, and that of the values
    beyond a, over the mean square of the values.

    Args:
        points: values of 0 or more, which stand for both signs, and their weights.
        bits: word length.
        thresholds: a, in the unit of the values.

    Reference: textbook definition; parts as in Banner et al. 2019, arXiv:1810.05723,
        section 3.
    """
    values, weights = points
    top = 2 ** (bits - 1) - 1
    share = weights / np.sum(weights * values**2)
    found = np.empty((2, len(thresholds)))
    for place, threshold in enumerate(thresholds):
        step = threshold / top
        error = values - np.minimum(np.round(values / step), top) * step
        square = share * error**2
        found[:, place] = square.sum(), square[values > threshold].sum()
    return found


def _histogram_points(rows: Rows) -> Points:
    """Points spread evenly in each bin, both signs together."""
    middle = (np.arange(WITHIN) + 0.5) / WITHIN
    low, high, count = (
        np.array([row[name] for row in rows], float)[:, None]
        for name in ("low", "high", "count")
    )
    return np.abs(low + middle * (high - low)).ravel(), np.repeat(count, WITHIN)


def _laws() -> dict[str, Points]:
    at = np.arange(FINE / 2, REACH, FINE)
    return {
        "Gaussian": (at, scipy.stats.norm.pdf(at)),
        "Laplace": (at, scipy.stats.laplace.pdf(at, scale=0.5**0.5)),
    }


def tables(found: dict[str, Any]) -> dict[str, Rows]:
    """Collects the histogram, and errors and best thresholds of the weights and laws.

    Best thresholds are of the grid of 160 that is drawn; for the weights they have the
    range over kinds of matrices.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    kept = found.get("weights")
    if not kept or not kept["histogram"]:
        return {}
    histogram, bits = kept["histogram"], found["quantizer"]["bits"]
    kinds = dict.fromkeys(row["matrix"] for row in histogram)
    by_kind = [
        _histogram_points([row for row in histogram if row["matrix"] == kind])
        for kind in kinds
    ]
    subjects = {MODEL: _histogram_points(histogram)} | _laws()
    curves, best = [], []
    for name, points in subjects.items():
        for width in sorted({*BITS, bits}):
            both = errors(points, width, THRESHOLDS)
            place = int(np.argmin(both[0]))
            each = by_kind if name == MODEL and len(by_kind) > 1 else []
            others = [_best(kind, width) for kind in each]
            best.append(
                {
                    "law": name,
                    "bits": width,
                    "threshold": float(THRESHOLDS[place]),
                    "threshold_low": min(others, default=None),
                    "threshold_high": max(others, default=None),
                    "error": float(both[0, place]),
                }
            )
            if width == bits:
                curves += _curve(name, both)
    return {
        "weight_histogram": histogram,
        "weight_matrices": kept["matrices"],
        "threshold_errors": curves,
        "threshold_by_bits": best,
    }


def _best(points: Points, bits: int) -> float:
    return float(THRESHOLDS[np.argmin(errors(points, bits, THRESHOLDS)[0])])


def _curve(name: str, both: np.ndarray) -> Rows:
    return [
        {
            "law": name,
            "threshold": float(at),
            "error": float(error),
            "clipping": float(clipping),
            "rounding": float(error - clipping),
        }
        for at, error, clipping in zip(THRESHOLDS, *both, strict=True)
    ]


def histogram_figure(
    made: dict[str, Rows], *, bits: int, title: str
) -> matplotlib.figure.Figure:
    """Draws densities of weights in standard deviations, and where they are clipped.

    Args:
        made: as from `tables`.
        bits: of the run's quantizer.
        title: what was quantized.

    Reference: our own definition.
    """
    rows = made["weight_histogram"]
    kinds = list(dict.fromkeys(row["matrix"] for row in rows))
    with mpl.rc_context(SETTINGS):
        figure = matplotlib.figure.Figure(figsize=(9, 4.2), layout="constrained")
        axes = figure.subplots()
        for number, kind in enumerate(kinds):
            own = [row for row in rows if row["matrix"] == kind]
            total = sum(row["count"] for row in own)
            middle = [(row["low"] + row["high"]) / 2 for row in own]
            density = [row["count"] / total / (row["high"] - row["low"]) for row in own]
            colour = (BLUE, GREY)[number // len(DASHES) % 2]
            style = DASHES[number % len(DASHES)]
            axes.plot(middle, density, style, color=colour, lw=1.1, label=kind)
        at = np.linspace(-5, 5, 201)
        label = "Gaussian law"
        axes.plot(at, scipy.stats.norm.pdf(at), color="black", lw=0.8, label=label)
        _clip_lines(axes, made, bits)
        axes.set_yscale("log")
        drawing.plain_numbers(axes.yaxis)
        axes.set_xlabel("weight (standard deviations of its matrix)")
        axes.set_ylabel("density (counts, so no interval)")
        axes.legend(frameon=False, fontsize=7.5, loc="upper right")
        figure.suptitle(title, fontsize=10)
    return figure


def _clip_lines(axes: matplotlib.axes.Axes, made: dict[str, Rows], bits: int) -> None:
    (best,) = [
        row["threshold"]
        for row in made["threshold_by_bits"]
        if row["law"] == MODEL and row["bits"] == bits
    ]
    largest = float(np.median([row["largest"] for row in made["weight_matrices"]]))
    for value, style, name in (
        (best, "--", f"least error at {bits} bits: {best:.2f}"),
        (largest, ":", f"largest weight, median of matrices: {largest:.1f}"),
    ):
        for sign in (1, -1):
            label = name if sign > 0 else None
            axes.axvline(sign * value, color=RED, ls=style, lw=1.2, label=label)


def threshold_figure(
    made: dict[str, Rows], *, bits: int, title: str
) -> matplotlib.figure.Figure:
    """Draws errors by threshold with their parts, and the best threshold by bits.

    Args:
        made: as from `tables`.
        bits: of the run's quantizer.
        title: what was quantized.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        figure = matplotlib.figure.Figure(figsize=(9, 3.9), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
        _errors(left, made["threshold_errors"], bits)
        _by_bits(right, made["threshold_by_bits"], bits)
        figure.suptitle(title, fontsize=10)
    return figure


def _errors(axes: matplotlib.axes.Axes, rows: Rows, bits: int) -> None:
    for name, (colour, style, _) in LOOKS.items():
        own = [row for row in rows if row["law"] == name]
        at = [row["threshold"] for row in own]
        axes.plot(at, [row["error"] for row in own], style, color=colour, label=name)
        if name != MODEL:
            continue
        for part, dashes in (("clipping", (1, 1)), ("rounding", (5, 2))):
            line: Any = {"color": "black", "lw": 0.9, "dashes": dashes}
            label = f"of the model's error {part}"
            axes.plot(at, [row[part] for row in own], label=label, **line)
    least = min(row["error"] for row in rows)
    axes.set_yscale("log")
    axes.set_ylim(least / 20, min(2.0, 100 * least))
    drawing.plain_numbers(axes.yaxis)
    axes.set_xlim(0.4, 8)
    axes.set_xlabel("threshold (standard deviations)")
    axes.set_ylabel("mean squared error (share; no interval)")
    axes.set_title(f"{bits} bits, matrices taken whole", fontsize=9)
    axes.legend(frameon=False, fontsize=7.5)


def _by_bits(axes: matplotlib.axes.Axes, rows: Rows, bits: int) -> None:
    for name, (colour, style, mark) in LOOKS.items():
        own = [row for row in rows if row["law"] == name]
        at = [row["bits"] for row in own]
        value = [row["threshold"] for row in own]
        axes.plot(at, value, mark + style, color=colour, ms=5, label=name)
        bounded = [row for row in own if row["threshold_low"] is not None]
        low, high = (
            [row[f"threshold_{end}"] for row in bounded] for end in ("low", "high")
        )
        axes.vlines([row["bits"] for row in bounded], low, high, color=colour, lw=2)
    axes.axvline(bits, color="black", lw=0.8, ls=":")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("bits of a word (dotted: this run)")
    axes.set_ylabel("best threshold (standard deviations)")
    axes.set_title("bars: range over kinds of matrices", fontsize=9)
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def illustrations(found: dict[str, Any], *, title: str) -> list[Illustration]:
    """Draws the weights and their thresholds, where their histogram is known.

    Args:
        found: the content of `results.json`.
        title: what was quantized.

    Reference: our own definition.
    """
    made = tables(found)
    if not made:
        return []
    bits = found["quantizer"]["bits"]
    best = {row["law"]: row for row in made["threshold_by_bits"] if row["bits"] == bits}
    own, largest = best[MODEL], [row["largest"] for row in made["weight_matrices"]]
    span = ""
    if own["threshold_low"] is not None:
        low, high = own["threshold_low"], own["threshold_high"]
        span = f" ({low:.2f} to {high:.2f} over kinds of matrices)"
    return [
        Illustration(
            name="weights",
            section="clipping",
            title="How weights are distributed",
            alt=f"Densities of weights by kind of matrix on a logarithmic axis; the "
            f"largest weights of {len(largest)} matrices lie at {min(largest):.1f} to "
            f"{max(largest):.1f} standard deviations, the threshold of least error at "
            f"{bits} bits at {own['threshold']:.2f}.",
            tables=("weight_histogram", "weight_matrices"),
            figure=histogram_figure(made, bits=bits, title=title),
        ),
        Illustration(
            name="threshold_by_bits",
            section="clipping",
            title="Where a threshold is best",
            alt=f"Mean squared error by threshold, and the best threshold by bits: at "
            f"{bits} bits {own['threshold']:.2f} standard deviations{span} for the "
            f"weights, {best['Gaussian']['threshold']:.2f} for a Gaussian and "
            f"{best['Laplace']['threshold']:.2f} for a Laplace law.",
            tables=("threshold_errors", "threshold_by_bits"),
            figure=threshold_figure(made, bits=bits, title=title),
        ),
    ]
