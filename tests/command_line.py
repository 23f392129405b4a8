"""The command line in this process and in others, and what it must say to bad input."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from jaxdisp import cli

ROOT = pathlib.Path(__file__).parent.parent

# One process for all bad inputs, as importing JAX takes seconds; and another one than
# this, as the type checks of the tests would object before the command line does.
DRIVER = """
import contextlib, io, json, os, sys
from jaxdisp import cli
answers = {}
for name, (arguments, directory) in json.load(sys.stdin).items():
    os.chdir(directory)
    sys.argv = ["jaxdisp", *arguments]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main()
        except SystemExit as end:
            code = end.code
        except BaseException as error:
            code = repr(error)
    answers[name] = [code, out.getvalue(), err.getvalue()]
print(json.dumps(answers))
"""


def environment(**changes):
    """Variables of a process that finds the package."""
    usual = {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    return os.environ | usual | changes


def contents(directory):
    return {
        path: path.read_bytes() if path.is_file() else None
        for path in sorted(directory.rglob("*"))
    }


def refusals(cases, inputs, outputs):
    """Exit code, stdout and stderr of every refused command, and what they wrote.

    `MODEL` and `CORPUS` in arguments are directories of `inputs`, `IN` is that itself;
    each command runs in an empty directory of `outputs`.
    """
    before = contents(inputs)
    asked = {}
    for number, (name, (arguments, _)) in enumerate(cases.items()):
        directory = outputs / str(number)
        directory.mkdir()
        filled = [
            re.sub(r"^(?=MODEL|CORPUS)|^IN(?=/|$)/?", f"{inputs}/", argument)
            for argument in arguments
        ]
        asked[name] = (filled, str(directory))
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        env=environment(HF_HUB_OFFLINE="1", HF_HOME=str(outputs / "hub")),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # what a library writes past sys.stderr
    written = list(outputs.glob("[0-9]*/*"))
    assert contents(inputs) == before
    return json.loads(done.stdout), written


def check_refusal(answer, expected):
    code, out, err = answer
    assert (code, out) == (2, ""), err
    assert err.startswith("jaxdisp: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert re.search(expected, err), err


def caller(monkeypatch, capsys):
    """A function that calls the command line in this process."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["jaxdisp", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return end.value.code or 0, captured.out, captured.err

    return call
