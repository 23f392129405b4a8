"""llama.cpp: files of `--tensor-type-file`, with the names of GGUF's tensors."""

import dataclasses
from collections.abc import Mapping

from jaxdisp.models.quantized import Quantizer
from jaxdisp.report.plans import patterns, toolkit
from jaxdisp.report.plans.skeleton import Module
from jaxdisp.report.plans.toolkit import Found, Names, Task, Toolkit

FULL = ("f16", "bf16", "f32")
TYPES = {
    "q2_k": (2, "affine", 16),
    "q3_k": (3, "symmetric", 16),
    "q4_0": (4, "symmetric", 32),
    "q4_1": (4, "affine", 32),
    "q5_0": (5, "symmetric", 32),
    "q5_1": (5, "affine", 32),
    "q6_k": (6, "symmetric", 16),
    "q8_0": (8, "symmetric", 32),
    "q4_k": (4, "affine", 32),
    "q5_k": (5, "affine", 32),
}
"""Word length, grid and weights per group; the first that fits is written."""
SUPER = 256
"""Weights that types with a k share more of; rows must divide into them."""
BLOCK = 32
STEMS = {
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
    "self_attention.query_key_value": "attn_qkv",
    "attention.query_key_value": "attn_qkv",
    "self_attention.dense": "attn_output",
    "attention.dense": "attn_output",
    "mlp.dense_h_to_4h": "ffn_up",
    "mlp.dense_4h_to_h": "ffn_down",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "mixer.in_proj": "ssm_in",
    "mixer.x_proj": "ssm_x",
    "mixer.dt_proj": "ssm_dt",
    "mixer.out_proj": "ssm_out",
}
"""Names of GGUF by those of a checkpoint, within a layer."""
UNKNOWN = ("opt", "xglm")
"""Families that llama.cpp does not have."""
POSITIONS = "position_embedding"


def nearest(quantizer: Quantizer) -> Quantizer:
    """Returns the quantizer that llama.cpp has for one of ours.

    Raises:
        ValueError: if it has no type of that word length.

    Reference: ggml's types.
    """
    bits, grid, size = TYPES[_type(quantizer)]
    found = toolkit.quantizer_of(bits, symmetric=grid == "symmetric", group_size=size)
    return dataclasses.replace(found, include=quantizer.include)


def _type(quantizer: Quantizer) -> str:
    same = {name: x for name, x in TYPES.items() if x[0] == quantizer.bits}
    if not same:
        lengths = sorted({x[0] for x in TYPES.values()})
        raise ValueError(
            f"llama.cpp has no type of {quantizer.bits} bits; it has "
            f"{', '.join(map(str, lengths))}"
        )
    grid = "symmetric" if toolkit.symmetric(quantizer) else "affine"
    alike = [name for name, x in same.items() if x[1] == grid]
    return (alike or list(same))[0]


def notes(task: Task) -> tuple[str, ...]:
    """Says how llama.cpp rounds otherwise, and how the file is given to it.

    Reference: llama.cpp's llama-quantize, and ggml's types.
    """
    found = [
        "give the file to llama-quantize as --tensor-type-file, and beside it a type "
        "that rounds, such as Q8_0, which no tensor named here takes",
        "q4_0 and q5_0 have the step (value largest in magnitude) / -2^(b-1)",
    ]
    used = {_type(quantizer) for quantizer in task.rounded}
    if any(name.endswith("_k") for name in used):
        found.append(
            "types with a k have scales that are rounded themselves, and ranges that "
            "are searched"
        )
    odd = [
        m
        for quantizer, each in task.rounded.items()
        for m in each
        if m.width % (SUPER if _type(quantizer).endswith("_k") else BLOCK)
    ]
    if odd:
        found.append(
            f"llama-quantize takes another type where rows do not divide into blocks: "
            f"{len(odd)} modules, such as {odd[0].name} with {odd[0].width} inputs"
        )
    return tuple(found)


def tensor_name(module: Module) -> str | None:
    """Names the weights of a module in a GGUF file, without `.weight`.

    Args:
        module: of a family that llama.cpp has.

    Returns:
        None for positions, which it never rounds.

    Reference: `TensorNameMap` of gguf 0.19.
    """
    if module.layer is None:
        if module.tensor.path[-1] == POSITIONS:
            return None
        return "token_embd" if module.tensor.role == "embedding" else "output"
    inner = module.name.partition(f".{module.layer}.")[2]
    return f"blk.{module.layer}.{STEMS[inner]}"


def _tensors(architecture: str, modules: Mapping[str, Module]) -> dict[str, Module]:
    """Modules by the names of their weights; a tied head has none of its own."""
    if architecture in UNKNOWN:
        raise ValueError(f"llama.cpp has no models of the family {architecture}")
    named = {tensor_name(m): m for m in modules.values() if m.tied_to is None}
    return {name: m for name, m in named.items() if name is not None}


def write(task: Task) -> str:
    """Writes one line for every type of every kind of tensors.

    Args:
        task: how modules are rounded.

    Raises:
        ValueError: if llama.cpp has no models of the family.

    Reference: `parse_tensor_type_file` of llama.cpp, whose regular expressions are
        searched for in the names of tensors; the first that matches holds.
    """
    lines = []
    tensors = _tensors(task.architecture, task.modules)
    renamed = {
        module.name: dataclasses.replace(module, name=name)
        for name, module in tensors.items()
    }
    groups = {"f16": [m.name for m in task.kept]}
    for quantizer, modules in task.rounded.items():
        groups.setdefault(_type(quantizer), []).extend(m.name for m in modules)
    for kind, found in groups.items():
        there = [renamed[name] for name in found if name in renamed]
        lines += [f"^{each}\\.weight$={kind}" for each in patterns.exactly(there)]
    return "\n".join([*lines, ""])


def read(text: str, names: Names, where: str) -> Found:
    """Reads a file of tensor types.

    Args:
        text: `regex=type`, divided by spaces or lines.
        names: of the model.
        where: its name, for messages.

    Raises:
        ValueError: if an entry is malformed or of a type that cannot be audited, or
            tensors are left to a type that the file does not say.

    Reference: `parse_tensor_type_file` of llama.cpp.
    """
    tensors = _tensors(names.architecture, names.modules)
    remarks: list[str] = []
    found: dict[str, Quantizer | None] = {}
    hits: dict[str, list[str]] = {}
    for pattern, kind in _entries(text, where):
        quantizer = _quantizer(kind, where, remarks)
        compiled = patterns.compiled(pattern, where)
        matched = [name for name in tensors if compiled.search(f"{name}.weight")]
        hits.setdefault(pattern, []).extend(matched)
        for name in matched:
            found.setdefault(name, quantizer)
    remarks += patterns.check_hits(hits, lambda _: False, where)
    if left := [name for name in tensors if name not in found]:
        raise ValueError(
            f"{where}: says nothing of {len(left)} tensors, such as {left[0]}: they "
            "take the type that llama-quantize is given beside it; add it as the last "
            "line, such as .*=q4_0"
        )
    rounding: dict[str, Quantizer | None] = dict.fromkeys(names.modules)
    rounding |= {module.name: found[name] for name, module in tensors.items()}
    for module in names.modules.values():
        if module.tied_to is not None:
            rounding[module.name] = rounding[module.tied_to]
    return Found(rounding=rounding, remarks=tuple(dict.fromkeys(remarks)))


def _entries(text: str, where: str) -> list[tuple[str, str]]:
    found = []
    for entry in text.split():
        pattern, equals, kind = entry.partition("=")
        if not (pattern and equals and kind):
            raise ValueError(f"{where}: {entry!r:.40} is not of the form tensor=type")
        found.append((pattern.lower(), kind.lower()))
    if not found:
        raise ValueError(f"{where}: is empty; it must hold entries such as attn_q=q8_0")
    return found


def _quantizer(kind: str, where: str, remarks: list[str]) -> Quantizer | None:
    if kind in FULL:
        return None
    if kind not in TYPES:
        raise ValueError(
            f"{where}: the type {kind!r:.40} cannot be audited; allowed: "
            f"{', '.join((*FULL, *TYPES))}"
        )
    if kind.endswith("_k"):
        remarks.append(f"{kind}: its rounded scales are not audited")
    bits, grid, size = TYPES[kind]
    return toolkit.quantizer_of(bits, symmetric=grid == "symmetric", group_size=size)


TOOLKIT = Toolkit(
    kinds=frozenset({"Linear", "Conv1D", "Embedding"}),
    nearest=nearest,
    notes=notes,
    write=write,
    read=read,
)
