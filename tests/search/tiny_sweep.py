"""Searches on random GPT-2s of three layers, which take moments."""

import contextlib
import dataclasses
import functools as ft
import pathlib
import tempfile
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from jaxdisp import measure, models
from jaxdisp.measure import batches
from jaxdisp.measure import corpus as corpora
from jaxdisp.models import Quantizer, decoder
from jaxdisp.search import plan, store, sweep
from tests.measure import tiny

COARSE = Quantizer(bits=3)
OUTSIDE = Quantizer(
    bits=4,
    grid="affine",
    granularity="channel",
    include=("matrices", "embeddings", "head"),
)
QUANTIZERS = (COARSE, OUTSIDE)
TOKENS = 128
"""Of a call: four of the longest sentences, or up to four nodes of the shortest."""


@ft.cache
def model():
    with tempfile.TemporaryDirectory() as directory:
        return models.load(tiny.write_model(pathlib.Path(directory)))


def cast(held, computed="float32"):
    """The same model, its layers held in one type and all computed in another."""
    types = {"blocks": jnp.dtype(held), "outside": jnp.dtype(computed)}
    params = {
        room: decoder.as_type(model().params[room], dtype)
        for room, dtype in types.items()
    }
    return dataclasses.replace(model(), params=params, dtype=computed)


@ft.cache
def corpus():
    with tempfile.TemporaryDirectory() as directory:
        return measure.load_corpus(tiny.write_corpus(pathlib.Path(directory)))


@ft.cache
def assignments(n=14):
    """All of one version, and random ones, two of them twice; the outside is last."""
    random = np.array(jax.random.randint(jax.random.key(5), (n - 4, 4), 0, 3))
    return np.concatenate([random[:2], [[0] * 4, [2] * 4], random])


def broken(position):
    """The same model, whose losses are NaN in batches that have a position."""
    table = model().params["outside"]["position_embedding"]
    outside = model().params["outside"] | {
        "position_embedding": table.at[position].set(jnp.nan)
    }
    return dataclasses.replace(
        model(),
        params=model().params | {"outside": outside},
        hashes={"weights": f"NaN at {position}"},
    )


@contextlib.contextmanager
def small_calls(tokens=TOKENS, shapes=2):
    """Several batches of few shapes, and several nodes in a call."""
    with (
        mock.patch.object(plan, "ROWS", {"cpu": tokens}),
        mock.patch.object(batches, "SHAPES", shapes),
    ):
        yield


def planned(rows=None, quantizers=QUANTIZERS, *, of=None, lines=None, **options):
    """A plan of small calls, for all lines or some."""
    text = corpus() if lines is None else corpora.keep(corpus(), lines)
    given = assignments() if rows is None else rows
    with small_calls():
        return plan.make(of or model(), text, given, quantizers, **options)


def filled(made, kept=None, **options):
    """The table of a plan's losses, and how many cells were evaluated for it."""
    own = kept is None
    kept = store.open_store(None) if own else kept
    count = sweep.fill(made, kept, **options)
    losses = sweep.table(made, kept)
    if own:
        store.close(kept)
    return losses, count


@ft.cache
def whole():
    """The table of the usual plan, evaluated at once."""
    return filled(planned())[0]
