"""The layer that XGLM and OPT took over from fairseq, and its numbers."""

import dataclasses
import math
from typing import Any

from jaxtyping import Array, Float, Int

from jaxdisp.models import decoder, layout
from jaxdisp.models.parts.attention import attend, visible
from jaxdisp.models.parts.linear import linear
from jaxdisp.models.parts.nonlinearity import NONLINEARITIES
from jaxdisp.models.parts.norm import layer_norm

EPSILON = 1e-5
"""Added to variances: no entry says so, it is the default of `torch.nn.LayerNorm`."""

OFFSET = 2
"""The row of the first position; the two before it were for padding."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """The shape of one layer; `affine` and `biased` say what has gains and biases.

    Norms come before attention and the two matrices where `norm_first`, else after.
    """

    n_heads: int
    width: int
    inner: int
    activation: str
    norm_first: bool = True
    affine: bool = True
    biased: bool = True


def tensors(layer: Layer, source: str) -> tuple[decoder.Tensor, ...]:
    """Lists the parameters of a layer, their shapes and their names in a checkpoint.

    Args:
        layer: its shape.
        source: what comes before its number there.

    Reference: names as in transformers' `XGLMDecoderLayer` and `OPTDecoderLayer`.
    """
    width, inner = layer.width, layer.inner

    def matrix(path: tuple[str, str], name: str, shape: tuple[int, int]) -> Any:
        return layout.matrix(
            ("blocks", *path), f"{source}.{{layer}}.{name}", shape, bias=layer.biased
        )

    def norm(key: str, name: str) -> tuple[decoder.Tensor, ...]:
        name = f"{source}.{{layer}}.{name}"
        path = ("blocks", key)
        return layout.norm(path, name, width, bias=layer.affine, gain=layer.affine)

    return (
        *norm("attention_norm", "self_attn_layer_norm"),
        *matrix(("attention", "query"), "self_attn.q_proj", (width, width)),
        *matrix(("attention", "key"), "self_attn.k_proj", (width, width)),
        *matrix(("attention", "value"), "self_attn.v_proj", (width, width)),
        *matrix(("attention", "output"), "self_attn.out_proj", (width, width)),
        *norm("mlp_norm", "final_layer_norm"),
        *matrix(("mlp", "up"), "fc1", (width, inner)),
        *matrix(("mlp", "down"), "fc2", (inner, width)),
    )


def block(
    params: dict[str, Any],
    state: Float[Array, "sentence token width"],
    _index: Int[Array, ""],
    config: Any,
) -> tuple[Float[Array, "sentence token width"], dict[decoder.Path, Array]]:
    """Applies one layer: attention, then two matrices.

    Definition: each part `f` gives `x + f(norm(x))` where norms come first, and
    `norm(x + f(x))` where they do not.

    Args:
        params: the parameters of this layer.
        state: hidden states before it.
        _index: the number of this layer, which changes nothing.
        config: the shape of the model, whose `layer` is that of this layer.

    Returns:
        The hidden states after it, and the inputs of its six matrices by path, with
        the weights of attention under theirs.

    Reference: Vaswani et al. 2017, section 3.1; both orders as in Xiong et al. 2020,
        arXiv:2002.04745, table 1.
    """
    layer: Layer = config.layer

    def norm(name: str, x: Array, *, first: bool) -> Array:
        if first != layer.norm_first:
            return x
        return layer_norm(x, params.get(name, {}), EPSILON)

    seen = norm("attention_norm", state, first=True)
    mixed, weights = _attention(params["attention"], seen, layer.n_heads)
    state = state + linear(mixed, params["attention"]["output"])
    state = norm("attention_norm", state, first=False)
    inputs = {("attention", name): seen for name in ("query", "key", "value")}
    inputs |= {("attention", "output"): mixed}
    seen = norm("mlp_norm", state, first=True)
    inner = NONLINEARITIES[layer.activation](linear(seen, params["mlp"]["up"]))
    inputs |= {("mlp", "up"): seen, ("mlp", "down"): inner}
    state = state + linear(inner, params["mlp"]["down"])
    after = norm("mlp_norm", state, first=False)
    found = {("blocks", *path, "weight"): x for path, x in inputs.items()}
    return after, found | {decoder.ATTENTION: weights}


def _attention(
    params: dict[str, Any], state: Array, n_heads: int
) -> tuple[Array, Array]:
    n_sentences, n_tokens, width = state.shape
    heads = (n_sentences, n_tokens, n_heads, width // n_heads)
    query, key, value = (
        linear(state, params[name]).reshape(heads) for name in ("query", "key", "value")
    )
    scale = 1 / math.sqrt(heads[-1])
    return attend(query, key, value, visible(n_tokens), scale=scale)


def held(config: Any, n_tokens: int) -> int:
    """Counts the numbers per token that a layer holds at once.

    Definition: states before and after, queries, keys and values, scores and their
    exponentials, the inner layer before and after its activation.

    Args:
        config: the shape of the model, whose `layer` is that of its layers.
        n_tokens: length of the sentences.

    Reference: our own definition.
    """
    layer: Layer = config.layer
    return 5 * layer.width + 2 * layer.n_heads * n_tokens + 2 * layer.inner
