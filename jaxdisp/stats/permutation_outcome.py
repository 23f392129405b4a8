"""What a permutation test found, what it assumes, and what it could have found."""

import dataclasses

import numpy as np
from jaxtyping import PRNGKeyArray

ALTERNATIVES = ("two-sided", "greater", "less")
USUAL = 0.05
"""P-value that a test should be able to reach."""

LEAST_DRAWS = 99

NULLS = {
    "rows": "any order of the rows of one column is as likely as any other, whatever "
    "the other column: rows are independent",
    "members": "clusters are independent and those of one size have the same law, in "
    "which members may be exchanged, whatever the other column",
    "blocks": "clusters are independent and those of one size have the same law, "
    "whatever the other column; members of a cluster may depend in any way",
    "means": "any order of the clusters' means is as likely as any other, whatever the "
    "other column: exact for clusters of one size, or whose members are all alike",
    "signs": "differences are as likely with one sign as with the other, and those of "
    "different rows are independent",
    "cluster signs": "differences of a whole cluster are as likely with one sign as "
    "with the other, and clusters are independent; members may depend in any way",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class PermutationTest:
    """A test, what it assumes, and how small a p-value it could have given.

    `estimate` is a correlation, a difference of means or a mean; `rearrangements`
    counts those that the null hypothesis allows, all of which were taken if `exact`,
    and else `draws` at random; `smallest_p` is the least that these values could give
    in any order; `caution` says if that is more than 0.05, or is empty.
    """

    estimate: float
    p_value: float
    alternative: str
    rearrangements: int
    draws: int
    exact: bool
    smallest_p: float
    null: str
    caution: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """The draws of a test, and its side."""

    key: PRNGKeyArray
    draws: int
    alternative: str


def planned(key: PRNGKeyArray, draws: int, alternative: str) -> Plan:
    """Checks the words and numbers of a test.

    Args:
        key: of the rearrangements.
        draws: how many.
        alternative: two-sided, greater or less.

    Raises:
        ValueError: if `alternative` is none of these, or there are fewer than 99 draws.

    Reference: our own definition.
    """
    if alternative not in ALTERNATIVES:
        raise ValueError(
            f"alternative must be one of {', '.join(ALTERNATIVES)}, got {alternative!r}"
        )
    if draws < LEAST_DRAWS:
        raise ValueError(f"draws must be at least {LEAST_DRAWS}, got {draws}")
    return Plan(key=key, draws=draws, alternative=alternative)


def p_value(drawn: np.ndarray, seen: float, alternative: str, *, exact: bool) -> float:
    """Finds the share of rearrangements that give as much as was seen.

    Definition: `#{drawn >= seen} / N` of all N, and `(1 + #) / (1 + N)` of N at random;
    two-sided, twice the smaller of both sides', at most 1.

    Args:
        drawn: the statistic of each rearrangement, in any unit.
        seen: that of the data.
        alternative: two-sided, greater or less.
        exact: whether all rearrangements are there.

    Reference: Phipson and Smyth 2010, arXiv:1603.05766, section 3.
    """
    up, down = _as_much(drawn, seen)
    more = 0 if exact else 1
    return _share(up + more, down + more, len(drawn) + more, alternative)


def _as_much(drawn: np.ndarray, seen: float) -> tuple[int, int]:
    """Counts the values at least as large as one, and those at most as large."""
    # the same sum in another order differs by rounding
    tie = 1e-12 * max(float(np.max(np.abs(drawn))), abs(seen))
    return int(np.sum(drawn >= seen - tie)), int(np.sum(drawn <= seen + tie))


def _share(up: int, down: int, total: int, alternative: str) -> float:
    if alternative == "two-sided":
        return min(1.0, 2 * min(up, down) / total)
    return (up if alternative == "greater" else down) / total


def outcome(
    plan: Plan,
    seen: float,
    drawn: np.ndarray,
    *,
    p: float,
    rearrangements: int,
    null: str,
) -> PermutationTest:
    """Adds how small the p-value could have been.

    Definition: the p-value that the smallest or the largest value drawn would have, of
    which the least; with rearrangements at random, `1 / (1 + draws)` or more.

    Args:
        plan: of the test.
        seen: the statistic of the data.
        drawn: that of each rearrangement.
        p: the p-value.
        rearrangements: how many the null hypothesis allows.
        null: its name in `NULLS`.

    Reference: our own definition.
    """
    exact = rearrangements <= plan.draws
    largest, smallest = max(float(drawn.max()), seen), min(float(drawn.min()), seen)
    least = _share(
        max(1, _as_much(drawn, largest)[0]),
        max(1, _as_much(drawn, smallest)[1]),
        len(drawn) + (0 if exact else 1),
        plan.alternative,
    )
    caution = ""
    if least > USUAL:
        caution = (
            f"cannot reach {USUAL:g}: the smallest p-value of {rearrangements} "
            f"rearrangements is {least:.2g}"
        )
    return PermutationTest(
        estimate=seen,
        p_value=p,
        alternative=plan.alternative,
        rearrangements=rearrangements,
        draws=rearrangements if exact else plan.draws,
        exact=exact,
        smallest_p=least,
        null=NULLS[null],
        caution=caution,
    )
