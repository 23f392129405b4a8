"""Headers: what the files of a checkpoint hold, known before any number is read."""

import dataclasses
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import safetensors

from jaxdisp.models import decoder

FLOATS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
"""Types that parameters may have, by their names in safetensors, and bytes of each."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stored:
    """One tensor of a file: its name there, shape, and type as safetensors has it."""

    path: pathlib.Path
    name: str
    shape: tuple[int, ...]
    dtype: str


def read_headers(paths: Sequence[pathlib.Path], prefix: str = "") -> dict[str, Stored]:
    """Lists the tensors of safetensors files by their names without the prefix.

    Args:
        paths: the files.
        prefix: what may stand before names.

    Raises:
        ValueError: if a file is damaged, or a tensor comes twice.

    Reference: the safetensors format.
    """
    found: dict[str, Stored] = {}
    for path in paths:
        for stored in _tensors(path):
            short = stored.name.removeprefix(prefix)
            if short in found:
                raise ValueError(
                    f"{path}: the tensor {short} comes twice, with and without the "
                    f"prefix {prefix} or in two files; keep one"
                )
            found[short] = stored
    return found


def _tensors(path: pathlib.Path) -> list[Stored]:
    try:
        with safetensors.safe_open(path, "np") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return [
                Stored(
                    path=path,
                    name=name,
                    shape=tuple(one.get_shape()),
                    dtype=str(one.get_dtype()),
                )
                for name, one in slices.items()
            ]
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"{path}: not a complete safetensors file ({error}); copy it again"
        ) from error


def names(tensor: decoder.Tensor, n_layers: int) -> list[str]:
    """Lists the names of a parameter in a checkpoint, layer by layer.

    Args:
        tensor: the parameter.
        n_layers: layers of the model; other parameters have one name.

    Reference: our own definition.
    """
    layers = range(n_layers) if tensor.stacked else range(1)
    return [tensor.source.format(layer=layer) for layer in layers]


def check(
    found: Mapping[str, Stored],
    architecture: decoder.Architecture,
    config: Any,
    directory: pathlib.Path,
) -> None:
    """Checks that files hold exactly the parameters of a model, as floats.

    Args:
        found: as from `read_headers`.
        architecture: the family.
        config: its configuration.
        directory: of the checkpoint, which a message about what is missing names.

    Raises:
        ValueError: if a tensor is missing, unknown, or of the wrong shape or type.

    Reference: our own definition.
    """
    wanted = set()
    for tensor in architecture.tensors(config):
        for name in names(tensor, config.n_layers):
            if name not in found:
                raise ValueError(
                    f"{directory}: the tensor {name} is missing from the weights; "
                    "is the file complete and does config.json belong to it?"
                )
            _check_form(name, found[name], tensor)
            wanted.add(name)
    buffers = [re.compile(pattern) for pattern in architecture.buffers]
    if config.tied:
        buffers.append(re.compile(r"(.*\.)?lm_head\.weight"))
    for name, stored in found.items():
        if name not in wanted and not any(each.fullmatch(name) for each in buffers):
            raise ValueError(
                f"{stored.path}: the tensor {name} has no place in "
                f"{architecture.name} as config.json describes it; one of the two "
                "belongs to another model"
            )


def _check_form(name: str, stored: Stored, tensor: decoder.Tensor) -> None:
    if stored.shape != tensor.stored_shape:
        raise ValueError(
            f"{stored.path}: {name} has shape {list(stored.shape)}, but config.json "
            f"asks for {list(tensor.stored_shape)}; one of the two belongs to another "
            "model"
        )
    if stored.dtype not in FLOATS:
        raise ValueError(
            f"{stored.path}: {name} is not stored as a float; allowed: "
            f"{', '.join(FLOATS)}; load it in transformers and save it as float16"
        )
