"""The page of a run: complete, and in need of nothing beside it."""

import re

import jinja2
import pytest

from jaxdisp.report import page
from tests.report.test_tables import entries, row

SUMMARY = {
    "title": "A title",
    "summary": "4 bits & more",
    "command": "run",
    "provenance": "weights 0123",
}
FIGURES = {
    "figures/degradation.png": b"one",
    "figures/degradation.svg": b"<svg/>",
    "figures/layers.png": b"two",
}


def found(**changes):
    return {
        "degradation": [row(), row(language="<en>", flag="")],
        "disparity": entries(),
        "n_groups": 4,
        "left_out_lines": [],
    } | changes


def sets(count):
    return [
        {
            "rank": rank,
            "layers": [0, rank],
            "worst": 2.0 + rank,
            "worst_low": 2.0,
            "worst_high": 20.0,
            "worst_language": "ru",
            "mean": 1.0,
            "mean_low": None,
            "mean_high": None,
            "max_min": 0.5,
            "max_min_low": 0.25,
            "max_min_high": 0.75,
            "levelling_down": rank == 2,
        }
        for rank in range(1, count + 1)
    ]


def rendered(**changes):
    content = page.content(SUMMARY, found(**changes), entries()["contrast"])
    return page.render(content, FIGURES).decode()


def test_only_what_was_measured_is_shown():
    text = rendered()
    assert text.count("<img") == 1
    assert "data:image/png;base64,b25l" in text  # "one"
    assert "3.00 [2.75, 3.25]" in text
    assert "4 bits &amp; more" in text
    assert "&lt;en&gt;" in text
    assert "<en>" not in text
    assert "Low and high: ru and en, de: r." in text
    assert "over 4 texts." in text
    for absent in ("Which layers", "to protect", "too long"):
        assert absent not in text


def test_everything_that_was_measured_is_shown():
    text = rendered(
        layers=[{}],
        layer_sentences=6,
        protection_sets=sets(12),
        set_sentences=5,
        unprotected={"worst": {"estimate": 9.0, "low": 8.0, "high": 10.0}},
        gateway="The claimed set ranks 7.",
        left_out_lines=[3, 5],
    )
    assert text.count("<img") == 2
    assert "data:image/png;base64,dHdv" in text  # "two"
    assert "Measured on 6 sentences" in text
    assert "All 12 sets of 2 layers were measured on 5" in " ".join(text.split())
    assert "9.000 [8.000, 10.000]" in text
    assert "The claimed set ranks 7." in text
    assert "2 sentences were too long" in text
    assert text.count("<td>ru</td>") == 2 + page.LISTED  # twice above the best sets
    assert "1.000 [no interval]" in text


def test_nothing_outside_is_referred_to():
    text = rendered(layers=[{}], layer_sentences=6)
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", text)
    assert not re.findall(r"https?://|@import|url\(|<script|<link", text)


def test_a_value_that_is_missing_is_no_empty_string():
    content = page.content(SUMMARY, found(), None)
    del content["provenance"]
    with pytest.raises(jinja2.UndefinedError, match="provenance"):
        page.render(content, FIGURES)


def test_cells_of_protection_sets():
    cells = page.set_cells(sets(2))
    assert cells[1] == [
        "0 2",
        "2",
        "ru",
        "4.000 [2.000, 20.000]",
        "1.000 [no interval]",
        "0.500 [0.250, 0.750]",
        "yes",
    ]
    assert len(cells[0]) == len(page.SET_HEADER)
    assert cells[0][-1] == ""
