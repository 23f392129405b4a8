"""Figures of clipping: what they show, and that the same rows give the same bytes."""

import numpy as np
import pytest

from jaxdisp.report import clip_plots, drawing, law_thresholds
from tests.report import test_clip_tables, tiny_clip

LANGUAGES = ("ru", "de", "en")


@pytest.fixture(autouse=True)
def _laws_that_cost_nothing(monkeypatch):
    monkeypatch.setattr(law_thresholds, "by_kurtosis", tiny_clip.by_kurtosis)


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_losses_by_rule_with_the_hardest_hit_language_on_top():
    compared = test_clip_tables.compared()
    figure = clip_plots.comparison_figure(compared, title="3 bits")
    losses, change = figure.axes
    labels = [label.get_text() for label in losses.get_yticklabels()]
    assert labels == ["en", "de", "ru"]  # which lose 3, 2 and 1 with absmax
    rules = [line for line in losses.lines if len(line.get_xdata()) == 3]
    assert len(rules) == len(test_clip_tables.RULES)
    np.testing.assert_array_equal(rules[0].get_xdata(), [3, 2, 1])
    np.testing.assert_array_equal(rules[4].get_xdata(), np.array([3, 2, 1]) / 5)
    segments = losses.collections[0].get_segments()
    assert [s[:, 0].tolist() for s in segments] == [
        [2.75, 3.25],
        [1.75, 2.25],
        [0.75, 1.25],
    ]
    effects = [line for line in change.lines if len(line.get_xdata()) == 3]
    assert len(effects) == 2
    against_average = np.array([0.5, 0.125, -1.0])
    np.testing.assert_array_equal(effects[0].get_xdata(), against_average + 0.0625)
    np.testing.assert_array_equal(effects[1].get_xdata(), against_average)
    names = legend(change) if change.get_legend() else []
    assert len(names) in (0, 2)
    texts = legend(losses) if losses.get_legend() else []
    assert len(texts) in (0, len(test_clip_tables.RULES))
    assert len(texts) + sum(len(t.get_texts()) for t in figure.legends) > 0
    assert figure.get_suptitle() == "3 bits"


def test_intervals_may_be_missing():
    compared = test_clip_tables.compared()
    for row in compared["degradation"]:
        row["d_sent_low"] = row["d_sent_high"] = None
    for row in compared["differences"]:
        row["effect_low"] = row["effect_high"] = None
    assert drawing.drawn("clipping", clip_plots.comparison_figure(compared, title=""))


def test_matrices_lie_among_the_laws():
    matrices = [test_clip_tables.matrix(layer) for layer in range(2)]
    figure = clip_plots.kurtosis_figure(4, matrices, title="a model")
    (axes,) = figure.axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert len(dots) == 1
    assert dots[0].get_xydata().tolist() == [[1.5, 6.0], [1.5, 6.0]]
    assert len(axes.lines) == 4
    assert len(clip_plots.kurtosis_figure(4).axes[0].lines) == 3
    assert axes.get_title() == "a model"


def test_errors_of_a_law_are_drawn(monkeypatch):
    at = np.linspace(1.0, 4.0, 5)
    curve = {"threshold": at, "error": 0.01 + (at - 2) ** 2, "clipping": 0.01 / at}
    curve |= {"rounding": 0.01 * at, "additive_noise": 0.02 + (at - 2) ** 2}
    asked = []

    def curves(family, bits, kurtosis):
        asked.append((family, bits, kurtosis))
        return curve

    monkeypatch.setattr(law_thresholds, "curves", curves)
    found = {
        "law": "student_t",
        "bits": 3,
        "excess_kurtosis": 6.0,
        "in_standard_deviations": {"exact_symmetric": 2.125},
    }
    figure = clip_plots.error_figure(found)
    assert asked == [("student_t", 3, 6.0)]
    (axes,) = figure.axes
    drawn = [line for line in axes.lines if len(line.get_xdata()) == 5]
    assert len(drawn) == 4
    np.testing.assert_array_equal(drawn[0].get_ydata(), curve["error"])
    assert any("2.125" in text.get_text() for text in axes.texts)
    assert "student t law, 3 bits" in axes.get_title()


def test_the_same_rows_give_the_same_bytes():
    one, other = (
        drawing.drawn(
            "clipping",
            clip_plots.comparison_figure(test_clip_tables.compared(), title="t"),
        )
        for _ in range(2)
    )
    assert one == other
    assert list(one) == [f"figures/clipping.{kind}" for kind in ("svg", "png", "pdf")]
