"""Mamba-2: states that decay alike within a head, computed by matrix products."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.models import decoder, entries, layout
from jaxdisp.models.parts import mamba_layer, selective_scan
from jaxdisp.models.parts.convolution import causal_convolution
from jaxdisp.models.parts.linear import linear
from jaxdisp.models.parts.nonlinearity import NONLINEARITIES
from jaxdisp.models.parts.norm import rms_norm

NEEDED = (*mamba_layer.NEEDED, "num_heads")
KNOWN = (
    *mamba_layer.KNOWN,
    "num_heads",
    "head_dim",
    "n_groups",
    "time_step_limit",
    "chunk_size",  # changes how fast the same is computed elsewhere, and nothing here
    "norm_before_gate",  # true in Codestral, whose gate comes before the norm as in all
)
INFINITY: Any = {"__float__": "Infinity"}
"""As transformers has written it since its version 5; JSON has no number for it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The shape of one Mamba-2; sizes are counts, `epsilon` is added to mean squares.

    Each of the `channels` of a head has a state of `state_size` numbers; heads of the
    same of `n_groups` read and write alike, steps are kept between `limits`, and
    convolutions mix `kernel` tokens.
    """

    n_layers: int
    width: int
    n_heads: int
    channels: int
    n_groups: int
    state_size: int
    kernel: int
    limits: tuple[float, float]
    vocabulary: int
    context: int
    activation: str
    epsilon: float
    tied: bool
    biased: bool
    kernel_biased: bool

    @property
    def inner(self) -> int:
        """Channels of all heads."""
        return self.n_heads * self.channels

    @property
    def mixed(self) -> int:
        """Channels that the convolution mixes: values, writes and reads."""
        return self.inner + 2 * self.n_groups * self.state_size


def read_config(source: dict[str, Any]) -> Config:
    """Reads the configuration of a Hugging Face Mamba-2.

    Args:
        source: the content of `config.json`.

    Raises:
        ValueError: if a needed entry is missing or its value is not supported.

    Reference: names as in transformers' `Mamba2Config`, now and in its first release.
    """
    entries.need(source, NEEDED, "Mamba-2")
    entries.refuse_unknown(source, KNOWN, "Mamba-2")
    config = Config(
        **mamba_layer.read(source),
        n_heads=entries.count(source, "num_heads"),
        channels=entries.count(source, "head_dim", 64),
        n_groups=entries.count(source, "n_groups", 8),
        state_size=entries.count(source, "state_size", 128),
        limits=_limits(source),
        tied=entries.flag(source, "tie_word_embeddings", default=False),
    )
    entries.heads(config.n_heads, config.n_groups, ("num_heads", "n_groups"))
    if config.inner != (inner := mamba_layer.expanded(source)):
        raise ValueError(
            f"num_heads {config.n_heads} times head_dim {config.channels} must be the "
            f"{inner} channels that expand and hidden_size make"
        )
    return config


def _limits(source: Mapping[str, Any]) -> tuple[float, float]:
    given: Any = source.get("time_step_limit")
    found = [0.0, INFINITY] if given is None else given
    if isinstance(found, list | tuple) and len(found) == 2:
        low, high = (float("inf") if one == INFINITY else one for one in found)
        if {type(low), type(high)} <= {int, float} and 0 <= low <= high:
            return float(low), float(high)
    raise ValueError(
        "time_step_limit must be two numbers, the first at least 0 and the second no "
        f"smaller, got {given!r}"
    )


def tensors(config: Config) -> tuple[decoder.Tensor, ...]:
    """Lists every parameter, its shape and its name in a checkpoint.

    Args:
        config: the shape of the model.

    Reference: names as in transformers' `Mamba2ForCausalLM`.
    """
    width, inner, n_heads = config.width, config.inner, config.n_heads
    matrix, vector = mamba_layer.matrix, mamba_layer.vector
    layer_norm, gated_norm = "layers.{layer}.norm", "layers.{layer}.mixer.norm"
    outputs = inner + config.mixed + n_heads
    return (
        *layout.norm(("blocks", "norm"), layer_norm, width, bias=False),
        *matrix("input", "in_proj", (width, outputs), bias=config.biased),
        *mamba_layer.convolution(
            config.mixed, config.kernel, bias=config.kernel_biased
        ),
        vector("step_bias", "dt_bias", n_heads, "bias"),
        vector("log_rate", "A_log", n_heads, "recurrence"),
        vector("skip", "D", n_heads, "recurrence"),
        *layout.norm(("blocks", "mixer", "norm"), gated_norm, inner, bias=False),
        *matrix("output", "out_proj", (inner, width), bias=config.biased),
        *mamba_layer.outside(config),
    )


def block(
    layer: dict[str, Any],
    state: Float[Array, "sentence token width"],
    _index: Int[Array, ""],
    config: Config,
) -> tuple[Float[Array, "sentence token width"], dict[decoder.Path, Array]]:
    """Applies one layer: a gated and normed state space of a short convolution.

    Definition: with `z, u, s = W_in norm(x)`, `v, B, C = f(conv(u))` and
    `dt = clip(softplus(s + b))`, the layer gives
    `x + W_out norm(scan(v) * silu(z))`, the inner norm being one of each group. The
    gate is `silu` whatever `f` is.

    Args:
        layer: the parameters of this layer.
        state: hidden states before it.
        _index: the number of this layer, which changes nothing.
        config: the shape of the model.

    Returns:
        The hidden states after it, and the inputs of its two matrices by path.

    Reference: Dao and Gu 2024, arXiv:2405.21060, section 7.1 and figure 6.
    """
    mixer = layer["mixer"]
    normed = rms_norm(state, layer["norm"]["weight"], config.epsilon)
    ends = (config.inner, config.inner + config.mixed)
    gate, mixed, low = jnp.split(linear(normed, mixer["input"]), ends, axis=-1)
    nonlinearity = NONLINEARITIES[config.activation]
    selected = nonlinearity(causal_convolution(mixed, mixer["convolution"]))
    scanned = _scanned(mixer, selected, low, config)
    gated = scanned * jax.nn.silu(gate.astype(jnp.float32))
    gated = _grouped_norm(gated, mixer["norm"]["weight"], config).astype(state.dtype)
    inputs = {"input": normed, "output": gated}
    after = state + linear(gated, mixer["output"])
    return after, {("blocks", "mixer", k, "weight"): x for k, x in inputs.items()}


def _scanned(
    mixer: dict[str, Any], selected: Array, low: Array, config: Config
) -> Array:
    """Runs the state space, in float32, over values, writes and reads side by side."""
    batch, n_groups = selected.shape[:2], config.n_groups
    wide = selected.astype(jnp.float32)
    ends = (config.inner, config.inner + n_groups * config.state_size)
    value, write, read = jnp.split(wide, ends, axis=-1)
    step = (low + mixer["step_bias"][None, None]).astype(jnp.float32)
    found = selective_scan.dual_scan(
        value.reshape(*batch, config.n_heads, config.channels),
        jnp.clip(jax.nn.softplus(step), *config.limits),
        -jnp.exp(mixer["log_rate"].astype(jnp.float32)),
        write.reshape(*batch, n_groups, config.state_size),
        read.reshape(*batch, n_groups, config.state_size),
        mixer["skip"].astype(jnp.float32),
    )
    return found.reshape(value.shape)


def _grouped_norm(state: Array, weight: Array, config: Config) -> Array:
    groups = state.reshape(*state.shape[:2], config.n_groups, -1)
    even = jnp.ones(groups.shape[-1:], state.dtype)  # the gain differs between groups
    normed = rms_norm(groups, even, config.epsilon).reshape(state.shape)
    return normed * weight.astype(state.dtype)[None, None]


def held(config: Config, n_tokens: int) -> int:
    """Counts the numbers per token that a layer holds at once.

    Definition: states before, normed and after, what the first matrix gives, what the
    convolution makes of it, that once more by head, scanned values in two orders,
    gates, gated and normed values, and what the scan holds.

    Args:
        config: the shape of the model.
        n_tokens: length of the sentences.

    Reference: our own definition.
    """
    scanned = selective_scan.dual_held(
        config.n_heads, config.channels, config.state_size, n_tokens
    )
    return 3 * config.width + 6 * config.inner + 3 * config.mixed + scanned


ARCHITECTURE = decoder.Architecture(
    name="mamba2",
    models="Mamba-2",
    prefix="backbone.",
    buffers=(),
    read_config=read_config,
    tensors=tensors,
    embed=mamba_layer.embed,
    block=block,
    readout=mamba_layer.readout,
    held=held,
)
