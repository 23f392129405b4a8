"""A really wider model: hidden neurons duplicated, the function unchanged.

What `duplication` computes with matrices of the old size is checked against this.
"""

import dataclasses

import jax.numpy as jnp

from jaxdisp.models import decoder
from jaxdisp.models.model import Model

FAMILY = "gpt2"


def wider_mlp(model: Model, copies: int) -> Model:
    """Gives every hidden neuron of a GPT-2's MLPs several copies.

    Definition: columns of `mlp/up` and its bias are repeated, copy after copy, so that
    all copies of a neuron have its value; rows of `mlp/down` are repeated so and
    divided by m. The inner width is m times what it was.

    Args:
        model: an open GPT-2.
        copies: m, at least 1.

    Raises:
        ValueError: if the model is of another family, or there is no copy.

    Reference: Chen, Goodfellow and Shlens 2016, arXiv:1511.05641, section 2.2.
    """
    if model.architecture.name != FAMILY:
        raise ValueError(
            f"a wider MLP is built for {FAMILY} only, got {model.architecture.name}; "
            "duplication.duplicated does the same to matrices of any family"
        )
    if copies < 1:
        raise ValueError(f"copies must be at least 1, got {copies}")
    tensors = model.architecture.tensors(model.config)
    leaves = {t.path: decoder.leaf(model.params, t.path) for t in tensors}
    for name in ("weight", "bias"):
        path = ("blocks", "mlp", "up", name)
        leaves[path] = jnp.concatenate([leaves[path]] * copies, axis=-1)
    path = ("blocks", "mlp", "down", "weight")
    leaves[path] = jnp.concatenate([leaves[path] / copies] * copies, axis=-2)
    config = dataclasses.replace(model.config, inner=copies * model.config.inner)
    return dataclasses.replace(model, config=config, params=decoder.assemble(leaves))
