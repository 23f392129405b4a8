"""Attention against loops over sentences, heads and tokens in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.models.decoder import UNLIMITED
from jaxdisp.models.parts import attention
from tests.models import small

HEADS, GROUPS, CHANNELS, TOKENS = 4, 2, 3, 5

attend = jax.jit(attention.attend, static_argnames=("scale", "soft_cap"))


def loops(query, key, value, seen, scale, bias, soft_cap):
    found = np.zeros((*query.shape[:2], HEADS * CHANNELS))
    weights = np.zeros((query.shape[0], HEADS, TOKENS, TOKENS))
    for sentence in range(query.shape[0]):
        for head in range(HEADS):
            group = head * GROUPS // HEADS
            for token in range(TOKENS):
                scores = {}
                for source in range(TOKENS):
                    if seen(token, source):
                        score = scale * float(
                            np.dot(
                                query[sentence, token, head].astype(np.float64),
                                key[sentence, source, group],
                            )
                        )
                        if soft_cap is not None:
                            score = soft_cap * np.tanh(score / soft_cap)
                        scores[source] = score + float(bias[head, token, source])
                total = sum(np.exp(score) for score in scores.values())
                place = slice(head * CHANNELS, (head + 1) * CHANNELS)
                for source, score in scores.items():
                    weight = np.exp(score) / total
                    weights[sentence, head, token, source] = weight
                    found[sentence, token, place] += (
                        weight * value[sentence, source, group]
                    )
    return found, weights


@pytest.mark.parametrize(
    ("window", "soft_cap", "biased"),
    [(None, None, False), (2, None, True), (None, 0.5, True), (1, 2.0, False)],
)
def test_attention_equals_the_loops(window, soft_cap, biased):
    shapes = {"query": HEADS, "key": GROUPS, "value": GROUPS}
    inputs = [
        small.normal(name, (2, TOKENS, number, CHANNELS))
        for name, number in shapes.items()
    ]
    bias = small.normal("bias", (HEADS, TOKENS, TOKENS)) * biased
    found = attend(
        *map(jnp.asarray, inputs),
        attention.visible(TOKENS, window),
        scale=0.7,
        bias=jnp.asarray(bias, jnp.float32) if biased else None,
        soft_cap=soft_cap,
    )
    reach = TOKENS if window is None else window
    expected = loops(*inputs, lambda t, u: t - reach < u <= t, 0.7, bias, soft_cap)
    # a few float32 sums of terms of about 1
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=5e-6)


@given(window=st.integers(1, 12) | st.none())
def test_what_each_token_sees(window):
    seen = np.asarray(attention.visible(9, window))
    for token in range(9):
        for source in range(9):
            near = window is None or token - source < window
            assert seen[token, source] == (source <= token and near)


def test_windows_of_layers():
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    assert attention.layer_windows(kinds, 3, 4) == (4, UNLIMITED, 4)
    assert attention.layer_windows(["full_attention"] * 3, 3, None) is None


@pytest.mark.parametrize(
    ("kinds", "window", "message"),
    [
        (["full_attention"], 4, "layer_types must name the kinds of 2 layers"),
        ("full", 4, "layer_types must name the kinds of 2 layers"),
        (
            ["full_attention", "chunked_attention"],
            4,
            "layer_types 'chunked_attention' is not supported; allowed: full_att",
        ),
        (["sliding_attention"] * 2, None, "but sliding_window is not set"),
    ],
)
def test_windows_that_are_refused(kinds, window, message):
    with pytest.raises(ValueError, match=message):
        attention.layer_windows(kinds, 2, window)
