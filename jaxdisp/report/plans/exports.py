"""Exports: the recipes that toolkits read, made of a plan."""

import dataclasses
from collections.abc import Sequence

from jaxdisp.models.quantized import Quantizer
from jaxdisp.report.plans import (
    auto_round,
    gptqmodel,
    llama_cpp,
    llm_compressor,
    qwix,
    skeleton,
    spelled,
    toolkit,
    transformers_config,
)
from jaxdisp.report.plans import plan as plans

TOOLKITS: dict[str, toolkit.Toolkit] = {
    "qwix": qwix.TOOLKIT,
    "llm-compressor": llm_compressor.TOOLKIT,
    "gptqmodel": gptqmodel.TOOLKIT,
    "auto-round": auto_round.TOOLKIT,
    "llama.cpp": llama_cpp.TOOLKIT,
    "transformers": transformers_config.TOOLKIT,
}
"""By name, as `--to` and `--from` have it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exported:
    """A recipe, and what it cannot say of the plan."""

    text: str
    remarks: tuple[str, ...]


def find(name: str) -> toolkit.Toolkit:
    """Finds a toolkit.

    Args:
        name: of it.

    Raises:
        ValueError: if there is none of that name.

    Reference: our own definition.
    """
    if name not in TOOLKITS:
        raise ValueError(
            f"toolkit {name!r} is not known; allowed: {', '.join(TOOLKITS)}"
        )
    return TOOLKITS[name]


def export(plan: plans.Plan, model: skeleton.Skeleton, name: str) -> Exported:
    """Writes a plan as the recipe of a toolkit.

    Definition: every module that the plan rounds gets the nearest quantizer that the
    toolkit has; all others are kept. Whatever differs is a remark.

    Args:
        plan: for the model.
        model: its skeleton.
        name: of the toolkit.

    Raises:
        ValueError: if the plan is for another model, or the toolkit cannot say it.

    Reference: our own definition.
    """
    tool = find(name)
    unchecked = skeleton.check(plan, model)
    found = spelled.spelled(plan, model)
    sayable, remarks = _sayable(found, tool, name)
    used = [each for each in dict.fromkeys(sayable.values()) if each is not None]
    if not used:
        raise ValueError(
            f"there is nothing to say to {name}: the plan keeps in full precision "
            "every module that it rounds"
        )
    nearby = nearest(name, used)
    for each in used:
        remarks += toolkit.differences(each, nearby[each], name)
    task = toolkit.Task(
        model=model.name,
        architecture=model.architecture.name,
        modules=found.modules,
        rounding={
            module: None if each is None else plainly(nearby[each])
            for module, each in sayable.items()
        },
        remarks=(),
    )
    remarks += [*tool.notes(task), *unchecked]
    told = tuple(dict.fromkeys(remarks))
    text = tool.write(dataclasses.replace(task, remarks=told))
    return Exported(text=text, remarks=told)


def plainly(quantizer: Quantizer) -> Quantizer:
    """Returns a quantizer without the kinds of weights that it includes.

    Args:
        quantizer: the quantizer.

    Reference: our own definition.
    """
    return dataclasses.replace(quantizer, include=("matrices",))


def nearest(name: str, used: Sequence[Quantizer]) -> dict[Quantizer, Quantizer]:
    """Returns what a toolkit has for each of several quantizers.

    Args:
        name: of the toolkit.
        used: the quantizers that modules are rounded by.

    Raises:
        ValueError: if the toolkit is not known, or has nothing of a word length.

    Reference: our own definition.
    """
    if name == "transformers":  # where the method follows from all of them
        return transformers_config.settled(used)
    return {each: find(name).nearest(each) for each in used}


def _sayable(
    found: spelled.Spelled, tool: toolkit.Toolkit, name: str
) -> tuple[dict[str, Quantizer | None], list[str]]:
    remarks = []
    if found.beyond:
        remarks.append(
            f"no toolkit rounds gains, convolutions and the like, of which the plan "
            f"rounds {len(found.beyond)}, such as {found.beyond[0]}"
        )
    sayable = dict(found.rounding)
    left = [
        each
        for each, quantizer in sayable.items()
        if quantizer is not None and not _takes(each, found, tool)
    ]
    if left:
        remarks.append(
            f"{name} does not round {', '.join(left)}, which the plan does: kept in "
            "full precision"
        )
    sayable |= dict.fromkeys(left)
    return sayable, remarks


def _takes(name: str, found: spelled.Spelled, tool: toolkit.Toolkit) -> bool:
    module = found.modules[name]
    embedding = module if module.tied_to is None else found.modules[module.tied_to]
    return module.kind in tool.kinds and embedding.kind in tool.kinds
