"""Draws of the scales of an equation, nearly independent of one another.

With two scales at most, sigma and the spread of languages, a posterior can be laid out
in cells. Proposals come from the cells, whatever the last draw was, and are accepted or
not so that draws have the posterior itself, not that of the cells (Metropolis and
Hastings). Nothing is compiled, and next to all proposals are accepted.
"""

import itertools
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float64

from jaxdisp.causal import collapsed
from jaxdisp.causal.collapsed import Selected
from jaxdisp.causal.design import SCALE_SD

LOWEST, HIGHEST = -12.0, 4.0
"""Logarithms of scales, in standard units, between which a posterior is looked for."""

ZOOMS, POINTS = 12, 25
CELLS = {1: 512, 2: 64}
"""Cells along each of one or two scales."""

DEEP = 25.0
"""Nats below the mode at which the cells end: of a posterior 1e-10 is beyond."""

FIRST = 10
"""Draws that are dropped at the beginning of each chain; the first one is a cell's."""


def log_density(
    selected: Selected, logs: Float64[np.ndarray, "draw scale"]
) -> Float64[np.ndarray, " draw"]:
    """Evaluates the posterior density of the logarithms of scales.

    Definition: `collapsed.log_marginal` and, for each scale x, `log x - (x / s)^2 / 2`,
    half-normal with s = `design.SCALE_SD`; but for a constant.

    Args:
        selected: products of an equation's columns.
        logs: of sigma, then of the spread if there is one.

    Reference: our own choice of prior.
    """
    scales = np.exp(logs)
    spread = scales[:, 1:] if logs.shape[1] > 1 else np.zeros((len(logs), 1))
    prior = np.sum(logs - (scales / SCALE_SD) ** 2 / 2, axis=1)
    return np.asarray(collapsed.log_marginal(selected, scales[:, 0], spread)) + prior


def draw_scales(
    selected: Selected,
    n_scales: int,
    uniforms: Float64[np.ndarray, "chain draw number"],
) -> tuple[Float64[np.ndarray, "chain kept scale"], Float64[np.ndarray, "chain kept"]]:
    """Draws the logarithms of an equation's scales.

    Definition: proposals fall into cell k with a probability proportional to the
    density at its middle, and evenly within it; proposal x' is accepted after x with
    probability `min(1, p(x') q(x) / (p(x) q(x')))`, q the density of proposals.

    Args:
        selected: products of an equation's columns.
        n_scales: 1, without effects of languages, or 2.
        uniforms: between 0 and 1, two more than scales per draw; the first `FIRST`
            draws are dropped.

    Returns:
        Logarithms, and the log density of each draw.

    Raises:
        ValueError: if there are more scales, or numbers are lacking.

    Reference: Tierney 1994, Annals of Statistics 22, section 2.3.3 (independence
        chains); the cells are a griddy Gibbs sampler's (Ritter and Tanner 1992).
    """
    if n_scales not in CELLS or uniforms.shape[2] != n_scales + 2:
        raise ValueError(
            f"there must be 1 or 2 scales and two more numbers, got {n_scales} and "
            f"{uniforms.shape[2]}"
        )

    def density(logs: np.ndarray) -> np.ndarray:
        return log_density(selected, logs)

    low, high = _bounds(density, n_scales)
    width = (high - low) / CELLS[n_scales]
    middles = _grid(low + width / 2, high - width / 2, CELLS[n_scales])
    heights = density(middles)
    shares = np.exp(heights - heights.max())
    shares /= shares.sum()
    flat = uniforms.reshape(-1, n_scales + 2)
    chosen = np.searchsorted(np.cumsum(shares), flat[:, 0]).clip(max=len(shares) - 1)
    proposed = middles[chosen] + width * (flat[:, 1:-1] - 0.5)
    reached = density(proposed)
    shape = uniforms.shape[:2]
    ratio = (reached - np.log(shares[chosen])).reshape(shape)
    places = _accepted(ratio, np.log(uniforms[:, :, -1]))[:, FIRST:]
    rows = np.arange(shape[0])[:, None]
    return proposed.reshape(*shape, n_scales)[rows, places], reached.reshape(shape)[
        rows, places
    ]


def _bounds(
    density: Callable[[np.ndarray], np.ndarray], n_scales: int
) -> tuple[Float[np.ndarray, " scale"], Float[np.ndarray, " scale"]]:
    """A box that holds all but what lies `DEEP` below the mode."""
    low, high = np.full(n_scales, LOWEST), np.full(n_scales, HIGHEST)
    for _ in range(ZOOMS):
        points = _grid(low, high, POINTS)
        heights = density(points)
        within = points[heights > heights.max() - DEEP]
        step = (high - low) / (POINTS - 1)
        closer = np.maximum(within.min(axis=0) - step, low)
        nearer = np.minimum(within.max(axis=0) + step, high)
        done = np.all(nearer - closer > 0.8 * (high - low))
        low, high = closer, nearer
        if done:
            break
    return low, high


def _grid(low: np.ndarray, high: np.ndarray, points: int) -> np.ndarray:
    axes = [np.linspace(a, b, points) for a, b in zip(low, high, strict=True)]
    return np.array(list(itertools.product(*axes)))


def _accepted(ratio: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Which proposal each draw of each chain stands at."""
    chains = np.arange(len(ratio))
    at = np.zeros(len(ratio), int)
    places = np.zeros(ratio.shape, int)
    for draw in range(1, ratio.shape[1]):
        taken = logs[:, draw] < ratio[:, draw] - ratio[chains, at]
        at = np.where(taken, draw, at)
        places[:, draw] = at
    return places
