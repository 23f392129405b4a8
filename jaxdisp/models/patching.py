"""Interchange of activations between two runs, very many patches in one compiled call.

Of two runs of one model on the same sentences (in full precision and quantized, say),
one is the recipient, whose activations are replaced by those of the other, the donor. A
patch after layer `i` starts from there, since everything before it is the recipient's
own; only tokens from the patch on are read out, since a decoder is causal. Patches of
one layer run side by side on the axis of sentences, for as many layers as are left.
"""

import functools as ft
from collections.abc import Sequence
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxdisp.models import decoder
from jaxdisp.result import result

Site = Literal["state", "update", "correction"]
SITES: tuple[Site, ...] = get_args(Site)
ROWS = {"cpu": 2048}
ROWS_ON_ACCELERATORS = 2**15
"""Tokens of the patches that run side by side, at most."""
TOGETHER = 32
"""Patches side by side on a CPU, at most: groups of patches are filled up to it."""
LOGITS_AT_ONCE = 2**22
LEAST_ROWS, MOST_ROWS = 64, 512


@result
class Patches:
    """What is put where: one entry per patch, all integers.

    `recipient` is the run that is patched (0 or 1), the other one is the donor. What is
    replaced is tap `tap` (0 before the first layer, i after layer i - 1) of `sentence`
    from token `start` to before `stop`. Run r has h[r, tap] there, which becomes, by
    `site` (its place in `SITES`), with u the sentence `donor` and D the donor's run:
    `state`: D's own state, `h[D, tap](u)`;
    `update`: what D's layer adds, `h[r, tap - 1] + h[D, tap](u) - h[D, tap - 1](u)`;
    `correction`: the runs' difference, `h[r, tap] + h[D, tap](u) - h[r, tap](u)`.
    Where `donor` is the sentence itself, `correction` is `state`; where it is another,
    both are placebos, of tokens at the same place (or its last, if it is shorter).
    """

    recipient: Int[np.ndarray, " patch"]
    tap: Int[np.ndarray, " patch"]
    site: Int[np.ndarray, " patch"]
    sentence: Int[np.ndarray, " patch"]
    donor: Int[np.ndarray, " patch"]
    start: Int[np.ndarray, " patch"]
    stop: Int[np.ndarray, " patch"]


@result
class Sheet:
    """Sentences padded on the right to one length, and the patches of them.

    `mask` says which tokens are real; all of these but the first are scored.
    """

    tokens: Int[np.ndarray, "sentence token"]
    mask: Bool[np.ndarray, "sentence token"]
    patches: Patches


@result
class Traced:
    """Losses of both runs, and by how much each patch changes its sentence's.

    In nats, summed over the tokens of a sentence; `changes` is the loss of the patched
    recipient minus that of the recipient.
    """

    losses: Float[np.ndarray, "run sentence"]
    changes: Float[np.ndarray, " patch"]


def trace(
    architecture: decoder.Architecture,
    config: Any,
    versions: tuple[decoder.Parameters, ...],
    runs: Int[np.ndarray, "run site"],
    sheets: Sequence[Sheet],
    *,
    rows: int | None = None,
) -> list[Traced]:
    """Measures what every patch of every sheet does, in one compiled call.

    Definition: see `Patches`; the loss is that of `decoder.token_losses`. Exact: equal
    to `decoder.patched_logits` patch by patch, but for roundings.

    Args:
        architecture: the family's functions.
        config: its configuration.
        versions: parameters in full precision, then as quantized by each quantizer.
        runs: of both runs the version of each layer, then of the parameters outside.
        sheets: sentences and patches; each is another shape to compile.
        rows: tokens that run side by side, at most; None suits the device.

    Returns:
        Of every sheet the losses of its runs and the changes by its patches.

    Raises:
        ValueError: if there are not two runs, or a patch is out of range.

    Reference: Vig et al. 2020, arXiv:2004.12265, and Geiger et al. 2021,
        arXiv:2106.02997 (interchange interventions), here between precisions.
    """
    if runs.shape != (2, config.n_layers + 1):
        raise ValueError(
            f"there must be 2 runs of {config.n_layers + 1} sites, got {runs.shape}"
        )
    plans, calls = [], []
    for sheet in sheets:
        check_patches(sheet, config.n_layers)
        order = _grouped(sheet.patches, _together(rows, sheet.tokens.shape[1]))
        plans.append(order)
        calls.append((sheet.tokens, sheet.mask, *_chunks(sheet, order)))
    outside = tuple(versions[int(run[-1])]["outside"] for run in runs)
    found = _traced(
        tuple(version["blocks"] for version in versions),
        outside,
        jnp.asarray(runs, jnp.int32),
        tuple(calls),
        architecture=architecture,
        config=config,
    )
    return [
        _in_order(losses, changes, order)
        for (losses, changes), order in zip(found, plans, strict=True)
    ]


def check_patches(sheet: Sheet, n_layers: int) -> None:
    """Checks that patches are in range.

    Args:
        sheet: with its patches.
        n_layers: layers of the model.

    Raises:
        ValueError: if there is no patch, or one is of a run, tap, site, sentence or
            token that there is not, or of an update before the first layer.

    Reference: our own definition.
    """
    patches, (n_sentences, n_tokens) = sheet.patches, sheet.tokens.shape
    if len(patches.tap) == 0:
        raise ValueError("there is nothing to patch")
    most = {
        "recipient": 1,
        "tap": n_layers,
        "site": len(SITES) - 1,
        "sentence": n_sentences - 1,
        "donor": n_sentences - 1,
        "start": n_tokens,
        "stop": n_tokens,
    }
    for name, highest in most.items():
        values = getattr(patches, name)
        if values.min() < 0 or values.max() > highest:
            raise ValueError(
                f"{name} of a patch must be between 0 and {highest}, got "
                f"{values.min()} to {values.max()}"
            )
    if np.any(patches.tap[patches.site == SITES.index("update")] == 0):
        raise ValueError("no layer comes before tap 0, so that it has no update")


def _together(rows: int | None, n_tokens: int) -> int:
    backend = jax.default_backend()
    if rows is None:
        rows = ROWS.get(backend, ROWS_ON_ACCELERATORS)
    most = TOGETHER if backend in ROWS else rows
    return max(1, min(most, rows // n_tokens))


def _grouped(patches: Patches, together: int) -> np.ndarray:
    """Places of patches `[chunk, patch]`, of one recipient and tap; -1 fills up."""
    filled = []
    # long tails first within a group, so that few chunks read out many tokens
    order = np.lexsort([patches.start, patches.tap, patches.recipient])
    kinds = np.stack([patches.recipient, patches.tap])[:, order]
    edges = np.flatnonzero(np.any(np.diff(kinds, axis=1) != 0, axis=0)) + 1
    for group in np.split(order, edges):
        short = -len(group) % together
        filled.append(np.pad(group, (0, short), constant_values=-1))
    return np.concatenate(filled).reshape(-1, together)


def _chunks(
    sheet: Sheet, order: np.ndarray
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Recipient and tap of each chunk, and the rest of each of its patches."""
    patches, real = sheet.patches, order >= 0
    first = order[:, 0]  # a chunk's first patch always is one
    heads = tuple(x[first].astype(np.int32) for x in (patches.recipient, patches.tap))
    rest = [
        np.where(real, x[order], 0).astype(np.int32)
        for x in (patches.site, patches.sentence, patches.donor)
    ]
    # what fills up patches nothing, after the last token
    bounds = [
        np.where(real, x[order], sheet.tokens.shape[1]).astype(np.int32)
        for x in (patches.start, patches.stop)
    ]
    return heads, (*rest, *bounds)


def _in_order(losses: Array, changes: Array, order: np.ndarray) -> Traced:
    found = np.zeros(int(order.max()) + 1, np.float32)
    found[order[order >= 0]] = np.asarray(changes)[order >= 0]
    return Traced(losses=np.asarray(losses), changes=found)


@ft.partial(jax.jit, static_argnames=("architecture", "config"))
def _traced(
    blocks: tuple[Any, ...],
    outside: tuple[Any, Any],
    runs: Array,
    calls: tuple[Any, ...],
    *,
    architecture: decoder.Architecture,
    config: Any,
) -> list[tuple[Array, Array]]:
    one = ft.partial(_one_sheet, architecture, config, blocks, outside, runs)
    with jax.default_matmul_precision("float32"):  # TF32 would swamp degradations
        return [one(call) for call in calls]


def _one_sheet(
    architecture: decoder.Architecture,
    config: Any,
    blocks: tuple[Any, ...],
    outside: tuple[Any, Any],
    runs: Array,
    call: tuple[Any, ...],
) -> tuple[Array, Array]:
    """Losses of both runs and changes by patch, of one shape of sentences."""
    tokens, mask, heads, patches = call
    place = jnp.arange(tokens.shape[1])[None]
    read = ft.partial(_losses, architecture, config)

    def clean(run: int) -> tuple[Array, Array]:
        sites = runs[run].at[-1].set(0)
        whole = tuple({"blocks": each, "outside": outside[run]} for each in blocks)
        states = decoder.hidden_states(architecture, config, whole, sites, tokens)[0]
        return states, read(outside[run], states[-1], tokens, mask[:, 1:])

    (left, left_losses), (right, right_losses) = clean(0), clean(1)
    states, losses = jnp.stack([left, right]), jnp.stack([left_losses, right_losses])

    def chunk(step: tuple[tuple[Array, Array], tuple[Array, ...]]) -> Array:
        (run, tap), (site, sentence, donor, start, stop) = step
        values = _replacements(states, mask, (run, tap), (site, sentence, donor))
        inside = (place >= start[:, None]) & (place < stop[:, None])
        own = states[run, tap][sentence]
        patched = jnp.where(inside[..., None], values.astype(own.dtype), own)

        def layer(index: Array, state: Array) -> Array:
            weights = _weights(blocks, runs[run, index], index, state.dtype)
            return architecture.block(weights, state, index, config)[0]

        final = jax.lax.fori_loop(tap, config.n_layers, layer, patched)
        needed = mask[sentence, 1:] & (place[:, :-1] >= start[:, None])
        fresh = jax.lax.switch(
            run,
            [ft.partial(read, each) for each in outside],
            final,
            tokens[sentence],
            needed,
        )
        return jnp.sum(jnp.where(needed, fresh - losses[run, sentence], 0.0), axis=1)

    return jnp.sum(losses, axis=2), jax.lax.map(chunk, (heads, patches))


def _replacements(
    states: Array,
    mask: Array,
    where: tuple[Array, Array],
    what: tuple[Array, Array, Array],
) -> Array:
    """What is put in place of each patch's sentence, by its site, in float32."""
    (run, tap), (site, sentence, donor) = where, what
    # of a shorter donor the last token goes on
    last = jnp.sum(mask, axis=1)[donor] - 1
    place = jnp.minimum(jnp.arange(states.shape[3])[None], last[:, None])
    before = jnp.maximum(tap - 1, 0)

    def of(state: Array, number: Array) -> Array:
        return state[number].astype(jnp.float32)

    def from_donor(state: Array) -> Array:
        return jnp.take_along_axis(of(state, donor), place[..., None], axis=1)

    given = from_donor(states[1 - run, tap])
    added = given - from_donor(states[1 - run, before])
    differing = given - from_donor(states[run, tap])
    kinds = (
        given,
        of(states[run, before], sentence) + added,
        of(states[run, tap], sentence) + differing,
    )
    chosen = [(site == number)[:, None, None] for number in range(len(kinds))]
    return jnp.select(chosen, kinds)


def _weights(blocks: tuple[Any, ...], version: Array, index: Array, dtype: Any) -> Any:
    """One layer's parameters in one version, in the type that is computed in."""

    def pick(stacked: Any) -> Any:
        own = jax.tree.map(
            lambda x: jax.lax.dynamic_index_in_dim(x, index, keepdims=False), stacked
        )
        return decoder.as_type(own, dtype)

    return jax.lax.switch(version, [ft.partial(pick, each) for each in blocks])


def _losses(
    architecture: decoder.Architecture,
    config: Any,
    outside: Any,
    final: Array,
    tokens: Array,
    needed: Array,
) -> Array:
    """Losses of the tokens that are needed, 0 elsewhere, `[sentence, target]`.

    Only states that predict them are read out, in pieces whose logits are small.
    """
    width, size = final.shape[-1], needed.size
    states = final[:, :-1].reshape(size, width)
    targets = tokens[:, 1:].reshape(size)
    most = min(MOST_ROWS, max(LEAST_ROWS, LOGITS_AT_ONCE // config.vocabulary))
    piece = min(size, most)
    # places beyond the last are dropped when written
    places = jnp.nonzero(needed.ravel(), size=size, fill_value=size)[0]
    places = jnp.pad(places, (0, -size % piece), constant_values=size)
    places = places.astype(jnp.int32)

    def read(number: Array, found: Array) -> Array:
        at = jax.lax.dynamic_slice_in_dim(places, number * piece, piece)
        inside = jnp.minimum(at, size - 1)
        logits = architecture.readout(outside, states[inside][None], config)[0]
        logits = logits.astype(jnp.float32)
        aim = jnp.take_along_axis(logits, targets[inside][:, None], axis=1)[:, 0]
        fresh = jax.nn.logsumexp(logits, axis=1) - aim
        return found.at[at].set(fresh, mode="drop")

    n_pieces = (jnp.sum(needed) + piece - 1) // piece
    found = jax.lax.fori_loop(0, n_pieces, read, jnp.zeros(size, jnp.float32))
    return found.reshape(needed.shape)
