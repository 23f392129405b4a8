"""Attention with rotary positions, groups of heads, and perhaps normed queries."""

import dataclasses
from typing import Any

from jaxtyping import Array, Bool, Float

from jaxdisp.models import decoder, layout
from jaxdisp.models.parts import rotary
from jaxdisp.models.parts.attention import attend
from jaxdisp.models.parts.linear import linear
from jaxdisp.models.parts.norm import rms_norm


@dataclasses.dataclass(frozen=True, kw_only=True)
class Heads:
    """Heads that ask, groups that answer, and the channels of each.

    `scale` multiplies scores, whose size `soft_cap` bounds where there is one. Where
    queries and keys are normed, `epsilon` and `gain_offset` are as in `norm.rms_norm`.
    """

    n_heads: int
    n_groups: int
    channels: int
    scale: float
    soft_cap: float | None = None
    normed: bool = False
    epsilon: float = 0.0
    gain_offset: float = 0.0


def tensors(
    source: str, width: int, heads: Heads, *, bias: bool, output_bias: bool
) -> tuple[decoder.Tensor, ...]:
    """Lists the parameters, under `blocks` and `attention`.

    Args:
        source: of the whole in a checkpoint.
        width: numbers per token.
        heads: how many, and how wide.
        bias: whether queries, keys and values have one.
        output_bias: whether the output has one.

    Reference: names as in transformers' `LlamaAttention` and `Qwen3Attention`.
    """
    asking, answering = (
        heads.channels * number for number in (heads.n_heads, heads.n_groups)
    )

    def matrix(name: str, short: str, shape: tuple[int, int], *, bias: bool) -> Any:
        path = ("blocks", "attention", name)
        return layout.matrix(path, f"{source}.{short}_proj", shape, bias=bias)

    def norm(name: str, short: str) -> tuple[decoder.Tensor, ...]:
        path = ("blocks", "attention", name)
        return layout.norm(path, f"{source}.{short}_norm", heads.channels, bias=False)

    norms = (*norm("query_norm", "q"), *norm("key_norm", "k")) if heads.normed else ()
    return (
        *matrix("query", "q", (width, asking), bias=bias),
        *matrix("key", "k", (width, answering), bias=bias),
        *matrix("value", "v", (width, answering), bias=bias),
        *matrix("output", "o", (asking, width), bias=output_bias),
        *norms,
    )


def rotary_attention(
    layer: dict[str, Any],
    state: Float[Array, "sentence token width"],
    angles: tuple[Float[Array, "token pair"], Float[Array, "token pair"]],
    seen: Bool[Array, "token token"],
    heads: Heads,
) -> tuple[Float[Array, "sentence token width"], dict[decoder.Path, Array]]:
    """Lets tokens gather what others give, and mixes what the heads have gathered.

    Definition: `attention.attend` with turned (and, before that, perhaps normed)
    queries and keys, then the output matrix.

    Args:
        layer: parameters as `tensors` lists them.
        state: hidden states, normed.
        angles: cosines and sines, as from `rotary.angles`.
        seen: which tokens each token attends to.
        heads: how many, and how wide.

    Returns:
        What is added to the states, and the inputs of the four matrices by path, with
        the weights of attention under theirs.

    Reference: Su et al. 2021, arXiv:2104.09864; Ainslie et al. 2023, arXiv:2305.13245;
        normed as in Qwen3, arXiv:2505.09388, section 2.
    """

    def split(name: str, number: int) -> Array:
        shape = (*state.shape[:2], number, heads.channels)
        found = linear(state, layer[name]).reshape(shape)
        if not heads.normed or name == "value":
            return found
        gain = layer[f"{name}_norm"]["weight"]
        return rms_norm(found, gain, heads.epsilon, offset=heads.gain_offset)

    query = rotary.rotate(split("query", heads.n_heads), *angles)
    key = rotary.rotate(split("key", heads.n_groups), *angles)
    value = split("value", heads.n_groups)
    mixed, weights = attend(
        query, key, value, seen, scale=heads.scale, soft_cap=heads.soft_cap
    )
    inputs = dict.fromkeys(("query", "key", "value"), state) | {"output": mixed}
    return linear(mixed, layer["output"]), {
        ("blocks", "attention", name, "weight"): x for name, x in inputs.items()
    } | {decoder.ATTENTION: weights}


def held(heads: Heads, n_tokens: int) -> int:
    """Counts the numbers per token that attention holds at once.

    Definition: queries, keys and values before and after turning, scores and their
    exponentials.

    Args:
        heads: how many, and how wide.
        n_tokens: length of the sentences.

    Reference: our own definition.
    """
    vectors = heads.channels * (2 * heads.n_heads + 3 * heads.n_groups)
    return vectors + 2 * heads.n_heads * n_tokens
