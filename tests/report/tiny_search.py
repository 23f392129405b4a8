"""Searches of random GPT-2s of few layers, each evaluated once for all tests."""

import contextlib
import functools as ft
import pathlib
import tempfile
from unittest import mock

from jaxdisp.models import Quantizer
from jaxdisp.report import files, jobs, runs
from jaxdisp.report import settings as run_settings
from jaxdisp.search import store
from tests.measure import tiny
from tests.search import tiny_sweep

TOKENS = tiny_sweep.TOKENS


def small_calls():
    """Several batches of one shape each, so that little is compiled."""
    return tiny_sweep.small_calls(TOKENS, shapes=1)


def write(directory, n_layer=3, *, known=True):
    """Writes a model, which may not know its training text, and a corpus."""
    tiny.write_model(directory / "model", n_layer=n_layer)
    tiny.write_corpus(directory / "corpus")
    if not known:
        (directory / "model" / "training.json").unlink()


def settings(search, **changes):
    """Settings of a search in a directory with a model and a corpus."""
    usual = {
        "command": "search",
        "model": "model",
        "revision": None,
        "corpus": "corpus",
        "languages": None,
        "quantizer": Quantizer(bits=search.bits[0]),
        "limit": None,
        "reference": None,
        "seed": 1,
        "search": search,
    }
    return run_settings.Settings(**usual | changes)


@ft.cache
def opened(search, n_layer=3, known=True):
    """Settings and inputs of a search, whose files are gone."""
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        write(root, n_layer, known=known)
        wanted = settings(search, model=f"{root}/model", corpus=f"{root}/corpus")
        return wanted, run_settings.open_inputs(wanted)


@ft.cache
def results(search, **options):
    """Results of a search that is written nowhere."""
    wanted, inputs = opened(search, **options)
    with small_calls():
        return jobs.execute(wanted, inputs)


def begun(search, directory, *, means=None, resume=False, **changes):
    """Settings, inputs and a run in a directory, of what is in the present one."""
    wanted = settings(search, **changes)
    inputs = run_settings.open_inputs(wanted, means)
    configuration = run_settings.configuration(wanted, inputs)
    options = {"overwrite": False, "resume": resume}
    return wanted, inputs, runs.begin_together(directory, configuration, **options)


def run(search, directory, **options):
    """Carries a search out in a directory, its figures left out, as they take long."""
    wanted, inputs, kept = begun(search, directory, **options)
    with small_calls(), mock.patch.object(files, "written", return_value={}):
        return jobs.execute(wanted, inputs, kept)


@contextlib.contextmanager
def counted(*, stop=-1):
    """Counts how often cells are stored, and interrupts after some times."""
    done, put = [], store.put

    def count(kept, identity, piece, cells):
        if len(done) == stop:
            raise KeyboardInterrupt
        done.append(len(cells))
        put(kept, identity, piece, cells)

    with mock.patch.object(store, "put", count):
        yield done
