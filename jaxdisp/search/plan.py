"""The plan of a search: its trie, its batches of sentences, and what they will cost."""

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Int

from jaxdisp.measure import batches, cube, windows
from jaxdisp.measure.corpus import Corpus
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer, touches_outside
from jaxdisp.search import cost as costs
from jaxdisp.search import engine, keys, memory, passages, trie, weights

THREADS = 2
"""On a CPU: the second fills the moments in which XLA works on one core."""
ROWS = {"cpu": 576}
ROWS_ON_ACCELERATORS = 2**15
MOST = 64
CHOICES = tuple((copied, MOST >> n) for copied in (True, False) for n in range(7))
"""Whether weights are copied, and nodes together, from what takes most memory on."""
FLOAT = 4
COPIES = 2**28
"""Bytes of weights that are copied at most. Making layers again costs a few hundredths
of a short measurement's time and nothing of a search's, and saves a second model."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Text:
    """A batch of windows as the engine takes it.

    `places` are those of its windows among all languages' and sentences'; rows beyond
    are empty. `digest` identifies its tokens and which of them are scored.
    """

    passage: passages.Passage
    places: Int[np.ndarray, " place"]
    digest: str


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """Everything that a search will do.

    `sentences` has the place of each window's sentence among all languages'; a
    sentence that fits into the context is a single window.
    `rows` is how many tokens a call takes, `most` how many nodes of a level are
    computed before the next level, `copied` whether all versions of all weights are
    held; `peak_bytes` is what that takes at most, above the model itself.
    """

    model: Model
    corpus: Corpus
    quantizers: tuple[Quantizer, ...]
    trie: trie.Trie
    texts: tuple[Text, ...]
    sentences: Int[np.ndarray, " window"]
    rows: int
    most: int
    copied: bool
    peak_bytes: int

    @property
    def n_cells(self) -> int:
        """Pairs of an assignment and a batch of windows."""
        return self.trie.n_subsets * len(self.texts)


def canonical(
    model: Model,
    quantizers: Sequence[Quantizer],
    sites: Int[np.ndarray, "config site"],
) -> Int[np.ndarray, "config site"]:
    """Writes what lies outside the layers as full precision where nothing touches it.

    Assignments that differ in nothing that is computed become equal.

    Args:
        model: an open model.
        quantizers: of versions 1, 2, ...
        sites: version of each layer, then of the parameters outside the layers.

    Reference: our own definition.
    """
    touched = np.array([False, *(touches_outside(model, q) for q in quantizers)])
    outside = np.where(touched[sites[:, -1]], sites[:, -1], 0)
    return np.column_stack([sites[:, :-1], outside])


def make(
    model: Model,
    corpus: Corpus,
    assignments: Int[np.ndarray, "config entry"] | Sequence[Sequence[int]],
    quantizers: Sequence[Quantizer],
    *,
    stride: int | None = None,
    limit: int | None = None,
) -> Plan:
    """Plans the evaluation of assignments on a corpus, within a limit of memory.

    Definition: batches of at most `rows` tokens; as many nodes together as memory
    holds, up to 64, which changes the order of work and no more; copies of the weights
    if they take at most `COPIES` bytes and half of the memory.

    Args:
        model: an open model.
        corpus: parallel text.
        assignments: per configuration one integer per layer, and optionally one more
            for the parameters outside the layers (else they stay in full precision).
        quantizers: how versions 1, 2, ... are rounded.
        stride: of the windows of sentences longer than the context, in tokens; None is
            half of the context.
        limit: bytes to take at most, above the model itself; None is half of what is
            free.

    Raises:
        ValueError: if an assignment has the wrong length or names no version, the
            stride is not less than the context, or memory does not suffice for one node
            per level.

    Reference: our own definition.
    """
    sites = cube.check_assignments(assignments, model.config.n_layers, len(quantizers))
    built = trie.build(canonical(model, quantizers, sites))
    allowed = memory.default() if limit is None else limit
    rows = ROWS.get(jax.default_backend(), ROWS_ON_ACCELERATORS)
    encoded = cube.encode(model, corpus)
    flat = [sentence for language in encoded for sentence in language]
    parts = windows.cut(flat, model.config.context, stride)
    texts = _texts(parts, model.config.context, rows)
    most_copied = min(COPIES, allowed / 2)
    needed = 0
    for copied, most in CHOICES:
        bytes_of = weights.needed_bytes if copied else weights.kept_bytes
        of_weights = bytes_of(model, quantizers)
        needed = of_weights + _state_bytes(model, built, texts, rows, most)
        if needed <= allowed and not (copied and of_weights > most_copied):
            break
    else:
        raise ValueError(
            f"memory of {allowed / 2**20:.0f} MiB does not suffice: this model and text"
            f" need {needed / 2**20:.0f} MiB; raise --memory"
        )
    return Plan(
        model=model,
        corpus=corpus,
        quantizers=tuple(quantizers),
        trie=built,
        texts=texts,
        sentences=windows.sentences_of(parts),
        rows=rows,
        most=most,
        copied=copied,
        peak_bytes=needed,
    )


def threads() -> int:
    """Returns how many batches are under way at once.

    Reference: our own definition.
    """
    return THREADS if jax.default_backend() == "cpu" else 1


def _texts(
    parts: Sequence[windows.Window], context: int, rows: int
) -> tuple[Text, ...]:
    n_devices = jax.local_device_count()
    # a batch for every thread, however few sentences there are
    total = sum(len(part.tokens) for part in parts)
    share = -(-total // threads())
    # a length that fewer tokens than a call's have is not worth its programs
    shapes = min(batches.SHAPES, max(1, total // rows))
    made = []
    for batch in batches.make_batches(
        parts, context, tokens=min(rows, share), multiple=n_devices, shapes=shapes
    ):
        n_rows = max(passages.rows_needed(each, n_devices) for each in batch.scored)
        size = batch.tokens.shape[1]
        for number, (tokens, mask, scored) in enumerate(
            zip(batch.tokens, batch.mask, batch.scored, strict=True)
        ):
            places = batch.places[number * size : (number + 1) * size]
            if places.size:
                real = slice(len(places))
                made.append(
                    Text(
                        passage=passages.passage(
                            tokens, scored, n_rows=n_rows, n_devices=n_devices
                        ),
                        places=places,
                        digest=keys.piece_of(tokens[real], mask[real], scored[real]),
                    )
                )
    return tuple(made)


def _state_bytes(
    model: Model, built: trie.Trie, texts: Sequence[Text], rows: int, most: int
) -> int:
    """Bytes of hidden states, of one call and of its logits, in all threads."""
    width, vocabulary = model.config.width, model.config.vocabulary
    largest = max(text.passage.tokens.size for text in texts)
    states = trie.most_states(built, most) * largest * width
    longest = max(text.passage.tokens.shape[1] for text in texts)
    held = model.architecture.held(model.config, longest)
    call = max(rows, largest) * held
    logits = 3 * max(engine.LOGITS_AT_ONCE, engine.LEAST_ROWS * vocabulary)
    return FLOAT * THREADS * (states + call + logits)


def wanted(
    plan: Plan, shard: tuple[int, int] = (0, 1)
) -> Bool[np.ndarray, "text subset"]:
    """Marks the cells that one of several shards evaluates.

    Definition: the groups of `trie.walk` with `MOST` nodes, text by text, are cut into
    `n` runs of nearly as many cells; shard `i` takes run `i mod n`, so that 0 to n - 1
    and 1 to n both cover everything, whatever memory each of them has.

    Args:
        plan: of the search.
        shard: `(i, n)`.

    Raises:
        ValueError: unless `0 <= i <= n` and `n >= 1`.

    Reference: our own definition.
    """
    number, total = shard
    if not (total >= 1 and 0 <= number <= total):
        raise ValueError(
            f"shard {number}/{total}: must be i/n with i from 1 to n (0 counts as n)"
        )
    marks = np.zeros((len(plan.texts), plan.trie.n_subsets), bool)
    for text in range(len(plan.texts)):
        for group in trie.groups(plan.trie, MOST):
            first = text * plan.trie.n_subsets + group.start
            if first * total // plan.n_cells == number % total:
                marks[text, group.start : group.stop] = True
    return marks


def cost(plan: Plan) -> dict[str, Any]:
    """Counts what a search computes, before anything is evaluated.

    Definition: `layer_evaluations` as `trie.layer_evaluations`, for every batch of
    sentences; `flops` by XLA's count of the operations of each program.

    Args:
        plan: of the search.

    Reference: our own definition.
    """
    n_nodes = trie.layer_evaluations(plan.trie)
    model = plan.model
    shapes = collections.Counter(
        (text.passage.tokens.shape, text.passage.rows.size) for text in plan.texts
    )
    flops = 0.0
    for shape, number in shapes.items():
        layer, readout = costs.flops(
            model.architecture, model.config, model.params, *shape
        )
        flops += number * (n_nodes * layer + plan.trie.n_subsets * readout)
    return {
        "assignments": plan.trie.n_subsets,
        "batches": len(plan.texts),
        "cells": plan.n_cells,
        "layer_evaluations": n_nodes,
        "layers_without_sharing": plan.trie.n_subsets * plan.trie.depth,
        "flops": flops,
        "memory_bytes": plan.peak_bytes,
    }
