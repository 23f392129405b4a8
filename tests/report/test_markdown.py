"""The report in Markdown: complete, with intervals, and with text shown as text."""

import markdown_it

from jaxdisp.report import markdown, plots
from tests.report.made_up_report import ENVIRONMENT, LOST, found

READER = markdown_it.MarkdownIt("commonmark").enable("table")


def parsed(text):
    tokens = READER.parse(text)
    return tokens, [part for token in tokens for part in token.children or []]


def test_a_report_has_tables_figures_limits_and_its_command():
    drawn = plots.illustrations(found())
    tokens, inline = parsed(markdown.report(found(), ENVIRONMENT, drawn))
    kinds = {each.type for each in (*tokens, *inline)}
    assert not {"html_block", "html_inline"} & kinds
    images = [part for part in inline if part.type == "image"]
    assert [part.attrs["src"] for part in images] == [
        f"figures/{each.name}.svg" for each in drawn
    ]
    assert ["".join(c.content for c in part.children) for part in images] == [
        " ".join(each.alt.split()) for each in drawn
    ]
    cells = [
        "".join(c.content for c in t.children) for t in tokens if t.type == "inline"
    ]
    for name, (lost, low, high) in LOST.items():
        assert " ".join(name.split()) in cells
        assert f"{lost:.2f} [{low:.2f}, {high:.2f}]" in cells
    headings = [cells for cells in cells if cells == "What this cannot say"]
    assert headings
    code = [part.content for part in inline if part.type == "code_inline"]
    assert "jaxdisp run --output 'a`b'" in code
    titles = [t for t in tokens if t.type == "heading_open" and t.tag == "h1"]
    assert len(titles) == 1


def test_links_lead_to_tables_of_the_run():
    drawn = plots.illustrations(found())
    _, inline = parsed(markdown.report(found(), ENVIRONMENT, drawn))
    links = {p.attrs["href"] for p in inline if p.type == "link_open"}
    named = {f"tables/{name}.csv" for each in drawn for name in each.tables}
    assert links == named | {"tables/degradation.csv", "tables/sentences.csv"}
