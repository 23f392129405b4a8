"""The page of a run: everything that was found, harmless, and in need of nothing."""

import base64
import itertools
import re

import jinja2
import pytest

from jaxdisp.report import degradation_plots, illustration
from jaxdisp.report.page import report
from tests.report.causes.made_up_causes import carried_out, fitted
from tests.report.page import made_up_page
from tests.report.page.parsed import Parsed

EVIL = '<script>alert(1)</script>" onload="alert(1)'
HEBREW = "עברית (ישראל)"
ORDER = (
    "measured",
    "degradation",
    "disparity",
    "layers",
    "search",
    "plan",
    "clipping",
    "hypotheses",
    "causes",
    "claims",
    "limits",
    "registration",
    "provenance",
)
ALWAYS = {"measured", "degradation", "disparity", "limits", "provenance"}


def rendered(found=None, names=tuple(made_up_page.FIGURES), text="text"):
    found = made_up_page.found() if found is None else found
    drawn, files = made_up_page.figures(names, text)
    return report.written(found, made_up_page.ENVIRONMENT, drawn, files).decode()


@pytest.fixture(scope="module")
def source():
    return rendered()


@pytest.fixture(scope="module")
def page(source):
    return Parsed(source)


def sections(page):
    return [each["aria-labelledby"] for each in page.of("section")]


def test_sections_come_in_their_order_and_in_the_contents(page):
    assert sections(page) == list(ORDER)
    links = [link for link in page.attributes("href") if link.startswith("#")]
    contents = [link[1:] for link in links if link[1:] in ORDER]
    assert list(dict.fromkeys(contents[-len(ORDER) :])) == list(ORDER)


def test_links_within_the_page_lead_somewhere_and_ids_are_unique(page):
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    targets = {link[1:] for link in page.attributes("href") if link.startswith("#")}
    targets |= {
        name for each in page.attributes("aria-labelledby") for name in each.split()
    }
    assert targets <= set(ids)


def test_headings_are_in_order(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_numbers_are_shown_with_intervals(page):
    text = " ".join(page.text.split())
    for said in (
        "ru loses most, 3.00 [2.75, 3.25] nats per parallel sentence, against 2.00 "
        "[1.75, 2.25] in the mean of 3 languages",
        "ru loses 2.12 [1.65, 2.72] times as much as de en",  # e to the 0.75
        "insufficient evidence",
        "4.8 million parameters, 2 layers",
        "0 and 11 save together.",
        "Layer 0 is kept.",
        "The plan: 2.0 MB, 1.0 MB with nothing protected, 4.0 MB in full precision. "
        "The worst language, ru, loses 1.00 [0.75, 1.25] nats per sentence",
        "worst language 1.00 [0.75, 1.25] 3.00 [2.75, 3.25] 2.12 [1.88, 2.38]",
        "low minus high resource 0.75 [0.50, 1.00] 1.50 [1.25, 1.75] -",
        "jaxdisp run --corpus 'a directory' --limit 8",
        "61.5 seconds",
        "0123abcd",
        "not given",
        "Caption of causes_effects",
    ):
        assert said in text, said


def test_nothing_is_shown_empty_or_as_a_missing_value(page):
    for word in ("None", "nan", "NaN", "undefined", "Undefined", "{{", "}}"):
        cells = re.findall(rf"(?<![\w]){re.escape(word)}(?![\w])", page.text)
        allowed = 1 if word == "None" else 0  # "None of the sets is more equal"
        assert len(cells) <= allowed, word
    for tag in ("td", "th", "p", "li", "dd", "dt", "caption", "figcaption", "h2", "h3"):
        assert page.of(tag), tag
    empty = re.compile(r"<(td|th|p|li|dd|dt|caption|summary|h2|h3|ul|dl)[^>]*>\s*</\1>")
    assert not empty.findall(rendered())


@pytest.mark.parametrize("left_out", made_up_page.PARTS)
def test_a_part_that_is_missing_leaves_no_trace(left_out):
    parts = [name for name in made_up_page.PARTS if name != left_out]
    page = Parsed(rendered(made_up_page.found(parts), ("degradation",)))
    assert left_out not in sections(page)
    assert set(sections(page)) == set(ORDER) - {left_out}


def test_of_the_barest_run_only_what_was_measured_is_shown():
    page = Parsed(rendered(made_up_page.found(()), ("degradation",)))
    assert set(sections(page)) == ALWAYS
    assert len(page.of("figure")) == 1


@pytest.mark.parametrize(
    ("command", "part", "own"),
    [
        ("search", made_up_page.search, "search"),
        ("hypotheses", made_up_page.hypotheses, "hypotheses"),
        ("causal", fitted, "causes"),
        ("causal", lambda: fitted(problems=("R-hat is 1.3",)), "causes"),
        ("intervene", carried_out, "causes"),
        ("claims", lambda: {"claims": made_up_page.claims()}, "claims"),
    ],
)
def test_every_command_has_its_page(command, part, own):
    found = made_up_page.about(command) | part()
    page = Parsed(rendered(found, ()))
    assert sections(page) == ["measured", own, "limits", "provenance"]
    assert report.TITLES[command] in page.text
    assert not page.of("figure")


def test_figures_are_named_captioned_and_linked(page):
    figures, images = page.of("figure"), page.of("svg")
    assert len(figures) == len(images) == len(made_up_page.FIGURES)
    assert len(page.of("figcaption")) == len(figures)
    assert all(each["role"] == "img" for each in images)
    for name in made_up_page.FIGURES:
        assert f"text in {name}" in page.text
        assert f"Caption of {name}" in page.text
        links = page.attributes("href")
        for path in (
            f"tables/{name}.csv",
            f"figures/{name}.pdf",
            f"figures/{name}.png",
        ):
            assert path in links
        (copy,) = [
            link["href"]
            for link in page.of("a")
            if link.get("download") == f"{name}.csv"
        ]
        kind, content = copy.split(",")
        assert kind == "data:text/csv;base64"
        assert base64.b64decode(content) == f"language,{name}\nru,1\n".encode()


def test_large_tables_are_only_linked():
    drawn, files = made_up_page.figures(("degradation",))
    files["tables/degradation.csv"] = b"x" * (report.EMBEDDED_BYTES + 1)
    page = report.written(
        made_up_page.found(()), made_up_page.ENVIRONMENT, drawn, files
    ).decode()
    assert 'href="tables/degradation.csv"' in page
    assert "download=" not in page


def test_nothing_outside_is_referred_to(source, page):
    policy = next(each for each in page.of("meta") if "http-equiv" in each)
    assert policy["content"].startswith("default-src 'none'; ")
    loading = [*page.attributes("src"), *[each["href"] for each in page.of("link")]]
    assert all(link.startswith("data:") for link in loading)
    assert not page.of("script") + page.of("iframe") + page.of("object")
    assert not re.findall(r"https?:|@import|url\((?!#)|srcset", source)
    for link in page.attributes("href"):
        assert re.match(r"#|data:|tables/|figures/", link), link
    styled = [each["style"] for _, each in page.elements if "style" in each]
    assert not [style for style in styled if "url(" in style and "url(#" not in style]


@pytest.mark.parametrize("name", [EVIL, "a & b", "{{ 7 * 7 }}", "</title><b>"])
def test_names_from_outside_are_text_everywhere(name):
    found = made_up_page.about(
        model=name, corpus=name, measured_languages=[name, "de", "en"]
    )
    found |= made_up_page.measured((name, "de", "en"))
    found |= made_up_page.layers((name, "de", "en"))
    drawn, files = made_up_page.figures(("degradation",), name)
    arguments = {"arguments": ["run", "--model", name]}
    text = report.written(
        found, made_up_page.ENVIRONMENT | arguments, drawn, files
    ).decode()
    page = Parsed(text)
    assert not page.of("script") + page.of("b")
    assert not [key for _, attrs in page.elements for key in attrs if key[:2] == "on"]
    assert page.text.count(name) > 8
    assert "49" not in page.text.replace("4.49", "")


def test_hostile_names_stay_text_in_figures_that_are_drawn_of_them():
    found = made_up_page.about(model=EVIL) | made_up_page.measured((EVIL, "de", "en"))
    drawn = degradation_plots.illustrations(found, title=EVIL)[:1]
    files = illustration.written(drawn)
    page = Parsed(report.written(found, {}, drawn, files).decode())
    assert not page.of("script")
    assert not [key for _, attrs in page.elements for key in attrs if key[:2] == "on"]
    inside = [tag for tag, _ in page.elements if tag == "text"]
    assert inside


def test_names_that_run_from_right_to_left_are_set_apart():
    languages = (HEBREW, "de", "en")
    found = made_up_page.about(measured_languages=list(languages))
    found |= made_up_page.measured(languages) | made_up_page.layers(languages)
    source = rendered(found, ())
    body = source[source.index("<body>") :]
    apart = len(
        re.findall(rf"<bdi>(?:[^<]* )?{re.escape(HEBREW)}(?: [^<]*)?</bdi>", body)
    )
    assert apart == body.count(HEBREW) >= 8
    assert f"<title>{report.TITLES['run']}" in source


def test_what_environments_lack_is_left_out():
    found = made_up_page.found(())
    drawn, files = made_up_page.figures(())
    page = Parsed(report.written(found, {}, drawn, files).decode())
    assert "Packages" not in page.text
    assert "Took" not in page.text
    assert "89ef" in page.text  # hashes are in results, too


def test_a_value_that_is_missing_is_no_empty_string():
    templates = report._templates(())
    with pytest.raises(jinja2.UndefinedError, match="title"):
        templates.get_template("page.html.jinja").render(sections=[])


def test_the_same_results_make_the_same_page(source):
    assert rendered() == source
