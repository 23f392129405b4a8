"""Searches of random GPT-2s of few layers, each evaluated once for all tests."""

import contextlib
import functools as ft
import pathlib
import tempfile

from jaxdisp.models import Quantizer
from jaxdisp.report import jobs, search_results, searching
from jaxdisp.report import settings as run_settings
from jaxdisp.search import sweep
from tests.measure import tiny
from tests.search import tiny_sweep

BITS = 3


def small_calls():
    """Several batches of one shape each, so that little is compiled."""
    return tiny_sweep.small_calls(shapes=1)


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


@ft.cache
def evaluated(search, **options):
    """What the statistics of a search are made of."""
    inputs = opened(search, **options)[1].searched
    with small_calls(), searching.opened(None) as kept:
        made = searching.planned(inputs)
        losses = searching.evaluate(made, kept, int)
        return search_results.measured(
            inputs.corpus,
            sweep.evaluation(made, losses),
            inputs.lattice,
            chosen=inputs.chosen,
            objective=inputs.search.objective,
            effective_bits=0.0 * inputs.lattice.n_bytes,
            seed=inputs.seed,
        )


def begun(search, directory, *, overwrite=False, resume=False, means=None):
    """Settings, inputs and a run in a directory, of what is in the present one."""
    from jaxdisp.report import runs

    wanted = settings(search)
    inputs = run_settings.open_inputs(wanted, means)
    configuration = run_settings.configuration(wanted, inputs)
    options = {"overwrite": overwrite, "resume": resume}
    return wanted, inputs, runs.begin_together(directory, configuration, **options)


@contextlib.contextmanager
def interrupted(monkeypatch, after):
    """Interrupts a search when it stores something after so many times."""
    from jaxdisp.search import store

    done, put = [], store.put

    def counted(*args):
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(None)
        put(*args)

    with monkeypatch.context() as patched:
        patched.setattr(store, "put", counted)
        yield done
