"""Mutual information from below: how well one representation picks out its partner."""

from typing import Any

import flax.nnx as nnx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

DIMENSIONS = 16
STEPS = 100
RATE = 0.1
LEAST_PAIRS = 16
"""On either side of the split; of fewer the bound is at most ln 16 = 2.8 nats."""


class Critic(nnx.Module):
    """Scores pairs by a cosine with a weight for each dimension, 1 at first.

    The loss is convex in the weights. A full matrix of 16 x 16 fits 64 pairs by heart
    and misleads on others.
    """

    def __init__(self, dimensions: int) -> None:
        self.weight = nnx.Param(jnp.ones(dimensions))

    def __call__(
        self, x: Float[Array, "pair dimension"], y: Float[Array, "pair dimension"]
    ) -> Float[Array, "pair pair"]:
        """Scores every x with every y.

        Definition: `sum_k w_k x_k y_k / (|x| |y|)`.

        Args:
            x: one side of each pair.
            y: the other.

        Reference: our own definition; scaled cosines as in Radford et al. 2021,
            arXiv:2103.00020, section 2.3.
        """
        return (_unit(x) * self.weight[...][None]) @ _unit(y).T


def bound(scores: Float[Array, "pair pair"]) -> Float[Array, ""]:
    """Bounds mutual information by how well scores tell partners from others.

    Definition: `ln N + mean_i log softmax(scores[i])[i]`, averaged with the same of
    columns. Each is a lower bound for any scores that were not fitted to these pairs,
    which must be independent; neither exceeds `ln N`.

    Args:
        scores: of all N x with all N y, partners on the diagonal.

    Returns:
        Nats; negative where scores mislead.

    Reference: van den Oord et al. 2018, arXiv:1807.03748, equation 4 and appendix A.1.
    """
    rows = jnp.diagonal(jax.nn.log_softmax(scores, axis=1))
    columns = jnp.diagonal(jax.nn.log_softmax(scores, axis=0))
    return jnp.log(jnp.float32(len(scores))) + jnp.mean(rows + columns) / 2


def pairs_per_half(groups: Int[np.ndarray, " pair"]) -> int:
    """Counts the pairs that `information_bounds` fits and tests with.

    Args:
        groups: text of each sentence.

    Reference: our own definition.
    """
    return min(len(half) for half in _halves(groups))


def _halves(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.unique(groups, return_inverse=True)[1]
    return np.flatnonzero(order % 2 == 0), np.flatnonzero(order % 2 == 1)


def information_bounds(
    x: Float[np.ndarray, "language pair channel"],
    y: Float[np.ndarray, "language pair channel"],
    groups: Int[np.ndarray, " pair"],
) -> Float[np.ndarray, " language"]:
    """Bounds the mutual information of paired representations from below.

    Definition: texts are split into two halves by their order. On one half, both sides
    are centred and scaled to variance 1 along the leading principal components of both
    together, and a `Critic` is fitted to raise `bound`; the other half gives the bound.
    The mean of both ways round. With m pairs in the smaller half it is at most ln m; of
    a larger half the first m are used. Sentences of one text are alike, so that a bound
    that takes them for independent errs downwards, if at all.

    Args:
        x: representations in each language, of sentences in the same order.
        y: partners in the same space.
        groups: text of each sentence; a text is never in both halves.

    Returns:
        Nats, by language.

    Raises:
        ValueError: if a half has fewer than 16 pairs.

    Reference: van den Oord et al. 2018, arXiv:1807.03748; Poole et al. 2019,
        arXiv:1905.06922, section 2.2 (the bound); the split is cross-fitting.
    """
    pairs = pairs_per_half(groups)
    if pairs < LEAST_PAIRS:
        raise ValueError(
            f"needs at least {LEAST_PAIRS} pairs in each half of the texts, got {pairs}"
        )
    first, second = (half[:pairs] for half in _halves(groups))
    sides = [
        [
            _reduced(one[train], other[train], one[test], other[test])
            for train, test in ((first, second), (second, first))
        ]
        for one, other in zip(x, y, strict=True)
    ]
    stacked = jnp.asarray(np.array(sides), jnp.float32)
    return np.asarray(_fitted_bounds(stacked), np.float64).mean(axis=1)


def _reduced(*sides: np.ndarray) -> np.ndarray:
    """Scales x and y of training and x and y held out as training says."""
    train = [side.astype(np.float64) for side in sides[:2]]
    means = [side.mean(axis=0) for side in train]
    centred = [side - mean for side, mean in zip(sides, [*means, *means], strict=True)]
    both = np.concatenate(centred[:2])
    _, values, rows = np.linalg.svd(both, full_matrices=False)
    kept = min(DIMENSIONS, int(np.sum(values > 1e-6 * values[0])))
    scaled = rows[:kept].T * np.sqrt(len(both)) / values[:kept]
    found = np.zeros((4, len(sides[0]), DIMENSIONS))
    found[:, :, :kept] = np.stack([side @ scaled for side in centred])
    return found


def _unit(x: Array) -> Array:
    return x / jnp.sqrt(jnp.sum(x**2, axis=-1, keepdims=True) + 1e-12)


@jax.jit
def _fitted_bounds(
    sides: Float[Array, "language half 4 pair dimension"],
) -> Float[Array, "language half"]:
    graph, start = nnx.split(Critic(sides.shape[-1]))
    optimizer = optax.adam(RATE)

    def one(side: Array) -> Array:
        def loss(params: Any) -> Array:
            return -bound(nnx.merge(graph, params)(side[0], side[1]))

        def step(carry: tuple, _: None) -> tuple[tuple, None]:
            params, state = carry
            gradient = jax.grad(loss)(params)
            with jax.numpy_dtype_promotion("standard"):  # Adam counts in integers
                updates, state = optimizer.update(gradient, state, params)
            return (optax.apply_updates(params, updates), state), None

        begun = (start, optimizer.init(start))
        (params, _), _ = jax.lax.scan(step, begun, None, length=STEPS)
        return bound(nnx.merge(graph, params)(side[2], side[3]))

    return jax.vmap(jax.vmap(one))(sides)
