"""`claims`: the ledger as JSON, Markdown and text, without data and with a model's."""

import json
import pathlib

import pytest

from tests import command_line
from tests.measure import tiny

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "claims.md"
FIELDS = {"id", "statement", "source", "correct", "verdict", "data_verdict", "test"}
REFUSED = {
    "id": (["claims", "--id", "Z9"], "no claim Z9; allowed are A1 to"),
    "twice": (["claims", "--id", "A1", "--id", "A"], "A1 is named more than once"),
    "no model": (
        ["claims", "--corpus", "CORPUS", "--bits", "3"],
        "--corpus, --bits: needs --model; 'embedded' is the one that is here",
    ),
    "check": (
        ["claims", "--check", "--model", "MODEL", "--corpus", "CORPUS"],
        "--check computes without a model; leave out --model",
    ),
    "model": (["claims", "--model", "IN/none", "--output", "run"], "none"),
    "bits": (
        ["claims", "--model", "MODEL", "--corpus", "CORPUS", "--bits", "1"],
        "bits must be between 2 and 8, got 1",
    ),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    inputs = tmp_path_factory.mktemp("inputs")
    tiny.write_model(inputs / "MODEL", n_layer=2)
    tiny.write_corpus(inputs / "CORPUS")
    return command_line.refusals(REFUSED, inputs, tmp_path_factory.mktemp("outputs"))


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_one_line(refusals, name):
    command_line.check_refusal(refusals[0][name], REFUSED[name][1])


def test_what_is_refused_writes_nothing(refusals):
    assert refusals[1] == []


@pytest.fixture
def jaxdisp(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    tiny.write_model(tmp_path / "model", n_layer=3)
    tiny.write_corpus(tmp_path / "corpus")
    return command_line.caller(monkeypatch, capsys)


INPUTS = ("--model", "model", "--corpus", "corpus")


def test_json_has_every_claim_of_the_notes(jaxdisp):
    code, out, err = jaxdisp("claims", "--json")
    assert (code, err) == (0, "")
    rows = json.loads(out)["claims"]
    assert len(rows) >= 98
    for row in rows:
        assert set(row) >= FIELDS
        assert row["data_verdict"] is None


def test_the_page_is_what_the_command_writes(jaxdisp):
    code, out, err = jaxdisp("claims", "--markdown")
    assert (code, err) == (0, "")
    assert out == PAGE.read_text(encoding="utf-8"), (
        "docs/claims.md is out of date: jaxdisp claims --markdown > docs/claims.md"
    )


def test_text_lists_all_and_shows_few_in_full(jaxdisp):
    code, out, _ = jaxdisp("claims")
    assert code == 0
    assert "without data: " in out
    assert all(len(line) <= 110 for line in out.splitlines())
    code, out, _ = jaxdisp("claims", "--id", "a1")
    assert code == 0
    assert out.startswith("A1\n    statement: ")
    assert "test_ledger.py::test_is_as_recorded[A1]" in out


def test_numbers_are_computed_anew(jaxdisp):
    code, out, err = jaxdisp(
        "claims", "--check", "--no-progress", "--id", "A1", "--id", "E1"
    )
    assert (code, err) == (0, "")
    assert out.startswith("2 claims, ")
    assert out.endswith(" numbers computed anew: no differences\n")


def test_a_model_judges_and_the_run_keeps_it(jaxdisp, tmp_path):
    ids = ("A1", "A18", "B4", "C4", "E20")
    command = ["claims", *INPUTS, "--json", "--output", "run"]
    for name in ids:
        command += ["--id", name]
    code, out, err = jaxdisp(*command)
    assert code == 0, err
    found = json.loads(out)
    rows = {row["id"]: row for row in found["claims"]}
    assert tuple(rows) == ids
    assert all(set(row) >= FIELDS for row in rows.values())
    assert rows["A18"]["data_verdict"] in ("holds", "fails")  # nothing is clipped
    assert rows["B4"]["data_verdict"] == "not applicable"
    assert "needs finding" not in rows["E20"]["data"]["reason"]  # T-006 was run
    assert [row["id"] for row in found["hypotheses"]["experiments"]] == ["T-006"]
    for row in rows.values():
        assert row["data"]["reason"]
        assert row["data"]["id"] == row["id"]
    directory = tmp_path / "run"
    assert json.loads((directory / "results.json").read_text()) == found
    assert (directory / "tables" / "claims.csv").is_file()
    assert "Every claim, judged by data" in (directory / "report.html").read_text()
    text = jaxdisp("claims", *INPUTS, "--id", "A18", "--id", "B4", "--no-progress")[1]
    assert "    on this model: " in text
    page = jaxdisp("claims", *INPUTS, "--id", "A18", "--markdown")[1]
    assert "| on this model |" in page
