"""Options from files and presets: what comes first, the round trip, and bad files."""

import subprocess
import sys

import pytest
import yaml

from jaxdisp import cli
from jaxdisp.commands import configuration, examples
from tests.command_line import caller, environment

# the command line's own command names, which typer derives from functions
COMMANDS = [
    command.name or command.callback.__name__ for command in cli.app.registered_commands
]
COMMANDS += [
    f"{group.name} {command.name}"
    for group in cli.app.registered_groups
    for command in group.typer_instance.registered_commands
]
CONFIGURED = ("measure", "run", "hypotheses", "search", "clip", "causal", "intervene")
CONFIGURED += ("claims",)


@pytest.fixture
def call(monkeypatch, capsys):
    return caller(monkeypatch, capsys)


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "options.yaml"
        text = content if isinstance(content, str) else yaml.safe_dump(content)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def printed(call, *arguments):
    code, out, err = call(*arguments, "--print-config")
    assert (code, err) == (0, "")
    return yaml.safe_load(out)


@pytest.mark.parametrize("command", CONFIGURED)
def test_what_is_printed_is_read_back(command, call, file):
    changed = {"languages": "en,he", "seed": 7, "include": "embeddings,head"}
    given = [f"--{name}={value}" for name, value in changed.items()]
    asked = printed(call, command, *given)
    assert changed.items() <= asked.items()
    _, out, _ = call(command, *given, "--print-config")
    assert printed(call, command, "--config", file(out)) == asked


def test_the_command_line_comes_before_the_file_and_that_before_fast(call, file):
    usual = printed(call, "run")
    fast = {name.replace("_", "-"): value for name, value in configuration.FAST.items()}
    assert printed(call, "run", "--fast") == usual | fast
    path = file({"limit": 50, "bits": 3, "claims": True})
    options = ("run", "--fast", "--bits=5", "--config", path)
    asked = printed(call, *options)
    assert asked == usual | fast | {"limit": 50, "bits": 5, "claims": True}
    assert asked == printed(call, "run", "--config", path, "--bits=5", "--fast")


def test_lists_and_what_is_not_given(call, file):
    path = file({"languages": ["en", "he"], "limit": None, "set_limit": 3})
    asked = printed(call, "run", "--config", path)
    assert (asked["languages"], asked["limit"], asked["set-limit"]) == (
        "en,he",
        None,
        3,
    )
    path = file({"ids": ["T-002", "T-005"]})
    assert printed(call, "hypotheses", "--config", path)["ids"] == ["T-002", "T-005"]
    path = file({"id": ["A1", "T5"]})
    assert printed(call, "claims", "--config", path)["id"] == ["A1", "T5"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"bitz": 3}, "no option bitz of jaxdisp run; did you mean bits?"),
        ({"config": "x"}, "no option config of jaxdisp run"),
        ({"quiet": True}, "no option quiet of jaxdisp run"),
        ({"bits": "three"}, "Invalid value for '--bits'"),
        ({"bits": True}, "bits must be a value, got True"),
        ({"causes": "maybe"}, "causes must be true or false, got maybe"),
        ({"quantizer": {"bits": 3}}, "no option quantizer"),
        ({"languages": {"en": 1}}, "must be a value or a list of values"),
        ("languages: [en, no]", "is a 'no' unquoted?"),
        ("bits: [", "is not YAML"),
        ("- bits", "must hold options, such as 'bits: 4'"),
        ("", "must hold options"),
    ],
)
def test_files_that_say_nothing_allowed_are_refused(content, said, call, file):
    code, out, err = call("run", "--config", file(content))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "options.yaml" in err
    assert said in err


def test_files_that_cannot_be_read_are_refused(call, tmp_path):
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    for name, said in (
        ("none.yaml", "no such file; jaxdisp run --print-config writes one"),
        ("bytes.yaml", "is not YAML"),
        ("", "directory"),
    ):
        code, out, err = call("run", "--config", tmp_path / name)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert said in err


def test_quiet_says_nothing_beside_the_results(call):
    arguments = ("clip", "--law", "gaussian")
    code, out, err = call(*arguments, "--quiet")
    assert (code, err) == (0, "")
    assert out == call(*arguments)[1]


def test_every_command_has_examples():
    assert sorted(examples.EXAMPLES) == sorted(COMMANDS)
    for lines in examples.EXAMPLES.values():
        assert lines
        assert all(line.startswith("jaxdisp ") for line in lines)


def test_a_shell_completes_commands():
    words = {"COMP_WORDS": "jaxdisp cl", "COMP_CWORD": "1"}
    # a program's completion is asked for by its name
    program = "import sys; from jaxdisp import cli; sys.argv[0] = 'jaxdisp'; cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(**words, _JAXDISP_COMPLETE="complete_bash"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert sorted(done.stdout.split()) == ["claims", "clip"], done.stderr
