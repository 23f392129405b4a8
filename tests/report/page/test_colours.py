"""Contrast, against numbers that others published, and what is made legible."""

import hypothesis
import hypothesis.strategies as st
import pytest

from jaxdisp.report.page import colours

ANY = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#000000", 21.0),
        ("#777777", "#ffffff", 4.48),  # as WebAIM's contrast checker says
        ("#0000ff", "#ffffff", 8.59),
        ("#ff0000", "#ffffff", 4.0),
    ],
)
def test_contrast_is_what_is_published(one, other, expected):
    assert colours.contrast(one, other) == pytest.approx(expected, abs=0.005)


@hypothesis.given(ANY, st.sampled_from([colours.LIGHT, colours.DARK]))
def test_any_colour_is_made_legible_on_either_paper(colour, paper):
    found = colours.legible(colour, paper, colours.TEXT)
    assert colours.contrast(found, paper) >= colours.TEXT
    if colours.contrast(colour, paper) >= colours.TEXT:
        assert found == colour


@hypothesis.given(ANY)
def test_letters_are_legible_and_marks_seen_on_dark_paper(colour):
    letters = colours.on_dark(colour, letters=True)
    assert colours.contrast(letters, colours.DARK) >= 4.5
    assert colours.contrast(colours.on_light(colour, letters=True), "#ffffff") >= 4.5
    assert colours.on_light(colour, letters=False) == colour


def test_what_recedes_on_white_recedes_on_dark():
    seen = [
        colours.contrast(colours.on_dark(grey, letters=False), colours.DARK)
        for grey in ("#f8f8f8", "#dddddd", "#bbbbbb")
    ]
    assert 1 < seen[0] < seen[1] < seen[2] < 3
    assert colours.contrast(colours.on_dark("#2b6a99", letters=False), "#14181c") > 4.4
