"""Scales of equations by NUTS, with everything else integrated out."""

import functools as ft
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float64, PRNGKeyArray
from numpyro.infer import hmc

from jaxdisp.causal import collapsed
from jaxdisp.causal.collapsed import Selected
from jaxdisp.causal.design import SCALE_SD
from jaxdisp.causal.sampling import Sampling, Walk

DEPTH = 8
"""Doublings of a trajectory at most; two scales per equation need three or four."""


def walk_scales(
    selected: list[Selected],
    effects: tuple[tuple[int, int], ...],
    key: PRNGKeyArray,
    sampling: Sampling,
) -> tuple[
    list[Float64[np.ndarray, "chain draw"]],
    list[Float64[np.ndarray, "chain draw effect"]],
    Walk,
]:
    """Samples the scales of all equations at once, by NUTS on their logarithms.

    Args:
        selected: products of each equation's columns.
        effects: (equation, slot) of each effect that has a spread.
        key: of the draws.
        sampling: how many.

    Returns:
        sigma of each equation, the spreads of its effects, and the walk.

    Reference: Hoffman and Gelman 2014, JMLR 15, 1593-1623.
    """
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        stacked = jax.tree.map(lambda *x: jnp.stack(x), *selected)
        found = _nuts(key, stacked, effects=effects, sampling=sampling)
        logs, energy, diverging, steps = jax.tree.map(np.asarray, found)
    n_equations = len(selected)
    scales = np.exp(logs)
    spread = np.zeros((*logs.shape[:2], n_equations, selected[0].across.shape[1]))
    for place, (number, slot) in enumerate(effects):
        spread[:, :, number, slot] = scales[..., n_equations + place]
    return (
        [scales[..., number] for number in range(n_equations)],
        [spread[:, :, number] for number in range(n_equations)],
        Walk(energy=energy, diverging=diverging, steps=steps),
    )


@ft.partial(jax.jit, static_argnames=("effects", "sampling"))
def _nuts(
    key: PRNGKeyArray,
    selected: Selected,
    *,
    effects: tuple[tuple[int, int], ...],
    sampling: Sampling,
) -> Any:
    """Logarithms of sigma of each equation, then of the effects' SDs."""
    n_equations, _, slots, _ = selected.across.shape

    def potential(logs: Array) -> Array:
        scales = jnp.exp(logs)
        spread = jnp.zeros((n_equations, slots), logs.dtype)
        if effects:
            places = tuple(zip(*effects, strict=True))
            spread = spread.at[places].set(scales[n_equations:])
        marginal = jax.vmap(collapsed.log_marginal)(
            selected, scales[:n_equations], spread
        )
        prior = jnp.sum(logs - (scales / SCALE_SD) ** 2 / 2)
        return -jnp.sum(marginal) - prior

    begin, step = hmc.hmc(potential, algo="NUTS")

    def chain(own: PRNGKeyArray) -> Any:
        first, second = jax.random.split(own)
        size = n_equations + len(effects)
        start = jax.random.uniform(first, (size,), jnp.float64, -2.0, 0.0)
        state = begin(start, sampling.tuning, max_tree_depth=DEPTH, rng_key=second)

        def keep(state: Any, _: None) -> Any:
            after = step(state)
            return after, (after.z, after.energy, after.diverging, after.num_steps)

        # one loop for tuning and all: a second would be compiled once more
        kept = jax.lax.scan(keep, state, length=sampling.tuning + sampling.draws)[1]
        return jax.tree.map(lambda x: x[sampling.tuning :], kept)

    return jax.vmap(chain)(jax.random.split(key, sampling.chains))
