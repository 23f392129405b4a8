"""Errors that each layer makes by itself, with some parameters in place of its own."""

import functools as ft
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import windows
from jaxdisp.measure.batches import equal_batches, length_classes
from jaxdisp.measure.cube import encode
from jaxdisp.models import decoder
from jaxdisp.models.model import Model
from jaxdisp.result import result

SHAPES = 1
"""Few sentences are enough, for which compiling takes longer than padding."""

LAYER: decoder.Path = ("layer",)
"""The output of a whole layer: what it adds to the states."""


@result
class OutputErrors:
    """Inner products of the errors that several versions make in an output, summed.

    The sums are over tokens and channels. `power` is the squared length of the output
    in full precision: the signal that the errors are to be seen against.
    """

    products: Float[np.ndarray, "layer version version"]
    power: Float[np.ndarray, " layer"]

    @property
    def relative(self) -> Float[np.ndarray, "version layer"]:
        """Squared errors relative to the power; NaN in layers without any output."""
        squares = np.diagonal(self.products, axis1=1, axis2=2).T
        return squares / np.where(self.power > 0, self.power, np.nan)


def layer_errors(
    model: Model,
    corpus: corpora.Corpus,
    versions: Sequence[decoder.Parameters],
    *,
    stride: int | None = None,
) -> dict[decoder.Path, OutputErrors]:
    """Compares what each layer gives with other parameters, from undisturbed states.

    Definition: with `h[i]` the states of the full-precision run, a whole layer's output
    is `h[i + 1] - h[i]`, and the error `block_i(h[i]; version) - h[i + 1]`; that of a
    matrix is `x W`, x what it is applied to in that run, and the error `x (V - W)`. So
    nothing of other layers is in them, and of a matrix nothing of other matrices. Sums
    are over the tokens of all languages that are scored, the start token left out, and
    over batches in float64. All versions are held at once.

    Args:
        model: an open model.
        corpus: parallel text.
        versions: parameters whose layers are tried.
        stride: of windows, in tokens; None is half of the context.

    Returns:
        By `LAYER`, and by the path of every matrix.

    Raises:
        ValueError: if there is no version, or the stride is not less than the context.

    Reference: our own definition.
    """
    if not versions:
        raise ValueError("needs at least one version of the parameters, got none")
    flat = [sentence for language in encode(model, corpus) for sentence in language]
    context = model.config.context
    parts = windows.cut(flat, context, stride)
    classes = length_classes([parts], SHAPES)
    total: dict[decoder.Path, Any] = {}
    for batch in equal_batches(parts, classes, context):
        found = _products(
            model.params,
            tuple(version["blocks"] for version in versions),
            jnp.asarray(batch.tokens[0]),
            jnp.asarray(batch.scored[0]),
            architecture=model.architecture,
            config=model.config,
        )
        for path, sums in found.items():
            double = [np.asarray(each, np.float64) for each in sums]
            before = total.get(path, (0.0, 0.0))
            total[path] = [a + b for a, b in zip(before, double, strict=True)]
    return {
        path: OutputErrors(products=products, power=power)
        for path, (products, power) in total.items()
    }


@ft.partial(jax.jit, static_argnames=("architecture", "config"))
def _products(
    params: decoder.Parameters,
    versions: tuple[Any, ...],
    tokens: Int[Array, "window token"],
    scored: Bool[Array, "window token"],
    *,
    architecture: decoder.Architecture,
    config: Any,
) -> dict[decoder.Path, tuple[Float[Array, "layer ..."], Float[Array, " layer"]]]:
    """Sums over tokens: inner products of errors, and squares of outputs."""
    full = jnp.zeros(config.n_layers + 1, jnp.int32)
    taps, _ = decoder.hidden_states(architecture, config, (params,), full, tokens)
    counted = scored[..., None].astype(jnp.float32)

    def layer(_: None, step: tuple[Any, ...]) -> tuple[None, Any]:
        index, before, own, others = step
        own = decoder.as_type(own, before.dtype)
        after, inputs = architecture.block(own, before, index, config)

        def error(block: Any) -> Array:
            chosen = decoder.as_type(block, before.dtype)
            found, _ = architecture.block(chosen, before, index, config)
            return (found - after).astype(jnp.float32) * counted

        found = {LAYER: _sums(jax.lax.map(error, others), (after - before), counted)}
        for path, x in inputs.items():
            if path == decoder.ATTENTION:
                continue
            seen = x.astype(jnp.float32) * counted
            weight = decoder.leaf(own, path[1:]).astype(jnp.float32)
            changed = decoder.leaf(others, path[1:]).astype(jnp.float32)
            errors = jnp.einsum("sti,vio->vsto", seen, changed - weight[None])
            found[path] = _sums(errors, jnp.matmul(seen, weight), counted)
        return None, found

    with jax.default_matmul_precision("float32"):
        stacked = jax.tree.map(lambda *each: jnp.stack(each, axis=1), *versions)
        steps = (jnp.arange(config.n_layers), taps[:-1], params["blocks"], stacked)
        return jax.lax.scan(layer, None, steps)[1]


def _sums(
    errors: Float[Array, "version window token channel"],
    output: Float[Array, "window token channel"],
    counted: Float[Array, "window token 1"],
) -> tuple[Float[Array, "version version"], Float[Array, ""]]:
    flat = errors.reshape(len(errors), -1)
    signal = output.astype(jnp.float32) * counted
    return jnp.matmul(flat, flat.T), jnp.sum(signal**2)
