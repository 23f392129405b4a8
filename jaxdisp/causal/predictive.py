"""What a posterior predicts of rows: densities, replicas, and checks against them."""

import dataclasses

import jax
import numpy as np
import scipy.stats
from jaxtyping import Float, Int, PRNGKeyArray

from jaxdisp.causal import graph as graphs
from jaxdisp.causal.graph import NODES
from jaxdisp.causal.posterior import Posterior
from jaxdisp.stats import multiplicity

REPLICAS = 400
"""Data sets drawn for a check: p-values from 0.005 on."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """An independence that a graph implies, and whether the data have it.

    `observed` is the partial correlation within languages of `x` and `y` given `given`
    and the covariates; `low` and `high` hold 95 % of those in replicated data;
    `p_value` is two-sided, `corrected` the same after Holm over all checks of a graph.
    """

    x: str
    y: str
    given: tuple[str, ...]
    observed: float
    low: float
    high: float
    p_value: float
    corrected: float


def log_densities(
    posterior: Posterior, node: str, rows: Int[np.ndarray, " chosen"]
) -> Float[np.ndarray, "chain draw chosen"]:
    """Evaluates the log density of a node given its causes, by draw and row.

    Definition: in standard units, given coefficients and what languages add. The link
    and the scales add the same constant to every model of the same columns.

    Args:
        posterior: of a model.
        node: that the model has an equation of.
        rows: which, by number.

    Reference: Vehtari, Gelman and Gabry 2017, Statistics and Computing 27, section 2.
    """
    standard, design = posterior.standard, posterior.design
    columns = {
        name: design.columns[rows, place] for place, name in enumerate(design.names)
    }
    value = columns[node]
    mean = _mean(posterior, node, columns, design.units.language[rows])
    sigma = standard.sigma[node][..., None]
    if node in standard.freedom:
        freedom = standard.freedom[node][..., None]
        return scipy.stats.t.logpdf((value - mean) / sigma, freedom) - np.log(sigma)
    return scipy.stats.norm.logpdf((value - mean) / sigma) - np.log(sigma)


def check(
    posterior: Posterior,
    *,
    key: PRNGKeyArray,
    replicas: int = REPLICAS,
) -> tuple[Check, ...]:
    """Checks the independences that a graph implies, by replicated data.

    Definition: the statistic is the partial correlation of two nodes within languages
    (over all rows if each language has one), given others and the covariates. It is
    compared with that of data sets replicated from as many draws of the posterior,
    covariates and languages as they are: `p = 2 min(P(r >= observed), P(r <=
    observed))`, the observed one counted among them.

    Args:
        posterior: of a model, the roots among its equations.
        key: of the replicas.
        replicas: how many.

    Raises:
        ValueError: if a node has no equation, so that it cannot be replicated.

    Reference: Gelman, Meng and Stern 1996, Statistica Sinica 6, 733-807 (posterior
        predictive checks).
    """
    _check_equations(posterior)
    implied = graphs.implied_independences(posterior.graph)
    if not implied:
        return ()
    design = posterior.design
    within = _Within(
        # where each language has one row nothing is left of it within its language
        language=design.units.language * design.units.repeated,
        covariates=np.stack(
            [np.zeros(len(design.columns))]
            + [
                design.columns[:, design.names.index(x)]
                for x in design.units.covariates
            ]
        ),
    )
    observed = {x: design.columns[:, design.names.index(x)] for x in NODES}
    drawn = _replicas(posterior, key, replicas)
    statistics = np.array(
        [
            [within.correlation(one, independence) for independence in implied]
            for one in (observed, *drawn)
        ]
    )
    above = np.mean(statistics >= statistics[:1], axis=0)
    below = np.mean(statistics <= statistics[:1], axis=0)
    p_values = np.minimum(1.0, 2 * np.minimum(above, below))
    low, high = np.quantile(statistics[1:], [0.025, 0.975], axis=0)
    corrected = multiplicity.holm(p_values)
    return tuple(
        Check(
            x=x,
            y=y,
            given=given,
            observed=float(statistics[0, i]),
            low=float(low[i]),
            high=float(high[i]),
            p_value=float(p_values[i]),
            corrected=float(corrected[i]),
        )
        for i, (x, y, given) in enumerate(implied)
    )


def replicas(
    posterior: Posterior, *, key: PRNGKeyArray, number: int = REPLICAS
) -> list[dict[str, Float[np.ndarray, " row"]]]:
    """Replicates data sets from a posterior, in standard units.

    Definition: each from a draw of its own, at equal distances among all draws, with
    the covariates and languages of the data.

    Args:
        posterior: of a model, the roots among its equations.
        key: of the replicas.
        number: how many.

    Raises:
        ValueError: if a node has no equation, so that it cannot be replicated.

    Reference: Gelman, Meng and Stern 1996, Statistica Sinica 6, 733-807.
    """
    _check_equations(posterior)
    return _replicas(posterior, key, number)


def _check_equations(posterior: Posterior) -> None:
    missing = [node for node in NODES if node not in posterior.design.nodes]
    if missing:
        raise ValueError(
            f"{', '.join(missing)} has no equation and cannot be replicated; fit with "
            "roots=True"
        )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Within:
    """Partial correlations within languages."""

    language: np.ndarray
    covariates: np.ndarray

    def correlation(
        self, nodes: dict[str, np.ndarray], independence: graphs.Independence
    ) -> float:
        x, y, given = independence
        others = [*self.covariates[1:], *(nodes[name] for name in given)]
        pair = self.centred(np.stack([nodes[x], nodes[y]], axis=1))
        if others:
            z = self.centred(np.stack(others, axis=1))
            pair = pair - z @ np.linalg.lstsq(z, pair, rcond=None)[0]
        products = pair.T @ pair
        return float(products[0, 1] / np.sqrt(products[0, 0] * products[1, 1]))

    def centred(self, columns: np.ndarray) -> np.ndarray:
        """Takes from each row the mean of its language."""
        count = np.bincount(self.language)
        means = [
            np.bincount(self.language, x) / np.maximum(count, 1) for x in columns.T
        ]
        return columns - np.stack(means, axis=1)[self.language]


def _replicas(
    posterior: Posterior, key: PRNGKeyArray, number: int
) -> list[dict[str, np.ndarray]]:
    """Data sets, each from a draw of its own, at equal distances among all draws."""
    design, standard = posterior.design, posterior.standard
    chains, draws = posterior.walk.energy.shape
    places = np.linspace(0, chains * draws - 1, number).round().astype(int)
    where = np.unravel_index(places, (chains, draws))
    shape = (number, len(design.columns))
    columns = {
        name: design.columns[:, place]
        for place, name in enumerate(design.names)
        if name not in NODES
    }
    nodes: dict[str, np.ndarray] = {}
    for node, own in zip(
        design.nodes, jax.random.split(key, len(design.nodes)), strict=True
    ):
        if node in standard.freedom:
            freedom = standard.freedom[node][where][:, None].astype(np.float32)
            noise = np.asarray(jax.random.t(own, freedom, shape), np.float64)
        else:
            noise = np.asarray(jax.random.normal(own, shape), np.float64)
        mean = _mean(posterior, node, columns | nodes, design.units.language, where)
        nodes[node] = mean + standard.sigma[node][where][:, None] * noise
        if node in design.fixed:
            cause, by = design.fixed[node]
            nodes[node] = nodes[node] + by * (nodes[cause])
    return [{node: x[i] for node, x in nodes.items()} for i in range(number)]


def _mean(
    posterior: Posterior,
    node: str,
    columns: dict[str, np.ndarray],
    language: np.ndarray,
    where: tuple[np.ndarray, ...] = (),
) -> np.ndarray:
    """What a node's causes, covariates and language make of it, for chosen draws."""
    design, standard = posterior.design, posterior.standard
    b = standard.b[node][where] if where else standard.b[node]
    mean = np.zeros((1,))
    for place, name in enumerate(design.regressors[node]):
        mean = mean + b[..., place, None] * columns[name]
    if node in standard.effects:
        effects = standard.effects[node][where] if where else standard.effects[node]
        for place, name in enumerate(design.varying[node]):
            mean = mean + effects[..., language, place] * columns[name]
    return mean
