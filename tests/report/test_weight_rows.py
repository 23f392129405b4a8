"""Histograms of weights: counts by hand, in the deviations of each matrix."""

import numpy as np

from jaxdisp.measure.language_clipping import clipped_tensors
from jaxdisp.models.model import full_weight, load
from jaxdisp.models.quantized import Quantizer
from jaxdisp.report import weight_rows
from tests.measure import tiny


def test_every_weight_is_counted_once_in_its_matrix_s_deviations(tmp_path):
    tiny.write_model(tmp_path)
    model, quantizer = load(str(tmp_path)), Quantizer(bits=4)
    found = weight_rows.weight_rows(model, quantizer)
    tensors = clipped_tensors(model, quantizer)
    assert len(found["matrices"]) == len(tensors) * model.config.n_layers
    for tensor in tensors:
        name = ".".join(tensor.path[1:-1])
        weights = np.asarray(full_weight(model, tensor.path), np.float64)
        own = [row for row in found["histogram"] if row["matrix"] == name]
        assert sum(row["count"] for row in own) == weights.size
        scaled = [each / np.sqrt(np.mean(each**2)) for each in weights]
        near = sum(int(np.sum(np.abs(each) < 1)) for each in scaled)
        inside = [r["count"] for r in own if r["low"] >= -1 and r["high"] <= 1]
        assert abs(sum(inside) - near) <= 2  # float32 at the edges of bins
        sigmas = [r["sigma"] for r in found["matrices"] if r["matrix"] == name]
        known = [np.sqrt(np.mean(each**2)) for each in weights]
        np.testing.assert_allclose(sigmas, known, rtol=1e-6)
        largest = [r["largest"] for r in found["matrices"] if r["matrix"] == name]
        np.testing.assert_allclose(largest, [abs(x).max() for x in scaled], rtol=1e-5)
