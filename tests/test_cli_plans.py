"""`plan export` and `plan import`."""

import json

import pytest

from jaxdisp.measure.corpus import load_corpus, spread
from jaxdisp.measure.disparity import contrast
from jaxdisp.models import Quantizer, load
from jaxdisp.report import runs
from jaxdisp.report.plans import exports, predicted, skeleton
from jaxdisp.report.plans import plan as plans
from tests import command_line
from tests.measure import tiny
from tests.report.plans import recipes


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    directory = recipes.write(root / "model", "llama", 3)
    recipes.write(root / "other", "gpt2", 3)
    opened = skeleton.open_skeleton(str(directory))
    made = plans.Plan(
        model=skeleton.target(opened),
        quantizers=(recipes.FOUR,),
        assignment=(0, 1, 1),
    )
    text = json.dumps(plans.content(made))
    (root / "plan.json").write_text(text, encoding="utf-8")
    (root / "typo.yaml").write_text(
        "a_stage:\n  b_modifiers:\n    QuantizationModifier:\n"
        "      {scheme: W4A16, ignore: [lm_haed]}\n",
        encoding="utf-8",
    )
    return root


@pytest.mark.parametrize("toolkit", exports.TOOLKITS)
def test_a_plan_goes_out_and_comes_back(files, toolkit, tmp_path, monkeypatch, capsys):
    call = command_line.caller(monkeypatch, capsys)
    recipe = tmp_path / "recipe"
    code, out, err = call("plan", "export", files / "plan.json", "--to", toolkit)
    assert code == 0
    assert err.startswith("remark: ")
    given = ("--to", toolkit, "--output", recipe)
    code, nothing, again = call("plan", "export", files / "plan.json", *given)
    assert (code, nothing) == (0, "")
    assert again == f"{err}written: {recipe}\n"
    assert recipe.read_text(encoding="utf-8") == out
    code, found, err = call("plan", "import", recipe, "--model", files / "model")
    assert code == 0
    assert err.startswith(f"remark: read as a recipe of {toolkit}\n")
    content = json.loads(found)
    assert content["assignment"] == [0, 1, 1]
    assert content["exceptions"] == {}
    before = json.loads((files / "plan.json").read_text(encoding="utf-8"))
    assert content["model"] == before["model"]
    assert plans.parse(content).quantizers[0].bits == 4


def test_an_audit_says_what_the_recipe_costs(tmp_path, monkeypatch, capsys):
    call = command_line.caller(monkeypatch, capsys)
    tiny.write_model(tmp_path / "model", n_layer=2)
    tiny.write_corpus(tmp_path / "corpus")
    model = load(tmp_path / "model")
    made = plans.Plan(
        model=plans.target(model),
        quantizers=(Quantizer(granularity="channel"),),
        assignment=(0, 1),
    )
    text = json.dumps(plans.content(made))
    (tmp_path / "plan.json").write_text(text, encoding="utf-8")
    recipe, output = tmp_path / "recipe.yaml", tmp_path / "audited.json"
    given = ("--to", "llm-compressor", "--output", recipe)
    assert call("plan", "export", tmp_path / "plan.json", *given)[0] == 0
    given = (recipe, "--model", tmp_path / "model", "--output", output)
    text = ("--corpus", tmp_path / "corpus", "--languages", "ru,en", "--limit", "6")
    code, _, err = call("plan", "import", *given, *text)
    assert code == 2
    assert "--corpus, --languages, --limit: needs --audit" in err
    assert not output.exists()
    code, out, _ = call("plan", "import", *given, *text, "--audit", "--seed", "3")
    assert code == 0
    found = plans.read(output)
    corpus = spread(load_corpus(tmp_path / "corpus", ("ru", "en")), 6)
    how = predicted.How(chosen=contrast(corpus.languages, model.training_bytes), seed=3)
    expected = predicted.predict(model, corpus, found, how)
    assert found.predicted == json.loads(json.dumps(runs.rounded(expected)))
    assert found.predicted["languages"][0]["language"] == "ru"
    assert "Losses in nats per token" in out


BAD = {
    "an unknown toolkit": (
        ["plan", "export", "IN/plan.json", "--to", "nonesuch"],
        "allowed: qwix, llm-compressor",
    ),
    "a plan of another model": (
        ["plan", "export", "IN/plan.json", "--to", "qwix", "--model", "IN/other"],
        "for another model",
    ),
    "no plan": (["plan", "export", "IN/none.json", "--to", "qwix"], "no such file"),
    "a recipe as a plan": (
        ["plan", "export", "IN/typo.yaml", "--to", "qwix"],
        "not valid JSON",
    ),
    "an output that cannot be": (
        *(["plan", "export", "IN/plan.json", "--to", "qwix", "--output", "no/x"],),
        "no/x",
    ),
    "a recipe with a slip": (
        ["plan", "import", "IN/typo.yaml", "--model", "IN/model"],
        "lm_haed",
    ),
    "a recipe of another toolkit": (
        ["plan", "import", "IN/typo.yaml", "--model", "IN/model", "--from", "x"],
        "is not known",
    ),
    "no model": (
        ["plan", "import", "IN/typo.yaml", "--model", "IN/nowhere/x/y"],
        "no such directory",
    ),
    "no command": (["plan"], "Missing command"),
}


@pytest.fixture(scope="module")
def answers(files, tmp_path_factory):
    return command_line.refusals(BAD, files, tmp_path_factory.mktemp("out"))


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name, answers):
    command_line.check_refusal(answers[0][name], BAD[name][1])
    assert answers[1] == []
