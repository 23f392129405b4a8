"""Checkpoints: Hugging Face directories in and out, safetensors only."""

import dataclasses
import json
import math
import mmap
import pathlib
import shutil
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
from safetensors import numpy as safetensors_numpy

from jaxdisp.models import decoder, headers

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack")
BROKEN = "the checkpoint is broken, or overflowed when it was cast to float16"
HALVES = {"F16": "float16", "BF16": "bfloat16"}
"""Types that parameters of the layers are kept in."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A checked checkpoint: its family, and where each tensor is, by its short name."""

    architecture: decoder.Architecture
    config: Any
    stored: dict[str, headers.Stored]


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """Reads a JSON object from a file.

    Args:
        path: the file.

    Raises:
        ValueError: if it is missing, damaged, or not an object.

    Reference: our own definition.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{path}: no such file; is this a model directory?") from error
    except ValueError as error:
        raise ValueError(f"{path}: not valid JSON ({error}); copy it again") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: must hold a JSON object; copy it again")
    return content


def weight_files(directory: pathlib.Path) -> list[pathlib.Path]:
    """Finds the safetensors files of a checkpoint, single or sharded.

    Args:
        directory: a Hugging Face directory.

    Raises:
        ValueError: if there are none; pickled weights are named, and refused.

    Reference: our own definition.
    """
    if (directory / SINGLE).is_file():  # first, as in transformers
        return [directory / SINGLE]
    index = directory / INDEX
    if index.is_file():
        shards = read_json(index).get("weight_map")
        if not isinstance(shards, dict) or not shards:
            raise ValueError(f"{index}: weight_map names no files; copy it again")
        names = sorted({str(name) for name in shards.values()})
        missing = [name for name in names if not (directory / name).is_file()]
        if missing:
            raise ValueError(
                f"{index}: lists {len(names)} files, missing: "
                f"{', '.join(missing)}; download the checkpoint again"
            )
        return [directory / name for name in names]
    pickled = sorted(p.name for pattern in PICKLED for p in directory.glob(pattern))
    if pickled:
        raise ValueError(
            f"{directory / pickled[0]}: pickled weights can run code and are not read; "
            "convert them: AutoModelForCausalLM.from_pretrained(DIR)"
            ".save_pretrained(OUT, safe_serialization=True)"
        )
    raise ValueError(
        f"{directory}: holds no {SINGLE} and no {INDEX}; save_pretrained writes them"
    )


def open_files(
    directory: pathlib.Path, architecture: decoder.Architecture, config: Any
) -> Checkpoint:
    """Finds every tensor of a checkpoint and checks it, before any number is read.

    Args:
        directory: a Hugging Face directory.
        architecture: the family.
        config: its configuration.

    Raises:
        ValueError: if a file is damaged, or a tensor is missing, unknown, twice there,
            or of the wrong shape or type.

    Reference: our own definition.
    """
    stored = headers.read_headers(weight_files(directory), architecture.prefix)
    headers.check(stored, architecture, config, directory)
    return Checkpoint(architecture=architecture, config=config, stored=stored)


def read(opened: Checkpoint, tensor: decoder.Tensor, layer: int = 0) -> np.ndarray:
    """Reads one tensor of one layer, in the type it is stored in.

    Its memory is that of the file's pages, and is given back when the array is dropped.

    Args:
        opened: the checkpoint.
        tensor: the parameter.
        layer: of which layer, from 0; parameters outside the layers have only that.

    Raises:
        ValueError: if values are not finite.

    Reference: our own definition.
    """
    name = headers.names(tensor, opened.config.n_layers)[layer]
    stored = opened.stored[name]
    with safetensors.safe_open(stored.path, "np") as file:
        array = file.get_tensor(stored.name)
    _check_finite(array, name, stored)
    return array.T if tensor.transposed else array.reshape(tensor.shape)


def _check_finite(
    array: np.ndarray, name: str, stored: headers.Stored, reason: str = BROKEN
) -> None:
    bad = int(np.size(array) - np.count_nonzero(np.isfinite(array)))
    if bad:
        raise ValueError(
            f"{stored.path}: {name} holds {bad} values that are NaN or infinite; "
            f"{reason}"
        )


def stored_types(opened: Checkpoint) -> dict[str, int]:
    """Says which types the parameters are stored in, and how many bytes each takes up.

    Args:
        opened: the checkpoint.

    Reference: names as in the safetensors format.
    """
    tensors = opened.architecture.tensors(opened.config)
    found: dict[str, int] = {}
    for tensor in tensors:
        for name in headers.names(tensor, opened.config.n_layers):
            stored = opened.stored[name]
            size = math.prod(stored.shape) * headers.FLOATS[stored.dtype]
            found[stored.dtype] = found.get(stored.dtype, 0) + size
    return found


def held_type(opened: Checkpoint, tensor: decoder.Tensor, dtype: str) -> np.dtype:
    """Says which type a parameter is held in where `dtype` is computed in.

    Definition: that of the checkpoint for parameters of the layers that it has in 16
    bits, since they are cast where they are used; else `dtype`.

    Args:
        opened: the checkpoint.
        tensor: the parameter.
        dtype: the type that is computed in.

    Reference: our own definition.
    """
    found = {
        opened.stored[name].dtype
        for name in headers.names(tensor, opened.config.n_layers)
    }
    kept = found.pop() if tensor.stacked and len(found) == 1 else ""
    return jnp.dtype(HALVES.get(kept, dtype))


def read_parameters(
    directory: pathlib.Path,
    architecture: decoder.Architecture,
    config: Any,
    dtype: str = "float32",
) -> decoder.Parameters:
    """Reads all parameters of a checkpoint, layers stacked on axis 0.

    Each is filled tensor by tensor, so that nothing is held twice but one of these.

    Args:
        directory: a Hugging Face directory.
        architecture: the family.
        config: its configuration.
        dtype: the type that is computed in; `held_type` says what is held.

    Raises:
        ValueError: as `open_files`, or if values are not finite in that type.

    Reference: our own definition.
    """
    opened = open_files(directory, architecture, config)
    return decoder.assemble(
        {
            tensor.path: _read(opened, tensor, dtype)
            for tensor in architecture.tensors(config)
        }
    )


def _read(opened: Checkpoint, tensor: decoder.Tensor, dtype: str) -> jax.Array:
    computed, held = jnp.dtype(dtype), held_type(opened, tensor, dtype)
    n_layers = opened.config.n_layers
    shape = (n_layers, *tensor.shape) if tensor.stacked else (1, *tensor.shape)
    # pages of its own: aligned as XLA wants it, so that `device_put` need not copy
    pages = mmap.mmap(-1, math.prod(shape) * held.itemsize)
    filled = np.frombuffer(pages, held).reshape(shape)
    for layer, name in enumerate(headers.names(tensor, n_layers)):
        array = read(opened, tensor, layer)
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused
            filled[layer] = array
            used = filled[layer].astype(computed, copy=False)
        if not np.can_cast(array.dtype, computed):
            reason = f"they overflow {dtype}: compute in another --dtype"
            _check_finite(
                used,
                name,
                opened.stored[name],
                BROKEN if dtype == "float32" else reason,
            )
    value = filled if tensor.stacked else filled[0]
    return jax.device_put(value, may_alias=True)


def write(
    directory: pathlib.Path,
    architecture: decoder.Architecture,
    config: Any,
    params: decoder.Parameters,
    entries: dict[str, Any],
) -> None:
    """Writes `config.json` and float16 weights as transformers reads them.

    Args:
        directory: made if missing; files in it are replaced one by one.
        architecture: the family.
        config: its configuration.
        params: parameters, stored rounded to float16.
        entries: the content of `config.json`, but for the type of the weights.

    Raises:
        ValueError: if a value overflows float16.

    Reference: our own definition.
    """
    arrays = {}
    for tensor in architecture.tensors(config):
        stacked = np.asarray(decoder.leaf(params, tensor.path))
        with np.errstate(over="ignore"):  # what overflows is refused below
            half = stacked.astype(np.float16)
        if not np.all(np.isfinite(half)):
            raise ValueError(f"{'.'.join(tensor.path)} does not fit into float16")
        parts = list(half) if tensor.stacked else [half]
        for number, part in enumerate(parts):
            name = tensor.source.format(layer=number)
            prefix = "" if name.startswith("lm_head") else architecture.prefix
            arrays[prefix + name] = np.ascontiguousarray(
                part.T if tensor.transposed else part.reshape(tensor.stored_shape)
            )
    directory.mkdir(parents=True, exist_ok=True)
    content = entries | {"dtype": "float16"}
    text = json.dumps(content, indent=2) + "\n"
    replace(directory / "config.json", text.encode())
    metadata = {"format": "pt"}
    replace(directory / SINGLE, safetensors_numpy.save(arrays, metadata=metadata))


def replace(path: pathlib.Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old one or the new one, never a part.

    Args:
        path: the file.
        content: its bytes.

    Reference: our own definition.
    """
    fresh = path.with_name(path.name + ".part")
    fresh.write_bytes(content)
    shutil.move(fresh, path)
