"""The figure on agreement shows the rows that it is given."""

import numpy as np

from jaxdisp.report.hypotheses.morphological_agreement import figure


def rows(n_taps=4):
    languages = [
        {
            "language": name,
            "group": group,
            "share_units": share,
            "share_low": share - 0.1,
            "share_high": share + 0.1,
            "share_units_quantized": share - 0.05,
            "share_units_shuffled": 0.5,
        }
        for name, group, share in (
            ("en", "other", 0.8),
            ("he", "rich", 0.6),
            ("hi", "", 0.7),
        )
    ]
    layers = [
        {
            "tap": tap,
            "difference": 0.1 * tap,
            "difference_low": 0.1 * tap - 0.1,
            "difference_high": 0.1 * tap + 0.1,
            "difference_quantized": 0.05 * tap,
            "difference_quantized_low": 0.05 * tap - 0.1,
            "difference_quantized_high": 0.05 * tap + 0.1,
        }
        for tap in range(n_taps)
    ]
    probes = [
        {
            "tap": tap,
            "accuracy": 0.8,
            "control": 0.6,
            "selectivity_low": 0.1,
            "selectivity_high": 0.3,
        }
        for tap in range(n_taps)
    ]
    return {"languages": languages, "layers": layers, "probes": probes}


def test_languages_are_in_order_of_their_shares():
    axes = figure(rows()).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["he (rich)", "hi", "en (other)"]
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [60, 70, 80])


def test_layers_and_probes_are_drawn_by_tap():
    _, layers, probes = figure(rows()).axes
    np.testing.assert_allclose(layers.lines[0].get_ydata(), [0, 0.1, 0.2, 0.3])
    np.testing.assert_allclose(layers.lines[1].get_ydata(), [0, 0.05, 0.1, 0.15])
    np.testing.assert_allclose(probes.lines[0].get_ydata(), [80] * 4)
    (gaps,) = (each for each in probes.collections)
    np.testing.assert_allclose(gaps.get_segments()[0][:, 1], [70, 90])


def test_without_probes_the_rest_is_drawn():
    drawing = figure(rows() | {"probes": []})
    assert len(drawing.axes) == 3
