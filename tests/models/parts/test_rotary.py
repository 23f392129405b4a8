"""Speeds against the formulas of the papers; turning against complex numbers."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.models.parts import rotary
from tests.models import small

CONTEXT = 64


def given_as(kind, **more):
    return {"rope_type": kind, "rope_theta": 100.0, **more}


def plain(channels, base=100.0):
    return [base ** (-2 * pair / channels) for pair in range(channels // 2)]


def close(found, expected):
    # what is kept is rounded to float32
    np.testing.assert_allclose(found, expected, rtol=1e-7)


@given(
    channels=st.integers(1, 40).map(lambda n: 2 * n),
    base=st.floats(2, 1e6),
    share=st.sampled_from([0.25, 0.5, 1.0]),
)
def test_default_speeds(channels, base, share):
    rotated = int(channels * share)
    said = {"rope_theta": base, "partial_rotary_factor": share}
    if rotated % 2 or rotated == 0:
        with pytest.raises(ValueError, match=f"turn {rotated} of {channels} channels"):
            rotary.read(said, channels, CONTEXT)
        return
    found = rotary.read(said, channels, CONTEXT)
    close(found.speeds, plain(rotated, base))
    assert (found.factor, found.context) == (1.0, CONTEXT)


def test_linear_and_dynamic_speeds():
    found = rotary.read(given_as("linear", factor=4), 8, CONTEXT)
    close(found.speeds, [speed / 4 for speed in plain(8)])
    # within the context nothing is slowed down
    found = rotary.read(given_as("dynamic", factor=4), 8, CONTEXT)
    close(found.speeds, plain(8))


def test_llama3_speeds():
    said = {"factor": 8, "low_freq_factor": 1, "high_freq_factor": 4}
    said |= {"original_max_position_embeddings": 32}
    found = rotary.read(given_as("llama3", **said), 16, CONTEXT)
    expected = []
    for speed in plain(16):
        length = 2 * math.pi / speed
        if length < 32 / 4:
            expected.append(speed)
        elif length > 32 / 1:
            expected.append(speed / 8)
        else:
            smooth = (32 / length - 1) / (4 - 1)
            expected.append((1 - smooth) * speed / 8 + smooth * speed)
    close(found.speeds, expected)
    kept = [a / b for a, b in zip(found.speeds, plain(16), strict=True)]
    assert len({round(share, 3) for share in kept}) > 2


@pytest.mark.parametrize("truncate", [True, False])
def test_yarn_speeds(truncate):
    said = {"factor": 4, "original_max_position_embeddings": 16, "truncate": truncate}
    found = rotary.read(given_as("yarn", **said, beta_fast=2), 16, CONTEXT)
    # the pairs that turn twice and once within the original context
    fast, slow = (
        16 * math.log(16 / (turns * 2 * math.pi)) / (2 * math.log(100))
        for turns in (2, 1)
    )
    if truncate:
        fast, slow = math.floor(fast), math.ceil(slow)
    expected = []
    for pair, speed in enumerate(plain(16)):
        slowed = min(max((pair - max(fast, 0)) / (slow - max(fast, 0)), 0), 1)
        expected.append(slowed * speed / 4 + (1 - slowed) * speed)
    close(found.speeds, expected)
    assert found.factor == pytest.approx(0.1 * math.log(4) + 1)
    assert (
        rotary.read(given_as("yarn", **said, attention_factor=0.5), 16, 64).factor
        == 0.5
    )


def test_longrope_is_meant_for_the_original_context():
    said = {"short_factor": [1, 2, 3, 4], "long_factor": [9] * 4}
    said |= {"original_max_position_embeddings": 16}
    found = rotary.read(given_as("longrope", **said), 8, CONTEXT)
    close(found.speeds, [s / n for s, n in zip(plain(8), (1, 2, 3, 4), strict=True)])
    assert found.factor == pytest.approx(math.sqrt(1 + math.log(4) / math.log(16)))
    assert found.context == 16


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (given_as("mrope"), "rope_type 'mrope' is not supported; allowed: default, "),
        (given_as("linear"), "factor must be a positive number, got None"),
        (given_as("linear", factor=0), "factor must be a positive number, got 0"),
        (given_as("default", factor=2), "the entries factor of rope_parameters mean "),
        (given_as("linear", factor=2, beta_fast=3), "beta_fast of rope_parameters"),
        (
            given_as("llama3", factor=2, low_freq_factor=4, high_freq_factor=4),
            "low_freq_factor 4.0 must be below high_freq_factor 4.0",
        ),
        (
            given_as("longrope", short_factor=[1, 2], long_factor=[1, 2]),
            "short_factor must be a list of 4 numbers",
        ),
        ({"rope_theta": -1}, "rope_theta must be a positive number, got -1"),
        (given_as("yarn", factor=2, truncate=1), "truncate must be true or false"),
    ],
)
def test_what_is_refused(said, message):
    with pytest.raises(ValueError, match=message):
        rotary.read(said, 8, CONTEXT)


def test_new_and_old_configs():
    old = {"rope_theta": 7.0, "rope_scaling": {"type": "linear", "factor": 2.0}}
    new = {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 7.0}}
    read = [rotary.read(rotary.parameters(each, 1e4), 8, 16) for each in (old, new)]
    assert read[0] == read[1]
    assert rotary.parameters({}, 5.0) == {"rope_theta": 5.0}
    named = {"rope_theta": "rotary_emb_base", "partial_rotary_factor": "rotary_pct"}
    found = rotary.parameters({"rotary_emb_base": 3, "rotary_pct": 0.5}, 5.0, named)
    assert found == {"rope_theta": 3, "partial_rotary_factor": 0.5}
    with pytest.raises(ValueError, match="rope_parameters must be an object, got 'a'"):
        rotary.parameters({"rope_parameters": "a"}, 5.0)


def test_turning_is_a_product_of_complex_numbers():
    said = given_as("yarn", factor=2, original_max_position_embeddings=16)
    turning = rotary.read(said | {"partial_rotary_factor": 0.5}, 12, 32)
    state = small.normal("state", (2, 9, 3, 12))
    cosine, sine = jax.jit(rotary.angles, static_argnums=(0, 1))(turning, 9)
    found = np.asarray(jax.jit(rotary.rotate)(jnp.asarray(state), cosine, sine))
    place = np.arange(9)[:, None, None]
    phase = np.exp(1j * place * np.array(turning.speeds)) * turning.factor
    turned = (state[..., :3] + 1j * state[..., 3:6]) * phase
    # angles of up to 9 in float32
    np.testing.assert_allclose(found[..., :3], turned.real, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found[..., 3:6], turned.imag, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(found[..., 6:], state[..., 6:])
