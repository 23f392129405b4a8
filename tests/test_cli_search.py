"""The commands `search` and `merge`: the same results, however they come about."""

import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from unittest import mock

import pytest

from jaxdisp import cli
from jaxdisp.report import files, jobs, runs, searching
from jaxdisp.report.search_lattice import Search
from jaxdisp.report.searching import Means
from jaxdisp.search import database, engine, sweep
from tests import command_line
from tests.measure import tiny
from tests.report import made_up, tiny_search
from tests.search import cells

SEARCH = ["search", "--model", "MODEL", "--corpus", "CORPUS"]
ONE = [*SEARCH, "--output", "run", "--keep", "1"]
UNKNOWN = [
    *("search", "--model", "IN/unknown", "--corpus", "CORPUS", "--keep", "1"),
    *("--output", "run", "--objective"),
]
MERGE = ["merge", "--output", "run"]


SEVEN = ",".join(f"int{bits}" for bits in range(2, 9))


def asking(*arguments):
    return [*SEARCH, "--output", "run", *arguments]


def resuming(name):
    return [*SEARCH, "--keep", "1", "--resume", "--output", f"IN/{name}"]


# name: (arguments, what the line says); see command_line.refusals
REFUSED = {
    "layer out of range": (asking("--sets", "0;0,3"), "no layer 3; .* layers 0 to 2"),
    "no number": (asking("--sets", "0;a"), "'a' is not the number of a layer"),
    "empty set": (asking("--sets", "0;;1"), "'0;;1': a set is empty; write layers"),
    "no set": (asking("--sets", ""), "a set is empty"),
    "duplicate set": (asking("--sets", "0,1;1,0"), "the set 1,0 is there twice"),
    "layer named twice": (asking("--sets", "1,1"), "names a layer twice"),
    "keep 0": (asking("--keep", "0"), "must have 1 to 2 of the 3 layers, got 0"),
    "keep all": (asking("--keep", "3"), "must have 1 to 2 of the 3 layers, got 3"),
    "keep less": (asking("--keep", "-1"), "must have 1 to 2 of the 3 layers, got -1"),
    "keep in words": (asking("--keep", "two"), "for '--keep': .*valid int"),
    "nothing fits": (asking("--budget", "1kB"), "1kB is too small: the cheapest .*kB"),
    "few bits": (asking("--budget", "3.9bits"), "3.9bits is too small"),
    "no unit": (asking("--budget", "24"), "'24': must be a number and a unit, such"),
    "share": (asking("--budget", "101%"), "a share must be between 0% and 100%"),
    "two ways": (asking("--keep", "1", "--all"), "give one of .*; got --keep, --all"),
    "no way": (asking(), "give one of --keep, --all, --sets, --budget; got none"),
    "objective": ([*ONE, "--objective", "best"], "--objective best: must be one of"),
    "log-ratio of nothing": (
        [*UNKNOWN, "log-ratio"],
        "--objective log-ratio compares languages .* name a --reference language",
    ),
    "difference of nothing": ([*UNKNOWN, "difference"], "name a --reference language"),
    "quantizer twice": ([*ONE, "--quantizers", "int4,int4"], "names one twice"),
    "too many bits": ([*ONE, "--quantizers", "int9"], "between 2 and 8, got 9"),
    "second quantizer": ([*ONE, "--quantizers", "int4,int1"], "2 and 8, got 1"),
    "no quantizer": ([*ONE, "--quantizers", "foo"], "--quantizers foo: must be such"),
    "too many assignments": (
        [*asking("--all", "--model", "IN/deep", "--quantizers"), SEVEN],
        "--all: 262144 assignments, more than the 20000 .* --guided N",
    ),
    "shard": ([*ONE, "--shard", "5/4"], "--shard 5/4: i must be 1 to n"),
    "no shard": ([*ONE, "--shard", "0/0"], "--shard 0/0: i must be 1 to n"),
    "shard in words": ([*ONE, "--shard", "foo"], "--shard foo: must be i/n, such as"),
    "memory without unit": ([*ONE, "--memory", "4"], "memory '4': must be a positive"),
    "memory in words": ([*ONE, "--memory", "foo"], "memory 'foo': must be a positive"),
    "little memory": (
        [*ONE, "--memory", "100kB"],
        r"memory of 0 MiB does not suffice: .* need \d+ MiB; raise --memory$",
    ),
    "hosts": ([*ONE, "--hosts", "foo"], "--hosts foo: must be auto or ADDRESS:PORT"),
    "hosts and shard": (
        [*ONE, "--hosts", "auto", "--shard", "1/2"],
        "--hosts divides the work itself; leave out --shard",
    ),
    "few guided": ([*ONE, "--guided", "5"], "--guided 5: must be at least"),
    "guided sets": (asking("--sets", "0", "--guided", "200"), "needs --keep or --budg"),
    "guided shard": ([*ONE, "--guided", "200", "--shard", "1/2"], "leave out --shard"),
    "guided ratio": (
        [*ONE, "--guided", "200", "--objective", "log-ratio"],
        "--guided knows no log-ratio",
    ),
    "stride": ([*ONE, "--stride", "30"], "between 1 and 29 tokens, .* got 30$"),
    "one text": ([*ONE, "--limit", "1"], "raise --limit, or split groups.tsv"),
    "overwriting and resuming": (
        [*ONE, "--overwrite", "--resume"],
        "--overwrite and --resume contradict each other; give one",
    ),
    "finished output": (
        [*SEARCH, "--keep", "1", "--output", "IN/finished"],
        "finished: holds a run; choose another --output, or pass --overwrite",
    ),
    "foreign output": (resuming("foreign"), "exists and is not a run of jaxdisp"),
    "newer store": (
        resuming("newer"),
        r"newer/store\.sqlite: is of the newer schema \d+, .*; update jaxdisp",
    ),
    "damaged store": (resuming("damaged"), r"damaged/store\.sqlite: .* damaged"),
    "foreign store": (resuming("foreign_store"), "but not a store of jaxdisp"),
    "no shards": (MERGE, "Missing argument 'shards"),
    "nowhere to merge": (["merge", "IN/one"], "Missing option '--output'"),
    "no search": ([*MERGE, "IN/one", "IN/finished"], "finished: holds no search; name"),
    "no directory": ([*MERGE, "IN/one", "IN/none"], "none: holds no search; name the"),
    "missing shard": (
        [*MERGE, "IN/one"],
        r"\d+ of \d+ cells are missing \(\d+ in .*one\): a shard was left out or has",
    ),
    "unfinished shard": (
        [*MERGE, "IN/one", "IN/unfinished"],
        r"cells are missing \(\d+ in .*one, 0 in .*unfinished\): .* has not finished",
    ),
    "shard that has not begun": (
        [*MERGE, "IN/one", "IN/begun"],
        r"begun: has not begun; it holds no store\.sqlite",
    ),
    "different searches": (
        [*MERGE, "IN/one", "IN/other"],
        "other: differs from .*one in search; merge shards of one search",
    ),
    "different models": (
        [*MERGE, "IN/one", "IN/deeper"],
        "deeper: differs from .*one in model, hashes; merge shards of one search",
    ),
    "a shard as output": (
        ["merge", "--output", "IN/two", "IN/one", "IN/two"],
        "two: is one of the shards; choose another --output",
    ),
    "a run as output": (
        ["merge", "--output", "IN/finished", "IN/one", "IN/two"],
        "finished: holds a run; choose another --output, or pass --overwrite",
    ),
    "a shard twice": ([*MERGE, "IN/one", "IN/one", "IN/two"], "is merged with itself"),
}


def prepare(inputs):
    """Writes the inputs that the commands above name."""
    tiny.write_model(inputs / "MODEL")
    tiny.write_model(inputs / "unknown")
    (inputs / "unknown" / "training.json").unlink()
    tiny.write_model(inputs / "deep", n_layer=6)
    tiny.write_corpus(inputs / "CORPUS")
    (inputs / "foreign").mkdir()
    (inputs / "foreign" / "thesis.tex").write_text("years of work")
    config = {"command": "measure", "seed": 7}
    runs.finish(runs.begin(inputs / "finished", config, overwrite=False), {}, {}, {})
    for name in ("newer", "damaged", "foreign_store"):
        runs.begin(inputs / name, config, overwrite=False)
    cells.closed(cells.filled(inputs / "newer" / "store.sqlite", [1]))
    cells.closed(cells.filled(inputs / "damaged" / "store.sqlite", range(200)))
    write(inputs / "newer" / "store.sqlite", "PRAGMA user_version = 99")
    write(inputs / "foreign_store" / "store.sqlite", "CREATE TABLE a (b INTEGER)")
    path = inputs / "damaged" / "store.sqlite"
    data = path.read_bytes()
    path.write_bytes(data[:4096] + bytes(range(256)) * 16 + data[8192:])
    prepare_shards(inputs)


def write(path, statement):
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def prepare_shards(inputs):
    """Shards whose losses cost nothing, as nothing is made of them."""
    keep, other = Search(keep=1), Search(keep=2)
    made = {
        "one": (keep, "1/2", "MODEL"),
        "two": (keep, "2/2", "MODEL"),
        "other": (other, "2/2", "MODEL"),
        "deeper": (keep, "2/2", "deep"),
    }
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sweep, "engine_of", lambda made: made)
        patched.setattr(engine, "losses", made_up.losses)
        for name, (search, shard, model) in made.items():
            of = {"model": f"{inputs}/{model}", "corpus": f"{inputs}/CORPUS"}
            means = Means(shard=shard)
            jobs.execute(*tiny_search.begun(search, inputs / name, means=means, **of))
    of["model"] = f"{inputs}/MODEL"
    for name in ("begun", "unfinished"):
        tiny_search.begun(keep, inputs / name, **of)
    with searching.opened(inputs / "unfinished"):
        pass  # what a search that was killed at once leaves


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Exit code, stdout and stderr of every refused command, and what they wrote."""
    inputs, outputs = (tmp_path_factory.mktemp(name) for name in ("in", "out"))
    prepare(inputs)
    return command_line.refusals(REFUSED, inputs, outputs)


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_one_line(name, answers):
    command_line.check_refusal(answers[0][name], REFUSED[name][1])


def test_refused_commands_write_nothing(answers):
    assert answers[1] == []


INPUTS = ("--model", "model", "--corpus", "corpus", "--quantizers", "int3")
KEEP = ("search", *INPUTS, "--keep", "1")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with inputs, and the run `whole` of one process."""
    root = tmp_path_factory.mktemp("cli")
    tiny_search.write(root)
    command = ["jaxdisp", *KEEP, "--output", "whole"]
    with pytest.MonkeyPatch.context() as patched, tiny_search.small_calls():
        patched.chdir(root)
        patched.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as end:
            cli.main()
    assert not end.value.code
    return root


@pytest.fixture
def jaxdisp(place, monkeypatch, capsys):
    """Calls the command line in this process, figures left out."""
    monkeypatch.chdir(place)
    monkeypatch.setattr(files, "written", mock.Mock(return_value={}))
    with tiny_search.small_calls():
        yield command_line.caller(monkeypatch, capsys)


@pytest.fixture
def deeper(jaxdisp, tmp_path, monkeypatch):
    """The same, in a directory with a model of five layers whose losses are made up."""
    monkeypatch.chdir(tmp_path)
    tiny_search.write(tmp_path, n_layer=5)
    monkeypatch.setattr(sweep, "engine_of", lambda made: made)
    monkeypatch.setattr(engine, "losses", made_up.losses)
    return jaxdisp


def results(place, name):
    return (place / name / "results.json").read_bytes()


def test_a_search_writes_a_whole_run(place):
    names = {path.name for path in (place / "whole").rglob("*") if path.is_file()}
    assert names == {
        "config.json",
        "environment.json",
        "results.json",
        "report.html",
        "report.md",
        "plan.json",
        "store.sqlite",
        "sets.csv",
        "layer_shares.csv",
        "interactions.csv",
        *(
            f"{name}.{kind}"
            for name in ("sets", "pareto", "layer_shares", "interactions")
            for kind in ("svg", "png", "pdf")
        ),
    }
    page = (place / "whole" / "report.html").read_text("utf-8")
    assert page.count("<figure") == 4
    assert "Which layers to protect" in page
    assert "What each language loses" not in page
    config = json.loads((place / "whole" / "config.json").read_bytes())
    assert config["command"] == "search"
    assert config["search"]["keep"] == 1
    assert config["search"]["bits"] == [3]
    assert not {"memory", "shard", "hosts"} & set(config)  # which change no result


def test_json_is_all_that_is_printed(jaxdisp, place):
    before = command_line.contents(place)
    code, out, err = jaxdisp(*KEEP, "--json")
    assert code == 0
    assert err.endswith("nothing written; --output DIR keeps the run\n")
    found = json.loads(out, parse_constant=lambda name: pytest.fail(name))
    assert found == json.loads(results(place, "whole"))
    assert command_line.contents(place) == before


def test_the_answer_is_for_readers(deeper, tmp_path):
    code, out, err = deeper("search", *INPUTS, "--keep", "3", "--output", "run")
    assert code == 0
    assert err.endswith("written: run/report.html\n")
    found = json.loads(results(tmp_path, "run"))
    said = " ".join(out.split())
    assert found["proposed"]["sentence"] in said
    assert re.match(r"\{0, 3, 4\} ranks \d+ of 10 sets", found["proposed"]["sentence"])
    assert out.startswith("model, 0.0 M parameters: 3 bits, symmetric grid, per tensor")
    assert "8 parallel sentences in 4 texts, corpus corpus" in out
    for sentence in found["certificates"]["sentences"]:
        assert sentence in said
    assert found["surrogate"]["sentence"] in said
    assert "Only 4 texts: take these intervals with caution." in out


def test_a_dry_run_evaluates_and_writes_nothing(jaxdisp, place, monkeypatch):
    def refuse(*args):
        raise AssertionError("must not be evaluated")

    monkeypatch.setattr(engine, "losses", refuse)
    before = command_line.contents(place)
    code, out, err = jaxdisp(*KEEP, "--dry-run", "--output", "dry")
    assert (code, err) == (0, "")
    lines = out.strip().split("\n")
    assert lines[0].startswith("3 sets (8 assignments with those that explain them) on")
    assert re.search(r"8 layer evaluations per batch instead of 9 \(14 with", lines[1])
    assert "minutes on" in lines[2]
    assert lines[2].endswith("for 100 % of the cells")
    code, out, _ = jaxdisp(*KEEP, "--dry-run", "--json", "--shard", "1/2")
    found = json.loads(out)
    assert (code, found["sets"], found["assignments"]) == (0, 3, 8)
    assert 0 < found["share"] < 1
    assert command_line.contents(place) == before


def test_shards_are_merged(jaxdisp, place):
    for number in (1, 2):
        output = ("--output", f"shard{number}")
        code, out, err = jaxdisp(*KEEP, "--shard", f"{number}/2", *output)
        assert code == 0
        assert f"shard {number}/2 is done; when all are: jaxdisp merge" in out
        assert err.endswith(f"kept: shard{number}/store.sqlite\n")
    code, out, err = jaxdisp("merge", "shard1", "shard2", "--output", "merged")
    assert code == 0
    assert err.endswith("written: merged/report.html\n")
    assert "Sets of layers kept" in out
    assert results(place, "merged") == results(place, "whole")
    code, text, _ = jaxdisp("merge", "shard2", "shard1", "--output", "again", "--json")
    assert json.loads(text) == json.loads(results(place, "whole"))


def test_other_sets_of_a_run(deeper, tmp_path):
    some = ("search", *INPUTS, "--sets", "0,1;3", "--shard", "1/2", "--output", "some")
    assert deeper(*some)[0] == 0
    other = ("search", *INPUTS, "--all", "--output")
    code, out, err = deeper(*other, "some")
    assert (code, out, err.count("\n")) == (2, "", 1)
    with tiny_search.counted() as done:
        assert deeper(*other, "some", "--resume")[0] == 0
    with tiny_search.counted() as all_of_it:
        assert deeper(*other, "alone")[0] == 0
    assert 0 < sum(done) < sum(all_of_it)
    assert results(tmp_path, "some") == results(tmp_path, "alone")


def test_a_run_holds_a_search(deeper, tmp_path):
    inputs = ("--model", "model", "--corpus", "corpus", "--bits", "3")
    limits = ("--layer-limit", "0", "--clip-limit", "0", "--set-limit", "8")
    limits += ("--hypotheses", "none", "--no-causes", "--no-claims")
    code, out, _ = deeper("run", *inputs, *limits, "--protect", "3", "--output", "run")
    assert code == 0
    assert deeper("search", *INPUTS, "--keep", "3", "--output", "search")[0] == 0
    found = json.loads(results(tmp_path, "run"))
    searched = json.loads(results(tmp_path, "search"))
    assert found["search"].items() <= searched.items()
    assert found["search"]["proposed"]["sentence"] in " ".join(out.split())
    assert found["degradation"]


def test_a_store_damaged_inside_is_no_traceback(jaxdisp, place):
    """A loss was changed without the checksum, which only reading it tells."""
    assert jaxdisp(*KEEP, "--output", "inside", "--shard", "1/2")[0] == 0
    write(place / "inside" / "store.sqlite", "UPDATE cells SET nll = zeroblob(4)")
    code, out, err = jaxdisp(*KEEP, "--output", "inside")
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    last = err.split("\r")[-1]
    assert last.startswith(
        "jaxdisp: inside/store.sqlite: the store is damaged (the che"
    )
    assert last.count("\n") == 1


def test_a_full_disk_is_no_traceback(jaxdisp, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(database, "transaction", full)
    code, out, err = jaxdisp(*KEEP, "--output", "full")
    assert (code, out) == (2, "")
    assert err.split("\r")[-1].startswith("jaxdisp: ")
    assert "Traceback" not in err


def test_an_interrupt_is_no_traceback(jaxdisp, place):
    with tiny_search.counted(stop=1):
        code, out, err = jaxdisp(*KEEP, "--output", "interrupted")
    assert (code, out) == (130, "")
    assert "jaxdisp: interrupted; a run with --output is resumed" in err
    assert jaxdisp(*KEEP, "--output", "interrupted")[0] == 0
    assert results(place, "interrupted") == results(place, "whole")


# a process of its own that works on as small pieces as this one does here
PROCESS = """
import os, signal, sys
from jaxdisp import cli
from jaxdisp.measure import batches
from jaxdisp.search import plan, store
plan.ROWS, batches.SHAPES = {{"cpu": {tokens}}}, 1
put, kill = store.put, {kill}
def counted(*args):
    global kill
    put(*args)
    kill -= 1
    if kill == 0:
        os.kill(os.getpid(), signal.SIGKILL)
store.put = counted
sys.argv = ["jaxdisp", *{arguments}]
cli.main()
"""


def process(place, *arguments, kill=-1):
    values = {"tokens": tiny_search.TOKENS, "kill": kill, "arguments": arguments}
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS.format(**values)],
        cwd=place,
        env=command_line.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_search_killed_at_any_moment_goes_on(jaxdisp, place):
    killed = process(place, *KEEP, "--output", "killed", kill=2)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert not (place / "killed" / "results.json").exists()
    with tiny_search.counted() as done:
        assert jaxdisp(*KEEP, "--output", "killed")[0] == 0
    assert done  # the killed one did not do everything
    assert results(place, "killed") == results(place, "whole")


@pytest.mark.slow
def test_two_processes_share_a_search(place):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    both = [
        process(place, *KEEP, "--output", "shared", "--hosts", f"{address},2,{number}")
        for number in (0, 1)
    ]
    said = [each.communicate(timeout=600) for each in both]
    assert [each.returncode for each in both] == [0, 0], said
    assert "Sets of layers kept" in said[0][0]
    assert said[1][0] == ""
    assert results(place, "shared") == results(place, "whole")
    stores = [place / "shared" / name for name in ("store.sqlite", "store-1.sqlite")]
    assert all(path.stat().st_size > 0 for path in stores)
