"""`register`, and the run that is made by a registration."""

import json

import pytest

from tests import command_line
from tests.measure import tiny

PLAN = """\
title: Are all languages hurt alike?
hypotheses:
  - {id: T-002, expected: holds}
  - T-002d
primary_outcome: disparity.difference
corpus: CORPUS
seeds: [3, 4]
analysis:
  model: MODEL
  reference: en
  bits: 3
  causes: false
  claims: false
  set-limit: 0
  layer-limit: 0
  clip-limit: 0
"""


def plan(**changes):
    """The plan with other lines: `name=text` replaces the line of that name."""
    lines = PLAN.splitlines()
    for name, text in changes.items():
        (place,) = (k for k, line in enumerate(lines) if line.strip().startswith(name))
        lines[place] = text
    return "\n".join(lines) + "\n"


PLANS = {
    "field": (plan(title="titel: x"), "no field titel is known; title is missing"),
    "yaml": ("a: [1", "is not YAML"),
    "empty": ("", "must have the fields title, hypotheses"),
    "none": (plan(**{"- {id": "", "- T-002d": ""}), "a list of at least one id"),
    "unknown": (plan(**{"- T-002d": "  - X-1"}), "no experiment finds X-1"),
    "twice": (plan(**{"- T-002d": "  - T-002"}), "T-002 is named more than once"),
    "verdict": (plan(**{"- T-002d": "  - {id: T-002d, expected: yes}"}), "one of hol"),
    "more": (plan(**{"- T-002d": "  - {id: T-002d, why: x}"}), "has id and expected"),
    "outcome": (plan(primary_outcome="primary_outcome: x"), "must be one of disparity"),
    "seeds": (plan(seeds="seeds: [-1]"), "seeds must be whole numbers from 0"),
    "seed": (plan(seeds="seeds: [true]"), "seeds must be whole numbers from 0"),
    "option": (plan(bits="  bitz: 3"), "no option bitz of analysis; allowed are bits"),
    "own option": (plan(bits="  seed: 3"), "no option seed of analysis"),
    "value": (plan(bits="  bits: x"), "'--bits'"),
    "number": (plan(bits="  3: 4"), "no option 3 of analysis; allowed are bits"),
    "truth": (plan(bits="  bits: false"), "bits of analysis must be a value, got Fal"),
    "no truth": (plan(causes="  causes: 1"), "causes of analysis must be true or fal"),
    "mapping": (plan(bits="  bits: {a: 1}"), "bits of analysis must be a value or a l"),
    "range": (plan(bits="  bits: 99"), "bits must be between 2 and 8, got 99"),
    "reference": (plan(reference="  reference: xx"), "reference xx"),
    "left out": (
        plan(bits="  hypotheses: T-003"),
        "hypotheses of analysis leave out T-002, which the plan wants tested",
    ),
}
REFUSED = {
    name: (["register", f"IN/{name}.yaml", "--output", "run"], expected)
    for name, (_, expected) in PLANS.items()
} | {
    "no plan": (["register", "IN/none-here.yaml", "--output", "run"], "No such file"),
    "no registration": (
        ["run", "--registered", "--output", "run"],
        "holds no registration; first jaxdisp register PLAN --output run",
    ),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    inputs = tmp_path_factory.mktemp("inputs")
    tiny.write_model(inputs / "MODEL", n_layer=2)
    tiny.write_corpus(inputs / "CORPUS")
    for name, (text, _) in PLANS.items():
        for place in ("MODEL", "CORPUS"):
            text = text.replace(place, str(inputs / place))
        (inputs / f"{name}.yaml").write_text(text, encoding="utf-8")
    return command_line.refusals(REFUSED, inputs, tmp_path_factory.mktemp("outputs"))


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_one_line(refusals, name):
    command_line.check_refusal(refusals[0][name], REFUSED[name][1])


def test_what_is_refused_writes_nothing(refusals):
    assert refusals[1] == []


@pytest.fixture
def jaxdisp(monkeypatch, capsys, tmp_path):
    """Calls the command line where the plan is registered in `run`."""
    monkeypatch.chdir(tmp_path)
    tiny.write_model(tmp_path / "MODEL", n_layer=2)
    tiny.write_corpus(tmp_path / "CORPUS")
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    call = command_line.caller(monkeypatch, capsys)
    code, out, err = call("register", "plan.yaml", "--output", "run", "--json")
    assert code == 0, err
    assert json.loads(out) == json.loads(
        (tmp_path / "run/registration.json").read_text()
    )
    return call


MADE = ("run", "--registered", "--output", "run")


def test_a_registered_run_does_what_is_registered_and_reports_it(jaxdisp, tmp_path):
    code, out, err = jaxdisp(*MADE, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["seed"] == 3
    assert found["quantizer"]["bits"] == 3
    about = found["registration"]
    assert about["deviations"] == []
    assert about["primary_outcome"]["name"] == "disparity.difference"
    measured = found["disparity"]["difference"]
    assert about["primary_outcome"]["estimate"] == measured["estimate"]
    ids = [row["id"] for row in found["hypotheses"]["findings"]]
    assert [row["id"] for row in about["hypotheses"]] == ids  # all are of T-002
    assert {row["id"]: row["expected"] for row in about["hypotheses"]} == {
        name: "holds" if name == "T-002" else None for name in ids
    }
    assert about["exploratory"] == []
    assert "Are all languages hurt alike?" in (tmp_path / "run/report.html").read_text()
    code, _, err = jaxdisp(*MADE)
    assert (code, "is made once" in err) == (2, True)
    code, _, err = jaxdisp(*MADE, "--overwrite")
    assert (code, "is made once" in err) == (2, True)
    code, out, err = jaxdisp("register", "plan.yaml", "--output", "run", "--check")
    assert (code, "unchanged since" in out) == (0, True), err


def test_what_is_given_beside_a_registration_is_a_deviation(jaxdisp):
    code, out, err = jaxdisp(
        *MADE, "--bits", "4", "--seed", "9", "--languages", "en,ru"
    )
    assert code == 0, err
    assert "deviation: --bits: registered 3, actual 4" in out
    assert "deviation: --seed: registered [3, 4], actual 9" in out
    assert "deviation: --languages: registered None, actual en,ru" in out
    assert "deviation: hash of corpus" in out


def test_another_registered_seed_is_no_deviation(jaxdisp):
    code, out, err = jaxdisp(*MADE, "--seed", "4")
    assert code == 0, err
    assert "no deviation" in out


def test_hypotheses_left_out_and_added_are_said(jaxdisp):
    code, out, err = jaxdisp(*MADE, "--hypotheses", "T-003")
    assert code == 0, err
    assert "deviation: hypothesis T-002: registered tested, actual not" in out
    assert "not registered, exploratory: T-003" in out


def test_a_changed_registration_is_refused(jaxdisp, tmp_path):
    path = tmp_path / "run" / "registration.json"
    before = path.read_text()
    path.write_text(before.replace('"bits": 3', '"bits": 4'))
    code, _, err = jaxdisp(*MADE)
    assert (code, "was changed after it was registered" in err) == (2, True), err
    path.write_text(before)
    assert jaxdisp(*MADE)[0] == 0
    done = tmp_path / "run" / "results.json"
    done.write_text(done.read_text().replace(json.loads(before)["sha256"], "0" * 64))
    code, _, err = jaxdisp("register", "plan.yaml", "--output", "run", "--check")
    assert (code, "it was changed after the run" in err) == (2, True), err


def test_a_registration_comes_before_its_run_and_is_not_replaced(jaxdisp, tmp_path):
    code, _, err = jaxdisp("register", "plan.yaml", "--output", "run")
    assert (code, "holds a registration; register in another" in err) == (2, True)
    code, _, err = jaxdisp("run", "--output", "run")
    assert (code, "holds a registration; pass --registered" in err) == (2, True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "results.json").write_text("{}")
    code, _, err = jaxdisp("register", "plan.yaml", "--output", "other")
    assert (code, "a registration comes before its run" in err) == (2, True)


def test_another_plan_is_told_from_the_registered_one(jaxdisp, tmp_path):
    (tmp_path / "plan.yaml").write_text(plan(title="title: another"), encoding="utf-8")
    code, _, err = jaxdisp("register", "plan.yaml", "--output", "run", "--check")
    assert (code, "is not the plan that is registered" in err) == (2, True)
