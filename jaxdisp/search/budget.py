"""Budgets: how much a model may take, and the assignments that fit.

24%       of the way from the cheapest assignment to full precision; with a single
          quantizer, the share of the weights of the layers that is protected
3.2MB     of 1,000,000 bytes for the whole model, what is outside the layers
          included; likewise kB and GB
4.5bits   per weight that a quantizer can round, scales included
"""

import bisect
import collections
import dataclasses
import fractions
import itertools
import math
import re
from typing import Literal, get_args

import numpy as np
from jaxtyping import Int

from jaxdisp.search import lattice

Unit = Literal["%", "kB", "MB", "GB", "bits"]
BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budget:
    """An amount and its unit; a fraction, so that no byte is lost to rounding."""

    amount: fractions.Fraction
    unit: Unit


def parse_budget(text: str) -> Budget:
    """Reads a budget as it is typed: `24%`, `3.2MB`, `3200kB` or `4.5bits`.

    Args:
        text: a number and a unit.

    Raises:
        ValueError: if it is not that, or a share is above 100%.

    Reference: our own definition.
    """
    units = "|".join(get_args(Unit))
    match = re.fullmatch(rf"\s*([0-9]+(?:\.[0-9]+)?)\s*({units})\s*", text)
    if match is None:
        raise ValueError(
            f"budget {text!r}: must be a number and a unit, such as 24%, 3.2MB, 3200kB "
            "or 4.5bits"
        )
    amount, unit = fractions.Fraction(match[1]), match[2]
    if unit == "%" and amount > 100:
        raise ValueError(f"budget {text!r}: a share must be between 0% and 100%")
    return Budget(amount=amount, unit=unit)  # pyright: ignore[reportArgumentType]


def limit_bytes(
    budget: Budget,
    layer_bytes: Int[np.ndarray, "layer version"],
    outside_bytes: Int[np.ndarray, " version"],
    n_weights: int,
    *,
    outside: int = lattice.QUANTIZED,
    full_bits: int = 16,
) -> int:
    """Turns a budget into the bytes that the whole model may take.

    Definition: with `low` and `high` the bytes of the cheapest assignment of the layers
    and of layers in full precision, what is outside them always in version `outside`:
    `a%` is `low + a (high - low) / 100`; `a bits` is `a n_weights / 8` and the bytes of
    what no quantizer rounds. Parts of a byte are dropped.

    Args:
        budget: how much the model may take.
        layer_bytes: bytes of each layer in each version.
        outside_bytes: bytes outside the layers in each version.
        n_weights: weights that a quantizer can round, in the whole model.
        outside: version of what is outside the layers.
        full_bits: bits of a number in full precision.

    Raises:
        ValueError: if nothing fits, or `outside` is no version.

    Reference: our own definition.
    """
    if not 0 <= outside < len(outside_bytes):
        raise ValueError(
            f"outside must be a version from 0 to {len(outside_bytes) - 1}, "
            f"got {outside}"
        )
    fixed = int(outside_bytes[outside])
    low = int(np.sum(np.min(layer_bytes, axis=1))) + fixed
    high = int(np.sum(layer_bytes[:, lattice.FULL])) + fixed
    full = high - fixed + int(outside_bytes[lattice.FULL])
    if budget.unit == "%":
        return math.floor(low + budget.amount * (high - low) / 100)
    if budget.unit == "bits":
        kept = full - n_weights * full_bits // 8  # what no quantizer rounds
        unit = fractions.Fraction(n_weights, 8)
    else:
        kept, unit = 0, fractions.Fraction(BYTES[budget.unit])
    limit = math.floor(kept + budget.amount * unit)
    if limit < low:
        # rounded up, so that what is named is enough
        least = math.ceil((low - kept) / unit * 1000) / 1000
        raise ValueError(
            f"a budget of {float(budget.amount):g}{budget.unit} is too small: the "
            f"cheapest assignment takes {least:.3f}{budget.unit}; raise the budget or "
            "quantize to fewer bits"
        )
    return limit


def sizes(
    layer_bytes: Int[np.ndarray, "layer version"],
    assignments: Int[np.ndarray, "subset layer"],
) -> Int[np.ndarray, " subset"]:
    """Counts the bytes of the layers in every assignment.

    Definition: `sum_i layer_bytes[i, assignment[i]]`.

    Args:
        layer_bytes: bytes of each layer in each version.
        assignments: version of each layer.

    Reference: our own definition.
    """
    layers = np.arange(len(layer_bytes))
    return np.sum(layer_bytes[layers, assignments], axis=1)


def count_within(layer_bytes: Int[np.ndarray, "layer version"], limit: int) -> int:
    """Counts the assignments whose layers take at most so many bytes.

    Definition: as `within`. Every half of the layers has few different totals where
    layers are of equal size; totals of one half are matched with those of the other.

    Args:
        layer_bytes: bytes of each layer in each version.
        limit: bytes of all layers together.

    Reference: Horowitz and Sahni 1974, "Computing partitions with applications to the
        knapsack problem", section 2.
    """
    rows = sorted(layer_bytes.tolist())  # equal layers side by side
    middle = len(rows) // 2
    one, other = _totals(rows[:middle]), _totals(rows[middle:])
    ranked = sorted(other)
    upto = [0, *itertools.accumulate(other[total] for total in ranked)]
    return sum(
        count * upto[bisect.bisect_right(ranked, limit - total)]
        for total, count in one.items()
    )


def _totals(rows: list[list[int]]) -> dict[int, int]:
    """How many assignments of these layers have each total."""
    totals = {0: 1}
    for row in rows:
        longer: dict[int, int] = collections.defaultdict(int)
        for total, count in totals.items():
            for size in row:
                longer[total + size] += count
        totals = longer
    return totals


def within(
    layer_bytes: Int[np.ndarray, "layer version"],
    limit: int,
    *,
    most: int = lattice.MOST,
) -> Int[np.ndarray, "subset layer"]:
    """Lists the assignments that fit into a budget, in lexicographic order.

    Definition: those with `sizes(layer_bytes, assignment) <= limit`. Beginnings are
    kept only if the cheapest way to go on fits, so there are never more beginnings
    than results.

    Args:
        layer_bytes: bytes of each layer in each version.
        limit: bytes of all layers together.
        most: how many may fit.

    Raises:
        ValueError: if none fits, or more than `most` do.

    Reference: our own definition; branch and bound as Land and Doig 1960.
    """
    cheapest = np.min(layer_bytes, axis=1)
    if limit < np.sum(cheapest):
        raise ValueError(
            f"no assignment has layers of at most {limit} bytes; the cheapest takes "
            f"{np.sum(cheapest)}: raise the budget or quantize to fewer bits"
        )
    count = count_within(layer_bytes, limit)
    if count > most:
        raise ValueError(
            f"{count} assignments fit into {limit} bytes of layers, more than {most}; "
            "lower the budget or search among fewer"
        )
    begun, taken = np.zeros((1, 0), int), np.zeros(1, int)
    for layer, row in enumerate(layer_bytes):
        room = limit - np.sum(cheapest[layer + 1 :])
        totals = taken[:, None] + row
        parents, versions = np.nonzero(totals <= room)
        begun = np.column_stack([begun[parents], versions])
        taken = totals[parents, versions]
    return begun
