"""What toolkits make of recipes, by their own code: run by a Python that has them.

Reads cases as JSON from stdin, and writes to the file named the bits of every module
that a toolkit would round, by its name; it imports nothing of this project.
"""

import itertools
import json
import os
import re
import sys
import warnings

warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"


def torch_model(entries):
    import torch
    import transformers

    entries = dict(entries)
    kind = entries.pop("model_type")
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(kind, **entries)
    return transformers.AutoModelForCausalLM.from_config(config)


def named(case):
    """All modules with weights that are matrices, by torch alone."""
    found = {}
    for name, module in torch_model(case["entries"]).named_modules():
        weight = getattr(module, "weight", None)
        if weight is not None and weight.ndim == 2:
            found[name] = type(module).__name__
    return found


def llm_compressor(case):
    from compressed_tensors.utils import match_named_modules, match_targets
    from llmcompressor.recipe import Recipe

    model = torch_model(case["entries"])
    (modifier,) = Recipe.create_instance(case["text"]).modifiers
    groups = modifier.resolved_config.config_groups.values()
    schemes = {target: group for group in groups for target in group.targets}
    resolved = modifier.resolved_targets
    return {
        name: schemes[match_targets(name, module, schemes)[0]].weights.num_bits
        for name, module in match_named_modules(model, resolved, modifier.ignore)
    }


def llm_compressor_applied(case):
    from llmcompressor.recipe import Recipe

    model = torch_model(case["entries"])
    (modifier,) = Recipe.create_instance(case["text"]).modifiers
    modifier.initialize_quantization(model)
    found = {
        name: getattr(module, "quantization_scheme", None)
        for name, module in model.named_modules()
    }
    return {name: each.weights.num_bits for name, each in found.items() if each}


def auto_round(case):
    import torch
    from auto_round.compressors.utils import set_layer_config
    from auto_round.schemes import QuantizationScheme
    from auto_round.utils import INNER_SUPPORTED_LAYER_TYPES, SUPPORTED_LAYER_TYPES

    recipe = json.loads(case["text"])
    found, _, _ = set_layer_config(
        torch_model(case["entries"]),
        recipe["layer_config"],
        QuantizationScheme.from_dict(recipe["scheme"]),
        torch.float16,
        SUPPORTED_LAYER_TYPES,
        INNER_SUPPORTED_LAYER_TYPES,
    )
    return {name: each["bits"] for name, each in found.items() if each["bits"] < 16}


def transformers_config(case):
    from transformers.quantizers.auto import AutoQuantizationConfig

    given = json.loads(case["text"])["quantization_config"]
    config = AutoQuantizationConfig.from_dict(given)
    bits = of_bitsandbytes if given["quant_method"] == "bitsandbytes" else of_torchao
    return bits(torch_model(case["entries"]), config)


def of_bitsandbytes(model, config):
    import bitsandbytes
    from transformers.integrations.bitsandbytes import replace_with_bnb_linear
    from transformers.quantizers.auto import AutoHfQuantizer

    quantizer = AutoHfQuantizer.from_config(config)
    kept = quantizer.get_modules_to_not_convert(
        model, config.llm_int8_skip_modules, model._keep_in_fp32_modules
    )
    model = replace_with_bnb_linear(
        model, modules_to_not_convert=kept, quantization_config=config
    )
    kinds = {bitsandbytes.nn.Linear8bitLt: 8, bitsandbytes.nn.Linear4bit: 4}
    return {
        name: kinds[type(module)]
        for name, module in model.named_modules()
        if type(module) in kinds
    }


def of_torchao(model, config):
    import tempfile

    import torch
    import transformers

    with tempfile.TemporaryDirectory() as directory:
        model.save_pretrained(directory)
        loaded = transformers.AutoModelForCausalLM.from_pretrained(
            directory, quantization_config=config, dtype=torch.float32
        )
    loaded(torch.arange(5)[None])  # which weights in the wrong place do not survive
    return {
        name.removesuffix(".weight"): int(str(parameter.target_dtype)[-1])
        for name, parameter in loaded.named_parameters()
        if "Intx" in type(parameter.data).__name__
    }


def gptqmodel(case):
    import importlib

    from gptqmodel.quantization.config import QuantizeConfig

    config = QuantizeConfig.from_quant_config(json.loads(case["text"]))
    kind = case["entries"]["model_type"]
    place = importlib.import_module(f"gptqmodel.models.definitions.{kind}")
    names = {"gpt2": "GPT2QModel", "bloom": "BloomQModel", "llama": "LlamaQModel"}
    family = getattr(place, names[kind])
    (before,) = family.extract_layers_node()
    within = family.simple_layer_modules(None, QuantizeConfig())
    model = torch_model(case["entries"])
    n_layers = len(model.get_submodule(before))
    found = {"lm_head": int(config.bits)} if config.lm_head else {}
    for layer in range(n_layers):
        for part in (each for block in within for each in block):
            name = f"{before}.{layer}.{part}"
            if config.dynamic_get(name) is not False:
                found[name] = int(config.dynamic_get(name, "bits", config.bits))
    return found


def qwix(case):
    import jax
    import jax.numpy as jnp
    import qwix as toolkit
    from flax import nnx

    place = {}
    exec(case["text"], place)
    model = flax_model(case["modules"])
    provider = toolkit.PtqProvider(place["RULES"])
    inputs = (jnp.ones((1, 64)), jnp.zeros((1,), jnp.int32))
    rounded = toolkit.quantize_model(model, provider, *inputs)
    found = {}
    for name in case["modules"]:
        leaves = jax.tree.leaves(nnx.state(at(rounded, name)))
        kinds = [re.fullmatch(r"int([2-8])", str(leaf.dtype)) for leaf in leaves]
        bits = [int(kind[1]) for kind in kinds if kind]
        if bits:
            found[name] = bits[0]
    return found


def at(model, name):
    for part in name.split("."):
        model = model[int(part)] if part.isdigit() else getattr(model, part)
    return model


def flax_model(modules):
    """A flax model whose modules have the names of a checkpoint."""
    from flax import nnx

    class Node(nnx.Module):
        pass

    class Root(nnx.Module):
        def __call__(self, states, tokens):
            for name, kind in modules.items():
                module = at(self, name)
                states = states + module(tokens if kind == "Embedding" else states)
            return states

    root = Root()
    count = 1 + max(int(n) for name in modules for n in re.findall(r"\.(\d+)\.", name))
    for name, kind in modules.items():
        node, parts = root, name.split(".")
        for part, following in itertools.pairwise(parts):
            if part.isdigit():
                node = node[int(part)]
                continue
            if not hasattr(node, part):
                listed = nnx.List([Node() for _ in range(count)])
                setattr(node, part, listed if following.isdigit() else Node())
            node = getattr(node, part)
        made = nnx.Embed if kind == "Embedding" else nnx.Linear
        setattr(node, parts[-1], made(64, 64, rngs=nnx.Rngs(0)))
    return root


def gguf(case):
    """The GGUF name of every module, and what the lines say of it as llama.cpp does."""
    import gguf as toolkit

    kind = case["entries"]["model_type"]
    families = {name: number for number, name in toolkit.MODEL_ARCH_NAMES.items()}
    names = toolkit.get_tensor_name_map(families[kind], case["n_layers"])
    types = {each.name.lower() for each in toolkit.GGMLQuantizationType}
    rules = [line.partition("=") for line in case["text"].split()]
    assert {kind for _, _, kind in rules} <= types
    found = {}
    for module in case["modules"]:
        name = names.get_name(f"{module}.weight", try_suffixes=(".weight",))
        if module == "lm_head" and case["tied"]:
            name = names.get_name(f"{case['embedding']}.weight", (".weight",))
        if name == "position_embd.weight":
            continue  # which llama-quantize never rounds
        for pattern, _, kind in rules:
            if name is not None and re.search(pattern.lower(), name):
                found[module] = 0 if kind in ("f16", "f32") else int(kind[1])
                break
        else:
            found[module] = -1  # left to the type beside
    return {name: bits for name, bits in found.items() if bits}


def main():
    cases = json.load(sys.stdin)
    answers = {name: globals()[case["reads"]](case) for name, case in cases.items()}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(answers, file)


main()
