"""BLOOM: scores that fall with distance, a norm of embeddings, fused heads."""

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

OTHER_NAMES = {
    "num_hidden_layers": "n_layer",
    "num_attention_heads": "n_head",
    "n_embed": "hidden_size",
}
KERNELS = """
    attention_softmax_in_fp32 bias_dropout_fusion masked_softmax_fusion offset_alibi
    pretraining_pp skip_bias_add skip_bias_add_qkv
"""  # how training was made fast; none of them changes what is computed
NEEDED = ("n_layer", "n_head", "hidden_size", "vocab_size")
KNOWN = (
    *NEEDED,
    "n_inner",
    "seq_length",
    "layer_norm_epsilon",
    "tie_word_embeddings",
    "apply_residual_connection_post_layernorm",
    "pretraining_tp",
    "slow_but_exact",
    *KERNELS.split(),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The shape of one BLOOM; `adds_to_norm` says that parts add to normed states."""

    n_layers: int
    n_heads: int
    width: int
    vocabulary: int
    context: int
    epsilon: float
    tied: bool
    adds_to_norm: bool


def read_config(source: dict[str, Any]) -> Config:
    """Reads the configuration of a Hugging Face BLOOM.

    Args:
        source: the content of `config.json`.

    Raises:
        ValueError: if a needed entry is missing or its value is not supported.

    Reference: names as in transformers' `BloomConfig`, now and in its first release.
    """
    source = entries.renamed(source, OTHER_NAMES)
    entries.need(source, NEEDED, "BLOOM")
    entries.refuse_unknown(source, KNOWN, "BLOOM")
    width = entries.count(source, "hidden_size")
    n_heads = entries.count(source, "n_head")
    entries.heads(width, n_heads, ("hidden_size", "n_head"))
    if (inner := entries.count(source, "n_inner", 4 * width)) != 4 * width:
        raise ValueError(
            f"n_inner {inner} is not supported; allowed: {4 * width}, as hidden_size is"
        )
    parts = entries.count(source, "pretraining_tp", 1)
    if entries.flag(source, "slow_but_exact", default=False) and parts > 1:
        raise ValueError(  # which leaves biases out
            f"slow_but_exact true is not supported with pretraining_tp {parts}; "
            "allowed: false"
        )
    return Config(
        n_layers=entries.count(source, "n_layer"),
        n_heads=n_heads,
        width=width,
        vocabulary=entries.count(source, "vocab_size"),
        context=entries.count(source, "seq_length", 2048),
        epsilon=entries.positive(source, "layer_norm_epsilon", 1e-5),
        tied=entries.flag(source, "tie_word_embeddings", default=True),
        adds_to_norm=entries.flag(
            source, "apply_residual_connection_post_layernorm", default=False
        ),
    )


def tensors(config: Config) -> tuple[decoder.Tensor, ...]:
    """Lists every parameter, its shape and its name in a checkpoint.

    Args:
        config: the shape of the model.

    Reference: names as in transformers' `BloomForCausalLM`.
    """
    width = config.width

    def matrix(path: tuple[str, str], name: str, shape: tuple[int, int]) -> Any:
        return layout.matrix(("blocks", *path), f"h.{{layer}}.{name}", shape, bias=True)

    def norm(path: decoder.Path, name: str) -> tuple[decoder.Tensor, ...]:
        return layout.norm(path, name, width, bias=True)

    def table(key: str, name: str, role: decoder.Role) -> decoder.Tensor:
        return layout.table(("outside", key), name, (config.vocabulary, width), role)

    return (
        *norm(("blocks", "attention_norm"), "h.{layer}.input_layernorm"),
        *matrix(
            ("attention", "query_key_value"),
            "self_attention.query_key_value",
            (width, 3 * width),
        ),
        *matrix(("attention", "output"), "self_attention.dense", (width, width)),
        *norm(("blocks", "mlp_norm"), "h.{layer}.post_attention_layernorm"),
        *matrix(("mlp", "up"), "mlp.dense_h_to_4h", (width, 4 * width)),
        *matrix(("mlp", "down"), "mlp.dense_4h_to_h", (4 * width, width)),
        table("token_embedding", "word_embeddings", "embedding"),
        *norm(("outside", "embedding_norm"), "word_embeddings_layernorm"),
        *norm(("outside", "final_norm"), "ln_f"),
        *(() if config.tied else (table("head", "lm_head", "head"),)),
    )


def embed(
    outside: dict[str, Any], tokens: Int[Array, "sentence token"], config: Config
) -> Float[Array, "sentence token width"]:
    """Looks up the embeddings of tokens and normalizes them.

    Args:
        outside: the parameters outside the layers.
        tokens: token numbers.
        config: the shape of the model.

    Reference: BigScience 2022, arXiv:2211.05100, section 3.2.2.
    """
    found = outside["token_embedding"][tokens]
    return layer_norm(found, outside["embedding_norm"], config.epsilon)


def block(
    layer: dict[str, Any],
    state: Float[Array, "sentence token width"],
    _index: Int[Array, ""],
    config: Config,
) -> tuple[Float[Array, "sentence token width"], dict[decoder.Path, Array]]:
    """Applies one layer: `x + attention(norm(x))`, then `x + mlp(norm(x))`.

    Definition: where `adds_to_norm`, the first `x` of each is `norm(x)`, too.

    Args:
        layer: the parameters of this layer.
        state: hidden states before it.
        _index: the number of this layer, which changes nothing.
        config: the shape of the model.

    Returns:
        The hidden states after it, and the inputs of its four matrices by path, with
        the weights of attention under theirs.

    Reference: BigScience 2022, arXiv:2211.05100, section 3.2.2.
    """
    normed = layer_norm(state, layer["attention_norm"], config.epsilon)
    mixed, weights = _attention(layer["attention"], normed, config)
    kept = normed if config.adds_to_norm else state
    state = kept + linear(mixed, layer["attention"]["output"])
    inputs = {("attention", "query_key_value"): normed, ("attention", "output"): mixed}
    normed = layer_norm(state, layer["mlp_norm"], config.epsilon)
    inner = NONLINEARITIES["gelu_new"](linear(normed, layer["mlp"]["up"]))
    inputs |= {("mlp", "up"): normed, ("mlp", "down"): inner}
    kept = normed if config.adds_to_norm else state
    after = kept + linear(inner, layer["mlp"]["down"])
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

    Reference: BigScience 2022, arXiv:2211.05100, section 3.2.2.
    """
    normed = layer_norm(state, outside["final_norm"], config.epsilon)
    return product(normed, outside["token_embedding" if config.tied else "head"].T)


def slopes(n_heads: int) -> Float[Array, " head"]:
    """Returns how fast each head's scores fall with distance.

    Definition: with `p` the largest power of two up to `n`, `2^(-8 i / p)` for
    `i = 1..p`, then `2^(-4 i / p)` for the first `n - p` odd numbers `i`.

    Args:
        n_heads: the number of heads, `n`.

    Reference: Press et al. 2022, arXiv:2108.12409, section 3; where `n` is no power of
        two, as in its authors' code.
    """
    power = 2 ** int(math.log2(n_heads))
    exponents = [8 * i / power for i in range(1, power + 1)]
    exponents += [4 * i / power for i in range(1, 2 * (n_heads - power), 2)]
    return jnp.array([2.0**-exponent for exponent in exponents], jnp.float32)


def _attention(
    layer: dict[str, Any], state: Array, config: Config
) -> tuple[Array, Array]:
    n_sentences, n_tokens, width = state.shape
    channels = width // config.n_heads
    fused = linear(state, layer["query_key_value"])
    fused = fused.reshape(n_sentences, n_tokens, config.n_heads, 3, channels)
    query, key, value = (fused[:, :, :, part] for part in range(3))
    place = jnp.arange(n_tokens, dtype=jnp.float32)
    ahead = place[None, None, :] - place[None, :, None]
    bias = slopes(config.n_heads)[:, None, None] * ahead
    scale = 1 / math.sqrt(channels)
    return attend(query, key, value, visible(n_tokens), scale=scale, bias=bias)


def held(config: Config, n_tokens: int) -> int:
    """Counts the numbers per token that a layer holds at once.

    Definition: states before and after, queries, keys and values, scores and their
    exponentials, the inner layer, four times as wide, before and after its activation.

    Args:
        config: the shape of the model.
        n_tokens: length of the sentences.

    Reference: our own definition.
    """
    return (5 + 8) * config.width + 2 * config.n_heads * n_tokens


ARCHITECTURE = decoder.Architecture(
    name="bloom",
    models="BLOOM, BLOOMZ",
    prefix="transformer.",
    buffers=(r"h\.\d+\.self_attention\.scale_mask_softmax\.causal_mask",),
    read_config=read_config,
    tensors=tensors,
    embed=embed,
    block=block,
    readout=readout,
    held=held,
)
