"""What the embedded model promises: its size, its languages, and what it learned."""

import pathlib

import numpy as np
import pytest

from jaxdisp import measure, models
from jaxdisp.measure import corpus
from jaxdisp.models import model as opening

NTREX = pathlib.Path(__file__).parents[2] / "shared" / "data" / "ntrex"


def test_size_and_languages():
    files = [path for path in opening.EMBEDDED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 16 * 2**20
    model = models.load()
    assert model.config.n_layers == 12
    assert set(model.training_bytes) == set(measure.load_corpus().languages)
    assert max(model.training_bytes.values()) > 10 * min(model.training_bytes.values())


@pytest.mark.shared
def test_english_it_was_not_trained_on():
    if not NTREX.is_dir():
        pytest.skip(f"needs NTREX-128 in {NTREX}")
    model = models.load()
    text = corpus.keep(measure.load_corpus(NTREX, ["en"]), range(1750, 1900))
    found = measure.evaluate(model, text, [[0] * model.config.n_layers], [])
    bits = float(np.sum(found.nll)) / np.log(2)
    assert bits / int(np.sum(found.n_bytes)) < 2.6
