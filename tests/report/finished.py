"""Finished runs of tiny models, whose losses are real, and results written by hand."""

from jaxdisp.models import Quantizer
from jaxdisp.report import jobs, runs
from jaxdisp.report import settings as run_settings
from jaxdisp.report.recorded import Recorded
from jaxdisp.report.search_lattice import Search
from tests.measure import tiny

LAYERS = 3


def prepare(place):
    """A model and a corpus that settings with relative paths name."""
    tiny.write_model(place / "model", n_layer=LAYERS)
    tiny.write_corpus(place / "corpus")


def settings(command="measure", **changes):
    """Settings that are tiny, of a model and a corpus in the current directory."""
    usual = {
        "model": "model",
        "revision": None,
        "corpus": "corpus",
        "languages": None,
        "quantizer": Quantizer(bits=3),
        "limit": None,
        "reference": None,
        "seed": 1,
    }
    return run_settings.Settings(command=command, **usual | changes)


def complete(**changes):
    """Settings of a run with all parts that are evaluated anew."""
    parts = {"layer_limit": 5, "set_limit": 8, "clip_limit": 4}
    return settings("run", search=Search(keep=1, bits=(3,)), **parts | changes)


def execute(directory, wanted):
    """Does what settings ask for, into a directory."""
    inputs = run_settings.open_inputs(wanted)
    configuration = run_settings.configuration(wanted, inputs)
    run = runs.begin(directory, configuration, overwrite=False)
    return jobs.execute(wanted, inputs, run)


def recorded(directory, losses, config=None, **changes):
    """A run written by hand: its losses, and nothing that costs time."""
    rows = [
        {"language": name, "training_bytes": None, "d_sent": 0.0}
        for name in losses["languages"]
    ]
    found = {
        "command": "measure",
        "model": "model",
        "architecture": "gpt2",
        "dtype": "float32",
        "quantizer_in_words": "4 bits",
        "seed": 1,
        "corpus": "corpus",
        "hashes": {"weights": "aa", "tokenizer": "bb", "corpus": "cc"},
        "sentence_losses": losses,
        "degradation": rows,
        "disparity": {"contrast": None},
    }
    return Recorded(
        directory=directory,
        config=config or {"reference": None},
        found=found | changes,
        environment={"arguments": []},
    )
