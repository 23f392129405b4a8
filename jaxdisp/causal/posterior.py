"""The posterior of a structural model: scales by NUTS, all else drawn given them."""

import dataclasses
import functools as ft
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray
from numpyro import handlers
from numpyro.infer import hmc, initialization, mcmc
from numpyro.infer.reparam import LocScaleReparam, Reparam
from scipy import special

from jaxdisp.causal import collapsed, scale_draws, structural
from jaxdisp.causal.collapsed import Selected
from jaxdisp.causal.design import (
    CONSTANT,
    Design,
    Scales,
    Specification,
    make_design,
)
from jaxdisp.causal.graph import Graph
from jaxdisp.causal.sampling import Sampling, Walk
from jaxdisp.causal.scale_walk import walk_scales
from jaxdisp.causal.units import Units

MANY_ROWS = 20
"""Of a language, above which its effects are sampled as they are."""

Arrow = tuple[str, str]


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

    Definition: of `structural.generate`, given the nodes. With Gaussian errors only the
    scales are sampled, all else being integrated out (`collapsed`) and drawn given them
    afterwards, exactly: by `scale_draws`, or by NUTS on their logarithms where slopes
    make more than two of an equation. With Student errors NUTS walks through
    everything, row by row. Chains of NUTS run side by side in one program.

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
    """Draws scales, then coefficients and effects of languages given them."""
    n_languages = len(design.units.languages)
    grams = collapsed.make_grams(design.columns, design.units.language, n_languages)
    selected = [collapsed.select(grams, equation) for equation in design.equations]
    most = max(map(len, design.varying.values()))
    by_nuts = sampling.nuts or most > 1
    # all numbers in one call: each call of another shape is compiled
    regressors, slots = len(selected[0].prior), selected[0].across.shape[1]
    kept = (sampling.chains, sampling.draws)
    shapes = [(*kept, regressors), (*kept, n_languages, slots)] * len(selected)
    if by_nuts:
        key, walk_key = jax.random.split(key)
        uniforms = _uniforms(key, shapes)
        sigma, spread, walk = walk_scales(selected, design.effects, walk_key, sampling)
    else:
        draws = sampling.draws + scale_draws.FIRST
        scales = [1 + len(design.varying[node]) for node in design.nodes]
        walked = [(sampling.chains, draws, n + 2) for n in scales]
        uniforms = _uniforms(key, shapes + walked)
        uniforms, proposed = uniforms[: len(shapes)], uniforms[len(shapes) :]
        sigma, spread, walk = _by_cells(selected, proposed)
    drawn = Standard(b={}, sigma={}, tau={}, effects={}, freedom={})
    for number, node in enumerate(design.nodes):
        noise = (
            special.ndtri(uniforms[2 * number]),
            special.ndtri(uniforms[2 * number + 1]),
        )
        b, effects = collapsed.draw_coefficients(
            selected[number], sigma[number], spread[number], noise
        )
        drawn.sigma[node] = sigma[number]
        drawn.b[node] = np.asarray(b)[..., : len(design.regressors[node])]
        varying = len(design.varying[node])
        if varying:
            drawn.tau[node] = spread[number][..., :varying]
            drawn.effects[node] = np.asarray(effects)[..., :varying]
    return drawn, walk


def _uniforms(key: PRNGKeyArray, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Numbers between 0 and 1, neither included, in arrays of these shapes."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    bits = np.asarray(jax.random.bits(key, (int(ends[-1]),), "uint32"))
    numbers = (bits.astype(np.float64) + 0.5) / 2**32
    parts = np.split(numbers, ends)
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=False)]


def _by_cells(
    selected: list[Selected], uniforms: list[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray], Walk]:
    """Scales of each equation, nearly independent draws; see `scale_draws`."""
    sigma, spread, densities = [], [], []
    for own, numbers in zip(selected, uniforms, strict=True):
        n_scales = numbers.shape[2] - 2
        logs, density = scale_draws.draw_scales(own, n_scales, numbers)
        scales = np.exp(logs)
        sigma.append(scales[..., 0])
        spread.append(scales[..., 1:] if n_scales > 1 else 0.0 * scales)
        densities.append(density)
    energy = -np.sum(densities, axis=0)
    none = np.zeros(energy.shape, bool)
    return sigma, spread, Walk(energy=energy, diverging=none, steps=none + 1)


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
