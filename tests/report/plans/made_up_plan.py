"""A plan of every kind of entry, for any small model of three layers."""

from jaxdisp.models import Quantizer
from jaxdisp.models.modules import modules
from jaxdisp.report.plans import plan as plans

COARSE = Quantizer(bits=3)
FINE = Quantizer(
    bits=5,
    grid="affine",
    granularity="channel",
    include=("matrices", "embeddings", "head"),
)


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
