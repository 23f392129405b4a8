"""The toolkits' own code reads the recipes, and rounds what the plan says."""

import json
import os
import pathlib
import subprocess

import pytest

from jaxdisp.models.quantized import Quantizer
from jaxdisp.report.plans import exports, spelled
from tests.report.plans import recipes

PYTHON = os.environ.get("JAXDISP_TOOLKITS", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PYTHON, reason="JAXDISP_TOOLKITS names no Python with the toolkits"
    ),
]

READS = {
    "qwix": "qwix",
    "llm-compressor": "llm_compressor",
    "gptqmodel": "gptqmodel",
    "auto-round": "auto_round",
    "llama.cpp": "gguf",
    "transformers": "transformers_config",
}
SIZES = {  # which AutoRound wants to be multiples of 32
    "gpt2": {"n_embd": 64, "n_head": 2, "vocab_size": 320},
    "bloom": {"hidden_size": 64, "n_head": 2, "vocab_size": 320},
    "llama": {"hidden_size": 64, "intermediate_size": 96, "vocab_size": 320},
}
ALL = ("matrices", "embeddings", "head")
PLANS = {
    "one": ([Quantizer(bits=4, granularity="channel")], [0, 1, 1, 0] + [1] * 7 + [0]),
    "eight": ([Quantizer(bits=8, granularity="channel")], [1, 0] + [1] * 10),
    "two": ([recipes.FOUR, recipes.EIGHT], [0, 1, 2, 1, 1, 1, 1, 1, 1, 1, 0, 2]),
    "groups": (
        [Quantizer(bits=4, granularity="group", group_size=32, grid="affine")],
        [0, 0] + [1] * 10,
    ),
    "tensors": ([Quantizer(bits=8, clipping="exact")], [1] * 11 + [0]),
}


def plan_of(label, model):
    quantizers, assignment = PLANS[label]
    return recipes.plan(model, quantizers, assignment)


def case_of(model, given, text, reads):
    found = spelled.modules(model)
    tied = [each for each in found.values() if each.tied_to is not None]
    return {
        "entries": given,
        "text": text,
        "reads": reads,
        "modules": {name: each.kind for name, each in found.items()},
        "n_layers": model.config.n_layers,
        "tied": bool(tied),
        "embedding": tied[0].tied_to if tied else None,
    }


def expected_of(plan, model):
    told = spelled.spelled(plan, model).rounding
    return {name: each.bits for name, each in told.items() if each is not None}


def ask(cases, directory):
    place = directory / "answers.json"
    done = subprocess.run(
        [PYTHON, str(pathlib.Path(__file__).with_name("toolkit_parsers.py")), place],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(place.read_text(encoding="utf-8"))


@pytest.mark.parametrize("toolkit", READS)
def test_toolkits_round_exactly_what_the_plan_does(toolkit, tmp_path):
    cases, expected = {}, {}
    for family in recipes.FAMILIES:
        given = recipes.entries(family, **SIZES[family])
        model = recipes.opened(given)
        for label in PLANS:
            plan = plan_of(label, model)
            if (toolkit, family, label) == ("transformers", "gpt2", "two"):
                continue  # refused
            name = f"{family} {label}"
            text = exports.export(plan, model, toolkit).text
            cases[name] = case_of(model, given, text, READS[toolkit])
            expected[name] = expected_of(plan, model)
            if toolkit == "llm-compressor" and family != "gpt2":
                applied = case_of(model, given, text, "llm_compressor_applied")
                cases[f"{name} applied"] = applied
                expected[f"{name} applied"] = expected[name]
    assert ask(cases, tmp_path) == expected


def test_heads_and_embeddings(tmp_path):
    cases, expected = {}, {}
    for family in ("llama", "bloom"):
        given = recipes.entries(family, **SIZES[family])
        model = recipes.opened(given)
        both = Quantizer(bits=8, granularity="channel", include=ALL)
        plan = recipes.plan(model, [both], [1, 0] + [1] * 10, outside=1)
        told = expected_of(plan, model)
        for toolkit, reads in READS.items():
            name = f"{family} {toolkit}"
            text = exports.export(plan, model, toolkit).text
            cases[name] = case_of(model, given, text, reads)
            kinds = exports.TOOLKITS[toolkit].kinds
            outside = set(recipes.OUTSIDE[family])
            if "Embedding" not in kinds:
                outside &= {"lm_head"} if family == "llama" else set()
            inside = recipes.of_layers(family, range(12))
            expected[name] = {n: b for n, b in told.items() if n in outside | inside}
    assert ask(cases, tmp_path) == expected


def test_conv1d_is_named_to_llm_compressor_and_left_by_it(tmp_path):
    given = recipes.entries("gpt2", **SIZES["gpt2"])
    model = recipes.opened(given)
    text = exports.export(plan_of("one", model), model, "llm-compressor").text
    case = case_of(model, given, text, "llm_compressor_applied")
    assert ask({"gpt2": case}, tmp_path) == {"gpt2": {}}


def test_modules_are_those_of_torch(tmp_path):
    cases, expected = {}, {}
    for family in recipes.FAMILIES:
        given = recipes.entries(family, **SIZES[family])
        model = recipes.opened(given)
        cases[family] = case_of(model, given, "", "named")
        found = spelled.modules(model)
        expected[family] = {name: each.kind for name, each in found.items()}
        assert set(found) == recipes.every_name(family)
    assert ask(cases, tmp_path) == expected
