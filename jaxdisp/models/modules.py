"""Modules: the parameters of a model by the names that transformers gives modules."""

from typing import Any

from jaxdisp.models import decoder, headers

Modules = dict[str, tuple[tuple[decoder.Tensor, int], ...]]
"""By name of a module: its parameters, and of which layer (0 outside the layers)."""

HEAD = ("outside", "head")
"""Path of a head that is not the token embedding; its name has no prefix."""


def stored_names(
    architecture: decoder.Architecture, tensor: decoder.Tensor, n_layers: int
) -> list[str]:
    """Lists the whole names of a parameter in a checkpoint, layer by layer.

    Definition: `headers.names` with the family's prefix, which a head does not have.

    Args:
        architecture: the family.
        tensor: the parameter.
        n_layers: layers of the model; other parameters have one name.

    Reference: names as in transformers, of models with a head for language modelling.
    """
    prefix = "" if tensor.path == HEAD else architecture.prefix
    return [prefix + name for name in headers.names(tensor, n_layers)]


def module_of(name: str) -> str:
    """Names the module that holds a parameter.

    Definition: the name of the parameter but for its last part.

    Args:
        name: of the parameter, such as `transformer.h.3.mlp.c_proj.weight`.

    Reference: names as in transformers.
    """
    return name.rpartition(".")[0]


def modules(architecture: decoder.Architecture, config: Any) -> Modules:
    """Lists the modules of a model that hold parameters, such as `lm_head`.

    Definition: `module_of` the whole names of all parameters, in the order of the
    family's list.

    Args:
        architecture: the family.
        config: its configuration.

    Reference: names as in transformers, of models with a head for language modelling.
    """
    found: Modules = {}
    for tensor in architecture.tensors(config):
        names = stored_names(architecture, tensor, config.n_layers)
        for layer, name in enumerate(names):
            module = module_of(name)
            found[module] = (*found.get(module, ()), (tensor, layer))
    return found
