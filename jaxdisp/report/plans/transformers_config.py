"""transformers: a `quantization_config` of bitsandbytes, or else of torchao."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from jaxdisp.models.quantized import Quantizer
from jaxdisp.report.plans import (
    auto_round,
    gptqmodel,
    llm_compressor,
    patterns,
    structured,
    toolkit,
    torchao,
)
from jaxdisp.report.plans.skeleton import Module
from jaxdisp.report.plans.toolkit import Found, Names, Task, Toolkit

EIGHT = 8
BITSANDBYTES = {EIGHT: "load_in_8bit", 4: "load_in_4bit"}
NF4_GROUP = 64
SKIPPED = ("llm_int8_skip_modules", "modules_to_not_convert", "skip_modules")
"""Names of the list of what is kept, in one method or another."""
ELSEWHERE = {
    "compressed-tensors": llm_compressor.read_groups,
    "gptq": gptqmodel.read_config,
    "awq": gptqmodel.read_config,
    "auto-round": auto_round.read_config,
    "torchao": torchao.read_config,
}


def nearest(quantizer: Quantizer) -> Quantizer:
    """Returns the quantizer that torchao has for one of ours.

    Reference: `IntxWeightOnlyConfig` of torchao 0.18.
    """
    return torchao.nearest(quantizer)


def settled(quantizers: Sequence[Quantizer]) -> dict[Quantizer, Quantizer]:
    """Chooses the method, and returns what it has for each quantizer.

    Definition: bitsandbytes where all have 8 bits, or all have 4; else torchao.

    Args:
        quantizers: those in use.

    Reference: `BitsAndBytesConfig` of transformers; `IntxWeightOnlyConfig` of torchao.
    """
    if not _suffices(quantizers):
        return {each: torchao.nearest(each) for each in quantizers}
    return {each: _of_bitsandbytes(each.bits, each.include) for each in quantizers}


def _suffices(quantizers: Any) -> bool:
    lengths = {each.bits for each in quantizers}
    return len(lengths) == 1 and lengths <= set(BITSANDBYTES)


def _of_bitsandbytes(bits: int, include: Any = ("matrices",)) -> Quantizer:
    size = -1 if bits == EIGHT else NF4_GROUP
    made = toolkit.quantizer_of(bits, symmetric=True, group_size=size)
    return dataclasses.replace(made, include=include)


def notes(task: Task) -> tuple[str, ...]:
    """Says which method is chosen, and where it rounds otherwise than a plan.

    Reference: bitsandbytes 0.50; torchao 0.18.
    """
    if not _suffices(task.rounded):
        return torchao.notes(task)
    (quantizer, *_) = task.rounded
    if quantizer.bits == EIGHT:
        return (
            "the method is bitsandbytes: LLM.int8 rounds inputs, too, but for outliers",
        )
    return (
        "the method is bitsandbytes: the levels of nf4 are quantiles of a Gaussian "
        "law, not evenly spaced",
    )


def write(task: Task) -> str:
    """Writes `quantization_config` as JSON.

    Args:
        task: how modules are rounded.

    Reference: `BitsAndBytesConfig` and `TorchAoConfig` of transformers 5.
    """
    config = (_bitsandbytes if _suffices(task.rounded) else torchao.config)(task)
    return structured.json_text(
        {"quantization_config": config, "remarks": list(task.remarks)}
    )


def _bitsandbytes(task: Task) -> dict[str, Any]:
    (quantizer, *_) = task.rounded
    kept = [m.name for m in task.kept if m.kind != "Embedding"]
    quarter = {"bnb_4bit_quant_type": "nf4"} if quantizer.bits == 4 else {}
    return {
        "quant_method": "bitsandbytes",
        BITSANDBYTES[quantizer.bits]: True,
        **quarter,
        "llm_int8_skip_modules": kept,
    }


def read(text: str, names: Names, where: str) -> Found:
    """Reads a `quantization_config`, or a `config.json` that has one.

    Args:
        text: JSON.
        names: of the model.
        where: its name, for messages.

    Raises:
        ValueError: if there is none, or its method cannot be audited.

    Reference: transformers' quantization configurations.
    """
    content = structured.mapping(text, where)
    config = content.get("quantization_config", content)
    if not isinstance(config, dict):
        raise ValueError(f"{where}: quantization_config must be an object")
    method = config.get("quant_method")
    if method in ELSEWHERE:
        return ELSEWHERE[method](config, names, where)
    if method == "bitsandbytes" or any(config.get(n) for n in BITSANDBYTES.values()):
        return _read_bitsandbytes(config, names, where)
    allowed = ("bitsandbytes", *ELSEWHERE)
    raise ValueError(
        f"{where}: quant_method {method!r:.40} cannot be audited; allowed: "
        f"{', '.join(allowed)}"
    )


def _read_bitsandbytes(config: dict[str, Any], names: Names, where: str) -> Found:
    bits = [b for b, n in BITSANDBYTES.items() if config.get(n, config.get(f"_{n}"))]
    if len(bits) != 1:
        raise ValueError(
            f"{where}: one of {' and '.join(BITSANDBYTES.values())} must be true"
        )
    remarks = [
        "inputs rounded by LLM.int8 are not audited"
        if bits[0] == EIGHT
        else "the levels of nf4 and fp4 are not audited: evenly spaced ones stand for "
        "them"
    ]
    given = next((config[n] for n in SKIPPED if config.get(n) is not None), None)
    linear = [m for m in names.modules.values() if m.kind != "Embedding"]
    if given is None:
        kept = {m.name for m in linear if m.tensor.role == "head"}
    else:
        kept, more = _skipped(given, linear, names, where)
        remarks += more
    quantizer = _of_bitsandbytes(bits[0])
    rounding: dict[str, Quantizer | None] = dict.fromkeys(names.modules)
    rounding |= {m.name: None if m.name in kept else quantizer for m in linear}
    return Found(rounding=rounding, remarks=tuple(remarks))


def _skipped(
    given: Any, linear: list[Module], names: Names, where: str
) -> tuple[set[str], list[str]]:
    if not (isinstance(given, list) and all(isinstance(x, str) for x in given)):
        raise ValueError(f"{where}: what is not converted must be a list of names")
    hits = {
        text: [m.name for m in linear if is_skipped(m.name, text, where)]
        for text in given
    }
    others = names.others | set(names.modules)
    remarks = patterns.check_hits(hits, others.__contains__, where)
    return {name for each in hits.values() for name in each}, remarks


def is_skipped(name: str, text: str, where: str) -> bool:
    """Says whether an entry keeps a module in full precision.

    Definition: whether it matches the beginning of the name as a regular expression, or
    is its end.

    Args:
        name: of the module.
        text: the entry.
        where: for messages.

    Raises:
        ValueError: if the entry is no regular expression.

    Reference: `should_convert_module` of transformers 5.
    """
    begins = patterns.compiled(text, where).match(name) is not None
    return begins or name.endswith(text)


TOOLKIT = Toolkit(
    kinds=frozenset({"Linear", "Conv1D"}),
    nearest=nearest,
    notes=notes,
    write=write,
    read=read,
)
