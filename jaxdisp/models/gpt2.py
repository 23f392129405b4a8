"""GPT-2: learned positions, layer norm before each part, fused query-key-value."""

import dataclasses
import functools as ft
import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.models import decoder

ACTIVATIONS = {
    "gelu_new": ft.partial(jax.nn.gelu, approximate=True),
    "gelu_pytorch_tanh": ft.partial(jax.nn.gelu, approximate=True),
    "gelu": ft.partial(jax.nn.gelu, approximate=False),
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "swish": jax.nn.silu,
    "tanh": jnp.tanh,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The shape of one GPT-2; sizes are counts, `epsilon` is added to variances."""

    n_layers: int
    n_heads: int
    width: int
    inner: int
    vocabulary: int
    context: int
    activation: str
    epsilon: float
    tied: bool
    scaled_by_width: bool
    scaled_by_layer: bool


def read_config(source: dict[str, Any]) -> Config:
    """Reads the configuration of a Hugging Face GPT-2.

    Args:
        source: the content of `config.json`.

    Raises:
        ValueError: if a needed entry is missing or its value is not supported.

    Reference: Radford et al. 2019; names as in transformers' `GPT2Config`.
    """
    needed = ("n_layer", "n_head", "n_embd", "vocab_size")
    missing = [key for key in needed if key not in source]
    if missing:
        raise ValueError(f"lacks {', '.join(missing)}; a GPT-2 needs them")
    activation = source.get("activation_function", "gelu_new")
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation_function {activation!r} is not supported; "
            f"allowed: {', '.join(ACTIVATIONS)}"
        )
    if source.get("add_cross_attention"):
        raise ValueError("add_cross_attention is set; only decoders alone are read")
    width, n_heads = _count(source, "n_embd"), _count(source, "n_head")
    if width % n_heads:
        raise ValueError(f"n_embd {width} is not divisible by n_head {n_heads}")
    epsilon = source.get("layer_norm_epsilon", 1e-5)
    if type(epsilon) not in (int, float) or epsilon <= 0:
        raise ValueError(
            f"layer_norm_epsilon must be a positive number, got {epsilon!r}"
        )
    return Config(
        n_layers=_count(source, "n_layer"),
        n_heads=n_heads,
        width=width,
        inner=4 * width if source.get("n_inner") is None else _count(source, "n_inner"),
        vocabulary=_count(source, "vocab_size"),
        context=_count({"n_positions": 1024} | source, "n_positions"),
        activation=activation,
        epsilon=float(epsilon),
        tied=_flag(source, "tie_word_embeddings", default=True),
        scaled_by_width=_flag(source, "scale_attn_weights", default=True),
        scaled_by_layer=_flag(source, "scale_attn_by_inverse_layer_idx", default=False),
    )


def _count(source: dict[str, Any], key: str) -> int:
    value = source[key]
    if type(value) is not int or value < 1:  # a bool is an int, too
        raise ValueError(f"{key} must be a whole number of at least 1, got {value!r}")
    return value


def _flag(source: dict[str, Any], key: str, *, default: bool) -> bool:
    value = source.get(key, default)
    if not isinstance(value, bool):
        raise ValueError(f"{key} must be true or false, got {value!r}")
    return value


def write_config(config: Config) -> dict[str, Any]:
    """Writes the entries of `config.json` that `read_config` reads.

    Args:
        config: the shape of the model.

    Reference: names as in transformers' `GPT2Config`.
    """
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "n_layer": config.n_layers,
        "n_head": config.n_heads,
        "n_embd": config.width,
        "n_inner": config.inner,
        "vocab_size": config.vocabulary,
        "n_positions": config.context,
        "activation_function": config.activation,
        "layer_norm_epsilon": config.epsilon,
        "tie_word_embeddings": config.tied,
        "scale_attn_weights": config.scaled_by_width,
        "scale_attn_by_inverse_layer_idx": config.scaled_by_layer,
        "reorder_and_upcast_attn": False,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "use_cache": True,
    }


def tensors(config: Config) -> tuple[decoder.Tensor, ...]:
    """Lists every parameter, its shape and its name in a checkpoint.

    Args:
        config: the shape of the model.

    Reference: names as in transformers' `GPT2LMHeadModel`.
    """
    width, inner = config.width, config.inner
    found: list[decoder.Tensor] = []

    def matrix(path: tuple[str, str], name: str, rows: int, columns: int) -> None:
        # Conv1D stores input-first already
        for kind, shape, role in (
            ("weight", (rows, columns), "matrix"),
            ("bias", (columns,), "bias"),
        ):
            found.append(
                decoder.Tensor(
                    path=("blocks", *path, kind),
                    source=f"h.{{layer}}.{name}.{kind}",
                    shape=shape,
                    role=role,  # pyright: ignore[reportArgumentType]
                )
            )

    def norm(path: tuple[str, ...], name: str) -> None:
        for kind, role in (("weight", "norm"), ("bias", "bias")):
            found.append(
                decoder.Tensor(
                    path=(*path, kind),
                    source=f"{name}.{kind}",
                    shape=(width,),
                    role=role,  # pyright: ignore[reportArgumentType]
                )
            )

    def table(key: str, name: str, rows: int, role: decoder.Role) -> None:
        found.append(
            decoder.Tensor(
                path=("outside", key),
                source=name,
                shape=(rows, width),
                role=role,
                channel_axis=0,
            )
        )

    norm(("blocks", "attention_norm"), "h.{layer}.ln_1")
    matrix(("attention", "query_key_value"), "attn.c_attn", width, 3 * width)
    matrix(("attention", "output"), "attn.c_proj", width, width)
    norm(("blocks", "mlp_norm"), "h.{layer}.ln_2")
    matrix(("mlp", "up"), "mlp.c_fc", width, inner)
    matrix(("mlp", "down"), "mlp.c_proj", inner, width)
    table("token_embedding", "wte.weight", config.vocabulary, "embedding")
    table("position_embedding", "wpe.weight", config.context, "embedding")
    norm(("outside", "final_norm"), "ln_f")
    if not config.tied:
        table("head", "lm_head.weight", config.vocabulary, "head")
    return tuple(found)


def embed(
    outside: dict[str, Any], tokens: Int[Array, "sentence token"], config: Config
) -> Float[Array, "sentence token width"]:
    """Adds the embeddings of tokens and of their positions.

    Args:
        outside: the parameters outside the layers.
        tokens: token numbers.
        config: the shape of the model.

    Raises:
        ValueError: if there are more tokens than positions.

    Reference: Radford et al. 2019.
    """
    length = tokens.shape[1]
    if length > config.context:
        raise ValueError(f"{length} tokens exceed the context of {config.context}")
    positions = outside["position_embedding"][None, :length]
    return outside["token_embedding"][tokens] + positions


def block(
    layer: dict[str, Any],
    state: Float[Array, "sentence token width"],
    index: Int[Array, ""],
    config: Config,
) -> tuple[Float[Array, "sentence token width"], dict[decoder.Path, Array]]:
    """Applies one layer: `x + attention(norm(x))`, then `x + mlp(norm(x))`.

    Args:
        layer: the parameters of this layer.
        state: hidden states before it.
        index: the number of this layer, from 0.
        config: the shape of the model.

    Returns:
        The hidden states after it, and the inputs of its four matrices by path.

    Reference: Radford et al. 2019.
    """
    normed = _layer_norm(state, layer["attention_norm"], config.epsilon)
    mixed = _attention(layer["attention"], normed, index, config)
    state = state + _linear(mixed, layer["attention"]["output"])
    inputs = {("attention", "query_key_value"): normed, ("attention", "output"): mixed}
    normed = _layer_norm(state, layer["mlp_norm"], config.epsilon)
    inner = ACTIVATIONS[config.activation](_linear(normed, layer["mlp"]["up"]))
    inputs |= {("mlp", "up"): normed, ("mlp", "down"): inner}
    after = state + _linear(inner, layer["mlp"]["down"])
    return after, {("blocks", *path, "weight"): x for path, x in inputs.items()}


def readout(
    outside: dict[str, Any], state: Float[Array, "sentence token width"], config: Config
) -> Float[Array, "sentence token vocabulary"]:
    """Turns final hidden states into logits with the tied or own head.

    Args:
        outside: the parameters outside the layers.
        state: hidden states after the last layer.
        config: the shape of the model.

    Reference: Radford et al. 2019.
    """
    normed = _layer_norm(state, outside["final_norm"], config.epsilon)
    return _product(normed, outside["token_embedding" if config.tied else "head"].T)


def _product(
    state: Float[Array, "*batch width"], weight: Float[Array, "width out"]
) -> Float[Array, "*batch out"]:
    flat = state.reshape(-1, state.shape[-1]) @ weight
    return flat.reshape(*state.shape[:-1], weight.shape[-1])


def _linear(state: Array, affine: dict[str, Array]) -> Array:
    return _product(state, affine["weight"]) + affine["bias"][None, None]


def _layer_norm(state: Array, norm: dict[str, Array], epsilon: float) -> Array:
    centred = state - jnp.mean(state, axis=-1, keepdims=True)
    variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
    scaled = centred * jax.lax.rsqrt(variance + epsilon)
    return scaled * norm["weight"][None, None] + norm["bias"][None, None]


def _attention(
    layer: dict[str, Any], state: Array, index: Array, config: Config
) -> Array:
    n_sentences, n_tokens, width = state.shape
    heads = (n_sentences, n_tokens, config.n_heads, width // config.n_heads)
    fused = _linear(state, layer["query_key_value"])
    query, key, value = (x.reshape(heads) for x in jnp.split(fused, 3, axis=-1))
    scores = jnp.einsum("sthc,suhc->shtu", query, key)
    if config.scaled_by_width:
        scores = scores / math.sqrt(heads[-1])
    if config.scaled_by_layer:
        scores = scores / (index + 1).astype(scores.dtype)
    causal = jnp.tril(jnp.ones((n_tokens, n_tokens), bool))
    scores = jnp.where(causal[None, None], scores, -jnp.inf)
    weights = jax.nn.softmax(scores, axis=-1)
    return jnp.einsum("shtu,suhc->sthc", weights, value).reshape(state.shape)


ARCHITECTURE = decoder.Architecture(
    name="gpt2",
    prefix="transformer.",
    buffers=(r"h\.\d+\.attn\.(bias|masked_bias)",),
    read_config=read_config,
    write_config=write_config,
    tensors=tensors,
    embed=embed,
    block=block,
    readout=readout,
)
