"""GPT-2: learned positions, layer norm before each part, fused query-key-value."""

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.models import decoder, entries, layout
from jaxdisp.models.parts.attention import attend, visible
from jaxdisp.models.parts.linear import linear, product
from jaxdisp.models.parts.nonlinearity import NONLINEARITIES
from jaxdisp.models.parts.norm import layer_norm

KNOWN = (
    "n_layer",
    "n_head",
    "n_embd",
    "n_inner",
    "n_positions",
    "n_ctx",  # an older name of n_positions, which comes beside it
    "vocab_size",
    "activation_function",
    "layer_norm_epsilon",
    "tie_word_embeddings",
    "scale_attn_weights",
    "scale_attn_by_inverse_layer_idx",
    "reorder_and_upcast_attn",  # scores are computed in float32 anyway
)


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
    entries.need(source, ("n_layer", "n_head", "n_embd", "vocab_size"), "GPT-2")
    entries.refuse_unknown(source, KNOWN, "GPT-2")
    width, n_heads = entries.count(source, "n_embd"), entries.count(source, "n_head")
    entries.heads(width, n_heads, ("n_embd", "n_head"))
    return Config(
        n_layers=entries.count(source, "n_layer"),
        n_heads=n_heads,
        width=width,
        inner=entries.count(source, "n_inner", 4 * width),
        vocabulary=entries.count(source, "vocab_size"),
        context=entries.count(source, "n_positions", 1024),
        activation=entries.choice(
            source, "activation_function", NONLINEARITIES, "gelu_new"
        ),
        epsilon=entries.positive(source, "layer_norm_epsilon", 1e-5),
        tied=entries.flag(source, "tie_word_embeddings", default=True),
        scaled_by_width=entries.flag(source, "scale_attn_weights", default=True),
        scaled_by_layer=entries.flag(
            source, "scale_attn_by_inverse_layer_idx", default=False
        ),
    )


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

    def matrix(path: tuple[str, str], name: str, shape: tuple[int, int]) -> Any:
        # Conv1D stores input-first already
        return layout.matrix(
            ("blocks", *path), f"h.{{layer}}.{name}", shape, bias=True, transposed=False
        )

    def norm(path: decoder.Path, name: str) -> tuple[decoder.Tensor, ...]:
        return layout.norm(path, name, width, bias=True)

    def table(key: str, name: str, rows: int, role: decoder.Role) -> decoder.Tensor:
        return layout.table(("outside", key), name, (rows, width), role)

    head = () if config.tied else (table("head", "lm_head", config.vocabulary, "head"),)
    return (
        *norm(("blocks", "attention_norm"), "h.{layer}.ln_1"),
        *matrix(("attention", "query_key_value"), "attn.c_attn", (width, 3 * width)),
        *matrix(("attention", "output"), "attn.c_proj", (width, width)),
        *norm(("blocks", "mlp_norm"), "h.{layer}.ln_2"),
        *matrix(("mlp", "up"), "mlp.c_fc", (width, inner)),
        *matrix(("mlp", "down"), "mlp.c_proj", (inner, width)),
        table("token_embedding", "wte", config.vocabulary, "embedding"),
        table("position_embedding", "wpe", config.context, "embedding"),
        *norm(("outside", "final_norm"), "ln_f"),
        *head,
    )


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
    decoder.check_length(length, config.context)
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
        The hidden states after it, and the inputs of its four matrices by path, with
        the weights of attention under theirs.

    Reference: Radford et al. 2019.
    """
    normed = layer_norm(state, layer["attention_norm"], config.epsilon)
    mixed, weights = _attention(layer["attention"], normed, index, config)
    state = state + linear(mixed, layer["attention"]["output"])
    inputs = {("attention", "query_key_value"): normed, ("attention", "output"): mixed}
    normed = layer_norm(state, layer["mlp_norm"], config.epsilon)
    inner = NONLINEARITIES[config.activation](linear(normed, layer["mlp"]["up"]))
    inputs |= {("mlp", "up"): normed, ("mlp", "down"): inner}
    after = state + linear(inner, layer["mlp"]["down"])
    found = {("blocks", *path, "weight"): x for path, x in inputs.items()}
    return after, found | {decoder.ATTENTION: weights}


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
    normed = layer_norm(state, outside["final_norm"], config.epsilon)
    return product(normed, outside["token_embedding" if config.tied else "head"].T)


def _attention(
    layer: dict[str, Any], state: Array, index: Array, config: Config
) -> tuple[Array, Array]:
    n_sentences, n_tokens, width = state.shape
    heads = (n_sentences, n_tokens, config.n_heads, width // config.n_heads)
    fused = linear(state, layer["query_key_value"])
    query, key, value = (x.reshape(heads) for x in jnp.split(fused, 3, axis=-1))
    scale = jnp.float32(1 / math.sqrt(heads[-1]) if config.scaled_by_width else 1.0)
    if config.scaled_by_layer:
        scale = scale / (index + 1).astype(jnp.float32)
    return attend(query, key, value, visible(n_tokens), scale=scale)


def held(config: Config, n_tokens: int) -> int:
    """Counts the numbers per token that a layer holds at once.

    Definition: states before and after, queries, keys and values, scores and their
    exponentials, the inner layer before and after its activation.

    Args:
        config: the shape of the model.
        n_tokens: length of the sentences.

    Reference: our own definition.
    """
    return 5 * config.width + 2 * config.n_heads * n_tokens + 2 * config.inner


ARCHITECTURE = decoder.Architecture(
    name="gpt2",
    models="GPT-2, DistilGPT-2",
    prefix="transformer.",
    buffers=(r"h\.\d+\.attn\.(bias|masked_bias)",),
    read_config=read_config,
    tensors=tensors,
    embed=embed,
    block=block,
    readout=readout,
    held=held,
)
