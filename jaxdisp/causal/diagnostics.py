"""Whether a posterior's draws can be trusted, in numbers and in words."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpyro import diagnostics as plain

from jaxdisp.causal.posterior import Posterior

MOST_RHAT, LEAST_PER_CHAIN, LEAST_BFMI = 1.01, 100, 0.3
"""Vehtari et al. 2021 (R-hat, and effective draws per chain); Betancourt 2016."""

SPLIT = 4
"""Draws that a chain needs at least, for two halves with a variance each."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Convergence:
    """What chains say of the draws of one quantity.

    `rhat` is 1 where chains agree; `bulk` and `tail` are numbers of independent draws
    that are worth as much, for the middle and for the 5 % and 95 % quantiles; `mcse` is
    the standard error of the mean, in the quantity's unit.
    """

    name: str
    rhat: float
    bulk: float
    tail: float
    mcse: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Diagnosis:
    """Convergence of every quantity, the walk's own signs, and problems in words.

    `bfmi` are energy fractions of missing information, one per chain. `problems` is
    empty where verdicts may rest on the draws; each is a reason to refuse them.
    `by` says which library the estimates are from.
    """

    quantities: tuple[Convergence, ...]
    divergences: int
    bfmi: Float[np.ndarray, " chain"]
    problems: tuple[str, ...]
    by: str


def diagnose(
    found: Posterior,
    others: Mapping[str, Float[np.ndarray, "chain draw"]] | None = None,
) -> Diagnosis:
    """Checks the draws of a posterior, and of quantities made of them.

    Definition: `convergence` of coefficients, constants and scales, and `others`;
    `energy_fractions`; and a problem for each that does not reach its threshold (R-hat
    at most 1.01, at least 100 effective draws per chain, no divergences, fractions of
    at least 0.3).

    Args:
        found: a posterior.
        others: more quantities, such as effects.

    Raises:
        ValueError: if there are less than 4 draws per chain.

    Reference: Vehtari, Gelman, Simpson, Carpenter and Buerkner 2021, Bayesian Analysis
        16, sections 3 and 4; Betancourt 2016, arXiv:1604.00695.
    """
    return judge(
        named(found) | dict(others or {}), found.walk.energy, found.walk.diverging
    )


def judge(
    draws: Mapping[str, Float[np.ndarray, "chain draw"]],
    energy: Float[np.ndarray, "chain draw"],
    diverging: Bool[np.ndarray, "chain draw"],
) -> Diagnosis:
    """Checks draws by name, with what the sampler says of its walk; see `diagnose`.

    Args:
        draws: of each quantity.
        energy: of each draw, the potential and kinetic one.
        diverging: whether the draw's trajectory left the energy it began with.

    Raises:
        ValueError: if there are less than 4 draws per chain.

    Reference: as in `diagnose`.
    """
    quantities = tuple(convergence(name, x) for name, x in draws.items())
    bfmi, divergences = energy_fractions(energy), int(diverging.sum())
    return Diagnosis(
        quantities=quantities,
        divergences=divergences,
        bfmi=bfmi,
        problems=tuple(_problems(quantities, divergences, bfmi, energy.shape)),
        by="numpyro" if _arviz() is None else "arviz-stats",
    )


def named(found: Posterior) -> dict[str, Float[np.ndarray, "chain draw"]]:
    """Names what a posterior has draws of, but the effects of single languages.

    Args:
        found: a posterior.

    Reference: our own definition.
    """
    arrows = found.coefficients | found.covariates
    draws = {f"{cause}>{node}": x for (cause, node), x in arrows.items()}
    draws |= {f"constant of {node}": x for node, x in found.constants.items()}
    draws |= {f"sigma of {node}": x for node, x in found.sigma.items()}
    draws |= {f"tau of {node}": x for node, x in found.tau.items()}
    slopes = found.slope_sds.items()
    draws |= {f"tau of {cause}>{node}": x for (cause, node), x in slopes}
    return draws | {f"freedom of {node}": x for node, x in found.freedom.items()}


def convergence(name: str, draws: Float[np.ndarray, "chain draw"]) -> Convergence:
    """Compares the chains of one quantity.

    Definition: R-hat of ranks (the larger of that of normal scores and that of their
    distances from the median), of chains cut in halves; effective sizes of the normal
    scores (bulk) and of the indicators of the 5 % and 95 % quantiles (tail, the smaller
    one), by arviz-stats. Where that is missing, by numpyro: R-hat and effective size
    of the values themselves, and the latter of the indicators.

    Args:
        name: of the quantity.
        draws: of it.

    Raises:
        ValueError: if there are less than 4 draws per chain.

    Reference: Vehtari, Gelman, Simpson, Carpenter and Buerkner 2021, Bayesian Analysis
        16, sections 3 and 4.
    """
    if draws.shape[1] < SPLIT:
        raise ValueError(
            f"{name} has {draws.shape[1]} draws per chain; needed are at least {SPLIT}"
        )
    arviz = _arviz()
    if np.ptp(draws) == 0:
        rhat, bulk, tail = 1.0, float(draws.size), float(draws.size)
    elif arviz is not None:
        rhat = arviz.rhat(draws) if len(draws) > 1 else arviz.rhat(_halves(draws))
        bulk, tail = arviz.ess(draws), arviz.ess(draws, method="tail", prob=0.05)
    else:
        rhat = plain.split_gelman_rubin(draws)
        bulk = plain.effective_sample_size(draws)
        tail = min(_size(draws <= np.quantile(draws, p)) for p in (0.05, 0.95))
    return Convergence(
        name=name,
        rhat=float(rhat),
        bulk=float(bulk),
        tail=float(tail),
        mcse=float(_error(draws, arviz)),
    )


def energy_fractions(
    energy: Float[np.ndarray, "chain draw"],
) -> Float[np.ndarray, " chain"]:
    """Says how freely each chain moves from one energy to another.

    Definition: `sum (E[t] - E[t - 1])^2 / sum (E[t] - mean)^2` of each chain, about 1
    or more where momenta alone can take it anywhere; little where it creeps.

    Args:
        energy: of each draw.

    Reference: Betancourt 2016, arXiv:1604.00695, equation 4.
    """
    steps = np.sum(np.diff(energy, axis=1) ** 2, axis=1)
    return steps / np.sum((energy - energy.mean(axis=1, keepdims=True)) ** 2, axis=1)


def _problems(
    quantities: tuple[Convergence, ...],
    divergences: int,
    bfmi: np.ndarray,
    shape: tuple[int, ...],
) -> Iterator[str]:
    chains, total = shape[0], shape[0] * shape[1]
    needed = LEAST_PER_CHAIN * chains
    far = [each for each in quantities if not each.rhat <= MOST_RHAT]
    if far:
        worst = max(far, key=lambda each: np.nan_to_num(each.rhat, nan=np.inf))
        yield (
            f"the {chains} chains have not met: R-hat of {worst.name} is "
            f"{worst.rhat:.3f}{_also(far)}, allowed is {MOST_RHAT}; take more draws"
        )
    for part, where in (("bulk", "the middle"), ("tail", "the tails")):
        few = [each for each in quantities if not getattr(each, part) >= needed]
        if few:
            worst = min(few, key=lambda each: getattr(each, part))
            yield (
                f"too few effective draws for {where}: {getattr(worst, part):.0f} of "
                f"{worst.name}{_also(few)}, needed are {needed} for {chains} chains; "
                "take more draws"
            )
    if divergences:
        yield (
            f"{divergences} of {total} trajectories diverged, so parts of the "
            "posterior may not have been reached; take fewer causes"
        )
    slow = np.flatnonzero(~(bfmi >= LEAST_BFMI))
    if len(slow):
        yield (
            f"{len(slow)} of {chains} chains hardly move between energies: E-BFMI is "
            f"{bfmi.min():.2f}, needed is {LEAST_BFMI}; take more draws"
        )


def _also(several: list[Convergence]) -> str:
    more = len(several) - 1
    return f" (and {more} other{'s' * (more > 1)} fail)" if more else ""


def _arviz() -> Any:
    """The array functions of arviz-stats, where it is installed."""
    try:
        from arviz_stats.base.array import array_stats
    except ImportError:
        return None
    return array_stats


def _halves(draws: np.ndarray) -> np.ndarray:
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _size(flags: np.ndarray) -> float:
    return float(plain.effective_sample_size(flags.astype(float)))


def _error(draws: np.ndarray, arviz: Any) -> float:
    if np.ptp(draws) == 0:
        return 0.0
    if arviz is not None:
        return float(arviz.mcse(draws))
    return float(draws.std(ddof=1) / np.sqrt(plain.effective_sample_size(draws)))
