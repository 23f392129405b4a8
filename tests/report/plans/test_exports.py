"""What recipes name: exactly the modules of the protected layers, of three families."""

import json
import re
import types

import pytest
import yaml

from jaxdisp.models.quantized import Quantizer
from jaxdisp.report.plans import exports, patterns, skeleton
from tests.report.plans import recipes

KEPT = (1, 3, 11)
GGUF = {
    "gpt2": ("attn_qkv", "attn_output", "ffn_up", "ffn_down"),
    "bloom": ("attn_qkv", "attn_output", "ffn_up", "ffn_down"),
    "llama": (
        *("attn_q", "attn_k", "attn_v", "attn_output"),
        *("ffn_gate", "ffn_up", "ffn_down"),
    ),
}


def qwix_bits(text, names):
    found = {}
    fake = types.SimpleNamespace(QuantizationRule=lambda **given: given)
    place = {}
    exec(text.replace("import qwix", ""), {"qwix": fake}, place)
    for name in names:
        for rule in place["RULES"]:
            if re.fullmatch(rule["module_path"], name.replace(".", "/")):
                found[name] = int(rule.get("weight_qtype", "int0")[3:])
                break
        else:
            found[name] = 0
    return found


def compressor_bits(text, names):
    stage = yaml.safe_load(text)["quant_stage"]["quant_modifiers"]
    (modifier,) = stage.values()
    found = dict.fromkeys(names, 0)
    for group in modifier["config_groups"].values():
        for target in group["targets"]:
            for name in names:
                if re.match(target.removeprefix("re:"), name):
                    assert found[name] == 0
                    found[name] = group["weights"]["num_bits"]
    assert {name for name in names if found[name] == 0} == set(modifier["ignore"])
    return found


def gptqmodel_bits(text, names):
    content = json.loads(text)
    found = {}
    for name in names:
        outside = not re.search(r"\.\d+\.", name)
        found[name] = 0 if outside else content["bits"]
        for rule, entries in content["dynamic"].items():
            if re.match(rule[2:], name):
                assert rule[:2] in ("-:", "+:")
                found[name] = 0 if rule[:2] == "-:" else entries["bits"]
                break
    assert content["lm_head"] is False
    return found


def auto_round_bits(text, names):
    content = json.loads(text)
    assert set(content["layer_config"]) <= set(names)
    usual = content["scheme"]["bits"]
    found = {}
    for name in names:
        outside = not re.search(r"\.\d+\.", name)
        entries = content["layer_config"].get(name, {"bits": 16 if outside else usual})
        found[name] = entries["bits"] % 16
    return found


def transformers_bits(text, names):
    config = json.loads(text)["quantization_config"]
    if config["quant_method"] == "bitsandbytes":
        bits = 8 if config.get("load_in_8bit") else 4
        kept = set(config["llm_int8_skip_modules"])
        embeddings = {n for n in names if "embed" in n or n.endswith(("wte", "wpe"))}
        return {n: 0 if n in kept | embeddings else bits for n in names}
    rules = config["quant_type"]["default"]["_data"]["fqn_to_config"]
    found = dict.fromkeys(names, 0)
    for rule, made in rules.items():
        for name in names:
            if re.fullmatch(rule.removeprefix("re:"), f"{name}.weight"):
                found[name] = int(made["_data"]["weight_dtype"]["_data"][3:])
    return found


READ = {
    "qwix": qwix_bits,
    "llm-compressor": compressor_bits,
    "gptqmodel": gptqmodel_bits,
    "auto-round": auto_round_bits,
    "transformers": transformers_bits,
}


@pytest.mark.parametrize("family", recipes.FAMILIES)
@pytest.mark.parametrize("toolkit", READ)
def test_all_modules_of_protected_layers_and_no_others_are_kept(family, toolkit):
    model = recipes.opened(recipes.entries(family))
    plan = recipes.keeping(model, KEPT)
    names = sorted(recipes.every_name(family))
    text = exports.export(plan, model, toolkit).text
    found = READ[toolkit](text, names)
    others = set(range(recipes.LAYERS)) - set(KEPT)
    assert {n for n, b in found.items() if b} == recipes.of_layers(family, others)
    assert set(found.values()) == {0, 4}


@pytest.mark.parametrize("family", recipes.FAMILIES)
def test_gguf_names_of_protected_layers(family):
    model = recipes.opened(recipes.entries(family))
    text = exports.export(recipes.keeping(model, KEPT), model, "llama.cpp").text
    found = {}
    names = [f"blk.{n}.{part}.weight" for n in range(12) for part in GGUF[family]]
    tied = family != "llama"
    names += ["token_embd.weight"] if tied else ["token_embd.weight", "output.weight"]
    for name in [*names, "output_norm.weight", "blk.1.attn_norm.weight"]:
        for line in text.split():
            pattern, _, kind = line.partition("=")
            if re.search(pattern, name):
                found[name] = kind
                break
    assert set(found) == set(names)
    kept = {name for name, kind in found.items() if kind == "f16"}
    protected = {name for name in names if re.match(r"blk\.(1|3|11)\.", name)}
    assert kept == protected | {n for n in names if not n.startswith("blk")}
    assert set(found.values()) == {"f16", "q4_0"}


@pytest.mark.parametrize("toolkit", [name for name in READ if name != "transformers"])
def test_two_word_lengths_and_an_exception(toolkit):
    model = recipes.opened(recipes.entries("gpt2"))
    several = (recipes.FOUR, recipes.EIGHT)
    odd = {"transformer.h.5.mlp.c_fc": 0, "transformer.h.0.attn.c_proj": 2}
    plan = recipes.plan(model, several, [0, 2] + [1] * 10, exceptions=odd)
    names = sorted(recipes.every_name("gpt2"))
    found = READ[toolkit](exports.export(plan, model, toolkit).text, names)
    expected = dict.fromkeys(names, 0)
    expected |= dict.fromkeys(recipes.of_layers("gpt2", [1]), 8)
    expected |= dict.fromkeys(recipes.of_layers("gpt2", range(2, 12)), 4)
    expected |= {"transformer.h.5.mlp.c_fc": 0, "transformer.h.0.attn.c_proj": 8}
    assert found == expected


def test_transformers_takes_bitsandbytes_where_it_can_and_says_so():
    model = recipes.opened(recipes.entries("bloom"))
    one = exports.export(
        recipes.keeping(model, KEPT, recipes.EIGHT), model, TRANSFORMERS
    )
    assert json.loads(one.text)["quantization_config"]["load_in_8bit"] is True
    assert any("bitsandbytes" in each for each in one.remarks)
    two = recipes.plan(model, (recipes.FOUR, recipes.EIGHT), [2] + [1] * 11)
    found = exports.export(two, model, TRANSFORMERS)
    assert any("torchao" in each for each in found.remarks)
    names = sorted(recipes.every_name("bloom"))
    bits = transformers_bits(found.text, names)
    assert {n for n in names if bits[n] == 8} == recipes.of_layers("bloom", [0])
    assert {n for n in names if bits[n] == 4} == recipes.of_layers(
        "bloom", range(1, 12)
    )


TRANSFORMERS = "transformers"


def test_conv1d_is_refused_where_it_could_not_be_loaded_and_said_elsewhere():
    model = recipes.opened(recipes.entries("gpt2"))
    plan = recipes.keeping(model, KEPT, Quantizer(bits=3, granularity="channel"))
    with pytest.raises(ValueError, match="Conv1D"):
        exports.export(plan, model, TRANSFORMERS)
    found = exports.export(plan, model, "llm-compressor")
    assert any("Conv1D" in each for each in found.remarks)
    assert "Conv1D" in found.text


def test_what_cannot_be_said_is_remarked_and_stands_in_the_file():
    model = recipes.opened(recipes.entries("llama"))
    odd = Quantizer(bits=4, grid="midrise", granularity="tensor", clipping="percentile")
    plan = recipes.keeping(model, KEPT, odd)
    for toolkit in READ:
        found = exports.export(plan, model, toolkit)
        told = " ".join(found.remarks)
        assert "midrise" in told, toolkit
        assert "percentile" in told, toolkit
        assert ("tensor" in told) == (toolkit not in ("llm-compressor", "auto-round"))
        if toolkit in ("qwix", "llm-compressor"):
            written = re.findall(r"(?m)^# (.*)$", found.text)
        elif toolkit == "gptqmodel":
            written = json.loads(found.text)["meta"]["jaxdisp"]["remarks"]
        else:
            written = json.loads(found.text)["remarks"]
        assert tuple(written) == found.remarks


def test_a_plan_that_a_toolkit_says_in_full_is_remarked_on_only_for_its_own_ways():
    model = recipes.opened(recipes.entries("llama"))
    exact = Quantizer(bits=4, granularity="channel")
    found = exports.export(recipes.keeping(model, KEPT, exact), model, "gptqmodel")
    assert not any("cannot be said" in each for each in found.remarks)


def test_embeddings_and_head_are_named_as_the_plan_includes_them():
    model = recipes.opened(recipes.entries("llama"))
    head = Quantizer(bits=8, granularity="channel", include=("matrices", "head"))
    plan = recipes.plan(model, [head], [1] * 12, outside=1)
    names = sorted(recipes.every_name("llama"))
    for toolkit in ("qwix", "llm-compressor", "auto-round", "transformers"):
        found = READ[toolkit](exports.export(plan, model, toolkit).text, names)
        assert found["lm_head"] == 8, toolkit
        assert found["model.embed_tokens"] == 0, toolkit
    gptq = json.loads(exports.export(plan, model, "gptqmodel").text)
    assert gptq["lm_head"] is True
    assert "^output\\.weight$=q8_0" in exports.export(plan, model, "llama.cpp").text


def test_a_tied_head_goes_with_its_embedding_or_is_kept_with_it():
    model = recipes.opened(recipes.entries("bloom"))
    both = ("matrices", "embeddings", "head")
    quantizer = Quantizer(bits=8, granularity="channel", include=both)
    plan = recipes.plan(model, [quantizer], [1] * 12, outside=1)
    names = sorted(recipes.every_name("bloom"))
    text = exports.export(plan, model, "llm-compressor").text
    assert set(compressor_bits(text, names).values()) == {8}
    for toolkit in ("auto-round", "gptqmodel", "transformers"):
        found = exports.export(plan, model, toolkit)
        assert any("transformer.word_embeddings" in each for each in found.remarks)
        bits = READ[toolkit](found.text, names)
        assert {n for n in names if bits[n]} == recipes.of_layers("bloom", range(12))
    assert "^token_embd\\.weight$=q8_0" in exports.export(plan, model, "llama.cpp").text


@pytest.mark.parametrize(
    ("bits", "toolkit", "expected"),
    [(7, "llama.cpp", "no type of 7 bits"), (4, "nonesuch", "is not known")],
)
def test_refusals(bits, toolkit, expected):
    model = recipes.opened(recipes.entries("llama"))
    with pytest.raises(ValueError, match=expected):
        exports.export(recipes.keeping(model, (), Quantizer(bits=bits)), model, toolkit)


def test_a_plan_of_another_model_or_of_nothing_is_refused(tmp_path):
    model = recipes.opened(recipes.entries("llama"))
    plan = recipes.keeping(model, KEPT)
    for other in (recipes.entries("bloom"), recipes.entries("llama", 11)):
        with pytest.raises(ValueError, match="another model"):
            exports.export(plan, recipes.opened(other), "qwix")
    directory = recipes.write(tmp_path, "llama")
    with pytest.raises(ValueError, match="its weights"):
        exports.export(plan, skeleton.open_skeleton(str(directory)), "qwix")
    with pytest.raises(ValueError, match="nothing to say"):
        exports.export(recipes.keeping(model, range(12)), model, "qwix")


def test_llama_cpp_has_no_opt():
    model = recipes.opened({"model_type": "opt"} | recipes.every.ENTRIES["opt"])
    plan = recipes.plan(model, [recipes.FOUR], [1, 1, 0])
    with pytest.raises(ValueError, match="family opt"):
        exports.export(plan, model, "llama.cpp")


def test_layer_1_is_not_layer_10_nor_11():
    model = recipes.opened(recipes.entries("llama"))
    found = skeleton.modules(model)
    for layer in (0, 1, 11):
        chosen = [each for each in found.values() if each.layer == layer]
        (pattern,) = patterns.exactly(chosen)
        hits = {n for n in found if re.search(f"^{pattern}$", n)}
        assert hits == recipes.of_layers("llama", [layer])
