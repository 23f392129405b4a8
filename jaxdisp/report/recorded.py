"""Finished runs: opened with everything checked, and drawn again."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

import jinja2

from jaxdisp.models.checkpoint import read_json
from jaxdisp.report import files, runs

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


def redrawn(run: Recorded) -> dict[str, bytes]:
    """Writes every table, figure and page of a run from its stored results.

    Args:
        run: as from `open_run`.

    Returns:
        Content by path in the run directory.

    Raises:
        ValueError: if results lack something or hold something of another kind.

    Reference: our own definition.
    """
    with _as_damage(run.directory):
        return files.written(run.found, run.environment)


def replace_all(directory: pathlib.Path, content: dict[str, bytes]) -> None:
    """Writes files into a run directory, all of them or none.

    Definition: all are written beside the old ones first, and moved when that has
    succeeded, so that a full disk changes nothing.

    Args:
        directory: of the run.
        content: by path in the directory.

    Raises:
        OSError: if one cannot be written; nothing has changed then.

    Reference: our own definition.
    """
    fresh = {
        directory / name: directory / f"{name}{runs.PART}" for name in sorted(content)
    }
    try:
        for (path, part), name in zip(fresh.items(), sorted(content), strict=True):
            path.parent.mkdir(exist_ok=True)
            part.write_bytes(content[name])
            if path.is_dir():
                raise IsADirectoryError(f"{path}: is a directory, not a file of a run")
    except OSError:
        for part in fresh.values():
            with contextlib.suppress(OSError):
                part.unlink()
        raise
    for path, part in fresh.items():
        part.rename(path)


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


@contextlib.contextmanager
def _as_damage(directory: pathlib.Path) -> Iterator[None]:
    """Says of what results lack or hold amiss that they are damaged."""
    try:
        yield
    except KeyError as error:
        raise ValueError(
            f"{directory / RESULTS}: lacks {error}, which reports need; make the run "
            "again"
        ) from error
    except (
        AttributeError,
        IndexError,
        TypeError,
        ValueError,
        jinja2.TemplateError,
    ) as error:
        raise ValueError(
            f"{directory / RESULTS}: is damaged ({error}); copy it again"
        ) from error
