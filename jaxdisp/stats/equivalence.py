"""Equivalence: whether a number is as near to another as a claim needs it to be."""


def margin_left(
    estimate: float, interval: tuple[float, float], *, target: float, margin: float
) -> tuple[float, tuple[float, float]]:
    """Turns "is it near the target" into an effect that is positive where it is.

    Definition: `margin - |x - target|` of the estimate, and its least and largest
    value over the interval. All of it is positive where the whole interval lies within
    the margin, and all of it negative where none of it does.

    Args:
        estimate: in any unit.
        interval: of it.
        target: that it is claimed to equal.
        margin: how far from the target still counts as equal.

    Raises:
        ValueError: if the interval is none, or the margin not positive.

    Reference: Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15
        (equivalence by the inclusion of an interval).
    """
    low, high = interval
    if not low <= high:
        raise ValueError(f"an interval from {low} to {high} is none")
    if not margin > 0:
        raise ValueError(f"a margin must be positive, got {margin}")
    ends = abs(low - target), abs(high - target)
    nearest = 0.0 if low <= target <= high else min(ends)
    return (
        margin - abs(estimate - target),
        (margin - max(ends), margin - nearest),
    )
