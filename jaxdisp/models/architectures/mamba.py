"""Mamba: layers of one selective state space each, and no attention."""

import dataclasses
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The shape of one Mamba; sizes are counts, `epsilon` is added to mean squares.

    Each of `inner` channels has a state of `state_size` numbers; `rank` numbers per
    token make its steps, and convolutions mix `kernel` tokens.
    """

    n_layers: int
    width: int
    inner: int
    state_size: int
    kernel: int
    rank: int
    vocabulary: int
    context: int
    activation: str
    epsilon: float
    tied: bool
    biased: bool
    kernel_biased: bool


def read_config(source: dict[str, Any]) -> Config:
    """Reads the configuration of a Hugging Face Mamba.

    Args:
        source: the content of `config.json`.

    Raises:
        ValueError: if a needed entry is missing or its value is not supported.

    Reference: names as in transformers' `MambaConfig`, now and in its first release.
    """
    entries.need(source, mamba_layer.NEEDED, "Mamba")
    entries.refuse_unknown(source, mamba_layer.KNOWN, "Mamba")
    shared = mamba_layer.read(source)
    given = {} if source.get("time_step_rank") == "auto" else source
    return Config(
        **shared,
        inner=entries.count(source, "intermediate_size", mamba_layer.expanded(source)),
        state_size=entries.count(source, "state_size", 16),
        rank=entries.count(given, "time_step_rank", -(-shared["width"] // 16)),
        tied=entries.flag(source, "tie_word_embeddings", default=True),
    )


def tensors(config: Config) -> tuple[decoder.Tensor, ...]:
    """Lists every parameter, its shape and its name in a checkpoint.

    Args:
        config: the shape of the model.

    Reference: names as in transformers' `MambaForCausalLM`.
    """
    width, inner, rank = config.width, config.inner, config.rank
    selected = rank + 2 * config.state_size
    matrix, vector = mamba_layer.matrix, mamba_layer.vector
    rates = decoder.Tensor(
        path=("blocks", "mixer", "log_rate"),
        source="layers.{layer}.mixer.A_log",
        shape=(inner, config.state_size),
        role="recurrence",
        channel_axis=0,
    )
    return (
        *layout.norm(("blocks", "norm"), "layers.{layer}.norm", width, bias=False),
        *matrix("input", "in_proj", (width, 2 * inner), bias=config.biased),
        *mamba_layer.convolution(inner, config.kernel, bias=config.kernel_biased),
        *matrix("selection", "x_proj", (inner, selected), bias=False),
        *matrix("step", "dt_proj", (rank, inner), bias=True),
        rates,
        vector("skip", "D", inner, "recurrence"),
        *matrix("output", "out_proj", (inner, width), bias=config.biased),
        *mamba_layer.outside(config),
    )


def block(
    layer: dict[str, Any],
    state: Float[Array, "sentence token width"],
    _index: Int[Array, ""],
    config: Config,
) -> tuple[Float[Array, "sentence token width"], dict[decoder.Path, Array]]:
    """Applies one layer: a gated selective scan of a short convolution.

    Definition: with `u, z = W_in norm(x)`, `v = f(conv(u))`, `s, B, C = W_x v` and
    `dt = softplus(W_dt s + b)`, the layer gives `x + W_out (scan(v) * silu(z))`. The
    gate is `silu` whatever `f` is.

    Args:
        layer: the parameters of this layer.
        state: hidden states before it.
        _index: the number of this layer, which changes nothing.
        config: the shape of the model.

    Returns:
        The hidden states after it, and the inputs of its four matrices by path.

    Reference: Gu and Dao 2023, arXiv:2312.00752, algorithm 2 and figure 3.
    """
    mixer = layer["mixer"]
    normed = rms_norm(state, layer["norm"]["weight"], config.epsilon)
    mixed, gate = jnp.split(linear(normed, mixer["input"]), 2, axis=-1)
    nonlinearity = NONLINEARITIES[config.activation]
    value = nonlinearity(causal_convolution(mixed, mixer["convolution"]))
    ends = (config.rank, config.rank + config.state_size)
    low, write, read = jnp.split(linear(value, mixer["selection"]), ends, axis=-1)
    step = jax.nn.softplus(linear(low, mixer["step"]).astype(jnp.float32))
    scanned = selective_scan.selective_scan(
        value.astype(jnp.float32),
        step,
        -jnp.exp(mixer["log_rate"].astype(jnp.float32)),
        write.astype(jnp.float32),
        read.astype(jnp.float32),
        mixer["skip"].astype(jnp.float32),
    )
    gated = scanned * jax.nn.silu(gate.astype(jnp.float32))
    gated = gated.astype(state.dtype)
    inputs = {"input": normed, "selection": value, "step": low, "output": gated}
    after = state + linear(gated, mixer["output"])
    return after, {("blocks", "mixer", k, "weight"): x for k, x in inputs.items()}


def held(config: Config, n_tokens: int) -> int:
    """Counts the numbers per token that a layer holds at once.

    Definition: states before, normed and after, values and gates as they leave the
    first matrix, values, steps and scanned values, each in two orders, gates and gated
    values, and the states of the scan.

    Args:
        config: the shape of the model.
        n_tokens: length of the sentences.

    Reference: our own definition.
    """
    scanned = selective_scan.held(config.inner, config.state_size, n_tokens)
    return 3 * config.width + 10 * config.inner + scanned


ARCHITECTURE = decoder.Architecture(
    name="mamba",
    models="Mamba",
    prefix="backbone.",
    buffers=(),
    read_config=read_config,
    tensors=tensors,
    embed=mamba_layer.embed,
    block=block,
    readout=mamba_layer.readout,
    held=held,
)
