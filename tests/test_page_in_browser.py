"""The page of the embedded model in headless Chromium, as a reader would open it.

`JAXDISP_RUN` names a finished run whose page is looked at instead of a small one's, and
`JAXDISP_SCREENSHOTS` the directory where pictures of the whole page are kept.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from tests.command_line import environment

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
playwright = pytest.importorskip(
    "playwright.sync_api", reason="needs the Python package playwright"
)
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright",
    reason="needs the Python package axe-playwright-python",
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs chromium, chromium-browser or google-chrome on PATH"
)

VIEWS = [(width, scheme) for width in (390, 1280) for scheme in ("light", "dark")]
SMALL = (
    "run --languages en,he,sw --limit 4 --layer-limit 2 --set-limit 0 --clip-limit 2 "
    "--hypotheses T-001 --few-limit 2 --no-causes --no-claims"
)
TEXTS_OF_FIGURES = """() => {
  const light = parts => {
    const [r, g, b] = parts.map(part => part / 255).map(
      part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parts = colour => colour.match(/[0-9.]+/g).slice(0, 3).map(Number);
  const paper = light(parts(getComputedStyle(document.body).backgroundColor));
  const inside = (text, box) => text.left >= box.left - 1 && text.right <= box.right + 1
    && text.top >= box.top - 1 && text.bottom <= box.bottom + 1;
  return [...document.querySelectorAll('figure svg')].flatMap(svg => {
    const maps = [...svg.querySelectorAll('image')].map(
      each => each.getBoundingClientRect());
    return [...svg.querySelectorAll('text')].filter(text => !maps.some(
      map => inside(text.getBoundingClientRect(), map))).map(text => {
        const own = light(parts(getComputedStyle(text).fill));
        const [high, low] = own > paper ? [own, paper] : [paper, own];
        return [(high + 0.05) / (low + 0.05), text.textContent];
      });
  });
}"""
"""Contrast of each text of a figure with the paper, but for what lies on maps."""
TOO_WIDE = """() => [...document.querySelectorAll('body *')].filter(
  each => !each.closest('.scroll') && !each.closest('.skip')
    && each.getBoundingClientRect().right > innerWidth + 1
).map(each => each.outerHTML.slice(0, 200))"""
"""Elements that stick out of the page and are not in a box that scrolls."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    if "JAXDISP_RUN" in os.environ:
        return pathlib.Path(os.environ["JAXDISP_RUN"])
    made = tmp_path_factory.mktemp("page") / "run"
    command = [sys.executable, "-m", "jaxdisp.cli", *SMALL.split(), "--output", made]
    subprocess.run(command, check=True, capture_output=True, env=environment())
    return made


@pytest.fixture(scope="module")
def page_file(directory, tmp_path_factory):
    """The page alone in a directory: it needs nothing beside it."""
    alone = tmp_path_factory.mktemp("alone") / "report.html"
    alone.write_bytes((directory / "report.html").read_bytes())
    return alone


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory):
    kept = os.environ.get("JAXDISP_SCREENSHOTS")
    made = pathlib.Path(kept) if kept else tmp_path_factory.mktemp("screenshots")
    made.mkdir(parents=True, exist_ok=True)
    return made


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module", params=VIEWS, ids=lambda view: f"{view[0]}-{view[1]}")
def view(request, browser, page_file, screenshots):
    """The opened page, with what it said and asked for; a picture of it is kept."""
    width, scheme = request.param
    opened = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    said, asked = [], []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("dialog", lambda dialog: said.append(dialog.message))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(page_file.as_uri(), wait_until="networkidle")
    opened.screenshot(
        path=str(screenshots / f"report-{width}-{scheme}.png"), full_page=True
    )
    yield opened, said, asked
    opened.close()


def test_it_says_nothing_on_the_console(view):
    _, said, _ = view
    assert not said


def test_it_asks_for_nothing_but_itself(view, page_file):
    _, _, asked = view
    outside = [each for each in asked if not each.startswith("data:")]
    assert outside == [page_file.as_uri()]


def test_nothing_sticks_out_of_the_page(view):
    opened, _, _ = view
    width, inner = opened.evaluate(
        "[document.documentElement.scrollWidth, window.innerWidth]"
    )
    assert width <= inner
    assert not opened.evaluate(TOO_WIDE)


def test_rules_of_accessibility_are_kept(view):
    """All that axe checks, contrast of 4.5 among it, with folds open."""
    opened, _, _ = view
    size = opened.viewport_size["width"]
    dark = opened.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    if dark != (size == 390):
        pytest.skip("axe takes long: it looks at each width and scheme once")
    opened.evaluate(
        "document.querySelectorAll('details').forEach(each => each.open = true)"
    )
    found = axe.Axe().run(
        opened,
        context={"exclude": [["figure svg > *"]]},
        options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]},
    )
    broken = [
        (each["id"], [node["html"][:200] for node in each["nodes"]][:3])
        for each in found.response["violations"]
    ]
    assert not broken


def test_text_of_figures_is_legible(view):
    opened, _, _ = view
    contrasts = opened.evaluate(TEXTS_OF_FIGURES)
    assert contrasts
    assert not [(ratio, text) for ratio, text in contrasts if ratio < 4.5]


def test_all_figures_are_described(view):
    opened, _, _ = view
    described = opened.evaluate(
        """() => [...document.querySelectorAll('figure svg')].map(svg =>
        svg.getAttribute('aria-labelledby').split(' ').map(
          id => document.getElementById(id).textContent))"""
    )
    assert described
    for title, alt in described:
        assert len(title) > 5
        assert len(alt) > 30


def test_both_schemes_differ_and_print_is_light(browser, page_file):
    seen = {}
    for scheme, medium in (("light", "screen"), ("dark", "screen"), ("dark", "print")):
        opened = browser.new_page(color_scheme=scheme)
        opened.goto(page_file.as_uri())
        opened.emulate_media(media=medium, color_scheme=scheme)
        seen[scheme, medium] = opened.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        opened.close()
    assert seen["light", "screen"] == seen["dark", "print"] == "rgb(255, 255, 255)"
    assert seen["dark", "screen"] == "rgb(20, 24, 28)"
