"""GPTQModel: a QuantizeConfig whose `dynamic` rules override it by module."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from jaxdisp.models.quantized import Quantizer
from jaxdisp.report.plans import patterns, structured, toolkit
from jaxdisp.report.plans.toolkit import Found, Names, Task, Toolkit

KEPT, OVERRIDDEN = "-:", "+:"
BITS = range(2, 9)
SYNONYMS = {"bits": ("w_bit", "wbits"), "group_size": ("q_group_size",)}
SILENT = {
    *("bits", "group_size", "sym", "dynamic", "lm_head", "meta", "quant_method"),
    *("method", "format", "checkpoint_format", "pack_dtype", "offload_to_disk"),
    *("w_bit", "wbits", "q_group_size", "zero_point"),
}
GROUP = 128
HEAD = "lm_head"


def nearest(quantizer: Quantizer) -> Quantizer:
    """Returns the quantizer that GPTQModel has for one of ours.

    Reference: `QuantizeConfig` of GPTQModel 7.7.
    """
    found = toolkit.plain(quantizer)
    if found.granularity == "tensor":
        found = dataclasses.replace(found, granularity="channel")
    return found


def notes(task: Task) -> tuple[str, ...]:
    """Says where GPTQModel rounds otherwise than a plan.

    Reference: GPTQModel 7.7.
    """
    found = ["GPTQ chooses among values by calibration: what it costs is not predicted"]
    if any(m.kind == "Linear" and m.layer is None for m in _outside(task)):
        found.append("outside the layers GPTQModel rounds the head alone")
    return (*toolkit.uneven(task), *found)


def _outside(task: Task) -> list[Any]:
    modules = [m for each in task.rounded.values() for m in each]
    return [m for m in modules if m.layer is None and m.tensor.role != "head"]


def write(task: Task) -> str:
    """Writes the JSON of a QuantizeConfig.

    Definition: what most modules have is said for all; `-:` rules name what is kept,
    `+:` rules what is rounded otherwise.

    Args:
        task: how modules are rounded.

    Reference: `QuantizeConfig.dynamic` of GPTQModel 7.7, of which the first rule that
        matches holds.
    """
    (usual, _), *others = task.rounded.items()
    kept = [m for m in task.kept if m.layer is not None and m.kind != "Embedding"]
    dynamic: dict[str, dict[str, Any]] = {
        f"{KEPT}^{each}$": {} for each in patterns.exactly(kept)
    }
    for quantizer, modules in others:
        for each in patterns.exactly(modules):
            dynamic[f"{OVERRIDDEN}^{each}$"] = _entries(quantizer)
    head = [m for each in task.rounded.values() for m in each if _is_head(m)]
    content = {
        **_entries(usual),
        "desc_act": False,
        "lm_head": bool(head),
        "dynamic": dynamic,
        "meta": {"jaxdisp": {"remarks": list(task.remarks)}},
    }
    return structured.json_text(content)


def _is_head(module: Any) -> bool:
    return module.layer is None and module.tensor.role == "head"


def _entries(quantizer: Quantizer) -> dict[str, Any]:
    return {
        "bits": quantizer.bits,
        "group_size": toolkit.group_size(quantizer),
        "sym": toolkit.symmetric(quantizer),
    }


def read(text: str, names: Names, where: str) -> Found:
    """Reads a QuantizeConfig, or a `config.json` that has one.

    Args:
        text: JSON.
        names: of the model.
        where: its name, for messages.

    Raises:
        ValueError: if it is none, or a rule names nothing.

    Reference: `QuantizeConfig` of GPTQModel 7.7.
    """
    content = structured.mapping(text, where)
    return read_config(content.get("quantization_config", content), names, where)


def read_config(content: Any, names: Names, where: str) -> Found:
    """Reads the content of a QuantizeConfig.

    Args:
        content: as JSON has it.
        names: of the model.
        where: for messages.

    Raises:
        ValueError: if it is none, or a rule names nothing.

    Reference: `dynamic_get` of GPTQModel 7.7.
    """
    if not isinstance(content, dict):
        raise ValueError(f"{where}: quantization_config must be an object")
    usual = _quantizer(content, where, None)
    dynamic = content.get("dynamic") or {}
    if not isinstance(dynamic, dict):
        raise ValueError(f"{where}: dynamic must be an object")
    remarks = [f"{name} is not audited" for name in content if name not in SILENT]
    remarks.append("GPTQ by calibration is not audited: rounding stands for it")
    rules = _rules(dynamic, usual, where)
    hits = {
        text: [n for n in names.modules if pattern.match(n)]
        for text, (pattern, _) in rules.items()
    }
    others = names.others
    remarks += patterns.check_hits(
        {
            text.removeprefix(KEPT).removeprefix(OVERRIDDEN): x
            for text, x in hits.items()
        },
        lambda text: text.strip("^$").replace("\\", "") in others,
        where,
    )
    found: dict[str, Quantizer | None] = {
        name: usual if _is_rounded(names, name, content) else None
        for name in names.modules
    }
    for text in reversed(rules):  # the first that matches holds
        found |= {
            name: rules[text][1]
            for name in hits[text]
            if _is_rounded(names, name, content)
        }
    return Found(rounding=found, remarks=tuple(dict.fromkeys(remarks)))


def _is_rounded(names: Names, name: str, content: Mapping[str, Any]) -> bool:
    module = names.modules[name]
    if module.layer is None:
        head = _is_head(module) and module.tied_to is None
        return head and bool(content.get(HEAD))
    return module.kind != "Embedding"


def _rules(
    dynamic: dict[str, Any], usual: Quantizer, where: str
) -> dict[str, tuple[Any, Quantizer | None]]:
    rules = {}
    for text, entries in dynamic.items():
        pattern = text.removeprefix(OVERRIDDEN).removeprefix(KEPT)
        if not isinstance(entries, dict):
            raise ValueError(f"{where}: {text} of dynamic must be an object")
        kept = text.startswith(KEPT)
        quantizer = None if kept else _quantizer(entries, where, usual)
        rules[text] = (patterns.compiled(pattern, where), quantizer)
    return rules


def _quantizer(
    entries: dict[str, Any], where: str, usual: Quantizer | None
) -> Quantizer:
    default = {"bits": 4, "group_size": GROUP, "sym": True}
    if usual is not None:
        default = _entries(usual)
    given = {}
    for name, value in default.items():
        spellings = (name, *SYNONYMS.get(name, ()))
        found = [entries[each] for each in spellings if entries.get(each) is not None]
        given[name] = found[0] if found else value
    if "sym" not in entries and entries.get("zero_point") is not None:
        given["sym"] = not entries["zero_point"]  # the word of AWQ
    bits = toolkit.integer(given["bits"], where, "bits", BITS)
    size = toolkit.integer(given["group_size"], where, "group_size", range(-1, 2**31))
    return toolkit.quantizer_of(
        bits, symmetric=bool(given["sym"]), group_size=size or -1
    )


TOOLKIT = Toolkit(
    kinds=frozenset({"Linear", "Conv1D"}),
    nearest=nearest,
    notes=notes,
    write=write,
    read=read,
)
