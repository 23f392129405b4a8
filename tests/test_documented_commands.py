"""What finds documented commands finds them, and sees what is not as documented."""

import dataclasses

import pytest

from tests import documented_blocks
from tests import documented_commands as documented

PAGE = """Text with `jaxdisp measure --json` in it, and `jaxdisp walk`.

    jaxdisp measure --bits 3   # a remark
    other words

- an item

<!-- output: exact -->
```console
$ jaxdisp power --rho 0.7 \\
    --n 12
one   two
---  ----
a       1

$ ls
```

```python
jaxdisp = 1
```
"""


@pytest.fixture
def found():
    return documented_blocks.commands("page.md", PAGE)


def test_commands_are_found_with_what_they_print(found):
    assert [command.text for command in found] == [
        "jaxdisp measure --bits 3",
        "jaxdisp power --rho 0.7 --n 12",
        "ls",
    ]
    assert [command.how for command in found] == ["shape", "exact", "exact"]
    assert [command.marked for command in found] == [False, True, True]
    assert found[1].shown == ("one   two", "---  ----", "a       1")
    lines = PAGE.split("\n")
    for command in found:
        assert (
            command.text.split()[1:2] == []
            or command.text.split()[1] in (lines[command.line - 1])
        )
        assert tuple(lines[slice(*command.lines)]) == command.shown
    assert documented_blocks.inline(PAGE) == ["jaxdisp measure --json", "jaxdisp walk"]


def test_other_output_is_seen(found):
    exact, shape = found[1], dataclasses.replace(found[1], how="shape")
    printed = "one   two\n---  ----\na       1\n"
    assert documented.misses(exact, printed) is None
    assert documented.misses(exact, printed.replace("1", "2")) is not None
    assert documented.misses(shape, printed.replace("1", "2")) is None
    assert documented.misses(shape, printed.replace("two", "2nd")) is not None
    json = dataclasses.replace(shape, shown=("{", '  "a": 1', "}"))
    assert documented.misses(json, '{"b": 2}') is None
    with pytest.raises(ValueError, match="Expecting"):
        documented.misses(json, "no JSON")


def test_what_there_is_not_is_named():
    assert documented.unknown("jaxdisp measure --bits 4") is None
    assert documented.unknown("jaxdisp plan export plan.json --to qwix") is None
    assert documented.unknown("jaxdisp measure --no-such 4") == "--no-such"
    assert documented.unknown("jaxdisp walk") == "walk"


def test_programs_are_not_left_out_without_a_reason(found, tmp_path):
    assert documented.reason(found[2]) is None
    with pytest.raises(AssertionError, match="cannot carry out ls"):
        documented.execute(found[2].text, tmp_path)
    for beginning, why in documented.NOT_EXECUTED.items():
        assert len(why.split()) > 1, beginning


def test_commands_of_one_meaning_are_carried_out_once():
    def effective(text):
        return documented.effective(text.split())

    first = effective("jaxdisp measure --bits 3 --limit 9 --output a --limit 4")
    second = effective("jaxdisp measure --limit 4 --output b --bits 3")
    assert first[0] == second[0]
    assert (first[1], second[1]) == ("a", "b")
    assert effective("jaxdisp measure --limit 4 --json")[0] != second[0]
    assert effective("jaxdisp claims --id A1")[0] != effective("jaxdisp claims")[0]


def test_cheaper_commands_keep_what_is_asked():
    made = documented.carried_out("jaxdisp search --keep 3 --output runs/x")
    assert made.startswith("jaxdisp search --keep 3 --output runs/x --model MODEL")
    for text in (
        "jaxdisp clip --law gaussian --bits 4",
        "jaxdisp power --rho 0.7 --n 12",
        "jaxdisp search --keep 3 --dry-run",
        "jaxdisp run --registered --output runs/x",
        "jaxdisp claims",
    ):
        assert documented.carried_out(text) == text
    made = documented.carried_out("jaxdisp claims --model embedded | head -3")
    assert made.endswith("--few-limit 4 | head -3")
    assert "--id D1" in made


def test_pipes():
    assert documented.piped("a\nb\nc\n", "head -2") == "a\nb\n"
    assert documented.piped('{"a": [{"b": 1}]}', "jq .a[0].b") == "1\n"
    with pytest.raises(KeyError):
        documented.piped('{"a": 1}', "jq .b")
