"""Facts of a model's weights that claims about clipping are judged by.

Every matrix of the layers that a run rounds is taken whole, on the 15 levels of 4 bits
that the notes' experiments have, whatever the run's own quantizer is. Weights are what
they are: the spread that is given is that over the matrices of the model, not an error
of sampling.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.experiment import Subject
from jaxdisp.claims.finding import Claim, Finding, Verdict, concluded
from jaxdisp.measure.language_clipping import clipped_tensors
from jaxdisp.models import decoder
from jaxdisp.models.model import full_weight
from jaxdisp.models.quantized import Quantizer, grouping_of, round_tensor, tensor_ranges
from jaxdisp.quant import (
    additive_noise,
    grids,
    kurtosis,
    kurtosis_clipping,
    moments,
    optimum,
    relative_error,
)
from jaxdisp.quant.granularity import grouped
from jaxdisp.stats.jackknife import jackknife_interval

BITS = 4
TRIED = {"2.5": 2.5, "2.83": 2.83, "3": 3.0}
"""Thresholds that the notes give for 4 bits, in standard deviations."""

PLACES, LEAST, BEYOND = 48, 0.5, 15.0
"""Thresholds at which the error's shape is looked at: from half a standard deviation to
15 times the largest magnitude; from 14 times on, all weights round to 0."""

LEAST_LAYERS = 3
NO_MATRICES = "needs matrices of the layers that are rounded and not 0, got none"


def matrices(evidence: Evidence) -> dict[str, Any]:
    """Measures the law of every matrix, its best thresholds, and what others cost.

    Definition: of a matrix with standard deviation s, `best` is the top level of 15
    levels with the least mean squared error M, `noise` that with the least
    additive-noise objective J at the same step, both over s, and `error`, `noise_value`
    and `noise_error` are M at the first, J and M at the second, over s^2.
    `excess` gives by threshold how much larger M is than at the best: for the notes'
    constants, for `laplace`, which is ACIQ's for a Laplace law of the same mean
    magnitude, and for the notes' formula of the `kurtosis`. `bulge` is how far M rises
    above its own chord from the best threshold to one at which all is rounded to 0,
    over the mean square, and `minima` how many thresholds are better than both of
    their neighbours among 48. `grids_apart` is by how much more M of 15 levels is than
    that of 16 half-integer levels over the same range, nothing clipped. `clipped` is
    the share of weights beyond the run's own range, `levels` how many levels a group
    uses.

    Args:
        evidence: of one model.

    Returns:
        Lists by matrix: `layer`, `matrix`, `kurtosis`, `rests_on_few`, `crest`, and the
        above; `excess` is a table of such lists.

    Raises:
        ValueError: if there is no matrix that is rounded and has any spread.

    Reference: our own definition; parts as in `quant`.
    """
    return evidence.kept("weights of matrices", lambda: _measured(evidence.subject))


def _measured(subject: Subject) -> dict[str, Any]:
    rows: dict[str, list[Any]] = {}
    for tensor in clipped_tensors(subject.model, subject.quantizer):
        weight = full_weight(subject.model, tensor.path)
        flat = weight.reshape(weight.shape[0], -1)
        found = {name: np.asarray(part) for name, part in _of_layers(flat).items()}
        law = jax.vmap(moments.moments)(flat)
        found["kurtosis"] = np.asarray(moments.excess_kurtosis(law))
        found |= _rounding(weight, tensor, subject.quantizer)
        usable = np.flatnonzero(found["deviation"] > 0)
        rows.setdefault("layer", []).extend(usable.tolist())
        name = ".".join(tensor.path[1:-1])
        rows.setdefault("matrix", []).extend([name] * len(usable))
        for key, values in found.items():
            rows.setdefault(key, []).extend(values[usable].tolist())
    if not rows.get("layer"):
        raise ValueError(NO_MATRICES)
    names = [key for key in rows if key.startswith("excess ")]
    excess = {key.removeprefix("excess "): rows.pop(key) for key in names}
    return rows | {"excess": excess}


def _rounding(
    weight: Array, tensor: decoder.Tensor, quantizer: Quantizer
) -> dict[str, np.ndarray]:
    """What the run's own rounding clips, and how many levels it uses in a group."""
    limits = tensor_ranges(weight, tensor, quantizer)
    rounded = round_tensor(weight, tensor, quantizer, limits)
    lay = jax.vmap(lambda one: grouped(one, grouping_of(tensor, quantizer)))
    x, levels, here = (
        np.asarray(lay(part)) for part in (weight, rounded, jnp.ones_like(weight))
    )
    low, high = np.asarray(limits.low)[..., None], np.asarray(limits.high)[..., None]
    beyond = ((x < low) | (x > high)) & (here > 0)
    levels = np.where(here > 0, levels, levels[..., :1])  # what fills up a group
    n_levels = 1 + np.sum(np.diff(np.sort(levels, axis=-1), axis=-1) != 0, axis=-1)
    return {
        "clipped": np.sum(beyond, axis=(1, 2)) / np.sum(here, axis=(1, 2)),
        "levels": np.max(n_levels, axis=1),
    }


@jax.jit
def _of_layers(flat: Array) -> dict[str, Array]:
    return jax.lax.map(_of_matrix, flat)


def _of_matrix(x: Array) -> dict[str, Array]:
    deviation = jnp.std(x)
    unit = jnp.where(deviation > 0, deviation, 1.0)
    x = x / unit
    peak = jnp.max(jnp.abs(x))
    best = optimum.optimum(x, None, BITS, grid="symmetric")
    ones = jnp.ones_like(x)
    c = additive_noise.noise_constant(BITS, step="symmetric").astype(x.dtype)
    noise = additive_noise.threshold(x, ones, c)
    centred = x - jnp.mean(x)
    excess = jnp.mean(centred**4) - 3.0
    laplace = additive_noise.law_threshold(jnp.zeros_like(c), c, family="laplace")
    mean_size = jnp.mean(jnp.abs(centred)) * np.sqrt(2.0)
    formula = kurtosis_clipping.logarithmic_threshold(jnp.ones_like(c), excess)
    tried = {name: jnp.asarray(at, x.dtype) for name, at in TRIED.items()}
    tried |= {"laplace": laplace * mean_size, "formula": formula}
    return {
        "deviation": deviation,
        "crest": relative_error.crest_factor(x),
        "rests_on_few": kurtosis.rests_on_few(x),
        "best": best.limits.high,
        "error": best.error,
        "noise": noise,
        "noise_value": additive_noise.objective(x, ones, noise, c).value / x.size,
        "noise_error": _error(x, noise),
        "grids_apart": _error(x, peak) / _error(x, peak, "midrise") - 1.0,
        **{
            f"excess {name}": _error(x, at) / best.error - 1
            for name, at in tried.items()
        },
        **_shape(x, peak),
    }


def _error(x: Array, threshold: Array, grid: grids.Grid = "symmetric") -> Array:
    rounded = grids.round_trip(x, grids.within(threshold), BITS, grid=grid)
    return jnp.mean((x - rounded) ** 2)


def _shape(x: Array, peak: Array) -> dict[str, Array]:
    """Where M is not convex: its rise over a chord, and its minima."""
    places = jnp.linspace(0.0, 1.0, PLACES, dtype=x.dtype)
    thresholds = LEAST * (BEYOND * peak / LEAST) ** places
    errors = jax.lax.map(lambda at: _error(x, at), thresholds)
    first = jnp.argmin(errors)
    start, least = thresholds[first], errors[first]
    along = (thresholds - start) / (thresholds[-1] - start)
    above = errors - (least + along * (errors[-1] - least))
    inner = errors[1:-1]
    lower = (inner < errors[:-2] * (1 - 1e-5)) & (inner < errors[2:] * (1 - 1e-5))
    return {
        "bulge": jnp.max(jnp.where(along > 0, above, 0.0)) / jnp.mean(x * x),
        "minima": jnp.sum(lower),
    }


def spread(
    claim: Claim,
    values: Sequence[float] | Float[np.ndarray, " matrix"],
    allowed: tuple[float, float],
    remark: str,
) -> Finding:
    """Judges a claim of every matrix by the spread over a model's matrices.

    Definition: the estimate is the median and the interval holds the middle 95 % of the
    values; `holds` if all of it is allowed, `fails` if none of it is, else
    `inconclusive`.

    Args:
        claim: of each matrix; its bounds are not used.
        values: one per matrix, in the claim's unit.
        allowed: least and largest value that would be as claimed.
        remark: what was seen, in words; the comparison that decides is added.

    Raises:
        ValueError: if there is no value.

    Reference: our own definition; nothing is sampled, so that this is no confidence
        interval.
    """
    found = np.asarray(values, np.float64)
    if not found.size:
        raise ValueError(NO_MATRICES)
    low, high = (float(np.quantile(found, share)) for share in (0.025, 0.975))
    least, most = allowed
    verdict: Verdict = "inconclusive"
    if least <= low and high <= most:
        verdict = "holds"
    elif high < least or low > most:
        verdict = "fails"
    inside = int(np.sum((found >= least) & (found <= most)))
    reason = f"{remark}; {inside} of {found.size} are {_within(least, most)}"
    return dataclasses.replace(
        concluded(claim, verdict, reason, found.size),
        estimate=float(np.median(found)),
        interval=(low, high),
    )


def _within(least: float, most: float) -> str:
    if np.isinf(least):
        return f"at most {most:.3g}"
    return f"from {least:.3g} to {most:.3g}"


def over_layers(
    layer: Sequence[int], statistic: Callable[[Int[np.ndarray, " row"]], float]
) -> tuple[float, tuple[float, float], int]:
    """Estimates a statistic of matrices, with an interval from layers left out.

    Args:
        layer: of each row, a matrix.
        statistic: of the rows that are kept.

    Returns:
        Estimate, interval of 95 %, and number of layers.

    Raises:
        ValueError: if there are fewer than 3 layers.

    Reference: as `stats.jackknife`.
    """
    rows = np.asarray(layer)
    layers = np.unique(rows)
    if len(layers) < LEAST_LAYERS:
        raise ValueError(f"needs at least {LEAST_LAYERS} layers, got {len(layers)}")
    estimate = statistic(np.arange(len(rows)))
    left_out = np.array([statistic(np.flatnonzero(rows != out)) for out in layers])
    low, high = jackknife_interval(np.asarray(estimate), left_out)
    return float(estimate), (float(low), float(high)), len(layers)
