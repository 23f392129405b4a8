"""Plans: what is evaluated, in which batches, by whom, and within which memory."""

import collections
import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.measure import batches, cube
from jaxdisp.models import Quantizer
from jaxdisp.search import keys, passages, plan, weights
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


def test_digests_are_of_sentences_alone():
    made = tiny.planned()
    digests = [text.digest for text in made.texts]
    assert len(set(digests)) == len(digests)
    encoded = cube.encode(tiny.model(), tiny.corpus())
    flat = [sentence for language in encoded for sentence in language]
    text = made.texts[-1]
    sentences = [flat[place] for place in text.places.tolist()]
    (alone,) = batches.make_batches(sentences, 30, tokens=10**6)[-1:]
    if len(alone.places) == len(sentences):
        assert keys.piece_of(alone.tokens[0], alone.mask[0]) == text.digest


def test_assignments_that_are_none():
    with pytest.raises(ValueError, match=r"must have 3 entries per configuration"):
        tiny.planned(np.zeros((1, 5), int))
    with pytest.raises(ValueError, match=r"must be between 0 and 2"):
        tiny.planned(np.full((1, 3), 3))


def test_less_memory_means_smaller_steps():
    ample = tiny.planned(limit=2**40)
    assert (ample.most, ample.copied) == (plan.MOST, True)
    # states and copies of this model are a thousandth of what logits may take
    logits = ample.peak_bytes - plan.FLOAT * plan.THREADS * states(ample, plan.MOST)
    found = []
    for part in (0.9, 0.5, 0.3):
        limit = logits + int(part * (ample.peak_bytes - logits))
        made = tiny.planned(limit=limit)
        assert made.peak_bytes <= limit
        found.append(made.most)
    assert found == sorted(found, reverse=True)
    assert found[-1] < plan.MOST
    least = tiny.planned(limit=limit_of(1, ample, logits))
    assert least.most == 1
    half = weights.needed_bytes(tiny.model(), tiny.QUANTIZERS)
    assert not tiny.planned(limit=ample.peak_bytes, quantizers=tiny.QUANTIZERS * 9999)
    assert half


def states(made, most):
    largest = max(text.passage.tokens.size for text in made.texts)
    return tries.most_states(made.trie, most) * largest * made.model.config.width


def limit_of(most, made, logits):
    return logits + plan.FLOAT * plan.THREADS * states(made, most)


def test_memory_that_does_not_suffice():
    message = (
        r"^memory of 1 MiB does not suffice: this model and text need \d+ MiB; "
        "raise --memory$"
    )
    with pytest.raises(ValueError, match=message):
        tiny.planned(limit=2**20)


@given(st.integers(1, 9), st.sampled_from([1, 3, 64]))
def test_shards_divide_the_cells(total, most):
    made = dataclasses.replace(tiny.planned(), most=most)
    marks = [plan.wanted(made, (number, total)) for number in range(total)]
    assert np.array_equal(np.sum(marks, axis=0), np.ones_like(marks[0], int))
    # the last may be called 0, as counting from 0 and from 1 both cover everything
    np.testing.assert_array_equal(plan.wanted(made, (total, total)), marks[0])
    # no group is divided, and no shard has much more than another
    groups = tries.groups(made.trie, most)
    for shard in marks:
        for group in groups:
            assert len({*shard[:, group.start : group.stop].ravel().tolist()}) <= 2
            part = shard[:, group.start : group.stop]
            assert np.all(part == part[:, :1])
    counts = [int(np.sum(shard)) for shard in marks]
    largest = max(map(len, groups))
    assert max(counts) - min(counts) <= 2 * largest


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
