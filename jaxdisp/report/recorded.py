"""Finished runs, opened with everything checked."""

import dataclasses
import pathlib
from typing import Any

from jaxdisp.models.checkpoint import read_json
from jaxdisp.report import runs

CONFIG, RESULTS, ENVIRONMENT = "config.json", "results.json", "environment.json"
DESCRIBED = (
    "model",
    "quantizer",
    "quantizer_in_words",
    "seed",
    "dtype",
    "corpus",
    "measured_languages",
    "hashes",
    "n_sentences",
    "n_groups",
    "windows",
)
"""What every run of a model says of itself."""
WITHOUT_MODEL = {"law", "data", "compared"}
"""What results of a law, of a table of the user's and of a comparison have."""
PARTS = (
    ("degradation", "disparity"),
    ("degradation", "sentence_losses"),
    ("disparity", "degradation"),
    ("sentence_losses", "degradation"),
    ("layer_sentences", "layers"),
    ("matrices", "effective_kurtosis"),
)
"""Tables of results, each before one without which it cannot be shown."""
LOSSES = ("languages", "lines", "groups", "n_tokens", "n_bytes", "full", "quantized")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recorded:
    """A finished run: its directory, its settings, its results, how it was made."""

    directory: pathlib.Path
    config: dict[str, Any]
    found: dict[str, Any]
    environment: dict[str, Any]


def open_run(directory: pathlib.Path) -> Recorded:
    """Opens a finished run.

    Args:
        directory: of the run.

    Raises:
        ValueError: if it is no run, is not finished, is of another version, or
            something in it is missing or damaged; the message says which.

    Reference: our own definition.
    """
    config = _config(directory)
    _check_finished(directory, config)
    found = _read(directory, RESULTS)
    _check_version(directory, found)
    environment = _read(directory, ENVIRONMENT)
    if not isinstance(environment.get("arguments"), list):
        raise ValueError(f"{directory / ENVIRONMENT}: lacks arguments; copy it again")
    if found.get("command") != config["command"]:
        raise ValueError(
            f"{directory}: results.json is of {found.get('command')}, config.json of "
            f"{config['command']}; they are not of one run"
        )
    _check_parts(directory, found)
    return Recorded(
        directory=directory, config=config, found=found, environment=environment
    )


def _config(directory: pathlib.Path) -> dict[str, Any]:
    if not directory.exists():
        raise ValueError(f"{directory}: no such directory; name that of a run")
    if not directory.is_dir():
        raise ValueError(f"{directory}: is a file; name the directory of a run")
    if not (directory / CONFIG).is_file():
        if (directory / runs.REGISTRATION).is_file():
            raise ValueError(
                f"{directory}: holds a registration and no run yet; jaxdisp run "
                f"--registered --output {directory} makes it"
            )
        if (directory / RESULTS).is_file():
            raise ValueError(f"{directory}: lacks {CONFIG}; copy the run again")
        raise ValueError(
            f"{directory}: is not a run of jaxdisp (it has no {CONFIG}); name a "
            "directory that was given as --output"
        )
    config = _read(directory, CONFIG)
    if not isinstance(config.get("command"), str):
        raise ValueError(
            f"{directory}: is not a run of jaxdisp ({CONFIG} names no command); name a "
            "directory that was given as --output"
        )
    return config


def _check_finished(directory: pathlib.Path, config: dict[str, Any]) -> None:
    unfinished = (directory / runs.UNFINISHED).exists()
    if unfinished:
        raise ValueError(
            f"{directory}: an unfinished run of jaxdisp {config['command']}; the same "
            "command resumes it (shards of a search are joined by jaxdisp merge)"
        )
    for name in (RESULTS, ENVIRONMENT):
        if not (directory / name).is_file():
            raise ValueError(f"{directory}: lacks {name}; copy the run again")


def _read(directory: pathlib.Path, name: str) -> dict[str, Any]:
    try:
        return read_json(directory / name)
    except OSError as error:
        raise ValueError(f"{directory / name}: {error.strerror}") from error


def _check_version(directory: pathlib.Path, found: dict[str, Any]) -> None:
    version = found.get("schema_version")
    if version == runs.SCHEMA_VERSION:
        return
    if not isinstance(version, int):
        raise ValueError(
            f"{directory / RESULTS}: names no schema_version; copy it again"
        )
    raise ValueError(
        f"{directory}: was made in version {version} of the results, and this jaxdisp "
        f"reads version {runs.SCHEMA_VERSION}; make the run again, or use the jaxdisp "
        "that made it"
    )


def _check_parts(directory: pathlib.Path, found: dict[str, Any]) -> None:
    path = directory / RESULTS
    needed = () if WITHOUT_MODEL & found.keys() else DESCRIBED
    if missing := [name for name in needed if name not in found]:
        raise ValueError(f"{path}: lacks {', '.join(missing)}; make the run again")
    for name, other in PARTS:
        if name in found and other not in found:
            raise ValueError(
                f"{path}: {name} is there without {other}, which reports need; make "
                "the run again"
            )
    for name in ("degradation", "layers"):
        if not isinstance(found.get(name, []), list):
            raise ValueError(f"{path}: {name} is no table; copy it again")
    if "sentence_losses" in found:
        _check_losses(path, found["sentence_losses"])


def _check_losses(path: pathlib.Path, losses: Any) -> None:
    """Raises unless there is a loss of every sentence in every language."""
    kept = losses if isinstance(losses, dict) else {}
    if missing := [name for name in LOSSES if name not in kept]:
        raise ValueError(
            f"{path}: sentence_losses lacks {', '.join(missing)}; make the run again"
        )
    shape = (len(kept["languages"]), len(kept["lines"]))
    if len(kept["groups"]) != shape[1]:
        raise ValueError(f"{path}: sentence_losses: groups and lines differ in number")
    for name in LOSSES[3:]:
        rows = kept[name]
        if len(rows) != shape[0] or any(len(row) != shape[1] for row in rows):
            raise ValueError(
                f"{path}: sentence_losses: {name} must have {shape[0]} languages with "
                f"{shape[1]} sentences each; copy it again"
            )
