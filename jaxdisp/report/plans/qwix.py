"""Qwix: rules in Python, matched against the paths of flax modules."""

import ast
import dataclasses
import json
from typing import Any

from jaxdisp.models.quantized import Quantizer
from jaxdisp.report.plans import patterns, toolkit
from jaxdisp.report.plans.toolkit import Found, Names, Task, Toolkit

RULE = "QuantizationRule"
BETWEEN = "/"
ASYMMETRIC = (4, 8)
"""Word lengths that qwix has asymmetric grids of."""
BITS = range(2, 9)
UNUSED = ("op_names", "act_static_scale", "act_calibration_method", "act_batch_axes")


def nearest(quantizer: Quantizer) -> Quantizer:
    """Returns the quantizer that qwix has for one of ours.

    Reference: `QuantizationRule` and `numerics` of qwix 0.1.8.
    """
    found = toolkit.plain(quantizer)
    if found.granularity == "tensor":
        found = dataclasses.replace(found, granularity="channel")
    if found.grid == "affine" and found.bits not in ASYMMETRIC:
        found = dataclasses.replace(found, grid="symmetric")
    return found


def notes(task: Task) -> tuple[str, ...]:
    """Says where qwix rounds otherwise than the rules suggest, and what paths mean.

    Reference: `numerics.get_symmetric_bound` of qwix 0.1.8.
    """
    return (
        *toolkit.uneven(task),
        "paths are those of the checkpoint's modules with / for . : give the modules "
        "of the flax model these names, or change the rules to its own",
        "a symmetric grid of b bits has the step largest magnitude / (2^(b-1) - 1/2)",
    )


def write(task: Task) -> str:
    """Writes a list of rules in Python: first what is kept, then what is rounded.

    Args:
        task: how modules are rounded.

    Reference: `QuantizationRule` of qwix 0.1.8, of which the first that matches holds.
    """
    rules = []
    if task.kept:
        kept = patterns.exactly(task.kept, BETWEEN)
        rules += [{"module_path": each} for each in kept]
    for quantizer, modules in task.rounded.items():
        rules += [
            {"module_path": each} | _arguments(quantizer)
            for each in patterns.exactly(modules, BETWEEN)
        ]
    lines = [f"# {line}" for line in task.remarks]
    lines += ["import qwix", "", "RULES = ["]
    for rule in rules:
        given = "".join(f"        {name}={_text(x)},\n" for name, x in rule.items())
        lines.append(f"    qwix.{RULE}(\n{given}    ),")
    return "\n".join([*lines, "]", ""])


def _text(value: object) -> str:
    if not isinstance(value, str):
        return repr(value)
    return f'r"{value}"' if "\\" in value or BETWEEN in value else f'"{value}"'


def _arguments(quantizer: Quantizer) -> dict[str, Any]:
    grouped = quantizer.granularity == "group"
    return {
        "weight_qtype": f"int{quantizer.bits}",
        **({"tile_size": quantizer.group_size} if grouped else {}),
        **({} if toolkit.symmetric(quantizer) else {CALIBRATION: "minmax"}),
    }


CALIBRATION = "weight_calibration_method"


def read(text: str, names: Names, where: str) -> Found:
    """Reads rules, as Python that is not run or as JSON.

    Args:
        text: a list of `QuantizationRule(...)`, or of objects with the same names.
        names: of the model.
        where: its name, for messages.

    Raises:
        ValueError: if there are no rules, or they cannot be audited.

    Reference: `QuantizationRule` of qwix 0.1.8, of which the first that matches holds.
    """
    rules = _rules(text, where)
    remarks: list[str] = []
    rounding: dict[str, Quantizer | None] = {}
    hits: dict[str, list[str]] = {}
    for rule in rules:
        path = rule.get("module_path", ".*")
        if not isinstance(path, str):
            raise ValueError(f"{where}: module_path must be text, got {path!r:.40}")
        pattern = patterns.compiled(path, where)
        matched = [n for n in names.modules if pattern.fullmatch(_path(n))]
        hits.setdefault(path, []).extend(matched)
        quantizer = _quantizer(rule, where, remarks)
        for name in matched:
            rounding.setdefault(name, quantizer)
    others = {_path(name) for name in names.others}
    remarks += patterns.check_hits(hits, others.__contains__, where)
    return Found(
        rounding={name: rounding.get(name) for name in names.modules},
        remarks=tuple(dict.fromkeys(remarks)),
    )


def _path(name: str) -> str:
    return name.replace(".", BETWEEN)


def _rules(text: str, where: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text)
    except ValueError:
        found = _calls(text, where)
    if isinstance(found, dict):
        found = found.get("rules")
    if not (isinstance(found, list) and found):
        raise ValueError(f"{where}: holds no {RULE}")
    if not all(isinstance(each, dict) for each in found):
        raise ValueError(f"{where}: every rule must be an object")
    return found


def _calls(text: str, where: str) -> list[dict[str, Any]]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{where}: neither JSON nor Python ({error})") from error
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(RULE)
    ]
    calls.sort(key=lambda node: (node.lineno, node.col_offset))
    return [_given(node, where) for node in calls]


def _given(call: ast.Call, where: str) -> dict[str, Any]:
    if call.args:
        raise ValueError(f"{where}: line {call.lineno}: {RULE} takes named arguments")
    found = {}
    for argument in call.keywords:
        try:
            found[str(argument.arg)] = ast.literal_eval(argument.value)
        except ValueError:  # such as jnp.int4
            found[str(argument.arg)] = ast.unparse(argument.value).rpartition(".")[2]
    return found


def _quantizer(
    rule: dict[str, Any], where: str, remarks: list[str]
) -> Quantizer | None:
    if rule.get("act_qtype") is not None:
        remarks.append("act_qtype rounds activations, too, which is not audited")
    remarks += [f"{name} is not audited" for name in UNUSED if rule.get(name)]
    qtype = rule.get("weight_qtype")
    if qtype is None:
        return None
    allowed = {f"int{bits}": bits for bits in BITS}
    if qtype not in allowed:
        raise ValueError(
            f"{where}: weight_qtype {qtype!r:.40} is not on a grid of integers that "
            f"can be audited; allowed: {', '.join(allowed)}"
        )
    method, _, scale = str(rule.get(CALIBRATION, "absmax")).partition(",")
    if method not in ("absmax", "minmax"):
        raise ValueError(
            f"{where}: {CALIBRATION} {method!r:.40} cannot be audited; allowed: absmax "
            "and minmax"
        )
    if scale:
        remarks.append(f"{CALIBRATION}: the factor {scale} is not audited")
    size = rule.get("tile_size")
    if isinstance(size, float):
        raise ValueError(f"{where}: tile_size must be a whole number, got {size}")
    if size is not None:
        toolkit.integer(size, where, "tile_size", range(1, 2**31))
    return toolkit.quantizer_of(
        allowed[qtype],
        symmetric=method == "absmax",
        group_size=-1 if size is None else size,
    )


TOOLKIT = Toolkit(
    kinds=frozenset({"Linear", "Conv1D"}),
    nearest=nearest,
    notes=notes,
    write=write,
    read=read,
)
