"""Signals through depth: their size, how alike they are, and how errors grow.

Mean-field theory follows two numbers from layer to layer: the mean square `q` of what
each channel holds, and the correlation `c` of two different inputs. Here both are
measured, on the states of a model's tokens but the start token, which is the same
everywhere.
"""

from collections.abc import Iterator, Sequence

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

LENGTHS = 400
"""Correlation lengths that are tried, equally spaced on a log scale."""

SHORTEST = 0.1
"""Layers; a shorter correlation length has no second point to be seen by."""


@result
class Sums:
    """Of one language, by text: what states, and their errors, add up to over tokens.

    Version 0 is one run of the model, version 1 another, and `error` adds up
    `|h_1 - h_0|^2`; `power` adds up `|h|^2` and `directions` `h / |h|`.
    """

    tokens: Float[np.ndarray, " text"]
    power: Float[np.ndarray, "version tap text"]
    error: Float[np.ndarray, "tap text"]
    directions: Float[np.ndarray, "version tap text width"]


def language_sums(
    model: Model,
    corpus: corpora.Corpus,
    versions: Sequence[decoder.Parameters],
    assignments: tuple[Sequence[int], Sequence[int]],
    *,
    stride: int | None = None,
    shapes: corpora.Corpus | None = None,
) -> Iterator[tuple[str, Sums]]:
    """Runs the decoder twice over all sentences and adds up states, by language.

    Definition: `decoder.hidden_states` of both assignments at all tokens from which the
    next one is predicted, but start tokens. Of sentences longer than the context, each
    token is read in the one window that scores the token after it. A state of zeros has
    no direction and adds none.

    Args:
        model: an open model.
        corpus: parallel text.
        versions: parameters that assignments call 1, 2, ...
        assignments: of the two runs: version of each layer, and perhaps one more for
            the parameters outside the layers.
        stride: of windows, in tokens; None is half of the context.
        shapes: text whose lengths sentences are padded to, of which `corpus` is a part;
            None is `corpus` itself. Programs are compiled once for each length.

    Raises:
        ValueError: if the stride is not less than the context.

    Yields:
        Each language with its sums, texts in the order of their numbers.

    Reference: our own definition.
    """
    sites = np.zeros((2, model.config.n_layers + 1), np.int32)
    for row, assignment in zip(sites, assignments, strict=True):
        row[: len(assignment)] = assignment
    context = model.config.context
    wider = encode(model, corpus if shapes is None else shapes)
    classes = length_classes(
        [windows.cut(x, context, stride) for x in wider], FEW_SHAPES
    )
    text = np.unique(corpus.groups, return_inverse=True)[1]
    for language, sentences in zip(
        corpus.languages, encode(model, corpus), strict=True
    ):
        parts = windows.cut(sentences, context, stride)
        total = None
        for batch in equal_batches(parts, classes, context):
            counted = np.pad(batch.scored[0, :, 1:], ((0, 0), (0, 1)))
            chosen = [parts[place] for place in batch.places.tolist()]
            starts = np.array([part.first == 1 for part in chosen])
            counted[: len(starts), 0] &= ~starts
            rows = _sums(
                (model.params, *versions),
                jnp.asarray(sites),
                batch.tokens[0],
                counted,
                architecture=model.architecture,
                config=model.config,
            )
            where = text[[part.sentence for part in chosen]]
            added = _by_text([np.asarray(x) for x in rows], where, int(text.max()) + 1)
            total = added if total is None else jax.tree.map(np.add, total, added)
        assert total is not None, "a corpus has sentences"
        yield language, total


def _reduced(
    versions: tuple[decoder.Parameters, ...],
    sites: Int[Array, "version site"],
    tokens: Int[Array, "sentence token"],
    counted: Bool[Array, "sentence token"],
    architecture: decoder.Architecture,
    config: object,
) -> tuple[Array, ...]:
    """Per sentence the number of tokens, power, error and directions."""
    weight = counted.astype(jnp.float32)

    def states(assignment: Array) -> Array:
        taps = decoder.hidden_states(architecture, config, versions, assignment, tokens)
        return taps[0].astype(jnp.float32)

    both = jax.lax.map(states, sites)
    squares = jnp.sum(both**2, axis=-1)
    inverse = jnp.where(squares > 0, jax.lax.rsqrt(jnp.maximum(squares, 1e-30)), 0.0)
    error = jnp.sum((both[1] - both[0]) ** 2, axis=-1)
    return (
        jnp.sum(weight, axis=-1),
        jnp.einsum("vlst,st->vls", squares, weight),
        jnp.einsum("lst,st->ls", error, weight),
        jnp.einsum("vlstw,vlst->vlsw", both, inverse * weight[None, None]),
    )


_sums = jax.jit(_reduced, static_argnames=("architecture", "config"))


def _by_text(
    rows: Sequence[np.ndarray], where: Int[np.ndarray, " row"], n_texts: int
) -> Sums:
    """Adds up the rows of each text; rows beyond those known are empty."""
    member = (where[:, None] == np.arange(n_texts)).astype(np.float64)
    n = len(where)
    tokens, power, error, directions = (row.astype(np.float64) for row in rows)
    return Sums(
        tokens=tokens[:n] @ member,
        power=power[..., :n] @ member,
        error=error[..., :n] @ member,
        directions=np.einsum("vlsw,sg->vlgw", directions[:, :, :n], member),
    )


def with_left_out(
    sums: Float[np.ndarray, "*row text"],
) -> Float[np.ndarray, "*row all"]:
    """Adds up texts: all of them, then all but one each.

    Definition: `S, S - s[1], ..., S - s[G]` on the last axis.

    Args:
        sums: of each text, in any unit.

    Reference: our own definition; what a jackknife needs.
    """
    total = sums.sum(axis=-1, keepdims=True)
    return np.concatenate([total, total - sums], axis=-1)


def correlations(
    directions: Float[np.ndarray, "*row text width"], tokens: Float[np.ndarray, " text"]
) -> Float[np.ndarray, "*row all"]:
    """Averages the cosine of the states of two tokens of different texts.

    Definition: with `D[g]` the sum of the directions of text g and `n[g]` its tokens,
    `(|sum D|^2 - sum |D[g]|^2) / ((sum n)^2 - sum n[g]^2)`, over all texts and without
    one each. Tokens of one text share words and are left out. Not centred: what all
    states have in common counts, as it does in mean-field theory.

    Args:
        directions: sums of states of length 1, by text.
        tokens: how many there are.

    Raises:
        ValueError: if there are fewer than 3 texts.

    Reference: Poole et al. 2016, arXiv:1606.05340, equation 5 (c of two inputs); the
        average over pairs is a U-statistic, Hoeffding 1948.
    """
    if len(tokens) < 3:
        raise ValueError(f"needs at least 3 texts, got {len(tokens)}")
    whole = directions.sum(axis=-2, keepdims=True)
    own = np.sum(directions**2, axis=-1)
    left = np.sum((whole - directions) ** 2, axis=-1)
    squares = np.concatenate([np.sum(whole**2, axis=-1), left], axis=-1)
    pairs = with_left_out(tokens) ** 2 - with_left_out(tokens**2)
    return (squares - with_left_out(own)) / pairs


def relative_errors(
    error: Float[np.ndarray, "*row all"], power: Float[np.ndarray, "*row all"]
) -> Float[np.ndarray, "*row all"]:
    """Takes the log of how large errors are beside the states that they are errors of.

    Definition: `ln sqrt(sum |h' - h|^2 / sum |h|^2)`; minus infinity without error.

    Args:
        error: sums of squared errors.
        power: sums of squares.

    Reference: our own definition; what layers make of it is bounded by theorem T3c of
        the project's theory, `x + F(x)` having a gain between `1 - L` and `1 + L`.
    """
    with np.errstate(divide="ignore"):
        return 0.5 * np.log(error / power)


def depth_slope(
    values: Float[np.ndarray, "*row tap"],
) -> Float[np.ndarray, "*row"]:
    """Fits a line over depth by least squares and returns its slope, per layer.

    Definition: `sum (l - mean l) y[l] / sum (l - mean l)^2`.

    Args:
        values: one per tap, in any unit.

    Raises:
        ValueError: if there are fewer than 2 taps.

    Reference: our own definition.
    """
    n_taps = values.shape[-1]
    if n_taps < 2:
        raise ValueError(f"a slope needs at least 2 taps, got {n_taps}")
    depth = np.arange(n_taps) - (n_taps - 1) / 2
    return np.asarray(values @ (depth / np.sum(depth**2)))


def adding_up_slope(n_layers: int) -> float:
    """Slope over depth of the log relative error, where errors do no more than add up.

    Definition: `depth_slope` of `ln sqrt(l)` for `l = 1, ..., L`: each layer makes an
    error of the same relative size, independent of the others, and passes on those
    before it as they are. Geometric growth is steeper.

    Args:
        n_layers: L, at least 2.

    Reference: our own definition.
    """
    return float(depth_slope(0.5 * np.log(np.arange(1, n_layers + 1))))


@result
class Decay:
    """How `c` approaches a limit over depth: `c[l] = limit + amplitude exp(-l / xi)`.

    `length` is xi in layers, infinite where no decay is seen; `explained` is the share
    of the variance of `c` over depth that the curve explains.
    """

    length: Float[np.ndarray, "*row"]
    limit: Float[np.ndarray, "*row"]
    explained: Float[np.ndarray, "*row"]


def correlation_length(correlation: Float[np.ndarray, "*row tap"]) -> Decay:
    """Fits over how many layers the correlation of two inputs forgets where it began.

    Definition: least squares over limit, amplitude and `xi`, the first two solved for
    each of 400 lengths from 0.1 layers to the depth L. The limit is fitted and not put
    at the last tap, since any drift seems to come to rest where it is cut off. Where
    the best `xi` is L, or the curve is flat, a line would do as well: no decay is seen,
    and the length is infinite.

    Args:
        correlation: one per tap, tap 0 first.

    Raises:
        ValueError: if there are fewer than 4 taps.

    Reference: Schoenholz et al. 2016, arXiv:1611.01232, equation 9 (`|c - c*|` falls
        as `exp(-l / xi)`); the rule of what is no decay is our own.
    """
    n_taps = correlation.shape[-1]
    if n_taps < 4:
        raise ValueError(f"a curve of three numbers needs 4 taps, got {n_taps}")
    depth = np.arange(n_taps, dtype=np.float64)
    lengths = np.geomspace(SHORTEST, n_taps - 1, LENGTHS)
    shape = np.exp(-depth / lengths[:, None])
    mean = shape.mean(axis=1)
    centred = shape - mean[:, None]
    norm = np.sum(centred**2, axis=1)
    deviation = correlation - correlation.mean(axis=-1, keepdims=True)
    amplitude = deviation @ centred.T / norm
    explained = amplitude**2 * norm
    best = np.argmax(explained, axis=-1)
    total = np.sum(deviation**2, axis=-1)
    # what rounding leaves of a flat curve
    flat = total <= n_taps * (1e-9 * np.max(np.abs(correlation), axis=-1)) ** 2
    at = best[..., None]
    share = np.take_along_axis(explained, at, -1)[..., 0] / np.where(flat, 1.0, total)
    slope = np.take_along_axis(amplitude, at, -1)[..., 0]
    unbounded = flat | (best == LENGTHS - 1)
    return Decay(
        length=np.where(unbounded, np.inf, lengths[best]),
        limit=np.where(
            unbounded, np.nan, correlation.mean(axis=-1) - slope * mean[best]
        ),
        explained=np.where(flat, 0.0, share),
    )


def noisy_embeddings(model: Model, relative: float, key: Array) -> decoder.Parameters:
    """Adds Gaussian noise to the embeddings of tokens, and to nothing else.

    Definition: independent, with the standard deviation `relative` times the root mean
    square of the table; tied logits change too, states after layers through tap 0.

    Args:
        model: an open model.
        relative: size of the noise beside that of the table.
        key: of the noise.

    Reference: our own definition.
    """
    table = model.params["outside"]["token_embedding"]
    size = relative * jnp.sqrt(jnp.mean(table.astype(jnp.float32) ** 2))
    noise = size * jax.random.normal(key, table.shape, jnp.float32)
    changed = (table.astype(jnp.float32) + noise).astype(table.dtype)
    outside = model.params["outside"] | {"token_embedding": changed}
    return model.params | {"outside": outside}
