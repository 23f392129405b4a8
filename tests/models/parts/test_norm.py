"""Normalizations against float64, and what they do not depend on."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxdisp.models.parts import norm
from tests.models import small

STATES = hnp.arrays(np.float32, (3, 8), elements=st.floats(-50, 50, width=32))
GAIN, SHIFT = (small.normal(name, (8,)) for name in ("gain", "shift"))
layer_norm = jax.jit(norm.layer_norm, static_argnums=2)
rms_norm = jax.jit(norm.rms_norm, static_argnums=2, static_argnames="offset")


@given(state=STATES)
def test_layer_norm(state):
    wide = state.astype(np.float64)
    scaled = (wide - wide.mean(1, keepdims=True)) / np.sqrt(
        wide.var(1, keepdims=True) + 0.01
    )
    weights = {"weight": jnp.asarray(GAIN), "bias": jnp.asarray(SHIFT)}
    # the mean of numbers up to 50 is off by 3e-6, over a deviation of at least 0.1
    close = {"rtol": 1e-5, "atol": 3e-4}
    found = layer_norm(jnp.asarray(state), weights, 0.01)
    np.testing.assert_allclose(found, scaled * GAIN + SHIFT, **close)
    found = layer_norm(jnp.asarray(state), {"weight": jnp.asarray(GAIN)}, 0.01)
    np.testing.assert_allclose(found, scaled * GAIN, **close)
    found = layer_norm(jnp.asarray(state), {}, 0.01)
    np.testing.assert_allclose(found, scaled, **close)


@given(state=STATES, offset=st.sampled_from([0.0, 1.0]))
def test_rms_norm(state, offset):
    wide = state.astype(np.float64)
    scaled = wide / np.sqrt((wide**2).mean(1, keepdims=True) + 0.01)
    found = rms_norm(jnp.asarray(state), jnp.asarray(GAIN), 0.01, offset=offset)
    np.testing.assert_allclose(found, scaled * (offset + GAIN), rtol=1e-5, atol=1e-6)


def test_computed_in_float32_and_given_back_as_they_came():
    state = jnp.asarray(small.normal("state", (2, 8)), jnp.bfloat16)
    gain = jnp.asarray(GAIN, jnp.bfloat16)
    found = rms_norm(state, gain, 1e-6)
    assert found.dtype == jnp.bfloat16
    expected = rms_norm(state.astype(jnp.float32), gain.astype(jnp.float32), 1e-6)
    np.testing.assert_array_equal(found, expected.astype(jnp.bfloat16))
