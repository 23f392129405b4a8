"""Numbers with intervals, as text, with as many digits as their size asks for."""

from typing import Any

from jaxdisp.report import tables

STEPS = ((100.0, 0), (10.0, 1), (0.1, 2), (0.01, 3))
"""Digits after the point of numbers from a size on."""


def written(row: dict[str, Any], name: str = "median", prefix: str = "") -> str:
    """Writes an estimate with its interval; `-` where there is no number.

    Args:
        row: holds the estimate and its bounds.
        name: of the estimate.
        prefix: of the bounds `low` and `high`, such as `measured_`.

    Reference: our own definition.
    """
    bounds = row[f"{prefix}low"], row[f"{prefix}high"]
    values = (row[name], *bounds)
    places = digits(max(abs(value or 0.0) for value in values))
    # what is rounded to 0 has no sign
    shown = [value if value is None else round(value, places) + 0.0 for value in values]
    names = ("value", "value_low", "value_high")
    plain: dict[str, Any] = dict(zip(names, shown, strict=True))
    return tables.with_bounds(plain, "value", places)


def digits(size: float) -> int:
    """Says how many digits after the point numbers of a size are written with.

    Args:
        size: of the largest.

    Reference: our own definition.
    """
    if size == 0:
        return 2
    return next((count for least, count in STEPS if size >= least), 4)


def excludes_none(row: dict[str, Any]) -> bool:
    """Says whether an interval is there and leaves out 0.

    Args:
        row: holds `low` and `high`.

    Reference: our own definition.
    """
    low, high = row["low"], row["high"]
    return low is not None and high is not None and (low > 0 or high < 0)
