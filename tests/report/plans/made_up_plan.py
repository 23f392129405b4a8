"""A plan of every kind of entry, for any small model of three layers."""

import functools as ft
import pathlib
import tempfile

from jaxdisp import models
from jaxdisp.models import Quantizer
from jaxdisp.models.modules import modules
from jaxdisp.report.plans import plan as plans
from tests.models import small

COARSE = Quantizer(bits=3)
FINE = Quantizer(
    bits=5,
    grid="affine",
    granularity="channel",
    include=("matrices", "embeddings", "head"),
)


ROW = {
    "language": "en",
    "n_tokens": 10,
    "loss_per_token": 2.5,
    "full_per_token": 2.25,
    "loss_per_sentence": 25.0,
    "d_sent": 2.5,
    "d_sent_low": None,
    "d_sent_high": 3,
}
PREDICTED = {
    "dtype": "float32",
    "corpus": {"source": "c", "digest": "0", "n_sentences": 1, "languages": ["en"]},
    "languages": [ROW],
}


@ft.cache
def model():
    with tempfile.TemporaryDirectory() as directory:
        return models.load(small.write(pathlib.Path(directory)))


def matrices(model, layer):
    """Names of the modules of a layer's matrices."""
    found = modules(model.architecture, model.config)
    return [
        name
        for name, held in found.items()
        if any(t.role == "matrix" and t.stacked and n == layer for t, n in held)
    ]


def plan(model, **changes):
    """Layer 1 protected but for a matrix, one of layer 2 rounded more finely."""
    usual = {
        "model": plans.target(model),
        "quantizers": (COARSE, FINE),
        "assignment": (1, 0, 1),
        "outside": 2,
        "exceptions": {matrices(model, 1)[-1]: 1, matrices(model, 2)[0]: 2},
    }
    return plans.Plan(**usual | changes)
