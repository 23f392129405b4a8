"""What the priors alone say, before any value of T, A, R or D is seen."""

from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray
from numpyro import handlers

from jaxdisp.causal import structural
from jaxdisp.causal.design import Design

DRAWS = 200
TAIL = 0.025


def prior_check(
    design: Design, *, key: PRNGKeyArray, draws: int = DRAWS
) -> list[dict[str, Any]]:
    """Draws data sets from the priors and compares their spread with that of the data.

    Definition: per node the SD over rows of data sets from `structural.generate`, in
    SDs of the data: median and central 95 %, and the share of data sets that vary less
    than the data do. Priors are weak but fit to be used if the data, whose SD is 1, lie
    well inside.

    Args:
        design: of the model; the nodes in it are not read.
        key: of the data sets.
        draws: how many.

    Raises:
        ValueError: if there is no draw, or a node is not modelled.

    Reference: Gabry, Simpson, Vehtari, Betancourt and Gelman 2019, JRSS-A 182, section
        3 (prior predictive checks).
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    if len(design.nodes) < 4:
        raise ValueError("a node has no equation and cannot be drawn; set roots=True")

    def spread(own: PRNGKeyArray) -> Any:
        program: Any = handlers.seed(structural.generate, own)
        return {node: x.std() for node, x in program(design).items()}

    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        found = jax.jit(jax.vmap(spread))(jax.random.split(key, draws))
    rows = []
    for node in design.nodes:
        values = np.asarray(found[node])
        low, median, high = np.quantile(values, (TAIL, 0.5, 1 - TAIL)).tolist()
        below = float(np.mean(values < 1.0))
        rows.append(
            {"node": node, "median": median, "low": low, "high": high, "below": below}
        )
    return rows
