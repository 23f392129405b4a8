"""What states of a quantized model tell about those in full precision, by text.

Both are computed from the same tokens without chance, so that in the strict sense one
determines the other. What is measured is how well they agree as a Gaussian channel
would: quantization as noise that is added to the main components of the states.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jaxdisp.measure import information, information_neighbours, transport
from jaxdisp.result import result

COMPONENTS = 16
TOKENS_PER_CHANNEL = 10
MIN_TOKENS = 2 * COMPONENTS * TOKENS_PER_CHANNEL
"""Covariances of all components of both sides need that many tokens."""
CLOUD, PROJECTIONS = 512, 64
CHECKED, CHECK_COMPONENTS = 1000, 2


@result
class Kept:
    """What is kept after each layer, in one language.

    `bits` is the mutual information of the main components of both states, `left_out`
    the same without each text, `signal` the effective bits: half the binary logarithm
    of signal over noise; all per token and component. `noise` is the root mean square
    distance of the two states of a token, `moved` the sliced Wasserstein distance of
    the two clouds of tokens, both per channel and in deviations of the states.
    """

    bits: Float[np.ndarray, " layer"]
    left_out: Float[np.ndarray, "group layer"]
    signal: Float[np.ndarray, " layer"]
    noise: Float[np.ndarray, " layer"]
    moved: Float[np.ndarray, " layer"]


@result
class Check:
    """Bits per component of two components, by neighbours and as a Gaussian."""

    neighbours: float
    gaussian: float


def kept_information(
    full: Float[np.ndarray, "layer token width"],
    rounded: Float[np.ndarray, "layer token width"],
    group: Int[np.ndarray, " token"],
    *,
    n_groups: int,
    key: PRNGKeyArray,
) -> Kept:
    """Measures how much of the states survives quantization, layer by layer.

    Definition: with x the 16 main components of the full-precision states (of all
    texts, also where one is left out) and y the quantized states in the same axes,
    `bits = gaussian_information / (16 ln 2)`, corrected for the number of tokens, and
    `signal` the mean over components of `signal_information / ln 2` with noise `E (x -
    y)^2`. `signal` counts as noise what a linear map could undo, `bits` does not, so
    that it is never less but for its correction.

    Args:
        full: states in full precision, after each layer.
        rounded: those of the same tokens in the quantized model.
        group: number of the text of each token, 0 to `n_groups - 1`.
        n_groups: how many texts there are.
        key: of the directions of the sliced distance.

    Raises:
        ValueError: if there are no more tokens, with some text left out, than channels.

    Reference: our own definition; a Gaussian channel as in Cover and Thomas 2006,
        chapter 9.
    """
    layers = [
        _one_layer(components(x, y), group, n_groups)
        for x, y in zip(full, rounded, strict=True)
    ]
    bits, left_out, signal = (np.stack(part) for part in zip(*layers, strict=True))
    scale = np.sqrt(np.var(full, axis=1, dtype=np.float64).mean(axis=1))
    gap = np.square(rounded.astype(np.float64) - full).mean(axis=(1, 2))
    return Kept(
        bits=bits,
        left_out=left_out.T,
        signal=signal,
        noise=np.sqrt(gap) / scale,
        moved=_moved(full, rounded, key) / scale,
    )


def components(
    full: Float[np.ndarray, "token width"], rounded: Float[np.ndarray, "token width"]
) -> Float[np.ndarray, "token channel"]:
    """Projects both states on the main axes of the full-precision ones.

    Definition: `principal_axes` of the covariance of the first; both less the mean of
    the first. There are at most 16, and less where states do not vary in as many.

    Args:
        full: states in full precision, after one layer.
        rounded: those of the same tokens in the quantized model.

    Returns:
        The components of the first, then those of the second.

    Reference: our own definition.
    """
    doubled = full.astype(np.float64)
    mean = doubled.mean(axis=0)
    covariance = (doubled - mean).T @ (doubled - mean) / max(len(full) - 1, 1)
    variance, axes = information.principal_axes(
        covariance, min(COMPONENTS, full.shape[1])
    )
    varies = variance > information.ROUNDING * max(float(variance[0]), 0.0)
    axes = axes[:, varies]
    return np.concatenate([(doubled - mean) @ axes, (rounded - mean) @ axes], axis=1)


def _one_layer(
    both: Float[np.ndarray, "token channel"],
    group: Int[np.ndarray, " token"],
    n_groups: int,
) -> tuple[float, Float[np.ndarray, " group"], float]:
    """Bits of all texts, without each text, and effective bits; NaN if nothing varies.

    Sums over each text are enough for all of these.
    """
    count = both.shape[1] // 2
    if count == 0:
        return np.nan, np.full(n_groups, np.nan), np.nan
    sizes = np.bincount(group, minlength=n_groups)
    by_text = both[np.argsort(group, kind="stable")]
    texts = np.split(by_text, np.cumsum(sizes)[:-1])
    sums = np.stack([text.sum(axis=0) for text in texts])
    squares = np.stack([text.T @ text for text in texts])
    whole = squares.sum(axis=0), sums.sum(axis=0), sizes.sum()
    signal = np.var(both[:, :count], axis=0)
    noise = np.mean((both[:, :count] - both[:, count:]) ** 2, axis=0)
    return (
        float(_bits(*whole)),
        _bits(whole[0] - squares, whole[1] - sums, whole[2] - sizes),
        float(information.signal_information(signal, noise).mean() / np.log(2)),
    )


def _bits(
    squares: Float[np.ndarray, "*batch channel channel"],
    sums: Float[np.ndarray, "*batch channel"],
    sizes: np.integer | Int[np.ndarray, "*batch"],
) -> Float[np.ndarray, "*batch"]:
    """Information of both halves of the channels per component, from sums over n."""
    count = sums.shape[-1] // 2
    n = np.asarray(sizes)
    centre = sums[..., :, None] * sums[..., None, :] / n[..., None, None]
    covariance = (squares - centre) / (n - 1)[..., None, None]
    found = information.gaussian_information(covariance, count, n)
    return np.asarray(found / (count * np.log(2)))


def _moved(
    full: Float[np.ndarray, "layer token width"],
    rounded: Float[np.ndarray, "layer token width"],
    key: PRNGKeyArray,
) -> Float[np.ndarray, " layer"]:
    """Sliced Wasserstein distance of the clouds, of evenly spaced tokens."""
    n = full.shape[1]
    chosen = np.linspace(0, n - 1, min(n, CLOUD)).astype(int)
    clouds = (jnp.asarray(side[:, chosen], jnp.float32) for side in (full, rounded))
    return np.asarray(_sliced(*clouds, key), np.float64)


@jax.jit
def _sliced(
    one: Float[Array, "layer token width"],
    other: Float[Array, "layer token width"],
    key: PRNGKeyArray,
) -> Float[Array, " layer"]:
    return jax.vmap(
        lambda x, y: transport.sliced_wasserstein(x, y, key, projections=PROJECTIONS)
    )(one, other)


def check_neighbours(
    full: Float[np.ndarray, "token width"], rounded: Float[np.ndarray, "token width"]
) -> Check:
    """Compares the Gaussian information with that from neighbours, on few components.

    Definition: `information_neighbours.neighbour_information` and
    `information.gaussian_information` of the two main components of both sides, on the
    same at most 1000 evenly spaced tokens, no two of which are equal; per component.
    NaN where there are not enough.

    Args:
        full: states in full precision, after one layer.
        rounded: those of the same tokens in the quantized model.

    Reference: our own definition.
    """
    both = components(full, rounded)
    count = min(CHECK_COMPONENTS, both.shape[1] // 2)
    half = both.shape[1] // 2
    few = np.concatenate([both[:, :count], both[:, half : half + count]], axis=1)
    chosen = np.linspace(0, len(few) - 1, min(len(few), CHECKED)).astype(int)
    few = few[chosen]
    few = few[information_neighbours.distinct(few)] if count else few
    unit = max(count, 1) * np.log(2)
    if count == 0 or len(few) < TOKENS_PER_CHANNEL * 2 * count:
        return Check(neighbours=np.nan, gaussian=np.nan)
    gaussian = information.gaussian_information(
        np.cov(few, rowvar=False), count, len(few)
    )
    return Check(
        neighbours=information_neighbours.neighbour_information(
            few[:, :count], few[:, count:]
        )
        / unit,
        gaussian=float(gaussian) / unit,
    )
