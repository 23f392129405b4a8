"""Storage: the bytes that a model takes in every mixture of its versions.

Version 0 is full precision, version `q` what `quantizers[q - 1]` makes of the model. A
parameter that a quantizer includes is stored as

    ceil(values bits / 8)      words of `bits` bits, packed tensor by tensor
    2 groups                   one scale of 16 bits for each group
    ceil(groups bits / 8)      one zero point of `bits` bits for each, `affine` only

and any other at full width. Each layer has its own words, scales and zero points. Tied
tensors are stored, and counted, once.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int

from jaxdisp.models import decoder
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer, check_quantizer, is_included

FULL_BITS = 16
SCALE_BYTES = 2


def layer_bytes(
    model: Model, quantizers: Sequence[Quantizer], *, full_bits: int = FULL_BITS
) -> Int[np.ndarray, "layer version"]:
    """Counts the bytes of every layer in every version.

    Definition: the module's table, summed over the parameters of a layer.

    Args:
        model: an open model; only shapes matter.
        quantizers: how versions 1, 2, ... are rounded.
        full_bits: bits of a number in full precision.

    Raises:
        ValueError: if `full_bits` is not whole bytes, or as `check_quantizer`.

    Reference: our own definition.
    """
    _check(model, quantizers, full_bits)
    tensors = [tensor for tensor in _tensors(model) if tensor.stacked]
    one = _version_bytes(model, tensors, quantizers, full_bits)
    return np.tile(one, (model.config.n_layers, 1))


def outside_bytes(
    model: Model, quantizers: Sequence[Quantizer], *, full_bits: int = FULL_BITS
) -> Int[np.ndarray, " version"]:
    """Counts the bytes of the parameters outside the layers in every version.

    Definition: the module's table, summed over these parameters.

    Args and Raises: as `layer_bytes`.

    Reference: our own definition.
    """
    _check(model, quantizers, full_bits)
    tensors = [tensor for tensor in _tensors(model) if not tensor.stacked]
    return _version_bytes(model, tensors, quantizers, full_bits)


def count_quantizable(model: Model, quantizers: Sequence[Quantizer]) -> int:
    """Counts the weights that at least one quantizer rounds, in the whole model.

    Args:
        model: an open model; only shapes matter.
        quantizers: how versions 1, 2, ... are rounded.

    Raises:
        ValueError: as `check_quantizer`.

    Reference: our own definition.
    """
    _check(model, quantizers, FULL_BITS)
    return sum(
        math.prod(tensor.shape) * (model.config.n_layers if tensor.stacked else 1)
        for tensor in _quantizable(model, quantizers)
    )


def effective_bits(
    model: Model,
    quantizers: Sequence[Quantizer],
    assignments: Int[np.ndarray, "config site"],
    *,
    full_bits: int = FULL_BITS,
) -> Float64[np.ndarray, " config"]:
    """Counts the bits that a quantizable weight takes on average.

    Definition: `8 B / N` with `B` the bytes, by the module's table, of the `N` weights
    that at least one quantizer includes. Scales and zero points count; biases, and
    whatever else no quantizer includes, do not.

    Args:
        model: an open model; only shapes matter.
        quantizers: how versions 1, 2, ... are rounded.
        assignments: version of each layer, then of the parameters outside the layers.
        full_bits: bits of a number in full precision.

    Raises:
        ValueError: if an assignment has the wrong length or names no version, no
            quantizer includes anything, or as `layer_bytes`.

    Reference: our own definition.
    """
    _check(model, quantizers, full_bits)
    n_sites = model.config.n_layers + 1
    if assignments.shape[1] != n_sites:
        raise ValueError(
            f"an assignment must have {n_sites} entries, one for each layer and one "
            f"for what is outside, got {assignments.shape[1]}"
        )
    if np.any((assignments < 0) | (assignments > len(quantizers))):
        raise ValueError(
            f"an assignment must name versions 0 to {len(quantizers)}, "
            f"got {np.min(assignments)} to {np.max(assignments)}"
        )
    tensors = _quantizable(model, quantizers)
    if not tensors:
        raise ValueError(
            "no quantizer includes any weight; give at least one that does"
        )
    layer, outside = (
        _version_bytes(
            model, [t for t in tensors if t.stacked == stacked], quantizers, full_bits
        )
        for stacked in (True, False)
    )
    total = np.sum(layer[assignments[:, :-1]], axis=1) + outside[assignments[:, -1]]
    return 8 * total / count_quantizable(model, quantizers)


def tensor_bytes(
    tensor: decoder.Tensor,
    quantizer: Quantizer | None,
    *,
    full_bits: int = FULL_BITS,
) -> int:
    """Counts the bytes of a parameter, of one layer where the layers have it.

    Definition: the module's table.

    Args:
        tensor: the parameter.
        quantizer: what rounds it; None keeps it in full precision.
        full_bits: bits of a number in full precision.

    Reference: our own definition.
    """
    if quantizer is None:
        return math.prod(tensor.shape) * full_bits // 8
    return _packed_bytes(tensor, quantizer)


def _check(model: Model, quantizers: Sequence[Quantizer], full_bits: int) -> None:
    if full_bits < 8 or full_bits % 8:
        raise ValueError(f"full_bits must be a multiple of 8, got {full_bits}")
    for quantizer in quantizers:
        check_quantizer(model, quantizer)


def _tensors(model: Model) -> tuple[decoder.Tensor, ...]:
    return model.architecture.tensors(model.config)


def _quantizable(model: Model, quantizers: Sequence[Quantizer]) -> list[decoder.Tensor]:
    tied = model.config.tied
    return [
        tensor
        for tensor in _tensors(model)
        if any(is_included(tensor, quantizer, tied=tied) for quantizer in quantizers)
    ]


def _version_bytes(
    model: Model,
    tensors: Sequence[decoder.Tensor],
    quantizers: Sequence[Quantizer],
    full_bits: int,
) -> Int[np.ndarray, " version"]:
    """Bytes of these tensors, those of one layer once, in every version."""
    full = [math.prod(tensor.shape) * full_bits // 8 for tensor in tensors]
    tied = model.config.tied
    quantized = [
        [
            _packed_bytes(tensor, quantizer)
            if is_included(tensor, quantizer, tied=tied)
            else whole
            for tensor, whole in zip(tensors, full, strict=True)
        ]
        for quantizer in quantizers
    ]
    return np.array([sum(row) for row in (full, *quantized)], np.int64)


def _packed_bytes(tensor: decoder.Tensor, quantizer: Quantizer) -> int:
    groups = _count_groups(tensor, quantizer)
    words = -(-math.prod(tensor.shape) * quantizer.bits // 8)
    zeros = -(-groups * quantizer.bits // 8) if quantizer.grid == "affine" else 0
    return words + SCALE_BYTES * groups + zeros


def _count_groups(tensor: decoder.Tensor, quantizer: Quantizer) -> int:
    if len(tensor.shape) == 1 or quantizer.granularity == "tensor":
        return 1
    channels = tensor.shape[tensor.channel_axis]
    if quantizer.granularity == "channel":
        return channels
    inputs = math.prod(tensor.shape) // channels
    return channels * -(-inputs // quantizer.group_size)
