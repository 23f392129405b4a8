"""The decoder protocol: what an architecture provides, and the passes built on it.

Parameters are a nested dict with two rooms: `blocks`, whose leaves carry the layers
on axis 0, and `outside` (embeddings, final norm, head). An architecture supplies
`embed`, `block` and `readout` as pure functions; the scan over layers, mixed
precision and taps are written here, once for all of them.

Sentences stay an explicit axis of the hidden states, because a matrix product over
flattened sentences and tokens has a backward pass that is faster on the CPU
than the batched product that `vmap` would make of it.
"""

import dataclasses
import functools as ft
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

Parameters = dict[str, Any]
"""Nested dict of arrays: `{"blocks": ..., "outside": ...}`."""

Path = tuple[str, ...]
"""Keys that lead to one array of `Parameters`."""

ATTENTION: Path = ("attention weights",)
"""Where `block` returns the weights of attention, `[sentence, head, token, source]`."""

UNLIMITED = 2**30
"""Tokens that decoders without a longest sequence are said to take."""

Role = Literal[
    "matrix", "embedding", "head", "norm", "bias", "convolution", "recurrence"
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tensor:
    """One parameter: where it lives here, and where a checkpoint keeps it.

    `shape` is that of one layer for parameters under `blocks`, whose `source` has a
    `{layer}` slot. Matrices are stored input-first (`y = x @ weight`); `transposed`
    says that the checkpoint stores the opposite; `stored` is its shape there where that
    has more axes. `channel_axis` is the axis of output channels: the rows of an
    embedding, since a tied head reads them as outputs.
    """

    path: Path
    source: str
    shape: tuple[int, ...]
    role: Role
    transposed: bool = False
    channel_axis: int = -1
    stored: tuple[int, ...] | None = None

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """The shape in a checkpoint."""
        if self.stored is not None:
            return self.stored
        return self.shape[::-1] if self.transposed else self.shape

    @property
    def stacked(self) -> bool:
        """Whether the layers are on axis 0."""
        return self.path[0] == "blocks"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Architecture:
    """What the rest of the package needs to know about one family of decoders.

    `read_config` turns a checkpoint's `config.json` into a frozen configuration with
    at least `n_layers`, `width`, `vocabulary`, `context` and `tied`. `models` names
    some of the family for people. `prefix` may stand before tensor names, and tensors
    whose names match one of the regular expressions `buffers` carry no parameters.
    `block` returns the hidden states after a layer and, by path, what each of its
    matrices is applied to, and under `ATTENTION` the weights of attention in families
    that have it; `held` says how many numbers per token it holds at once, for sentences
    of so many tokens. States have the type of the parameters outside the layers, and so
    have the parameters that functions are given.
    """

    name: str
    models: str
    prefix: str
    buffers: tuple[str, ...]
    read_config: Callable[[dict[str, Any]], Any]
    tensors: Callable[[Any], tuple[Tensor, ...]]
    embed: Callable[..., Array]
    block: Callable[..., tuple[Array, dict[Path, Array]]]
    readout: Callable[..., Array]
    held: Callable[[Any, int], int]


def check_length(n_tokens: int, context: int) -> None:
    """Checks that sentences are no longer than a model takes.

    Args:
        n_tokens: in the longest of them.
        context: longest sequence the model takes.

    Raises:
        ValueError: if there are more tokens.

    Reference: our own definition.
    """
    if n_tokens > context:
        raise ValueError(f"{n_tokens} tokens exceed the context of {context}")


def leaf(params: Parameters, path: Path) -> Any:
    """Returns the array stored under `path`.

    Reference: our own definition.
    """
    return ft.reduce(lambda node, key: node[key], path, params)


def assemble(leaves: dict[Path, Any]) -> Parameters:
    """Builds nested parameters from arrays by path.

    Reference: our own definition.
    """
    params: Parameters = {}
    for path, value in leaves.items():
        node = params
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = value
    return params


def as_type(params: Any, dtype: jnp.dtype) -> Any:
    """Converts floating-point parameters to the type that is computed in.

    Args:
        params: pytree of arrays.
        dtype: the type.

    Reference: our own definition.
    """
    return jax.tree.map(lambda x: x.astype(dtype), params)


def select(index: Int[Array, ""], versions: tuple[Any, ...]) -> Any:
    """Picks one of several pytrees of equal structure by a traced index.

    Definition: `versions[index]`, leaf by leaf; an index out of range gives version 0.

    Args:
        index: which version; 0 is the first.
        versions: pytrees of equal structure and leaf shapes.

    Reference: our own definition.
    """

    def pick(*leaves: Array) -> Array:
        chosen = leaves[0]
        for number, candidate in enumerate(leaves[1:], start=1):
            chosen = jnp.where(index == number, candidate, chosen)
        return chosen

    return jax.tree.map(pick, *versions)


def hidden_states(
    architecture: Architecture,
    config: Any,
    versions: tuple[Parameters, ...],
    assignment: Int[Array, " site"],
    tokens: Int[Array, "sentence token"],
    patch: Callable[[Array, Array], Array] = lambda _, state: state,
) -> tuple[Float[Array, "tap sentence token width"], Float[Array, "..."]]:
    """Runs the decoder and keeps the hidden state before and after every layer.

    Definition: `h[0] = embed(tokens)`, `h[i + 1] = block_i(h[i])` with the weights of
    layer `i` taken from `versions[assignment[i]]`, each passed through `patch`.

    Args:
        architecture: the family's functions.
        config: its configuration.
        versions: parameters in full precision, then as quantized by each quantizer.
        assignment: version of each layer, then of the parameters outside the layers.
        tokens: token numbers, padded on the right.
        patch: of a tap's number and state, what is kept and goes on in its place.

    Returns:
        The hidden states, layers + 1 of them, and the logits.

    Reference: our own definition.
    """
    scan = ft.partial(_scan, architecture, config, versions, assignment, tokens)
    logits, embedded, after = scan(lambda state, _: state, patch)
    return jnp.concatenate([embedded[None], after]), logits


def logits(
    architecture: Architecture,
    config: Any,
    versions: tuple[Parameters, ...],
    assignment: Int[Array, " site"],
    tokens: Int[Array, "sentence token"],
) -> Float[Array, "sentence token vocabulary"]:
    """Returns the logits of the next token, in mixed precision.

    Definition: as `hidden_states`, without keeping the states.

    Args:
        architecture: the family's functions.
        config: its configuration.
        versions: parameters in full precision, then as quantized by each quantizer.
        assignment: version of each layer, then of the parameters outside the layers.
        tokens: token numbers, padded on the right.

    Reference: our own definition.
    """
    scan = ft.partial(_scan, architecture, config, versions, assignment, tokens)
    return scan(lambda *_: None)[0]


def patched_logits(
    architecture: Architecture,
    config: Any,
    versions: tuple[Parameters, ...],
    assignment: Int[Array, " site"],
    tokens: Int[Array, "sentence token"],
    states: Float[Array, "tap sentence token width"],
    mask: Bool[Array, "tap sentence token"],
) -> Float[Array, "sentence token vocabulary"]:
    """Returns the logits of the next token with some hidden states replaced.

    Definition: as `hidden_states`, but `h[i]` is `states[i]` wherever `mask[i]`, before
    it goes on into layer `i`, or into the readout after the last.

    Args:
        architecture: the family's functions.
        config: its configuration.
        versions: parameters in full precision, then as quantized by each quantizer.
        assignment: version of each layer, then of the parameters outside the layers.
        tokens: token numbers, padded on the right.
        states: what to put in, layers + 1 of them, as from `hidden_states`.
        mask: where to put it.

    Reference: Vig et al. 2020, arXiv:2004.12265, and Meng et al. 2022,
        arXiv:2202.05262, section 2.1 (activation patching).
    """

    def patch(index: Array, state: Array) -> Array:
        fresh = states[index].astype(state.dtype)
        return jnp.where(mask[index][..., None], fresh, state)

    return _scan(
        architecture, config, versions, assignment, tokens, lambda *_: None, patch
    )[0]


def input_moments(
    architecture: Architecture,
    config: Any,
    params: Parameters,
    tokens: Int[Array, "sentence token"],
    mask: Bool[Array, "sentence token"],
) -> dict[Path, Float[Array, "layer input input"]]:
    """Adds up the outer products of what each matrix of the layers is applied to.

    Definition: `sum x x^T` over the tokens in `mask`, by the matrix's path. Not
    centred: a constant input carries the error of its weight like any other.

    Args:
        architecture: the family's functions.
        config: its configuration.
        params: parameters, in full precision.
        tokens: token numbers, padded on the right.
        mask: which tokens count.

    Reference: our own definition.
    """
    counted = mask[..., None].astype(jnp.float32)

    def products(_: Array, inputs: dict[Path, Array]) -> dict[Path, Array]:
        def outer(x: Array) -> Array:
            flat = (x.astype(jnp.float32) * counted).reshape(-1, x.shape[-1])
            return flat.T @ flat

        return {path: outer(x) for path, x in inputs.items() if path != ATTENTION}

    full = jnp.zeros(config.n_layers + 1, jnp.int32)
    return _scan(architecture, config, (params,), full, tokens, products)[2]


def taps(
    architecture: Architecture,
    config: Any,
    versions: tuple[Parameters, ...],
    assignment: Int[Array, " site"],
    tokens: Int[Array, "sentence token"],
    keep: Callable[[Array, dict[Path, Array]], Any],
) -> Any:
    """Runs the decoder and keeps what a function makes of each layer, on axis 0.

    Args:
        architecture: the family's functions.
        config: its configuration.
        versions: parameters in full precision, then as quantized by each quantizer.
        assignment: version of each layer, then of the parameters outside the layers.
        tokens: token numbers, padded on the right.
        keep: of the states after a layer and the rest of what `block` returns.

    Reference: our own definition.
    """
    return _scan(architecture, config, versions, assignment, tokens, keep)[2]


def _scan(
    architecture: Architecture,
    config: Any,
    versions: tuple[Parameters, ...],
    assignment: Int[Array, " site"],
    tokens: Int[Array, "sentence token"],
    keep: Callable[[Array, dict[Path, Array]], Any],
    patch: Callable[[Array, Array], Array] = lambda _, state: state,
) -> tuple[Array, Array, Any]:
    """Logits, embedded tokens, and per layer what `keep` makes of state and inputs.

    `patch` is given every tap's number and state, and says what goes on.
    """
    with jax.default_matmul_precision("float32"):  # TF32 would swamp degradations
        outside = select(assignment[-1], tuple(v["outside"] for v in versions))
        state = patch(jnp.int32(0), architecture.embed(outside, tokens, config))

        def layer(carry: Array, step: tuple[Array, Array, tuple[Any, ...]]) -> Any:
            index, version, blocks = step
            chosen = select(version, as_type(blocks, carry.dtype))
            after, inputs = architecture.block(chosen, carry, index, config)
            after = patch(index + 1, after)
            return after, keep(after, inputs)

        blocks = tuple(version["blocks"] for version in versions)
        steps = (jnp.arange(config.n_layers), assignment[:-1], blocks)
        final, kept = jax.lax.scan(layer, state, steps)
        return architecture.readout(outside, final, config), state, kept


def token_losses(
    logits: Float[Array, "sentence token vocabulary"],
    tokens: Int[Array, "sentence token"],
    mask: Bool[Array, "sentence token"],
) -> Float[Array, "sentence target"]:
    """Scores every token by the prediction made just before it, in nats.

    Definition: `-log softmax(logits[t])[tokens[t + 1]]` where `mask[t + 1]`, else 0,
    so there is one entry less than tokens.

    Args:
        logits: the decoder's output for `tokens`.
        tokens: token numbers; the first one is only conditioned on.
        mask: which tokens count; false on padding.

    Reference: our own definition.
    """
    targets = tokens[:, 1:, None]
    predictions = logits[:, :-1].astype(jnp.float32)
    chosen = jnp.take_along_axis(predictions, targets, axis=-1)[..., 0]
    losses = jax.nn.logsumexp(predictions, axis=-1) - chosen
    return jnp.where(mask[:, 1:], losses, 0.0)
