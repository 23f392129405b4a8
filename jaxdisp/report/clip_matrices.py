"""Every matrix of every layer: its law, its thresholds by rule, and their errors."""

import dataclasses
import functools as ft
from collections.abc import Callable
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxdisp.measure import activations, language_clipping
from jaxdisp.models import decoder
from jaxdisp.models.model import full_weight
from jaxdisp.models.quantized import grouping_of, tensor_ranges
from jaxdisp.quant import additive_noise, fair_noise, kurtosis, moments, rules
from jaxdisp.quant.kurtosis_clipping import weight_thresholds
from jaxdisp.report.clipping import AWARE, POOLED, Inputs, Solved, rounded

RULES = (*get_args(rules.Rule), POOLED, AWARE)
BY_KURTOSIS: dict[str, Literal["generalised_gaussian", "logarithmic"]] = {
    "kurtosis": "generalised_gaussian",
    "logarithmic": "logarithmic",
}
"""Thresholds from kurtosis, listed beside the rules: by family, and the notes'."""


def matrix_rows(
    inputs: Inputs, solved: Solved, advance: Callable[[int], object]
) -> list[dict[str, Any]]:
    """Lists sigma, kurtosis, thresholds, and predicted and measured errors by matrix.

    `threshold` is the median over groups, in the standard deviations of the matrix;
    beside the rules it has `kurtosis`, through a generalised Gaussian law of the
    group's kurtosis, and the research notes' `logarithmic` one.
    Errors are shares of the matrix's output energy, by rule and language: `predicted`
    by the additive-noise objective under activation weights, `measured` exactly, from
    rounding and the second moments of the inputs; `diagonal_share` is what the diagonal
    surrogate gives of the latter. `gap` is how far from the optimum thresholds for all
    languages may be, as a share.

    Args:
        inputs: of the comparison.
        solved: as from `clipping.solve`.
        advance: called with the number of sentences read since the last call.

    Reference: our own definition.
    """
    model = inputs.model
    versions = {rule: rounded(inputs, solved, rule) for rule in RULES}
    errors: dict[str, dict[decoder.Path, list[language_clipping.Errors]]] = {}
    for language, second in activations.second_moments(
        model, inputs.calibration, stride=inputs.stride
    ):
        errors[language] = language_clipping.output_errors(
            model, list(versions.values()), second
        )
        advance(inputs.calibration.n_sentences)
    rows = []
    for tensor in language_clipping.clipped_tensors(model, inputs.quantizer):
        weight = full_weight(model, tensor.path)
        thresholds = _thresholds(inputs, solved, tensor, weight)
        predicted = _predicted(inputs, solved, tensor, weight, thresholds)
        measured = {
            rule: {language: by[tensor.path][at] for language, by in errors.items()}
            for at, rule in enumerate(RULES)
        }
        for layer in range(model.config.n_layers):
            law = _law(weight[layer])
            unit = law["sigma"] or 1.0
            rows.append(
                {"layer": layer, "matrix": ".".join(tensor.path[1:-1])}
                | law
                | {
                    "threshold": {
                        rule: float(np.median(found[layer])) / unit
                        for rule, found in thresholds.items()
                    },
                    "predicted": {
                        rule: dict(
                            zip(errors, predicted[rule][layer].tolist(), strict=True)
                        )
                        for rule in RULES
                    },
                    "gap": {
                        aim: float(solved.fair[aim][tensor.path].gap[layer])
                        for aim in (POOLED, AWARE)
                    },
                }
                | _measured(measured, layer)
            )
    return rows


def _measured(
    measured: dict[str, dict[str, language_clipping.Errors]], layer: int
) -> dict[str, Any]:
    """Output errors of one layer by rule and language, and the surrogate's share."""
    full, share = {}, {}
    for rule, by_language in measured.items():
        full[rule], share[rule] = {}, {}
        for language, found in by_language.items():
            whole, diagonal = float(found.full[layer]), float(found.diagonal[layer])
            full[rule][language] = whole
            share[rule][language] = diagonal / whole if whole else 1.0
    return {"measured": full, "diagonal_share": share}


def _law(weight: jax.Array) -> dict[str, Any]:
    flat = weight.reshape(-1)
    found = moments.moments(flat)
    return {
        "sigma": float(np.sqrt(moments.variance(found))),
        "kurtosis": float(moments.excess_kurtosis(found)),
        "rests_on_few": bool(kurtosis.rests_on_few(flat)),
    }


def kurtosis_rows(inputs: Inputs, solved: Solved) -> list[dict[str, Any]]:
    """Lists the four effective kurtoses by kind of matrix and language.

    `product` and `tilted` are means over layers; `layers` weighs each layer's kurtosis
    by the root mean square of its inputs; `mixture`, of all layers' weights together,
    knows no language.

    Args:
        inputs: of the comparison.
        solved: as from `clipping.solve`.

    Reference: as `quant.kurtosis`.
    """
    rows = []
    for tensor in language_clipping.clipped_tensors(inputs.model, inputs.quantizer):
        weight = full_weight(inputs.model, tensor.path)
        flat = weight.reshape(weight.shape[0], -1)
        layers = jax.vmap(moments.moments)(flat)
        own = jnp.asarray(np.asarray(moments.excess_kurtosis(layers)), weight.dtype)
        mixture = float(kurtosis.mixture_kurtosis(layers))
        for place, language in enumerate(inputs.calibration.languages):
            squares = jnp.asarray(solved.squares[tensor.path][place], weight.dtype)
            felt = jnp.broadcast_to(jnp.sqrt(squares)[:, :, None], weight.shape)
            product, tilted = (
                np.mean(np.asarray(jax.vmap(kind)(flat, felt.reshape(flat.shape))))
                for kind in (kurtosis.product_kurtosis, kurtosis.tilted_kurtosis)
            )
            size = jnp.sqrt(jnp.mean(squares, axis=1))
            rows.append(
                {
                    "matrix": ".".join(tensor.path[1:-1]),
                    "language": language,
                    "product": float(product),
                    "tilted": float(tilted),
                    "layers": float(kurtosis.layer_kurtosis(own, size)),
                    "mixture": mixture,
                }
            )
    return rows


def _thresholds(
    inputs: Inputs, solved: Solved, tensor: decoder.Tensor, weight: jax.Array
) -> dict[str, np.ndarray]:
    """Thresholds `[layer, group]` by rule."""
    found = {}
    for rule in get_args(rules.Rule):
        by_rule = dataclasses.replace(inputs.quantizer, clipping=rule)
        found[rule] = np.asarray(tensor_ranges(weight, tensor, by_rule).threshold)
    for aim in (POOLED, AWARE):
        found[aim] = np.asarray(solved.fair[aim][tensor.path].thresholds)
    grouping = grouping_of(tensor, inputs.quantizer)
    for name, family in BY_KURTOSIS.items():
        one = ft.partial(weight_thresholds, family=family, grouping=grouping)
        found[name] = np.asarray(
            jax.vmap(one, (0, None))(weight, inputs.quantizer.bits)
        )
    return found


def _predicted(
    inputs: Inputs,
    solved: Solved,
    tensor: decoder.Tensor,
    weight: jax.Array,
    thresholds: dict[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Additive-noise errors `[layer, language]` by rule, over the output's energy."""
    step = additive_noise.GRID_STEP[inputs.quantizer.grid]
    c = additive_noise.noise_constant(inputs.quantizer.bits, step=step)
    squares = jnp.swapaxes(jnp.asarray(solved.squares[tensor.path], weight.dtype), 0, 1)
    stacked = jnp.stack([jnp.asarray(value) for value in thresholds.values()], axis=1)
    grouping = grouping_of(tensor, inputs.quantizer)
    found = np.asarray(_noise(weight, squares, stacked, c, grouping=grouping))
    return {rule: found[:, at] for at, rule in enumerate(thresholds)}


@ft.partial(jax.jit, static_argnames="grouping")
def _noise(
    weight: jax.Array,
    squares: jax.Array,
    thresholds: jax.Array,
    c: jax.Array,
    *,
    grouping: Any,
) -> jax.Array:
    def layer(each: tuple[jax.Array, ...]) -> jax.Array:
        matrix, square, candidates = each
        x, felt = language_clipping.felt_weights(matrix, square, grouping)
        energy = fair_noise.energies(x, felt)
        level = ft.partial(fair_noise.noise_levels, x, felt, c=c)
        lost = jax.lax.map(lambda at: level(thresholds=at), candidates)
        return lost / jnp.where(energy > 0, energy, 1.0)[None]

    return jax.lax.map(layer, (weight, squares, thresholds))
