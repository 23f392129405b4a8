"""The causal model of a table that a user has."""

import dataclasses
import hashlib
import pathlib
from typing import Any

import jax

from jaxdisp.causal.units import Units, read_units
from jaxdisp.report import files, runs
from jaxdisp.report.causes import analysis
from jaxdisp.report.causes.analysis import Choices


def open_units(path: str, choices: Choices, seed: int) -> Units:
    """Reads units and checks that choices fit them.

    Args:
        path: of a table.
        choices: of the model and the sampler.
        seed: of everything random.

    Raises:
        ValueError: if anything a user gave is wrong.

    Reference: our own definition.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be between 0 and 2^32 - 1, got {seed}")
    units = read_units(path)
    try:
        analysis.check(units, choices)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return units


def configuration(
    path: str, units: Units, choices: Choices, seed: int
) -> dict[str, Any]:
    """Returns the content of `config.json`.

    Args:
        path: of the table.
        units: read from it.
        choices: of the model and the sampler.
        seed: of everything random.

    Reference: our own definition.
    """
    settings = {"command": "causal", "data": path, "seed": seed}
    named = {"covariates": list(units.covariates), "hashes": hashes(path)}
    return settings | dataclasses.asdict(choices) | named


def hashes(path: str) -> dict[str, str]:
    """Returns the SHA-256 digest of a table.

    Args:
        path: of the table.

    Reference: FIPS 180-4.
    """
    return {"data": hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()}


def results(
    path: str, units: Units, choices: Choices, seed: int, run: runs.Run | None
) -> dict[str, Any]:
    """Fits the model, and writes the run if there is one.

    Args:
        path: of the table.
        units: read from it.
        choices: of the model and the sampler.
        seed: of everything random.
        run: where results are kept; None writes nothing.

    Returns:
        The content of `results.json`.

    Reference: our own definition.
    """
    content, _ = analysis.analyse(units, choices, jax.random.key(seed))
    about = {
        "schema_version": runs.SCHEMA_VERSION,
        "command": "causal",
        "data": path,
        "seed": seed,
    }
    found = runs.rounded(about | content)
    if run is not None:
        environment = runs.environment(run, hashes(path))
        runs.finish(run, found, files.written(found, environment), environment)
    return found
