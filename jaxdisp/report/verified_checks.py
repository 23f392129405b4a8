"""Numbers of a run beside the same computed anew, and how far apart they may be."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax

DIGITS = 6
"""Significant digits that results are stored with."""
ROUNDING = {"float32": 2e-5, "bfloat16": 8e-3, "float16": 1e-3}
"""By how much of itself a loss may differ that is evaluated in another order: sums of
float32 over states and tokens; two roundings of a number in the shorter types."""
OF_WIDTH = 0.01
"""Share of an interval's width by which its bounds may differ besides: an estimate that
is rounded moves a few of 2000 draws to its other side, and with them the bias z0."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """A number as recorded and as computed anew, and how much may lie between them.

    `part` says what kind of number it is; `tolerance` is None for what is no number and
    must be equal.
    """

    part: str
    number: str
    recorded: Any
    recomputed: Any
    tolerance: float | None
    differs: bool


def check(
    part: str, number: str, recorded: Any, recomputed: Any, tolerance: float = 0.0
) -> Check:
    """Compares two numbers; of anything else, whether they are equal.

    Definition: they differ unless `|recorded - recomputed| <= tolerance + half a unit
    in the sixth digit` of the recorded; no number (None, NaN) equals none alone.

    Args:
        part: what kind of number it is.
        number: which.
        recorded: as in the run.
        recomputed: anew.
        tolerance: in the number's unit.

    Reference: our own definition.
    """
    one, other = _plain(recorded), _plain(recomputed)
    if isinstance(one, float) and isinstance(other, float):
        allowed = tolerance + stored(one)
        differs = not abs(one - other) <= allowed
    else:
        allowed, differs = None, one != other
    return Check(
        part=part,
        number=number,
        recorded=one,
        recomputed=other,
        tolerance=allowed,
        differs=differs,
    )


def stored(value: float) -> float:
    """Returns half a unit in the last digit that a number is stored with.

    Definition: `0.5 * 10^(floor(log10 |x|) - 5)`.

    Args:
        value: in any unit.

    Reference: our own definition.
    """
    if value == 0 or not math.isfinite(value):
        return 0.0
    return 0.5 * 10.0 ** (math.floor(math.log10(abs(value))) - DIGITS + 1)


def with_bounds(
    part: str,
    number: str,
    recorded: Sequence[Any],
    recomputed: Sequence[Any],
    tolerance: float,
) -> list[Check]:
    """Compares an estimate and its bounds.

    Args:
        part: what kind of number it is.
        number: which.
        recorded: estimate, lower and upper bound.
        recomputed: the same, anew.
        tolerance: of the estimate, in its unit.

    Reference: our own definition.
    """
    low, high = (_plain(value) for value in recomputed[1:])
    wide = isinstance(low, float) and isinstance(high, float)
    more = OF_WIDTH * (high - low) if wide else 0.0
    names = ("", ", lower bound", ", upper bound")
    return [
        check(part, number + name, one, other, tolerance + (more if place else 0.0))
        for place, (name, one, other) in enumerate(
            zip(names, recorded, recomputed, strict=True)
        )
    ]


def chosen(total: int, count: int | None, seed: int) -> list[int]:
    """Chooses some of so many at random, in order; all where no count is given.

    Args:
        total: how many there are.
        count: how many are wanted; None is all.
        seed: of the choice.

    Reference: our own definition.
    """
    if count is None or count >= total:
        return list(range(total))
    order = jax.random.permutation(jax.random.key(seed), total)
    return sorted(order[:count].tolist())


def _plain(value: Any) -> Any:
    """Numbers as Python's float, what is none as None."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return float(value) if math.isfinite(value) else None
