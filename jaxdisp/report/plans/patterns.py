"""Regular expressions that name modules exactly, and what others match."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping

from jaxdisp.report.plans.skeleton import Module

SPECIAL = re.compile(r"[\\^$*+?{}\[\]()|]")
"""What no name of a module has; a dot may be meant literally."""


def exactly(names: Iterable[Module], separator: str = ".") -> list[str]:
    """Writes regular expressions that match, as a whole, these modules and no others.

    Definition: modules of one kind in the same layers share one, in which the numbers
    of the layers stand between separators: layer 1 is neither 10 nor 11. They mean the
    same to Python, PCRE and ECMAScript.

    Args:
        names: the modules.
        separator: what stands between the parts of a name.

    Reference: our own definition.
    """
    layers: dict[tuple[str, str], list[int]] = {}
    for module in names:
        layers.setdefault(_split(module), []).append(
            -1 if module.layer is None else module.layer
        )
    shared: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for (before, after), found in layers.items():
        shared.setdefault((before, tuple(sorted(found))), []).append(after)
    quoted = re.escape(separator)
    found = []
    for (before, numbers), afters in shared.items():
        stem = _quoted(before, quoted)
        inner = [_quoted(after, quoted) for after in afters]
        if numbers == (-1,):
            found.append(stem)
        else:
            layer = _any([str(number) for number in numbers])
            found.append(quoted.join([stem, layer, _any(inner)]))
    return found


def _split(module: Module) -> tuple[str, str]:
    if module.layer is None:
        return module.name, ""
    before, _, after = module.name.partition(f".{module.layer}.")
    return before, after


def _quoted(name: str, separator: str) -> str:
    return separator.join(re.escape(part) for part in name.split("."))


def _any(choices: list[str]) -> str:
    return choices[0] if len(choices) == 1 else f"(?:{'|'.join(choices)})"


def compiled(pattern: str, where: str) -> re.Pattern[str]:
    """Compiles a regular expression of a recipe.

    Args:
        pattern: the expression.
        where: it stands, for the message.

    Raises:
        ValueError: if it is none.

    Reference: Python's `re`.
    """
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"{where}: {pattern!r} is not a regular expression that is understood "
            f"here ({error})"
        ) from error


def check_hits(
    rules: Mapping[str, Collection[str]], others: Callable[[str], bool], where: str
) -> list[str]:
    """Checks that the rules of a recipe speak of a model.

    Definition: a rule that matches nothing is a slip where it is a plain name, or where
    no rule matches anything.

    Args:
        rules: what each matches, by its text.
        others: whether a text names something of the model that is not rounded.
        where: in which recipe, for the message.

    Raises:
        ValueError: if there is a slip.

    Returns:
        Remarks on the other rules that match nothing.

    Reference: our own definition.
    """
    missed = [each for each, hit in rules.items() if not hit and not others(each)]
    slips = [each for each in missed if not SPECIAL.search(each)]
    if slips or (missed and len(missed) == len(rules)):
        raise ValueError(
            f"{where}: no module of the model is named {', '.join(slips or missed)}; "
            "correct the name, or take it out"
        )
    return [f"{each} matches no module of the model" for each in missed]
