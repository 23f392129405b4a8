"""Merging: the shards of a search become one run, and nothing is evaluated again."""

import contextlib
import json
import pathlib
from collections.abc import Sequence
from typing import Any

from jaxdisp.models.checkpoint import read_json
from jaxdisp.report import jobs, runs, searching, settings
from jaxdisp.search import merging, plan, store, sweep


def open_merged(
    shards: Sequence[pathlib.Path], output: pathlib.Path, *, overwrite: bool
) -> tuple[settings.Settings, settings.Inputs, runs.Run]:
    """Opens what the shards searched and joins their stores.

    Args:
        shards: run directories of the shards.
        output: run directory of the whole.
        overwrite: whether a run that is there may be replaced.

    Raises:
        ValueError: if one is no shard of a search, they are of different searches or
            not all of one, they contradict one another, or model or text have changed
            since; nothing has been written then.
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
    if inputs.searched is None or inputs.searched.search.guided is not None:
        raise ValueError(
            f"{shards[0]}: was searched with --guided, which has no shards"
        )
    with contextlib.ExitStack() as stack:
        together = stack.enter_context(searching.opened(None))
        _join(together, shards, searching.planned(inputs.searched))
        run = runs.begin(output, configuration, overwrite=overwrite)
        merging.merge(stack.enter_context(searching.opened(output)), [together])
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
        ValueError: if the store is damaged.

    Reference: our own definition.
    """
    return jobs.execute(wanted, inputs, run, evaluate=False)


def _join(
    together: store.Store, shards: Sequence[pathlib.Path], made: plan.Plan
) -> None:
    """Merges the stores of shards, which must hold all cells of a plan."""
    with contextlib.ExitStack() as stack:
        sources = []
        for shard in shards:
            if not (shard / searching.STORE).is_file():
                raise ValueError(
                    f"{shard}: has not begun; it holds no {searching.STORE}"
                )
            sources.append(stack.enter_context(searching.opened(shard)))
        merging.merge(together, [each for each in sources if _begun(each)])
        identity = store.identity(**sweep.identity(made))
        counts = [store.count(source, identity) for source in sources]
    losses = sweep.table(made, together)
    if missing := made.n_cells - searching.count_cells(made, losses):
        held = ", ".join(
            f"{count} in {shard}" for shard, count in zip(shards, counts, strict=True)
        )
        raise ValueError(
            f"{missing} of {made.n_cells} cells are missing ({held}): a shard was left "
            "out or has not finished"
        )


def _begun(source: store.Store) -> bool:
    """Says whether a store holds more than a process killed at once has left."""
    with store.access(source) as connection:
        return bool(store.numbers(connection, "identities"))


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
    try:
        return settings.recalled(recorded[0]), recorded[0]
    except ValueError as error:
        raise ValueError(f"{shards[0]}: its {error}") from error
