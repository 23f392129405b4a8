"""torchao, as transformers configures it: a quantizer for every name of modules."""

import dataclasses
from typing import Any

from jaxdisp.models.quantized import Quantizer
from jaxdisp.report.plans import patterns, toolkit
from jaxdisp.report.plans.toolkit import Found, Names, Task

REGEX = "re:"
WEIGHT = r"\.weight"
"""The parameter is named, since the name of a module is taken for its bias, too."""
BITS = range(2, 9)
PLAIN = {"Int8WeightOnlyConfig": (8, -1), "Int4WeightOnlyConfig": (4, 128)}
"""Word length and group size of configurations that say no more."""


def nearest(quantizer: Quantizer) -> Quantizer:
    """Returns the quantizer that torchao has for one of ours.

    Reference: `IntxWeightOnlyConfig` of torchao 0.18.
    """
    found = toolkit.plain(quantizer)
    if found.granularity == "tensor":
        found = dataclasses.replace(found, granularity="channel")
    return found


def notes(task: Task) -> tuple[str, ...]:
    """Says where torchao rounds otherwise than a plan.

    Reference: `choose_qparams_affine` of torchao 0.18.
    """
    return (
        *toolkit.uneven(task),
        "the method is torchao: a symmetric grid of b bits has the step largest "
        "magnitude / (2^(b-1) - 1/2)",
    )


def config(task: Task) -> dict[str, Any]:
    """Returns the content of a `TorchAoConfig`.

    Args:
        task: how modules are rounded.

    Raises:
        ValueError: if modules are of a kind that torchao's weights do not work in.

    Reference: `FqnToConfig` and `config_to_dict` of torchao 0.18.
    """
    if any(m.kind == "Conv1D" for each in task.rounded.values() for m in each):
        raise ValueError(
            "transformers rounds Conv1D modules, which this model has, with "
            "bitsandbytes alone, to 8 bits all of them or to 4: weights of torchao do "
            "not work in them; change the plan, or export it to another toolkit"
        )
    names = {
        f"{REGEX}{each}{WEIGHT}": _intx(quantizer)
        for quantizer, modules in task.rounded.items()
        for each in patterns.exactly(modules)
    }
    data = {"fqn_to_config": names}
    kept = [m.name for m in task.kept if m.kind != "Embedding"]
    return {
        "quant_method": "torchao",
        "quant_type": {
            "default": {"_type": "FqnToConfig", "_version": 1, "_data": data}
        },
        "modules_to_not_convert": kept,
    }


def _intx(quantizer: Quantizer) -> dict[str, Any]:
    if quantizer.granularity == "group":
        shared = {"_type": "PerGroup", "_version": 1}
        shared |= {"_data": {"group_size": quantizer.group_size}}
    else:
        shared = {"_type": "PerAxis", "_version": 1, "_data": {"axis": 0}}
    mapping = "SYMMETRIC" if toolkit.symmetric(quantizer) else "ASYMMETRIC"
    return {
        "_type": "IntxWeightOnlyConfig",
        "_version": 2,
        "_data": {
            "weight_dtype": {"_type": "torch.dtype", "_data": f"int{quantizer.bits}"},
            "granularity": shared,
            "mapping_type": {"_type": "MappingType", "_data": mapping},
        },
    }


def read_config(content: dict[str, Any], names: Names, where: str) -> Found:
    """Reads the content of a `TorchAoConfig`.

    Args:
        content: as JSON has it.
        names: of the model.
        where: for messages.

    Raises:
        ValueError: if it cannot be audited, or a rule names nothing.

    Reference: `FqnToConfig` of torchao 0.18: names hold first, then the first pattern.
    """
    quant_type = content.get("quant_type")
    made = quant_type.get("default") if isinstance(quant_type, dict) else None
    if not isinstance(made, dict):
        raise ValueError(f"{where}: quant_type must hold one entry, default")
    data = made.get("_data")
    if made.get("_type") in ("FqnToConfig", "ModuleFqnToConfig"):
        rules = _rules(data, where)
    else:
        rules = {"_default": made}
    quantizers = {text: _quantizer(each, where) for text, each in rules.items()}
    kept = content.get("modules_to_not_convert")
    kept = [] if kept is None else kept
    if not (isinstance(kept, list) and all(isinstance(x, str) for x in kept)):
        raise ValueError(f"{where}: modules_to_not_convert must be a list of names")
    linear = [m.name for m in names.modules.values() if m.kind != "Embedding"]
    hits = {
        text: [name for name in linear if _matches(text, name, where)]
        for text in (*rules, *kept)
    }
    others = names.others | set(names.modules) | {"_default"}
    remarks = patterns.check_hits(hits, others.__contains__, where)
    skipped = {name for name in linear if any(_is_kept(name, x, where) for x in kept)}
    rounding: dict[str, Quantizer | None] = dict.fromkeys(names.modules)
    ordered = sorted(rules, key=lambda text: (text == "_default", REGEX in text))
    for text in reversed(ordered):
        found = linear if text == "_default" else hits[text]
        rounding |= {n: quantizers[text] for n in found if n not in skipped}
    if kept == [] and "_default" in rules:
        heads = [m.name for m in names.modules.values() if m.tensor.role == "head"]
        rounding |= dict.fromkeys(heads)
    return Found(rounding=rounding, remarks=tuple(remarks))


def _rules(data: Any, where: str) -> dict[str, Any]:
    found = data if isinstance(data, dict) else {}
    rules = found.get("fqn_to_config") or found.get("module_fqn_to_config")
    if not (isinstance(rules, dict) and rules):
        raise ValueError(f"{where}: FqnToConfig has no names")
    return {
        text if text.startswith(REGEX) else text.removesuffix(".weight"): each
        for text, each in rules.items()
    }


def _is_kept(name: str, text: str, where: str) -> bool:
    begins = patterns.compiled(text, where).match(name) is not None
    return begins or name.endswith(text)


def _matches(text: str, name: str, where: str) -> bool:
    if text.startswith(REGEX):
        pattern = patterns.compiled(text.removeprefix(REGEX), where)
        return any(pattern.fullmatch(x) for x in (name, f"{name}.weight"))
    return text == name or _is_kept(name, text, where)


def _quantizer(made: Any, where: str) -> Quantizer | None:
    if made is None:
        return None
    kind = made.get("_type") if isinstance(made, dict) else None
    data = made.get("_data") if isinstance(made, dict) else None
    if not isinstance(data, dict) or kind not in (*PLAIN, "IntxWeightOnlyConfig"):
        raise ValueError(
            f"{where}: {kind!r:.40} cannot be audited; allowed: IntxWeightOnlyConfig, "
            f"{', '.join(PLAIN)}"
        )
    if kind in PLAIN:
        bits, size = PLAIN[kind]
        return toolkit.quantizer_of(
            bits, symmetric=True, group_size=data.get("group_size") or size
        )
    dtype = str(_inner(data, "weight_dtype", "int8"))
    allowed = {f"int{bits}": bits for bits in BITS}
    if dtype not in allowed:
        raise ValueError(
            f"{where}: weight_dtype {dtype:.40} cannot be audited; allowed: "
            f"{', '.join(allowed)}"
        )
    shared = _inner(data, "granularity", {})
    size = shared.get("group_size", -1) if isinstance(shared, dict) else -1
    symmetric = _inner(data, "mapping_type", "SYMMETRIC") != "ASYMMETRIC"
    return toolkit.quantizer_of(allowed[dtype], symmetric=symmetric, group_size=size)


def _inner(data: dict[str, Any], name: str, default: Any) -> Any:
    value = data.get(name)
    return value.get("_data", default) if isinstance(value, dict) else default
