"""Safetensors files written tensor by tensor, so that no file is held in memory."""

import dataclasses
import json
import math
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from jaxdisp.models import headers

ALIGNED = 8
"""Bytes: the data of a file begin at a multiple of these."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Planned:
    """A tensor that will be in a file: its name, type as safetensors has it, shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]


def write_file(
    path: pathlib.Path, tensors: Sequence[Planned], data: Iterable[bytes | memoryview]
) -> None:
    """Writes a safetensors file from the bytes of one tensor after another.

    Args:
        path: the file.
        tensors: what will be in it, in the order of the data.
        data: little-endian bytes of each tensor, the last axis running fastest.

    Raises:
        ValueError: if a tensor has more or fewer bytes than its shape and type say.
        OSError: if it cannot be written.

    Reference: the safetensors format.
    """
    content: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in tensors:
        content[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [end, end + size(tensor)],
        }
        end += size(tensor)
    header = json.dumps(content, separators=(",", ":")).encode()
    header += b" " * (-len(header) % ALIGNED)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for tensor, part in zip(tensors, data, strict=True):
            if len(part) != size(tensor):
                raise ValueError(
                    f"{path}: {tensor.name} has {len(part)} bytes, but its shape and "
                    f"type ask for {size(tensor)}"
                )
            file.write(part)


def size(tensor: Planned) -> int:
    """Counts the bytes of a tensor.

    Args:
        tensor: its type and shape.

    Raises:
        ValueError: if its type is none that is written.

    Reference: the safetensors format.
    """
    if tensor.dtype not in BYTES:
        raise ValueError(
            f"{tensor.name}: its type {tensor.dtype} must be one of {', '.join(BYTES)}"
        )
    return math.prod(tensor.shape) * BYTES[tensor.dtype]


BYTES = headers.FLOATS | {
    **dict.fromkeys(("I64", "U64"), 8),
    **dict.fromkeys(("I32", "U32"), 4),
    **dict.fromkeys(("I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL"), 1),
}
"""Types that are written, and bytes of each."""


def bytes_of(array: np.ndarray) -> bytes:
    """Returns the bytes of an array as a file holds them.

    Args:
        array: of any type.

    Reference: the safetensors format.
    """
    return np.ascontiguousarray(array).tobytes()
