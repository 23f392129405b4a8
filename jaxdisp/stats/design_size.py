"""Size of a design: how many rows or clusters show a difference of two groups."""

from collections.abc import Callable

from jaxdisp.stats.design_power import Components, Design, Over, Share, normal_power
from jaxdisp.stats.power import MOST, check_power, least_number


def least_by_simulation(
    shares: Callable[[int], Share], wanted: float, *, guess: int, first: int
) -> tuple[int, Share]:
    """Finds the smallest study that shows a difference so often, by simulating some.

    Definition: the guess is taken down or up by a quarter until it is bracketed by one
    that is not enough and one that is; then halved between, down to one, or to 2 % of
    them, which Monte Carlo errors of the power do not tell apart.

    Args:
        shares: of the studies of so many units that show it.
        wanted: power.
        guess: about how many, such as `least_number` gives of the normal power.
        first: the fewest units that there can be.

    Returns:
        How many units, and the share of studies that show the difference with them.

    Raises:
        ValueError: if a billion are not enough.

    Reference: our own definition.
    """
    below, enough = first - 1, max(guess, first)
    found = shares(enough)
    while found.estimate < wanted:
        if enough >= MOST:
            raise ValueError(f"no n up to {MOST} has power {wanted:g}")
        below, enough = enough, enough + max(1, enough // 4)
        found = shares(enough)
    if below < first:
        below, enough, found = _downwards(shares, wanted, enough, first, found)
    while enough - below > max(1, enough // 50):
        middle = (below + enough) // 2
        tried = shares(middle)
        if tried.estimate < wanted:
            below = middle
        else:
            enough, found = middle, tried
    return enough, found


def halves(n: int) -> tuple[int, int]:
    """Divides rows into two groups, the first no smaller.

    Args:
        n: how many.

    Reference: our own definition.
    """
    return n - n // 2, n // 2


def least_normal(
    of_number: Callable[[int], Design],
    effect: float,
    components: Components,
    wanted: float,
    *,
    first: int,
    over: Over = "rows",
    alpha: float = 0.05,
) -> int:
    """Finds the smallest study that shows a difference so often, of normal parts.

    Definition: the least n with `normal_power(effect, of_number(n)) >= wanted`.

    Args:
        of_number: the study of so many rows, or so many clusters.
        effect: true difference of the groups, in the unit of a cell.
        components: of a cell.
        wanted: power, between alpha and 1.
        first: the fewest that there can be.
        over: what the difference is to hold for.
        alpha: level of the two-sided test.

    Raises:
        ValueError: if the difference is 0, or too small: more clusters do not help
            where rows of a group differ too much.

    Reference: our own definition.
    """
    check_power(wanted, alpha)
    if effect == 0:
        raise ValueError("the difference is 0: no n finds what is not there")
    return least_number(
        lambda n: normal_power(
            effect, of_number(n), components, over=over, alpha=alpha
        ),
        wanted,
        first=first,
    )


def _downwards(
    shares: Callable[[int], Share], wanted: float, enough: int, first: int, found: Share
) -> tuple[int, int, Share]:
    """Goes down from what is enough to what is not."""
    while enough > first:
        lower = max(first, enough - max(1, enough // 4))
        tried = shares(lower)
        if tried.estimate < wanted:
            return lower, enough, found
        enough, found = lower, tried
    return first - 1, enough, found
