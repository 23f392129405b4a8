"""AutoRound: a scheme for all, and `layer_config` for single modules."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from jaxdisp.models.quantized import Quantizer
from jaxdisp.report.plans import patterns, structured, toolkit
from jaxdisp.report.plans.toolkit import Found, Names, Task, Toolkit

KEPT = {"bits": 16, "act_bits": 16, "data_type": "float", "act_data_type": "float"}
BITS = range(2, 9)
DIVISOR = 32
"""AutoRound leaves matrices as they are whose sides this does not divide."""
PRESET = re.compile(r"W([2-8])A16(G(\d+))?")
PRESET_GROUP = 128
META = (".*", "^", "$", "|", "(", ")", "[", "]", "?", "+")
"""What tells AutoRound that a name is a regular expression."""


def nearest(quantizer: Quantizer) -> Quantizer:
    """Returns the quantizer that AutoRound has for one of ours.

    Reference: `QuantizationScheme` of auto-round 0.16.
    """
    found = toolkit.plain(quantizer)
    if found.bits == BITS[-1]:
        found = dataclasses.replace(found, grid="symmetric")
    return found


def notes(task: Task) -> tuple[str, ...]:
    """Says where AutoRound rounds otherwise than a plan.

    Reference: auto-round 0.16.
    """
    found = [
        "AutoRound learns which way to round and clip by calibration: what it costs is "
        "not predicted (with iters=0 it rounds to the nearest)"
    ]
    odd = [
        m.name
        for each in task.rounded.values()
        for m in each
        if any(size % DIVISOR for size in m.tensor.shape)
    ]
    if odd:
        found.append(
            f"AutoRound leaves modules as they are whose sides {DIVISOR} does not "
            f"divide: {len(odd)} of these, such as {odd[0]}"
        )
    return (*toolkit.uneven(task), *found)


def write(task: Task) -> str:
    """Writes the arguments `scheme` and `layer_config` of `AutoRound` as JSON.

    Definition: the scheme is what most modules have; the others are named.

    Args:
        task: how modules are rounded.

    Reference: `layer_config` of auto-round 0.16, in which names hold exactly.
    """
    (usual, _), *others = task.rounded.items()
    inside = [m for m in task.kept if m.layer is not None]
    # what is outside the layers is rounded only where it is named
    config: dict[str, dict[str, Any]] = {m.name: dict(KEPT) for m in inside}
    named = {m.name: quantizer for quantizer, found in others for m in found}
    named |= {m.name: usual for m in task.rounded[usual] if m.layer is None}
    for module in task.modules.values():
        if module.name in named:
            config[module.name] = _entries(named[module.name])
    content = {
        "scheme": _entries(usual) | {"act_bits": 16},
        "layer_config": config,
        "remarks": list(task.remarks),
    }
    return structured.json_text(content)


def _entries(quantizer: Quantizer) -> dict[str, Any]:
    size = toolkit.group_size(quantizer)
    return {
        "bits": quantizer.bits,
        "group_size": 0 if size is None else size,
        "sym": toolkit.symmetric(quantizer),
        "data_type": "int",
    }


def read(text: str, names: Names, where: str) -> Found:
    """Reads the arguments of `AutoRound`, or the config of what it wrote.

    Args:
        text: JSON or YAML, with `layer_config` or `extra_config`.
        names: of the model.
        where: its name, for messages.

    Raises:
        ValueError: if it is none, or a rule names nothing.

    Reference: `layer_config` of auto-round 0.16.
    """
    content = structured.mapping(text, where)
    return read_config(content.get("quantization_config", content), names, where)


def read_config(content: Any, names: Names, where: str) -> Found:
    """Reads the content of a recipe for AutoRound, or of what it wrote.

    Args:
        content: as JSON has it.
        names: of the model.
        where: for messages.

    Raises:
        ValueError: if it is none, or a rule names nothing.

    Reference: `resolve_layer_config` of auto-round 0.16.
    """
    if not isinstance(content, dict):
        raise ValueError(f"{where}: quantization_config must be an object")
    remarks = ["rounding learnt by AutoRound is not audited: the nearest stands for it"]
    scheme = _scheme(content.get("scheme", content), {}, where, remarks)
    config = content.get("layer_config") or content.get("extra_config") or {}
    if not isinstance(config, dict):
        raise ValueError(f"{where}: layer_config must be an object")
    rules = {str(name): value for name, value in config.items()}
    hits = {text: _hits(text, names, where) for text in rules}
    others = names.others
    remarks += patterns.check_hits(hits, others.__contains__, where)
    found: dict[str, Quantizer | None] = {
        name: _quantizer(scheme, where) if module.layer is not None else None
        for name, module in names.modules.items()
    }
    exact = [text for text in rules if text in names.modules]
    for text in (*(each for each in rules if each not in exact), *exact):
        entries = _scheme(rules[text], scheme, where, remarks)
        found |= {name: _quantizer(entries, where) for name in hits[text]}
    for name, module in names.modules.items():
        if module.kind == "Embedding" or module.tied_to is not None:
            found[name] = None  # which AutoRound leaves as they are
    return Found(rounding=found, remarks=tuple(dict.fromkeys(remarks)))


def _hits(text: str, names: Names, where: str) -> list[str]:
    if text in names.modules:
        return [text]
    if not any(token in text for token in META):
        return [name for name in names.modules if text in name]
    # a bare dot means itself there
    quoted = re.sub(r"(?<!\\)\.(?!\*)", r"\\.", text)
    pattern = patterns.compiled(quoted, where)
    return [name for name in names.modules if pattern.search(name)]


def _scheme(
    given: Any, default: Mapping[str, Any], where: str, remarks: list[str]
) -> dict[str, Any]:
    if isinstance(given, str):
        found = PRESET.fullmatch(given.upper())
        if found is None:
            raise ValueError(
                f"{where}: the scheme {given!r:.40} has no grid of integers that can "
                "be audited; allowed: W2A16 to W8A16, with G and a group size, such as "
                "W4A16G64"
            )
        size = int(found[3]) if found[3] else PRESET_GROUP
        return {"bits": int(found[1]), "group_size": size, "sym": True}
    if not isinstance(given, dict):
        raise ValueError(f"{where}: a scheme must be a name or an object")
    if isinstance(given.get("act_bits"), int) and given["act_bits"] < 16:
        remarks.append("activations are rounded, too, which is not audited")
    return {**default, **{k: v for k, v in given.items() if v is not None}}


def _quantizer(entries: dict[str, Any], where: str) -> Quantizer | None:
    bits = entries.get("bits", 4)
    if type(bits) is int and bits >= 16:
        return None
    bits = toolkit.integer(bits, where, "bits", BITS)
    if (kind := str(entries.get("data_type", "int"))) != "int":
        raise ValueError(
            f"{where}: data_type {kind!r:.40} is not on a grid of integers, which is "
            "all that can be audited"
        )
    size = toolkit.integer(
        entries.get("group_size", PRESET_GROUP), where, "group_size", range(-1, 2**31)
    )
    return toolkit.quantizer_of(
        bits, symmetric=bool(entries.get("sym", True)), group_size=size or None
    )


TOOLKIT = Toolkit(
    kinds=frozenset({"Linear", "Conv1D"}),
    nearest=nearest,
    notes=notes,
    write=write,
    read=read,
)
