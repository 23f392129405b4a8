"""Effects of T on D: total, direct, indirect and along paths, by setting nodes.

Every effect compares two runs of the structural model in which nodes are set with
`numpyro.handlers.do`, draw by draw of the posterior (g-computation).
"""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro import handlers

from jaxdisp.causal import graph as graphs
from jaxdisp.causal import structural
from jaxdisp.causal.design import CONSTANT, Design
from jaxdisp.causal.graph import NODES
from jaxdisp.causal.posterior import Posterior
from jaxdisp.causal.units import Units

LEVEL = 0.95
QUARTILES = (0.25, 0.75)
NAMES = ("total", "natural_direct", "natural_indirect", "controlled_direct")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Effects:
    """Draws of every effect by its name, "chain draw", all in `unit`.

    `total`, `natural_direct`, `natural_indirect`, `controlled_direct`, and the paths
    from T to D such as `T>A>R>D`.
    """

    draws: dict[str, np.ndarray]
    unit: str


def effects(posterior: Posterior) -> Effects:
    """Computes the effects of T on D from a posterior.

    Definition: with `D(t)` what D is under do(T = t), and A(t), R(t) likewise, from
    `t*` to `t`: total `D(t) - D(t*)`; natural direct `D(t, A(t*), R(t*)) - D(t*)`;
    natural indirect their difference; controlled direct `D(t, a, r) - D(t*, a, r)` with
    a and r at their means; a path the change of D when each node on it sees the changed
    value of the node before it and `t*` otherwise. In the median of the noise and at
    the means of the covariates; where coefficients differ among languages, the mean
    over these. The change is of one unit of T after the link, so that under the log
    link effects are elasticities; under the reciprocal link it is from the first
    quartile of T to the third, and effects are on the median of D.

    Args:
        posterior: draws.

    Raises:
        ValueError: if no path leads from T to D.

    Reference: Pearl 2001, UAI, equations 6 to 14 (natural effects); Avin, Shpitser and
        Pearl 2005, IJCAI (along paths); Robins 1986, Mathematical Modelling 7
        (g-computation).
    """
    design = posterior.design
    if not graphs.paths(posterior.graph):
        raise ValueError("no path leads from T to D, so there is no effect to compute")
    low, high, unit = _contrast(design)
    size = posterior.walk.energy.shape
    drawn = _parameters(posterior)
    worlds = _Worlds(design=_typical(design))

    @jax.jit
    def each(parameters: Any) -> Any:
        return jax.vmap(lambda one: worlds.effects(one, low, high))(parameters)

    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        flat = {n: jnp.asarray(x.reshape(-1, *x.shape[2:])) for n, x in drawn.items()}
        found = {name: np.asarray(x).reshape(size) for name, x in each(flat).items()}
    ways = [graphs.name(path) for path in graphs.paths(posterior.graph)]
    order = (*NAMES, *(way for way in ways if way in found))
    return Effects(draws={name: found[name] for name in order}, unit=unit)


def set_to(
    posterior: Posterior, values: Float[np.ndarray, " value"], *, most: int
) -> Float[np.ndarray, "value draw"]:
    """Computes D when T is set to some values, draw by draw.

    Definition: D of a typical language in the median of the noise, covariates at their
    means, under do(T = t); under a log or reciprocal link the median of D.

    Args:
        posterior: draws.
        values: of T, in its units.
        most: how many draws, at equal distances among all.

    Reference: Pearl 2009, Causality, definition 3.2.1; Robins 1986, Mathematical
        Modelling 7 (g-computation).
    """
    design = posterior.design
    location, scale = design.scales.location, design.scales.scale
    linear = design.specification.link == "linear"
    standard = ((values if linear else np.log(values)) - location["T"]) / scale["T"]
    worlds = _Worlds(design=_typical(design))
    rows = len(worlds.design.units.language)
    number = posterior.walk.energy.size
    chosen = np.arange(0, number, -(-number // most))

    @jax.jit
    def each(parameters: Any, at: Array) -> Array:
        def one(own: Any, t: Array) -> Array:
            made = worlds.run(own, {"T": jnp.full(rows, t)})["D"]
            level = made * scale["D"] + location["D"]
            return jnp.mean(level if linear else jnp.exp(level))

        over_draws = jax.vmap(one, in_axes=(0, None))
        return jax.vmap(over_draws, in_axes=(None, 0))(parameters, at)

    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        drawn = {
            name: jnp.asarray(x.reshape(number, *x.shape[2:])[chosen])
            for name, x in _parameters(posterior).items()
        }
        return np.asarray(each(drawn, jnp.asarray(standard)))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Worlds:
    """Runs of the structural model in which nodes are set."""

    design: Design

    def run(self, one: Any, settings: Mapping[str, Array]) -> dict[str, Array]:
        """All nodes when some are set, without noise."""
        program = handlers.substitute(structural.generate, data=one)
        program = handlers.do(program, data=dict(settings))
        seeded: Any = handlers.seed(program, jax.random.key(0))
        return seeded(self.design)

    def along(
        self, one: Any, path: tuple[str, ...], base: dict[str, Array], value: Array
    ) -> Array:
        """D when the nodes of a path see its change alone."""
        for before, node in itertools.pairwise(path):
            others = {name: base[name] for name in NODES if name not in (before, node)}
            value = self.run(one, {**others, before: value})[node]
        return value

    def effects(self, one: Any, low: float, high: float) -> dict[str, Array]:
        """Every effect of one draw."""
        rows = len(self.design.units.language)
        base = self.run(one, {"T": jnp.full(rows, low)})
        raised = self.run(one, {"T": jnp.full(rows, high)})
        held = {"A": jnp.zeros(rows), "R": jnp.zeros(rows)}
        levels = [
            self.run(one, {**held, "T": jnp.full(rows, value)})["D"]
            for value in (low, high)
        ]

        def change(after: Array, before: Array) -> Array:
            return jnp.mean(self.natural(after) - self.natural(before))

        total = change(raised["D"], base["D"])
        direct = change(
            self.along(one, ("T", "D"), base, jnp.full(rows, high)), base["D"]
        )
        found = {
            "total": total,
            "natural_direct": direct,
            "natural_indirect": total - direct,
            "controlled_direct": change(levels[1], levels[0]),
        }
        for path in graphs.paths(self.design.specification.graph):
            if len(path) > 2:
                end = self.along(one, path, base, jnp.full(rows, high))
                found[graphs.name(path)] = change(end, base["D"])
        return found

    def natural(self, standard: Array) -> Array:
        """D in the unit that effects are in, but for a constant."""
        scales = self.design.scales
        value = standard * scales.scale["D"]
        if self.design.specification.link == "reciprocal":
            return jnp.exp(value + scales.location["D"])
        return value


def _contrast(design: Design) -> tuple[float, float, str]:
    """What T is set to, in standard units, and the unit of effects."""
    location, scale = design.scales.location["T"], design.scales.scale["T"]
    link = design.specification.link
    if link != "reciprocal":
        unit = "elasticity" if link == "log" else "units of D per unit of T"
        return 0.0, 1.0 / scale, unit
    low, high = np.quantile(design.units.columns["T"], QUARTILES).tolist()
    unit = f"units of D in the median, T from {low:.4g} to {high:.4g}"
    return (np.log(low) - location) / scale, (np.log(high) - location) / scale, unit


def _typical(design: Design) -> Design:
    """One row of each language, covariates at their means; there will be no errors."""
    n = len(design.units.languages)
    columns = np.zeros((n, len(design.names)))
    columns[:, design.names.index(CONSTANT)] = 1.0
    units = Units(
        languages=design.units.languages,
        language=np.arange(n),
        sentences=("",) * n,
        columns={},
        covariates=design.units.covariates,
    )
    plain = dataclasses.replace(design.specification, errors="gaussian")
    return dataclasses.replace(
        design, units=units, columns=columns, specification=plain
    )


def _parameters(posterior: Posterior) -> dict[str, np.ndarray]:
    """Draws of the sites of `structural.generate`, without noise."""
    found: dict[str, np.ndarray] = {}
    for node in posterior.design.nodes:
        drawn = posterior.standard
        found[f"b_{node}"] = drawn.b[node]
        found[f"sigma_{node}"] = np.zeros_like(drawn.sigma[node])
        if posterior.design.varying[node]:
            around = np.moveaxis(drawn.effects[node], -1, 0).copy()
            around[0] = 0.0  # the constants of languages: those of a typical one
            found[f"u_{node}"] = np.moveaxis(around, 0, -1)
            found[f"tau_{node}"] = np.ones_like(drawn.tau[node])
    return found


def summary(found: Effects) -> list[dict[str, Any]]:
    """Summarizes effects as rows.

    Definition: median and central 95 % interval of the draws.

    Args:
        found: draws of effects.

    Reference: our own definition.
    """
    return [
        {"name": name, **interval(draws), "unit": found.unit}
        for name, draws in found.draws.items()
    ]


def interval(draws: Float[np.ndarray, "chain draw"]) -> dict[str, float]:
    """Says where the middle and 95 % of draws lie.

    Definition: quantiles .5, .025 and .975.

    Args:
        draws: of a posterior.

    Reference: our own choice of level.
    """
    tail = (1 - LEVEL) / 2
    low, median, high = np.quantile(draws, (tail, 0.5, 1 - tail)).tolist()
    return {"median": median, "low": low, "high": high}


def proportion_mediated(found: Effects) -> tuple[dict[str, Any] | None, str]:
    """Says which part of the total effect goes through A and R, where there is one.

    Definition: `natural_indirect / total`, draw by draw, only if the 95 % interval of
    the total excludes 0: otherwise the ratio has neither mean nor meaning.

    Args:
        found: draws of effects.

    Returns:
        Its row, or None with the reason.

    Reference: VanderWeele 2015, Explanation in Causal Inference, section 2.13.
    """
    total = interval(found.draws["total"])
    if total["low"] <= 0 <= total["high"]:
        return None, (
            f"the total effect may be 0 ({total['low']:.3g} to {total['high']:.3g}), "
            "and a share of nothing means nothing"
        )
    share = found.draws["natural_indirect"] / found.draws["total"]
    return {"name": "proportion_mediated", **interval(share), "unit": "share"}, ""
