"""Llama, Mistral, Qwen2 and Qwen3: root mean squares, rotary positions, gates."""

import dataclasses
import functools as ft
import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.models import decoder, entries, layout
from jaxdisp.models.parts import gated, rotary, rotary_attention
from jaxdisp.models.parts.attention import layer_windows, visible
from jaxdisp.models.parts.linear import product
from jaxdisp.models.parts.nonlinearity import NONLINEARITIES
from jaxdisp.models.parts.norm import rms_norm

NEEDED = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
)
KNOWN = (
    *NEEDED,
    "num_key_value_heads",
    "head_dim",
    "hidden_act",
    "max_position_embeddings",
    "rms_norm_eps",
    "tie_word_embeddings",
    "rope_parameters",
    "rope_scaling",
    "rope_theta",
)
OWN = {
    "llama": ("attention_bias", "mlp_bias", "pretraining_tp"),
    "mistral": ("sliding_window",),
    "qwen2": (
        "use_sliding_window",
        "sliding_window",
        "max_window_layers",
        "layer_types",
    ),
    "qwen3": (
        "attention_bias",
        "use_sliding_window",
        "sliding_window",
        "max_window_layers",
        "layer_types",
    ),
}
"""Entries that one family has beside those of all. `pretraining_tp` splits products
into parts whose sum is the same."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The shape of one Llama or relative; `epsilon` is added to mean squares.

    `windows` says of each layer how many tokens each token sees, None that all layers
    see everything; `bias`, `output_bias` and `mlp_bias` which matrices have one.
    """

    n_layers: int
    width: int
    inner: int
    vocabulary: int
    context: int
    heads: rotary_attention.Heads
    positions: rotary.Rotary
    windows: tuple[int, ...] | None
    activation: str
    epsilon: float
    tied: bool
    bias: bool
    output_bias: bool
    mlp_bias: bool


def read_config(source: dict[str, Any], family: str) -> Config:
    """Reads the configuration of a Hugging Face Llama, Mistral, Qwen2 or Qwen3.

    Args:
        source: the content of `config.json`.
        family: `llama`, `mistral`, `qwen2` or `qwen3`.

    Raises:
        ValueError: if a needed entry is missing or its value is not supported.

    Reference: names as in transformers' `LlamaConfig`, `MistralConfig`, `Qwen2Config`
        and `Qwen3Config`.
    """
    entries.need(source, NEEDED, family)
    entries.refuse_unknown(source, (*KNOWN, *OWN[family]), family)
    width = entries.count(source, "hidden_size")
    context = entries.count(
        source, "max_position_embeddings", 2048 if family == "llama" else None
    )
    epsilon = entries.positive(source, "rms_norm_eps", 1e-6)
    heads = _heads(source, family, width, epsilon)
    turning = rotary.parameters(source, 10000.0)
    if turning.get("partial_rotary_factor", 1.0) != 1.0:
        raise ValueError(
            f"partial_rotary_factor {turning['partial_rotary_factor']} is not "
            f"supported: a {family} turns all channels; allowed: 1.0"
        )
    positions = rotary.read(turning, heads.channels, context)
    biased = family != "mistral" and entries.flag(
        source, "attention_bias", default=False
    )
    n_layers = entries.count(source, "num_hidden_layers")
    return Config(
        n_layers=n_layers,
        width=width,
        inner=entries.count(source, "intermediate_size"),
        vocabulary=entries.count(source, "vocab_size"),
        context=positions.context,
        heads=heads,
        positions=positions,
        windows=_windows(source, family, n_layers),
        activation=entries.choice(source, "hidden_act", NONLINEARITIES, "silu"),
        epsilon=epsilon,
        tied=entries.flag(source, "tie_word_embeddings", default=False),
        bias=biased or family == "qwen2",
        output_bias=biased,
        mlp_bias=entries.flag(source, "mlp_bias", default=False),
    )


def _heads(
    source: dict[str, Any], family: str, width: int, epsilon: float
) -> rotary_attention.Heads:
    n_heads = entries.count(source, "num_attention_heads")
    # what a config leaves out is what its class in transformers fills in
    n_groups = entries.count(
        source, "num_key_value_heads", 8 if family == "mistral" else n_heads
    )
    entries.heads(n_heads, n_groups, ("num_attention_heads", "num_key_value_heads"))
    if family == "qwen3":
        channels = entries.count(source, "head_dim", 128)
    elif source.get("head_dim") is not None:
        channels = entries.count(source, "head_dim")
    else:
        names = ("hidden_size", "num_attention_heads")
        channels = entries.heads(width, n_heads, names)
    return rotary_attention.Heads(
        n_heads=n_heads,
        n_groups=n_groups,
        channels=channels,
        scale=1 / math.sqrt(channels),
        normed=family == "qwen3",
        epsilon=epsilon,
    )


def _windows(
    source: dict[str, Any], family: str, n_layers: int
) -> tuple[int, ...] | None:
    if family == "llama" or source.get("sliding_window", 4096) is None:
        return None
    window = entries.count(source, "sliding_window", 4096)
    if family == "mistral":
        return (window,) * n_layers
    used = entries.flag(source, "use_sliding_window", default=False)
    first = source.get("max_window_layers", 28)
    if type(first) is not int or first < 0:
        raise ValueError(
            f"max_window_layers must be a whole number of at least 0, got {first!r}"
        )
    kinds = source.get("layer_types")
    if kinds is None:
        kinds = [
            "sliding_attention" if used and layer >= first else "full_attention"
            for layer in range(n_layers)
        ]
    return layer_windows(kinds, n_layers, window if used else None)


def tensors(config: Config) -> tuple[decoder.Tensor, ...]:
    """Lists every parameter, its shape and its name in a checkpoint.

    Args:
        config: the shape of the model.

    Reference: names as in transformers' `LlamaForCausalLM`.
    """
    width, layer = config.width, "layers.{layer}"
    shape = (config.vocabulary, width)
    table = layout.table(
        ("outside", "token_embedding"), "embed_tokens", shape, "embedding"
    )
    head = layout.table(("outside", "head"), "lm_head", shape, "head")

    def norm(path: decoder.Path, name: str) -> tuple[decoder.Tensor, ...]:
        return layout.norm(path, name, width, bias=False)

    return (
        *norm(("blocks", "attention_norm"), f"{layer}.input_layernorm"),
        *rotary_attention.tensors(
            f"{layer}.self_attn",
            width,
            config.heads,
            bias=config.bias,
            output_bias=config.output_bias,
        ),
        *norm(("blocks", "mlp_norm"), f"{layer}.post_attention_layernorm"),
        *gated.tensors(f"{layer}.mlp", width, config.inner, bias=config.mlp_bias),
        table,
        *norm(("outside", "final_norm"), "norm"),
        *(() if config.tied else (head,)),
    )


def embed(
    outside: dict[str, Any], tokens: Int[Array, "sentence token"], config: Config
) -> Float[Array, "sentence token width"]:
    """Embeds tokens; positions enter in every layer.

    Args:
        outside: the parameters outside the layers.
        tokens: token numbers.
        config: the shape of the model.

    Raises:
        ValueError: if there are more tokens than the context holds.

    Reference: Touvron et al. 2023, arXiv:2302.13971, section 2.2.
    """
    decoder.check_length(tokens.shape[1], config.context)
    return outside["token_embedding"][tokens]


def block(
    layer: dict[str, Any],
    state: Float[Array, "sentence token width"],
    index: Int[Array, ""],
    config: Config,
) -> tuple[Float[Array, "sentence token width"], dict[decoder.Path, Array]]:
    """Applies one layer: `x + attention(norm(x))`, then `x + gated(norm(x))`.

    Args:
        layer: the parameters of this layer.
        state: hidden states before it.
        index: the number of this layer, from 0.
        config: the shape of the model.

    Returns:
        The hidden states after it, and the inputs of its seven matrices by path, with
        the weights of attention under theirs.

    Reference: Touvron et al. 2023, arXiv:2302.13971, section 2.2; windows as in Jiang
        et al. 2023, arXiv:2310.06825, section 2.
    """
    n_tokens = state.shape[1]
    window = None if config.windows is None else jnp.array(config.windows)[index]
    seen = visible(n_tokens, window)
    angles = rotary.angles(config.positions, n_tokens)
    normed = rms_norm(state, layer["attention_norm"]["weight"], config.epsilon)
    added, inputs = rotary_attention.rotary_attention(
        layer["attention"], normed, angles, seen, config.heads
    )
    state = state + added
    normed = rms_norm(state, layer["mlp_norm"]["weight"], config.epsilon)
    nonlinearity = NONLINEARITIES[config.activation]
    added, more = gated.gated(layer["mlp"], normed, nonlinearity)
    return state + added, inputs | more


def readout(
    outside: dict[str, Any], state: Float[Array, "sentence token width"], config: Config
) -> Float[Array, "sentence token vocabulary"]:
    """Turns final hidden states into logits with the tied or own head.

    Args:
        outside: the parameters outside the layers.
        state: hidden states after the last layer.
        config: the shape of the model.

    Reference: Touvron et al. 2023, arXiv:2302.13971.
    """
    normed = rms_norm(state, outside["final_norm"]["weight"], config.epsilon)
    return product(normed, outside["token_embedding" if config.tied else "head"].T)


def held(config: Config, n_tokens: int) -> int:
    """Counts the numbers per token that a layer holds at once.

    Definition: states before and after, those of attention, the inner layer's gate, its
    other half and their product.

    Args:
        config: the shape of the model.
        n_tokens: length of the sentences.

    Reference: our own definition.
    """
    inside = rotary_attention.held(config.heads, n_tokens)
    return 2 * config.width + inside + 3 * config.inner


def _family(name: str, models: str) -> decoder.Architecture:
    return decoder.Architecture(
        name=name,
        models=models,
        prefix="model.",
        buffers=(r"layers\.\d+\.self_attn\.rotary_emb\.inv_freq",),
        read_config=ft.partial(read_config, family=name),
        tensors=tensors,
        embed=embed,
        block=block,
        readout=readout,
        held=held,
    )


LLAMA = _family("llama", "Llama 1 to 3.3, TinyLlama, Yi, SmolLM")
MISTRAL = _family("mistral", "Mistral 7B, Zephyr")
QWEN2 = _family("qwen2", "Qwen2, Qwen2.5")
QWEN3 = _family("qwen3", "Qwen3")
