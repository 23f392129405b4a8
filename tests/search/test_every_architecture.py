"""Whatever the family: the trie gives what the scan over layers gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxdisp import measure
from jaxdisp.measure import activations, cube
from jaxdisp.models import Quantizer, decoder, quantize
from jaxdisp.models.architectures import registry
from jaxdisp.search import sweep
from tests.measure import tiny
from tests.models.architectures import drawn, every

QUANTIZERS = (Quantizer(bits=3), Quantizer(bits=4, granularity="channel"))
SITES = hnp.arrays(np.int32, (2, 4), elements=st.integers(0, 2))


def test_every_family_is_here():
    assert every.ENTRIES.keys() == registry.ARCHITECTURES.keys()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two sentences in two languages, of few lengths, as each is compiled."""
    directory = tmp_path_factory.mktemp("corpus")
    texts = {name: (tiny.TEXTS[name][0], tiny.TEXTS[name][7]) for name in ("de", "en")}
    tiny.write_corpus(directory, texts, tiny.GROUPS[:2])
    return measure.load_corpus(directory)


@pytest.mark.parametrize("kind", registry.ARCHITECTURES)
def test_the_trie_equals_the_scan(kind, corpus, tmp_path):
    model = drawn.load(tmp_path, every.entries(kind))

    @settings(max_examples=3)
    @given(sites=SITES)
    def equal(sites):
        found = sweep.evaluate(model, corpus, sites, QUANTIZERS)
        expected = cube.evaluate(model, corpus, sites, QUANTIZERS)
        # sums of up to 200 nats in float32, in two orders: within 3e-5 of each other
        np.testing.assert_allclose(found.nll, expected.nll, rtol=0, atol=1e-4)

    equal()


@pytest.mark.parametrize("kind", registry.ARCHITECTURES)
def test_taps_patches_and_second_moments(kind, corpus, tmp_path):
    model = drawn.load(tmp_path, every.entries(kind))
    tokens = jnp.array([cube.encode(model, corpus)[0][1]])
    versions = (model.params, quantize(model, QUANTIZERS[0]))
    args = (model.architecture, model.config, versions)
    run = jax.jit(lambda sites: decoder.hidden_states(*args, sites, tokens))
    full, rounded = (jnp.array([version] * 3 + [0]) for version in (0, 1))
    states, logits = run(full)
    last = model.architecture.readout(model.params["outside"], states[-1], model.config)
    np.testing.assert_allclose(last, logits, rtol=0, atol=1e-4)

    patched = jax.jit(
        lambda sites, mask: decoder.patched_logits(*args, sites, tokens, states, mask)
    )
    mask = np.zeros(states.shape[:-1], bool)
    expected = run(rounded)[1]
    assert np.max(np.abs(expected - logits)) > 1e-3
    np.testing.assert_allclose(patched(rounded, mask), expected, rtol=0, atol=1e-5)
    for tap in range(4):
        # what goes on from here is as if the layers before were not rounded
        here = mask.copy()
        here[tap] = True
        expected = run(jnp.where(jnp.arange(4) < tap, full, rounded))[1]
        found = patched(rounded, here)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)

    matrices = {
        tensor.path: tensor.shape[0]
        for tensor in model.architecture.tensors(model.config)
        if tensor.stacked and tensor.role == "matrix"
    }
    for _, moments in activations.second_moments(model, corpus):
        shapes = {path: found.shape for path, found in moments.items()}
        assert shapes == {path: (3, n, n) for path, n in matrices.items()}
        for found in moments.values():
            np.testing.assert_allclose(found, np.swapaxes(found, 1, 2), rtol=1e-5)
            assert np.all(np.einsum("lii->li", found) >= 0)
