"""The functions between two matrices, by the names that checkpoints give them."""

import functools as ft
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

_TANH_GELU = ft.partial(jax.nn.gelu, approximate=True)

NONLINEARITIES: dict[str, Callable[[Array], Array]] = {
    "gelu": ft.partial(jax.nn.gelu, approximate=False),
    "gelu_fast": _TANH_GELU,
    "gelu_new": _TANH_GELU,
    "gelu_pytorch_tanh": _TANH_GELU,
    "relu": jax.nn.relu,
    "relu2": lambda x: jnp.square(jax.nn.relu(x)),
    "silu": jax.nn.silu,
    "swish": jax.nn.silu,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
}
"""As in `transformers.activations.ACT2FN`."""
