"""Shannon's limits of discrete sources and channels, by Blahut's and Arimoto's method.

No code of `R` bits per weight has less distortion than the rate-distortion function
allows; how far a grid is from it is what cleverer codes could still save. Every result
comes with how far it may be from the truth, by Blahut's criterion.
"""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdisp.result import result

TOLERANCE = 1e-5
"""In bits; float32 knows sums of a thousand terms no better."""
MOST_STEPS = 3000

_State = tuple[Array, Array, Array, Array]
"""Letters, their correction, the normal of each symbol, and the number of the step."""


@result
class RatePoint:
    """A point of a rate-distortion function, in bits, with the slope there.

    `slope` is in bits per unit of distortion. The rate that the distortion needs is
    between `rate - gap` and `rate`.
    """

    rate: Float[Array, "*batch"]
    distortion: Float[Array, "*batch"]
    slope: Float[Array, "*batch"]
    gap: Float[Array, "*batch"]


@result
class Capacity:
    """What a channel carries per use, in bits, between `bits` and `bits + gap`."""

    bits: Float[Array, "*batch"]
    gap: Float[Array, "*batch"]
    inputs: Float[Array, "*batch input"]


@jax.jit
def rate_distortion(
    source: Float[Array, " symbol"],
    distortion: Float[Array, "symbol letter"],
    slope: Float[Array, ""],
) -> RatePoint:
    """Finds the point of a source's rate-distortion function that has a given slope.

    Definition: with `A = 2^(slope d)`, iterate `q <- q c`, `c_j = sum_i p_i A_ij /
    sum_k q_k A_ik`, until the bounds `R - sum q c log2 c` and `R - max log2 c` on the
    rate, `R = slope D - sum_i p_i log2 sum_k q_k A_ik`, are within 1e-5 bits.

    Args:
        source: probability of each symbol; symbols that never occur may be there.
        distortion: of each symbol when each letter stands for it, at least 0.
        slope: of the function, in bits per unit of distortion; negative.

    Reference: Blahut 1972, IEEE Transactions on Information Theory 18, theorems 5 and
        6.
    """
    log_kernel = slope * distortion * jnp.log(2.0)
    # the best letter of each symbol has weight 1, so that no row is rounded to 0
    best = jnp.max(log_kernel, axis=1)
    kernel = jnp.exp(log_kernel - best[:, None])

    def correction(letters: Array) -> tuple[Array, Array]:
        # symbols that never occur may have no letter left
        normal = jnp.maximum(kernel @ letters, 1e-30)
        return (source / normal) @ kernel, normal

    def distance(letters: Array, c: Array) -> Array:
        logs = jnp.log2(jnp.where(c > 0, c, 1.0))
        return jnp.max(jnp.log2(jnp.maximum(c, 1e-30))) - jnp.sum(letters * c * logs)

    # the correction is carried along, so that it is found once per step
    def unfinished(state: _State) -> Array:
        letters, c, _, step = state
        return (distance(letters, c) > TOLERANCE) & (step < MOST_STEPS)

    def improve(state: _State) -> _State:
        letters, c, _, step = state
        fresh = letters * c
        letters = fresh / jnp.sum(fresh)
        return letters, *correction(letters), step + 1

    n_letters = distortion.shape[1]
    first = jnp.full((n_letters,), 1.0 / n_letters, distortion.dtype)
    start = (first, *correction(first), jnp.int32(0))
    letters, c, normal, _ = jax.lax.while_loop(unfinished, improve, start)
    used = (source / normal)[:, None] * kernel * letters[None, :]
    mean = jnp.sum(used * distortion)
    logs = jnp.log2(normal) + best / jnp.log(2.0)
    logs_c = jnp.log2(jnp.where(c > 0, c, 1.0))
    rate = slope * mean - jnp.sum(source * logs) - jnp.sum(letters * c * logs_c)
    gap = jnp.maximum(distance(letters, c), 0.0)
    return RatePoint(rate=rate, distortion=mean, slope=slope, gap=gap)


@jax.jit
def channel_capacity(transition: Float[Array, "input output"]) -> Capacity:
    """Finds what a memoryless channel can carry.

    Definition: with `D_j` the divergence of row j from the mean row under `q`, iterate
    `q <- q 2^D / sum q 2^D`; the capacity is between `log2 sum q 2^D` and `max D`.

    Args:
        transition: probability of each output given each input, rows summing to 1.

    Reference: Arimoto 1972 and Blahut 1972, IEEE Transactions on Information Theory 18.
    """

    def divergences(inputs: Array) -> Array:
        outputs = inputs @ transition
        ratio = transition / jnp.where(outputs > 0, outputs, 1.0)[None, :]
        logs = jnp.log2(jnp.where(transition > 0, ratio, 1.0))
        return jnp.sum(transition * logs, axis=1)

    def bounds(inputs: Array) -> tuple[Array, Array]:
        d = divergences(inputs)
        return jnp.log2(jnp.sum(inputs * jnp.exp2(d))), jnp.max(d)

    def unfinished(state: tuple[Array, Array]) -> Array:
        low, high = bounds(state[0])
        return (high - low > TOLERANCE) & (state[1] < MOST_STEPS)

    def improve(state: tuple[Array, Array]) -> tuple[Array, Array]:
        fresh = state[0] * jnp.exp2(divergences(state[0]))
        return fresh / jnp.sum(fresh), state[1] + 1

    n_inputs = transition.shape[0]
    start = jnp.full((n_inputs,), 1.0 / n_inputs, transition.dtype)
    inputs, _ = jax.lax.while_loop(unfinished, improve, (start, jnp.int32(0)))
    low, high = bounds(inputs)
    return Capacity(bits=low, gap=jnp.maximum(high - low, 0.0), inputs=inputs)


def least_bits(points: RatePoint, distortion: float) -> float:
    """Bounds the rate at a distortion from below, by tangents.

    Definition: the largest of `rate - gap + slope (distortion - D)` over points of the
    function, which is convex; the bound is sharp to second order in how far the nearest
    point is.

    Args:
        points: on a batch axis.
        distortion: in the unit of the points.

    Reference: Berger 1971, Rate Distortion Theory, theorem 2.5.1 (convexity).
    """
    rate, slope, gap, at = (
        np.asarray(x, np.float64)
        for x in (points.rate, points.slope, points.gap, points.distortion)
    )
    return float(max(0.0, np.max(rate - gap + slope * (distortion - at))))


@ft.partial(jax.jit, static_argnames="bins")
def histogram_source(
    x: Float[Array, " value"], *, bins: int
) -> tuple[Float[Array, " symbol"], Float[Array, " symbol"]]:
    """Summarizes values by equally wide bins.

    Definition: the share of values in each bin between the least and the largest value,
    and their mean; of an empty bin its centre. What is lost of the variance is that
    within bins, about `width^2 / 12`.

    Args:
        x: values, in any unit.
        bins: how many.

    Reference: our own definition.
    """
    low, high = jnp.min(x), jnp.max(x)
    width = jnp.where(high > low, high - low, 1.0) / bins
    place = jnp.clip(((x - low) / width).astype(jnp.int32), 0, bins - 1)
    count = jnp.zeros(bins, x.dtype).at[place].add(1.0)
    offset = x - low - (place.astype(x.dtype) + 0.5) * width
    moved = jnp.zeros(bins, x.dtype).at[place].add(offset)
    centre = low + (jnp.arange(bins).astype(x.dtype) + 0.5) * width
    return count / x.shape[0], centre + moved / jnp.maximum(count, 1.0)
