"""The trie engine: hidden states shared by all assignments that begin alike.

Each layer is one compiled call on the states of several nodes, side by side on the axis
of sentences, so that a matrix product has enough rows to be efficient. The weights are
arguments, so that one program serves every layer and every version; the number of
programs depends on the shapes of the batches alone, not on the number of assignments.
"""

import dataclasses
import functools as ft
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as Spec
from jaxtyping import Array, Bool, Float, Int

from jaxdisp.models import decoder
from jaxdisp.search import passages
from jaxdisp.search import trie as tries

Weights = Callable[[int, int], Any]
"""Parameters of a layer in a version; layer -1 is what lies outside the layers."""

LOGITS_AT_ONCE = 2**23
LEAST_ROWS, MOST_ROWS = 64, 512
"""Logits are made for so many rows at once: 32 MiB of them stay in a CPU's cache
between product and sum, and fewer rows than 64 would read the head too often."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Engine:
    """What evaluates a trie: the family, its weights, the devices, the size of calls.

    Several nodes share a call as long as it has at most `rows` tokens; `most` is how
    many nodes of a level are computed before the next level (`trie.walk`).
    """

    architecture: decoder.Architecture
    config: Any
    weights: Weights
    mesh: Mesh
    rows: int
    most: int


def losses(
    engine: Engine,
    trie: tries.Trie,
    text: passages.Passage,
    wanted: Bool[np.ndarray, " subset"],
) -> Iterator[tuple[Int[np.ndarray, " subset"], Float[np.ndarray, "subset sentence"]]]:
    """Evaluates the wanted assignments on a batch of sentences, group by group.

    Definition: the loss of a sentence is the sum of `-log p(token | tokens before)` in
    nats, as `cube.batch_losses` has it; the order of work is that of `trie.walk`.

    Args:
        engine: of the model.
        trie: of the assignments.
        text: the sentences.
        wanted: subsets whose losses are asked for.

    Returns:
        Per group of the walk its wanted subsets, and their losses in nats.

    Reference: our own definition.
    """
    for subsets, states in finals(engine, trie, text, wanted):
        read = _read(engine, text, trie.sites[subsets, 0], states)
        del states  # which would outlive their nodes while the next are computed
        yield subsets, read


def finals(
    engine: Engine,
    trie: tries.Trie,
    text: passages.Passage,
    wanted: Bool[np.ndarray, " subset"],
) -> Iterator[tuple[Int[np.ndarray, " subset"], list[Array]]]:
    """Computes the states after the last layer of the wanted assignments.

    Definition: `h[0] = embed(tokens)`, `h[i + 1] = block_i(h[i])`, each beginning of an
    assignment once, in the order of `trie.walk`.

    Args:
        engine: of the model.
        trie: of the assignments.
        text: the sentences.
        wanted: subsets whose states are asked for.

    Returns:
        Per group of the walk its wanted subsets, and the states of each.

    Reference: our own definition.
    """
    args = (engine.architecture, engine.config, engine.mesh)
    levels: dict[int, dict[int, Array]] = {
        0: {
            node: embed(
                engine.weights(int(trie.sites[first, 0]), -1), text.tokens, *args
            )
            for node, first in enumerate(trie.bounds[0][:-1].tolist())
        }
    }
    together = nodes_per_call(engine.rows, text.tokens.size)
    for step in tries.walk(trie, engine.most, wanted):
        if isinstance(step, tries.Drop):
            for node in step.nodes:
                del levels[step.level][node]
        elif isinstance(step, tries.Apply):
            levels.setdefault(step.level, {}).update(
                _applied(engine, step, levels[step.level - 1], together)
            )
        else:
            subsets = np.array(step.subsets)
            subsets = subsets[wanted[subsets]]
            last = levels[trie.depth]
            yield subsets, [last[subset] for subset in subsets.tolist()]


def nodes_per_call(rows: int, tokens: int) -> int:
    """Chooses how many nodes share a call.

    Definition: the largest power of two `n` with `n * tokens <= rows`, at least 1.

    Args:
        rows: tokens that a call should have at most.
        tokens: of one node, padding included.

    Reference: our own definition.
    """
    return 1 << max(0, (rows // tokens).bit_length() - 1)


def pieces(number: int, most: int) -> list[int]:
    """Splits a number of nodes into calls of few sizes, without padding any.

    Definition: as many of `most` as fit, then the powers of two that add up to what is
    left, so that at most `log2(most) + 1` sizes are ever compiled.

    Args:
        number: nodes, at least 1.
        most: nodes per call, a power of two.

    Reference: our own definition.
    """
    rest = number % most
    powers = [1 << bit for bit in range(rest.bit_length()) if rest >> bit & 1]
    return [most] * (number // most) + powers[::-1]


def _split(items: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    first = 0
    for size in pieces(len(items), most):
        yield items[first : first + size]
        first += size


def _applied(
    engine: Engine, step: tries.Apply, parents: dict[int, Array], together: int
) -> dict[int, Array]:
    weights = engine.weights(step.version, step.level - 1)
    of = dict(zip(step.nodes, step.parents, strict=True))
    fresh: dict[int, Array] = {}
    for nodes in _split(step.nodes, together):
        after = apply(
            weights,
            np.int32(step.level - 1),
            tuple(parents[of[node]] for node in nodes),
            engine.architecture,
            engine.config,
            engine.mesh,
        )
        fresh |= zip(nodes, after, strict=True)
    return fresh


def _read(
    engine: Engine,
    text: passages.Passage,
    outside: np.ndarray,
    states: list[Array],
) -> np.ndarray:
    """Losses of the sentences from final states, by version of the head."""
    together = nodes_per_call(engine.rows, text.tokens.size)
    pending = []
    for version in np.unique(outside):
        chosen = np.flatnonzero(outside == version)
        weights = engine.weights(int(version), -1)
        for places in _split(chosen.tolist(), together):
            chosen_states = tuple(states[place] for place in places)
            args = (engine.architecture, engine.config, engine.mesh)
            scored = readout(weights, chosen_states, text.rows, text.targets, *args)
            pending.append((places, scored))
    found = np.zeros((len(outside), len(text.tokens)), np.float32)
    of_sentence = passages.sentences(text)[text.counted]
    for places, scored in pending:  # the device works ahead while this adds up
        for place, rows in zip(places, np.asarray(scored, np.float64), strict=True):
            added = np.bincount(of_sentence, rows[text.counted], found.shape[1])
            found[place] = added
    return found


@ft.partial(jax.jit, static_argnums=(2, 3, 4))
def embed(
    outside: Any, tokens: Array, architecture: Any, config: Any, mesh: Mesh
) -> Array:
    """Embeds a batch, its sentences divided among devices.

    Args:
        outside: parameters outside the layers.
        tokens: token numbers.
        architecture: the family.
        config: its configuration.
        mesh: of the devices.

    Reference: our own definition.
    """
    embedded = architecture.embed(outside, tokens, config)
    return jax.lax.with_sharding_constraint(embedded, _by_sentence(mesh))


def _by_sentence(mesh: Mesh) -> jax.sharding.NamedSharding:
    return jax.sharding.NamedSharding(mesh, Spec("device"))


@ft.partial(jax.jit, static_argnums=(3, 4, 5))
def apply(
    layer: Any,
    index: Array,
    states: tuple[Array, ...],
    architecture: Any,
    config: Any,
    mesh: Mesh,
) -> tuple[Array, ...]:
    """Applies one layer to the states of several nodes.

    Definition: `architecture.block` on the states side by side on the axis of
    sentences, which devices divide among themselves: they need nothing of one another,
    and every one of them walks the whole trie.

    Args:
        layer: parameters of the layer.
        index: its number, from 0.
        states: hidden states before it, by node.
        architecture: the family.
        config: its configuration.
        mesh: of the devices.

    Reference: our own definition.
    """

    def one_device(layer: Any, index: Array, *states: Array) -> tuple[Array, ...]:
        with jax.default_matmul_precision("float32"):  # as `decoder` has it
            side_by_side = jnp.concatenate(states)
            after = architecture.block(layer, side_by_side, index, config)[0]
            return tuple(jnp.split(after, len(states)))

    split = (Spec("device"),) * len(states)
    return jax.shard_map(
        one_device, mesh=mesh, in_specs=(Spec(), Spec(), *split), out_specs=split
    )(layer, index, *states)


@ft.partial(jax.jit, static_argnums=(4, 5, 6))
def readout(
    outside: Any,
    states: tuple[Array, ...],
    rows: Array,
    targets: Array,
    architecture: Any,
    config: Any,
    mesh: Mesh,
) -> Array:
    """Scores the tokens that several nodes predict, in pieces whose logits are small.

    Definition: `-log softmax(logits)[target]` in nats, `[node, device, row]`.

    Args:
        outside: parameters outside the layers.
        states: hidden states after the last layer, by node.
        rows: places that are read out, by device.
        targets: tokens predicted there.
        architecture: the family.
        config: its configuration.
        mesh: of the devices.

    Reference: our own definition.
    """
    piece = min(MOST_ROWS, max(LEAST_ROWS, LOGITS_AT_ONCE // config.vocabulary))

    def one_device(outside: Any, rows: Array, aims: Array, *states: Array) -> Array:
        width = states[0].shape[-1]
        chosen = [state.reshape(-1, width)[rows[0]] for state in states]
        flat = jnp.concatenate(chosen)
        aims = jnp.tile(aims[0], len(states))
        n_pieces = -(-len(flat) // piece)
        short = -len(flat) % n_pieces
        flat = jnp.pad(flat, ((0, short), (0, 0))).reshape(n_pieces, -1, width)
        aims = jnp.pad(aims, (0, short)).reshape(n_pieces, -1)
        scored = jax.lax.map(ft.partial(score, outside), (flat, aims)).ravel()
        return scored[: scored.size - short].reshape(len(states), 1, -1)

    def score(outside: Any, step: tuple[Array, Array]) -> Array:
        state, aim = step
        with jax.default_matmul_precision("float32"):
            logits = architecture.readout(outside, state[None], config)[0]
        logits = logits.astype(jnp.float32)
        at_aim = jnp.take_along_axis(logits, aim[:, None], axis=-1)[:, 0]
        return jax.nn.logsumexp(logits, axis=-1) - at_aim

    split = Spec("device")
    return jax.shard_map(
        one_device,
        mesh=mesh,
        in_specs=(Spec(), split, split, *(split,) * len(states)),
        out_specs=Spec(None, "device"),
    )(outside, rows, targets, *states)
