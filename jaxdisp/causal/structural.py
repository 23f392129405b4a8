"""The structural causal model as a generative program, which `do` can act on.

This is the model as one would write it down: every node is drawn from its causes, row
by row. `posterior` has the same model with all but its scales integrated out; the two
are tested to have the same posterior. All is in the standard units of a `Design`.

`numpyro.handlers.do` makes a single-world intervention: what follows from a node sees
the value it is set to, while the trace still holds the node's natural draw.
"""

from collections.abc import Mapping

import jax.numpy as jnp
import numpyro
from jaxtyping import Array, Float
from numpyro import distributions

from jaxdisp.causal.design import (
    COEFFICIENT_SD,
    CONSTANT,
    CONSTANT_SD,
    SCALE_SD,
    Design,
)
from jaxdisp.causal.graph import NODES

LEAST_FREEDOM = 2.0
FREEDOM_SHAPE, FREEDOM_RATE = 2.0, 0.1
"""Of Student errors: 2 and more degrees of freedom, gamma-distributed about 22."""


def generate(
    design: Design,
    observed: Mapping[str, Float[Array, " row"]] | None = None,
) -> dict[str, Array]:
    """Draws parameters from the prior, then every node from its causes.

    Definition: for each node in the graph's order, with W its regressors and Z those
    that differ among languages, `sigma, tau ~ HalfNormal(1)`, `b ~ N(0, 1)` (the
    constant `N(0, 2)`), `u_g ~ N(0, tau^2)`, and in language g `node ~ N(W b + Z u_g,
    sigma^2)`, or Student's t with that scale. A cause whose coefficient is given adds
    its part.

    Args:
        design: covariates, languages and graph; the nodes in it are not read.
        observed: nodes whose values are known, in standard units; those that are not
            modelled must be.

    Returns:
        The nodes, in standard units.

    Reference: Pearl 2009, Causality, definition 7.1.1 (structural model); the priors
        are our own choice.
    """
    known = {} if observed is None else dict(observed)
    place = {name: number for number, name in enumerate(design.names)}
    columns = {
        name: jnp.asarray(design.columns[:, place[name]])
        for name in design.names
        if name in (CONSTANT, *design.units.covariates)
    }
    nodes: dict[str, Array] = {
        node: known[node] for node in NODES if node not in design.nodes
    }
    for node in design.nodes:
        mean = _mean(design, node, columns | nodes)
        law = _errors(design, node, mean)
        nodes[node] = jnp.asarray(numpyro.sample(node, law, obs=known.get(node)))
    return nodes


def _mean(design: Design, node: str, columns: Mapping[str, Array]) -> Array:
    """What a node's causes, covariates and language make of it."""
    regressors, varying = design.regressors[node], design.varying[node]
    sds = [CONSTANT_SD if name == CONSTANT else COEFFICIENT_SD for name in regressors]
    prior = distributions.Normal(0.0, jnp.array(sds)).to_event(1)
    coefficients = jnp.asarray(numpyro.sample(f"b_{node}", prior))
    mean = jnp.stack([columns[name] for name in regressors], axis=-1) @ coefficients
    if node in design.fixed:
        cause, by = design.fixed[node]
        mean = mean + by * columns[cause]
    if not varying:
        return mean
    half = distributions.HalfNormal(SCALE_SD).expand([len(varying)]).to_event(1)
    tau = jnp.asarray(numpyro.sample(f"tau_{node}", half))
    with numpyro.plate(f"languages_{node}", len(design.units.languages)):
        around = distributions.Normal(0.0, tau).to_event(1)
        effects = jnp.asarray(numpyro.sample(f"u_{node}", around))
    z = jnp.stack([columns[name] for name in varying], axis=-1)
    return mean + jnp.sum(z * effects[design.units.language], axis=-1)


def _errors(design: Design, node: str, mean: Array) -> distributions.Distribution:
    sigma = numpyro.sample(f"sigma_{node}", distributions.HalfNormal(SCALE_SD))
    if design.specification.errors == "gaussian":
        return distributions.Normal(mean, sigma).to_event(1)
    gamma = distributions.Gamma(FREEDOM_SHAPE, FREEDOM_RATE)
    freedom = LEAST_FREEDOM + jnp.asarray(numpyro.sample(f"freedom_{node}", gamma))
    return distributions.StudentT(freedom, mean, sigma).to_event(1)
