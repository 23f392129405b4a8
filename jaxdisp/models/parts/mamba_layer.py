"""What Mamba and Mamba-2 share: entries, parameters, and all outside the layers."""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Array, Float, Int

from jaxdisp.models import decoder, entries, layout
from jaxdisp.models.parts.linear import product
from jaxdisp.models.parts.nonlinearity import NONLINEARITIES
from jaxdisp.models.parts.norm import rms_norm

NEEDED = ("hidden_size", "num_hidden_layers", "vocab_size")
UNTRAINED = """
    rescale_prenorm_residual time_step_floor time_step_init_scheme time_step_max
    time_step_min time_step_scale
"""  # what parameters are drawn from before training
KERNELS = """
    fused_add_norm residual_in_fp32 use_associative_scan use_mambapy
"""  # how the same is computed; states are float32 already
LEFTOVERS = """
    d_inner d_model dt_rank n_layer pad_vocab_size_multiple
"""  # of the files that checkpoints were converted from; in some of them wrong
KNOWN = (
    *NEEDED,
    "state_size",
    "conv_kernel",
    "expand",
    "intermediate_size",
    "time_step_rank",
    "use_bias",
    "use_conv_bias",
    "hidden_act",
    "layer_norm_epsilon",
    "rms_norm",
    "tie_word_embeddings",
    *UNTRAINED.split(),
    *KERNELS.split(),
    *LEFTOVERS.split(),
)


def read(source: Mapping[str, Any]) -> dict[str, Any]:
    """Reads the entries that mean the same to both.

    Args:
        source: the content of `config.json`.

    Raises:
        ValueError: if a value is not supported.

    Reference: names as in transformers' `MambaConfig`.
    """
    if not entries.flag(source, "rms_norm", default=True):
        raise ValueError(  # transformers would compute other norms than were trained
            "rms_norm false is not supported; allowed: true"
        )
    return {
        "n_layers": entries.count(source, "num_hidden_layers"),
        "width": entries.count(source, "hidden_size"),
        "kernel": entries.count(source, "conv_kernel", 4),
        "vocabulary": entries.count(source, "vocab_size"),
        "context": decoder.UNLIMITED,
        "activation": entries.choice(source, "hidden_act", NONLINEARITIES, "silu"),
        "epsilon": entries.positive(source, "layer_norm_epsilon", 1e-5),
        "biased": entries.flag(source, "use_bias", default=False),
        "kernel_biased": entries.flag(source, "use_conv_bias", default=True),
    }


def expanded(source: Mapping[str, Any]) -> int:
    """Returns the channels that `expand` asks for.

    Definition: `expand` times the width, rounded down.

    Args:
        source: the content of `config.json`.

    Raises:
        ValueError: if there are none.

    Reference: as in transformers' `MambaConfig`.
    """
    factor = entries.positive(source, "expand", 2.0)
    width = entries.count(source, "hidden_size")
    channels = int(factor * width)
    if not channels:
        raise ValueError(f"expand {factor:g} of hidden_size {width} leaves no channels")
    return channels


def matrix(
    key: str, name: str, shape: tuple[int, int], *, bias: bool
) -> tuple[decoder.Tensor, ...]:
    """Lists a matrix of a layer, and its bias where it has one.

    Args:
        key: of the pair here.
        name: of the pair in a checkpoint.
        shape: inputs and outputs.
        bias: whether there is one.

    Reference: names as in transformers' `MambaMixer`.
    """
    return layout.matrix(
        ("blocks", "mixer", key), f"layers.{{layer}}.mixer.{name}", shape, bias=bias
    )


def vector(key: str, name: str, size: int, role: decoder.Role) -> decoder.Tensor:
    """Lists numbers of a layer that are no matrix's.

    Args:
        key: of the vector here.
        name: of the vector in a checkpoint.
        size: how many there are.
        role: what they are.

    Reference: names as in transformers' `MambaMixer`.
    """
    return decoder.Tensor(
        path=("blocks", "mixer", key),
        source=f"layers.{{layer}}.mixer.{name}",
        shape=(size,),
        role=role,
    )


def convolution(
    channels: int, kernel: int, *, bias: bool
) -> tuple[decoder.Tensor, ...]:
    """Lists the convolution of a layer, and its bias where it has one.

    Args:
        channels: per token.
        kernel: tokens that are mixed.
        bias: whether there is one.

    Reference: names as in transformers' `MambaMixer`.
    """
    path = ("blocks", "mixer", "convolution")
    weight = decoder.Tensor(
        path=(*path, "weight"),
        source="layers.{layer}.mixer.conv1d.weight",
        shape=(channels, kernel),
        stored=(channels, 1, kernel),
        role="convolution",
        channel_axis=0,
    )
    offset = decoder.Tensor(
        path=(*path, "bias"),
        source="layers.{layer}.mixer.conv1d.bias",
        shape=(channels,),
        role="bias",
    )
    return (weight, offset) if bias else (weight,)


def outside(config: Any) -> tuple[decoder.Tensor, ...]:
    """Lists the parameters outside the layers.

    Args:
        config: the shape of the model.

    Reference: names as in transformers' `MambaForCausalLM`.
    """
    shape = (config.vocabulary, config.width)
    head = layout.table(("outside", "head"), "lm_head", shape, "head")
    return (
        layout.table(("outside", "token_embedding"), "embeddings", shape, "embedding"),
        *layout.norm(("outside", "final_norm"), "norm_f", config.width, bias=False),
        *(() if config.tied else (head,)),
    )


def embed(
    outside: dict[str, Any], tokens: Int[Array, "sentence token"], _config: Any
) -> Float[Array, "sentence token width"]:
    """Looks up the embeddings of tokens.

    Args:
        outside: the parameters outside the layers.
        tokens: token numbers, as many as there are.
        _config: the shape of the model, which changes nothing.

    Reference: Gu and Dao 2023, arXiv:2312.00752, section 3.4.
    """
    return outside["token_embedding"][tokens]


def readout(
    outside: dict[str, Any], state: Float[Array, "sentence token width"], config: Any
) -> Float[Array, "sentence token vocabulary"]:
    """Turns final hidden states into logits with the tied or own head.

    Args:
        outside: the parameters outside the layers.
        state: hidden states after the last layer.
        config: the shape of the model.

    Reference: Gu and Dao 2023, arXiv:2312.00752, section 3.4.
    """
    normed = rms_norm(state, outside["final_norm"]["weight"], config.epsilon)
    return product(normed, outside["token_embedding" if config.tied else "head"].T)
