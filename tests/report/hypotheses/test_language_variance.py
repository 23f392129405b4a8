"""The figure of T-003 from rows written by hand."""

import numpy as np

from jaxdisp.report import drawing
from jaxdisp.report.hypotheses import language_variance


def rows():
    return [
        {
            "statistic": statistic,
            "layer": layer,
            "gateway": "yes" if layer in {0, 6, 7} else "no",
            "excess": 0.1 * layer,
            "low": 0.1 * layer - 0.05,
            "high": 0.1 * layer + 0.05,
            "shuffled_low": -0.01,
            "shuffled_high": 0.02,
        }
        for statistic in ("means", "spreads")
        for layer in range(8)
    ]


def test_layers_are_drawn_with_their_intervals():
    figure = language_variance.figure({"layers": rows()})
    left, right = figure.axes
    assert left.get_ylabel() == "share of the variance of tokens"
    assert right.get_ylabel() == "squared nats per channel"
    _, others, chosen, _ = left.lines
    assert list(others.get_xdata()) == [1, 2, 3, 4, 5]
    assert list(chosen.get_xdata()) == [0, 6, 7]
    intervals = left.collections[1].get_segments()
    np.testing.assert_allclose(intervals[0][:, 1], [0.05, 0.15])
    assert drawing.drawn("a", figure).keys() == {
        f"figures/a.{kind}" for kind in ("svg", "png", "pdf")
    }
