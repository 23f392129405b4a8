"""Merging: the shards of a search become one run, and nothing is evaluated again."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

from jaxdisp.models.checkpoint import read_json
from jaxdisp.models.quantized import Quantizer
from jaxdisp.report import jobs, runs, searching, settings
from jaxdisp.report.search_lattice import Search


def open_merged(
    shards: Sequence[pathlib.Path], output: pathlib.Path, *, overwrite: bool
) -> tuple[settings.Settings, settings.Inputs, runs.Run]:
    """Opens what the shards searched and joins their stores.

    Args:
        shards: run directories of the shards.
        output: run directory of the whole.
        overwrite: whether a run that is there may be replaced.

    Raises:
        ValueError: if one is no shard of a search, they are of different searches, or
            model or text have changed since.
        OSError: if a store cannot be read or written.

    Reference: our own definition.
    """
    wanted, recorded = _settings(shards)
    inputs = settings.open_inputs(wanted)
    configuration = settings.configuration(wanted, inputs)
    if json.loads(json.dumps(configuration)) != recorded:
        raise ValueError(
            f"{shards[0]}: model or text have changed since it was made; merge where "
            "they are as they were"
        )
    if output.resolve() in [shard.resolve() for shard in shards]:
        raise ValueError(f"{output}: is one of the shards; choose another --output")
    run = runs.begin(output, configuration, overwrite=overwrite)
    searching.merge(shards, output)
    return wanted, inputs, run


def finish(
    wanted: settings.Settings, inputs: settings.Inputs, run: runs.Run
) -> dict[str, Any]:
    """Computes and writes the results of the whole from its store.

    Args:
        wanted: settings of the search.
        inputs: opened.
        run: of the whole.

    Raises:
        ValueError: if a shard is missing or has not finished.

    Reference: our own definition.
    """
    return jobs.execute(wanted, inputs, run, evaluate=False)


def _settings(
    shards: Sequence[pathlib.Path],
) -> tuple[settings.Settings, dict[str, Any]]:
    recorded = []
    for shard in shards:
        path = shard / "config.json"
        found = read_json(path) if path.is_file() else {}
        if found.get("command") != "search":
            raise ValueError(f"{shard}: holds no search; name the shards' directories")
        recorded.append(found)
    for shard, found in zip(shards, recorded, strict=True):
        differing = [key for key in found if found[key] != recorded[0].get(key)]
        if differing:
            raise ValueError(
                f"{shard}: differs from {shards[0]} in {', '.join(differing)}; merge "
                "shards of one search"
            )
    fields = {k: v for k, v in recorded[0].items() if k != "hashes"}
    quantizer, search = fields["quantizer"], fields["search"]
    quantizer["include"] = tuple(quantizer["include"])
    search["bits"] = tuple(search["bits"])
    if fields["languages"] is not None:
        fields["languages"] = tuple(fields["languages"])
    fields |= {"quantizer": Quantizer(**quantizer), "search": Search(**search)}
    return settings.Settings(**fields), read_json(shards[0] / "config.json")
