"""Run directories: begun, resumed after a kill, finished, never half-written."""

import dataclasses
import datetime
import importlib.metadata
import json
import pathlib
import platform
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import jaxdisp
from jaxdisp.models.checkpoint import read_json, replace
from jaxdisp.search import hosts, store

SCHEMA_VERSION = 2
UNFINISHED = "unfinished"
PART = ".part"
"""What a file's name ends with until it is whole."""
REGISTRATION = "registration.json"
STORE = "store"
"""What the names of stores, and of the files that SQLite keeps beside them, hold."""
PACKAGES = (
    "jax",
    "jaxlib",
    "numpy",
    "scipy",
    "tokenizers",
    "safetensors",
    "matplotlib",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """A run under way: its directory, what determines it, and when it began."""

    directory: pathlib.Path
    config: dict[str, Any]
    began: float


def begin(
    directory: pathlib.Path,
    config: dict[str, Any],
    *,
    overwrite: bool,
    resume: bool = False,
) -> Run:
    """Begins a run, or goes on with an unfinished one of the same configuration.

    Args:
        directory: where the run will be kept.
        config: everything that determines the results.
        overwrite: whether a run that is there may be replaced.
        resume: whether a run that is there may be replaced but for its store, whatever
            its configuration: cells are known by what they are, so none is mixed up.

    Raises:
        ValueError: if the directory holds something else, a run that may not be
            replaced, or a store to keep that is damaged or of another version.

    Reference: our own definition.
    """
    registered = config.get("registered") is not None
    if (directory / REGISTRATION).exists() and not registered:
        raise ValueError(
            f"{directory}: holds a registration; pass --registered, or choose another "
            "--output"
        )
    if directory.exists() and not _holds_nothing(directory):
        _clear(directory, config, overwrite=overwrite, resume=resume)
    (directory / UNFINISHED).mkdir(parents=True, exist_ok=True)
    write_json(directory / "config.json", config)
    return Run(directory=directory, config=config, began=time.monotonic())


def begin_together(
    directory: pathlib.Path,
    config: dict[str, Any],
    *,
    overwrite: bool,
    resume: bool = False,
) -> Run:
    """Begins a run that all processes of a search share; the first of them does it.

    Args and Raises: as `begin`.

    Reference: our own definition.
    """
    if overwrite and resume:
        raise ValueError("--overwrite and --resume contradict each other; give one")
    number, total = hosts.place()
    began = Run(directory=directory, config=config, began=time.monotonic())
    if number == 0:
        began = begin(directory, config, overwrite=overwrite, resume=resume)
    if total > 1:
        hosts.wait("begun")
        directory.mkdir(parents=True, exist_ok=True)
    return began


def _holds_nothing(directory: pathlib.Path) -> bool:
    """Says so, too, of a run that was killed before its settings were written."""
    return directory.is_dir() and all(
        path.name in ("config.json.part", REGISTRATION)
        or (path.name == UNFINISHED and path.is_dir() and not any(path.iterdir()))
        for path in directory.iterdir()
    )


def _clear(
    directory: pathlib.Path, config: dict[str, Any], *, overwrite: bool, resume: bool
) -> None:
    recorded = directory / "config.json"
    found = read_json(recorded) if recorded.is_file() else {}
    if "command" not in found:
        raise ValueError(
            f"{directory}: exists and is not a run of jaxdisp; choose another --output"
        )
    unfinished = (directory / UNFINISHED).is_dir()
    if unfinished and found == json.loads(json.dumps(config)):
        _check_stores(directory)
        return
    if (directory / REGISTRATION).exists():
        raise ValueError(
            f"{directory}: holds a run of its registration, which is made once; "
            "register anew in another --output"
        )
    if overwrite:
        shutil.rmtree(directory)
        return
    if not resume:
        what = "an unfinished run with other settings" if unfinished else "a run"
        raise ValueError(
            f"{directory}: holds {what}; choose another --output, or pass --overwrite"
        )
    _check_stores(directory)
    _drop_all_but_stores(directory)


def _drop_all_but_stores(directory: pathlib.Path) -> None:
    for path in directory.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif STORE not in path.name:
            path.unlink()


def _check_stores(directory: pathlib.Path) -> None:
    for path in sorted(directory.glob(f"{STORE}*.sqlite")):
        store.close(store.open_store(path))


def has(run: Run, name: str) -> bool:
    """Says whether an unfinished run has kept an array already.

    Args:
        run: the run.
        name: of the array.

    Reference: our own definition.
    """
    return (run.directory / UNFINISHED / f"{name}.npy").is_file()


def keep(run: Run | None, name: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
    """Returns an array that the run has already, or computes it and keeps it.

    Args:
        run: the run; None keeps nothing.
        name: of the array.
        compute: gives the array.

    Reference: our own definition.
    """
    if run is None:
        return compute()
    path = run.directory / UNFINISHED / f"{name}.npy"
    if path.is_file():
        return np.load(path, allow_pickle=False)
    array = compute()
    fresh = path.with_suffix(".part")
    with fresh.open("wb") as file:
        np.save(file, array, allow_pickle=False)
    fresh.rename(path)
    return array


def keep_object(
    run: Run | None, name: str, compute: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Returns an object that the run has already, or computes it and keeps it.

    Definition: as `keep`, but of JSON, its numbers as `rounded` leaves them, so that a
    resumed run has the bytes of one that was not interrupted.

    Args:
        run: the run; None keeps nothing.
        name: of the object.
        compute: gives the object.

    Reference: our own definition.
    """
    if run is None:
        return rounded(compute())
    path = run.directory / UNFINISHED / f"{name}.json"
    if not path.is_file():
        write_json(path, rounded(compute()))
    return read_json(path)


def finish(
    run: Run,
    results: dict[str, Any],
    files: dict[str, bytes],
    environment: dict[str, Any],
) -> None:
    """Writes the results of a run and drops what was kept for resuming.

    Args:
        run: the run.
        results: content of `results.json`.
        files: further files by their path in the directory.
        environment: as from `environment`.

    Reference: our own definition.
    """
    write_files(run.directory, files)
    write_json(run.directory / "environment.json", environment)
    write_json(run.directory / "results.json", results)
    shutil.rmtree(run.directory / UNFINISHED)


def write_files(directory: pathlib.Path, files: dict[str, bytes]) -> None:
    """Writes files into a run directory, each whole or not at all.

    Args:
        directory: of the run.
        files: content by path in the directory.

    Raises:
        OSError: if one cannot be written.

    Reference: our own definition.
    """
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        replace(path, content)


def environment(run: Run, hashes: dict[str, str]) -> dict[str, Any]:
    """Describes where and how a run was made: all that may differ between machines.

    Args:
        run: the run.
        hashes: SHA-256 of weights, tokenizer and corpus.

    Reference: our own definition.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "arguments": sys.argv[1:],
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "wall_seconds": round(time.monotonic() - run.began, 1),
        "seed": run.config.get("seed"),
        "dtype": run.config.get("dtype"),
        "hashes": hashes,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "devices": [device.device_kind for device in jax.devices()],
        "backend": jax.default_backend(),
        "packages": {"jaxdisp": jaxdisp.__version__}
        | {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def write_json(path: pathlib.Path, content: dict[str, Any]) -> None:
    """Writes a JSON object, refusing NaN, which JSON does not have.

    Args:
        path: the file.
        content: the object.

    Raises:
        ValueError: if a number is NaN or infinite.

    Reference: our own definition.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    replace(path, (text + "\n").encode())


def rounded(content: Any) -> Any:
    """Rounds every float to six digits, and turns NaN and infinity into None.

    Six digits are what float32 sums repeat; more would differ between machines.

    Args:
        content: nested dicts, lists and numbers, NumPy's and JAX's included.

    Reference: our own definition.
    """
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [rounded(value) for value in content]
    if isinstance(content, np.ndarray | jax.Array):
        return rounded(np.asarray(content).tolist())
    if isinstance(content, np.generic):
        return rounded(content.item())
    if isinstance(content, float):
        return float(f"{content:.6g}") if np.isfinite(content) else None
    return content
