"""How weights are distributed: histograms by kind of matrix, in standard deviations."""

from typing import Any

import numpy as np

from jaxdisp.measure.language_clipping import clipped_tensors
from jaxdisp.models.model import Model, full_weight
from jaxdisp.models.quantized import Quantizer

Rows = list[dict[str, Any]]

FARTHEST, WIDTH = 10.0, 0.2
"""Standard deviations that bins reach, and of one bin."""
EDGES = np.linspace(-FARTHEST, FARTHEST, 1 + round(2 * FARTHEST / WIDTH))


def weight_rows(model: Model, quantizer: Quantizer) -> dict[str, Rows]:
    """Counts the weights that a quantizer rounds, each in its matrix's deviations.

    Definition: of every matrix the weights over its standard deviation (about 0: their
    root mean square), counted in bins of 0.2 over all layers by kind of matrix; what
    lies beyond 10 is in the last bins. Matrices that are all 0 are left out.

    Args:
        model: an open model.
        quantizer: what it rounds.

    Returns:
        `histogram`, bins that hold weights, and `matrices`: the standard deviation of
        each and its largest weight in these.

    Reference: our own definition.
    """
    histogram, matrices = [], []
    for tensor in clipped_tensors(model, quantizer):
        name = ".".join(tensor.path[1:-1])
        counts = np.zeros(len(EDGES) - 1, np.int64)
        stacked = full_weight(model, tensor.path)
        for layer in range(model.config.n_layers):
            weight = np.asarray(stacked[layer], np.float32).ravel()
            sigma = float(np.sqrt(np.mean(np.square(weight, dtype=np.float64))))
            if sigma == 0:
                continue
            largest = float(np.abs(weight).max()) / sigma
            matrices.append(
                {"matrix": name, "layer": layer, "sigma": sigma, "largest": largest}
            )
            inside = np.clip(weight / np.float32(sigma), EDGES[0], EDGES[-1])
            counts += np.histogram(inside, EDGES)[0]
        histogram += [
            {
                "matrix": name,
                "low": round(float(EDGES[place]), 6),
                "high": round(float(EDGES[place + 1]), 6),
                "count": int(counts[place]),
            }
            for place in np.flatnonzero(counts)
        ]
    return {"histogram": histogram, "matrices": matrices}
