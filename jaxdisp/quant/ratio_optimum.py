"""Which groups to protect for the smallest ratio of losses.

With additive losses, a language loses `A(S) = sum of a` and the reference
`B(S) = sum of b` over the groups outside the protected set `S`. Measured `a` and `b`
may be negative; what matters is that the reference loses something, `B > 0`.
"""

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Num

from jaxdisp.result import result


@result
class RatioOptimum:
    """The smallest ratio `A(S) / B(S)`, a set that attains it, and steps taken."""

    ratio: Float[np.ndarray, ""]
    protected: Bool[np.ndarray, " group"]
    steps: Int[np.ndarray, ""]


def least_ratio(
    losses: Num[ArrayLike, " group"],
    reference: Num[ArrayLike, " group"],
    *,
    n_protected: int,
) -> RatioOptimum:
    """Finds the set of a given size whose protection makes the ratio smallest.

    Definition: `min A(S) / B(S)` over `|S| = k`. With `B > 0` for every such `S`, it is
    the root of `min_S A(S) - r B(S)`, for which `S` are the `k` largest `a - r b`: each
    step takes the ratio of the last one's set, and the ratio falls until it is least.

    Args:
        losses: `a`, what the language loses by group, of any sign, in any unit.
        reference: `b`, what the reference language loses, in that unit.
        n_protected: `k`, at least 0 and below the number of groups.

    Raises:
        ValueError: if a loss is not finite, the number is out of range, or some set
            leaves the reference nothing to lose, where the ratio has no least value.

    Reference: Dinkelbach 1967, On Nonlinear Fractional Programming, Management Science
    13.
    """
    a, b = _finite(losses, reference)
    if not 0 <= n_protected < a.size:
        raise ValueError(
            f"n_protected must be from 0 to {a.size - 1}, one less than the number of "
            f"groups, got {n_protected}"
        )
    kept = a.size - n_protected
    if not np.sort(b)[:kept].sum() > 0:
        raise ValueError(
            f"some {n_protected} protected groups leave the reference no loss (its "
            f"least is {np.sort(b)[:kept].sum():.3g}), so that the ratio has no least "
            "value; protect fewer, or compare differences"
        )
    protected = _largest(a, n_protected)
    ratio, steps = a[~protected].sum() / b[~protected].sum(), 0
    while True:
        trial = _largest(a - ratio * b, n_protected)
        lower = a[~trial].sum() / b[~trial].sum()
        if not lower < ratio:
            break
        protected, ratio, steps = trial, lower, steps + 1
    return RatioOptimum(
        ratio=np.asarray(ratio), protected=protected, steps=np.asarray(steps)
    )


def _finite(
    losses: Num[ArrayLike, " group"], reference: Num[ArrayLike, " group"]
) -> tuple[Float[np.ndarray, " group"], Float[np.ndarray, " group"]]:
    """Takes losses of any sign, but no missing ones."""
    a, b = np.asarray(losses, np.float64), np.asarray(reference, np.float64)
    missing = np.sum(~np.isfinite(a)) + np.sum(~np.isfinite(b))
    if missing:
        raise ValueError(f"losses and reference must be finite, {missing} are not")
    return a, b


def _largest(values: Float[np.ndarray, " group"], count: int) -> np.ndarray:
    """Marks the `count` largest, the first ones among equals."""
    marks = np.zeros(values.shape, bool)
    marks[np.argsort(-values, kind="stable")[:count]] = True
    return marks
