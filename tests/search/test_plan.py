"""Plans: what is evaluated, in which batches, by whom, and within which memory."""

import collections
import contextlib
import dataclasses
import functools as ft
import itertools
from unittest import mock

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.measure import cube
from jaxdisp.models import Quantizer
from jaxdisp.search import engine, keys, passages, plan
from jaxdisp.search import trie as tries
from tests.search import tiny_sweep as tiny


def test_versions_outside_the_layers_that_touch_nothing_become_one():
    both = ("embeddings", "head")
    quantizers = (
        Quantizer(bits=3),
        Quantizer(bits=3, include=("matrices", *both)),
        Quantizer(bits=3, include=both),
        Quantizer(bits=3, include=("all",)),
    )
    sites = np.array([[4, 1, 3, outside] for outside in (0, 1, 2, 3, 4)])
    found = plan.canonical(tiny.model(), quantizers, sites)
    assert found.tolist() == [[4, 1, 3, outside] for outside in (0, 0, 2, 3, 4)]
    made = tiny.planned(sites.astype(np.int32), quantizers)
    assert made.trie.n_subsets == 4
    assert made.trie.places.tolist() == [0, 0, 1, 2, 3]
    assert plan.canonical(tiny.model(), [], sites * 0).tolist() == (sites * 0).tolist()


def test_every_sentence_is_in_one_text():
    made = tiny.planned()
    encoded = cube.encode(tiny.model(), tiny.corpus())
    flat = [sentence for language in encoded for sentence in language]
    found = {}
    for text in made.texts:
        size = text.passage.tokens.shape
        assert size[0] * size[1] <= tiny.TOKENS
        assert text.passage.rows.shape == text.passage.targets.shape
        sentences = passages.sentences(text.passage)[text.passage.counted]
        targets = text.passage.targets[text.passage.counted]
        for row, place in enumerate(text.places.tolist()):
            assert place not in found
            found[place] = [0, *targets[sentences == row].tolist()]
        assert sentences.max() < len(text.places)  # what fills up is not read
    assert [found[place] for place in range(len(flat))] == flat
    assert len(made.texts) > 4
    # texts of a length have one number of rows, so that they share a program
    lengths = collections.defaultdict(set)
    for text in made.texts:
        lengths[text.passage.tokens.shape].add(text.passage.rows.shape)
    assert all(len(rows) == 1 for rows in lengths.values())


def test_digests_are_of_the_sentences_of_a_text():
    made = tiny.planned()
    encoded = cube.encode(tiny.model(), tiny.corpus())
    flat = [sentence for language in encoded for sentence in language]
    for text in made.texts:
        sentences = [flat[place] for place in text.places.tolist()]
        tokens = np.zeros((len(sentences), 40), np.int32)
        mask = np.zeros(tokens.shape, bool)
        for row, sentence in enumerate(sentences):
            tokens[row, : len(sentence)] = sentence
            mask[row, : len(sentence)] = True
        scored = mask & (np.arange(40) > 0)
        assert text.digest == keys.piece_of(tokens, mask, scored)
    assert len({text.digest for text in made.texts}) == len(made.texts)


def test_assignments_that_are_none():
    with pytest.raises(ValueError, match=r"must have 3 entries per configuration"):
        tiny.planned(np.zeros((1, 5), int))
    with pytest.raises(ValueError, match=r"must be between 0 and 2"):
        tiny.planned(np.full((1, 3), 3))


def expected_bytes(made):
    """By hand: two threads of states, of a call, and of logits; and the weights."""
    width, vocabulary = 12, 290
    largest = max(text.passage.tokens.size for text in made.texts)
    states = tries.most_states(made.trie, made.most) * largest * width
    longest = max(text.passage.tokens.shape[1] for text in made.texts)
    # two states, three parts of attention, an inner layer of four widths before and
    # after its activation; three heads' scores and their exponentials
    held = (2 + 3 + 2 * 4) * width + 2 * 3 * longest
    call = max(made.rows, largest) * held
    logits = 3 * max(engine.LOGITS_AT_ONCE, 64 * vocabulary)
    size = sum(leaf.size for leaf in jax.tree.leaves(made.model.params))
    outside = sum(leaf.size for leaf in jax.tree.leaves(made.model.params["outside"]))
    # four of three layers, and one version of what lies outside is another
    kept = outside + 4 * (size - outside) // 3
    copies = outside + 3 * (size - outside)
    of_weights = copies if made.copied else kept
    return 4 * (2 * (states + call + logits) + of_weights)


def test_less_memory_means_smaller_steps(monkeypatch):
    monkeypatch.setattr(engine, "LOGITS_AT_ONCE", 64)  # else they are all that counts
    every = np.array(list(itertools.product((0, 1, 2), repeat=4)))
    made = tiny.planned(every, limit=2**40)
    assert (made.most, made.copied) == (plan.MOST, True)
    assert made.peak_bytes == expected_bytes(made)
    found = [(made.most, made.copied)]
    with contextlib.suppress(ValueError):  # that of too little, which has its own test
        while True:
            made = tiny.planned(every, limit=made.peak_bytes - 1)
            assert made.peak_bytes == expected_bytes(made)
            found.append((made.most, made.copied))
    # 2 together are no fewer than 4, since a node may have three children
    copies = [(most, True) for most in (64, 32, 16, 8, 4)]
    assert found == [*copies, (4, False)]
    losses, _ = tiny.filled(made)
    # calls of other sizes round sums otherwise: at most 60 losses of about 6 nats
    ample, _ = tiny.filled(tiny.planned(every))
    np.testing.assert_allclose(losses, ample, rtol=1e-6)


def test_weights_of_large_models_are_not_copied(monkeypatch):
    size = plan.weights.needed_bytes(tiny.model(), tiny.QUANTIZERS)
    for most in (size, size - 1):
        monkeypatch.setattr(plan, "COPIES", most)
        assert tiny.planned().copied == (most == size)


def test_memory_that_does_not_suffice():
    message = (
        r"^memory of 1 MiB does not suffice: this model and text need \d+ MiB; "
        "raise --memory$"
    )
    with pytest.raises(ValueError, match=message):
        tiny.planned(limit=2**20)


@ft.cache
def usual():
    return tiny.planned()


@given(st.integers(1, 9), st.sampled_from([1, 3, 64]))
def test_shards_divide_the_cells(total, most):
    with mock.patch.object(plan, "MOST", most):
        marks = [plan.wanted(usual(), (number, total)) for number in range(total)]
        # the last may be called 0: counting from 0 and from 1 both cover everything
        last = plan.wanted(usual(), (total, total))
        # how much memory there is does not matter
        poor = dataclasses.replace(usual(), most=1)
        np.testing.assert_array_equal(plan.wanted(poor, (total, total)), last)
    np.testing.assert_array_equal(last, marks[0])
    assert np.array_equal(np.sum(marks, axis=0), np.ones_like(marks[0], int))
    # no group is divided, and no shard has much more than another
    groups = tries.groups(usual().trie, most)
    for shard in marks:
        for group in groups:
            part = shard[:, group.start : group.stop]
            assert np.all(part == part[:, :1])
    counts = [int(np.sum(shard)) for shard in marks]
    assert max(counts) - min(counts) <= 2 * max(map(len, groups))


@pytest.mark.parametrize("shard", [(-1, 2), (3, 2), (0, 0), (1, 0), (0, -1)])
def test_shards_that_are_none(shard):
    number, total = shard
    message = (
        rf"^shard {number}/{total}: must be i/n with i from 1 to n \(0 counts as n\)$"
    )
    with pytest.raises(ValueError, match=message):
        plan.wanted(tiny.planned(), shard)


def test_costs_are_counted_before_anything_is_evaluated():
    made = tiny.planned()
    found = plan.cost(made)
    n_nodes = tries.layer_evaluations(made.trie)
    assert found.pop("flops") > 0
    assert found == {
        "assignments": 10,
        "batches": len(made.texts),
        "cells": 10 * len(made.texts),
        "layer_evaluations": n_nodes,
        "layers_without_sharing": 30,
        "memory_bytes": made.peak_bytes,
    }
    assert n_nodes < 30


def test_operations_add_up_over_texts_and_nodes():
    whole = tiny.planned()
    parts = [dataclasses.replace(whole, texts=(text,)) for text in whole.texts]
    expected = sum(plan.cost(part)["flops"] for part in parts)
    assert plan.cost(whole)["flops"] == pytest.approx(expected)
    one = tiny.planned([[0, 0, 0]])
    two = tiny.planned([[0, 0, 0], [1, 1, 1]])
    twice = 2 * plan.cost(one)["flops"]
    assert plan.cost(two)["flops"] == pytest.approx(twice)
