"""Simulation-based calibration: does inference undo the model that made the data.

Parameters are drawn from their prior, data from these, and the posterior is inferred
from the data. If all is right, each parameter is a further draw of its own posterior:
its rank among the draws is uniform, and intervals cover it as often as they say. A
rank that is not uniform means an error in the model, the priors or the sampler.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import jax
import numpy as np
import scipy.stats
from jaxtyping import Float, Int, PRNGKeyArray
from numpyro import handlers

from jaxdisp.causal import diagnostics, effects, structural
from jaxdisp.causal.design import CONSTANT, Design, Scales, Specification, make_design
from jaxdisp.causal.graph import NODES
from jaxdisp.causal.posterior import Posterior, Standard, Walk
from jaxdisp.causal.units import Units
from jaxdisp.stats import multiplicity

Data = TypeVar("Data")
Found = TypeVar("Found")
Draws = Mapping[str, Float[np.ndarray, "chain draw"]]
Truths = Mapping[str, Float[np.ndarray, "1 1"]]

KEPT = 99
"""Draws that a rank is among: 100 possible ranks, which many numbers of bins divide."""

LEVEL = 0.9
BATCH = 50
"""Data sets whose quantities are computed together."""

FEWEST_PER_BIN = 5.0
"""Data sets expected per bin at least, for the chi-square law to hold (Cochran)."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """How one quantity fared over all data sets.

    `ranks` are of the true value among `KEPT` draws. `p_value` is that of uniformity,
    `corrected` the same after Holm over all quantities, `coverage` the share of the
    data sets whose 90 % interval holds the true value.
    """

    name: str
    ranks: Int[np.ndarray, " set"]
    p_value: float
    corrected: float
    coverage: float


def calibrate(
    simulate: Callable[[PRNGKeyArray], tuple[Data, Found]],
    fit: Callable[[Data, PRNGKeyArray], Found],
    quantities: Callable[[Sequence[Found]], Sequence[Mapping[str, np.ndarray]]],
    *,
    key: PRNGKeyArray,
    n_sets: int,
) -> tuple[tuple[Calibration, ...], int]:
    """Draws truths and data, infers the former from the latter, and compares.

    Definition: for each data set the rank of every true quantity (`rank`) and whether
    it lies in the central 90 % interval; over all, `uniformity` and Holm's correction.
    Data that `fit` refuses (ValueError) are left out and counted: what is refused
    depends on the data alone, and given any data the rank is uniform, so that leaving
    some out changes nothing. So are quantities that are known, such as a direct effect
    in a model without one.

    Args:
        simulate: draws parameters from the prior, and data from these.
        fit: infers parameters from data.
        quantities: names the draws of all quantities of each of several fits, or of
            true parameters, where there is one draw.
        key: of both.
        n_sets: how many data sets.

    Returns:
        One row per quantity, and how many data sets were refused.

    Raises:
        ValueError: if quantities are not the same, all data are refused, or there are
            too few data sets (see `uniformity`).

    Reference: Talts, Betancourt, Simpson, Vehtari and Gelman 2018, arXiv:1804.06788,
        algorithm 1; Cook, Gelman and Rubin 2006, JCGS 15, 675-692.
    """
    ranks: dict[str, list[int]] = {}
    held: dict[str, list[bool]] = {}
    refused, keys = 0, jax.random.split(key, n_sets)
    for start in range(0, n_sets, BATCH):
        pairs: list[tuple[Found, Found]] = []
        for own in keys[start : start + BATCH]:
            first, second = jax.random.split(own)
            data, truth = simulate(first)
            try:
                pairs.append((truth, fit(data, second)))
            except ValueError:
                refused += 1
        truths, fits = ([pair[i] for pair in pairs] for i in range(2))
        both = zip(quantities(truths), quantities(fits), strict=True) if pairs else ()
        for truth, draws in both:
            _compare(truth, draws, ranks, held)
    if not ranks:
        raise ValueError(f"all {n_sets} data sets were refused")
    names = tuple(ranks)
    p_values = np.array([uniformity(np.array(ranks[name])) for name in names])
    rows = zip(names, p_values, multiplicity.holm(p_values), strict=True)
    found = tuple(
        Calibration(
            name=name,
            ranks=np.array(ranks[name]),
            p_value=float(p),
            corrected=float(corrected),
            coverage=float(np.mean(held[name])),
        )
        for name, p, corrected in rows
    )
    return found, refused


def rank(draws: Float[np.ndarray, "chain draw"], true: float) -> int:
    """Counts the draws below the true value, among some far enough apart.

    Definition: `KEPT` draws at equal distances, chain after chain, so that draws of
    one chain have next to nothing to do with one another.

    Args:
        draws: of a quantity.
        true: what it was.

    Raises:
        ValueError: if there are fewer than `KEPT` draws.

    Reference: Talts, Betancourt, Simpson, Vehtari and Gelman 2018, arXiv:1804.06788,
        section 5.1 (thinning).
    """
    if draws.size < KEPT:
        raise ValueError(f"got {draws.size} draws; a rank is among at least {KEPT}")
    chosen = np.linspace(0, draws.size - 1, KEPT).round().astype(int)
    return int(np.sum(draws.ravel()[chosen] < true))


def uniformity(ranks: Int[np.ndarray, " set"]) -> float:
    """Tests whether ranks are uniform.

    Definition: the chi-square test of equal counts in bins of equal width: as many, at
    most 20, as divide the `KEPT + 1` possible ranks and expect 5 data sets each.

    Args:
        ranks: from 0 to `KEPT`, one for each data set.

    Raises:
        ValueError: if there are less than 10 ranks.

    Reference: Cook, Gelman and Rubin 2006, JCGS 15, 675-692; the bins are our choice.
    """
    possible = KEPT + 1
    bins = [
        number
        for number in range(2, 21)
        if possible % number == 0 and len(ranks) / number >= FEWEST_PER_BIN
    ]
    if not bins:
        raise ValueError(f"{len(ranks)} data sets are too few; needed are at least 10")
    counts = np.bincount(ranks * bins[-1] // possible, minlength=bins[-1])
    return float(scipy.stats.chisquare(counts).pvalue)


def prior_design(units: Units, specification: Specification) -> Design:
    """Sets up a model whose prior does not depend on the data.

    Definition: location 0 and scale 1 for every column after the link, in place of the
    mean and SD of the data. Fits must be given its `scales`.

    Args:
        units: covariates and languages; T, A, R and D need only be positive.
        specification: of the model.

    Raises:
        ValueError: as `design.make_design`.

    Reference: our own definition.
    """
    names = (*units.covariates, *NODES)
    plain = Scales(location=dict.fromkeys(names, 0.0), scale=dict.fromkeys(names, 1.0))
    return make_design(units, specification, plain)


def simulator(
    design: Design,
) -> Callable[[PRNGKeyArray], tuple[Units, Posterior]]:
    """Makes the function that draws parameters from the prior, and units from these.

    Definition: `structural.generate`, then the inverse of the link. The parameters are
    returned as a posterior of which they are the only draw.

    Args:
        design: as from `prior_design`.

    Reference: Talts, Betancourt, Simpson, Vehtari and Gelman 2018, arXiv:1804.06788.
    """
    linear = design.specification.link == "linear"

    @jax.jit
    def drawn(key: PRNGKeyArray) -> Any:
        program = handlers.trace(handlers.seed(structural.generate, key))
        sites = program.get_trace(design)
        values = {name: site["value"] for name, site in sites.items()}
        nodes = {node: values.pop(node) for node in design.nodes}
        return nodes, values

    def simulate(key: PRNGKeyArray) -> tuple[Units, Posterior]:
        with (
            jax.enable_x64(True),
            jax.numpy_dtype_promotion("standard"),
            jax.numpy_rank_promotion("allow"),
        ):
            nodes, values = jax.tree.map(np.asarray, drawn(key))
        columns = nodes if linear else {name: np.exp(x) for name, x in nodes.items()}
        units = dataclasses.replace(
            design.units, columns=design.units.columns | columns
        )
        return units, _known(design, values)

    return simulate


def parameters_and_effects(
    design: Design,
) -> Callable[[Sequence[Posterior]], list[dict[str, np.ndarray]]]:
    """Makes the function that names every parameter and effect of several posteriors.

    Definition: `every_parameter`, and `effects.effects`. The latter is computed for
    all posteriors at once, as it takes longer to compile than to run; a contrast that
    depends on T takes that of the design.

    Args:
        design: as from `prior_design`, whose scales all posteriors were fitted with.

    Reference: our own definition.
    """

    def quantities(found: Sequence[Posterior]) -> list[dict[str, np.ndarray]]:
        parts = [each.standard for each in found]
        joined = Standard(
            b=_joined([part.b for part in parts]),
            sigma=_joined([part.sigma for part in parts]),
            tau=_joined([part.tau for part in parts]),
            effects=_joined([part.effects for part in parts]),
            freedom=_joined([part.freedom for part in parts]),
        )
        walk = Walk(
            energy=np.concatenate([each.walk.energy for each in found]),
            diverging=np.concatenate([each.walk.diverging for each in found]),
            steps=None,
        )
        whole = dataclasses.replace(found[0], design=design, standard=joined, walk=walk)
        draws = effects.effects(whole).draws
        chains = len(found[0].walk.energy)
        return [
            every_parameter(each)
            | {name: x[i * chains : (i + 1) * chains] for name, x in draws.items()}
            for i, each in enumerate(found)
        ]

    return quantities


def every_parameter(found: Posterior) -> dict[str, Float[np.ndarray, "chain draw"]]:
    """Names all that a posterior has draws of, what languages add included.

    Args:
        found: a posterior.

    Reference: our own definition.
    """
    draws = diagnostics.named(found)
    names = found.units.languages
    by_language = {f"{node} of": x for node, x in found.languages.items()}
    by_language |= {f"{a}>{b} of": x for (a, b), x in found.slopes.items()}
    for what, values in by_language.items():
        draws |= {f"{what} {name}": values[..., i] for i, name in enumerate(names)}
    return draws


def _compare(
    truth: Truths,
    draws: Draws,
    ranks: dict[str, list[int]],
    held: dict[str, list[bool]],
) -> None:
    """Adds the rank of each true quantity, and whether its interval holds it."""
    if draws.keys() != truth.keys():
        odd = ", ".join(sorted(draws.keys() ^ truth.keys()))
        raise ValueError(f"truths and draws are not of the same quantities: {odd}")
    tail = (1 - LEVEL) / 2
    for name in truth:
        true = float(truth[name][0, 0])
        if np.all(draws[name] == true):
            continue
        # of quantiles between draws k and k + 1 these alone hold their share exactly
        low, high = np.quantile(draws[name], [tail, 1 - tail], method="weibull")
        ranks.setdefault(name, []).append(rank(draws[name], true))
        held.setdefault(name, []).append(bool(low <= true <= high))


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([x[name] for x in parts]) for name in parts[0]}


def _known(design: Design, values: dict[str, np.ndarray]) -> Posterior:
    """A posterior whose only draw are known parameters; all scales are 1."""
    one = {name: x[None, None] for name, x in values.items()}
    nodes = design.nodes
    varying = {node: names for node, names in design.varying.items() if names}
    standard = Standard(
        b={node: one[f"b_{node}"] for node in nodes},
        sigma={node: one[f"sigma_{node}"] for node in nodes},
        tau={node: one[f"tau_{node}"] for node in varying},
        effects={node: one[f"u_{node}"] for node in varying},
        freedom={
            node: structural.LEAST_FREEDOM + one[f"freedom_{node}"]
            for node in nodes
            if f"freedom_{node}" in one
        },
    )
    slopes = {
        (name, node): standard.b[node][..., place]
        for node in nodes
        for place, name in enumerate(design.regressors[node])
        if name != CONSTANT
    }
    own = {
        (name, node): (standard.tau[node][..., place], effects_of[..., place])
        for node, effects_of in standard.effects.items()
        for place, name in enumerate(varying[node])
    }
    constants = {node for name, node in own if name == CONSTANT}
    covariates = design.units.covariates
    nothing = np.zeros((1, 1))
    return Posterior(
        design=design,
        coefficients={a: x for a, x in slopes.items() if a[0] not in covariates},
        covariates={a: x for a, x in slopes.items() if a[0] in covariates},
        constants={node: standard.b[node][..., 0] for node in nodes},
        sigma=standard.sigma,
        tau={node: own[CONSTANT, node][0] for node in constants},
        languages={node: own[CONSTANT, node][1] for node in constants},
        slopes={a: x for a, (_, x) in own.items() if a[0] != CONSTANT},
        slope_sds={a: x for a, (x, _) in own.items() if a[0] != CONSTANT},
        freedom=standard.freedom,
        standard=standard,
        walk=Walk(energy=nothing, diverging=nothing > 0, steps=None),
    )
