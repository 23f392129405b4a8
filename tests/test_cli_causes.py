"""`causal` and `intervene`: their JSON and files, and one line for bad input."""

import json

import jax
import numpy as np
import pytest

from tests import command_line
from tests.causal import drawn_units
from tests.measure import tiny

MODEL = ["--model", "MODEL", "--corpus", "CORPUS", "--output", "run"]
FITTED = (
    "effects",
    "coefficients",
    "diagnostics",
    "sensitivity",
    "models",
    "refused",
)
NAMES = (
    "total",
    "natural_direct",
    "natural_indirect",
    "T>A>R>D",
    "T>R>D",
    "T>A>D",
)


def write_table(path, rows):
    names = list(rows[0])
    lines = [",".join(names)]
    lines += [",".join(str(row[name]) for name in names) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def without(name):
    return [
        {key: value for key, value in row.items() if key != name}
        for row in drawn_units.table(n_languages=3, n_sentences=5)
    ]


TABLES = {
    "lacks": without("R"),
    "two": drawn_units.table(n_languages=2),
    "constant": [row | {"A": 1} for row in drawn_units.table(n_sentences=5)],
    "collinear": [row | {"y": 2 * row["x"]} for row in drawn_units.table()],
    "good": drawn_units.table(n_languages=4, n_sentences=8),
}


def of_table(name, *more):
    return ["causal", "--data", f"IN/{name}.csv", "--output", "run", *more]


REFUSED = {
    "no table": (of_table("none"), r"none\.csv: no such file"),
    "missing column": (of_table("lacks"), r"lacks\.csv: lacks column R; needed are"),
    "two languages": (of_table("two"), "holds 2 languages; needed are at least 3"),
    "constant": (of_table("constant"), r"A is constant \(1\) in all rows"),
    "collinear": (of_table("collinear"), "y is a linear function of x; leave one"),
    "link": (of_table("good", "--link", "cubic"), "link is 'cubic'; allowed are log"),
    "reciprocal": (
        of_table("good", "--link", "reciprocal"),
        "not positive, as the reciprocal link needs: T in",
    ),
    "errors": (of_table("good", "--errors", "x"), "errors are 'x'; allowed are"),
    "cycle": (of_table("good", "--arrows", "T>A,A>R,R>A,R>D"), "A>R>A|R>A>R"),
    "arrow": (of_table("good", "--arrows", "T>X"), "T, A, R"),
    "draws": (of_table("good", "--draws", "2"), "at least 1 chain of 4 draws, got 4"),
    "seed": (of_table("good", "--seed", "-1"), "seed must be between 0"),
    "model and table": (
        of_table("good", "--bits", "3", "--tap", "1"),
        "--data knows no model: leave out --bits, --tap",
    ),
    "target": (["intervene", "D", *MODEL], "no intervention on D; allowed are T, A, R"),
    "targets": (
        ["causal", "--interventions", "T,X", *MODEL],
        "no intervention on X; allowed are T, A, R",
    ),
    "tap": (["intervene", "--tap", "9", *MODEL], "--tap must be from 0, before"),
    "reference": (["intervene", "--reference", "xx", *MODEL], "reference xx"),
    "one text": (["intervene", "--few-limit", "1", *MODEL], "at least 2 texts, got 1"),
    "languages": (
        ["causal", "--languages", "en,ru", *MODEL],
        "causes need at least 3 languages, got 2",
    ),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    inputs = tmp_path_factory.mktemp("inputs")
    tiny.write_model(inputs / "MODEL", n_layer=2)
    tiny.write_corpus(inputs / "CORPUS")
    for name, rows in TABLES.items():
        write_table(inputs / f"{name}.csv", rows)
    return command_line.refusals(REFUSED, inputs, tmp_path_factory.mktemp("outputs"))


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_one_line(refusals, name):
    command_line.check_refusal(refusals[0][name], REFUSED[name][1])


def test_what_is_refused_writes_nothing(refusals):
    assert refusals[1] == []


@pytest.fixture
def jaxdisp(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return command_line.caller(monkeypatch, capsys)


def test_a_table_gives_effects_and_all_that_bears_on_them(jaxdisp, tmp_path):
    rows = drawn_units.table(n_languages=6, n_sentences=20, log=True)
    rows[5]["R"] = ""
    write_table(tmp_path / "units.csv", rows)
    command = ("causal", "--data", "units.csv", "--json")
    code, out, err = jaxdisp(*command, "--output", "run")
    assert code == 0, err
    found = json.loads(out)
    assert set(FITTED) <= set(found)
    assert found["link"] == "log"
    assert found["dropped"] == ["row 7 (l0, 5): R is missing"]
    effects = {row["name"]: row for row in found["effects"]}
    assert set(NAMES) <= set(effects)
    for row in found["effects"]:
        assert row["low"] <= row["median"] <= row["high"]
    true = 0.7 * 0.4 * -0.8 + 0.5 * -0.8 + 0.7 * 0.1 - 0.2
    assert effects["total"]["low"] < true < effects["total"]["high"]
    assert found["diagnostics"]["problems"] == []
    assert len(found["models"]) == 6
    assert any("T>A>R>D: A also reaches D" in note for note in found["notes"])
    directory = tmp_path / "run"
    assert json.loads((directory / "results.json").read_text()) == found
    assert (directory / "tables" / "effects.csv").is_file()
    assert (directory / "figures" / "causes_effects.png").is_file()
    code, again, _ = jaxdisp(*command)
    assert again == out  # the same seed, the same bytes


def test_values_without_logarithm_are_said_to_be_taken_as_they_are(jaxdisp, tmp_path):
    write_table(tmp_path / "units.csv", drawn_units.table(n_sentences=10))
    code, out, err = jaxdisp("causal", "--data", "units.csv", "--draws", "100")
    assert code == 0, err
    assert "so all are taken as they are (linear link)" in " ".join(out.split())
    assert "nothing written" in err


def write_languages(directory):
    """A corpus of three languages, of texts that are not the same."""
    keys = jax.random.split(jax.random.key(0), 3)
    texts = {}
    for key, language in zip(keys, ("en", "ru", "sw"), strict=True):
        words = np.asarray(jax.random.randint(key, (8, 9), 0, 26))
        letters = [[chr(97 + number) for number in row] for row in words.tolist()]
        texts[language] = [
            " ".join("".join(row[k : k + 3]) for k in range(3 + place % 6))
            for place, row in enumerate(letters)
        ]
    tiny.write_corpus(directory, texts)


@pytest.fixture
def inputs(tmp_path):
    tiny.write_model(tmp_path / "model", n_layer=2)
    write_languages(tmp_path / "corpus")
    return ("--model", "model", "--corpus", "corpus")


def test_interventions_are_carried_out_each_with_a_placebo(jaxdisp, inputs, tmp_path):
    code, out, err = jaxdisp(
        "intervene", "T", "R", *inputs, "--few-limit", "8", "--json", "--output", "run"
    )
    assert code == 0, err
    found = json.loads(out)
    rows = found["interventions"]
    assert {row["target"] for row in rows} == {"T", "R"}
    assert any(row["placebo"] for row in rows)
    assert {row["variable"] for row in rows} == {"T", "A", "R", "D"}
    finer = [row for row in rows if row["target"] == "T" and not row["placebo"]]
    assert all(row["change"] <= 0 for row in finer if row["variable"] == "T")
    left = [row for row in rows if row["target"] == "T" and row["placebo"]]
    assert all(row["change"] == 0 for row in left if row["variable"] == "T")
    assert {row["mediator"] for row in found["mediations"]} == {"A", "R"}
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_model_is_measured_fitted_and_confronted(jaxdisp, inputs, tmp_path):
    command = ("causal", *inputs, "--interventions", "A", "--few-limit", "8")
    options = ("--draws", "500", "--no-progress", "--json")
    code, out, err = jaxdisp(*command, *options, "--output", "run")
    assert code == 0, err
    found = json.loads(out)
    assert {row["language"] for row in found["units"]} == {"en", "ru", "sw"}
    assert {row["arrow"] for row in found["confrontation"]["arrows"]} == {
        "do(A)>R",
        "do(A)>D",
    }
    for row in found["confrontation"]["arrows"]:
        assert row["verdict"] in ("holds", "fails", "inconclusive")
        assert row["reason"]
    assert "sentence/s" not in err
    assert (tmp_path / "run" / "tables" / "units.csv").is_file()
