"""Outlying sets: is a set of items unlike the others, compared with every other set?"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from jaxdisp.result import result

MOST_SETS = 1_000_000


@result
class SetContrast:
    """The mean of a set minus that of the rest, among those of all sets of its size.

    `low` to `high` is the interval of the shift, infinite where there are too few sets
    for its level. `p_value` is two-sided; `rank` is 1 for the largest contrast of the
    `n_sets`, which equal ones share.
    """

    estimate: float
    low: float
    high: float
    p_value: float
    rank: int
    n_sets: int


def set_contrast(
    values: Float[np.ndarray, " item"],
    chosen: Sequence[int],
    *,
    level: float = 0.95,
) -> SetContrast:
    """Compares a set of items with the rest, by the exact permutation test.

    Definition: `T(S) = mean of S - mean of the rest`; `p = #{S: |T(S)| >= |T(G)|} / N`
    over all N sets as large as the chosen G. The interval holds every d for which the
    test does not reject at `1 - level` once d is taken off the values of G. Exact if
    items could stand in any order but for the shift, whatever their law; items that
    follow a trend could not.

    Args:
        values: one per item, in any unit.
        chosen: places of the set.
        level: coverage aimed at.

    Raises:
        ValueError: if the set is empty, holds everything, names an item twice or one
            that is not there, values are not finite, or there are over a million sets.

    Reference: Tritchler 1984, On inverting permutation tests, JASA 79, section 2.
    """
    size, n_items = len(chosen), len(values)
    if len({*chosen} & {*range(n_items)}) < size or not 0 < size < n_items:
        raise ValueError(
            f"a set must have 1 to {n_items - 1} of the items 0 to {n_items - 1}, each "
            f"once, got {list(chosen)}"
        )
    if not np.all(np.isfinite(values)):
        raise ValueError("a contrast needs finite values")
    n_sets = math.comb(n_items, size)
    if n_sets > MOST_SETS:
        raise ValueError(f"{size} of {n_items} items make {n_sets} sets, too many")
    sets = np.array(list(itertools.combinations(range(n_items), size)))
    own = np.all(sets == np.sort(chosen), axis=1)
    contrasts = _contrasts(values, sets)
    # what the shift of G adds to the contrast of each set, from -1 to 1
    shares = _contrasts(np.isin(np.arange(n_items), chosen).astype(float), sets)
    estimate = contrasts[own].item()
    tie = 1e-12 * float(np.max(np.abs(values)))  # roundings of the means
    low, high = _inverted(contrasts[~own], shares[~own], estimate, level)
    return SetContrast(
        estimate=estimate,
        low=low,
        high=high,
        p_value=float(np.mean(np.abs(contrasts) >= abs(estimate) - tie)),
        rank=1 + int(np.sum(contrasts > estimate + tie)),
        n_sets=n_sets,
    )


def sets_needed(level: float) -> int:
    """Counts the sets that it takes for an interval with finite bounds.

    Definition: the least N such that the set itself and one more may be passed over:
    `(1 - level) N >= 1`.

    Args:
        level: coverage aimed at.

    Reference: as `set_contrast`.
    """
    return math.ceil(1 / (1 - level) - 1e-9)


def _contrasts(
    values: Float[np.ndarray, " item"], sets: np.ndarray
) -> Float[np.ndarray, " set"]:
    size, rest = sets.shape[1], len(values) - sets.shape[1]
    inside = values[sets].sum(axis=1)
    return inside / size - (values.sum() - inside) / rest


def _inverted(
    contrasts: Float[np.ndarray, " other"],
    shares: Float[np.ndarray, " other"],
    estimate: float,
    level: float,
) -> tuple[float, float]:
    """Finds the shifts that the test does not reject.

    With d taken off, another set's contrast is `T(S) - d c(S)` and that of G is
    `T(G) - d`; the first is as large for d between two roots, on either side of T(G).
    So going away from T(G), sets drop out one by one, and all but G are gone in the end
    (and its complement, whose contrast is always as large).
    """
    n_sets = 1 + len(contrasts)
    always = np.isclose(shares, -1.0)
    near = (estimate - contrasts) / (1 - shares)
    far = (estimate + contrasts) / np.where(always, 1.0, 1 + shares)
    first = np.where(always, -np.inf, np.minimum(near, far))
    last = np.where(always, np.inf, np.maximum(near, far))
    rejected = math.floor((1 - level) * n_sets + 1e-9)
    if rejected < 1:
        return -math.inf, math.inf
    # G itself is always there, so one less is asked of the others
    return (
        float(np.sort(first)[rejected - 1]),
        float(np.sort(last)[::-1][rejected - 1]),
    )
