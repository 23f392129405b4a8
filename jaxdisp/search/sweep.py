"""Sweeps: many assignments evaluated exactly, cell by cell, resumed where they stopped.

A cell is one assignment on one batch of sentences (or windows of longer ones). It goes
into a store as soon as its group is done, and is never evaluated again there.
"""

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from jaxdisp.measure import cube, windows
from jaxdisp.measure.corpus import Corpus
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer
from jaxdisp.search import cost, engine, keys, plan, store, weights

NUMERICS = 1
"""To be raised when the same cell would get another value than before."""

Progress = Callable[[int], object]


def evaluate(
    model: Model,
    corpus: Corpus,
    assignments: Int[np.ndarray, "config entry"] | Sequence[Sequence[int]],
    quantizers: Sequence[Quantizer],
    *,
    stride: int | None = None,
    memory: int | None = None,
    progress: Progress = int,
) -> cube.Evaluation:
    """Measures the loss of every sentence, as `cube.evaluate` does, sharing all it can.

    Args:
        model: an open model.
        corpus: parallel text.
        assignments: per configuration one integer per layer, and optionally one more
            for the parameters outside the layers (else they stay in full precision).
        quantizers: how versions 1, 2, ... are rounded.
        stride: of the windows of sentences longer than the context, in tokens; None is
            half of the context.
        memory: bytes to take at most, above the model itself; None is half of what is
            free.
        progress: called with the number of sentences done since the last call.

    Raises:
        ValueError: if an assignment has the wrong length or names no version, the
            stride is not less than the context, or memory does not suffice.
        FloatingPointError: if a loss is not finite.

    Reference: our own definition.
    """
    made = plan.make(
        model, corpus, assignments, quantizers, stride=stride, limit=memory
    )
    kept = store.open_store(None)
    try:
        fill(made, kept, progress=progress)
        return evaluation(made, table(made, kept))
    finally:
        store.close(kept)


def identity(made: plan.Plan) -> dict[str, Any]:
    """Describes what a cell's value depends on besides its text and assignment.

    Args:
        made: the plan.

    Reference: our own definition.
    """
    return {
        "weights": made.model.hashes["weights"],
        "quantizers": [dataclasses.asdict(each) for each in made.quantizers],
        "dtype": made.model.dtype,
        "numerics": NUMERICS,
    }


def engine_of(made: plan.Plan) -> engine.Engine:
    """Prepares weights and devices for a plan.

    Args:
        made: the plan.

    Reference: our own definition.
    """
    give = weights.copies if made.copied else weights.as_needed
    devices = jax.local_devices()
    return engine.Engine(
        architecture=made.model.architecture,
        config=made.model.config,
        weights=give(made.model, made.quantizers),
        mesh=jax.sharding.Mesh(np.array(devices), ("device",)),
        rows=made.rows,
        most=made.most,
    )


def fill(
    made: plan.Plan,
    kept: store.Store,
    *,
    shard: tuple[int, int] = (0, 1),
    progress: Progress = int,
) -> int:
    """Evaluates the cells of a shard that the store lacks.

    Args:
        made: the plan.
        kept: where finished cells are, and go.
        shard: `(i, n)` as in `plan.wanted`.
        progress: called with the number of sentences done since the last call; those
            that are in the store already count at once.

    Returns:
        How many cells were evaluated.

    Raises:
        ValueError: if the shard is out of range.
        FloatingPointError: if a loss is not finite; what is finished is kept.
        OSError: if the store cannot be written, as when the disk is full.

    Reference: our own definition.
    """
    described = identity(made)
    name = store.identity(**described)
    store.register(kept, name, described)
    names = _keys(made)
    wanted = plan.wanted(made, shard)
    work = []
    for text, marks in zip(made.texts, wanted, strict=True):
        present = store.finished(kept, name, text.digest)
        there = np.array([key in present for key in names])
        progress(int(np.sum(marks & there)) * len(text.places))
        if np.any(marks & ~there):
            work.append((text, marks & ~there))
    if not work:
        return 0
    prepared = engine_of(made)
    stopped = threading.Event()

    def one(job: tuple[plan.Text, Bool[np.ndarray, " subset"]]) -> int:
        text, missing = job
        done = 0
        for subsets, losses in engine.losses(
            prepared, made.trie, text.passage, missing
        ):
            values = losses[:, : len(text.places)]
            cube.check_finite(made.model, values)
            cells = [
                (names[subset], row)
                for subset, row in zip(subsets, values, strict=True)
            ]
            store.put(kept, name, text.digest, cells)
            progress(values.size)
            done += len(cells)
            if stopped.is_set():
                break
        return done

    return sum(_in_threads(one, work, plan.threads(), stopped))


def _in_threads(
    one: Callable[[Any], int],
    work: Sequence[Any],
    threads: int,
    stopped: threading.Event,
) -> list[int]:
    """Maps work over threads; the first failure, or a user, stops all of it."""
    with futures.ThreadPoolExecutor(threads) as pool:
        begun = [pool.submit(one, job) for job in work]
        try:
            futures.wait(begun, return_when=futures.FIRST_EXCEPTION)
            failed = [job for job in begun if job.done() and job.exception()]
            return [job.result() for job in failed or begun]
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _keys(made: plan.Plan) -> list[bytes]:
    """Keys of the subsets, what lies outside the layers last."""
    return keys.assignment_keys(np.roll(made.trie.sites, -1, axis=1))


def table(
    made: plan.Plan, kept: store.Store, shard: tuple[int, int] = (0, 1)
) -> Float[np.ndarray, "subset place"]:
    """Collects the losses of a shard's cells; NaN where a cell is not in the store.

    Places are windows, as those of a sentence may be in cells of different shards;
    `evaluation` adds them up.

    Args:
        made: the plan.
        kept: where finished cells are.
        shard: `(i, n)` as in `plan.wanted`.

    Raises:
        ValueError: if the store is damaged.

    Reference: our own definition.
    """
    name = store.identity(**identity(made))
    names = _keys(made)
    found = np.full((made.trie.n_subsets, len(made.sentences)), np.nan, np.float32)
    for text, marks in zip(made.texts, plan.wanted(made, shard), strict=True):
        present = store.finished(kept, name, text.digest)
        rows = [row for row in np.flatnonzero(marks).tolist() if names[row] in present]
        if rows:
            values = store.read(kept, name, text.digest, [names[row] for row in rows])
            found[np.array(rows)[:, None], text.places] = values
    return found


def evaluation(
    made: plan.Plan, losses: Float[np.ndarray, "subset place"]
) -> cube.Evaluation:
    """Arranges losses by configuration, language and sentence, as they were asked for.

    Definition: the loss of a sentence is the sum of those of its windows
    (`windows.add_up`).

    Args:
        made: the plan.
        losses: of every subset and place, as from `table`.

    Raises:
        ValueError: if some are missing, saying how many.

    Reference: our own definition.
    """
    missing = np.isnan(losses)
    if missing.any():
        raise ValueError(
            f"{int(missing.sum())} of {losses.size} losses are missing: a shard was "
            "left out or has not finished"
        )
    nll = windows.add_up(losses, made.sentences)
    shape = (-1, len(made.corpus.languages), made.corpus.n_sentences)
    n_tokens, n_bytes = cube.sizes(made.model, made.corpus)
    return cube.Evaluation(
        nll=jnp.asarray(nll[made.trie.places].reshape(shape)),
        n_tokens=n_tokens,
        n_bytes=n_bytes,
    )


def seconds(made: plan.Plan) -> float:
    """Estimates how long a plan takes, from one timed layer and one timed readout.

    Definition: the largest batch is timed after a first call; others are taken to cost
    in proportion to their tokens, and to the rows that they read out.

    Args:
        made: the plan.

    Reference: our own definition.
    """
    prepared = engine_of(made)
    largest = max(made.texts, key=lambda text: text.passage.tokens.size).passage
    layer, readout = cost.timed(prepared, largest, time.perf_counter)
    n_tokens = sum(text.passage.tokens.size for text in made.texts)
    n_rows = sum(text.passage.rows.size for text in made.texts)
    n_nodes = plan.trie.layer_evaluations(made.trie)
    return (
        n_nodes * layer * n_tokens / largest.tokens.size
        + made.trie.n_subsets * readout * n_rows / largest.rows.size
    )
