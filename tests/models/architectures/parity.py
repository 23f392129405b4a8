"""Random models of transformers, saved by it and read here: what must be equal."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.models import decoder
from tests.models import small

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

MARKS = [
    pytest.mark.torch,
    # torch and transformers warn about themselves, which is not ours to mend
    pytest.mark.filterwarnings("default"),
]
RATES = ("A_log", "dt_bias", "dt_proj.bias")
"""Parameters of recurrences that are exponentiated."""
LENGTHS = (11, 6)
"""Tokens in two sentences; the second is padded to the first."""


def saved(kind, directory, **options):
    """Saves a random model of transformers, and returns it.

    No parameter is near its initial value, so that none can be forgotten without a
    trace: matrices and tables are drawn so that states stay of size 1, and 0.3 times
    standard normal numbers are added to gains and biases. What is exponentiated is
    small, so that recurrences neither forget at once nor keep everything.
    """
    options = {"vocab_size": 293, "bos_token_id": 0, "eos_token_id": 0} | options
    config = transformers.AutoConfig.for_model(kind, **options)
    model = transformers.AutoModelForCausalLM.from_config(
        config, attn_implementation="eager"
    ).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.from_numpy(small.normal(name, tuple(parameter.shape)))
            if name.endswith(RATES):
                parameter.copy_(0.5 * noise)
            elif parameter.ndim < 2:
                parameter.add_(0.3 * noise)
            elif "embed" in name or "wte" in name or "wpe" in name:
                parameter.copy_(0.5 * noise)
            else:
                parameter.copy_(noise / parameter.shape[-1] ** 0.5)
    model.save_pretrained(directory)
    small.write_tokenizer(directory)
    return model


def tokens_of(model, lengths=LENGTHS):
    entries = {"vocab_size": model.config.vocabulary}
    return small.tokens(entries, len(lengths), max(lengths))


def torch_logits(reference, tokens):
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = reference(torch.from_numpy(np.array(tokens, np.int64)), use_cache=False)
    return found.logits.float().numpy()


def check(kind, directory, **options):
    """Asserts what the reference and this package agree about, and returns ours."""
    reference = saved(kind, directory, **options)
    model = models.load(directory)
    tokens = tokens_of(model)
    run = program(model)
    full = jnp.zeros(model.config.n_layers + 1, jnp.int32)
    expected = torch_logits(reference, tokens)
    # float32 on both sides, logits of about 1
    close = {"rtol": 0, "atol": 1e-4}
    np.testing.assert_allclose(run(full, tokens)[1], expected, **close)
    assert np.std(expected) > 0.1, "logits that say nothing are equal to anything"
    alone = tokens[1:, : LENGTHS[1]]
    found = models.logits(model, alone)
    np.testing.assert_allclose(found, expected[1:, : LENGTHS[1]], **close)
    check_padding(model, lambda padded: run(full, padded)[1], tokens, found)
    check_gradients(model, run, tokens)
    return model


def program(model):
    """Slopes of the loss by the weights of two versions, and the logits.

    One program for both, since compiling is what these tests spend their time on.
    """
    rounded = jax.tree.map(
        lambda x: jnp.asarray(np.round(8 * np.asarray(x)) / np.float32(8)), model.params
    )

    @jax.jit
    def run(versions, sites, tokens):
        def loss(versions):
            logits = decoder.logits(
                model.architecture, model.config, versions, sites, tokens
            )
            mask = jnp.ones(tokens.shape, bool)
            return jnp.sum(decoder.token_losses(logits, tokens, mask)), logits

        return jax.grad(loss, has_aux=True)(versions)

    return lambda sites, tokens: run((model.params, rounded), sites, tokens)


def check_padding(model, logits, tokens, alone):
    """A sentence that is padded on the right loses what it loses by itself."""
    losses = jax.jit(decoder.token_losses)
    length = LENGTHS[1]
    mask = jnp.arange(max(LENGTHS))[None] < jnp.array(LENGTHS)[:, None]
    expected = losses(alone, tokens[1:, :length], jnp.ones((1, length), bool))
    for filling in (0, model.config.vocabulary - 1):
        padded = jnp.where(mask, tokens, jnp.int32(filling))
        found = losses(logits(padded), padded, mask)
        np.testing.assert_allclose(
            np.sum(found[1]), np.sum(expected[0]), rtol=0, atol=1e-5
        )


def check_gradients(model, run, tokens):
    """The loss can be derived by every weight that an assignment selects."""
    sites = jnp.arange(model.config.n_layers + 1) % 2
    found = run(sites, tokens)[0]
    for tensor in model.architecture.tensors(model.config):
        for version in (0, 1):
            slope = np.asarray(decoder.leaf(found[version], tensor.path))
            assert np.all(np.isfinite(slope)), tensor.path
            if tensor.stacked:  # a layer that is not selected has no influence
                chosen = np.asarray(sites[:-1]) == version
                moved = np.any(slope.reshape(len(chosen), -1) != 0, axis=1)
                assert not np.any(moved & ~chosen), tensor.path
