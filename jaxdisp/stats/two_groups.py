"""Two small groups: a difference of means with an interval from all exchanges."""

import itertools
import math

import numpy as np
from jaxtyping import Float

from jaxdisp.result import result


@result
class Difference:
    """A difference of two means with its interval, and how rare one so large is.

    `p_value` is one-sided: of the exchanges, the share that gives as much or more.
    """

    estimate: float
    low: float
    high: float
    p_value: float
    n_exchanges: int


def bound_rank(n_one: int, n_other: int, *, level: float = 0.95) -> int:
    """Counts the divisions of two groups that may lie beyond either bound.

    Definition: `floor((1 - level) / 2 C(n + m, n))`; there is no interval if it is 0.

    Args:
        n_one: members of one group, n.
        n_other: members of the other, m.
        level: coverage aimed at.

    Reference: our own definition.
    """
    # 0.025 x 40 is 1, which rounding must not make 0
    return math.floor((1 - level) / 2 * math.comb(n_one + n_other, n_one) + 1e-9)


def difference(
    one: Float[np.ndarray, " member"],
    other: Float[np.ndarray, " rival"],
    *,
    level: float = 0.95,
) -> Difference:
    """Compares the means of two groups by all exchanges of their members.

    Definition: a shift d is in the interval if, with d taken off one group, more than
    `(1 - level) / 2` of all divisions of the members into groups of these sizes give a
    difference of means as large as the one seen, and as many one as small. A division
    that exchanges k members of one group for k of the other gives as much from the
    difference of the means of the exchanged on, so the bounds are order statistics of
    these differences. Right in finite samples if members are exchangeable but for the
    shift.

    Args:
        one: a value of each member, in any unit.
        other: the same of the other group.
        level: coverage aimed at.

    Raises:
        ValueError: if the groups are too small for this level.

    Reference: Pitman 1937, Supplement to the JRSS 4, section 3 (the test); Tritchler
        1984, JASA 79, "On inverting permutation tests" (the interval).
    """
    n_divisions = math.comb(len(one) + len(other), len(one))
    rank = bound_rank(len(one), len(other), level=level)
    if rank < 1:
        raise ValueError(
            f"groups of {len(one)} and {len(other)} have {n_divisions} divisions, too "
            f"few for an interval of {level:g}"
        )
    shifts = np.sort(
        [
            np.mean(one[list(out)]) - np.mean(other[list(into)])
            for size in range(1, min(len(one), len(other)) + 1)
            for out in itertools.combinations(range(len(one)), size)
            for into in itertools.combinations(range(len(other)), size)
        ]
    )
    return Difference(
        estimate=float(one.mean() - other.mean()),
        low=float(shifts[rank - 1]),
        high=float(shifts[-rank]),
        p_value=float((1 + np.sum(shifts <= 0)) / n_divisions),
        n_exchanges=n_divisions,
    )
