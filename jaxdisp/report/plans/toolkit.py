"""Toolkits: what each can say of a plan, writes and reads."""

import dataclasses
from collections.abc import Callable, Mapping

from jaxdisp.models.quantized import Quantizer
from jaxdisp.quant import rules
from jaxdisp.report.plans.skeleton import Kind, Module, Skeleton, modules, other_names
from jaxdisp.report.plans.spelled import Rounding

NAMES = {
    "grid": "the grid",
    "granularity": "the granularity",
    "group_size": "groups of input channels",
    "clipping": "the clipping rule",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be written: how modules are rounded, as far as a toolkit can say it.

    `model` names the model, and `architecture` its family.
    """

    model: str
    architecture: str
    modules: Mapping[str, Module]
    rounding: Rounding
    remarks: tuple[str, ...]

    @property
    def kept(self) -> list[Module]:
        """The modules in full precision."""
        return [m for m in self.modules.values() if self.rounding[m.name] is None]

    @property
    def rounded(self) -> dict[Quantizer, list[Module]]:
        """The modules that are rounded, by how; the most frequent first."""
        found: dict[Quantizer, list[Module]] = {}
        for name, quantizer in self.rounding.items():
            if quantizer is not None:
                found.setdefault(quantizer, []).append(self.modules[name])
        return dict(sorted(found.items(), key=lambda each: -len(each[1])))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Names:
    """What a recipe may speak of: the modules of a model, and names of other parts."""

    architecture: str
    modules: Mapping[str, Module]
    others: frozenset[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What a recipe says: how every module is rounded, and what is not audited."""

    rounding: Rounding
    remarks: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toolkit:
    """One toolkit: `kinds` of modules it rounds, and how its recipes are made and read.

    `nearest` is the quantizer it has for one of ours, and `notes` say in which details
    it rounds otherwise even then, for a task. `write` returns the recipe; `read` takes
    one, with its name for messages.
    """

    kinds: frozenset[Kind]
    nearest: Callable[[Quantizer], Quantizer]
    notes: Callable[[Task], tuple[str, ...]]
    write: Callable[[Task], str]
    read: Callable[[str, Names, str], Found]


def names(skeleton: Skeleton) -> Names:
    """Lists what a recipe for a model may speak of.

    Args:
        skeleton: the model.

    Reference: our own definition.
    """
    return Names(
        architecture=skeleton.architecture.name,
        modules=modules(skeleton),
        others=other_names(skeleton),
    )


def differences(wanted: Quantizer, nearest: Quantizer, toolkit: str) -> list[str]:
    """Says where a toolkit's quantizer differs from ours.

    Args:
        wanted: by the plan.
        nearest: what the toolkit has.
        toolkit: its name.

    Reference: our own definition.
    """
    both = wanted.granularity == nearest.granularity == "group"
    found = [
        f"{wanted.bits} bits: {words} {getattr(wanted, field)} cannot be said to "
        f"{toolkit}; {getattr(nearest, field)} is written"
        for field, words in NAMES.items()
        if getattr(wanted, field) != getattr(nearest, field)
        and (both or field != "group_size")
    ]
    if nearest.granularity == "group" != wanted.granularity:
        found.append(f"{wanted.bits} bits: groups are of {nearest.group_size} inputs")
    return found


def uneven(task: Task) -> list[str]:
    """Names modules whose inputs do not divide into the groups that are written.

    Args:
        task: what is to be written.

    Reference: our own definition.
    """
    found = []
    for rounding, modules_ in task.rounded.items():
        size = rounding.group_size
        odd = [m for m in modules_ if m.width % size]
        if odd and rounding.granularity == "group":
            found.append(
                f"groups of {size} do not divide the {odd[0].width} inputs of "
                f"{odd[0].name}: the toolkit may refuse it ({len(odd)} such modules)"
            )
    return found


def integer(value: object, where: str, name: str, allowed: range) -> int:
    """Reads a whole number of a recipe.

    Args:
        value: what stands there.
        where: it stands, for the message.
        name: of the number.
        allowed: its values.

    Raises:
        ValueError: if it is none, or not allowed.

    Reference: our own definition.
    """
    if type(value) is not int or value not in allowed:
        raise ValueError(
            f"{where}: {name} must be a whole number from {allowed.start} to "
            f"{allowed.stop - 1}, got {value!r:.40}"
        )
    return value


def quantizer_of(
    bits: int,
    *,
    symmetric: bool,
    group_size: int | None,
    clipping: rules.Rule = "absmax",
) -> Quantizer:
    """Makes the quantizer that most recipes speak of.

    Args:
        bits: word length.
        symmetric: whether 0 is in the middle.
        group_size: input channels per group, -1 for whole channels, None for tensors.
        clipping: the rule.

    Reference: our own definition.
    """
    made = Quantizer(
        bits=bits, grid="symmetric" if symmetric else "affine", clipping=clipping
    )
    if group_size is None:
        return made
    if group_size == -1:
        return dataclasses.replace(made, granularity="channel")
    return dataclasses.replace(made, granularity="group", group_size=group_size)


def group_size(quantizer: Quantizer) -> int | None:
    """Returns the inputs that share a scale, as `quantizer_of` takes them.

    Args:
        quantizer: the quantizer.

    Reference: our own definition.
    """
    sizes = {"tensor": None, "channel": -1, "group": quantizer.group_size}
    return sizes[quantizer.granularity]


def symmetric(quantizer: Quantizer) -> bool:
    """Says whether a toolkit without our grids takes its symmetric one.

    Args:
        quantizer: the quantizer.

    Reference: our own definition.
    """
    return quantizer.grid != "affine"


def plain(
    quantizer: Quantizer, *, allowed: tuple[rules.Rule, ...] = ("absmax",)
) -> Quantizer:
    """Returns the nearest quantizer of a toolkit with two grids and some rules.

    Args:
        quantizer: ours.
        allowed: clipping rules that it has; the first is taken for others.

    Reference: our own definition.
    """
    made = quantizer_of(
        quantizer.bits,
        symmetric=symmetric(quantizer),
        group_size=group_size(quantizer),
        clipping=quantizer.clipping if quantizer.clipping in allowed else allowed[0],
    )
    return dataclasses.replace(made, include=quantizer.include)
