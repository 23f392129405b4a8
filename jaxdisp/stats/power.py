"""Power: the effects that data of a given precision can show."""

from scipy import stats


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
    tail = float(stats.norm.isf((1 - level) / 2))
    return (high - low) * (tail + float(stats.norm.ppf(power))) / (2 * tail)
