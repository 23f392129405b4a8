"""Random checkpoints of any family without torch, and what holds for all of them."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdisp import models
from jaxdisp.models import decoder
from jaxdisp.models.architectures import registry
from tests.models import small


def arrays(entries):
    """Random tensors by the names that `transformers` gives them, but the prefix.

    That it does is for the comparison with it to say.
    """
    architecture = registry.find(entries)
    config = architecture.read_config(entries)
    found = {}
    for tensor in architecture.tensors(config):
        for layer in range(config.n_layers) if tensor.stacked else [0]:
            name = tensor.source.format(layer=layer)
            assert name not in found
            found[name] = 0.3 * small.normal(name, tensor.stored_shape)
    return found


def load(directory, entries):
    return models.load(small.write(directory, entries, arrays(entries)))


def check_names(directory, entries, buffers):
    """A checkpoint may have a prefix and buffers, and is the same with and without."""
    plain = arrays(entries)
    prefix = registry.find(entries).prefix
    prefixed = {
        name if name.startswith("lm_head") else prefix + name: array
        for name, array in (plain | buffers).items()
    }
    assert prefixed.keys().isdisjoint(plain.keys() - {"lm_head.weight"})
    loaded = [
        models.load(small.write(directory / str(number), entries, found)).params
        for number, found in enumerate((plain, plain | buffers, prefixed))
    ]
    for other in loaded[1:]:
        jax.tree.map(np.testing.assert_array_equal, loaded[0], other)


def check_inputs(model):
    """A change of a matrix that its inputs do not meet changes nothing, others do."""
    architecture, config = model.architecture, model.config
    layer = jax.tree.map(lambda x: x[0], model.params["blocks"])
    state = jnp.asarray(small.normal("state", (1, 3, config.width)))
    block = jax.jit(
        lambda layer: architecture.block(layer, state, jnp.int32(0), config)
    )
    expected, inputs = block(layer)
    listed = {
        tensor.path: tensor.shape
        for tensor in architecture.tensors(config)
        if tensor.stacked and tensor.role == "matrix"
    }
    assert inputs.keys() - {decoder.ATTENTION} == listed.keys()
    for path, shape in listed.items():
        met = np.asarray(inputs[path], np.float64).reshape(-1, shape[0])
        change = small.normal("change", shape)
        unmet = change - np.linalg.pinv(met) @ (met @ change)
        for number, by in enumerate((unmet, change)):
            changed = jax.tree.map(lambda x: x, layer)
            parent = decoder.leaf({"blocks": changed}, path[:-1])
            parent["weight"] = parent["weight"] + jnp.asarray(by, jnp.float32)
            moved = np.max(np.abs(block(changed)[0] - expected))
            assert moved > 1e-2 if number else moved < 1e-4, path


def check_types(model):
    """States and logits have the type of the parameters outside the layers."""
    narrow = decoder.as_type(model.params["outside"], jnp.dtype(jnp.bfloat16))
    params = {"blocks": model.params["blocks"], "outside": narrow}
    found = jax.eval_shape(
        lambda params: decoder.hidden_states(
            model.architecture,
            model.config,
            (params,),
            jnp.zeros(model.config.n_layers + 1, jnp.int32),
            jnp.zeros((1, 3), jnp.int32),
        ),
        params,
    )
    assert [x.dtype for x in found] == [jnp.bfloat16, jnp.bfloat16]
