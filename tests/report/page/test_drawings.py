"""Figures within a page: small, harmless, named, and apart from one another."""

import re

import matplotlib as mpl
import matplotlib.figure
import numpy as np
import pytest

from jaxdisp.report import drawing
from jaxdisp.report.illustration import Illustration
from jaxdisp.report.page import drawings
from tests.report.page.parsed import Parsed

EVIL = "<script>alert(1)</script>"
HEBREW = "עברית"


def illustration(name="shown", **changes):
    with mpl.rc_context(drawing.SETTINGS):
        figure = matplotlib.figure.Figure(figsize=(4, 3))
        axes = figure.subplots()
    return Illustration(
        **{
            "name": name,
            "section": "layers",
            "title": f"title of {EVIL}",
            "alt": f'"{EVIL}" & {HEBREW}',
            "tables": (),
            "figure": figure,
        }
        | changes
    ), axes


def drawn(made):
    svg = drawing.drawn(made.name, made.figure)[f"figures/{made.name}.svg"]
    return drawings.drawing(made, svg)


def test_text_from_outside_stays_text():
    made, axes = illustration()
    axes.set_title(EVIL)
    axes.set_xticks([0, 1], [HEBREW, 'a" onload="alert(1)'])
    page = Parsed(drawn(made).markup)
    assert not page.of("script")
    assert not [
        name for _, attrs in page.elements for name in attrs if name[:2] == "on"
    ]
    for text in (EVIL, HEBREW, 'a" onload="alert(1)', f'"{EVIL}" & {HEBREW}'):
        assert text in page.text
    assert page.within("shown-title") == [f"title of {EVIL}"]
    assert page.within("shown-about") == [f'"{EVIL}" & {HEBREW}']


def test_a_figure_is_named_and_has_no_size_of_its_own():
    made, axes = illustration()
    axes.plot([0, 1])
    page = Parsed(drawn(made).markup)
    (svg,) = page.of("svg")
    assert svg["role"] == "img"
    assert svg["aria-labelledby"] == "shown-title shown-about"
    assert "width" not in svg
    assert svg["style"] == "max-width:384px;min-width:384px"  # 4 inches
    assert "viewbox" in svg
    for absent in ("metadata", "style", "rdf:rdf"):
        assert not page.of(absent)


def test_ids_of_figures_differ_and_lead_somewhere():
    pages = []
    for name in ("one", "two"):
        made, axes = illustration(name)
        axes.plot([0, 1, 4], "o-")
        pages.append(Parsed(drawn(made).markup))
    both = [each for page in pages for each in page.attributes("id")]
    assert len(both) == len(set(both)) > 4
    for name, page in zip(("one", "two"), pages, strict=True):
        used = [link for link in page.attributes("href") if link.startswith("#")]
        clips = [re.findall(r"url\(#(.*?)\)", x) for x in page.attributes("clip-path")]
        used = {link[1:] for link in used} | {x for found in clips for x in found}
        assert used
        assert used <= set(page.attributes("id"))
        assert all(each.startswith(f"{name}-") for each in used)


def test_black_and_white_follow_the_page_and_other_colours_are_variables():
    made, axes = illustration()
    axes.plot([0, 1], color="#2b6a99")
    axes.text(0.5, 0.5, "grey", color="#777777")
    found = drawn(made)
    assert found.marks == {"#2b6a99"}
    assert found.letters == {"#777777"}
    assert "stroke:var(--m-2b6a99)" in found.markup
    assert "fill:var(--t-777777)" in found.markup
    assert "currentColor" in found.markup
    assert "var(--paper)" in found.markup
    assert not re.findall(r"#(?:000000|ffffff)", found.markup)


def test_what_lies_on_cells_is_drawn_as_on_white():
    made, axes = illustration()
    axes.imshow(np.array([[0.0, 1.0], [0.5, 0.25]]), cmap="RdBu_r")
    axes.plot([0], [0], "k.")
    axes.text(1, 1, "on a cell", color="black")
    axes.set_xlabel("beside the cells")
    markup = drawn(made).markup
    (on_cell,) = re.findall(r"<text([^>]*)>on a cell", markup)
    (beside,) = re.findall(r"<text([^>]*)>beside the cells", markup)
    assert "fill:#000000" in on_cell
    assert "#000000" not in beside
    assert re.search(r"<use[^>]*stroke:#000000", markup)
    ground, picture = markup.index('fill="#fff"'), markup.index("<image")
    assert ground < picture
    assert 'href="data:image/png;base64,' in markup


def test_axes_beside_cells_follow_the_page():
    made, axes = illustration()
    axes.set_xlim(0, 1)
    axes.plot([0.5], [0.5], "k.")
    assert "#000000" not in drawn(made).markup


def test_small_figures_are_not_blown_up_and_wide_ones_shrink_to_a_point():
    with mpl.rc_context(drawing.SETTINGS):
        wide = matplotlib.figure.Figure(figsize=(9, 3))
        wide.subplots()
    made, _ = illustration(figure=wide)
    (svg,) = Parsed(drawn(made).markup).of("svg")
    assert svg["style"] == "max-width:864px;min-width:600px"


def test_what_is_no_svg_is_refused():
    made, _ = illustration()
    with pytest.raises(ValueError, match="shown: is no SVG"):
        drawings.drawing(made, b"\x89PNG")
