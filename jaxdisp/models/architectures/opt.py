"""OPT: learned positions, norms before or after each part, factored embeddings."""

import dataclasses
from typing import Any

from jaxtyping import Array, Float, Int

from jaxdisp.models import decoder, entries, layout
from jaxdisp.models.parts import fairseq_layer
from jaxdisp.models.parts.linear import linear, product
from jaxdisp.models.parts.nonlinearity import NONLINEARITIES
from jaxdisp.models.parts.norm import layer_norm

FAMILY = "model of type opt"
NEEDED = (
    "num_hidden_layers",
    "num_attention_heads",
    "hidden_size",
    "ffn_dim",
    "vocab_size",
)
FIXED = {"learned_embeddings": True, "scale_embeddings": False}
"""Entries of Galactica that transformers passes over, and what they say there."""
KNOWN = (
    *NEEDED,
    *FIXED,
    "max_position_embeddings",
    "word_embed_proj_dim",
    "do_layer_norm_before",
    "_remove_final_layer_norm",
    "enable_bias",
    "layer_norm_elementwise_affine",
    "activation_function",
    "tie_word_embeddings",
    "output_projection",  # left over from conversion: the head that all of them have
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The shape of one OPT; sizes are counts.

    `table_width` counts the numbers in a token's embedding, `final_norm` says whether
    there is a norm after the last layer.
    """

    n_layers: int
    width: int
    table_width: int
    vocabulary: int
    context: int
    layer: fairseq_layer.Layer
    final_norm: bool
    tied: bool


def read_config(source: dict[str, Any]) -> Config:
    """Reads the configuration of a Hugging Face OPT.

    Args:
        source: the content of `config.json`.

    Raises:
        ValueError: if a needed entry is missing or its value is not supported.

    Reference: Zhang et al. 2022, arXiv:2205.01068; names as in transformers'
        `OPTConfig`.
    """
    entries.need(source, NEEDED, FAMILY)
    entries.refuse_unknown(source, KNOWN, FAMILY)
    for name, allowed in FIXED.items():
        if entries.flag(source, name, default=allowed) != allowed:
            raise ValueError(
                f"{name} {str(not allowed).lower()} is not supported; "
                f"allowed: {str(allowed).lower()}"
            )
    width = entries.count(source, "hidden_size")
    n_heads = entries.count(source, "num_attention_heads")
    entries.heads(width, n_heads, ("hidden_size", "num_attention_heads"))
    norm_first = entries.flag(source, "do_layer_norm_before", default=True)
    removed = entries.flag(source, "_remove_final_layer_norm", default=False)
    return Config(
        n_layers=entries.count(source, "num_hidden_layers"),
        width=width,
        table_width=entries.count(source, "word_embed_proj_dim", width),
        vocabulary=entries.count(source, "vocab_size"),
        context=entries.count(source, "max_position_embeddings", 2048),
        layer=fairseq_layer.Layer(
            n_heads=n_heads,
            width=width,
            inner=entries.count(source, "ffn_dim"),
            activation=entries.choice(
                source, "activation_function", NONLINEARITIES, "relu"
            ),
            norm_first=norm_first,
            affine=entries.flag(source, "layer_norm_elementwise_affine", default=True),
            biased=entries.flag(source, "enable_bias", default=True),
        ),
        final_norm=norm_first and not removed,
        tied=entries.flag(source, "tie_word_embeddings", default=True),
    )


def tensors(config: Config) -> tuple[decoder.Tensor, ...]:
    """Lists every parameter, its shape and its name in a checkpoint.

    Args:
        config: the shape of the model.

    Reference: names as in transformers' `OPTForCausalLM`.
    """
    width, short = config.width, config.table_width
    rows = (config.vocabulary, short)
    positions = (config.context + fairseq_layer.OFFSET, width)
    affine = config.layer.affine

    def table(
        key: str, name: str, shape: tuple[int, int], role: decoder.Role
    ) -> decoder.Tensor:
        return layout.table(("outside", key), name, shape, role)

    found = (
        *fairseq_layer.tensors(config.layer, "decoder.layers"),
        table("token_embedding", "decoder.embed_tokens", rows, "embedding"),
        table("position_embedding", "decoder.embed_positions", positions, "embedding"),
    )
    if short != width:  # each is a factor of a table, and is quantized with that
        found += _projection("project_in", (short, width), "embedding")
        found += _projection("project_out", (width, short), "head")
    if config.final_norm:
        path, name = ("outside", "final_norm"), "decoder.final_layer_norm"
        found += layout.norm(path, name, width, bias=affine, gain=affine)
    return found if config.tied else (*found, table("head", "lm_head", rows, "head"))


def _projection(
    name: str, shape: tuple[int, int], role: decoder.Role
) -> tuple[decoder.Tensor, ...]:
    found = layout.matrix(("outside", name), f"decoder.{name}", shape, bias=False)
    return tuple(dataclasses.replace(tensor, role=role) for tensor in found)


def embed(
    outside: dict[str, Any], tokens: Int[Array, "sentence token"], config: Config
) -> Float[Array, "sentence token width"]:
    """Adds the embeddings of tokens, projected to the width, and of positions.

    Args:
        outside: the parameters outside the layers.
        tokens: token numbers.
        config: the shape of the model.

    Raises:
        ValueError: if there are more tokens than positions.

    Reference: Zhang et al. 2022, arXiv:2205.01068; factored as in Lan et al. 2020,
        arXiv:1909.11942, section 3.1.
    """
    length = tokens.shape[1]
    decoder.check_length(length, config.context)
    found = outside["token_embedding"][tokens]
    if "project_in" in outside:
        found = linear(found, outside["project_in"])
    first = fairseq_layer.OFFSET
    return found + outside["position_embedding"][None, first : first + length]


def readout(
    outside: dict[str, Any], state: Float[Array, "sentence token width"], config: Config
) -> Float[Array, "sentence token vocabulary"]:
    """Turns final hidden states, projected to the width of the table, into logits.

    Args:
        outside: the parameters outside the layers.
        state: hidden states after the last layer.
        config: the shape of the model.

    Reference: Zhang et al. 2022, arXiv:2205.01068.
    """
    if config.final_norm:
        state = layer_norm(state, outside.get("final_norm", {}), fairseq_layer.EPSILON)
    if "project_out" in outside:
        state = linear(state, outside["project_out"])
    return product(state, outside["token_embedding" if config.tied else "head"].T)


ARCHITECTURE = decoder.Architecture(
    name="opt",
    models="OPT",
    prefix="model.",
    buffers=(r"decoder\.version",),
    read_config=read_config,
    tensors=tensors,
    embed=embed,
    block=fairseq_layer.block,
    readout=readout,
    held=fairseq_layer.held,
)
