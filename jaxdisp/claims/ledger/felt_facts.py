"""Facts of weights as each language feels them, and of what rounding costs it.

A weight is felt as strongly as the root mean square of the input that it is multiplied
with. The notes' kurtosis of "weights times activations", and the thresholds that they
take from it, are measured beside the ones that the error of a matrix's output asks for.
"""

import functools as ft
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxdisp.claims import losses
from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.experiment import Subject
from jaxdisp.claims.ledger.weight_facts import NO_MATRICES
from jaxdisp.claims.theorems import clipping_on_model
from jaxdisp.measure.language_clipping import clipped_tensors, felt_weights
from jaxdisp.measure.rate_curves import text_means
from jaxdisp.models.model import full_weight
from jaxdisp.models.quantized import grouping_of
from jaxdisp.quant import additive_noise, fair_noise, kurtosis, moments
from jaxdisp.quant.granularity import Grouping, grouped
from jaxdisp.search import lattice


def kurtoses(evidence: Evidence) -> dict[str, Any]:
    """Measures the four effective kurtoses of every language.

    Definition: as `quant.kurtosis`, excess over the Gaussian's: `product` and `tilted`
    are means over all matrices that are rounded, `layers` and `mixture` over their
    kinds; `weights` is the tilted one of weights that are all felt alike. By matrix,
    `tilted_by_matrix` has a row of languages and `weights_by_matrix` one number; their
    order is that of `clipping_on_model.regrets`.

    Args:
        evidence: of one model; its few sentences are read.

    Raises:
        ValueError: if no matrix is rounded.

    Reference: our own definition.
    """
    return evidence.kept("kurtoses by language", lambda: _kurtoses(evidence.subject))


def _kurtoses(subject: Subject) -> dict[str, Any]:
    model, few = subject.model, subject.few
    squares = clipping_on_model.felt_squares(model, few, subject.stride)
    parts: dict[str, list[np.ndarray]] = {}
    for tensor in clipped_tensors(model, subject.quantizer):
        weight = np.asarray(full_weight(model, tensor.path), np.float64)
        square = np.swapaxes(np.asarray(squares[tensor.path], np.float64), 0, 1)
        with jax.enable_x64(True):
            found = _of_kind(jnp.asarray(weight), jnp.asarray(square))
        for name, value in found.items():
            parts.setdefault(name, []).append(np.asarray(value, np.float64))
    if not parts:
        raise ValueError(NO_MATRICES)
    tilted = np.concatenate(parts["tilted"])
    means = {
        "product": np.concatenate(parts["product"]).mean(axis=0),
        "tilted": tilted.mean(axis=0),
        "layers": np.mean(parts["layers"], axis=0),
        "mixture": np.full(tilted.shape[1], np.mean(parts["mixture"])),
    }
    weights = np.concatenate(parts["weights"])
    return {
        "languages": list(few.languages),
        **{name: value.tolist() for name, value in means.items()},
        "weights": float(weights.mean()),
        "tilted_by_matrix": tilted.tolist(),
        "weights_by_matrix": weights.tolist(),
    }


@jax.jit
def _of_kind(weight: Array, square: Array) -> dict[str, Array]:
    """Kurtoses of one kind of matrix; those of layers have the layers on axis 0."""
    flat = weight.reshape(weight.shape[0], -1)
    laws = jax.vmap(moments.moments)(flat)
    own = jax.vmap(moments.excess_kurtosis)(laws)
    size = jnp.sqrt(jnp.mean(square, axis=2))

    def language(felt: Array) -> tuple[Array, Array]:
        each = jnp.broadcast_to(jnp.sqrt(felt)[:, :, None], weight.shape)
        each = each.reshape(flat.shape)
        return (
            jax.vmap(kurtosis.product_kurtosis)(flat, each),
            jax.vmap(kurtosis.tilted_kurtosis)(flat, each),
        )

    product, tilted = jax.lax.map(language, jnp.swapaxes(square, 0, 1))
    return {
        "weights": jax.vmap(kurtosis.tilted_kurtosis)(flat, jnp.ones_like(flat)),
        "product": product.T,
        "tilted": tilted.T,
        "layers": jax.vmap(kurtosis.layer_kurtosis, (None, 1))(own, size),
        "mixture": kurtosis.mixture_kurtosis(laws),
    }


def costs(evidence: Evidence) -> dict[str, Any]:
    """Measures what rounding all layers costs each language, in nats per sentence.

    Definition: loss with every layer quantized as in the run, less that in full
    precision, averaged over the few parallel sentences.

    Args:
        evidence: of one model.

    Returns:
        `languages`, `cost` by language, and `left_out` by text and language: the same
        without the sentences of that text.

    Raises:
        ValueError: if there are fewer than 2 texts.

    Reference: our own definition.
    """

    def measured() -> dict[str, Any]:
        subject = evidence.subject
        sites = lattice.uniform(subject.model.config.n_layers)
        nll = losses.evaluate(subject, sites)
        cost, left_out = text_means((nll[1] - nll[0]).T, np.array(subject.few.groups))
        return {
            "languages": list(subject.few.languages),
            "cost": cost.tolist(),
            "left_out": left_out.tolist(),
        }

    return evidence.kept("costs by language", measured)


def product_thresholds(evidence: Evidence) -> dict[str, Any]:
    """Measures what the notes' thresholds of "weights times activations" cost.

    Definition: for each matrix and language, J under the weights that are felt, at the
    threshold that minimises it for the products `w a`, over its minimum, less 1; with
    activations scaled so that their mean square is 1, or their largest is 1, which
    keeps them within the notes' 0 to 1.

    Args:
        evidence: of one model; its few sentences are read.

    Returns:
        `unit_power` and `unit_peak`: by matrix and language; rows in the order of
        `clipping_on_model.regrets`.

    Raises:
        ValueError: if no matrix is rounded.

    Reference: the research notes' algorithm; our own definition of its cost.
    """
    return evidence.kept("product thresholds", lambda: _products(evidence.subject))


def _products(subject: Subject) -> dict[str, Any]:
    model, quantizer = subject.model, subject.quantizer
    squares = clipping_on_model.felt_squares(model, subject.few, subject.stride)
    step = additive_noise.GRID_STEP[quantizer.grid]
    c = additive_noise.noise_constant(quantizer.bits, step=step)
    rows: dict[str, list[np.ndarray]] = {}
    for tensor in clipped_tensors(model, quantizer):
        weight = full_weight(model, tensor.path)
        felt = jnp.asarray(np.swapaxes(squares[tensor.path], 0, 1), weight.dtype)
        found = _of_layers(weight, felt, c, grouping=grouping_of(tensor, quantizer))
        for name, value in found.items():
            rows.setdefault(name, []).append(np.asarray(value, np.float64))
    if not rows:
        raise ValueError(NO_MATRICES)
    return {name: np.concatenate(parts).tolist() for name, parts in rows.items()}


@ft.partial(jax.jit, static_argnames="grouping")
def _of_layers(
    weight: Array, squares: Array, c: Array, *, grouping: Grouping
) -> dict[str, Array]:
    def layer(each: tuple[Array, Array]) -> dict[str, Array]:
        x, felt = felt_weights(*each, grouping)
        here = grouped(jnp.ones_like(each[0]), grouping)
        return jax.lax.map(ft.partial(_lost, x, here, c), felt)

    return jax.lax.map(layer, (weight, squares))


def _lost(x: Array, here: Array, c: Array, felt: Array) -> dict[str, Array]:
    """What one language loses above its least, by how activations are scaled."""
    least = fair_noise.own_thresholds(x, felt[None], c)[1][0]
    power = jnp.sum(felt) / jnp.sum(here)
    product = x * jnp.sqrt(felt)
    best = jax.vmap(additive_noise.threshold, (0, 0, None))(product, here, c)

    def excess(scale: Array) -> Array:
        at = best / jnp.where(scale > 0, scale, 1.0)
        lost = fair_noise.noise_levels(x, felt[None], at, c)[0]
        return lost / jnp.where(least > 0, least, 1.0) - 1.0

    return {
        "unit_power": excess(jnp.sqrt(power)),
        "unit_peak": excess(jnp.sqrt(jnp.max(felt))),
    }


def sharing_gap(evidence: Evidence) -> dict[str, Any]:
    """Solves for the threshold that serves the worst language, and proves it.

    Definition: `fair_noise.fair_thresholds` with the aim `minimax` of every layer's
    smallest matrix that is rounded; `gap` is by what share of the value it could be
    improved at most.

    Args:
        evidence: of one model; its few sentences are read.

    Returns:
        `matrix`, and `gap` by layer.

    Raises:
        ValueError: if no matrix is rounded.

    Reference: our own definition.
    """
    return evidence.kept("gap of a shared threshold", lambda: _gaps(evidence.subject))


def _gaps(subject: Subject) -> dict[str, Any]:
    model, quantizer = subject.model, subject.quantizer
    tensors = clipped_tensors(model, quantizer)
    if not tensors:
        raise ValueError(NO_MATRICES)
    tensor = min(tensors, key=lambda each: full_weight(model, each.path).size)
    squares = clipping_on_model.felt_squares(model, subject.few, subject.stride)
    weight = full_weight(model, tensor.path)
    step = additive_noise.GRID_STEP[quantizer.grid]
    c = float(additive_noise.noise_constant(quantizer.bits, step=step))
    gaps = []
    for layer in range(len(weight)):
        felt = jnp.asarray(squares[tensor.path][:, layer], weight.dtype)
        x, mass = felt_weights(weight[layer], felt, grouping_of(tensor, quantizer))
        found = fair_noise.fair_thresholds(x, mass, c, aim="minimax")
        gaps.append(float(found.gap))
    return {"matrix": ".".join(tensor.path[1:-1]), "gap": gaps}
