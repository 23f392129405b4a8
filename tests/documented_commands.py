"""Commands in README, documentation and help: carried out, and compared.

Where they stand and what is shown of their output is read by `documented_blocks`. A
command that measures is carried out with cheaper settings (`CHEAPER`), unless its
output is compared word by word; none is left out but for a reason (`NOT_EXECUTED`).
"""

import contextlib
import io
import itertools
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from unittest import mock

import typer.main

from jaxdisp import cli
from jaxdisp.measure import batches
from tests import command_line, documented_inputs
from tests.documented_blocks import Documented, commands

ROOT = pathlib.Path(__file__).parent.parent
NOT_EXECUTED = {
    "make": "installs and builds; .ci/run carries out targets",
    "pip install": "installs packages",
    ".venv/bin/pytest": "would test the tests",
    ".venv/bin/pre-commit": "installs a hook",
    ".ci/run": "is what carries out this test",
    "srun": "needs a cluster; the command after `srun` is one that is carried out",
    "export": "sets a variable of the reader's shell",
    "jaxdisp measure --corpus flores:dev": "downloads a data set that one logs in to; "
    "tests/measure/corpora/test_flores.py reads a copy",
    "python -m http.server": "serves until it is stopped",
}
"""Beginnings of commands that no test carries out, and why."""

TINY = "--model MODEL --corpus CORPUS"
FEW = "--limit 4 --languages en,he,sw"
CHEAPER = {
    "measure": FEW,
    "run": f"{TINY} {FEW} --layer-limit 4 --set-limit 4 --clip-limit 0 --protect 1 "
    "--hypotheses T-002 --no-causes --no-claims",
    "hypotheses": f"{TINY} --limit 8 --languages en,he,sw --few-limit 8",
    "search": f"{TINY} {FEW}",
    "clip": f"{TINY} {FEW}",
    "causal": f"{TINY} {FEW} --few-limit 4 --draws 100 --chains 2 --interventions none",
    "intervene": f"{TINY} --languages en,he,sw --few-limit 4",
    "claims": f"{TINY} {FEW} --few-limit 4",
    "plan import": "--model MODEL",
}
"""Options that are added to a command that measures, so that it takes seconds."""

AS_IT_IS = {
    "clip": ("--law",),
    "claims": ("claims",),
    "causal": ("--data",),
    "run": ("--registered", "--print-config"),
}
"""Words with which a command is cheap, or takes no others; `--model` outdoes them."""

RUN = f"jaxdisp run {CHEAPER['run']}"
RUNS = {"three": f"{RUN} --bits 3"}
"""Runs that a command reads and no command before it made; other names are as usual."""

MORE = {
    "jaxdisp hypotheses": "T-002 T-005",
    "jaxdisp claims --model": "--id D1",
}
"""Added to commands that would do everything: some of it."""


def pages():
    """README and all pages of the documentation, as paths from the root."""
    found = sorted((ROOT / "docs").rglob("*.md"))
    return ["README.md", "CONTRIBUTING.md"] + [
        str(path.relative_to(ROOT)) for path in found
    ]


def of_page(page):
    return commands(page, (ROOT / page).read_text(encoding="utf-8"))


def of_help():
    """Examples at the end of every command's help."""
    found = []

    def walk(command, name):
        text = f"{command.help or ''}\n{command.epilog or ''}"
        for line in text.split("\n"):
            if line.strip().startswith("jaxdisp "):
                page = f"{name} --help"
                found.append(Documented(page=page, line=len(found), text=line.strip()))
        for each, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{name} {each}")

    walk(typer.main.get_command(cli.app), "jaxdisp")
    return found


def unknown(text):
    """What a command names that there is not: a command, or an option."""
    command = typer.main.get_command(cli.app)
    words = text.split("|")[0].split()[1:]
    known = {"--help", "--version"}
    for word in words:
        if word in getattr(command, "commands", {}):
            command = command.commands[word]
        elif getattr(command, "commands", None) and not word.startswith("-"):
            return word
    for parameter in command.params:
        known |= {*parameter.opts, *parameter.secondary_opts}
    options = (re.match(r"--?[a-z][\w-]*", word) for word in words)
    return next((each[0] for each in options if each and each[0] not in known), None)


def reason(command):
    """Why it is not carried out; None if it is."""
    for beginning, why in NOT_EXECUTED.items():
        if f"{command.text} ".startswith(
            beginning if beginning.endswith("/") else f"{beginning} "
        ):
            return why
    return None


def carried_out(text):
    """The command that a test carries out, by the rules above; still placeholders."""
    before, *after = re.split(r"(?= [|>] )", text, maxsplit=1)
    words = shlex.split(before)
    if len(words) < 2:
        return text
    for beginning, more in MORE.items():
        bare = words == beginning.split() or (
            before.startswith(beginning)
            and not any(re.match(r"[A-Z]-?\d|--id", word) for word in words[2:])
        )
        if bare:
            before += f" {more}"
    name = next(
        (each for each in CHEAPER if f"{before} ".startswith(f"jaxdisp {each} ")), ""
    )
    cheap = any(option in words for option in AS_IT_IS.get(name, ()))
    if "--help" in words or "--dry-run" in words or (cheap and "--model" not in words):
        return before + "".join(after)
    if name in CHEAPER:
        before += f" {CHEAPER[name]}"
    return before + "".join(after)


def assert_carried_out(directory, number):
    """A command that is documented does what its page says."""
    command = directory.found[number]
    if (why := reason(command)) is not None:
        assert len(why.split()) > 1
        if command.text.startswith("make "):
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            for target in command.text.split()[1:]:
                assert f"\n{target}:" in makefile, target
        return
    code, out, err = directory.outcome(number)
    assert code == 0, err
    assert (missed := misses(command, out)) is None, missed


class Directory:
    """A directory in which the commands of a page are carried out one after another."""

    def __init__(self, place, found, *, cheaper=True):
        self.place, self.found, self.cheaper = place, found, cheaper
        self.outcomes = []
        place.mkdir(parents=True, exist_ok=True)

    def outcome(self, number):
        """Exit code, stdout and stderr of a command, those before it carried out."""
        while len(self.outcomes) <= number:
            command = self.found[len(self.outcomes)]
            if reason(command) is not None:
                self.outcomes.append((0, "", ""))
                continue
            as_it_is = command.how == "exact" or not self.cheaper
            text = command.text if as_it_is else carried_out(command.text)
            self.outcomes.append(execute(text, self.place))
        return self.outcomes[number]


KEPT = {}
"""Outcomes of commands that need nothing but their inputs, and where they wrote."""


def execute(text, place):
    """Carries out a command, or takes what one with the same options did elsewhere."""
    before = re.split(r" [|>] ", text)[0]
    words = documented_inputs.filled(shlex.split(before), place)
    options, output = effective(words)
    reads = any(word.startswith("runs/") for word in words if word != output)
    # what a registered run adds to its directory is none of the registration
    if reads or {"--registered", "--check", "register"} & {*words}:
        return executed(text, place)
    after = text.removeprefix(before)
    keys = ((*options, True, after), *[(*options, False, after)] * (output is None))
    known = next((key for key in keys if key in KEPT), None)
    if known is None:
        key = (*options, output is not None, after)
        KEPT[key] = executed(text, place), output and place / output
        return KEPT[key][0]
    outcome, made = KEPT[known]
    wanted = output and place / output
    if wanted and made is not None and made.is_dir() and made != wanted:
        shutil.copytree(made, wanted, dirs_exist_ok=True)
    return outcome


def effective(words):
    """Words and options of a command, of each option the last; and its output."""
    command, plain, options = typer.main.get_command(cli.app), [], {}
    rest = iter(words[1:])
    for word in rest:
        if not plain or word in getattr(command, "commands", {}):
            command = command.commands[word]
            plain.append(word)
            continue
        found = [each for each in command.params if word in each.opts]
        if not word.startswith("--") or not found or found[0].is_flag:
            plain.append(word)
        elif found[0].multiple:
            plain += [word, next(rest)]
        else:
            options[word] = next(rest)
    output = options.pop("--output", None)
    return (*plain, *sorted(options.items())), output


def executed(text, place):
    """Carries out a command in this process, and what follows a pipe or a `>`."""
    before, *after = re.split(r" ([|>]) ", text, maxsplit=1)
    words = shlex.split(before, comments=True)
    for option, word in itertools.pairwise(words):
        run = "/".join(word.split("/")[:2])
        missing = word.startswith("runs/") and not (place / run).exists()
        if missing and option not in ("--output", "--out"):
            made = next((RUNS[part] for part in RUNS if part in run), RUN)
            assert execute(f"{made} --output {run}", place)[0] == 0
    words = documented_inputs.filled(words, place)
    code, out, err = called(words, place)
    if after and after[0] == ">":
        path = place / after[1].strip()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(out, encoding="utf-8")
        return code, "", err
    return code, piped(out, after[1]) if after else out, err


def called(words, place):
    if "--hosts" in words:  # which has to come before anything else of JAX
        done = subprocess.run(
            [sys.executable, "-m", "jaxdisp.cli", *words[1:]],
            capture_output=True,
            check=False,
            cwd=place,
            env=command_line.environment(),
            text=True,
        )
        return done.returncode, done.stdout, done.stderr
    assert words[0] == "jaxdisp", f"cannot carry out {words[0]}: see NOT_EXECUTED"
    out, err, back, argv = io.StringIO(), io.StringIO(), pathlib.Path.cwd(), sys.argv
    sys.argv = words
    os.chdir(place)
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch.object(batches, "SHAPES", 1),  # as each is compiled
        ):
            cli.main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = argv
        os.chdir(back)
    return code, out.getvalue(), err.getvalue()


def piped(out, program):
    """What `head -N`, or a simple path of `jq`, makes of an output."""
    words = shlex.split(program)
    if words[0] == "head":
        number = int(words[-1].lstrip("-n"))
        return "".join(out.splitlines(keepends=True)[:number])
    assert words[0] == "jq", f"only head and jq, not {program}"
    found = json.loads(out)
    path = words[-1].split("|")[0].strip()
    assert re.fullmatch(r"(\.\w+|\[\]|\[\d+\])+", path), path
    for name, index in re.findall(r"\.(\w+)|\[(\d*)\]", path):
        found = found[name] if name else found[int(index or 0)]
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


SOMETIMES = {"interaction [95 %]"}
"""Columns of tables that are there where something is above noise."""
RULE = re.compile(r"^-+(?:  +-+)+$")


def heads(lines):
    """Columns of every table: the line above a line of dashes."""
    return [
        tuple(re.split(r"  +", above.strip()))
        for above, line in itertools.pairwise(lines)
        if RULE.match(line.strip())
    ]


def misses(command, out):
    """What an output shows that the command does not print; None if nothing."""
    lines = out.split("\n")
    if command.how == "exact":
        made = [line.rstrip() for line in out.rstrip("\n").split("\n")]
        shown = [line.rstrip() for line in command.shown]
        return None if made == shown else f"it prints\n{out}"
    printed = heads(lines)
    for head in heads(command.shown):
        if not SOMETIMES.isdisjoint(head):
            continue
        if not any(set(head) <= set(other) for other in printed):
            return f"a table with columns {head}; printed are {printed}"
    if "{" in command.shown:
        json.loads(out)
    return None


def renewed(page, place, *, slow):
    """Makes outputs of a page anew: exact ones, and with `slow` all that are marked."""
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    found, lines = commands(page, text), text.split("\n")
    directory = Directory(place, found, cheaper=not slow)
    changes = []
    for number, command in enumerate(found):
        wanted = command.how == "exact" or (slow and command.marked)
        if command.shown and wanted and reason(command) is None:
            code, out, err = directory.outcome(number)
            assert code == 0, f"{page}:{command.line}: {err}"
            changes.append((command.lines, out.rstrip("\n").split("\n")))
    for (first, last), out in reversed(changes):
        lines[first:last] = [line.rstrip() for line in out]
    path.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    for name in [word for word in sys.argv[1:] if word != "--slow"] or pages():
        with tempfile.TemporaryDirectory() as made:
            renewed(name, pathlib.Path(made) / "page", slow="--slow" in sys.argv)
