"""Commands about finished runs: drawn again, compared, verified; and refused."""

import json
import re
import shutil

import pytest

from tests import command_line
from tests.report import finished


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two finished runs of one model, with model and text beside them."""
    place = tmp_path_factory.mktemp("reports")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        finished.prepare(place)
        finished.execute(place / "one", finished.settings())
        other = finished.settings(languages=("en", "ru"), seed=2)
        finished.execute(place / "two", other)
    return place


@pytest.fixture
def jaxdisp(place, tmp_path, monkeypatch, capsys):
    """Calls the command line where copies of the runs are."""
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return command_line.caller(monkeypatch, capsys)


def test_a_report_is_drawn_again(jaxdisp, tmp_path):
    before = command_line.contents(tmp_path)
    code, out, err = jaxdisp("report", "one")
    assert (code, out) == (0, "one/tables\n")
    assert re.fullmatch(r"written: \d+ tables, \d+ figures?\n", err)
    assert command_line.contents(tmp_path) == before
    code, out, err = jaxdisp("report", "one", "--json", "--quiet")
    assert (code, err) == (0, "")
    assert json.loads(out)["files"] == sorted(
        path.relative_to("one").as_posix()
        for path in (tmp_path / "one").relative_to(tmp_path).rglob("*/*")
    )


def test_runs_are_compared(jaxdisp, tmp_path):
    code, out, err = jaxdisp("compare", "one", "two")
    assert code == 0
    assert err == "nothing written; --output DIR keeps the run\n"
    rows = out.split("\n")
    assert rows[0] == "first: one, model, 3 bits, symmetric grid, per tensor, matrices"
    assert "Left out, as only the first has them: de." in rows
    assert out.startswith("first: ")
    assert "Inconclusive: the second run loses 0.00 [0.00, 0.00]" in " ".join(rows)
    code, out, err = jaxdisp("compare", "one", "two", "--json", "--output", "both")
    assert (code, err) == (0, "written: both/report.md\n")
    found = json.loads(out)
    assert json.loads((tmp_path / "both" / "results.json").read_text()) == found
    before = command_line.contents(tmp_path / "both")
    assert {path.name for path in before} >= {"comparison.csv", "comparison.svg"}
    code, out, _ = jaxdisp("report", "both")
    assert (code, out) == (0, "both/report.md\n")
    assert command_line.contents(tmp_path / "both") == before
    assert jaxdisp("verify", "both", "--quiet")[0] == 0


def test_a_run_is_verified(jaxdisp, tmp_path):
    code, out, err = jaxdisp("verify", "one", "--sample", "6")
    assert code == 0
    assert out.rstrip().endswith("recomputed: none differs")
    assert err.split("\n")[0] == "comparing tables, figures and pages"
    path = tmp_path / "one" / "results.json"
    content = json.loads(path.read_text())
    content["degradation"][0]["d_sent"] += 0.5
    path.write_text(json.dumps(content))
    code, out, err = jaxdisp("verify", "one", "--quiet")
    assert (code, err) == (1, "")
    assert "DIFFERS" in out
    assert out.rstrip().endswith("differ")
    code, out, err = jaxdisp("verify", "one", "--quiet", "--json", "--all")
    found = json.loads(out)
    assert (code, err) == (1, "")
    assert found["differing"] == sum(each["differs"] for each in found["checks"])
    shutil.rmtree(tmp_path / "model")
    code, _, err = jaxdisp("verify", "two", "--quiet")
    assert code == 2
    assert err.startswith("jaxdisp: two: no loss was evaluated anew: model")


def test_the_same_options_are_allowed_in_any_order(jaxdisp):
    code, out, _ = jaxdisp("compare", "--reference", "en", "one", "two")
    assert code == 0
    assert "ru minus en" in out


REFUSED = {
    "no run": (["report", "nowhere"], "nowhere: no such directory; name that of a run"),
    "no run to verify": (["verify", "model"], "model: is not a run of jaxdisp"),
    "no run to compare": (["compare", "one", "corpus"], "corpus: is not a run of jaxd"),
    "one run": (["compare", "one"], "Missing argument 'RUN'"),
    "unknown reference": (
        ["compare", "one", "two", "--reference", "de"],
        "reference de: must be one of at least two measured languages",
    ),
    "a run in the way": (
        ["compare", "one", "one", "--output", "two"],
        "two: holds a run; choose another --output, or pass --overwrite",
    ),
    "no sample": (["verify", "one", "--sample", "0"], "--sample must be at least 1"),
    "seed": (["verify", "one", "--seed", "-1"], "--seed must be between 0 and"),
    "tables in the way": (["report", "blocked"], "blocked: .*; nothing was written"),
    "unfinished": (["verify", "unfinished"], "an unfinished run of jaxdisp measure"),
    "older": (["report", "older"], "made in version 1 of the results"),
    "damaged": (["report", "damaged"], r"results\.json: not valid JSON"),
    "no losses": (["compare", "one", "lossless"], "without sentence_losses"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_bad_input_is_one_line(jaxdisp, tmp_path, name):
    arguments, message = REFUSED[name]
    if arguments[-1] in DAMAGES:
        copy = shutil.copytree(tmp_path / "one", tmp_path / arguments[-1])
        DAMAGES[arguments[-1]](copy)
    before = command_line.contents(tmp_path)
    command_line.check_refusal(jaxdisp(*arguments), message)
    assert command_line.contents(tmp_path) == before


def changed(**changes):
    def change(copy):
        path = copy / "results.json"
        content = json.loads(path.read_text()) | changes
        kept = {key: value for key, value in content.items() if value is not None}
        path.write_text(json.dumps(kept))

    return change


def blocked(copy):
    shutil.rmtree(copy / "tables")
    (copy / "tables").write_text("in the way")


DAMAGES = {
    "blocked": blocked,
    "unfinished": lambda copy: (copy / "unfinished").mkdir(),
    "older": changed(schema_version=1),
    "damaged": lambda copy: (copy / "results.json").write_text("{"),
    "lossless": changed(sentence_losses=None),
}
