"""Gemma 2 and Gemma 3: norms before and after each part, windows in most layers."""

import dataclasses
import functools as ft
import math
from collections.abc import Mapping
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
    "num_key_value_heads",
)
KNOWN = (
    *NEEDED,
    "head_dim",
    "hidden_activation",
    "hidden_act",  # an older entry, of which transformers keeps no track
    "max_position_embeddings",
    "rms_norm_eps",
    "tie_word_embeddings",
    "rope_parameters",
    "rope_scaling",
    "rope_theta",
    "attention_bias",
    "query_pre_attn_scalar",
    "sliding_window",
    "layer_types",
    "final_logit_softcapping",
    "attn_logit_softcapping",
    "cache_implementation",
)
OWN = {
    "gemma2": ("sliding_window_size",),
    "gemma3_text": (
        "rope_local_base_freq",
        "sliding_window_pattern",
        "_sliding_window_pattern",
    ),
}
GAIN_OFFSET = 1.0
"""Checkpoints store gains less one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The shape of one Gemma; `epsilon` is added to mean squares.

    `windows` says of each layer how many tokens each token sees, None that all layers
    see everything. Layers with a window turn by `near`, others by `positions`.
    """

    n_layers: int
    width: int
    inner: int
    vocabulary: int
    context: int
    heads: rotary_attention.Heads
    positions: rotary.Rotary
    near: rotary.Rotary
    windows: tuple[int, ...] | None
    activation: str
    epsilon: float
    tied: bool
    bias: bool
    logit_cap: float | None


def read_config(source: dict[str, Any], family: str) -> Config:
    """Reads the configuration of a Hugging Face Gemma 2 or Gemma 3 of text.

    Args:
        source: the content of `config.json`.
        family: `gemma2` or `gemma3_text`.

    Raises:
        ValueError: if a needed entry is missing or its value is not supported.

    Reference: names as in transformers' `Gemma2Config` and `Gemma3TextConfig`.
    """
    entries.need(source, NEEDED, family)
    entries.refuse_unknown(source, (*KNOWN, *OWN[family]), family)
    context = entries.count(source, "max_position_embeddings", 8192)
    epsilon = entries.positive(source, "rms_norm_eps", 1e-6)
    heads = _heads(source, family, epsilon)
    far, near = (
        rotary.read(given, heads.channels, context)
        for given in _turning(source, family)
    )
    n_layers = entries.count(source, "num_hidden_layers")
    return Config(
        n_layers=n_layers,
        width=entries.count(source, "hidden_size"),
        inner=entries.count(source, "intermediate_size"),
        vocabulary=entries.count(source, "vocab_size"),
        context=min(far.context, near.context),
        heads=heads,
        positions=far,
        near=near,
        windows=_windows(source, family, n_layers),
        activation=entries.choice(
            source, "hidden_activation", NONLINEARITIES, "gelu_pytorch_tanh"
        ),
        epsilon=epsilon,
        tied=entries.flag(source, "tie_word_embeddings", default=True),
        bias=entries.flag(source, "attention_bias", default=False),
        logit_cap=_cap(
            source, "final_logit_softcapping", 30.0 if family == "gemma2" else None
        ),
    )


def _cap(source: dict[str, Any], name: str, default: float | None) -> float | None:
    value = source.get(name, default)
    return None if value is None else entries.positive({name: value}, name)


def _heads(
    source: dict[str, Any], family: str, epsilon: float
) -> rotary_attention.Heads:
    n_heads = entries.count(source, "num_attention_heads")
    n_groups = entries.count(source, "num_key_value_heads")
    entries.heads(n_heads, n_groups, ("num_attention_heads", "num_key_value_heads"))
    cap = _cap(source, "attn_logit_softcapping", 50.0 if family == "gemma2" else None)
    if family != "gemma2" and cap is not None:
        raise ValueError(
            f"attn_logit_softcapping {cap} is not supported in a {family}, whose "
            "reference overlooks it; allowed: null"
        )
    return rotary_attention.Heads(
        n_heads=n_heads,
        n_groups=n_groups,
        channels=entries.count(source, "head_dim", 256),
        scale=1 / math.sqrt(entries.positive(source, "query_pre_attn_scalar", 256.0)),
        soft_cap=cap,
        normed=family != "gemma2",
        epsilon=epsilon,
        gain_offset=GAIN_OFFSET,
    )


def _turning(
    source: dict[str, Any], family: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is said about rotary positions: of layers without, and with a window."""
    if family == "gemma2":
        given = rotary.parameters(source, 10000.0)
        return given, given
    nested = source.get("rope_parameters") or {}
    if not isinstance(nested, Mapping):
        raise ValueError(f"rope_parameters must be an object, got {nested!r}")
    if nested and not {"full_attention", "sliding_attention"} >= set(nested):
        raise ValueError(
            f"rope_parameters has {', '.join(nested)}; allowed in a {family}: "
            "full_attention, sliding_attention"
        )
    rest = {k: x for k, x in source.items() if k != "rope_parameters"}
    far = rotary.parameters(
        rest | {"rope_parameters": nested.get("full_attention")}, 1e6
    )
    near = rotary.parameters(
        {
            "rope_parameters": nested.get("sliding_attention"),
            "rope_theta": source.get("rope_local_base_freq"),
        },
        10000.0,
    )
    return far, near


def _windows(
    source: dict[str, Any], family: str, n_layers: int
) -> tuple[int, ...] | None:
    names = ("sliding_window_pattern", "_sliding_window_pattern")
    given = [source[name] for name in names if source.get(name) is not None]
    pattern = 2 if family == "gemma2" else 6
    pattern = entries.count({names[0]: given[0] if given else pattern}, names[0])
    kinds = source.get("layer_types")
    if kinds is None:
        kinds = [
            "sliding_attention" if (layer + 1) % pattern else "full_attention"
            for layer in range(n_layers)
        ]
    return layer_windows(kinds, n_layers, entries.count(source, "sliding_window", 4096))


def tensors(config: Config) -> tuple[decoder.Tensor, ...]:
    """Lists every parameter, its shape and its name in a checkpoint.

    Args:
        config: the shape of the model.

    Reference: names as in transformers' `Gemma2ForCausalLM` and `Gemma3ForCausalLM`.
    """
    width, layer = config.width, "layers.{layer}"
    shape = (config.vocabulary, width)
    table = layout.table(
        ("outside", "token_embedding"), "embed_tokens", shape, "embedding"
    )
    head = layout.table(("outside", "head"), "lm_head", shape, "head")

    def norm(path: decoder.Path, name: str) -> tuple[decoder.Tensor, ...]:
        return layout.norm(path, name, width, bias=False)

    def inside(name: str, source: str) -> tuple[decoder.Tensor, ...]:
        return norm(("blocks", name), f"{layer}.{source}_layernorm")

    return (
        *inside("attention_norm", "input"),
        *rotary_attention.tensors(
            f"{layer}.self_attn",
            width,
            config.heads,
            bias=config.bias,
            output_bias=config.bias,
        ),
        *inside("attention_after_norm", "post_attention"),
        *inside("mlp_norm", "pre_feedforward"),
        *gated.tensors(f"{layer}.mlp", width, config.inner, bias=False),
        *inside("mlp_after_norm", "post_feedforward"),
        table,
        *norm(("outside", "final_norm"), "norm"),
        *(() if config.tied else (head,)),
    )


def embed(
    outside: dict[str, Any], tokens: Int[Array, "sentence token"], config: Config
) -> Float[Array, "sentence token width"]:
    """Embeds tokens, times the root of the width; positions enter in every layer.

    Args:
        outside: the parameters outside the layers.
        tokens: token numbers.
        config: the shape of the model.

    Raises:
        ValueError: if there are more tokens than the context holds.

    Reference: Gemma 2, arXiv:2408.00118, section 2, and its code.
    """
    decoder.check_length(tokens.shape[1], config.context)
    found = outside["token_embedding"][tokens]
    # in the type that is computed in, as the model was trained with
    return found * jnp.asarray(math.sqrt(config.width), found.dtype)


def block(
    layer: dict[str, Any],
    state: Float[Array, "sentence token width"],
    index: Int[Array, ""],
    config: Config,
) -> tuple[Float[Array, "sentence token width"], dict[decoder.Path, Array]]:
    """Applies one layer: `x + norm(attention(norm(x)))`, then the same with the gate.

    Args:
        layer: the parameters of this layer.
        state: hidden states before it.
        index: the number of this layer, from 0.
        config: the shape of the model.

    Returns:
        The hidden states after it, and the inputs of its seven matrices by path, with
        the weights of attention under theirs.

    Reference: Gemma 2, arXiv:2408.00118, section 2; Gemma 3, arXiv:2503.19786,
        section 2.
    """

    def norm(x: Array, name: str) -> Array:
        gain = layer[name]["weight"]
        return rms_norm(x, gain, config.epsilon, offset=GAIN_OFFSET)

    seen, angles = _surroundings(config, index, state.shape[1])
    added, inputs = rotary_attention.rotary_attention(
        layer["attention"], norm(state, "attention_norm"), angles, seen, config.heads
    )
    state = state + norm(added, "attention_after_norm")
    nonlinearity = NONLINEARITIES[config.activation]
    added, more = gated.gated(layer["mlp"], norm(state, "mlp_norm"), nonlinearity)
    return state + norm(added, "mlp_after_norm"), inputs | more


def _surroundings(config: Config, index: Array, n_tokens: int) -> tuple[Any, Any]:
    """Which tokens are seen in a layer, and cosines and sines of positions there."""
    far = rotary.angles(config.positions, n_tokens)
    if config.windows is None:
        return visible(n_tokens), far
    window = jnp.array(config.windows)[index]
    near = rotary.angles(config.near, n_tokens)
    close = window < decoder.UNLIMITED
    angles = tuple(jnp.where(close, x, y) for x, y in zip(near, far, strict=True))
    return visible(n_tokens, window), angles


def readout(
    outside: dict[str, Any], state: Float[Array, "sentence token width"], config: Config
) -> Float[Array, "sentence token vocabulary"]:
    """Turns final hidden states into logits, whose size a soft cap may bound.

    Definition: `cap tanh(z / cap)` with `z` the product with the tied or own head.

    Args:
        outside: the parameters outside the layers.
        state: hidden states after the last layer.
        config: the shape of the model.

    Reference: Gemma 2, arXiv:2408.00118, section 2.
    """
    gain = outside["final_norm"]["weight"]
    normed = rms_norm(state, gain, config.epsilon, offset=GAIN_OFFSET)
    found = product(normed, outside["token_embedding" if config.tied else "head"].T)
    if config.logit_cap is None:
        return found
    cap = jnp.asarray(config.logit_cap, found.dtype)
    return cap * jnp.tanh(found / cap)


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
        buffers=(),
        read_config=ft.partial(read_config, family=name),
        tensors=tensors,
        embed=embed,
        block=block,
        readout=readout,
        held=held,
    )


GEMMA2 = _family("gemma2", "Gemma 2")
GEMMA3 = _family("gemma3_text", "Gemma 3 270M and 1B")
