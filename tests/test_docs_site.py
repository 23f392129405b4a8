"""The documentation as a site: built strictly, without a network, complete."""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import pytest
import typer.main

from jaxdisp import cli

ROOT = pathlib.Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").rglob("*.md"))

FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video)\b[^>]*\bsrc=[\"']?(?:https?:)?//"
    r"|<link\b[^>]*\bhref=[\"']?(?:https?:)?//"
    r"|@import\s+[\"']?https?:|url\([\"']?(?:https?:)?//"
)
"""What a browser would fetch from elsewhere."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs")
    made = tmp_path_factory.mktemp("site")
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.getenv("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", made],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return made


def read(path):
    return path.read_text(encoding="utf-8")


def test_nothing_is_fetched(site):
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        assert not (found := FETCHED.search(read(path))), f"{path}: {found}"


def test_what_would_be_fetched_is_found():
    for text in (
        '<script src="https://x.org/a.js">',
        "<link rel=stylesheet href=//x.org/a.css>",
        "body { background: url(https://x.org/a.png) }",
    ):
        assert FETCHED.search(text)
    assert not FETCHED.search('<a href="https://x.org">there</a> <img src="a.png">')


def test_formulas_are_shown_without_a_script(site):
    page = read(site / "theory.html")
    written = read(ROOT / "docs" / "theory.md")
    shown = re.sub(r"`[^`]*`", "", written)
    blocks = shown.count("$$") // 2
    inline = (shown.count("$") - 4 * blocks) // 2
    assert page.count("<math") == blocks + inline
    assert page.count('display="block"') == blocks
    assert "arithmatex" not in page
    assert not re.search(r"\\[A-Za-z]+\{", page)


def test_every_page_of_the_interface_is_there(site):
    room = read(site / "api" / "stats" / "bca.html")
    assert "<strong>Reference:</strong>" in room
    for path in (ROOT / "jaxdisp" / "measure").glob("[a-z]*.py"):
        assert (site / "api" / "measure" / f"{path.stem}.html").is_file()
    assert not (site / "api" / "claims" / "ledger").exists()


def commands():
    """Names of all commands, of groups too."""
    found = typer.main.get_command(cli.app).commands
    return sorted(found), [
        f"{name} {inner}"
        for name, command in found.items()
        for inner in getattr(command, "commands", {})
    ]


@pytest.mark.parametrize("name", commands()[0])
def test_every_command_has_a_page_with_its_options(name, site):
    source = read(ROOT / "docs" / "commands" / f"{name}.md")
    page = read(site / "commands" / f"{name}.html")
    inner = [each for each in commands()[1] if each.startswith(f"{name} ")]
    command = typer.main.get_command(cli.app).commands[name]
    for each in inner or [name]:
        assert f"<!-- options of {each} -->" in source
    for parameter in () if inner else command.params:
        if parameter.name != "help" and parameter.opts[0].startswith("--"):
            assert f"<code>{parameter.opts[0]}</code>" in page, parameter.opts


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_files_that_are_named_exist(path):
    named = r"`((?:jaxdisp|tests|analyses|notebooks|benchmarks|docs)/[\w./]+)`"
    for name in re.findall(named, read(path)):
        assert (ROOT / name).exists(), name


@pytest.fixture(scope="module")
def mathematics():
    pytest.importorskip("latex2mathml")
    pytest.importorskip("mkdocs")
    path = ROOT / "docs" / "hooks" / "mathematics.py"
    spec = importlib.util.spec_from_file_location("mathematics", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_formulas(mathematics):
    made = mathematics.mathml(r"\mathbb E\lVert x\rVert^2", display=False)
    assert "<mi>\N{MATHEMATICAL DOUBLE-STRUCK CAPITAL E}</mi>" in made
    assert made.count('<mo stretchy="false">&#x02016;</mo>') == 2
    assert "<msup>" in made
    made = mathematics.mathml(r"a \le 1 \tag{3}", display=True)
    assert "<mtext>(3)</mtext>" in made
    made = mathematics.mathml(r"\min\Bigl\lbrace a\Bigr\rbrace", display=False)
    assert "{" in made
    assert "\\" not in made


def test_a_formula_that_is_not_understood_is_an_error(mathematics):
    with pytest.raises(ValueError, match="undreamt"):
        mathematics.mathml(r"\undreamt{x}", display=False)
