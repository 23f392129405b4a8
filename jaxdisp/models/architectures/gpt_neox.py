"""GPT-NeoX and Pythia: attention and inner layer side by side, partial rotation."""

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdisp.models import decoder, entries, layout
from jaxdisp.models.parts import rotary
from jaxdisp.models.parts.attention import attend, visible
from jaxdisp.models.parts.linear import linear, product
from jaxdisp.models.parts.nonlinearity import NONLINEARITIES
from jaxdisp.models.parts.norm import layer_norm

NEEDED = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
)
KNOWN = (
    *NEEDED,
    "hidden_act",
    "max_position_embeddings",
    "layer_norm_eps",
    "tie_word_embeddings",
    "use_parallel_residual",
    "attention_bias",
    "rope_parameters",
    "rope_scaling",
    "rope_theta",  # written beside rotary_emb_base, which is the one that counts
    "rotary_emb_base",
    "rotary_pct",
    "partial_rotary_factor",
)
BESIDE = {"rope_theta": "rotary_emb_base", "partial_rotary_factor": "rotary_pct"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The shape of one GPT-NeoX; `epsilon` is added to variances.

    `parallel` says that a layer's two parts read the same states.
    """

    n_layers: int
    n_heads: int
    width: int
    inner: int
    vocabulary: int
    context: int
    positions: rotary.Rotary
    activation: str
    epsilon: float
    tied: bool
    parallel: bool
    attention_bias: bool


def read_config(source: dict[str, Any]) -> Config:
    """Reads the configuration of a Hugging Face GPT-NeoX.

    Args:
        source: the content of `config.json`.

    Raises:
        ValueError: if a needed entry is missing or its value is not supported.

    Reference: names as in transformers' `GPTNeoXConfig`.
    """
    entries.need(source, NEEDED, "GPT-NeoX")
    entries.refuse_unknown(source, KNOWN, "GPT-NeoX")
    width = entries.count(source, "hidden_size")
    n_heads = entries.count(source, "num_attention_heads")
    channels = entries.heads(width, n_heads, ("hidden_size", "num_attention_heads"))
    turning = {"partial_rotary_factor": 0.25}
    turning |= rotary.parameters(source, 10000.0, BESIDE)
    positions = rotary.read(
        turning, channels, entries.count(source, "max_position_embeddings", 2048)
    )
    return Config(
        n_layers=entries.count(source, "num_hidden_layers"),
        n_heads=n_heads,
        width=width,
        inner=entries.count(source, "intermediate_size"),
        vocabulary=entries.count(source, "vocab_size"),
        context=positions.context,
        positions=positions,
        activation=entries.choice(source, "hidden_act", NONLINEARITIES, "gelu"),
        epsilon=entries.positive(source, "layer_norm_eps", 1e-5),
        tied=entries.flag(source, "tie_word_embeddings", default=False),
        parallel=entries.flag(source, "use_parallel_residual", default=True),
        attention_bias=entries.flag(source, "attention_bias", default=True),
    )


def tensors(config: Config) -> tuple[decoder.Tensor, ...]:
    """Lists every parameter, its shape and its name in a checkpoint.

    Args:
        config: the shape of the model.

    Reference: names as in transformers' `GPTNeoXForCausalLM`.
    """
    width, inner = config.width, config.inner
    table = (config.vocabulary, width)
    head = layout.table(("outside", "head"), "embed_out", table, "head")

    def matrix(
        path: tuple[str, str], name: str, shape: tuple[int, int], *, bias: bool = True
    ) -> tuple[decoder.Tensor, ...]:
        source = f"layers.{{layer}}.{name}"
        return layout.matrix(("blocks", *path), source, shape, bias=bias)

    def norm(path: decoder.Path, name: str) -> tuple[decoder.Tensor, ...]:
        return layout.norm(path, name, width, bias=True)

    return (
        *norm(("blocks", "attention_norm"), "layers.{layer}.input_layernorm"),
        *matrix(
            ("attention", "query_key_value"),
            "attention.query_key_value",
            (width, 3 * width),
            bias=config.attention_bias,
        ),
        *matrix(
            ("attention", "output"),
            "attention.dense",
            (width, width),
            bias=config.attention_bias,
        ),
        *norm(("blocks", "mlp_norm"), "layers.{layer}.post_attention_layernorm"),
        *matrix(("mlp", "up"), "mlp.dense_h_to_4h", (width, inner)),
        *matrix(("mlp", "down"), "mlp.dense_4h_to_h", (inner, width)),
        layout.table(("outside", "token_embedding"), "embed_in", table, "embedding"),
        *norm(("outside", "final_norm"), "final_layer_norm"),
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

    Reference: Black et al. 2022, arXiv:2204.06745, section 2.
    """
    decoder.check_length(tokens.shape[1], config.context)
    return outside["token_embedding"][tokens]


def block(
    layer: dict[str, Any],
    state: Float[Array, "sentence token width"],
    _index: Int[Array, ""],
    config: Config,
) -> tuple[Float[Array, "sentence token width"], dict[decoder.Path, Array]]:
    """Applies one layer, its two parts side by side or one after the other.

    Definition: `x + attention(norm(x)) + mlp(other_norm(x))` or, not in parallel,
    `y = x + attention(norm(x))`, then `y + mlp(other_norm(y))`.

    Args:
        layer: the parameters of this layer.
        state: hidden states before it.
        _index: the number of this layer, which nothing depends on.
        config: the shape of the model.

    Returns:
        The hidden states after it, and the inputs of its four matrices by path, with
        the weights of attention under theirs.

    Reference: Black et al. 2022, arXiv:2204.06745, section 2.
    """
    normed = layer_norm(state, layer["attention_norm"], config.epsilon)
    mixed, weights = _attention(layer["attention"], normed, config)
    inputs = {("attention", "query_key_value"): normed, ("attention", "output"): mixed}
    after = state + linear(mixed, layer["attention"]["output"])
    read = state if config.parallel else after
    normed = layer_norm(read, layer["mlp_norm"], config.epsilon)
    inner = NONLINEARITIES[config.activation](linear(normed, layer["mlp"]["up"]))
    inputs |= {("mlp", "up"): normed, ("mlp", "down"): inner}
    after = after + linear(inner, layer["mlp"]["down"])
    found = {("blocks", *path, "weight"): x for path, x in inputs.items()}
    return after, found | {decoder.ATTENTION: weights}


def _attention(
    layer: dict[str, Any], state: Array, config: Config
) -> tuple[Array, Array]:
    n_sentences, n_tokens, width = state.shape
    channels = width // config.n_heads
    # each head's queries, keys and values lie side by side
    fused = linear(state, layer["query_key_value"])
    fused = fused.reshape(n_sentences, n_tokens, config.n_heads, 3 * channels)
    query, key, value = jnp.split(fused, 3, axis=-1)
    angles = rotary.angles(config.positions, n_tokens)
    query, key = (rotary.rotate(x, *angles) for x in (query, key))
    scale = 1 / math.sqrt(channels)
    return attend(query, key, value, visible(n_tokens), scale=scale)


def readout(
    outside: dict[str, Any], state: Float[Array, "sentence token width"], config: Config
) -> Float[Array, "sentence token vocabulary"]:
    """Turns final hidden states into logits with the tied or own head.

    Args:
        outside: the parameters outside the layers.
        state: hidden states after the last layer.
        config: the shape of the model.

    Reference: Black et al. 2022, arXiv:2204.06745.
    """
    normed = layer_norm(state, outside["final_norm"], config.epsilon)
    return product(normed, outside["token_embedding" if config.tied else "head"].T)


def held(config: Config, n_tokens: int) -> int:
    """Counts the numbers per token that a layer holds at once.

    Definition: states before and after, queries, keys and values before and after
    turning, scores and their exponentials, the inner layer before and after its
    activation.

    Args:
        config: the shape of the model.
        n_tokens: length of the sentences.

    Reference: our own definition.
    """
    return 7 * config.width + 2 * config.n_heads * n_tokens + 2 * config.inner


ARCHITECTURE = decoder.Architecture(
    name="gpt_neox",
    models="GPT-NeoX, Pythia",
    prefix="gpt_neox.",
    buffers=(
        r"layers\.\d+\.attention\.(bias|masked_bias)",
        r"layers\.\d+\.attention\.rotary_emb\.inv_freq",
    ),
    read_config=read_config,
    tensors=tensors,
    embed=embed,
    block=block,
    readout=readout,
    held=held,
)
