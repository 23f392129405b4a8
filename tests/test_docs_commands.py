"""Every command of the documentation and of the help is carried out."""

import re

import pytest

from tests import documented_blocks
from tests import documented_commands as documented

PAGES = [page for page in documented.pages() if page.startswith("docs/")]
FOUND = {page: documented.of_page(page) for page in PAGES}
FOUND["--help"] = documented.of_help()
COMMANDS = [(page, number) for page in FOUND for number in range(len(FOUND[page]))]


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    return {
        page: documented.Directory(tmp_path_factory.mktemp("page"), FOUND[page])
        for page in FOUND
    }


@pytest.mark.parametrize(
    ("page", "number"),
    COMMANDS,
    ids=[
        f"{page}-{number}-{'-'.join(FOUND[page][number].text.split()[:2])}"
        for page, number in COMMANDS
    ],
)
def test_command_is_carried_out(page, number, directories):
    documented.assert_carried_out(directories[page], number)


@pytest.mark.parametrize("page", documented.pages())
def test_no_command_is_overlooked(page):
    """By a rule much cruder than the one that finds them."""
    text = (documented.ROOT / page).read_text(encoding="utf-8")
    crude = re.findall(r"^(?:    |- +|\$ | +\$ )(jaxdisp [a-z].*)$", text, re.MULTILINE)
    found = {command.text.split("  #")[0] for command in documented.of_page(page)}
    for line in crude:
        if line.endswith("\\"):
            line = line[:-1]
        line = re.split(r" +#", line)[0].strip()
        assert any(each.startswith(line) for each in found), line


@pytest.mark.parametrize("page", documented.pages())
def test_commands_within_prose_exist(page):
    text = (documented.ROOT / page).read_text(encoding="utf-8")
    for command in documented_blocks.inline(text):
        assert documented.unknown(command) is None, command


@pytest.mark.parametrize("page", PAGES)
def test_outputs_say_how_they_are_compared(page):
    text = (documented.ROOT / page).read_text(encoding="utf-8")
    for command in documented_blocks.commands(page, text):
        assert command.marked or not command.shown, f"no <!-- output --> {command}"


@pytest.mark.parametrize("page", PAGES)
def test_python_examples_run(page, tmp_path, monkeypatch):
    text = (documented.ROOT / page).read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in documented_blocks.blocks(text):
        if block.language == "python":
            where = f"{page}:{block.first}"
            exec(compile("\n".join(block.lines), where, "exec"), names)


@pytest.mark.parametrize("command", documented.of_help(), ids=lambda each: each.text)
def test_examples_of_help_exist(command):
    assert documented.unknown(command.text) is None
