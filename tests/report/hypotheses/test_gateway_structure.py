"""The figure of T-005 from rows written by hand, some numbers of which are missing."""

from jaxdisp.claims.gateway_structure import STATISTICS
from jaxdisp.report import drawing
from jaxdisp.report.hypotheses import gateway_structure


def tables():
    return {
        "layers": [
            {
                "weights": weights,
                "layer": layer,
                "gateway": "yes" if layer in {0, 7, 9} else "no",
            }
            | dict.fromkeys(STATISTICS, 2.0 + layer)
            | {"exponent": None}
            for weights in ("model", "shuffled")
            for layer in range(10)
        ],
        "tests": [
            {"weights": "model", "statistic": "stable_rank", "corrected_p": 0.04},
            {"weights": "shuffled", "statistic": "stable_rank", "corrected_p": 1.0},
        ],
    }


def test_statistics_are_drawn_and_those_without_numbers_are_empty():
    figure = gateway_structure.figure(tables())
    panels = figure.axes
    assert panels[2].get_title() == "stable rank, corrected p 0.04"
    null, others, chosen = panels[0].lines
    assert list(null.get_xdata()) == list(range(10))
    assert list(others.get_xdata()) == [1, 2, 3, 4, 5, 6, 8]
    assert list(chosen.get_ydata()) == [2, 9, 11]
    assert panels[3].get_yscale() == "log"
    assert all(len(line.get_xdata()) == 0 for line in panels[4].lines)
    assert drawing.drawn("a", figure).keys() == {
        f"figures/a.{kind}" for kind in ("svg", "png", "pdf")
    }
