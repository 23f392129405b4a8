"""Plans spelled out: how every module is rounded, and back to layers."""

import collections
import dataclasses
from collections.abc import Mapping

from jaxdisp.models import decoder
from jaxdisp.models import modules as named
from jaxdisp.models.quantized import Included, Quantizer, is_included
from jaxdisp.report.plans import plan as plans
from jaxdisp.report.plans.skeleton import Module, Skeleton, modules

Rounding = Mapping[str, Quantizer | None]
"""How each module is rounded, by its name; None is full precision."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spelled:
    """A plan in the words of modules.

    `rounding` says how each of `modules` is rounded; `beyond` names modules of other
    kinds that the plan rounds, such as normalizations, which no toolkit does.
    """

    modules: Mapping[str, Module]
    rounding: Rounding
    beyond: tuple[str, ...]


def spelled(plan: plans.Plan, skeleton: Skeleton) -> Spelled:
    """Says of every module how a plan rounds it.

    Definition: as the version of its layer, or of what is outside the layers, or of an
    exception, does it, if that includes it; what shares weights is rounded alike.

    Args:
        plan: for the model.
        skeleton: the model.

    Raises:
        ValueError: if a quantizer names a kind of weights that is not known.

    Reference: our own definition.
    """
    known = modules(skeleton)
    rounding: dict[str, Quantizer | None] = {}
    beyond: list[str] = []
    every = named.modules(skeleton.architecture, skeleton.config)
    for name, tensors in every.items():
        for tensor, layer in tensors:
            quantizer = _quantizer(plan, skeleton, name, (tensor, layer))
            if name in known and known[name].tensor == tensor:
                rounding[name] = quantizer
            elif quantizer is not None and name not in beyond:
                beyond.append(name)
    for module in known.values():
        if module.tied_to is not None:
            rounding[module.name] = rounding[module.tied_to]
    return Spelled(
        modules=known,
        rounding={name: rounding[name] for name in known},
        beyond=tuple(beyond),
    )


def _quantizer(
    plan: plans.Plan, skeleton: Skeleton, name: str, at: tuple[decoder.Tensor, int]
) -> Quantizer | None:
    tensor, layer = at
    usual = plan.assignment[layer] if tensor.stacked else plan.outside
    version = plan.exceptions.get(name, usual)
    if version == 0:
        return None
    quantizer = plan.quantizers[version - 1]
    included = is_included(tensor, quantizer, tied=skeleton.config.tied)
    return quantizer if included else None


def gathered(
    rounding: Rounding, skeleton: Skeleton, model: plans.Target
) -> tuple[plans.Plan, list[str]]:
    """Makes a plan of how every module is rounded.

    Definition: quantizers by word length, then in the order of the modules; a layer has
    the version that most of its modules have, the first in a draw; exceptions are the
    modules that differ from their layer. A quantizer includes what it rounds.

    Args:
        rounding: of every module of the model.
        skeleton: the model.
        model: its description.

    Raises:
        ValueError: if nothing is rounded.

    Returns:
        The plan, and remarks on what it cannot say.

    Reference: our own definition.
    """
    known = modules(skeleton)
    told, remarks = _without_ties(rounding, known)
    plain = {
        name: None if each is None else dataclasses.replace(each, include=("matrices",))
        for name, each in told.items()
    }
    used = [each for each in dict.fromkeys(plain.values()) if each is not None]
    if not used:
        raise ValueError(
            "the recipe keeps every module of the model in full precision: there is "
            "nothing to audit"
        )
    used.sort(key=lambda each: each.bits)
    versions = {
        name: 0 if each is None else used.index(each) + 1
        for name, each in plain.items()
    }
    assignment = tuple(
        _most([versions[m.name] for m in known.values() if m.layer == layer])
        for layer in range(skeleton.config.n_layers)
    )
    outside = [m for m in known.values() if m.layer is None and m.name in versions]
    rounded = [versions[m.name] for m in outside if versions[m.name]]
    beside = _most(rounded) if rounded else 0
    quantizers = tuple(
        dataclasses.replace(
            each,
            include=_included(
                [m for m in outside if versions[m.name] == number],
                tied=skeleton.config.tied,
            ),
        )
        for number, each in enumerate(used, start=1)
    )
    plan = plans.Plan(
        model=model, quantizers=quantizers, assignment=assignment, outside=beside
    )
    there = spelled(plan, skeleton).rounding
    exceptions = {
        name: version
        for name, version in versions.items()
        if there[name] != (quantizers[version - 1] if version else None)
    }
    return dataclasses.replace(plan, exceptions=exceptions), remarks


def _without_ties(
    rounding: Rounding, known: Mapping[str, Module]
) -> tuple[dict[str, Quantizer | None], list[str]]:
    told = dict(rounding)
    remarks = []
    for module in known.values():
        if module.tied_to is None:
            continue
        head, embedding = told.pop(module.name, None), told.get(module.tied_to)
        if head != embedding:
            told[module.tied_to] = None
            remarks.append(
                f"{module.name} and {module.tied_to} are one tensor, which the recipe "
                "rounds in one place only: taken to be in full precision in both"
            )
    return told, remarks


def _most(versions: list[int]) -> int:
    return collections.Counter(versions).most_common(1)[0][0]


def _included(rounded: list[Module], *, tied: bool) -> tuple[Included, ...]:
    roles = {module.tensor.role for module in rounded}
    if tied and roles:  # the two are one tensor
        return ("matrices", "embeddings", "head")
    embeddings: tuple[Included, ...] = ("embeddings",) if "embedding" in roles else ()
    head: tuple[Included, ...] = ("head",) if "head" in roles else ()
    return ("matrices", *embeddings, *head)
