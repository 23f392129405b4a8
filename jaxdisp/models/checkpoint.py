"""Checkpoints: Hugging Face directories in and out, safetensors only."""

import json
import pathlib
import re
import shutil
from typing import Any

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import safetensors
from safetensors import numpy as safetensors_numpy

from jaxdisp.models import decoder

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack")
DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
}


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


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads the tensors of one safetensors file, in the type they are stored in.

    Args:
        path: the file.

    Raises:
        ValueError: if the file is damaged or holds a type that is no float.

    Reference: our own definition.
    """
    try:
        # deserialize keeps bfloat16, which the NumPy door of safetensors refuses
        content = safetensors.deserialize(path.read_bytes())
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"{path}: not a complete safetensors file ({error}); copy it again"
        ) from error
    found = {}
    for name, info in content:
        dtype = DTYPES.get(info["dtype"])
        if dtype is not None:
            found[name] = np.ndarray(info["shape"], dtype, bytes(info["data"]))
        else:
            found[name] = np.empty(info["shape"], np.bool_)  # a buffer, or refused
    return found


def read_parameters(
    directory: pathlib.Path, architecture: decoder.Architecture, config: Any
) -> decoder.Parameters:
    """Reads all parameters of a checkpoint as float32, layers stacked on axis 0.

    Args:
        directory: a Hugging Face directory.
        architecture: the family.
        config: its configuration.

    Raises:
        ValueError: if a file is damaged, or a tensor is missing, unknown, of the wrong
            shape or type, or holds values that are not finite.

    Reference: our own definition.
    """
    arrays: dict[str, np.ndarray] = {}
    origin: dict[str, pathlib.Path] = {}
    for path in weight_files(directory):
        for name, array in read_arrays(path).items():
            short = name.removeprefix(architecture.prefix)
            if short in arrays:
                raise ValueError(
                    f"{path}: the tensor {short} comes twice, with and without the "
                    f"prefix {architecture.prefix} or in two files; keep one"
                )
            arrays[short], origin[short] = array, path
    leaves = {}
    for tensor in architecture.tensors(config):
        names = (
            [tensor.source.format(layer=n) for n in range(config.n_layers)]
            if tensor.stacked
            else [tensor.source]
        )
        parts = [_checked(name, tensor, arrays, origin, directory) for name in names]
        leaves[tensor.path] = jnp.asarray(
            np.stack(parts) if tensor.stacked else parts[0]
        )
        for name in names:
            del arrays[name]
    _refuse_leftovers(arrays, origin, architecture, config)
    return decoder.assemble(leaves)


def _checked(
    name: str,
    tensor: decoder.Tensor,
    arrays: dict[str, np.ndarray],
    origin: dict[str, pathlib.Path],
    directory: pathlib.Path,
) -> np.ndarray:
    if name not in arrays:
        raise ValueError(
            f"{directory}: the tensor {name} is missing from the weights; "
            "is the file complete and does config.json belong to it?"
        )
    array = arrays[name]
    if array.shape != tensor.stored_shape:
        raise ValueError(
            f"{origin[name]}: {name} has shape {list(array.shape)}, but config.json "
            f"asks for {list(tensor.stored_shape)}; one of the two belongs to another "
            "model"
        )
    if array.dtype == np.bool_:
        raise ValueError(
            f"{origin[name]}: {name} is not stored as a float; allowed: "
            f"{', '.join(DTYPES)}; load it in transformers and save it as float16"
        )
    with np.errstate(over="ignore"):  # what overflows is infinite, and refused below
        array = array.astype(np.float32)
    bad = int(np.size(array) - np.count_nonzero(np.isfinite(array)))
    if bad:
        raise ValueError(
            f"{origin[name]}: {name} holds {bad} values that are NaN or infinite; "
            "the checkpoint is broken, or overflowed when it was cast to float16"
        )
    return array.T if tensor.transposed else array.reshape(tensor.shape)


def _refuse_leftovers(
    arrays: dict[str, np.ndarray],
    origin: dict[str, pathlib.Path],
    architecture: decoder.Architecture,
    config: Any,
) -> None:
    buffers = [re.compile(pattern) for pattern in architecture.buffers]
    if config.tied:
        buffers.append(re.compile(r"(.*\.)?lm_head\.weight"))
    for name in arrays:
        if not any(pattern.fullmatch(name) for pattern in buffers):
            raise ValueError(
                f"{origin[name]}: the tensor {name} has no place in "
                f"{architecture.name} as config.json describes it; one of the two "
                "belongs to another model"
            )


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
