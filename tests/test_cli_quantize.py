"""`quantize`, `plan make` and `plan show`: from a run to a checkpoint, and refusals."""

import json

import pytest

from jaxdisp.models import Quantizer
from jaxdisp.models.model import describe
from jaxdisp.report import files, jobs, runs, settings
from jaxdisp.report.plans import plan as plans
from jaxdisp.report.search_lattice import Search
from tests import command_line
from tests.measure import tiny
from tests.report import tiny_search
from tests.report.plans import made_up_plan

QUANTIZE = ["quantize", "--plan", "IN/plan.json", "--out", "out"]
REFUSED = {
    "no plan": (["quantize", "--out", "out"], "Missing option '--plan'"),
    "nowhere": (["quantize", "--plan", "IN/plan.json"], "Missing option '--out'"),
    "missing plan": (
        ["quantize", "--plan", "IN/none.json", "--out", "out"],
        r"none\.json: no such file; jaxdisp run and jaxdisp plan make write plans",
    ),
    "no plan at all": (
        ["quantize", "--plan", "MODEL/config.json", "--out", "out"],
        r"config\.json: is not a plan: kind must be",
    ),
    "newer plan": (
        ["quantize", "--plan", "IN/newer.json", "--out", "out"],
        "a plan of version 99; this jaxdisp reads version 1",
    ),
    "another model": (
        [*QUANTIZE, "--model", "IN/other"],
        r"for another model \(.*MODEL\): its weights .SHA-256. is",
    ),
    "another depth": ([*QUANTIZE, "--model", "IN/deep"], "its number of layers is 3"),
    "no model": ([*QUANTIZE, "--model", "IN/none"], "none: no such directory"),
    "revision of a directory": ([*QUANTIZE, "--revision", "main"], "is for hub ids"),
    "type": ([*QUANTIZE, "--dtype", "int4"], "dtype must be one of float32, bfloat16"),
    "corpus without check": ([*QUANTIZE, "--corpus", "CORPUS"], "is the text of --che"),
    "check of nothing": ([*QUANTIZE, "--check"], "the plan predicts no losses"),
    "foreign directory": (
        ["quantize", "--plan", "IN/plan.json", "--out", "IN/foreign", "--overwrite"],
        "foreign: exists and was not written by jaxdisp quantize",
    ),
    "the source itself": (
        ["quantize", "--plan", "IN/plan.json", "--out", "MODEL", "--overwrite"],
        "MODEL: is the model that is read; choose another --out",
    ),
    "unwritable": (
        ["quantize", "--plan", "IN/plan.json", "--out", "IN/plan.json/out"],
        r"plan\.json: is a file; choose another --out than .*plan\.json/out",
    ),
    "plan of no run": (["plan", "make", "MODEL"], "is not a run of jaxdisp"),
    "plan of nothing": (
        ["plan", "make", "IN/measured"],
        "measured: searched no sets of layers, or none has a rank, .* with --layers",
    ),
    "layer out of range": (
        ["plan", "make", "IN/measured", "--layers", "0,7"],
        "no layer 7; the model has layers 0 to 2",
    ),
    "two sets": (
        ["plan", "make", "IN/measured", "--layers", "0;1"],
        "--layers 0;1: must be one set, such as 0,9,11",
    ),
    "no run": (["plan", "make", "IN/none"], "none: no such directory; name that of a"),
    "nothing to show": (["plan", "show", "IN/none.json"], "no such file"),
}


def prepare(inputs):
    tiny.write_model(inputs / "MODEL")
    tiny.write_model(inputs / "other", n_inner=40)
    tiny.write_model(inputs / "deep", n_layer=4)
    tiny.write_corpus(inputs / "CORPUS")
    (inputs / "foreign").mkdir()
    (inputs / "foreign" / "thesis.tex").write_text("years of work")
    plan = made_up_plan.plan(describe(inputs / "MODEL"))
    (inputs / "plan.json").write_bytes(plans.encoded(plans.content(plan)))
    newer = plans.content(plan) | {"schema_version": 99}
    (inputs / "newer.json").write_text(json.dumps(newer))
    measured(inputs)


def measured(inputs):
    """A run without a search, whose results cost nothing as nobody looks at them."""
    wanted = settings.Settings(
        command="measure",
        model=f"{inputs}/MODEL",
        revision=None,
        corpus=f"{inputs}/CORPUS",
        languages=None,
        quantizer=Quantizer(bits=3),
        limit=None,
        reference=None,
        seed=1,
    )
    opened = settings.open_inputs(wanted)
    configuration = settings.configuration(wanted, opened)
    run = runs.begin(inputs / "measured", configuration, overwrite=False)
    found = {"command": "measure", "schema_version": runs.SCHEMA_VERSION}
    found |= dict.fromkeys(
        (
            *("model", "quantizer", "quantizer_in_words", "seed", "dtype", "corpus"),
            *("measured_languages", "hashes", "n_sentences", "n_groups", "windows"),
        ),
        0,
    )
    runs.finish(run, found, {}, runs.environment(run, settings.hashes(opened)))


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    inputs, outputs = (tmp_path_factory.mktemp(name) for name in ("in", "out"))
    prepare(inputs)
    return command_line.refusals(REFUSED, inputs, outputs)


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_one_line(name, answers):
    command_line.check_refusal(answers[0][name], REFUSED[name][1])


def test_refused_commands_write_nothing(answers):
    assert answers[1] == []


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with a model, a corpus and a search of it."""
    root = tmp_path_factory.mktemp("cli")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        tiny_search.write(root)
        # figures take long, and nobody looks at them
        patched.setattr(
            files,
            "written",
            lambda found, _: {plans.FILE: plans.encoded(found["plan"])},
        )
        begun = tiny_search.begun(Search(keep=1), root / "run")
        with tiny_search.small_calls():
            jobs.execute(*begun)
    return root


@pytest.fixture
def call(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    return command_line.caller(monkeypatch, capsys)


def test_a_search_becomes_a_checkpoint_that_loses_what_was_predicted(call, place):
    with tiny_search.small_calls():
        code, out, err = call(
            *("quantize", "--plan", "run/plan.json", "--out", "q", "--check", "--json")
        )
    assert code == 0, err
    found = json.loads(out)
    assert found["check"]["agrees"]
    # the prediction is kept in six digits
    assert found["check"]["largest_per_token"] < 2e-5
    assert err == "written: q\n"
    assert plans.read(place / "q" / "plan.json").predicted is not None
    card = (place / "q" / "README.md").read_text()
    assert "What quantization costs each language" in card
    assert call("quantize", "--plan", "run/plan.json", "--out", "q")[0] == 2
    code, out, err = call(
        *("quantize", "--plan", "run/plan.json", "--out", "q", "--overwrite"),
        *("--dtype", "bfloat16", "--quiet"),
    )
    assert (code, err) == (0, "")
    assert "rounded once more, by up to 1 part in 256" in out
    assert "--check measures by how much" in out


def test_a_checkpoint_that_loses_something_else_ends_with_an_error(call, place):
    content = json.loads((place / "run" / "plan.json").read_text())
    content["predicted"]["languages"][0]["loss_per_token"] += 0.001
    (place / "wrong.json").write_text(json.dumps(content))
    with tiny_search.small_calls():
        code, out, _ = call(
            *("quantize", "--plan", "wrong.json", "--out", "w", "--check")
        )
    assert code == 1
    assert "differ from those predicted" in out


def test_the_plan_of_a_search_is_the_one_in_its_directory(call, place):
    code, out, _ = call("plan", "make", "run")
    assert code == 0
    assert out.encode() == (place / "run" / "plan.json").read_bytes()
    results = json.loads((place / "run" / "results.json").read_text())
    assert json.loads(out) == results["plan"]


def test_layers_that_are_named_are_measured(call, place):
    with tiny_search.small_calls():
        code, out, _ = call(
            *("plan", "make", "run", "--layers", "0,2", "--output", "by_hand.json")
        )
    assert code == 0
    assert out.startswith("Plan: layer 1 in 4 bits")
    made = plans.read(place / "by_hand.json")
    assert made.assignment == (0, 1, 0)
    assert made.chosen is None
    code, out, _ = call("plan", "show", "by_hand.json")
    assert code == 0
    assert "unprotected [95 %]" in out
    assert json.loads(call("plan", "show", "by_hand.json", "--json")[1]) == (
        plans.content(made)
    )
