"""What the rounding of each matrix does to its output, sentence by sentence."""

import functools as ft
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import windows
from jaxdisp.measure.activations import FEW_SHAPES
from jaxdisp.measure.batches import equal_batches, length_classes
from jaxdisp.measure.cube import encode
from jaxdisp.models import decoder
from jaxdisp.models.model import Model
from jaxdisp.result import result


@result
class MatrixErrors:
    """Sums over the tokens of each sentence, by matrix of every layer.

    `error` adds up `|x C|^2` with `C` the change of the matrix, `power` `|x W|^2`.
    """

    error: Float[np.ndarray, "layer language sentence"]
    power: Float[np.ndarray, "layer language sentence"]


def matrix_errors(
    model: Model,
    corpus: corpora.Corpus,
    version: decoder.Parameters,
    *,
    stride: int | None = None,
) -> tuple[Float[np.ndarray, "language sentence"], dict[decoder.Path, MatrixErrors]]:
    """Adds up what other weights change in the output of every matrix.

    Definition: `sum |x (V - W)|^2` over the tokens of a sentence, with x the input of
    the matrix in full precision, so that nothing of other matrices is in it: divided by
    the number of tokens, `tr(C' S C)` with `S = E[x x']`. Tokens are those from which
    the next one is predicted, but the start token. Of sentences longer than the
    context, each is read in the one window that scores the token after it.

    Args:
        model: an open model.
        corpus: parallel text.
        version: parameters whose matrices are tried.
        stride: of windows, in tokens; None is half of the context.

    Returns:
        The number of tokens, and by the path of each matrix its sums.

    Raises:
        ValueError: if the stride is not less than the context.

    Reference: our own definition; `quant.output_error`.
    """
    context = model.config.context
    cut = [
        windows.cut(sentences, context, stride) for sentences in encode(model, corpus)
    ]
    classes = length_classes(cut, FEW_SHAPES)
    shape = (len(cut), corpus.n_sentences)
    tokens = np.zeros(shape)
    total: dict[decoder.Path, np.ndarray] = {}
    for language, parts in enumerate(cut):
        for batch in equal_batches(parts, classes, context):
            chosen = [parts[place] for place in batch.places.tolist()]
            counted = _counted(batch.scored[0], chosen)
            found = _squares(
                (model.params, version["blocks"]),
                jnp.asarray(batch.tokens[0]),
                jnp.asarray(counted),
                architecture=model.architecture,
                config=model.config,
            )
            sentence = [part.sentence for part in chosen]
            np.add.at(tokens[language], sentence, counted.sum(axis=1)[: len(chosen)])
            for path, sums in found.items():
                double = np.asarray(sums, np.float64)[..., : len(chosen)]
                where = total.setdefault(path, np.zeros((*double.shape[:2], *shape)))
                # layer and quantity come last in what is added to
                np.add.at(
                    np.moveaxis(where[:, :, language], 2, 0),
                    sentence,
                    np.moveaxis(double, 2, 0),
                )
    return tokens, {
        path: MatrixErrors(error=sums[:, 0], power=sums[:, 1])
        for path, sums in total.items()
    }


def _counted(
    scored: Bool[np.ndarray, "window token"], parts: list[windows.Window]
) -> Bool[np.ndarray, "window token"]:
    """Tokens from which the next one is predicted, but start tokens."""
    counted = np.pad(scored[:, 1:], ((0, 0), (0, 1)))
    counted[: len(parts), 0] &= [part.first != 1 for part in parts]
    return counted


@ft.partial(jax.jit, static_argnames=("architecture", "config"))
def _squares(
    weights: tuple[decoder.Parameters, Any],
    tokens: Int[Array, "window token"],
    counted: Bool[Array, "window token"],
    *,
    architecture: decoder.Architecture,
    config: Any,
) -> dict[decoder.Path, Float[Array, "layer quantity window"]]:
    """Squares of changes and of outputs, summed over the tokens of each window."""
    params, others = weights
    mask = counted.astype(jnp.float32)

    def layer(state: Array, step: tuple[Any, ...]) -> tuple[Array, Any]:
        index, stored, other = step
        own = decoder.as_type(stored, state.dtype)
        after, inputs = architecture.block(own, state, index, config)
        found = {}
        for path, x in inputs.items():
            if path == decoder.ATTENTION:
                continue
            weight, changed = (
                decoder.leaf(each, path[1:]).astype(jnp.float32)
                for each in (own, decoder.as_type(other, state.dtype))
            )
            seen = x.astype(jnp.float32)
            both = [seen @ (changed - weight), seen @ weight]
            found[path] = jnp.stack(
                [jnp.einsum("sto,st->s", each**2, mask) for each in both]
            )
        return after, found

    with jax.default_matmul_precision("float32"):
        state = architecture.embed(params["outside"], tokens, config)
        steps = (jnp.arange(config.n_layers), params["blocks"], others)
        return jax.lax.scan(layer, state, steps)[1]
