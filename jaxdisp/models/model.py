"""Opening a model: a directory, a hub id, or the one that comes with the package."""

import dataclasses
import functools as ft
import hashlib
import os
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tokenizers
from jaxtyping import Array, Float, Int

from jaxdisp.models import checkpoint, decoder, vocabulary
from jaxdisp.models.architectures import registry

EMBEDDED = pathlib.Path(__file__).parent.parent / "assets" / "polyglot"
DTYPES = ("float32", "bfloat16", "float16")
WANTED = ["*.json", "*.safetensors", "merges.txt", "*.jinja", "*.model", "README.md"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A decoder in full precision, its vocabulary, and where they came from.

    `dtype` is computed in: states and `params["outside"]` have it, while the layers are
    held as `checkpoint.held_type` says. `start` is the token before every sentence;
    `training_bytes` says how much text of each language the model was trained on, where
    that is known; `hashes` are SHA-256 of the weights and of the tokenizer.
    """

    architecture: decoder.Architecture
    config: Any
    params: decoder.Parameters
    tokenizer: tokenizers.Tokenizer
    start: int
    source: str
    training_bytes: dict[str, int]
    hashes: dict[str, str]
    dtype: str = "float32"


def load(
    source: str | pathlib.Path | None = None,
    revision: str | None = None,
    dtype: str = "float32",
) -> Model:
    """Opens a model in Hugging Face format.

    Args:
        source: a directory, or a hub id such as `gpt2`; None is the embedded model.
        revision: branch, tag or commit of a hub id.
        dtype: what is computed in: `float32`, `bfloat16` or `float16`.

    Raises:
        ValueError: if it cannot be found, is damaged, or is of an unknown architecture,
            or the type is none of these.

    Reference: our own definition.
    """
    _check_dtype(dtype)
    found = find(source, revision)
    described = _described(found, source, dtype)
    return dataclasses.replace(
        described, params=checkpoint.read_parameters(*found, dtype)
    )


def describe(
    source: str | pathlib.Path | None = None,
    revision: str | None = None,
    dtype: str = "float32",
) -> Model:
    """Opens a model but for its weights, whose digest alone is read.

    Args:
        source: a directory, or a hub id such as `gpt2`; None is the embedded model.
        revision: branch, tag or commit of a hub id.
        dtype: what is computed in.

    Raises:
        ValueError: if it cannot be found, is of an unknown architecture, or its
            vocabulary is another model's, or the type is none of these.

    Returns:
        The model, without parameters.

    Reference: our own definition.
    """
    _check_dtype(dtype)
    return _described(find(source, revision), source, dtype)


def _described(
    found: tuple[pathlib.Path, decoder.Architecture, Any],
    source: str | pathlib.Path | None,
    dtype: str,
) -> Model:
    directory, architecture, config = found
    tokenizer = vocabulary.open_vocabulary(directory)
    _check_token_numbers(tokenizer, config.vocabulary, directory)
    start = vocabulary.start_token(tokenizer, directory, config.vocabulary)
    return Model(
        architecture=architecture,
        config=config,
        params={},
        tokenizer=tokenizer,
        start=start,
        source=source_name(source),
        training_bytes=_training_bytes(directory),
        hashes={
            "weights": digest(checkpoint.weight_files(directory)),
            "tokenizer": hashlib.sha256(tokenizer.to_str().encode()).hexdigest(),
        },
        dtype=dtype,
    )


def _check_dtype(dtype: str) -> None:
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype}")


def source_name(source: str | pathlib.Path | None) -> str:
    """Names a model as results and messages do.

    Args:
        source: a directory, or a hub id; None is the embedded model.

    Reference: our own definition.
    """
    return "polyglot (embedded)" if source is None else str(source)


def find(
    source: str | pathlib.Path | None = None, revision: str | None = None
) -> tuple[pathlib.Path, decoder.Architecture, Any]:
    """Finds a model's directory, family and configuration, without its weights.

    Args:
        source: a directory, or a hub id; None is the embedded model.
        revision: branch, tag or commit of a hub id.

    Raises:
        ValueError: if it cannot be found, or is of an unknown architecture.

    Reference: our own definition.
    """
    if source is None and revision is not None:
        raise ValueError(f"--revision {revision} needs a hub id beside it")
    directory = EMBEDDED if source is None else find_directory(str(source), revision)
    entries = checkpoint.read_json(directory / "config.json")
    try:
        architecture = registry.find(entries)
        config = architecture.read_config(entries)
    except ValueError as error:
        raise ValueError(f"{directory / 'config.json'}: {error}") from error
    return directory, architecture, config


def find_directory(source: str, revision: str | None) -> pathlib.Path:
    """Finds the directory of a model, downloading a hub id if the network is allowed.

    Args:
        source: a directory or a hub id.
        revision: branch, tag or commit of a hub id.

    Raises:
        ValueError: if there is no such directory and the hub does not give it.

    Reference: our own definition.
    """
    path = pathlib.Path(source)
    if path.is_dir():
        if revision is not None:
            raise ValueError(
                f"--revision {revision} is for hub ids, but {source} is a directory"
            )
        return path
    if path.exists():
        raise ValueError(f"{source}: is a file; give the directory that holds it")
    if path.is_absolute() or source.startswith((".", "~")) or source.count("/") > 1:
        raise ValueError(f"{source}: no such directory")
    import huggingface_hub
    from huggingface_hub import errors

    try:
        found = huggingface_hub.snapshot_download(
            source, revision=revision, allow_patterns=WANTED
        )
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as error:
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"{source}: no such directory, and not to be had from the hub{offline}: "
            f"{reason}"
        ) from error
    return pathlib.Path(found)


def logits(
    model: Model, tokens: Int[Array, "sentence token"]
) -> Float[Array, "sentence token vocabulary"]:
    """Returns the full-precision logits of the next token.

    Args:
        model: an open model.
        tokens: token numbers, the start token first.

    Raises:
        ValueError: if there are more tokens than the model has context for.

    Reference: our own definition.
    """
    return _logits(model.params, tokens, model.architecture, model.config)


@ft.partial(jax.jit, static_argnums=(2, 3))
def _logits(
    params: decoder.Parameters,
    tokens: Array,
    architecture: decoder.Architecture,
    config: Any,
) -> Array:
    assignment = jnp.zeros(config.n_layers + 1, jnp.int32)
    return decoder.logits(architecture, config, (params,), assignment, tokens)


def _check_token_numbers(
    tokenizer: tokenizers.Tokenizer, size: int, directory: pathlib.Path
) -> None:
    highest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if highest >= size:
        raise ValueError(
            f"{directory}: the tokenizer has token numbers up to {highest}, but the "
            f"embedding has {size} rows; the two belong to different models"
        )


def _training_bytes(directory: pathlib.Path) -> dict[str, int]:
    path = directory / "training.json"
    if not path.is_file():
        return {}
    return checkpoint.read_json(path).get("training_bytes", {})


def digest(paths: list[pathlib.Path]) -> str:
    """Returns the SHA-256 of files, one after another, as one hexadecimal word.

    Args:
        paths: the files, in the order in which they count.

    Reference: FIPS 180-4.
    """
    found = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: found)  # goes on with what it has
    return found.hexdigest()


def count_parameters(model: Model) -> int:
    """Counts the numbers in a model.

    Args:
        model: an open model.

    Reference: our own definition.
    """
    return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(model.params))


def full_weight(model: Model, path: decoder.Path) -> Float[Array, "..."]:
    """Returns a parameter as float32, however it is held.

    Args:
        model: an open model.
        path: of the parameter.

    Reference: our own definition.
    """
    return decoder.leaf(model.params, path).astype(jnp.float32)
