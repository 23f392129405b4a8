"""llm-compressor: recipes in YAML with groups of modules, and what they ignore."""

from collections.abc import Iterator
from typing import Any

import yaml

from jaxdisp.models.quantized import Quantizer
from jaxdisp.report.plans import llm_compressor_schemes as schemes
from jaxdisp.report.plans import patterns, toolkit
from jaxdisp.report.plans.skeleton import Module
from jaxdisp.report.plans.toolkit import Found, Names, Task, Toolkit

REGEX = "re:"
ROUNDS = ("QuantizationModifier", "GPTQModifier", "AWQModifier", "AutoRoundModifier")
OBSERVERS = {"absmax": "memoryless_minmax", "exact": "memoryless_mse"}
CLASSES = ("Linear", "Conv1D", "Embedding")


def nearest(quantizer: Quantizer) -> Quantizer:
    """Returns the quantizer that llm-compressor has for one of ours.

    Reference: `QuantizationArgs` of compressed-tensors.
    """
    return toolkit.plain(quantizer, allowed=("absmax", "exact"))


def notes(task: Task) -> tuple[str, ...]:
    """Says where llm-compressor rounds otherwise than the recipe's words suggest.

    Reference: `calculate_qparams` and `apply_quantization_config`, both of
        compressed-tensors.
    """
    found = [
        "a symmetric grid of b bits has levels -2^(b-1) to 2^(b-1)-1 and the step "
        "largest magnitude / (2^(b-1) - 1/2)"
    ]
    if any(q.clipping == "exact" for q in task.rounded):
        found.append("the observer memoryless_mse searches ranges on a grid of its own")
    if any(m.kind == "Conv1D" for each in task.rounded.values() for m in each):
        found.append(
            "llm-compressor 0.14 rounds only modules of torch's Linear and Embedding: "
            "it finds the Conv1D modules named here, and leaves them as they are"
        )
    return (*toolkit.uneven(task), *found)


def write(task: Task) -> str:
    """Writes a recipe: one group for each quantizer; what is kept is ignored by name.

    Args:
        task: how modules are rounded.

    Reference: llm-compressor's recipes, version 0.14.
    """
    groups = {
        f"group_{number}": {
            "targets": _targets(modules),
            "weights": _weights(quantizer),
        }
        for number, (quantizer, modules) in enumerate(task.rounded.items())
    }
    content = {
        "quant_stage": {
            "quant_modifiers": {
                ROUNDS[0]: {
                    "config_groups": groups,
                    "ignore": [m.name for m in task.kept],
                }
            }
        }
    }
    head = "".join(f"# {line}\n" for line in task.remarks)
    return head + yaml.safe_dump(content, sort_keys=False, width=2**20)


def _targets(modules: list[Module]) -> list[str]:
    return [f"{REGEX}{each}$" for each in patterns.exactly(modules)]


def _weights(quantizer: Quantizer) -> dict[str, Any]:
    grouped = quantizer.granularity == "group"
    return {
        "num_bits": quantizer.bits,
        "type": "int",
        "symmetric": toolkit.symmetric(quantizer),
        "strategy": quantizer.granularity,
        **({"group_size": quantizer.group_size} if grouped else {}),
        "observer": OBSERVERS[quantizer.clipping],
    }


def read(text: str, names: Names, where: str) -> Found:
    """Reads a recipe.

    Args:
        text: YAML or JSON.
        names: of the model.
        where: its name, for messages.

    Raises:
        ValueError: if it is no recipe that rounds weights to integers.

    Reference: llm-compressor's recipes, version 0.14.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise ValueError(f"{where}: not valid YAML ({line})") from error
    remarks: list[str] = []
    found = None
    for name, arguments in _modifiers(content, where):
        if name not in ROUNDS:
            remarks.append(f"{name} is not audited")
            continue
        if found is not None:
            raise ValueError(f"{where}: has two modifiers that round; keep one")
        if name != ROUNDS[0]:
            remarks.append(
                f"{name} chooses values by calibration, which is not audited: rounding "
                "to the nearest value stands for it"
            )
        found = read_groups(arguments, names, where)
    if found is None:
        raise ValueError(
            f"{where}: no modifier rounds weights; allowed: {', '.join(ROUNDS)}"
        )
    return Found(rounding=found.rounding, remarks=(*remarks, *found.remarks))


def _modifiers(content: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(content, dict):
        raise ValueError(f"{where}: a recipe is a mapping with stages")
    for stage, inner in content.items():
        if not (str(stage).endswith("_stage") and isinstance(inner, dict)):
            continue
        for group, modifiers in inner.items():
            if str(group).endswith("_modifiers") and isinstance(modifiers, dict):
                for name, arguments in modifiers.items():
                    if not isinstance(arguments, dict):
                        raise ValueError(f"{where}: {name} must have arguments")
                    yield str(name), arguments


def read_groups(arguments: dict[str, Any], names: Names, where: str) -> Found:
    """Reads the groups of modules of a modifier, or of a compressed-tensors config.

    Args:
        arguments: with `config_groups`, or `scheme` and `targets`; and `ignore`.
        names: of the model.
        where: for messages.

    Raises:
        ValueError: if a name is of no module, or a group does not round to integers.

    Reference: `match_named_modules` and `match_targets` of compressed-tensors.
    """
    remarks: list[str] = []
    rounding: dict[str, Quantizer | None] = {}
    for target, scheme in _groups(arguments, where):
        if target in rounding:
            raise ValueError(f"{where}: {target} is the target of two groups")
        rounding[target] = schemes.quantizer(scheme, where, remarks)
    ignored = _listed(arguments.get("ignore"), where, "ignore")
    texts = dict.fromkeys([*rounding, *ignored])
    hits = {
        text: [m.name for m in names.modules.values() if _matches(text, m, where)]
        for text in texts
    }
    others = names.others | set(CLASSES)
    remarks += patterns.check_hits(hits, lambda text: text in others, where)
    remarks += [
        f"{text} is ignored, which does not hold for the modules in it"
        for text in ignored
        if not hits[text] and any(n.startswith(f"{text}.") for n in names.modules)
    ]
    kept = {name for text in ignored for name in hits[text]}
    found: dict[str, Quantizer | None] = dict.fromkeys(names.modules)
    # the last that is set holds: types of modules, then patterns, then names
    for text in sorted(rounding, key=_rank, reverse=True):
        found |= {name: rounding[text] for name in hits[text] if name not in kept}
    conv = [name for name, q in found.items() if q and _is_conv(names, name)]
    if conv:
        remarks.append(
            f"llm-compressor 0.14 leaves Conv1D modules as they are ({len(conv)} "
            "here): audited as if it rounded them"
        )
    return Found(rounding=found, remarks=tuple(dict.fromkeys(remarks)))


def _is_conv(names: Names, name: str) -> bool:
    return names.modules[name].kind == "Conv1D"


def _rank(target: str) -> tuple[int, str]:
    return (2 if target in CLASSES else int(target.startswith(REGEX)), target)


def _matches(text: str, module: Module, where: str) -> bool:
    if text.startswith(REGEX):
        pattern = patterns.compiled(text.removeprefix(REGEX), where)
        return pattern.match(module.name) is not None
    return text in (module.name, module.kind)


def _listed(value: Any, where: str, name: str) -> list[str]:
    found = [value] if isinstance(value, str) else value
    if found is None:
        return []
    if not (isinstance(found, list) and all(isinstance(x, str) for x in found)):
        raise ValueError(f"{where}: {name} must be a list of names")
    return found


def _groups(arguments: dict[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    groups, scheme = arguments.get("config_groups"), arguments.get("scheme")
    if isinstance(groups, dict) and groups:
        found = [_group(name, group, where) for name, group in groups.items()]
    elif isinstance(scheme, str):
        found = [(arguments.get("targets") or "Linear", {"weights": scheme})]
    elif isinstance(scheme, dict) and scheme:
        found = [(targets, {"weights": str(x)}) for x, targets in scheme.items()]
    else:
        raise ValueError(f"{where}: has neither config_groups nor a scheme")
    for targets, group in found:
        for target in _listed(targets, where, "targets"):
            yield target, group


def _group(name: Any, group: Any, where: str) -> tuple[Any, dict[str, Any]]:
    if isinstance(group, list):  # the targets of a preset
        return group, {"weights": str(name)}
    if not isinstance(group, dict):
        raise ValueError(f"{where}: {name} of config_groups must be a mapping")
    return group.get("targets"), group


TOOLKIT = Toolkit(
    kinds=frozenset({"Linear", "Conv1D", "Embedding"}),
    nearest=nearest,
    notes=notes,
    write=write,
    read=read,
)
