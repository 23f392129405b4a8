"""The gated inner layer of Llama and its relatives."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array, Float

from jaxdisp.models import decoder, layout
from jaxdisp.models.parts.linear import linear


def tensors(
    source: str, width: int, inner: int, *, bias: bool
) -> tuple[decoder.Tensor, ...]:
    """Lists the parameters, under `blocks` and `mlp`.

    Args:
        source: of the whole in a checkpoint.
        width: numbers per token.
        inner: numbers per token between the matrices.
        bias: whether matrices have one.

    Reference: names as in transformers' `LlamaMLP`.
    """
    shapes = {"gate": (width, inner), "up": (width, inner), "down": (inner, width)}
    return tuple(
        tensor
        for name, shape in shapes.items()
        for tensor in layout.matrix(
            ("blocks", "mlp", name), f"{source}.{name}_proj", shape, bias=bias
        )
    )


def gated(
    layer: dict[str, Any],
    state: Float[Array, "sentence token width"],
    nonlinearity: Callable[[Array], Array],
) -> tuple[Float[Array, "sentence token width"], dict[decoder.Path, Array]]:
    """Applies a gated inner layer.

    Definition: `W_down (f(W_gate x) * W_up x)`.

    Args:
        layer: parameters as `tensors` lists them.
        state: hidden states, normed.
        nonlinearity: `f`.

    Returns:
        What is added to the states, and the inputs of the three matrices by path.

    Reference: Shazeer 2020, arXiv:2002.05202, equation 6.
    """
    inner = nonlinearity(linear(state, layer["gate"])) * linear(state, layer["up"])
    inputs = {"gate": state, "up": state, "down": inner}
    return linear(inner, layer["down"]), {
        ("blocks", "mlp", name, "weight"): x for name, x in inputs.items()
    }
