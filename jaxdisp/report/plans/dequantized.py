"""What a plan makes of a model's parameters: rounded, and as floats again."""

import dataclasses
import functools as ft
import hashlib
import json

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdisp.models import decoder, modules, storage
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer, is_included, round_tensor
from jaxdisp.report.plans import plan as plans


def quantizer_of(
    plan: plans.Plan, model: Model, tensor: decoder.Tensor, layer: int
) -> Quantizer | None:
    """Says how a plan rounds one parameter of one layer; None where it does not.

    Definition: by the version of its module in `exceptions`, else of its layer in
    `assignment`, else of what is `outside`; none for version 0, or where the quantizer
    does not include the parameter.

    Args:
        plan: the plan.
        model: the model it is for; its weights do not matter.
        tensor: the parameter.
        layer: of which layer, from 0; parameters outside the layers have only that.

    Raises:
        ValueError: as `is_included`.

    Reference: our own definition.
    """
    name = modules.stored_names(model.architecture, tensor, model.config.n_layers)
    usual = plan.assignment[layer] if tensor.stacked else plan.outside
    version = plan.exceptions.get(modules.module_of(name[layer]), usual)
    if version == 0:
        return None
    quantizer = plan.quantizers[version - 1]
    tied = model.config.tied
    return quantizer if is_included(tensor, quantizer, tied=tied) else None


def n_bytes(plan: plans.Plan, model: Model) -> int:
    """Counts the bytes of a model as a plan makes it, words packed.

    Definition: `storage.tensor_bytes` of every parameter, by what rounds it.

    Args:
        plan: the plan.
        model: the model it is for; its weights do not matter.

    Raises:
        ValueError: as `is_included`.

    Reference: our own definition.
    """
    return sum(
        storage.tensor_bytes(tensor, quantizer_of(plan, model, tensor, layer))
        for tensor in model.architecture.tensors(model.config)
        for layer in range(model.config.n_layers if tensor.stacked else 1)
    )


def rounded(
    value: np.ndarray | Array, tensor: decoder.Tensor, quantizer: Quantizer
) -> Float[Array, "..."]:
    """Rounds one parameter of one layer, and returns it as float32.

    Definition: as `quantized.round_tensor` of a single layer.

    Args:
        value: the parameter, laid out as `tensor.shape` says.
        tensor: its description.
        quantizer: how to round.

    Raises:
        ValueError: as `quantized.round_tensor`.

    Reference: our own definition.
    """
    wide = jnp.asarray(np.asarray(value, np.float32))
    stacked = wide[None] if tensor.stacked else wide
    # the name in a checkpoint does not matter: one program for all layers
    found = _rounded(stacked, dataclasses.replace(tensor, source=""), quantizer)
    return found[0] if tensor.stacked else found


@ft.partial(jax.jit, static_argnums=(1, 2))
def _rounded(value: Array, tensor: decoder.Tensor, quantizer: Quantizer) -> Array:
    return round_tensor(value, tensor, quantizer)


def applied(plan: plans.Plan, model: Model) -> Model:
    """Returns the model that a plan makes of another, its weights rounded.

    Definition: every parameter as `quantizer_of` says, in the type that is computed in;
    the digest of its weights is made of that of the model and the plan.

    Args:
        plan: the plan.
        model: the model it is for.

    Raises:
        ValueError: as `quantizer_of`.

    Reference: our own definition.
    """
    params = decoder.assemble(
        {
            tensor.path: _parameter(plan, model, tensor)
            for tensor in model.architecture.tensors(model.config)
        }
    )
    content = plans.content(dataclasses.replace(plan, chosen=None, predicted=None))
    text = model.hashes["weights"] + json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return dataclasses.replace(
        model, params=params, hashes=model.hashes | {"weights": digest}
    )


def _parameter(plan: plans.Plan, model: Model, tensor: decoder.Tensor) -> Array:
    value = decoder.leaf(model.params, tensor.path)
    layers = range(model.config.n_layers if tensor.stacked else 1)
    ways = [quantizer_of(plan, model, tensor, layer) for layer in layers]
    if not any(ways):
        return value
    parts = value if tensor.stacked else value[None]
    made = [
        part.astype(model.dtype)
        if quantizer is None
        else rounded(part, tensor, quantizer).astype(model.dtype)
        for part, quantizer in zip(parts, ways, strict=True)
    ]
    return jnp.stack(made) if tensor.stacked else made[0]
