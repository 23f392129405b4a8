"""Do weights that vary more round with less relative error, and does it matter?

The relative error of a grid laid over the range of the data does not change when all
weights are scaled, so it cannot fall with their variance as such. It follows the crest
factor, which may happen to go with the variance over the layers of a model.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray
from scipy import stats

from jaxdisp.claims import losses
from jaxdisp.claims.experiment import Experiment, Outcome, Rows, Subject
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.measure import rate_curves
from jaxdisp.measure.language_clipping import clipped_tensors
from jaxdisp.models import decoder
from jaxdisp.models.model import full_weight
from jaxdisp.models.quantized import (
    Quantizer,
    grouping_of,
    round_tensor,
    tensor_ranges,
)
from jaxdisp.quant import relative_error
from jaxdisp.quant.rules import Rule
from jaxdisp.result import result
from jaxdisp.stats.correlation import RankCorrelation, rank_correlation
from jaxdisp.stats.equivalence import margin_left
from jaxdisp.stats.jackknife import jackknife_interval
from jaxdisp.stats.model_choice import straight_line

LAYERS = 6
"""Layers that it takes: five are left when one is left out."""

RULES: tuple[Rule, ...] = ("absmax", "exact")
SCALES = (0.01, 1.0, 30.0)
SQRT3 = 3**0.5

VARIANCE = Claim(
    id="T-002",
    statement="Layers whose weights vary more round with less relative error.",
    source="research notes, T-002",
    unit="minus the rank correlation over layers",
    method="Spearman over layers of the means over a layer's matrices; Bonett-Wright",
)
"""With a dozen layers only the sign can be told, so anything but a negative
correlation refutes it."""

CRITICALITY = Claim(
    id="T-002b",
    statement="Layers that round with more relative error cost more when rounded.",
    source="research notes, T-002",
    unit="rank correlation over layers",
    method="Spearman over layers, with what rounding each alone costs; Bonett-Wright",
)

CREST = Claim(
    id="T-002c",
    statement="The relative error is the squared crest factor over 12 steps squared.",
    source="theory of uniform rounding errors",
    unit="what is left of 0.1 from a slope of 1",
    method="least squares of logarithms over matrices; jackknife over layers",
    most=0.1,
)
"""A slope within 10 % of 1 and nothing else is the law."""

SCALING = Claim(
    id="T-002d",
    statement="Scaling weights up, and so their variance, lowers their relative error.",
    source="research notes, T-002",
    unit="minus the elasticity to the variance",
    method="all matrices scaled by 0.01 and 30; jackknife over layers",
    least=0.01,
)
"""An elasticity of 0.01 would change the error by 7 % from the least to the greatest
variance a thousandfold; less is no effect."""


@result
class MatrixErrors:
    """Relative errors of every matrix, and what they may follow from.

    `absmax` and `exact` are with nothing clipped and with the best thresholds;
    `predicted` is the law's with nothing clipped. `scaled` has the errors with nothing
    clipped of weights times `SCALES`.
    """

    absmax: Float[np.ndarray, "matrix layer"]
    exact: Float[np.ndarray, "matrix layer"]
    predicted: Float[np.ndarray, "matrix layer"]
    crest: Float[np.ndarray, "matrix layer"]
    variance: Float[np.ndarray, "matrix layer"]
    scaled: Float[np.ndarray, "scale matrix layer"]


def _run(subject: Subject) -> Outcome:
    tensors = clipped_tensors(subject.model, subject.quantizer)
    n_layers = subject.model.config.n_layers
    lacking = None
    if n_layers < LAYERS:
        lacking = f"needs at least {LAYERS} layers, got {n_layers}"
    elif not tensors:
        lacking = "needs matrices of the layers that are rounded, got none"
    if lacking:
        return _nothing(n_layers, lacking)
    found = matrix_errors(subject)
    if not all(np.all(table > 0) for table in (found.absmax, found.variance)):
        lacking = "needs rounding errors in every matrix, got none in some"
        return _nothing(n_layers, lacking)
    cost = losses.layer_losses(subject)
    names = [".".join(tensor.path[1:-1]) for tensor in tensors]
    return decide(
        found,
        (cost.alone - cost.full).mean(axis=1).T,
        np.array(subject.few.groups),
        names,
        key=subject.key,
    )


def _nothing(n_layers: int, lacking: str) -> Outcome:
    claims = (VARIANCE, CRITICALITY, CREST, SCALING)
    return Outcome(
        findings=tuple(not_applicable(one, n_layers, lacking) for one in claims),
        tables={},
    )


def matrix_errors(subject: Subject) -> MatrixErrors:
    """Measures the relative error of every matrix of the layers.

    Definition: `quant.relative_error` at the subject's bits, grid and granularity, with
    the ranges of both rules; variances are about the mean.

    Args:
        subject: model and quantizer.

    Reference: our own definition.
    """
    found: dict[str, list[np.ndarray]] = {}
    for tensor in clipped_tensors(subject.model, subject.quantizer):
        weight = full_weight(subject.model, tensor.path)
        weight = weight.reshape(weight.shape[0], -1, weight.shape[-1])
        own = {rule: _errors(weight, tensor, subject, rule) for rule in RULES}
        scaled = [
            _errors(weight * jnp.float32(scale), tensor, subject, "absmax")
            for scale in SCALES
        ]
        parts = own | {
            "predicted": _predicted(weight, tensor, subject.quantizer),
            "crest": jax.vmap(relative_error.crest_factor)(weight),
            "variance": jnp.var(weight, axis=(1, 2)),
            "scaled": jnp.stack([jnp.asarray(each) for each in scaled]),
        }
        for name, value in parts.items():
            found.setdefault(name, []).append(np.asarray(value, np.float64))
    tables = {name: np.stack(parts, axis=-2) for name, parts in found.items()}
    return MatrixErrors(**tables)


def _errors(
    weight: jax.Array, tensor: decoder.Tensor, subject: Subject, rule: Rule
) -> jax.Array:
    quantizer = dataclasses.replace(subject.quantizer, clipping=rule)
    rounded = round_tensor(weight, tensor, quantizer)
    return jax.vmap(relative_error.relative_error)(weight, rounded)


def _predicted(
    weight: jax.Array, tensor: decoder.Tensor, quantizer: Quantizer
) -> jax.Array:
    plain = dataclasses.replace(quantizer, clipping="absmax")
    limits = tensor_ranges(weight, tensor, plain)
    return jax.vmap(
        lambda one, of_one: relative_error.uniform_error(
            one,
            of_one,
            plain.bits,
            grid=plain.grid,
            grouping=grouping_of(tensor, plain),
        )
    )(weight, limits)


def decide(
    errors: MatrixErrors,
    costs: Float[np.ndarray, "sentence layer"],
    groups: Int[np.ndarray, " sentence"],
    names: list[str],
    *,
    key: PRNGKeyArray,
) -> Outcome:
    """Judges what the relative error goes with.

    Definition: of a layer, errors and variances are means over its matrices of
    logarithms, so that one kind of matrix counts like any other.

    Args:
        errors: of every matrix.
        costs: what rounding each layer alone adds to the loss of each sentence.
        groups: the text that each sentence belongs to.
        names: of the matrices.
        key: of the permutations.

    Reference: our own definition.
    """
    cost, left_out = rate_curves.text_means(costs, groups)
    low, high = jackknife_interval(cost, left_out)
    error = np.log(errors.absmax)
    of_layer = error.mean(axis=0)
    variance = np.log(errors.variance).mean(axis=0)
    keys = jax.random.split(key)
    by_variance, by_cost = (
        rank_correlation(of_layer, other, key=one)
        for other, one in zip((variance, cost), keys, strict=True)
    )
    slope, interval = _by_layer(np.log(errors.predicted), error)
    findings = (
        _variance(by_variance, _without_one(of_layer, variance)),
        _criticality(by_cost, _without_one(of_layer, cost), errors),
        _crest(slope, interval, errors),
        _scaling(errors),
    )
    layers: Rows = [
        {
            "layer": layer,
            "log_relative_error": float(of_layer[layer]),
            "log_variance": float(variance[layer]),
            "cost": float(cost[layer]),
            "cost_low": float(low[layer]),
            "cost_high": float(high[layer]),
        }
        for layer in range(len(cost))
    ]
    return Outcome(
        findings=findings,
        tables={
            "matrices": _rows(errors, names),
            "layers": layers,
            "law": [
                {
                    "slope": slope,
                    "slope_low": interval[0],
                    "slope_high": interval[1],
                    "measured_over_predicted": float(
                        np.exp((error - np.log(errors.predicted)).mean())
                    ),
                }
            ],
            "correlations": [
                {"of": name} | dataclasses.asdict(found)
                for name, found in (("variance", by_variance), ("cost", by_cost))
            ],
        },
    )


def _rows(errors: MatrixErrors, names: list[str]) -> Rows:
    rows: Rows = []
    for number, name in enumerate(names):
        for layer in range(errors.absmax.shape[1]):
            at = (number, layer)
            row: dict[str, Any] = {
                "layer": layer,
                "matrix": name,
                "crest": float(errors.crest[at]),
                "variance": float(errors.variance[at]),
                "relative_error": float(errors.absmax[at]),
                "predicted": float(errors.predicted[at]),
                "relative_error_clipped": float(errors.exact[at]),
                "signal_to_noise": float(errors.predicted[at] ** -0.5),
            }
            for scale, scaled in zip(SCALES, errors.scaled, strict=True):
                row[f"relative_error_times_{scale:g}"] = float(scaled[at])
            rows.append(row)
    return rows


def _without_one(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Least and greatest rank correlation when one layer is left out."""
    found = [
        float(
            np.corrcoef(stats.rankdata(np.delete([x, y], layer, axis=1), axis=1))[0, 1]
        )
        for layer in range(len(x))
    ]
    return min(found), max(found)


def _by_layer(x: np.ndarray, y: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Slope over matrices, with an interval from layers left out."""

    def slope(kept: Int[np.ndarray, " layer"]) -> np.ndarray:
        return straight_line(x[:, kept].ravel(), y[:, kept].ravel()).slope

    every = np.arange(x.shape[1])
    estimate = slope(every)
    left_out = np.stack([slope(np.delete(every, layer)) for layer in every])
    low, high = jackknife_interval(estimate, left_out)
    return float(estimate), (float(low), float(high))


def _variance(found: RankCorrelation, without: tuple[float, float]) -> Finding:
    return judge(
        VARIANCE,
        -found.estimate,
        (-found.high, -found.low),
        found.n,
        f"rank correlation of variance and relative error {found.estimate:.2f} "
        f"(p {found.p_value:.2g}; {without[0]:.2f} to {without[1]:.2f} with a layer "
        "left out)",
    )


def _criticality(
    found: RankCorrelation, without: tuple[float, float], errors: MatrixErrors
) -> Finding:
    noisy = int(np.sum(errors.predicted**-0.5 < SQRT3))
    return judge(
        CRITICALITY,
        found.estimate,
        (found.low, found.high),
        found.n,
        f"{without[0]:.2f} to {without[1]:.2f} with a layer left out; {noisy} of "
        f"{errors.predicted.size} matrices are below the notes' signal-to-noise of "
        "root 3",
    )


def _crest(
    slope: float, interval: tuple[float, float], errors: MatrixErrors
) -> Finding:
    effect, within = margin_left(slope, interval, target=1.0, margin=CREST.most)
    ratio = errors.absmax / errors.predicted
    return judge(
        CREST,
        effect,
        within,
        errors.absmax.shape[1],
        f"slope {slope:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]; measured errors "
        f"are {ratio.min():.2f} to {ratio.max():.2f} times the law's",
    )


def _scaling(errors: MatrixErrors) -> Finding:
    x = 2 * np.log(np.array(SCALES))
    elasticity = straight_line(x, np.log(errors.scaled).transpose(1, 2, 0)).slope
    of_layer = elasticity.mean(axis=0)
    n = len(of_layer)
    mean = np.asarray(of_layer.mean())
    low, high = jackknife_interval(mean, (of_layer.sum() - of_layer) / (n - 1))
    return judge(
        SCALING,
        -float(mean),
        (-float(high), -float(low)),
        n,
        "errors of the same weights times 0.01 and 30 differ by at most "
        f"{_largest_change(errors):.1g} of themselves",
    )


def _largest_change(errors: MatrixErrors) -> float:
    middle = errors.scaled[SCALES.index(1.0)]
    return float(np.max(np.abs(errors.scaled / middle - 1)))


EXPERIMENT = Experiment(
    id="T-002",
    title="Relative error of rounding",
    question="What does the relative error of a matrix follow from, and does it say "
    "which layers are costly to round?",
    support="The rank correlation over layers of relative error with the variance is "
    "below 0 by its interval; with the cost of a layer above 0; the slope on the "
    "squared crest factor is within 0.1 of 1.",
    refutation="The interval lies on the other side of 0, or outside of 0.1 of a slope "
    "of 1; scaling weights changes the relative error by less than an elasticity of "
    "0.01.",
    control="Weights scaled by 0.01 and 30; and the same weights in a random order "
    "have the same relative errors where a tensor shares one range, so that nothing "
    "learned is in them but the law of their entries.",
    run=_run,
    passes=2,
)
