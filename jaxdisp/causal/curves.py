"""Curves of a fit: densities of effects, D when T is set, replicated quantiles."""

import dataclasses
from typing import Any

import jax
import numpy as np
import scipy.stats
from jaxtyping import Float, PRNGKeyArray
from numpyro import handlers

from jaxdisp.causal import effects, predictive, structural
from jaxdisp.causal.effects import Effects
from jaxdisp.causal.graph import NODES
from jaxdisp.causal.posterior import Posterior, Standard
from jaxdisp.causal.sampling import Walk

Rows = list[dict[str, Any]]

SHOWN = ("total", "natural_direct", "natural_indirect")
PRIOR_DRAWS = 1000
MOST_DRAWS = 1000
"""Draws of a posterior that curves are made of, at equal distances."""
POINTS, WIDER = 61, 0.5
"""Of densities, and how far they go beyond the draws, in their range."""
VALUES = 21
LEVELS = (0.01, 0.025, *np.linspace(0.05, 0.95, 19).round(2).tolist(), 0.975, 0.99)
REPLICAS = 200


def curves(found: Posterior, made: Effects, *, key: PRNGKeyArray) -> dict[str, Rows]:
    """Makes the curves of a fit.

    Args:
        found: the posterior, the roots among its equations.
        made: its effects.
        key: of the prior's draws and of the replicas.

    Raises:
        ValueError: if a node has no equation.

    Returns:
        `densities`, `do_curve` and `predictive`.

    Reference: see `densities`, `do_curve` and `quantiles`.
    """
    first, second = jax.random.split(key)
    before = effects.effects(prior(found, key=first))
    return {
        "densities": densities(made, before),
        "do_curve": do_curve(found),
        "predictive": quantiles(found, key=second),
    }


def prior(
    found: Posterior, *, key: PRNGKeyArray, draws: int = PRIOR_DRAWS
) -> Posterior:
    """Puts draws of the prior in the place of those of a posterior.

    Definition: parameters as `structural.generate` draws them; only `standard` and
    `walk`, which effects are computed from, are the prior's.

    Args:
        found: a posterior.
        key: of the draws.
        draws: how many.

    Reference: our own definition.
    """
    design = found.design

    def drawn(own: PRNGKeyArray) -> Any:
        program = handlers.trace(handlers.seed(structural.generate, own))
        sites = program.get_trace(design)
        return {
            name: site["value"]
            for name, site in sites.items()
            if name not in design.nodes and site["type"] == "sample"
        }

    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        values = jax.jit(jax.vmap(drawn))(jax.random.split(key, draws))
    one = {name: np.asarray(x)[None] for name, x in values.items()}
    varying = [node for node, names in design.varying.items() if names]
    standard = Standard(
        b={node: one[f"b_{node}"] for node in design.nodes},
        sigma={node: one[f"sigma_{node}"] for node in design.nodes},
        tau={node: one[f"tau_{node}"] for node in varying},
        effects={node: one[f"u_{node}"] for node in varying},
        freedom={},
    )
    nothing = np.zeros((1, draws))
    walk = Walk(energy=nothing, diverging=nothing > 0, steps=None)
    return dataclasses.replace(found, standard=standard, walk=walk)


def densities(after: Effects, before: Effects) -> Rows:
    """Estimates the densities of effects, in the posterior and in the prior.

    Definition: Gaussian kernels with Scott's width, at equal distances over the range
    of the posterior's draws and half of it beyond.

    Args:
        after: effects in the posterior.
        before: effects in the prior.

    Reference: Scott 1992, Multivariate Density Estimation, section 6.3.
    """
    rows = []
    for name in SHOWN:
        posterior = _some(after.draws[name])
        if np.ptp(posterior) == 0:
            continue
        reach = WIDER * np.ptp(posterior)
        at = np.linspace(posterior.min() - reach, posterior.max() + reach, POINTS)
        parts = {"posterior": posterior, "prior": _some(before.draws[name])}
        for which, draws in parts.items():
            if np.ptp(draws) == 0:
                continue
            density = scipy.stats.gaussian_kde(draws)(at)
            rows += [
                {"effect": name, "of": which, "value": float(x), "density": float(y)}
                for x, y in zip(at, density, strict=True)
            ]
    return rows


def _some(draws: Float[np.ndarray, "chain draw"]) -> Float[np.ndarray, " kept"]:
    flat = draws.ravel()
    return flat[:: -(-len(flat) // MOST_DRAWS)]


def do_curve(found: Posterior) -> Rows:
    """Says what D is when T is set, over 95 % of the values that T has.

    Definition: `D(t)` of `effects.set_to`, its median and central 95 % over draws.

    Args:
        found: a posterior.

    Reference: Pearl 2009, Causality, definition 3.2.1 (effect of do(T = t)).
    """
    low, high = np.quantile(found.units.columns["T"], [0.025, 0.975]).tolist()
    at = np.linspace(low, high, VALUES)
    drawn = effects.set_to(found, at, most=MOST_DRAWS)
    bounds = np.quantile(drawn, [0.5, 0.025, 0.975], axis=1).T
    return [
        {"T": float(t), "median": row[0], "low": row[1], "high": row[2]}
        for t, row in zip(at, bounds.tolist(), strict=True)
    ]


def quantiles(found: Posterior, *, key: PRNGKeyArray, replicas: int = REPLICAS) -> Rows:
    """Compares quantiles of the data with those of data that the fit would make.

    Definition: of each node, after the link, the quantile over rows in the data, and
    median and central 95 % of that quantile over replicated data sets.

    Args:
        found: a posterior, the roots among its equations.
        key: of the replicas.
        replicas: how many data sets.

    Raises:
        ValueError: if a node has no equation.

    Reference: Gelman, Meng and Stern 1996, Statistica Sinica 6, 733-807.
    """
    drawn = predictive.replicas(found, key=key, number=replicas)
    design, levels = found.design, np.array(LEVELS)
    linear = design.specification.link == "linear"
    rows = []
    for node in NODES:
        scale, location = design.scales.scale[node], design.scales.location[node]
        values = found.units.columns[node]
        own = np.quantile(values if linear else np.log(values), levels)
        made = np.quantile([each[node] for each in drawn], levels, axis=1)
        bounds = np.quantile(made * scale + location, [0.5, 0.025, 0.975], axis=1).T
        rows += [
            {"node": node, "level": level, "observed": float(value)}
            | dict(zip(("median", "low", "high"), three, strict=True))
            for level, value, three in zip(LEVELS, own, bounds.tolist(), strict=True)
        ]
    return rows
