"""Models of T, A, R and D compared by how well they predict rows they have not seen."""

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from jaxdisp.causal import graph as graphs
from jaxdisp.causal import posterior, predictive
from jaxdisp.causal.design import Specification
from jaxdisp.causal.graph import CHAIN, FULL, Graph, Pairs
from jaxdisp.causal.posterior import Posterior, Sampling
from jaxdisp.causal.predictive import Check
from jaxdisp.causal.units import Units

DIRECT = Graph((*CHAIN.edges, ("T", "D")))
"""The chain, and a path around it."""

SAMPLING = Sampling(draws=250, tuning=400, chains=4)
MOST_ROWS = 1000
"""Rows that models are compared on, at most: each takes a fit of tails."""

MOST_K = 0.7
LEAST_DIFFERENCE, LEAST_SES = 4.0, 2.0
"""Below 4 nats or two standard errors a difference says nothing (Sivula et al.)."""

LEAST_P = 0.05

Equation = tuple[str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """A model by name: its graph, unobserved common causes, and what it is fitted as.

    `fitted` is a graph without unobserved causes that has the same distributions.
    """

    name: str
    graph: Graph
    fitted: Graph
    latent: Pairs = ()


MODELS = (
    Model(name="chain", graph=CHAIN, fitted=CHAIN),
    Model(name="chain and T>D", graph=DIRECT, fitted=DIRECT),
    Model(name="full", graph=FULL, fitted=FULL),
    Model(
        name="reversed chain",
        graph=graphs.reversed_graph(CHAIN),
        fitted=graphs.reversed_graph(CHAIN),
    ),
    Model(
        name="reversed full",
        graph=graphs.reversed_graph(FULL),
        fitted=graphs.reversed_graph(FULL),
    ),
    Model(name="confounded chain", graph=CHAIN, fitted=DIRECT, latent=(("T", "D"),)),
)
"""The confounded chain has the errors of T and D from a common cause. Given T, A and R,
what T's error says of D's is a constant times T less what covariates and language make
of T: the distributions are those of the chain with T>D."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """How well a model predicts rows that it has not seen.

    `elpd` is the expected log density of left-out rows, summed, in nats, `se` its
    standard error; `difference` to the best model and `difference_se` likewise;
    `p_loo` the effective number of parameters, `pareto_k_max` the largest shape of the
    tails of importance weights (above 0.7 the estimate is not to be trusted).
    `checks` are of the independences that the model implies, `same_as` names the
    models that no data can tell from it.
    """

    name: str
    elpd: float
    se: float
    difference: float
    difference_se: float
    p_loo: float
    pareto_k_max: float
    verdict: str
    same_as: tuple[str, ...]
    checks: tuple[Check, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Models, best first, and notes on how they were compared."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LeftOut:
    """What an equation makes of each row when it is left out.

    `elpd` is its log density, `k` the shape of the tail of its weights, `p` the part
    of the effective number of parameters that is due to it.
    """

    elpd: Float[np.ndarray, " row"]
    k: Float[np.ndarray, " row"]
    p: Float[np.ndarray, " row"]


def compare(
    units: Units,
    specification: Specification | None = None,
    *,
    key: PRNGKeyArray,
    sampling: Sampling | None = None,
) -> Comparison:
    """Compares the models of `MODELS` on the same rows.

    Definition: each is a model of T, A, R and D given covariates and languages, and
    `elpd = sum_i log p(row i | all other rows)` by PSIS-LOO given what languages add.
    Equations have nothing to do with one another a posteriori, so that `p` is a product
    over equations: each is left out by itself, and models that share one share its
    value. Standard errors are over sentences, since rows of one sentence in several
    languages are not independent; over rows if all are of one. A model is worse if it
    falls behind the best by 4 nats and two standard errors, contradicted if a check of
    an independence has p < 0.05 after correction. Models that are equivalent may differ
    a little in `elpd`, by their priors and by what they say of languages, which tells
    nothing of directions.

    Args:
        units: rows.
        specification: link, errors and slopes; its graph is not read.
        key: of draws, replicas and the choice of rows.
        sampling: of each fit; None is 4 chains of 250 draws.

    Raises:
        ValueError: if arviz-stats is missing, the link gives coefficients, or as
            `posterior.fit`.

    Reference: Vehtari, Gelman and Gabry 2017, Statistics and Computing 27, equations 3,
        10 and 24 (arXiv:1507.04544); Sivula, Magnusson, Matamoros and Vehtari 2020,
        arXiv:2008.10296 (when differences are uncertain).
    """
    _arviz()
    chosen = specification or Specification()
    if chosen.link == "reciprocal":
        raise ValueError(
            "the reciprocal link is of one graph alone; compare under the log link"
        )
    fit_key, check_key, row_key = jax.random.split(key, 3)
    rows, notes = _rows(len(units.language), row_key)
    fits: dict[Graph, Posterior] = {}
    left: dict[Equation, LeftOut] = {}
    for number, graph in enumerate(dict.fromkeys(model.fitted for model in MODELS)):
        found = posterior.fit(
            units,
            dataclasses.replace(chosen, graph=graph, roots=True),
            key=jax.random.fold_in(fit_key, number),
            sampling=sampling or SAMPLING,
        )
        fits[graph] = found
        for node in found.design.nodes:
            equation = node, graphs.parents(graph, node)
            if equation not in left:
                densities = predictive.log_densities(found, node, rows)
                left[equation] = leave_one_out(densities)
        notes += tuple(note for note in found.design.notes if note not in notes)
    checked = {
        graph: predictive.check(found, key=jax.random.fold_in(check_key, number))
        for number, (graph, found) in enumerate(fits.items())
    }
    checks = {model.name: checked[model.fitted] for model in MODELS}
    by_model = {model.name: _of_model(model, left) for model in MODELS}
    sentences = np.unique(units.sentences, return_inverse=True)[1][rows]
    if len(np.unique(sentences)) < 2:  # one sum has no standard error
        sentences = np.arange(len(rows))
    return Comparison(rows=_judged(by_model, checks, sentences), notes=notes)


def leave_one_out(densities: Float[np.ndarray, "chain draw row"]) -> LeftOut:
    """Predicts each row from all others, by weighting draws that saw all.

    Definition: `elpd_i = log sum_s w_is p(i | s)`, with weights `w_is` proportional to
    `1 / p(i | s)`, their tail smoothed by a generalized Pareto law, and `p_i = log
    mean_s p(i | s) - elpd_i`.

    Args:
        densities: log densities of rows given each draw.

    Raises:
        ValueError: if arviz-stats is missing.

    Reference: Vehtari, Gelman and Gabry 2017, Statistics and Computing 27, equation 10.
    """
    by_row = np.moveaxis(densities, -1, 0)
    elpd, k, p = _arviz().loo(by_row, chain_axis=-2, draw_axis=-1)
    return LeftOut(elpd=np.asarray(elpd), k=np.asarray(k), p=np.asarray(p))


def same_distributions(model: Model) -> tuple[str, ...]:
    """Names the models that no data can tell from one.

    Definition: those fitted as graphs that are equivalent.

    Args:
        model: one of `MODELS`.

    Reference: Verma and Pearl 1990, UAI, theorem 1.
    """
    return tuple(
        other.name
        for other in MODELS
        if other != model and graphs.equivalent(other.fitted, model.fitted)
    )


def _arviz() -> Any:
    try:
        from arviz_stats.base.array import array_stats
    except ImportError as error:
        raise ValueError(
            "comparing models needs arviz-stats: pip install 'jaxdisp[bayes]'"
        ) from error
    return array_stats


def _rows(
    n_rows: int, key: PRNGKeyArray
) -> tuple[Int[np.ndarray, " chosen"], tuple[str, ...]]:
    if n_rows <= MOST_ROWS:
        return np.arange(n_rows), ()
    order = np.asarray(jax.random.permutation(key, n_rows))
    note = f"models are compared on {MOST_ROWS} of {n_rows} rows, chosen at random"
    return np.sort(order[:MOST_ROWS]).astype(int), (note,)


def _of_model(model: Model, left: dict[Equation, LeftOut]) -> LeftOut:
    nodes = graphs.order(model.fitted)
    parts = [left[node, graphs.parents(model.fitted, node)] for node in nodes]
    return LeftOut(
        elpd=np.sum([part.elpd for part in parts], axis=0),
        k=np.max([part.k for part in parts], axis=0),
        p=np.sum([part.p for part in parts], axis=0),
    )


def _error(pointwise: np.ndarray, sentences: np.ndarray) -> float:
    """Standard error of a sum over rows, those of one sentence taken together."""
    n = len(pointwise)
    sums = np.bincount(sentences, pointwise - pointwise.mean())
    count = len(sums)
    return float(np.sqrt(np.sum(sums**2) * count / max(count - 1, 1))) if n else 0.0


def _judged(
    by_model: dict[str, LeftOut],
    checks: dict[str, tuple[Check, ...]],
    sentences: np.ndarray,
) -> tuple[Row, ...]:
    best = max(by_model, key=lambda name: by_model[name].elpd.sum())
    found = []
    for model in MODELS:
        own, same = by_model[model.name], same_distributions(model)
        behind = own.elpd - by_model[best].elpd
        difference, error = float(behind.sum()), _error(behind, sentences)
        worst = float(own.k.max())
        found.append(
            Row(
                name=model.name,
                elpd=float(own.elpd.sum()),
                se=_error(own.elpd, sentences),
                difference=difference,
                difference_se=error,
                p_loo=float(own.p.sum()),
                pareto_k_max=worst,
                verdict=_verdict(
                    _standing(best, model.name, same, difference, error),
                    checks[model.name],
                    same,
                    worst,
                ),
                same_as=same,
                checks=checks[model.name],
            )
        )
    return tuple(sorted(found, key=lambda row: -row.elpd))


def _standing(
    best: str, name: str, same: tuple[str, ...], difference: float, error: float
) -> str:
    if name == best:
        return "best"
    if best in same:
        return "as good as any data can show"
    if -difference > max(LEAST_DIFFERENCE, LEAST_SES * error):
        return f"worse than {best}"
    return f"as good as {best} on these data"


def _verdict(
    standing: str, checks: tuple[Check, ...], same: tuple[str, ...], worst_k: float
) -> str:
    parts = [standing]
    for each in checks:
        if each.corrected < LEAST_P:
            given = f" given {', '.join(each.given)}" if each.given else ""
            parts.append(
                f"contradicted: {each.x} and {each.y} correlate{given} "
                f"({each.observed:.2f}, p = {each.corrected:.2g})"
            )
    if same:
        parts.append(f"no data can tell it from {', '.join(same)}")
    if worst_k > MOST_K:
        parts.append(f"not to be trusted: Pareto k is {worst_k:.2f}, allowed {MOST_K}")
    return "; ".join(parts)
