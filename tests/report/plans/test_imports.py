"""Recipes as they are written in the world, read as plans; and round trips."""

import dataclasses
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.models.quantized import Quantizer
from jaxdisp.report.plans import exports, imports, skeleton, spelled, toolkit
from jaxdisp.report.plans import plan as plans
from tests.report.plans import recipes

LAYERS = 3


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {
        family: recipes.write(root / family, family, LAYERS)
        for family in recipes.FAMILIES
    }


@pytest.fixture
def read(directories, tmp_path):
    """A function that reads a recipe for the small model of a family."""

    def call(text, family="llama", name=imports.AUTO):
        path = tmp_path / "recipe"
        path.write_text(text, encoding="utf-8")
        model = skeleton.open_skeleton(str(directories[family]))
        return imports.import_recipe(path, model, name)

    return call


def bits_of(found, family="llama"):
    """Bits of every module that is rounded, by the plan that was read."""
    model = recipes.opened(recipes.entries(family, LAYERS))
    told = spelled.spelled(found.plan, model).rounding
    return {name: each.bits for name, each in told.items() if each is not None}


def layers(*numbers, family="llama", bits=4):
    return dict.fromkeys(recipes.of_layers(family, numbers), bits)


RECIPES = {
    "what llm-compressor's own examples say": (
        "llm-compressor",
        """
default_stage:
  default_modifiers:
    GPTQModifier:
      targets: [Linear]
      ignore: [lm_head, 're:.*layers\\.1\\..*']
      scheme: W4A16
""",
        layers(0, 2),
        Quantizer(bits=4, granularity="group", group_size=128),
    ),
    "two stages, smoothing, groups by names and types": (
        "llm-compressor",
        """
smooth_stage:
  smooth_modifiers:
    SmoothQuantModifier: {smoothing_strength: 0.8}
quant_stage:
  quant_modifiers:
    QuantizationModifier:
      ignore: ["lm_head"]
      config_groups:
        wide:
          targets: ["re:.*down_proj$"]
          weights: {num_bits: 8, strategy: channel, type: int, symmetric: true}
        narrow:
          targets: ["Linear"]
          weights: {num_bits: 4, strategy: channel, type: int, symmetric: true}
          input_activations: {num_bits: 8, dynamic: true, strategy: token}
""",
        layers(0, 1, 2) | {f"model.layers.{n}.mlp.down_proj": 8 for n in range(LAYERS)},
        Quantizer(bits=4, granularity="channel"),
    ),
    "GPTQModel's readme": (
        "gptqmodel",
        json.dumps(
            {
                "bits": 4,
                "group_size": 128,
                "desc_act": True,
                "dynamic": {
                    r"-:.*\.1\..*": {},
                    r"+:.*\.[12]\..*(?:gate|up).*": {"bits": 8, "group_size": 64},
                },
            }
        ),
        layers(0, 2)
        | {f"model.layers.2.mlp.{part}_proj": 8 for part in ("gate", "up")},
        Quantizer(bits=4, granularity="group", group_size=128),
    ),
    "AutoRound with a scheme and 16 bits by a part of a name": (
        "auto-round",
        json.dumps(
            {
                "scheme": "W4A16",
                "layer_config": {
                    "layers.1.": {"bits": 16},
                    "lm_head": {"bits": 8, "group_size": 32},
                    "model.layers.0.mlp.up_proj": "W8A16",
                },
            }
        ),
        layers(0, 2) | {"lm_head": 8, "model.layers.0.mlp.up_proj": 8},
        Quantizer(bits=4, granularity="group", group_size=128),
    ),
    "tensor types with a last line for the rest": (
        "llama.cpp",
        "blk\\.1\\.=f16 ^output=q8_0 TOKEN_EMBD=F16\nffn_down=q8_0\n.*=q4_0\n",
        layers(0, 2)
        | {f"model.layers.{n}.mlp.down_proj": 8 for n in (0, 2)}
        | {"lm_head": 8},
        Quantizer(bits=4, granularity="group", group_size=32),
    ),
    "bitsandbytes in a config.json": (
        "transformers",
        json.dumps(
            {
                "model_type": "llama",
                "quantization_config": {
                    "quant_method": "bitsandbytes",
                    "_load_in_8bit": True,
                    "_load_in_4bit": False,
                    "llm_int8_skip_modules": ["lm_head", "model.layers.1"],
                },
            }
        ),
        layers(0, 2, bits=8),
        Quantizer(bits=8, granularity="channel"),
    ),
    "bitsandbytes that names nothing keeps the head": (
        "transformers",
        json.dumps({"load_in_4bit": True, "quant_method": "bitsandbytes"}),
        layers(0, 1, 2),
        Quantizer(bits=4, granularity="group", group_size=64),
    ),
    "a compressed-tensors checkpoint": (
        "transformers",
        json.dumps(
            {
                "quantization_config": {
                    "quant_method": "compressed-tensors",
                    "ignore": ["lm_head", *sorted(recipes.of_layers("llama", [1]))],
                    "config_groups": {
                        "group_0": {
                            "targets": ["Linear"],
                            "weights": {
                                "num_bits": 4,
                                "type": "int",
                                "symmetric": False,
                                "strategy": "group",
                                "group_size": 32,
                            },
                        }
                    },
                }
            }
        ),
        layers(0, 2),
        Quantizer(bits=4, granularity="group", group_size=32, grid="affine"),
    ),
    "torchao for all": (
        "transformers",
        json.dumps(
            {
                "quant_method": "torchao",
                "quant_type": {
                    "default": {
                        "_type": "Int8WeightOnlyConfig",
                        "_version": 2,
                        "_data": {},
                    }
                },
                "modules_to_not_convert": ["lm_head", "model.layers.1"],
            }
        ),
        layers(0, 2, bits=8),
        Quantizer(bits=8, granularity="channel"),
    ),
    "qwix in Python, not run": (
        "qwix",
        "import os; os.abort()\nimport qwix\nfrom jax import numpy as jnp\n"
        "rules = [qwix.QuantizationRule(module_path='lm_head'),\n"
        "  qwix.QuantizationRule(module_path='.*/1/.*'),\n"
        "  qwix.QuantizationRule(module_path='model/layers/.*/.*',\n"
        "      weight_qtype=jnp.int4, act_qtype='int8', tile_size=32)]\n",
        layers(0, 2),
        Quantizer(bits=4, granularity="group", group_size=32),
    ),
}


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_of_the_world(name, read):
    owner, text, expected, usual = RECIPES[name]
    found = read(text)
    assert found.toolkit == owner
    assert bits_of(found) == expected
    assert found.plan.quantizers[0] == usual or usual in {
        dataclasses.replace(each, include=("matrices",))
        for each in found.plan.quantizers
    }
    assert read(text, name=owner) == found


def test_what_is_not_audited_is_named(read):
    _, smooth, _, _ = RECIPES["two stages, smoothing, groups by names and types"]
    told = " ".join(read(smooth).remarks)
    assert "SmoothQuantModifier" in told
    assert "input_activations" in told
    _, gptq, _, _ = RECIPES["GPTQModel's readme"]
    assert {"desc_act is not audited"} <= set(read(gptq).remarks)
    _, rules, _, _ = RECIPES["qwix in Python, not run"]
    assert any("act_qtype" in each for each in read(rules).remarks)


def test_parts_of_layers_are_exceptions(read):
    _, text, _, _ = RECIPES["two stages, smoothing, groups by names and types"]
    plan = read(text).plan
    assert plan.assignment == (1, 1, 1)
    downs = {f"model.layers.{n}.mlp.down_proj": 2 for n in range(LAYERS)}
    assert plan.exceptions == downs


def test_a_regex_of_another_model_is_a_remark_and_a_name_is_refused(read):
    text = """
quant_stage:
  quant_modifiers:
    QuantizationModifier: {{scheme: W4A16, targets: [Linear], ignore: [lm_head, {}]}}
"""
    found = read(text.format("'re:.*vision_tower.*'"))
    assert any("vision_tower" in each for each in found.remarks)
    with pytest.raises(ValueError, match=r"model\.layer\.1\.mlp\.up_proj"):
        read(text.format("model.layer.1.mlp.up_proj"))
    held = read(text.format("model.layers.1.mlp"))
    assert any("does not hold for the modules in it" in x for x in held.remarks)
    assert bits_of(held) == layers(0, 1, 2)


ENTRIES = '{"bits": 4, "group_size": 128, '
BAD = {
    "empty": ("", "is empty"),
    "binary": (b"\xff\xfe\x00", "not text in UTF-8"),
    "prose": ("Dear all, find the recipe attached.", "no toolkit"),
    "foreign YAML": ("services:\n  web:\n    image: nginx\n", "no toolkit"),
    "broken YAML": ("quant_stage:\n  x: [\n", "not valid YAML"),
    "a plan": (json.dumps({"kind": plans.KIND}), "a plan already"),
    "no modifier": ("a_stage:\n  b_modifiers:\n    C: {}\n", "no modifier rounds"),
    "no scheme": (
        "a_stage:\n  b_modifiers:\n    QuantizationModifier: {}\n",
        "neither config_groups nor a scheme",
    ),
    "floats": (
        "a_stage:\n  b_modifiers:\n    QuantizationModifier: {scheme: FP8}\n",
        "grid of integers",
    ),
    "a slip in every rule": (
        ENTRIES + '"dynamic": {"-:.*layer\\\\.1\\\\..*": {}}}',
        "no module of the model",
    ),
    "a bad regex": (ENTRIES + '"dynamic": {"-:(": {}}}', "not a regular expression"),
    "bits of another kind": ('{"bits": "four", "group_size": 128}', "bits must be"),
    "bits out of range": ('{"bits": 1, "group_size": 128}', "from 2 to 8"),
    "a list": ('[{"group_size": 1, "dynamic": {}}]', "must hold an object"),
    "a slip in a name": (
        '{"scheme": "W4A16", "layer_config": {"lm_haed": {"bits": 16}}}',
        "lm_haed",
    ),
    "a type that is not known": ("attn_q=q9_9\n", "no toolkit|q9_9"),
    "a tensor of another model": ("blk.7.attn_q=q4_0 .*=q8_0", "no module.*blk"),
    "tensors left out": ("blk.0.=q4_0 blk.1.=f16\n", "says nothing of"),
    "another method": ('{"quant_method": "aqlm"}', "aqlm"),
    "rules without any": ("x = [QuantizationRule ]", "no toolkit"),
    "rules that are not Python": ("QuantizationRule(module_path=", "neither JSON nor"),
    "everything kept": (
        '{"load_in_8bit": true, "llm_int8_skip_modules": ["model", "lm_head"]}',
        "nothing to audit",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_recipes_are_refused(name, directories, tmp_path):
    text, expected = BAD[name]
    path = tmp_path / "recipe"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    model = skeleton.open_skeleton(str(directories["llama"]))
    with pytest.raises(ValueError, match=f"(?s){re.escape(str(path))}.*({expected})"):
        imports.import_recipe(path, model)


def test_files_that_are_none(directories, tmp_path):
    model = skeleton.open_skeleton(str(directories["llama"]))
    for path, expected in ((tmp_path, "a directory"), (tmp_path / "x", "no such file")):
        with pytest.raises(ValueError, match=expected):
            imports.import_recipe(path, model)
    with pytest.raises(ValueError, match="not known"):
        imports.import_recipe(tmp_path, model, "nonesuch")


def test_the_target_is_that_of_an_open_model(directories):
    from jaxdisp import models

    source = str(directories["gpt2"])
    model = models.load(source)
    found = skeleton.target(skeleton.open_skeleton(source))
    assert found == plans.target(model)
    assert skeleton.check(recipes.keeping(model_of(found), [0]), model_of(found)) != ()


def model_of(target):
    return recipes.opened(recipes.entries(target.architecture, target.n_layers))


# as dictionaries: the type checks of the tests draw at random, which strategies may not
QUANTIZERS = st.fixed_dictionaries(
    {
        "bits": st.sampled_from([2, 3, 4, 5, 6, 8]),
        "grid": st.sampled_from(["symmetric", "twos_complement", "midrise", "affine"]),
        "granularity": st.sampled_from(["tensor", "channel", "group"]),
        "group_size": st.sampled_from([16, 32, 64]),
        "clipping": st.sampled_from(["absmax", "exact", "percentile"]),
    }
)
MODELS = {each: recipes.opened(recipes.entries(each)) for each in recipes.FAMILIES}


@st.composite
def exchanged(draw):
    """A toolkit, a family, and what makes a plan for it."""
    family = draw(st.sampled_from(recipes.FAMILIES))
    name = draw(st.sampled_from(sorted(exports.TOOLKITS)))
    quantizers = draw(st.lists(QUANTIZERS, min_size=1, max_size=3))
    versions = st.integers(0, len(quantizers))
    assignment = draw(st.lists(versions, min_size=12, max_size=12))
    inside = sorted(recipes.of_layers(family, range(12)))
    exceptions = draw(st.dictionaries(st.sampled_from(inside), versions, max_size=3))
    return name, family, (quantizers, assignment, 0, exceptions)


@settings(deadline=None, max_examples=60)
@given(exchanged())
def test_a_plan_goes_out_and_comes_back(case):
    name, family, (fields, *assigned) = case
    model = MODELS[family]
    plan = recipes.plan(model, [Quantizer(**each) for each in fields], *assigned)
    told = spelled.spelled(plan, model).rounding
    used = [each for each in dict.fromkeys(told.values()) if each is not None]
    if not used or is_refused(name, model, used):
        with pytest.raises(ValueError, match="Conv1D" if used else "nothing to say"):
            exports.export(plan, model, name)
        return
    exported = exports.export(plan, model, name)
    tool = exports.find(name)
    found = tool.read(exported.text, toolkit.names(model), "recipe")
    back, remarks = spelled.gathered(found.rounding, model, plan.model)
    assert remarks == []
    nearest = exports.nearest(name, used)
    expected = {n: None if q is None else settled(nearest[q]) for n, q in told.items()}
    again = spelled.spelled(back, model).rounding
    assert {n: q and settled(q) for n, q in again.items()} == expected
    once = exports.export(back, model, name)
    assert not any("cannot be said" in each for each in once.remarks)
    assert tool.read(once.text, toolkit.names(model), "").rounding == found.rounding


def is_refused(name, model, used):
    """Whether the model has modules that torchao does not work in."""
    lengths = {each.bits for each in used}
    several = len(lengths) > 1 or not lengths <= {4, 8}
    return name == "transformers" and model.architecture.name == "gpt2" and several


def settled(quantizer):
    """Without what makes no difference."""
    size = quantizer.group_size if quantizer.granularity == "group" else 64
    return dataclasses.replace(quantizer, group_size=size, include=("matrices",))


@given(
    st.lists(st.integers(0, 2), min_size=12, max_size=12).filter(any),
    st.integers(0, 2),
    st.sampled_from(recipes.FAMILIES),
)
@settings(deadline=None, max_examples=30)
def test_what_is_spelled_out_is_gathered_again(assignment, outside, family):
    model = MODELS[family]
    every = ("matrices", "embeddings", "head")
    several = [dataclasses.replace(q, include=every) for q in (FOUR, EIGHT)]
    plan = recipes.plan(model, several, assignment, outside)
    told = spelled.spelled(plan, model).rounding
    back, remarks = spelled.gathered(told, model, plan.model)
    assert remarks == []
    again = spelled.spelled(back, model).rounding
    assert {n: q and q.bits for n, q in again.items()} == {
        n: q and q.bits for n, q in told.items()
    }
    assert back.exceptions == {}


FOUR, EIGHT = recipes.FOUR, recipes.EIGHT
