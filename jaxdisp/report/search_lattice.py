"""Which assignments a search measures: those asked for, and those that explain them."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from jaxdisp.models import storage
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer
from jaxdisp.search import budget, lattice, objectives

MOST = 20_000
"""Sets that are measured one and all; beyond that a search is guided."""
ORDER = 3
"""Layers in the largest interaction that is measured."""
NAMES = {"log-ratio": "log_ratio", "max-min": "max_min"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Search:
    """Which protection sets are searched, and what for.

    One of `keep` (all sets of so many layers), `every` (all assignments), `sets`
    (`0,9,11;0,11`) and `budget` (`24%`, `3.2MB`, `4.5bits`). `bits` are the word
    lengths of versions 1, 2, ...; a kept layer is in full precision or, with several,
    in one of the versions after the first. `guided` is how many sets to measure at
    most, chosen as the search goes; None measures all.
    """

    keep: int | None = None
    every: bool = False
    sets: str | None = None
    budget: str | None = None
    objective: str = "worst"
    bits: tuple[int, ...] = (4,)
    guided: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Lattice:
    """All rows that are measured, and which of them were asked for.

    Row 0 has every layer in full precision, row 1 every layer in version 1. What lies
    outside the layers is in version 1 in all of them, which differs from full
    precision only if a quantizer includes it. `n_bytes` are those of the whole model.
    """

    rows: Int[np.ndarray, "subset layer"]
    asked: Int[np.ndarray, " set"]
    n_bytes: Int[np.ndarray, " subset"]


def objective_name(text: str) -> str:
    """Returns the measure that an `--objective` names.

    Args:
        text: as typed.

    Raises:
        ValueError: if it is unknown.

    Reference: our own definition.
    """
    name = NAMES.get(text, text)
    if name not in objectives.OBJECTIVES:
        known = ", ".join(each.replace("_", "-") for each in objectives.OBJECTIVES)
        raise ValueError(f"--objective {text}: must be one of {known}")
    return name


def quantizers(first: Quantizer, bits: Sequence[int]) -> tuple[Quantizer, ...]:
    """Makes the quantizers of versions 1, 2, ..., which differ in word length only.

    Args:
        first: everything but the word length.
        bits: word length of each.

    Reference: our own definition.
    """
    return tuple(dataclasses.replace(first, bits=each) for each in bits)


def parse_quantizers(text: str) -> tuple[int, ...]:
    """Reads word lengths such as `int4,int8`.

    Args:
        text: as typed.

    Raises:
        ValueError: if one is not `int` and a number, or one is there twice.

    Reference: our own definition.
    """
    names = [name.strip() for name in text.split(",")]
    found = [name.removeprefix("int") for name in names]
    if not all(
        name.startswith("int") and bits.isdecimal()
        for name, bits in zip(names, found, strict=True)
    ):
        raise ValueError(f"--quantizers {text}: must be such as int4 or int4,int8")
    if len(set(map(int, found))) < len(found):
        raise ValueError(f"--quantizers {text}: names one twice")
    return tuple(map(int, found))


def build(model: Model, first: Quantizer, search: Search) -> Lattice:
    """Lists the assignments asked for, and the ones that rankings are explained by.

    Definition: beside those asked for, no layer and every layer quantized, each layer
    quantized alone and protected alone (for the additive surrogate, for shares of
    layers), and every subset of up to three layers of the sets asked for (for
    interactions); of sets of more than three layers, every subset of up to two.

    Args:
        model: an open model.
        first: the quantizer of version 1.
        search: what is asked for.

    Raises:
        ValueError: if it is not asked for in one way, or there are no such sets or too
            many.

    Reference: our own definition.
    """
    made = quantizers(first, search.bits)
    asked = _asked(model, made, search)
    kept = [lattice.protected_layers(row) for row in asked if set(row) <= {0, 1}]
    return around(model, made, asked, kept)


def around(
    model: Model,
    made: Sequence[Quantizer],
    asked: Int[np.ndarray, "set layer"],
    kept: Sequence[Sequence[int]],
) -> Lattice:
    """Adds to assignments the ones that they are explained by.

    Args:
        model: an open model.
        made: quantizers of versions 1, 2, ...
        asked: the assignments.
        kept: sets of protected layers whose interactions are wanted.

    Reference: our own definition.
    """
    n_layers = model.config.n_layers
    largest = max((len(members) for members in kept), default=0)
    every = len(asked) == (len(made) + 1) ** n_layers
    smaller = lattice.downward(kept, ORDER if every or largest <= ORDER else 2)
    parts = [
        lattice.uniform(n_layers),
        *(lattice.one_quantized(n_layers, q) for q in range(1, len(made) + 1)),
        lattice.protecting(np.arange(n_layers)[:, None], n_layers),
        lattice.protecting(smaller, n_layers),
        asked,
    ]
    rows, places = _distinct(np.concatenate(parts))
    of_layers = storage.layer_bytes(model, made)
    outside = storage.outside_bytes(model, made)[lattice.QUANTIZED]
    return Lattice(
        rows=rows,
        asked=places[-len(asked) :],
        n_bytes=budget.sizes(of_layers, rows) + outside,
    )


def _distinct(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows without repetition, in order of appearance; and the row of each."""
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rows[first[order]], rank[inverse.ravel()]


def _asked(model: Model, made: Sequence[Quantizer], search: Search) -> np.ndarray:
    ways = {
        "--keep": search.keep is not None,
        "--all": search.every,
        "--sets": search.sets is not None,
        "--budget": search.budget is not None,
    }
    if sum(ways.values()) != 1:
        given = ", ".join(name for name, used in ways.items() if used) or "none"
        raise ValueError(f"give one of {', '.join(ways)}; got {given}")
    n_layers, versions = model.config.n_layers, len(made) + 1
    if search.keep is not None:
        _check_kept(search.keep, n_layers)
    if search.guided is not None:  # what it asks for is found on the way
        if search.budget is not None:
            room(model, made, search.budget)
        return lattice.uniform(n_layers)[1:]
    if search.keep is not None:
        found = _keeping(n_layers, versions, search.keep)
    elif search.every:
        _check_number(versions**n_layers, "--all")
        found = lattice.every(n_layers, versions)
    elif search.sets is not None:
        found = lattice.protecting(lattice.parse_sets(search.sets, n_layers), n_layers)
    else:
        found = _within(model, made, search.budget or "")
    return found


def _check_kept(keep: int, n_layers: int) -> None:
    if not 0 < keep < n_layers:
        raise ValueError(
            f"a protection set must have 1 to {n_layers - 1} of the {n_layers} layers, "
            f"got {keep}"
        )


def _keeping(n_layers: int, versions: int, keep: int) -> np.ndarray:
    _check_number(math.comb(n_layers, keep) * (versions - 1), f"--keep {keep}")
    sets = lattice.subsets(n_layers, keep)
    kept_in = [lattice.FULL, *range(2, versions)]
    return np.concatenate(
        [lattice.protecting(sets, n_layers, protected=version) for version in kept_in]
    )


def _within(model: Model, made: Sequence[Quantizer], text: str) -> np.ndarray:
    of_layers, limit = storage.layer_bytes(model, made), room(model, made, text)
    _check_number(budget.count_within(of_layers, limit), f"--budget {text}")
    return budget.within(of_layers, limit)


def room(model: Model, made: Sequence[Quantizer], text: str) -> int:
    """Returns the bytes that a budget leaves for the layers.

    Args:
        model: an open model.
        made: quantizers of versions 1, 2, ...
        text: the budget as typed.

    Raises:
        ValueError: if it is not a budget, or nothing fits.

    Reference: as `budget.limit_bytes`.
    """
    outside = storage.outside_bytes(model, made)
    limit = budget.limit_bytes(
        budget.parse_budget(text),
        storage.layer_bytes(model, made),
        outside,
        storage.count_quantizable(model, made),
    )
    return limit - int(outside[lattice.QUANTIZED])


def _check_number(number: int, option: str) -> None:
    if number > MOST:
        raise ValueError(
            f"{option}: {number} assignments, more than the {MOST} that are measured "
            "one and all; ask for fewer, or search among them with --guided N and "
            "--keep or --budget"
        )
