"""Linear probes: what can be read off hidden states, and what a probe learns anyway."""

import functools as ft
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jaxdisp.result import result

FOLDS, REPEATS = 4, 3
PENALTY, STEPS = 0.01, 200


@result
class HeldOut:
    """How often a probe was right about items that it had not seen, by tap and item.

    `feature` is the share of repeats in which the item's label was told, `control` the
    same for labels drawn at random for each type.
    """

    feature: Float[np.ndarray, "tap item"]
    control: Float[np.ndarray, "tap item"]


def standardized(
    states: Float[np.ndarray, "tap item width"],
) -> Float[np.ndarray, "tap item width"]:
    """Scales every coordinate to mean 0 and variance `1 / width` over the items.

    No label is used for it. A coordinate that is constant becomes 0.

    Args:
        states: of each item, after each layer.

    Reference: our own definition.
    """
    values = states.astype(np.float64)
    centred = values - values.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.mean(centred**2, axis=1, keepdims=True))
    rounding = 1e-6 * np.abs(values).max(axis=1, keepdims=True)  # of float32
    scaled = np.divide(
        centred, spread, out=np.zeros_like(centred), where=spread > rounding
    )
    return (scaled / np.sqrt(states.shape[-1])).astype(np.float32)


@ft.partial(jax.jit, static_argnames="steps")
def fit(
    inputs: Float[Array, "item width"],
    labels: Float[Array, " item"],
    weights: Float[Array, " item"],
    *,
    penalty: float = PENALTY,
    steps: int = STEPS,
) -> tuple[Float[Array, " width"], Float[Array, ""]]:
    """Fits a logistic regression to some of the items.

    Definition: the minimum of `sum v (log(1 + exp z) - y z) / sum v + penalty w w / 2`
    with `z = w x + b`, by so many steps of Nesterov's method. The curvature is at most
    `(mean of x x + 1) / 4 + penalty`, and a step is as long as that allows.

    Args:
        inputs: states, of length about 1.
        labels: 0 or 1.
        weights: 1 for items that count, else 0.
        penalty: on the squared length of the coefficients.
        steps: how many.

    Returns:
        Coefficients and intercept.

    Reference: Nesterov 1983; Alain and Bengio 2016, arXiv:1610.01644 (linear probes).
    """
    probe = nnx.Linear(
        inputs.shape[1], 1, kernel_init=nnx.initializers.zeros, rngs=nnx.Rngs(0)
    )
    form, start = nnx.split(probe)
    share = weights / jnp.sum(weights)
    squares = jnp.sum(share * (jnp.sum(inputs**2, axis=1) + 1))
    optimizer = optax.sgd(1 / (squares / 4 + penalty), momentum=0.9, nesterov=True)

    def loss(params: Any) -> Array:
        z = nnx.merge(form, params)(inputs)[:, 0]
        ridge = penalty / 2 * jnp.sum(params["kernel"].get_value() ** 2)
        return jnp.sum(share * (jax.nn.softplus(z) - labels * z)) + ridge

    def step(carry: tuple[Any, Any], _: None) -> tuple[tuple[Any, Any], None]:
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        return (optax.apply_updates(params, updates), state), None

    first = (start, optimizer.init(start))
    (params, _), _ = jax.lax.scan(step, first, None, length=steps)
    return params["kernel"].get_value()[:, 0], params["bias"].get_value()[0]


def held_out(
    states: Float[np.ndarray, "tap item width"],
    labels: Int[np.ndarray, " item"],
    units: Int[np.ndarray, " item"],
    types: Int[np.ndarray, " item"],
    *,
    key: PRNGKeyArray,
    size: int | None = None,
) -> HeldOut:
    """Probes states for a feature, and for labels that mean nothing, after each layer.

    Definition: units are dealt into 4 folds at random, 3 times; a probe fitted to the
    items of three folds is asked about those of the fourth. In the control task each
    type has a label drawn anew at each repeat, so that a probe can be right about it
    only by knowing the type. The difference between the two is the selectivity.

    Args:
        states: of each item, after each layer.
        labels: the feature, 0 or 1.
        units: items of one unit are held out together.
        types: items of one type look the same, such as the last word that was read.
        key: of folds and control tasks.
        size: number of items to fill up to, so that tasks of unequal size share one
            compiled program; None is no more than there are.

    Raises:
        ValueError: if there are fewer units than folds.

    Reference: Hewitt and Liang 2019, arXiv:1909.03368, sections 2 and 3.
    """
    n_units = len(np.unique(units))
    if n_units < FOLDS:
        raise ValueError(f"probes need at least {FOLDS} units, got {n_units}")
    n_items, full = len(labels), max(len(labels), size or 0)
    fold, control = _draws(key, units, types, full)
    told = np.stack([np.broadcast_to(labels, control.shape), control], axis=1)
    train = fold[:, None, :] != np.arange(FOLDS)[None, :, None]
    spare = full - n_items
    inputs = np.pad(standardized(states), ((0, 0), (0, spare), (0, 0)))
    logits = np.asarray(
        _probe(
            jnp.asarray(inputs),
            jnp.asarray(np.pad(told, ((0, 0), (0, 0), (0, spare))), jnp.float32),
            jnp.asarray(np.pad(train, ((0, 0), (0, 0), (0, spare))), jnp.float32),
        )
    )[..., :n_items]
    asked = np.take_along_axis(logits, fold[None, :, None, None, :], axis=3)[:, :, :, 0]
    right = np.where(asked == 0, 0.5, (asked > 0) == (told == 1)[None])
    return HeldOut(feature=right[:, :, 0].mean(axis=1), control=right[:, :, 1].mean(1))


def _draws(
    key: PRNGKeyArray, units: np.ndarray, types: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fold of each item, and its label in the control task, by repeat."""
    order, coins = np.asarray(jax.random.bits(key, (2, REPEATS, size)))
    numbers, unit = np.unique(units, return_inverse=True)
    rank = np.argsort(np.argsort(order[:, : len(numbers)], axis=1), axis=1)
    _, kind = np.unique(types, return_inverse=True)
    return (rank % FOLDS)[:, unit], (coins[:, kind] & 1).astype(np.int64)


@jax.jit
def _probe(
    inputs: Float[Array, "tap item width"],
    labels: Float[Array, "repeat task item"],
    weights: Float[Array, "repeat fold item"],
) -> Float[Array, "tap repeat task fold item"]:
    """Logits of all items, from probes of each tap, repeat, task and fold."""

    def one(x: Array, y: Array, v: Array) -> Array:
        coefficients, intercept = fit(x, y, v)
        return x @ coefficients + intercept

    folds = jax.vmap(one, (None, None, 0))
    tasks = jax.vmap(folds, (None, 0, None))
    repeats = jax.vmap(tasks, (None, 0, 0))
    return jax.vmap(repeats, (0, None, None))(inputs, labels, weights)
