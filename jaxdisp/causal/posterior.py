"""The posterior of a structural model: scales by NUTS, all else drawn given them."""

import dataclasses
import functools as ft
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray
from numpyro import handlers
from numpyro.infer import hmc, initialization, mcmc
from numpyro.infer.reparam import LocScaleReparam, Reparam

from jaxdisp.causal import collapsed, structural
from jaxdisp.causal.collapsed import Equation, Grams
from jaxdisp.causal.design import (
    CONSTANT,
    SCALE_SD,
    Design,
    Scales,
    Specification,
    make_design,
)
from jaxdisp.causal.graph import Graph
from jaxdisp.causal.units import Units

DEPTH = 8
"""Doublings of a trajectory at most; two scales per equation need three or four."""

MANY_ROWS = 20
"""Of a language, above which its effects are sampled as they are."""

Arrow = tuple[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampling:
    """How many draws each chain keeps, how many before tune it, and how many chains."""

    draws: int = 1000
    tuning: int = 500
    chains: int = 4


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Walk:
    """What the sampler did: energies, divergences, and gradients taken per draw."""

    energy: Float[np.ndarray, "chain draw"]
    diverging: Bool[np.ndarray, "chain draw"]
    steps: Any


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Standard:
    """Draws in standard units, by node: the last axes as in `structural.generate`.

    `effects` are the deviations of languages, times their SDs `tau`.
    """

    b: dict[str, np.ndarray]
    sigma: dict[str, np.ndarray]
    tau: dict[str, np.ndarray]
    effects: dict[str, np.ndarray]
    freedom: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Posterior:
    """Draws of what a structural model leaves open, in units of the link.

    `coefficients` are of arrows (cause, effect): elasticities under the log link, and
    per unit of the cause under the linear one; given ones are not among them.
    `covariates` are per unit of the covariate. `constants` are what a node is where all
    its regressors are 0. `sigma` and `tau` are the SDs of errors and of the constants
    of languages, whose deviations from the common one are `languages`; `slopes` are
    those of coefficients, and `slope_sds` their SDs. `freedom` are degrees of freedom
    of Student errors. Draws are of shape "chain draw", those by language "chain draw
    language"; `standard` has all of them in the standard units of the design.
    """

    design: Design
    coefficients: dict[Arrow, np.ndarray]
    covariates: dict[Arrow, np.ndarray]
    constants: dict[str, np.ndarray]
    sigma: dict[str, np.ndarray]
    tau: dict[str, np.ndarray]
    languages: dict[str, np.ndarray]
    slopes: dict[Arrow, np.ndarray]
    slope_sds: dict[Arrow, np.ndarray]
    freedom: dict[str, np.ndarray]
    standard: Standard
    walk: Walk

    @property
    def graph(self) -> Graph:
        """The arrows that were allowed."""
        return self.design.specification.graph

    @property
    def link(self) -> str:
        """The link that was taken, which may be another than was asked for."""
        return self.design.specification.link

    @property
    def units(self) -> Units:
        """The rows it was fitted to."""
        return self.design.units


def fit(
    units: Units,
    specification: Specification | None = None,
    *,
    key: PRNGKeyArray,
    sampling: Sampling | None = None,
    scales: Scales | None = None,
) -> Posterior:
    """Infers a structural model from units.

    Definition: of `structural.generate`, given the nodes. With Gaussian errors the
    scales alone are walked through, by NUTS on their logarithms, with all else
    integrated out (`collapsed`); it is drawn given them afterwards, exactly. With
    Student errors NUTS walks through everything, row by row. Chains run side by side in
    one program.

    Args:
        units: rows.
        specification: of the model; None is the default.
        key: of the draws.
        sampling: how many; None is the default.
        scales: as in `design.make_design`.

    Raises:
        ValueError: as in `design.make_design`, or if there are no draws.

    Reference: Hoffman and Gelman 2014, JMLR 15, 1593-1623 (NUTS).
    """
    design = make_design(units, specification, scales)
    how = sampling or Sampling()
    if min(how.draws, how.tuning, how.chains) < 1:
        raise ValueError(
            f"draws, tuning and chains must be at least 1, got {how.draws}, "
            f"{how.tuning} and {how.chains}"
        )
    by_rows = design.specification.errors != "gaussian"
    drawn, walk = (fit_rows if by_rows else _fit_collapsed)(design, key, how)
    return _in_units(design, drawn, walk)


def fit_rows(
    design: Design, key: PRNGKeyArray, sampling: Sampling
) -> tuple[Standard, Walk]:
    """Infers the generative program itself, with every language and row in it.

    Args:
        design: of the model.
        key: of the draws.
        sampling: how many.

    Reference: Hoffman and Gelman 2014, JMLR 15, 1593-1623 (NUTS).
    """
    place = {name: number for number, name in enumerate(design.names)}
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        observed = {
            node: jnp.asarray(design.columns[:, place[node]])
            for node in ("T", "A", "R", "D")
        }
        sampler = mcmc.MCMC(
            hmc.NUTS(
                _parametrized(design),
                init_strategy=initialization.init_to_median(),
            ),
            num_warmup=sampling.tuning,
            num_samples=sampling.draws,
            num_chains=sampling.chains,
            chain_method="vectorized",
            progress_bar=False,
        )
        with jax.numpy_rank_promotion("allow"):
            sampler.run(
                key, observed, extra_fields=("energy", "diverging", "num_steps")
            )
        found = jax.tree.map(np.asarray, sampler.get_samples(group_by_chain=True))
        extra = sampler.get_extra_fields(group_by_chain=True)
    nodes = design.nodes
    tau = {node: found[f"tau_{node}"] for node in nodes if design.varying[node]}
    drawn = Standard(
        b={node: found[f"b_{node}"] for node in nodes},
        sigma={node: found[f"sigma_{node}"] for node in nodes},
        tau=tau,
        effects={node: found[f"u_{node}"] for node in tau},
        freedom={
            node: structural.LEAST_FREEDOM + found[f"freedom_{node}"]
            for node in nodes
            if f"freedom_{node}" in found
        },
    )
    walk = Walk(
        energy=np.asarray(extra["energy"]),
        diverging=np.asarray(extra["diverging"]),
        steps=np.asarray(extra["num_steps"]),
    )
    return drawn, walk


def _parametrized(design: Design) -> Any:
    """The program, with effects of languages in the form that suits their rows.

    What many rows determine is walked through as it is, what few do in units of its SD.
    """
    program = ft.partial(structural.generate, design)
    rows = len(design.units.language) / len(design.units.languages)
    if rows >= MANY_ROWS:
        return program
    apart: dict[str, Reparam] = {
        f"u_{node}": LocScaleReparam(centered=0) for node in design.nodes
    }
    return handlers.reparam(program, config=apart)


def _fit_collapsed(
    design: Design, key: PRNGKeyArray, sampling: Sampling
) -> tuple[Standard, Walk]:
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        grams = collapsed.make_grams(
            design.columns, design.units.language, len(design.units.languages)
        )
        equations = jax.tree.map(jnp.asarray, design.equations)
        found = jax.tree.map(
            np.asarray,
            _drawn(
                key,
                grams,
                equations,
                effects=design.effects,
                sampling=sampling,
            ),
        )
    sigma, tau, b, effects, (energy, diverging, steps) = found
    drawn = Standard(b={}, sigma={}, tau={}, effects={}, freedom={})
    for number, node in enumerate(design.nodes):
        drawn.sigma[node] = sigma[:, :, number]
        drawn.b[node] = b[:, :, number, : len(design.regressors[node])]
        slots = len(design.varying[node])
        if slots:
            drawn.tau[node] = tau[:, :, number, :slots]
            drawn.effects[node] = effects[:, :, number, :, :slots]
    return drawn, Walk(energy=energy, diverging=diverging, steps=steps)


@ft.partial(jax.jit, static_argnames=("effects", "sampling"))
def _drawn(
    key: PRNGKeyArray,
    grams: Grams,
    equations: Equation,
    *,
    effects: tuple[tuple[int, int], ...],
    sampling: Sampling,
) -> Any:
    """Scales of all equations by NUTS, then coefficients and effects given them."""
    n_equations, slots = equations.effects.shape
    selected = jax.vmap(ft.partial(collapsed.select, grams))(equations)

    def scales(logs: Array) -> tuple[Array, Array]:
        sigma, free = jnp.exp(logs[:n_equations]), jnp.exp(logs[n_equations:])
        spread = jnp.zeros((n_equations, slots), logs.dtype)
        if effects:
            spread = spread.at[tuple(zip(*effects, strict=True))].set(free)
        return sigma, spread

    def potential(logs: Array) -> Array:
        sigma, spread = scales(logs)
        marginal = jax.vmap(collapsed.log_marginal)(selected, sigma, spread)
        prior = jnp.sum(logs - (jnp.exp(logs) / SCALE_SD) ** 2 / 2)
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

    walk_key, draw_key = jax.random.split(key)
    logs, *walked = jax.vmap(chain)(jax.random.split(walk_key, sampling.chains))
    sigma, spread = jax.vmap(jax.vmap(scales))(logs)
    keys = jax.random.split(draw_key, (*sigma.shape,))
    draw = jax.vmap(collapsed.draw_coefficients, (0, 0, 0, 0))
    each = jax.vmap(jax.vmap(draw, (None, 0, 0, 0)), (None, 0, 0, 0))
    coefficients, deviations = each(selected, sigma, spread, keys)
    return sigma, spread, coefficients, deviations, tuple(walked)


def _in_units(design: Design, drawn: Standard, walk: Walk) -> Posterior:
    """Takes draws from standard units to those of the link."""
    location, scale = design.scales.location, design.scales.scale
    found = Posterior(
        design=design,
        coefficients={},
        covariates={},
        constants={},
        sigma={},
        tau={},
        languages={},
        slopes={},
        slope_sds={},
        freedom=drawn.freedom,
        standard=drawn,
        walk=walk,
    )
    for node in design.nodes:
        unit = scale[node]
        fixed = design.fixed.get(node)
        constant = location[node] + unit * drawn.b[node][..., 0]
        if fixed is not None:
            constant = constant - fixed[1] * unit / scale[fixed[0]] * location[fixed[0]]
        for place, name in enumerate(design.regressors[node]):
            if name == CONSTANT:
                continue
            by = drawn.b[node][..., place] * unit / scale[name]
            constant = constant - by * location[name]
            arrows = name in design.units.covariates
            (found.covariates if arrows else found.coefficients)[name, node] = by
        for place, name in enumerate(design.varying[node]):
            sd, effects = drawn.tau[node][..., place], drawn.effects[node][..., place]
            if name == CONSTANT:
                found.tau[node] = sd * unit
                found.languages[node] = effects * unit
            else:
                found.slope_sds[name, node] = sd * unit / scale[name]
                found.slopes[name, node] = effects * unit / scale[name]
        found.constants[node] = constant
        found.sigma[node] = drawn.sigma[node] * unit
    return found
