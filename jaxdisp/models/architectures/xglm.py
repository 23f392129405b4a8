"""XGLM: sinusoidal positions, scaled embeddings, layer norm before each part."""

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.models import decoder, entries, layout
from jaxdisp.models.parts import fairseq_layer
from jaxdisp.models.parts.linear import product
from jaxdisp.models.parts.nonlinearity import NONLINEARITIES
from jaxdisp.models.parts.norm import layer_norm

OTHER_NAMES = {
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "attention_heads",
    "hidden_size": "d_model",
}
FAMILY = "model of type xglm"
NEEDED = ("num_layers", "attention_heads", "d_model", "ffn_dim", "vocab_size")
KNOWN = (
    *NEEDED,
    "max_position_embeddings",
    "activation_function",
    "scale_embedding",
    "tie_word_embeddings",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The shape of one XGLM; sizes are counts.

    `blank` is the row of the table of positions that is zero, counted with the offset.
    """

    n_layers: int
    width: int
    vocabulary: int
    context: int
    layer: fairseq_layer.Layer
    blank: int | None
    scaled: bool
    tied: bool


def read_config(source: dict[str, Any]) -> Config:
    """Reads the configuration of a Hugging Face XGLM.

    Args:
        source: the content of `config.json`.

    Raises:
        ValueError: if a needed entry is missing or its value is not supported.

    Reference: Lin et al. 2022, arXiv:2112.10668; names as in transformers'
        `XGLMConfig`.
    """
    source = entries.renamed(source, OTHER_NAMES)
    entries.need(source, NEEDED, FAMILY)
    entries.refuse_unknown(source, KNOWN, FAMILY)
    width = entries.count(source, "d_model")
    if width < 4:  # with a single sinusoid, the step between rates is 1 / 0
        raise ValueError(f"d_model {width} is not supported; allowed: 4 and more")
    n_heads = entries.count(source, "attention_heads")
    entries.heads(width, n_heads, ("d_model", "attention_heads"))
    blank = source.get("pad_token_id", 1)
    if blank is not None and (type(blank) is not int or blank < 0):
        raise ValueError(
            f"pad_token_id {blank!r} is not supported; allowed: null, and whole "
            "numbers of at least 0, since it names a position, too"
        )
    return Config(
        n_layers=entries.count(source, "num_layers"),
        width=width,
        vocabulary=entries.count(source, "vocab_size"),
        context=entries.count(source, "max_position_embeddings", 2048),
        layer=fairseq_layer.Layer(
            n_heads=n_heads,
            width=width,
            inner=entries.count(source, "ffn_dim"),
            activation=entries.choice(
                source, "activation_function", NONLINEARITIES, "gelu"
            ),
        ),
        blank=blank,
        scaled=entries.flag(source, "scale_embedding", default=True),
        tied=entries.flag(source, "tie_word_embeddings", default=True),
    )


def tensors(config: Config) -> tuple[decoder.Tensor, ...]:
    """Lists every parameter, its shape and its name in a checkpoint.

    Args:
        config: the shape of the model.

    Reference: names as in transformers' `XGLMForCausalLM`.
    """
    width = config.width

    def table(key: str, name: str, role: decoder.Role) -> decoder.Tensor:
        return layout.table(("outside", key), name, (config.vocabulary, width), role)

    return (
        *fairseq_layer.tensors(config.layer, "layers"),
        table("token_embedding", "embed_tokens", "embedding"),
        *layout.norm(("outside", "final_norm"), "layer_norm", width, bias=True),
        *(() if config.tied else (table("head", "lm_head", "head"),)),
    )


def embed(
    outside: dict[str, Any], tokens: Int[Array, "sentence token"], config: Config
) -> Float[Array, "sentence token width"]:
    """Adds the embeddings of tokens and the sinusoids of their positions.

    Definition: `sqrt(width) e + s` where embeddings are scaled, else `e + s`.

    Args:
        outside: the parameters outside the layers.
        tokens: token numbers.
        config: the shape of the model.

    Raises:
        ValueError: if there are more tokens than positions.

    Reference: Lin et al. 2022, arXiv:2112.10668; scaled as in Vaswani et al. 2017,
        section 3.4.
    """
    length = tokens.shape[1]
    decoder.check_length(length, config.context)
    embedding = outside["token_embedding"]
    positions = sinusoids(length, config.width, config.blank).astype(embedding.dtype)
    scale = math.sqrt(config.width) if config.scaled else 1.0
    return embedding[tokens] * scale + positions[None]


def sinusoids(
    n_tokens: int, width: int, blank: int | None = None
) -> Float[Array, "token width"]:
    """Describes positions by sines and cosines.

    Definition: `sin((t + 2) r_i)` for each of `h = width // 2` rates
    `r_i = 10000^(-i / (h - 1))`, then the cosines, then a 0 if the width is odd;
    zeros where `t + 2 == blank`.

    Args:
        n_tokens: the number of positions.
        width: numbers per position, at least 4.
        blank: the row of the table, counted with the offset, that is zero.

    Reference: Vaswani et al. 2017, section 3.5, but for the order and the `- 1`, which
        are those of tensor2tensor and fairseq.
    """
    half = width // 2
    step = math.log(10000) / (half - 1)
    rates = jnp.exp(jnp.arange(half, dtype=jnp.float32) * -step)
    row = jnp.arange(fairseq_layer.OFFSET, fairseq_layer.OFFSET + n_tokens)[:, None]
    angles = row.astype(jnp.float32) * rates[None]
    rest = jnp.zeros((n_tokens, width % 2), jnp.float32)
    table = jnp.concatenate([jnp.sin(angles), jnp.cos(angles), rest], axis=1)
    return table if blank is None else jnp.where(row == blank, 0.0, table)


def readout(
    outside: dict[str, Any], state: Float[Array, "sentence token width"], config: Config
) -> Float[Array, "sentence token vocabulary"]:
    """Turns final hidden states into logits with the tied or own head.

    Args:
        outside: the parameters outside the layers.
        state: hidden states after the last layer.
        config: the shape of the model.

    Reference: Lin et al. 2022, arXiv:2112.10668.
    """
    normed = layer_norm(state, outside["final_norm"], fairseq_layer.EPSILON)
    return product(normed, outside["token_embedding" if config.tied else "head"].T)


ARCHITECTURE = decoder.Architecture(
    name="xglm",
    models="XGLM",
    prefix="model.",
    buffers=(r"embed_positions\.weights",),
    read_config=read_config,
    tensors=tensors,
    embed=embed,
    block=fairseq_layer.block,
    readout=readout,
    held=fairseq_layer.held,
)
