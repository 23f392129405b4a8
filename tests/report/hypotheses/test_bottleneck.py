"""The figure of T-007 from rows written by hand, one language without numbers."""

from jaxdisp.report import drawing
from jaxdisp.report.hypotheses import bottleneck


def tables():
    return {
        "layers": [
            {
                "layer": layer,
                "three_quarter": "yes" if layer == 3 else "no",
                "dimension": 10.0 + layer,
                "low": 9.0 + layer,
                "high": 11.0 + layer,
                "shuffled": 20.0,
                "lost": 0.1 * layer,
            }
            for layer in range(5)
        ],
        "languages": [
            {
                "language": language,
                "layer": layer,
                "dimension": None if language == "sw" else 5.0 + layer,
            }
            for language in ("de", "en", "sw")
            for layer in range(5)
        ],
    }


def test_layers_and_languages_are_drawn():
    figure = bottleneck.figure(tables())
    left, right = figure.axes
    # two languages, all of them, the control, and the layer at three quarters
    assert [len(line.get_xdata()) for line in left.lines] == [5, 5, 5, 5, 1]
    (at,) = left.lines[-1].get_xydata()
    assert list(at) == [3, 13]
    assert sorted(text.get_text() for text in right.texts) == list("01234")
    assert drawing.drawn("a", figure).keys() == {
        f"figures/a.{kind}" for kind in ("svg", "png", "pdf")
    }
