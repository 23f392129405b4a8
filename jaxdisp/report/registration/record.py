"""Registrations: a plan with its time and digest, beside the run that it is for."""

import dataclasses
import datetime
import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import jaxdisp
from jaxdisp.models.checkpoint import read_json
from jaxdisp.report import runs
from jaxdisp.report.registration.plan import Registered

Row = dict[str, Any]


def content(plan: Registered) -> Row:
    """Writes a plan as an object of JSON, as a registration has it.

    Args:
        plan: what is asked.

    Reference: our own definition.
    """
    return json.loads(json.dumps(dataclasses.asdict(plan)))


def freeze(
    plan: Registered, options: Mapping[str, Any], hashes: Mapping[str, str]
) -> Row:
    """Writes a plan as a registration, with its time and its digest.

    Definition: `sha256` is the SHA-256 of the JSON of everything else, keys sorted.

    Args:
        plan: what is asked.
        options: all options of the run, those of the plan and the others' defaults.
        hashes: SHA-256 of weights, tokenizer and corpus.

    Reference: our own definition.
    """
    record = {
        "schema_version": runs.SCHEMA_VERSION,
        "jaxdisp": jaxdisp.__version__,
        "registered": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "plan": content(plan),
        "options": dict(options),
        "hashes": dict(hashes),
    }
    record = json.loads(json.dumps(record))
    return record | {"sha256": digest(record)}


def digest(record: Mapping[str, Any]) -> str:
    """Computes the SHA-256 of a registration without its own digest.

    Args:
        record: as from `freeze`.

    Reference: FIPS 180-4.
    """
    content = {name: record[name] for name in record if name != "sha256"}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write(directory: pathlib.Path, record: Row) -> None:
    """Writes a registration into a run directory that holds nothing yet.

    Args:
        directory: the run's; made if it is not there.
        record: as from `freeze`.

    Raises:
        ValueError: if the directory holds a registration, a run or anything else.
        OSError: if it cannot be written.

    Reference: our own definition.
    """
    if (directory / runs.REGISTRATION).exists():
        raise ValueError(
            f"{directory}: holds a registration; register in another --output"
        )
    if directory.exists() and any(directory.iterdir()):
        raise ValueError(
            f"{directory}: is not empty; a registration comes before its run, so "
            "choose another --output"
        )
    directory.mkdir(parents=True, exist_ok=True)
    runs.write_json(directory / runs.REGISTRATION, record)


def read(directory: pathlib.Path) -> Row:
    """Reads the registration of a run directory, and checks that it is unchanged.

    Args:
        directory: the run's.

    Raises:
        ValueError: if there is none, or it was changed after it was made, or is not the
            one that the run was made by.

    Reference: our own definition.
    """
    path = directory / runs.REGISTRATION
    if not path.is_file():
        raise ValueError(
            f"{directory}: holds no registration; first jaxdisp register PLAN "
            f"--output {directory}"
        )
    record = read_json(path)
    if record.get("sha256") != digest(record):
        raise ValueError(
            f"{path}: was changed after it was registered (its digest differs); "
            "restore it, or register anew in another --output"
        )
    done = directory / "results.json"
    if done.is_file():
        used = read_json(done).get("registration")
        if used is None:
            raise ValueError(f"{directory}: its run was not made by a registration")
        if used["sha256"] != record["sha256"]:
            raise ValueError(
                f"{path}: is not the registration that the run was made by, "
                f"{used['sha256'][:12]}; it was changed after the run"
            )
    return record
