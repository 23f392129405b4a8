"""Statistics of rows that count several times, as a resample's rows do."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def mean(
    x: Float[Array, " row *column"], *, weights: Float[Array, " row"] | None = None
) -> Float[Array, " *column"]:
    """Averages rows.

    Definition: `sum_i w_i x_i / sum_i w_i`.

    Args:
        x: in any unit.
        weights: how often each row counts; once if not said.

    Reference: Davison and Hinkley 1997, Bootstrap Methods and their Application,
        section 3.8.
    """
    times = _times(x, weights)
    return jnp.tensordot(times, x, axes=1, precision="highest") / jnp.sum(times)


def ratio(
    x: Float[Array, " row *column"],
    y: Float[Array, " row *column"],
    *,
    weights: Float[Array, " row"] | None = None,
) -> Float[Array, " *column"]:
    """Divides the mean of one column by that of another.

    Definition: `sum_i w_i x_i / sum_i w_i y_i`.

    Args:
        x: in any unit.
        y: in any unit.
        weights: how often each row counts; once if not said.

    Reference: Davison and Hinkley 1997, Bootstrap Methods and their Application,
        example 2.9.
    """
    return mean(x, weights=weights) / mean(y, weights=weights)


def median(
    x: Float[Array, " row"], *, weights: Float[Array, " row"] | None = None
) -> Float[Array, ""]:
    """Finds the middle of rows, halfway between the two middle ones of an even number.

    Definition: the mean of the values at places `floor((N - 1) / 2)` and `floor(N / 2)`
    from 0, of all `N = sum_i w_i` in order.

    Args:
        x: in any unit.
        weights: how often each row counts, in whole numbers; once if not said.

    Reference: Hyndman and Fan 1996, The American Statistician 50, definition 7.
    """
    times, order = _times(x, weights), jnp.argsort(x)
    up_to, ordered = jnp.cumsum(times[order]), x[order]
    n = jnp.sum(times)
    middle = jnp.stack([jnp.floor((n - 1) / 2), jnp.floor(n / 2)])
    return jnp.mean(ordered[jnp.searchsorted(up_to, middle, side="right")])


def correlation(
    x: Float[Array, " row *column"],
    y: Float[Array, " row *column"],
    *,
    weights: Float[Array, " row"] | None = None,
) -> Float[Array, " *column"]:
    """Correlates two columns; NaN if one of them is constant.

    Definition: Pearson's r of rows that count `w_i` times.

    Args:
        x: in any unit.
        y: in any unit.
        weights: how often each row counts; once if not said.

    Reference: Pearson 1896, Philosophical Transactions A 187.
    """
    # about the mean of all rows, whatever their weights, squares lose no digits
    x, y = (side - jnp.mean(side, axis=0, keepdims=True) for side in (x, y))
    means = [mean(side, weights=weights) for side in (x, y)]
    squares = [mean(side**2, weights=weights) for side in (x, y)]
    spreads = [s - m**2 for s, m in zip(squares, means, strict=True)]
    common = mean(x * y, weights=weights) - means[0] * means[1]
    # rounding gives a constant a spread of this share of its square
    rounding = 64 * jnp.finfo(x.dtype).eps
    defined = (spreads[0] > rounding * squares[0]) & (
        spreads[1] > rounding * squares[1]
    )
    scale = jnp.sqrt(jnp.where(defined, spreads[0] * spreads[1], 1.0))
    return jnp.where(defined, jnp.clip(common / scale, -1.0, 1.0), jnp.nan)


def rank_correlation(
    x: Float[Array, " row"],
    y: Float[Array, " row"],
    *,
    weights: Float[Array, " row"] | None = None,
) -> Float[Array, ""]:
    """Correlates ranks, ties sharing theirs; NaN if one side is constant.

    Definition: `correlation` of `r_i = sum_j w_j [x_j < x_i] + (1 + sum_j w_j
    [x_j = x_i]) / 2`.

    Args:
        x: in any unit.
        y: in any unit.
        weights: how often each row counts; once if not said.

    Reference: Spearman 1904, American Journal of Psychology 15; Kendall 1948, Rank
        Correlation Methods, chapter 3 (ties).
    """
    times = _times(x, weights)
    ranks = []
    for side in (x, y):
        below = (side[None, :] < side[:, None]).astype(times.dtype) @ times
        equal = (side[None, :] == side[:, None]).astype(times.dtype) @ times
        ranks.append(below + (1 + equal) / 2)
    return correlation(ranks[0], ranks[1], weights=times)


def _times(x: Array, weights: Array | None) -> Float[Array, " row"]:
    return jnp.ones(x.shape[0], x.dtype) if weights is None else jnp.asarray(weights)
