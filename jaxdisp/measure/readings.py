"""Readings: what a sentence loses to rounding, and what its hidden states say of why.

One pass over sentences of token numbers gives all that a causal model of quantization
needs: losses in full precision and rounded, the mean state at one tap, and how many
channels share in the readout. Token numbers are given, not text, so that a text may be
cut in another way than the tokenizer's; a state may be moved on its way (`Edit`).
"""

import dataclasses
import functools as ft
from collections.abc import Sequence
from concurrent import futures
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxdisp.measure import windows
from jaxdisp.measure.batches import padded_lengths
from jaxdisp.measure.cube import THREADS, check_finite
from jaxdisp.models import decoder
from jaxdisp.models.model import Model
from jaxdisp.result import result

SHAPES = 5
"""Lengths that windows of one call are padded to, at most."""

TOKENS = 1024
"""In a batch, padding included: enough to keep a processor busy."""

CELLS = 2**22
"""Of predictions held at once, tokens times vocabulary: 16 megabytes."""


@result
class Readings:
    """What was measured of each sentence in each language, perhaps under an edit.

    `full` and `rounded` are losses in nats per sentence; what lies outside the layers
    is in full precision in both. `n_tokens` counts predicted tokens: all but the start
    token. `means` are states of the full-precision run at one tap, after the edit,
    averaged over tokens but the start token, from which another is predicted.
    `readout` is `redundancy.readout_participation` of the same tokens at the last tap.
    """

    full: Float[np.ndarray, "language sentence"]
    rounded: Float[np.ndarray, "language sentence"]
    n_tokens: Int[np.ndarray, "language sentence"]
    means: Float[np.ndarray, "language sentence width"]
    readout: Float[np.ndarray, "language sentence"]


@result
class Edit:
    """A move of hidden states: `shift` is added at `tap` to all but the start token.

    Tap 0 is before the first layer, tap i after layer i - 1. The shift is the same for
    all tokens of a sentence, and in full precision and rounded. Before it is added,
    states become `h linear`, if that is given: a projection, say.
    """

    tap: int
    shift: Float[np.ndarray, "language sentence width"]
    linear: Float[np.ndarray, "width width"] | None = None


def read(
    model: Model,
    encoded: Sequence[Sequence[Sequence[int]]],
    rounded: decoder.Parameters,
    *,
    tap: int,
    edit: Edit | None = None,
    full: decoder.Parameters | None = None,
    stride: int | None = None,
) -> Readings:
    """Runs every sentence in full precision and rounded, and reads both runs.

    Definition: losses as in `cube.evaluate` with all layers rounded; means as in
    `states.sentence_means` of `states.language_states`; readout as
    `redundancy.readout_participation` of `redundancy.readout_gradient`, sentence by
    sentence. Of sentences longer than the context, each token is read in the one window
    that scores the token after it, and an edit moves every window.

    Args:
        model: an open model.
        encoded: token numbers by language and sentence, the start token first, as from
            `cube.encode`.
        rounded: parameters of which the layers are taken for the rounded run.
        tap: whose states are averaged.
        edit: what is added to states; None is nothing.
        full: parameters in place of the model's own; None is these.
        stride: of windows, in tokens; None is half of the context.

    Raises:
        ValueError: if there is no such tap, the shift is not of this many languages and
            sentences, the languages differ in their number of sentences, a sentence has
            fewer than two tokens beside the start token, or the stride is out of range.
        FloatingPointError: if a loss is not finite.

    Reference: our own definition.
    """
    _check(model, encoded, tap, edit)
    params = model.params if full is None else full
    flat = [sentence for language in encoded for sentence in language]
    parts = windows.cut(flat, model.config.context, stride)
    of_sentence = windows.sentences_of(parts)
    starts = np.diff(of_sentence, prepend=-1) > 0
    shift = _shifts(model, edit, len(flat))[of_sentence]
    linear = None
    if edit is not None and edit.linear is not None:
        linear = jnp.asarray(edit.linear, jnp.float32)
    taps = jnp.asarray([tap, -1 if edit is None else int(edit.tap)], jnp.int32)
    pair = (params, {"blocks": rounded["blocks"], "outside": params["outside"]})
    sums = np.zeros((4 + model.config.width, len(parts)), np.float32)

    def fill(batch: _Batch) -> None:
        # rows beyond the windows repeat the first one; nothing in them is scored
        rows = np.pad(batch.places, (0, len(batch.tokens) - len(batch.places)))
        found = _both(
            pair,
            jnp.asarray(batch.tokens),
            jnp.asarray(batch.scored),
            jnp.asarray(starts[rows]),
            (jnp.asarray(shift[rows]), linear),
            taps,
            architecture=model.architecture,
            config=model.config,
        )
        sums[:, batch.places] = np.asarray(found)[:, : len(batch.places)]

    # a second thread fills the moments in which XLA works on one core
    with futures.ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(fill, _batches(parts, model.config.context)))
    added = windows.add_up(sums.astype(np.float64), of_sentence)
    check_finite(model, added[:2])
    return _readings(added, encoded)


def _readings(
    added: Float[np.ndarray, "sum sentence"],
    encoded: Sequence[Sequence[Sequence[int]]],
) -> Readings:
    n_tokens = np.array([[len(sentence) - 1 for sentence in text] for text in encoded])
    shape = n_tokens.shape
    full, rounded, shares, read_out = (row.reshape(shape) for row in added[:4])
    if np.any(shares == 0):
        raise ValueError("no state contributes to what is read out")
    means = added[4:].T.reshape(*shape, -1) / (n_tokens - 1)[..., None]
    return Readings(
        full=full,
        rounded=rounded,
        n_tokens=n_tokens,
        means=means.astype(np.float32),
        readout=read_out / shares,
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Batch:
    """Windows of one length class; rows beyond `places` are empty."""

    tokens: Int[np.ndarray, "window token"]
    scored: Bool[np.ndarray, "window token"]
    places: Int[np.ndarray, " place"]


def _ladder(longest: int, context: int) -> np.ndarray:
    """Lengths that any call pads to, so that other texts need no other programs."""
    steps = [8 * 2**power * half // 2 for power in range(1, 30) for half in (2, 3)]
    fitting = [step for step in steps if step < longest]
    return np.array([*fitting, min(steps[len(fitting)], context)])


def _batches(parts: Sequence[windows.Window], context: int) -> list[_Batch]:
    lengths = np.array([len(part.tokens) for part in parts])
    ladder = _ladder(int(lengths.max()), context)
    stepped = ladder[np.searchsorted(ladder, lengths)]
    classes = np.minimum(padded_lengths(stepped, SHAPES), context)
    made = []
    for number, length in enumerate(classes.tolist()):
        members = np.flatnonzero(np.searchsorted(classes, lengths) == number)
        rows = max(1, TOKENS // length)
        for begin in range(0, len(members), rows):
            places = members[begin : begin + rows]
            tokens = np.zeros((rows, length), np.int32)
            scored = np.zeros((rows, length), bool)
            for row, part in enumerate(parts[place] for place in places.tolist()):
                tokens[row, : len(part.tokens)] = part.tokens
                scored[row, part.first : len(part.tokens)] = True
            made.append(_Batch(tokens=tokens, scored=scored, places=places))
    return made


@ft.partial(jax.jit, static_argnames=("architecture", "config"))
def _both(
    pair: tuple[decoder.Parameters, decoder.Parameters],
    tokens: Int[Array, "window token"],
    scored: Bool[Array, "window token"],
    starts: Bool[Array, " window"],
    edit: tuple[Float[Array, "window width"], Float[Array, "width width"] | None],
    taps: Int[Array, "2"],
    *,
    architecture: decoder.Architecture,
    config: Any,
) -> Float[Array, "sum window"]:
    """Sums over the tokens of windows: losses, readout, tokens read, states."""
    # a readout that does nothing: predictions of all tokens at once would not fit
    bare = dataclasses.replace(architecture, readout=lambda _, state, __: state)
    everything = jnp.zeros(config.n_layers + 1, jnp.int32)
    inner = jnp.ones_like(scored).at[:, 0].set(~starts)
    predicting = jnp.pad(scored[:, 1:], ((0, 0), (0, 1)))
    following = jnp.pad(tokens[:, 1:], ((0, 0), (0, 1)))
    counted = (predicting & inner).astype(jnp.float32)

    shift, linear = edit

    def edited(index: Array, state: Array) -> Array:
        moved = jnp.where(index == taps[1], shift, 0.0)[:, None] * inner[..., None]
        if linear is not None:
            wide = state.astype(jnp.float32)
            turned = jnp.where(index == taps[1], jnp.matmul(wide, linear) - wide, 0.0)
            moved = moved + turned * inner[..., None]
        return state + moved.astype(state.dtype)

    def run(params: decoder.Parameters) -> tuple[Array, Array]:
        return decoder.hidden_states(
            bare, config, (params,), everything, tokens, edited
        )

    def read_out(final: Array, *, shared: bool) -> tuple[Array, Array]:
        found = _read_out(
            ft.partial(architecture.readout, pair[0]["outside"], config=config),
            final.reshape(-1, final.shape[-1]),
            following.reshape(-1),
            config.vocabulary,
            shared=shared,
        )
        loss, share = (x.reshape(tokens.shape) for x in found)
        return jnp.sum(jnp.where(predicting, loss, 0.0), axis=1), share

    states, final = run(pair[0])
    loss, share = read_out(final, shared=True)
    read = jnp.where(share > 0, counted, 0.0)
    pooled = jnp.einsum(
        "stw,st->ws", states[taps[0]].astype(jnp.float32), counted, precision="float32"
    )
    loss_rounded, _ = read_out(run(pair[1])[1], shared=False)
    ends = [loss, loss_rounded, jnp.sum(share * read, axis=1), jnp.sum(read, axis=1)]
    return jnp.concatenate([jnp.stack(ends), pooled])


def _read_out(
    readout: Any,
    final: Float[Array, "token width"],
    following: Int[Array, " token"],
    vocabulary: int,
    *,
    shared: bool,
) -> tuple[Float[Array, " token"], Float[Array, " token"]]:
    """Loss of the next token, and 1 / R of its readout (0 if that is not asked for)."""

    def predict(rows: Array) -> Array:
        return readout(rows[None])[0].astype(jnp.float32)

    def chunk(step: tuple[Array, Array]) -> tuple[Array, Array]:
        rows, targets = step
        predictions, back = jax.vjp(predict, rows)
        chances = jax.nn.log_softmax(predictions)
        loss = -jnp.take_along_axis(chances, targets[:, None], axis=1)[:, 0]
        if not shared:
            return loss, jnp.zeros_like(loss)
        wanted = jax.nn.one_hot(targets, predictions.shape[1], dtype=jnp.float32)
        (gradient,) = back(wanted - jnp.exp(chances))
        parts = jnp.abs(gradient.astype(jnp.float32) * rows.astype(jnp.float32))
        total = jnp.sum(parts, axis=1, keepdims=True)
        share = parts / jnp.where(total > 0, total, 1.0)
        return loss, jnp.sum(share**2, axis=1)

    size = min(max(16, CELLS // vocabulary), len(following))
    lacking = -len(following) % size
    rows = jnp.pad(final, ((0, lacking), (0, 0))).reshape(-1, size, final.shape[1])
    targets = jnp.pad(following, (0, lacking)).reshape(-1, size)
    with jax.default_matmul_precision("float32"):  # TF32 would swamp degradations
        found = jax.lax.map(chunk, (rows, targets))
    loss, share = (x.reshape(-1)[: len(following)] for x in found)
    return loss, share


def _shifts(model: Model, edit: Edit | None, n: int) -> np.ndarray:
    if edit is None:
        return np.zeros((n, model.config.width), np.float32)
    return np.asarray(edit.shift, np.float32).reshape(n, -1)


def _check(
    model: Model,
    encoded: Sequence[Sequence[Sequence[int]]],
    tap: int,
    edit: Edit | None,
) -> None:
    last = model.config.n_layers
    for name, place in [("tap", tap)] + ([] if edit is None else [("edit", edit.tap)]):
        if not 0 <= place <= last:
            raise ValueError(f"{name} must be from 0 to {last}, got {place}")
    numbers = {len(text) for text in encoded}
    if len(numbers) != 1 or 0 in numbers:
        raise ValueError(
            f"needs as many sentences in every language, got {sorted(numbers)}"
        )
    if edit is not None:
        _check_edit(edit, (len(encoded), *numbers, model.config.width))
    for language, text in enumerate(encoded, start=1):
        for sentence, numbers_of in enumerate(text, start=1):
            if len(numbers_of) < 3:
                raise ValueError(
                    f"sentence {sentence} of language {language} has fewer than two "
                    "tokens beside the start token; leave it out of every language"
                )


def _check_edit(edit: Edit, wanted: tuple[int, ...]) -> None:
    if edit.shift.shape != wanted:
        raise ValueError(
            f"shift must be by language, sentence and channel, {wanted}, got "
            f"{edit.shift.shape}"
        )
