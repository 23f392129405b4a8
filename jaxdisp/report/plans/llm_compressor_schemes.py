"""Schemes of llm-compressor: how a group of modules is rounded."""

import re
from typing import Any

from jaxdisp.models.quantized import Quantizer
from jaxdisp.report.plans import toolkit

STRATEGIES = ("tensor", "channel", "group")
PRESET = re.compile(r"W([2-8])A(4|8|16)(_ASYM)?")
PRESET_GROUP = 128
BITS = range(2, 9)


def quantizer(
    group: dict[str, Any], where: str, remarks: list[str]
) -> Quantizer | None:
    """Reads how a group of modules is rounded.

    Args:
        group: with `weights`, as arguments or as the name of a preset.
        where: for messages.
        remarks: what is not audited is added to them.

    Raises:
        ValueError: if weights are not rounded to integers.

    Returns:
        None where weights are kept.

    Reference: `QuantizationScheme` of compressed-tensors.
    """
    weights = group.get("weights")
    if isinstance(weights, str):
        return _preset(weights, where, remarks)
    remarks += [
        f"{name} are rounded, too, which is not audited"
        for name in ("input_activations", "output_activations")
        if group.get(name)
    ]
    if weights is None:
        return None
    if not isinstance(weights, dict):
        raise ValueError(f"{where}: weights must be a mapping")
    bits = toolkit.integer(weights.get("num_bits", 8), where, "num_bits", BITS)
    if (kind := str(weights.get("type", "int")).lower()) != "int":
        raise ValueError(
            f"{where}: weights of type {kind} are not on a grid of integers, which is "
            "all that can be audited"
        )
    searched = _is_searched(weights, remarks)
    return toolkit.quantizer_of(
        bits,
        symmetric=bool(weights.get("symmetric", True)),
        group_size=_shared(weights, where),
        clipping="exact" if searched else "absmax",
    )


def _is_searched(weights: dict[str, Any], remarks: list[str]) -> bool:
    observer = str(weights.get("observer") or "minmax")
    if observer.startswith("imatrix"):
        remarks.append(f"the observer {observer} is taken as memoryless_mse")
    if weights.get("actorder"):
        remarks.append("actorder is not audited")
    return "mse" in observer


def _shared(weights: dict[str, Any], where: str) -> int | None:
    size = weights.get("group_size")
    strategy = weights.get("strategy")
    if strategy is None:
        strategy = "tensor" if size is None else "channel" if size == -1 else "group"
    if strategy not in STRATEGIES:
        raise ValueError(
            f"{where}: strategy {strategy!r:.40} cannot be audited; allowed: "
            f"{', '.join(STRATEGIES)}"
        )
    if strategy == "group":
        return toolkit.integer(size, where, "group_size", range(1, 2**31))
    return None if strategy == "tensor" else -1


def _preset(name: str, where: str, remarks: list[str]) -> Quantizer | None:
    upper = name.upper()
    if upper == "UNQUANTIZED":
        return None
    if upper in ("W8A8", "INT8"):
        remarks.append("activations are rounded to 8 bits, too, which is not audited")
        return toolkit.quantizer_of(8, symmetric=True, group_size=-1)
    found = PRESET.fullmatch(upper)
    if found is None:
        raise ValueError(
            f"{where}: the scheme {name!r:.40} has no grid of integers that can be "
            "audited; allowed: W2A16 to W8A16, W4A16_ASYM and W8A8"
        )
    if found[2] != "16":
        remarks.append(
            f"activations are rounded to {found[2]} bits, too, which is not audited"
        )
    return toolkit.quantizer_of(
        int(found[1]), symmetric=found[3] is None, group_size=PRESET_GROUP
    )
