"""Power: the effects that data of a given precision can show."""

from collections.abc import Callable
from typing import Literal

from scipy import special

Sides = Literal["one", "two"]

MOST = 10**9
"""Studies larger than this are not looked for."""


def smallest_detectable(
    low: float, high: float, *, power: float = 0.8, level: float = 0.95
) -> float:
    """Estimates the smallest effect that such an interval excludes 0 by, mostly.

    Definition: `(z((1 + level) / 2) + z(power)) s`, where `s` is the standard error of
    a normal interval as wide as this one, `(high - low) / (2 z((1 + level) / 2))`.

    Args:
        low: lower bound, in any unit.
        high: upper bound.
        power: probability of excluding 0, in each repetition of the study.
        level: of the interval.

    Raises:
        ValueError: if the bounds are out of order, or power or level not in (0, 1).

    Reference: Bloom 1995, Evaluation Review 19, "Minimum detectable effects".
    """
    if not low <= high:
        raise ValueError(f"an interval from {low} to {high} is none")
    if not (0 < power < 1 and 0 < level < 1):
        raise ValueError(f"power and level must be in (0, 1), got {power} and {level}")
    tail = -float(special.ndtri((1 - level) / 2))
    return (high - low) * (tail + float(special.ndtri(power))) / (2 * tail)


def check_alpha(alpha: float) -> None:
    """Refuses what is no level of a test.

    Args:
        alpha: probability of rejecting what is true.

    Raises:
        ValueError: if it is not in (0, 1).

    Reference: our own definition.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be above 0 and below 1, got {alpha:g}")


def check_power(power: float, alpha: float) -> None:
    """Refuses a power that nothing has, or that a test has where there is no effect.

    Args:
        power: probability of rejecting what is false.
        alpha: probability of rejecting what is true.

    Raises:
        ValueError: if alpha is not in (0, 1), or the power not in (alpha, 1).

    Reference: our own definition.
    """
    check_alpha(alpha)
    if not alpha < power < 1:
        raise ValueError(
            f"power must be above alpha ({alpha:g}), which no effect has, and below 1, "
            f"got {power:g}"
        )


def least_number(
    shown: Callable[[int], float], power: float, *, first: int, most: int = MOST
) -> int:
    """Finds the smallest study that shows an effect so often.

    Definition: the least `n >= first` with `shown(n) >= power`, of a power that grows
    with n: doubled until it is enough, then halved between.

    Args:
        shown: the power with n units.
        power: wanted.
        first: the fewest units that there can be.
        most: the most units that are tried.

    Raises:
        ValueError: if the most are not enough.

    Reference: our own definition.
    """
    below, enough = first - 1, first
    while shown(enough) < power:
        if enough >= most:
            raise ValueError(
                f"no n up to {most} has power {power:g}: the effect is too small"
            )
        below, enough = enough, min(2 * enough, most)
    while enough - below > 1:
        middle = (below + enough) // 2
        if shown(middle) < power:
            below = middle
        else:
            enough = middle
    return enough
