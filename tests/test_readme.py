"""README and CONTRIBUTING: their commands and examples run as they stand."""

import re

import pytest

from tests import documented_commands as documented

PAGES = ("README.md", "CONTRIBUTING.md")
COMMANDS = [
    (page, number) for page in PAGES for number in range(len(documented.of_page(page)))
]


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    return {
        page: documented.Directory(
            tmp_path_factory.mktemp("page"), documented.of_page(page)
        )
        for page in PAGES
    }


@pytest.mark.parametrize(
    ("page", "number"),
    COMMANDS,
    ids=[f"{page}-{number}" for page, number in COMMANDS],
)
def test_command_is_carried_out(page, number, directories):
    documented.assert_carried_out(directories[page], number)


def test_python_example_runs():
    text = (documented.ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["cube"].nll.shape == (2, 2, 128)
