"""What effects would be if errors of two equations had an unobserved common cause."""

import functools as ft
from collections.abc import Callable, Sequence

import jax
import networkx as nx
import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy import special

from jaxdisp.causal import graph as graphs
from jaxdisp.causal.posterior import Posterior
from jaxdisp.result import result

Draws = Float[np.ndarray, "chain draw"]
Row = dict[str, object]

CORRELATIONS = tuple(round(0.05 * step, 2) for step in range(-19, 20))
STRENGTHS = (0.0, 0.1, 0.25, 0.5, 1.0)


@result
class Mediated:
    """The effect through a mediator, and what it depends on.

    `to` is the effect of T on the mediator, `onward` that of the mediator on D if its
    error does not correlate with what else moves D, `ratio` the SD of that over the SD
    of the mediator's error.
    """

    to: Float[np.ndarray, "chain draw"]
    onward: Float[np.ndarray, "chain draw"]
    ratio: Float[np.ndarray, "chain draw"]


def shifted(slope: Draws, ratio: Draws, correlation: Draws | float) -> Draws:
    """Takes from a slope what a correlation of errors puts into it.

    Definition: if exposure and response have errors of correlation rho, the regression
    finds `b + rho / sqrt(1 - rho^2) s_y / s_x`, with s_x the SD of the exposure's
    error and s_y that of what the regression leaves of the response, and these three
    are all that data tell.

    Args:
        slope: as found by regression.
        ratio: s_y / s_x.
        correlation: rho, between -1 and 1.

    Returns:
        b.

    Reference: Imai, Keele and Yamamoto 2010, Statistical Science 25, theorem 4, with
        `s_y = sigma_1 sqrt(1 - rho~^2)` put in.
    """
    return slope - ratio * correlation / np.sqrt(1 - correlation**2)


def mediated(posterior: Posterior, mediator: str) -> Mediated:
    """Finds the effect of T on D through a mediator, and what would change it.

    Definition: all directed paths through the mediator. What else moves D, given the
    mediator and all that comes before it, are the error of D and those of other nodes
    n that lead to D: their variance is the sum of `(effect of n on D)^2 sigma_n^2`.

    Args:
        posterior: of a model.
        mediator: A or R.

    Raises:
        ValueError: if the link gives coefficients rather than infers them, or the
            mediator is not on a path from T to D.

    Reference: Imai, Keele and Yamamoto 2010, Statistical Science 25, section 5; what
        comes before the mediator is controlled for, as covariates are there.
    """
    if posterior.link == "reciprocal":
        raise ValueError(
            "the reciprocal link gives the coefficients, so nothing can overturn them"
        )
    if not any(mediator in path[1:-1] for path in graphs.paths(posterior.graph)):
        raise ValueError(f"{mediator} is on no path from T to D")
    whole = nx.DiGraph(posterior.graph.edges)
    before = {mediator, *nx.ancestors(whole, mediator)}
    others = [node for node in whole if node not in before]
    variance = sum(
        effect(posterior, node, "D") ** 2 * posterior.sigma[node] ** 2
        for node in others
    )
    return Mediated(
        to=effect(posterior, "T", mediator),
        onward=effect(posterior, mediator, "D"),
        ratio=np.sqrt(variance) / posterior.sigma[mediator],
    )


def curve(
    found: Mediated, correlations: Sequence[float] = CORRELATIONS
) -> list[dict[str, float]]:
    """Follows the effect through a mediator over correlations of errors.

    Definition: `to * shifted(onward, ratio, rho)`, by sentence within languages; the
    constants of languages are taken not to correlate.

    Args:
        found: of a mediator.
        correlations: rho, each between -1 and 1.

    Returns:
        A row each: `rho, median, low, high`, the last two of the 95 % interval.

    Reference: Imai, Keele and Yamamoto 2010, Statistical Science 25, theorem 4.
    """
    return [
        {"rho": rho, **_interval(found.to * shifted(found.onward, found.ratio, rho))}
        for rho in correlations
    ]


def vanishing(slope: Draws, ratio: Draws) -> Draws:
    """Finds the correlation of errors at which a slope is 0.

    Definition: `g / sqrt(1 + g^2)` with `g = b / ratio`: the partial correlation of
    exposure and response.

    Args:
        slope: b, as found by regression.
        ratio: as in `shifted`.

    Reference: Imai, Keele and Yamamoto 2010, Statistical Science 25, section 5.2.
    """
    odds = slope / ratio
    return odds / np.sqrt(1 + odds**2)


def mediators(posterior: Posterior) -> tuple[list[Row], list[Row], list[str]]:
    """Says for A and R which correlation of errors would make their effects vanish.

    Args:
        posterior: of a model.

    Returns:
        Rows `mediator, rho, median, low, high` of `curve`; rows `mediator, median, low,
        high` of the correlation at which the effect is 0; and why there are none.

    Reference: Imai, Keele and Yamamoto 2010, Statistical Science 25.
    """
    curves: list[Row] = []
    zeros: list[Row] = []
    refused = []
    for mediator in ("A", "R"):
        try:
            found = mediated(posterior, mediator)
        except ValueError as error:
            refused.append(f"correlation of errors of {mediator} and D: {error}")
            continue
        curves += [{"mediator": mediator, **row} for row in curve(found)]
        zero = vanishing(found.onward, found.ratio)
        zeros.append({"mediator": mediator, **_interval(zero)})
    return curves, zeros, refused


def confounded(
    posterior: Posterior,
    *,
    key: PRNGKeyArray,
    strengths: Sequence[float] = STRENGTHS,
) -> tuple[list[Row], dict[str, float | None]]:
    """Lets T and D have an unobserved common cause, and sweeps its strength.

    Definition: `U -> T` and `U -> D` with loadings of l_T and l_D SDs of the errors of
    T and D, each `N(0, s)` within -1 and 1, U sentence by sentence. With U integrated
    out the errors correlate by `l_T l_D`, and the coefficient of T>D is `shifted`;
    those of other arrows stay. Data tell only the coefficient that regression finds and
    the spread of both errors, so the loadings keep their prior, which is put on them
    beside these: the interval widens with s and does not move.

    Args:
        posterior: of a model with the arrow T>D, in which T is modelled.
        key: of the loadings.
        strengths: s.

    Returns:
        Rows `effect, strength, median, low, high` for `direct` and `total`; and for
        each the least strength up to 1 at which the 95 % interval holds 0, None if it
        does at none.

    Raises:
        ValueError: if the model has no arrow T>D, does not model T, or its link gives
            coefficients; or a strength is negative.

    Reference: Pearl 2009, Causality, section 3.5 (bow arc); McCandless, Gustafson and
        Levy 2007, Statistics in Medicine 26 (priors on confounding).
    """
    _check(posterior, strengths)
    direct = posterior.coefficients["T", "D"]
    slopes = {"direct": direct, "total": effect(posterior, "T", "D")}
    ratio = posterior.sigma["D"] / posterior.sigma["T"]
    uniform = np.asarray(jax.random.uniform(key, (2, *direct.shape)), np.float64)

    def interval(slope: Draws, strength: float) -> dict[str, float]:
        loadings = _loadings(uniform, strength)
        return _interval(shifted(slope, ratio, loadings[0] * loadings[1]))

    rows: list[Row] = [
        {"effect": name, "strength": strength, **interval(slope, strength)}
        for name, slope in slopes.items()
        for strength in strengths
    ]
    return rows, {
        name: _least(ft.partial(interval, slope)) for name, slope in slopes.items()
    }


def effect(posterior: Posterior, start: str, end: str) -> Draws:
    """Sums products of coefficients over all directed paths between two nodes.

    Args:
        posterior: of a model.
        start: where paths begin.
        end: where they end; the effect of a node on itself is 1.

    Reference: Wright 1934, Annals of Mathematical Statistics 5.
    """
    found = np.zeros_like(posterior.sigma["D"])
    if start == end:
        return found + 1
    whole = nx.DiGraph(posterior.graph.edges)
    for path in nx.all_simple_edge_paths(whole, start, end):
        arrows = [(str(cause), str(effect)) for cause, effect in path]
        found = found + np.prod([posterior.coefficients[each] for each in arrows], 0)
    return found


def _check(posterior: Posterior, strengths: Sequence[float]) -> None:
    if ("T", "D") not in posterior.coefficients:
        raise ValueError(
            "a common cause of T and D needs a model with the arrow T>D, which takes "
            "it up"
        )
    if "T" not in posterior.sigma:
        raise ValueError("a common cause of T and D needs a model of T (roots=True)")
    if min(strengths, default=0.0) < 0:
        raise ValueError(f"strengths must not be negative, got {min(strengths):g}")


def _least(interval: Callable[[float], dict[str, float]]) -> float | None:
    """The least strength up to 1 at which an interval holds 0, to 0.001."""

    def holds(strength: float) -> bool:
        found = interval(strength)
        return found["low"] <= 0 <= found["high"]

    if holds(0.0) or not holds(1.0):
        return 0.0 if holds(0.0) else None
    low, high = 0.0, 1.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _loadings(uniform: np.ndarray, strength: float) -> np.ndarray:
    """N(0, strength) within -1 and 1, in the order of the uniforms."""
    if strength == 0:
        return np.zeros_like(uniform)
    low, high = special.ndtr(-1 / strength), special.ndtr(1 / strength)
    found = strength * special.ndtri(low + (high - low) * uniform)
    # rounding must not reach a correlation of 1
    return np.clip(found, -1 + 1e-9, 1 - 1e-9)


def _interval(draws: np.ndarray) -> dict[str, float]:
    low, median, high = np.quantile(draws, [0.025, 0.5, 0.975])
    return {"median": float(median), "low": float(low), "high": float(high)}
