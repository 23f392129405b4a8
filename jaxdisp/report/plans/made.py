"""Plans made of finished runs: the recommended set, or layers that are named."""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

from jaxdisp.report import recorded, runs, settings
from jaxdisp.report.parts import part
from jaxdisp.report.plans import plan as plans
from jaxdisp.report.plans import predicted
from jaxdisp.search import lattice

Advance = Callable[[int], object]
NO_LAYERS = "none"
OPENED = ("weights", "tokenizer", "corpus")
"""What must be as it was when the run was made, by its digest."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Named:
    """A plan of layers that are named, and what it is measured with."""

    plan: plans.Plan
    inputs: settings.Inputs
    how: predicted.How


def recommended(directory: pathlib.Path) -> dict[str, Any]:
    """Returns the plan that a run recommends.

    Args:
        directory: of a finished run or search.

    Raises:
        ValueError: if it is none, or led to no plan.

    Returns:
        The content of its `plan.json`.

    Reference: our own definition.
    """
    found = part(recorded.open_run(directory).found, "plan")
    if found is None:
        raise ValueError(
            f"{directory}: searched no sets of layers, or none has a rank, so that it "
            "recommends none; name them with --layers"
        )
    return found


def open_named(directory: pathlib.Path, layers: str) -> Named:
    """Opens the model and the text of a run, and makes a plan of layers by hand.

    Args:
        directory: of a finished run.
        layers: to keep in full precision, such as `0,9,11`; `none` for none. The others
            are in the quantizer of the run.

    Raises:
        ValueError: if it is no run, its model or text is not as it was, or the model
            has no such layers.

    Reference: our own definition.
    """
    config = recorded.open_run(directory).config
    wanted = dataclasses.replace(
        settings.recalled(config),
        command="measure",
        layer_limit=0,
        set_limit=0,
        clip_limit=0,
        search=None,
        hypotheses=None,
        causes=None,
        claims=None,
    )
    inputs = settings.open_inputs(wanted)
    now = settings.hashes(inputs)
    for name in OPENED:
        if now[name] != config["hashes"][name]:
            raise ValueError(
                f"{directory}: its {name} has changed since it was made; make the run "
                "again"
            )
    target = plans.target(inputs.model, wanted.revision)
    kept = () if layers == NO_LAYERS else _only(layers, target.n_layers)
    plan = plans.Plan(
        model=target,
        quantizers=(wanted.quantizer,),
        assignment=tuple(int(n not in kept) for n in range(target.n_layers)),
        outside=1,
    )
    how = predicted.How(chosen=inputs.chosen, seed=wanted.seed, stride=wanted.stride)
    return Named(plan=plan, inputs=inputs, how=how)


def _only(layers: str, n_layers: int) -> tuple[int, ...]:
    if ";" in layers:
        raise ValueError(f"--layers {layers}: must be one set, such as 0,9,11")
    return lattice.parse_sets(layers, n_layers)[0]


def work(named: Named) -> int:
    """Counts the sentences that `measured` evaluates.

    Args:
        named: opened.

    Reference: our own definition.
    """
    corpus = named.inputs.corpus
    rows = {tuple(row) for row in predicted.sites(named.plan).tolist()}
    return len(rows) * corpus.n_sentences * len(corpus.languages)


def measured(named: Named, advance: Advance = int) -> dict[str, Any]:
    """Measures what the plan costs each language, on the text of the run.

    Args:
        named: opened.
        advance: called with the number of sentences done since the last call.

    Raises:
        FloatingPointError: if a loss is not finite.

    Returns:
        The content of `plan.json`.

    Reference: our own definition.
    """
    found = predicted.predict(
        named.inputs.model, named.inputs.corpus, named.plan, named.how, advance
    )
    whole = dataclasses.replace(named.plan, predicted=found)
    return runs.rounded(plans.content(whole))
