"""What one clipping threshold for all costs each language of a model, and its bounds.

Every matrix of the layers is taken under the additive-noise objective J at the word
length and granularity of the run, its weights felt by each language as strongly as the
inputs that they are multiplied with. What a language loses by a threshold that is not
its own is its regret, `J(a) / J(a*) - 1`.
"""

import functools as ft
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxdisp.claims.evidence import Evidence
from jaxdisp.measure import activations
from jaxdisp.measure.activations import MeanSquares
from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.language_clipping import clipped_tensors, felt_weights
from jaxdisp.models.model import Model, full_weight
from jaxdisp.models.quantized import grouping_of
from jaxdisp.quant import additive_noise, fair_noise
from jaxdisp.quant.granularity import Grouping, grouped

SHARED = ("blind", "average", "fair")
"""Thresholds for all languages: of the weights alone, of the mean language, and the one
by which the worst language loses least."""

NAMES = ("regret", "lower", "upper", "distance", "threshold")
HALVINGS = 12
"""Of the range of the languages' own thresholds, which is narrow."""


def regrets(evidence: Evidence) -> dict[str, Any]:
    """Measures what thresholds for all cost each language, matrix by matrix.

    Definition: with `J[l]` the additive-noise objective of a matrix under the weights
    that language l feels, summed over groups, and `J*[l]` its minimum over thresholds
    of its own, the regret at shared thresholds is `J[l] / J*[l] - 1`. `lower` and
    `upper` are the bounds of theorem T2a, `sum_g (P(max) + c) T (a - a*)^2 / J*[l]`
    and the same with `P(min)`, with `max` and `min` of the two thresholds and T the
    weight felt. Shared are `blind`, the best of the weights alone, `average`, the best
    for the mean of `J[l]` over the output's energy, and `fair`, which makes the largest
    regret least: by bisection between the languages' own thresholds, group by group
    (which is the least of all only if there is one group).

    Args:
        evidence: of one model; its few sentences are read.

    Returns:
        `languages`; `bits` and `c`; `layer`, `matrix` and `kurtosis` (excess, about 0)
        of each row; by row and language `intrinsic` (`J*` over the output's energy),
        `own` (the threshold over the root mean square of the felt weight), `felt`
        (excess kurtosis about 0 of the felt weight), `over_floor` and `under_ceiling`
        (its least ratios to the bounds of T2c, both at least 1); and by kind of shared
        threshold `regret`, `lower`, `upper` and `distance` (root mean square over
        groups of the own threshold's distance from it), by row and language, and
        `threshold` by row; the last two over the root mean square of the weight.
        Thresholds are medians over groups where there are several. Without a matrix
        that is quantized all rows are missing.

    Raises:
        ValueError: as `quantized.is_included`.

    Reference: our own definition.
    """
    return evidence.kept("clipping regrets", lambda: _measured(evidence))


@ft.lru_cache(maxsize=2)
def felt_squares(model: Model, corpus: Corpus, stride: int | None) -> MeanSquares:
    """Averages squares of inputs, kept for the next claim that needs them.

    Args:
        model: an open model.
        corpus: parallel text.
        stride: of windows, in tokens; None is half of the context.

    Raises:
        ValueError: as `activations.mean_squares`.

    Reference: as `activations.mean_squares`.
    """
    return activations.mean_squares(model, corpus, stride=stride)


def _measured(evidence: Evidence) -> dict[str, Any]:
    subject = evidence.subject
    model, quantizer = subject.model, subject.quantizer
    step = additive_noise.GRID_STEP[quantizer.grid]
    with jax.enable_x64(True):
        c = float(additive_noise.noise_constant(quantizer.bits, step=step))
    squares = felt_squares(model, subject.few, subject.stride)
    rows: dict[str, list[Any]] = {}
    for tensor in clipped_tensors(model, quantizer):
        weight = np.asarray(full_weight(model, tensor.path), np.float64)
        felt = np.swapaxes(np.asarray(squares[tensor.path], np.float64), 0, 1)
        with jax.enable_x64(True):
            found = _of_layers(
                jnp.asarray(weight),
                jnp.asarray(felt),
                jnp.asarray(c),
                grouping=grouping_of(tensor, quantizer),
            )
            found = {name: np.asarray(value) for name, value in found.items()}
        n_layers = len(weight)
        rows.setdefault("layer", []).extend(range(n_layers))
        rows.setdefault("matrix", []).extend([".".join(tensor.path[1:-1])] * n_layers)
        for name, value in found.items():
            rows.setdefault(name, []).extend(value.tolist())
    kinds = {
        kind: {name: rows.pop(f"{kind} {name}", []) for name in NAMES}
        for kind in SHARED
    }
    languages = list(subject.few.languages)
    return {"languages": languages, "bits": quantizer.bits, "c": c} | rows | kinds


@ft.partial(jax.jit, static_argnames="grouping")
def _of_layers(
    weight: Array, squares: Array, c: Array, *, grouping: Grouping
) -> dict[str, Array]:
    def layer(each: tuple[Array, Array]) -> dict[str, Array]:
        x, felt = felt_weights(*each, grouping)
        present = grouped(jnp.ones_like(each[0]), grouping)
        return _of_matrix(x, felt, present, c)

    return jax.lax.map(layer, (weight, squares))


def _of_matrix(x: Array, felt: Array, present: Array, c: Array) -> dict[str, Array]:
    size, total = jnp.abs(x), jnp.sum(felt, axis=2)
    own, least = fair_noise.own_thresholds(x, felt, c)
    energy = fair_noise.energies(x, felt)
    best = jax.vmap(additive_noise.threshold, (0, 0, None))
    mixed = jnp.einsum("l,lgv->gv", 1.0 / _positive(energy), felt)
    shared = {
        "blind": best(x, present, c),
        "average": best(x, mixed, c),
        "fair": _fairest(size, felt, own, c),
    }

    def moment(order: int) -> Array:
        return jnp.einsum("lgv,gv->lg", felt, size**order) / _positive(total)

    mean, second, fourth = moment(1), moment(2), moment(4)
    ceiling = jnp.minimum(
        jnp.sqrt(second / (4.0 * c)), (27.0 * fourth / (256.0 * c)) ** 0.25
    )
    lengths = _positive(jnp.sqrt(jnp.sum(x * x, axis=1) / jnp.sum(present, axis=1)))
    count, squares = jnp.sum(present), jnp.sum(x * x)
    found = {
        "kurtosis": count * jnp.sum(x**4) / _positive(squares**2) - 3.0,
        "intrinsic": least / _positive(energy),
        "own": jnp.median(own / _positive(jnp.sqrt(second)), axis=1),
        "felt": jnp.median(fourth / _positive(second**2), axis=1) - 3.0,
        "over_floor": _least(own * (1.0 + c), mean),
        "under_ceiling": _least(ceiling, own),
    }
    for kind, at in shared.items():
        lost = fair_noise.noise_levels(x, felt, at, c) - least
        apart = (at[None] - own) / lengths[None]
        found |= {
            f"{kind} threshold": jnp.median(at / lengths),
            f"{kind} distance": jnp.sqrt(jnp.mean(apart**2, axis=1)),
            f"{kind} regret": lost / _positive(least),
        }
        for name, bend in _bends(size, felt, own, at, c).items():
            square = jnp.sum(bend * (at[None] - own) ** 2, axis=1)
            found[f"{kind} {name}"] = square / _positive(least)
    return found


def _fairest(size: Array, felt: Array, own: Array, c: Array) -> Array:
    """Bisects, group by group, where the language of the largest regret changes.

    The largest of convex functions falls where the one that attains it falls.
    """

    def group(each: tuple[Array, Array, Array]) -> Array:
        values, weights, thresholds = each
        curve = jax.vmap(additive_noise.objective, (None, 0, None, None))
        least = jax.vmap(additive_noise.objective, (None, 0, 0, None))(
            values, weights, thresholds, c
        ).value

        def halve(_: object, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = bracket
            middle = 0.5 * (low + high)
            found = curve(values, weights, middle, c)
            worst = jnp.argmax(found.value / _positive(least))
            falls = found.slope[worst] < 0
            return jnp.where(falls, middle, low), jnp.where(falls, high, middle)

        bracket = (jnp.min(thresholds), jnp.max(thresholds))
        low, high = jax.lax.fori_loop(0, HALVINGS, halve, bracket)
        return 0.5 * (low + high)

    return jax.lax.map(group, (size, jnp.swapaxes(felt, 0, 1), own.T))


def _bends(
    size: Array, felt: Array, own: Array, at: Array, c: Array
) -> dict[str, Array]:
    """Half the curvature of J, by language and group, at the two ends."""
    total = c * jnp.sum(felt, axis=2)

    def half(each: tuple[Array, Array]) -> tuple[Array, Array]:
        mass, threshold = each
        low, high = jnp.minimum(threshold, at), jnp.maximum(threshold, at)
        beyond = [
            jnp.sum(jnp.where(size > end[:, None], mass, 0.0), axis=1)
            for end in (high, low)
        ]
        return beyond[0], beyond[1]

    lower, upper = jax.lax.map(half, (felt, own))
    return {"lower": lower + total, "upper": upper + total}


def _least(above: Array, below: Array) -> Array:
    """The least ratio over groups, by language; infinite where there is nothing."""
    ratio = jnp.where(below > 0, above / _positive(below), jnp.inf)
    return jnp.min(ratio, axis=1)


def _positive(x: Array) -> Array:
    return jnp.where(x > 0, x, 1.0)
