"""The delete-a-group jackknife: intervals of statistics that no sum can express."""

import numpy as np
from jaxtyping import Float
from scipy import stats


def jackknife_interval(
    estimate: Float[np.ndarray, " *statistic"],
    left_out: Float[np.ndarray, " group *statistic"],
    *,
    level: float = 0.95,
) -> tuple[Float[np.ndarray, " *statistic"], Float[np.ndarray, " *statistic"]]:
    """Finds an interval from the statistic without one group of the data each.

    Definition: `estimate -/+ t_{G-1} s`, `s^2 = (G - 1) / G sum_g (left_out[g] -
    mean(left_out))^2`. For smooth statistics of groups that are independent; not for
    quantiles or maxima.

    Args:
        estimate: of all the data, in any unit.
        left_out: the same without group g.
        level: coverage aimed at; `1 - 0.05 / m` for m intervals that shall all cover.

    Returns:
        Lower and upper bounds.

    Raises:
        ValueError: if there are fewer than 2 groups or the level is not in (0, 1).

    Reference: Shao and Tu 1995, The Jackknife and Bootstrap, section 2.3 (groups).
    """
    n_groups = len(left_out)
    if n_groups < 2:
        raise ValueError(f"a jackknife needs at least 2 groups, got {n_groups}")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    half = float(stats.t.isf((1 - level) / 2, n_groups - 1)) * jackknife_error(left_out)
    return np.asarray(estimate - half), np.asarray(estimate + half)


def jackknife_error(
    left_out: Float[np.ndarray, " group *statistic"],
    counts: Float[np.ndarray, " group"] | None = None,
) -> Float[np.ndarray, " *statistic"]:
    """Finds a standard error from the statistic without one group of the data each.

    Definition: `s^2 = (G - 1) / G sum_g c_g (left_out[g] - m)^2`, `m = sum_g c_g
    left_out[g] / G`, `G = sum_g c_g`.

    Args:
        left_out: the statistic without group g, in any unit.
        counts: how often the data hold each group, if not once.

    Reference: Shao and Tu 1995, The Jackknife and Bootstrap, section 2.3 (groups).
    """
    held = np.ones(len(left_out)) if counts is None else counts
    total = held.sum()
    mean = np.tensordot(held, left_out, axes=1) / total
    spread = np.tensordot(held, (left_out - mean) ** 2, axes=1)
    return np.asarray(np.sqrt((total - 1) / total * spread))


def bonferroni_level(n_intervals: int, level: float = 0.95) -> float:
    """Returns the level at which so many intervals all cover with the one asked for.

    Definition: `1 - (1 - level) / m`.

    Args:
        n_intervals: how many, m.
        level: probability aimed at that all cover.

    Raises:
        ValueError: if there is no interval.

    Reference: Dunn 1961, JASA 56, "Multiple comparisons among means".
    """
    if n_intervals < 1:
        raise ValueError(f"there must be at least 1 interval, got {n_intervals}")
    return 1 - (1 - level) / n_intervals
