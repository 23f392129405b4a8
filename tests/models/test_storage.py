"""Bytes of mixtures, against a count of every number one by one."""

import functools as ft
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.models import Model, Quantizer, storage
from jaxdisp.models.architectures import gpt2
from tests import oracles
from tests.models import small

ENTRIES = small.entries(n_layer=2, n_embd=6, n_inner=10, vocab_size=11, n_positions=5)


@ft.cache
def model(*, tied=True):
    """A model of shapes alone: there are no arrays that could be touched."""
    config = gpt2.read_config(entries(tied=tied))
    return Model(
        architecture=gpt2.ARCHITECTURE,
        config=config,
        params={},
        tokenizer=small.tokenizer(),
        start=0,
        source="shapes",
        training_bytes={},
        hashes={},
    )


def entries(*, tied):
    return ENTRIES | {"tie_word_embeddings": tied}


@ft.cache
def shapes(*, tied):
    """By the name in a checkpoint."""
    arrays = small.tensors(entries(tied=tied))
    return {name: array.shape for name, array in arrays.items()}


def kind(name):
    """What `include` calls a parameter of a checkpoint; biases have no name."""
    if name.endswith("bias"):
        return "bias"
    if name.startswith(("wte", "wpe")):
        return "embeddings"
    if name.startswith("lm_head"):
        return "head"
    return "norms" if "ln_" in name else "matrices"


def included(name, quantizer):
    return kind(name) in quantizer.include or (
        "all" in quantizer.include and kind(name) != "bias"
    )


def whole_bytes(bits):
    n_bytes = 0
    while bits > 0:
        bits, n_bytes = bits - 8, n_bytes + 1
    return n_bytes


def stored(name, shape, quantizer, full_bits):
    """Bytes of one parameter: every word, scale and zero point counted on its own."""
    if quantizer is None or not included(name, quantizer):
        return whole_bytes(sum(full_bits for _ in np.ndindex(shape)))
    axis = 0 if kind(name) in ("embeddings", "head") else -1
    groups = oracles.weight_groups(
        shape, quantizer.granularity, quantizer.group_size, axis
    )
    total = whole_bytes(sum(quantizer.bits for group in groups for _ in group))
    total += sum(2 for _ in groups)
    if quantizer.grid == "affine":
        total += whole_bytes(sum(quantizer.bits for _ in groups))
    return total


def expected(quantizers, full_bits, *, tied, counts=None):
    """Bytes by site, layers first, and version."""
    table = np.zeros((3, len(quantizers) + 1), int)
    for name, shape in shapes(tied=tied).items():
        site = int(name.split(".")[1]) if name.startswith("h.") else 2
        for version, quantizer in enumerate([None, *quantizers]):
            if counts is None or counts(name):
                table[site, version] += stored(name, shape, quantizer, full_bits)
    return table


INCLUDES = [
    ("matrices",),
    ("embeddings", "head"),
    ("matrices", "embeddings", "head"),
    ("all",),
]
# fields, since the shape checks of a constructor may not run inside a strategy
QUANTIZERS = st.fixed_dictionaries(
    {
        "bits": st.integers(2, 8),
        "grid": st.sampled_from(["symmetric", "affine"]),
        "granularity": st.sampled_from(["tensor", "channel", "group"]),
        "group_size": st.sampled_from([1, 4, 6, 64]),
        "include": st.sampled_from(INCLUDES),
    }
)


@given(
    quantizers=st.lists(QUANTIZERS, max_size=3),
    tied=st.booleans(),
    full_bits=st.sampled_from([16, 32]),
)
def test_bytes_are_those_counted_one_by_one(quantizers, tied, full_bits):
    quantizers = [Quantizer(**fields) for fields in quantizers]
    table = expected(quantizers, full_bits, tied=tied)
    found = storage.layer_bytes(model(tied=tied), quantizers, full_bits=full_bits)
    assert found.tolist() == table[:2].tolist()
    found = storage.outside_bytes(model(tied=tied), quantizers, full_bits=full_bits)
    assert found.tolist() == table[2].tolist()


@given(
    quantizers=st.lists(QUANTIZERS, min_size=1, max_size=2),
    tied=st.booleans(),
    assignment=st.lists(st.integers(0, 1), min_size=3, max_size=3),
)
def test_effective_bits_are_those_of_weights_that_can_be_rounded(
    quantizers, tied, assignment
):
    quantizers = [Quantizer(**fields) for fields in quantizers]

    def quantizable(name):
        return any(included(name, quantizer) for quantizer in quantizers)

    table = expected(quantizers, 16, tied=tied, counts=quantizable)
    n_weights = sum(
        math.prod(shape)
        for name, shape in shapes(tied=tied).items()
        if quantizable(name)
    )
    assert storage.count_quantizable(model(tied=tied), quantizers) == n_weights
    n_bits = 8 * sum(table[site, version] for site, version in enumerate(assignment))
    rows = np.array([assignment, [0, 0, 0]])
    found = storage.effective_bits(model(tied=tied), quantizers, rows)
    # whole numbers up to the one division
    np.testing.assert_allclose(found, [n_bits / n_weights, 16], rtol=1e-15)


def test_a_known_model():
    """GPT-2-like, 4 bits by tensor: half a byte per weight and four scales a layer."""
    quantizer = Quantizer(bits=4)
    matrices = 6 * 18 + 6 * 6 + 2 * 6 * 10
    rest = 18 + 6 + 10 + 6 + 4 * 6
    found = storage.layer_bytes(model(), [quantizer])
    full, packed = 2 * (matrices + rest), matrices // 2 + 2 * 4 + 2 * rest
    assert found.tolist() == [[full, packed]] * 2
    bits = storage.effective_bits(model(), [quantizer], np.array([[1, 1, 1]]))
    assert bits.tolist() == [4 + 4 * 16 / matrices]


def test_a_tied_head_is_stored_once():
    difference = storage.outside_bytes(model(tied=False), [])
    difference = difference - storage.outside_bytes(model(), [])
    assert difference.tolist() == [2 * 11 * 6]


@pytest.mark.parametrize("full_bits", [0, -8, 12])
def test_full_precision_that_is_not_whole_bytes(full_bits):
    message = f"^full_bits must be a multiple of 8, got {full_bits}$"
    for count in (storage.layer_bytes, storage.outside_bytes):
        with pytest.raises(ValueError, match=message):
            count(model(), [], full_bits=full_bits)


def test_a_quantizer_that_does_not_fit():
    with pytest.raises(ValueError, match="bits must be between 2 and 8, got 9"):
        storage.layer_bytes(model(), [Quantizer(bits=9)])


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ([0, 1], "must have 3 entries, one for each layer .*, got 2$"),
        ([0, 1, 2], "must name versions 0 to 1, got 0 to 2$"),
        ([0, -1, 1], "must name versions 0 to 1, got -1 to 1$"),
    ],
)
def test_assignments_of_another_model(assignment, message):
    with pytest.raises(ValueError, match=message):
        storage.effective_bits(model(), [Quantizer()], np.array([assignment]))


def test_nothing_to_average_over():
    with pytest.raises(ValueError, match="no quantizer includes any weight; give"):
        storage.effective_bits(model(), [], np.array([[0, 0, 0]]))
