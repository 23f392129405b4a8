"""Optimal transport between clouds of points: along lines, and between Gaussians."""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jaxdisp.result import result


@result
class Gaussian:
    """Mean and root of the covariance (the symmetric one) of a Gaussian."""

    mean: Float[Array, " channel"]
    root: Float[Array, "channel channel"]


@ft.partial(jax.jit, static_argnames=("projections", "order"))
def sliced_wasserstein(
    x: Float[Array, "point channel"],
    y: Float[Array, "other channel"],
    key: PRNGKeyArray,
    *,
    projections: int,
    order: int = 2,
) -> Float[Array, ""]:
    """Estimates the sliced Wasserstein distance of two clouds.

    Definition: `(mean over directions u of W_p(u'x, u'y)^p)^(1/p)`, all points of a
    cloud weighing the same; clouds may differ in size.

    Args:
        x: one cloud, in any unit.
        y: the other.
        key: of the directions; the same key gives the same directions.
        projections: how many directions; the error falls as one over the root of them.
        order: p, 1 or more.

    Raises:
        ValueError: if either is below 1, or a cloud is empty.

    Reference: Bonneel et al. 2015, JMIV 51, definition 1, by Monte Carlo.
    """
    along = directions(key, projections, x.shape[1])
    return between_lines(on_lines(x, along), on_lines(y, along), order=order)


def directions(
    key: PRNGKeyArray, projections: int, channels: int
) -> Float[Array, "direction channel"]:
    """Draws directions uniformly from the sphere.

    Args:
        key: of the draws.
        projections: how many.
        channels: of the space.

    Raises:
        ValueError: if there is no direction.

    Reference: Muller 1959, CACM 2 (normal draws, divided by their length).
    """
    if projections < 1:
        raise ValueError(f"projections must be at least 1, got {projections}")
    drawn = jax.random.normal(key, (projections, channels))
    return drawn / jnp.linalg.norm(drawn, axis=1, keepdims=True)


def on_lines(
    x: Float[Array, "point channel"], along: Float[Array, "direction channel"]
) -> Float[Array, "direction point"]:
    """Projects a cloud on each direction and sorts: empirical quantile functions.

    Args:
        x: the cloud, in any unit.
        along: directions.

    Reference: Bonneel et al. 2015, JMIV 51, section 3.
    """
    return jnp.sort(jnp.matmul(along, x.T, precision="float32"), axis=1)


def between_lines(
    x: Float[Array, "direction point"],
    y: Float[Array, "direction other"],
    *,
    order: int = 2,
) -> Float[Array, ""]:
    """Measures the distance of two clouds that have been projected and sorted.

    Definition: `(mean over directions of the integral over u from 0 to 1 of
    |x(u) - y(u)|^p)^(1/p)`, with x(u) the quantile function: piecewise constant, with
    steps at multiples of one over the number of points. Exact for unequal sizes.

    Args:
        x: one cloud, from `on_lines`.
        y: the other, on the same directions.
        order: p, 1 or more.

    Raises:
        ValueError: if the order is below 1, or a cloud is empty.

    Reference: Peyre and Cuturi 2019, arXiv:1803.00567, equation 2.36.
    """
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    left, right, share = _steps(x.shape[1], y.shape[1])
    gap = jnp.abs(x[:, left] - y[:, right])
    largest = jnp.max(gap)
    # in units of the largest, so that no power over- or underflows
    scale = jnp.where(largest > 0, largest, jnp.ones_like(largest))
    cost = (gap / scale) ** order @ jnp.asarray(share, gap.dtype)
    return scale * jnp.mean(cost) ** (1 / order)


def _steps(
    n: int, m: int
) -> tuple[
    Int[np.ndarray, " step"], Int[np.ndarray, " step"], Float[np.ndarray, " step"]
]:
    """Where both quantile functions are constant: the points, and the length of it."""
    if min(n, m) < 1:
        raise ValueError(f"a cloud needs at least 1 point, got {n} and {m}")
    # in units of 1 / (n m), so that equal steps are equal
    ends = np.union1d(m * np.arange(1, n + 1), n * np.arange(1, m + 1))
    starts = np.concatenate([[0], ends[:-1]])
    return starts // m, starts // n, (ends - starts) / (n * m)


@jax.jit
def gaussian(x: Float[Array, "point channel"]) -> Gaussian:
    """Fits a Gaussian to a cloud.

    Definition: mean and, of the covariance with division by the number of points, the
    symmetric root, from the singular values of the centred cloud.

    Args:
        x: the cloud, in any unit.

    Raises:
        ValueError: if the cloud is empty.

    Reference: our own definition; maximum likelihood.
    """
    if len(x) < 1:
        raise ValueError("a Gaussian needs at least 1 point, got 0")
    mean = jnp.mean(x, axis=0)
    centred = (x - mean[None]) / len(x) ** 0.5
    _, values, axes = jnp.linalg.svd(centred, full_matrices=False)
    return Gaussian(
        mean=mean, root=jnp.matmul(axes.T * values[None], axes, precision="float32")
    )


@jax.jit
def gaussian_wasserstein(one: Gaussian, other: Gaussian) -> Float[Array, ""]:
    """Measures the 2-Wasserstein distance of two Gaussians.

    Definition: `W^2 = |m - n|^2 + tr A + tr B - 2 tr (A^1/2 B A^1/2)^1/2`, taken as
    `|m - n|^2 + |A^1/2 - B^1/2 U|_F^2` with U the orthogonal polar factor of
    `B^1/2 A^1/2`, which is the same without a difference of large numbers.

    Args:
        one: mean and root of the covariance, in any unit.
        other: the same.

    Reference: Bhatia, Jain and Lim 2019, arXiv:1712.01504, equation 3 and theorem 1.
    """
    product = ft.partial(jnp.matmul, precision="float32")
    left, _, right = jnp.linalg.svd(product(other.root, one.root))
    gap = one.root - product(other.root, product(left, right))
    return jnp.hypot(jnp.linalg.norm(one.mean - other.mean), jnp.linalg.norm(gap))
