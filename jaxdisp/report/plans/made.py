"""Plans made of finished runs: the recommended set, or layers that are named."""

import dataclasses
import pathlib
from typing import Any

from jaxdisp.report import recorded, settings
from jaxdisp.report.parts import part
from jaxdisp.report.plans import measured, predicted
from jaxdisp.report.plans import plan as plans
from jaxdisp.search import lattice

NO_LAYERS = "none"
OPENED = ("weights", "tokenizer", "corpus")
"""What must be as it was when the run was made, by its digest."""


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


def open_named(directory: pathlib.Path, layers: str) -> measured.Opened:
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
    return measured.Opened(plan=plan, model=inputs.model, corpus=inputs.corpus, how=how)


def _only(layers: str, n_layers: int) -> tuple[int, ...]:
    if ";" in layers:
        raise ValueError(f"--layers {layers}: must be one set, such as 0,9,11")
    return lattice.parse_sets(layers, n_layers)[0]
