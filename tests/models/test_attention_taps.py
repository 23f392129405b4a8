"""Weights of attention against loops, what they are by definition, and transformers."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.models import Quantizer, attention_taps, quantize
from jaxdisp.models.architectures import registry
from tests.models import numpy_gpt2, small
from tests.models.architectures import drawn, every

WITHOUT = ("mamba", "mamba2")
WITH = tuple(kind for kind in registry.ARCHITECTURES if kind not in WITHOUT)
# float32 sums of products of about 1 before a softmax that ends below 1
CLOSE = {"rtol": 0, "atol": 2e-5}


def weights(model, tokens, assignment=None, versions=()):
    sites = jnp.asarray(assignment or [0] * (model.config.n_layers + 1), jnp.int32)
    run = jax.jit(
        lambda params, sites, tokens: attention_taps.attention(
            model.architecture, model.config, params, sites, tokens, lambda w: w
        )
    )
    return np.asarray(run((model.params, *versions), sites, tokens), np.float64)


def by_loops(entries, arrays, sentence):
    """Weights of one sentence, one layer, one head and one token at a time."""
    arrays = {name: np.asarray(a, np.float64) for name, a in arrays.items()}
    states = numpy_gpt2.hidden_states(entries, arrays, sentence)
    width, heads, length = entries["n_embd"], entries["n_head"], len(sentence)
    size = width // heads
    found = np.zeros((entries["n_layer"], heads, length, length))
    for layer in range(entries["n_layer"]):
        normed = [
            numpy_gpt2.layer_norm(x, arrays, f"h.{layer}.ln_1", entries)
            for x in states[layer]
        ]
        fused = [numpy_gpt2.linear(x, arrays, f"h.{layer}.attn.c_attn") for x in normed]
        for head in range(heads):
            for now in range(length):
                query = fused[now][head * size : (head + 1) * size]
                scores = []
                for before in range(now + 1):
                    start = width + head * size
                    key = fused[before][start : start + size]
                    scores.append(math.exp(query @ key / math.sqrt(size)))
                for before, score in enumerate(scores):
                    found[layer, head, now, before] = score / sum(scores)
    return found


def test_weights_equal_those_of_the_loops(tmp_path):
    arrays = small.tensors(small.ENTRIES)
    model = models.load(small.write(tmp_path))
    tokens = small.tokens()
    found = weights(model, tokens)
    assert found.shape == (3, 2, 3, 7, 7)
    for number, sentence in enumerate(np.asarray(tokens)):
        expected = by_loops(small.ENTRIES, arrays, sentence)
        np.testing.assert_allclose(found[:, number], expected, **CLOSE)


def test_each_layer_runs_in_its_version(tmp_path):
    model = models.load(small.write(tmp_path))
    versions = (quantize(model, Quantizer(bits=2)),)
    full = weights(model, small.tokens(), [0, 0, 0, 0], versions)
    some = weights(model, small.tokens(), [0, 1, 0, 0], versions)
    np.testing.assert_array_equal(some[0], full[0])
    assert np.abs(some[1] - full[1]).max() > 1e-2
    assert np.abs(some[2] - full[2]).max() > 1e-2


@pytest.mark.parametrize("kind", WITH)
def test_of_every_family_they_are_causal_and_add_up_to_one(kind, tmp_path):
    model = drawn.load(tmp_path, every.entries(kind))
    assert attention_taps.attends(model.architecture, model.config)
    found = weights(model, small.tokens({"vocab_size": model.config.vocabulary}))
    heads = every.entries(kind).get("n_head") or found.shape[2]
    assert found.shape == (3, 2, heads, 7, 7)
    np.testing.assert_allclose(found.sum(axis=-1), 1.0, rtol=0, atol=1e-6)
    assert np.all(found >= 0)
    assert np.all(found * np.triu(np.ones((7, 7)), 1) == 0)
    assert found.std() > 0.05, "weights that are all the same show no mistake"


@pytest.mark.parametrize("kind", WITHOUT)
def test_families_without_attention_say_so(kind, tmp_path):
    model = drawn.load(tmp_path, every.entries(kind))
    assert not attention_taps.attends(model.architecture, model.config)
    with pytest.raises(ValueError, match=f"layers of {kind} have no attention"):
        weights(model, jnp.zeros((1, 3), jnp.int32))


@pytest.mark.torch
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("kind", WITH)
def test_weights_equal_those_of_transformers(kind, tmp_path):
    torch = pytest.importorskip("torch")
    from tests.models.architectures import parity

    options = {
        name: x for name, x in every.entries(kind).items() if name[-5:] != "_type"
    }
    reference = parity.saved(kind, tmp_path, **options)
    model = models.load(tmp_path)
    tokens = parity.tokens_of(model)
    with torch.no_grad():
        expected = reference(
            torch.from_numpy(np.array(tokens, np.int64)),
            use_cache=False,
            output_attentions=True,
        ).attentions
    found = weights(model, tokens)
    for layer, each in enumerate(expected):
        np.testing.assert_allclose(found[layer], each.float().numpy(), **CLOSE)
