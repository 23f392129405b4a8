"""What `search` and `merge` do: plan, evaluate through the store, and explain."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import disparity
from jaxdisp.measure.degradation import losses_added
from jaxdisp.measure.disparity import Contrast
from jaxdisp.models import storage
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer, check_quantizer
from jaxdisp.report import (
    search_certificates,
    search_explained,
    search_guided,
    search_lattice,
    search_results,
)
from jaxdisp.report.search_lattice import Lattice, Search
from jaxdisp.search import (
    hosts,
    lattice,
    memory,
    plan,
    store,
    sweep,
    trie,
)

STORE = "store.sqlite"
Advance = Callable[[int], object]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Means:
    """How a search is carried out, which its results do not depend on.

    `memory` is an amount such as `4GiB`; `shard` is `i/n`; `hosts` says how processes
    find one another (`hosts.join`).
    """

    memory: str | None = None
    shard: str | None = None
    hosts: str | None = None


def begin(means: Means) -> None:
    """Joins other processes, if there are any; before anything is computed.

    Args:
        means: of the search.

    Raises:
        ValueError: if they cannot be reached, or shards are asked for besides.

    Reference: our own definition.
    """
    if means.hosts is None:
        return
    if means.shard is not None:
        raise ValueError("--hosts divides the work itself; leave out --shard")
    hosts.join(means.hosts)


def first() -> bool:
    """Says whether this is the process that shows and writes results.

    Reference: our own definition.
    """
    return hosts.place()[0] == 0


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Inputs:
    """Everything a search needs, opened and checked."""

    model: Model
    corpus: corpora.Corpus
    quantizer: Quantizer
    search: Search
    chosen: Contrast | None
    seed: int
    lattice: Lattice
    shard: tuple[int, int]
    limit: int | None
    stride: int | None


def check(
    model: Model,
    corpus: corpora.Corpus,
    quantizer: Quantizer,
    search: Search,
    means: Means,
    *,
    chosen: Contrast | None,
    seed: int,
    stride: int | None = None,
) -> Inputs:
    """Checks a search against its model before any work is done.

    Args:
        model: an open model.
        corpus: the sentences to measure.
        quantizer: of version 1, but for its word length.
        search: which sets, and what for.
        means: how.
        chosen: which languages are compared.
        seed: of the resampling.
        stride: of the windows of sentences longer than the context, in tokens; None is
            half of the context.

    Raises:
        ValueError: if anything a user gave is wrong.

    Reference: our own definition.
    """
    objective = search_lattice.objective_name(search.objective)
    shard = parse_shard(means.shard)
    search_guided.check(search)
    if search.guided is not None and shard[1] > 1:
        raise ValueError("--guided chooses sets as it goes: leave out --shard")
    search_results.check_objective(objective, chosen)
    made = search_lattice.quantizers(quantizer, search.bits)
    for each in made:
        check_quantizer(model, each)
    found = Inputs(
        model=model,
        corpus=corpus,
        quantizer=made[0],
        search=dataclasses.replace(search, objective=objective),
        chosen=chosen,
        seed=seed,
        lattice=search_lattice.build(model, made[0], search),
        shard=shard,
        limit=None if means.memory is None else memory.parse(means.memory),
        stride=stride,
    )
    planned(found)  # memory that does not suffice is noticed before anything is written
    return found


def parse_shard(text: str | None) -> tuple[int, int]:
    """Reads `i/n`; None is everything.

    Args:
        text: as typed.

    Raises:
        ValueError: unless `1 <= i <= n` (0 counts as n).

    Reference: our own definition.
    """
    if text is None:
        return 0, 1
    number, slash, total = text.partition("/")
    if not (slash and number.isdecimal() and total.isdecimal()):
        raise ValueError(f"--shard {text}: must be i/n, such as 1/4")
    shard = int(number), int(total)
    if not 0 <= shard[0] <= shard[1] or shard[1] == 0:
        raise ValueError(f"--shard {text}: i must be 1 to n (0 counts as n)")
    return shard


def planned(inputs: Inputs, rows: np.ndarray | None = None) -> plan.Plan:
    """Plans the evaluation of full precision and some assignments.

    Args:
        inputs: of the search.
        rows: versions of the layers; None is all rows of the lattice.

    Raises:
        ValueError: if memory does not suffice.

    Reference: our own definition.
    """
    n_layers = inputs.model.config.n_layers
    full = np.zeros((1, n_layers + 1), int)
    wanted = inputs.lattice.rows if rows is None else rows
    sites = lattice.with_outside(wanted, lattice.QUANTIZED)
    return plan.make(
        inputs.model,
        inputs.corpus,
        np.concatenate([full, sites]),
        search_lattice.quantizers(inputs.quantizer, inputs.search.bits),
        stride=inputs.stride,
        limit=inputs.limit,
    )


def work(made: plan.Plan, guided: int | None = None) -> int:
    """Counts the sentences of all assignments, for a progress bar.

    Args:
        made: the plan.
        guided: sets that are added to it at most.

    Reference: our own definition.
    """
    n_subsets = made.trie.n_subsets + (guided or 0)
    return n_subsets * sum(len(text.places) for text in made.texts)


@contextlib.contextmanager
def opened(directory: pathlib.Path | None) -> Iterator[store.Store]:
    """Opens the store of a run; processes of several hosts have their own.

    Args:
        directory: of the run; None keeps the store in memory.

    Raises:
        ValueError: if it is damaged or of another version.

    Reference: our own definition.
    """
    number = hosts.place()[0]
    name = f"store-{number}.sqlite" if number else STORE
    kept = store.open_store(None if directory is None else directory / name)
    try:
        yield kept
    finally:
        store.close(kept)


def evaluate(
    made: plan.Plan,
    kept: store.Store,
    advance: Advance,
    shard: tuple[int, int] | None = (0, 1),
) -> np.ndarray:
    """Evaluates what the store lacks and returns all losses.

    Args:
        made: the plan.
        kept: the store of the run.
        advance: called with the number of sentences done since the last call.
        shard: `(i, n)` as in `plan.wanted`; processes of several hosts have their own;
            None evaluates nothing.

    Returns:
        Losses by subset and place, NaN in other shards.

    Raises:
        ValueError: if the store is damaged.
        FloatingPointError: if a loss is not finite; what is finished is kept.
        OSError: if the store cannot be written, as when the disk is full.

    Reference: our own definition.
    """
    place = hosts.place()
    if place[1] > 1:
        shard = place
    if shard is not None:
        sweep.fill(made, kept, shard=shard, progress=advance)
    losses = sweep.table(made, kept)
    return hosts.gather(losses) if place[1] > 1 else losses


def count_cells(made: plan.Plan, losses: np.ndarray) -> int:
    """Counts the cells whose losses are there.

    Args:
        made: the plan.
        losses: by subset and place, NaN where they are not.

    Reference: our own definition.
    """
    present = ~np.isnan(losses)
    return sum(int(present[:, text.places[0]].sum()) for text in made.texts)


def explore(
    inputs: Inputs, kept: store.Store, advance: Advance
) -> tuple[Inputs, dict[str, Any]]:
    """Chooses the sets of a guided search by measuring; otherwise changes nothing.

    Args:
        inputs: of the search.
        kept: the store of the run.
        advance: called with the number of sentences done since the last call.

    Raises: as `evaluate`.

    Reference: our own definition.
    """
    if inputs.search.guided is None:
        return inputs, {}

    def measure(rows: np.ndarray) -> np.ndarray:
        made = planned(inputs, rows)
        found = sweep.evaluation(made, evaluate(made, kept, advance))
        return losses_added(found, found.nll[0])[:, 1:]

    weights = disparity.weights_of(inputs.chosen, inputs.corpus.languages)
    built, known = search_guided.explore(
        inputs.model, inputs.quantizer, inputs.search, weights, measure
    )
    return dataclasses.replace(inputs, lattice=built), {"guided": known}


def results(inputs: Inputs, made: plan.Plan, losses: np.ndarray) -> dict[str, Any]:
    """Turns all losses of a search into its results.

    Args:
        inputs: of the search.
        made: its plan.
        losses: by subset and place.

    Raises:
        ValueError: if some are missing.

    Reference: our own definition.
    """
    rows = lattice.with_outside(inputs.lattice.rows, lattice.QUANTIZED)
    versions = search_lattice.quantizers(inputs.quantizer, inputs.search.bits)
    found = search_results.measured(
        inputs.corpus,
        sweep.evaluation(made, losses),
        inputs.lattice,
        chosen=inputs.chosen,
        objective=inputs.search.objective,
        effective_bits=storage.effective_bits(inputs.model, versions, rows),
        seed=inputs.seed,
    )
    content = {
        "search_sentences": inputs.corpus.n_sentences,
        "quantizers": [dataclasses.asdict(each) for each in versions],
        "full_bytes": int(inputs.lattice.n_bytes[search_results.ALL]),
        **evaluations(inputs, made),
    }
    content |= search_results.rows(found)
    content |= search_explained.explained(found)
    return content | {
        "certificates": search_certificates.certificates(
            found, inputs.model, inputs.quantizer
        )
    }


def evaluations(inputs: Inputs, made: plan.Plan) -> dict[str, int]:
    """Counts layer evaluations: of the sets asked for, of all rows, without sharing.

    Args:
        inputs: of the search.
        made: its plan.

    Reference: our own definition.
    """
    asked = lattice.with_outside(
        inputs.lattice.rows[inputs.lattice.asked], lattice.QUANTIZED
    )
    alone = trie.build(asked)
    return {
        "layer_evaluations": trie.layer_evaluations(alone),
        "layer_evaluations_with_references": trie.layer_evaluations(made.trie),
        "layers_without_sharing": alone.n_subsets * alone.depth,
    }


def forecast(inputs: Inputs, made: plan.Plan) -> dict[str, Any]:
    """Says what a search will cost, without evaluating anything but one timed layer.

    Args:
        inputs: of the search.
        made: its plan.

    Reference: our own definition.
    """
    share = float(plan.wanted(made, inputs.shard).mean())
    cost = plan.cost(made)
    return {
        **cost,
        **evaluations(inputs, made),
        "sets": len(inputs.lattice.asked),
        "share": share,
        "minutes": share * sweep.seconds(made) / 60,
        "device": jax.devices()[0].device_kind,
    }
