"""The research notes' score of a compressed model, kept to show what it rewards.

It is the square root of efficiency times fairness. It knows how much smaller a model
became and how unequally languages lose, and not how much they lose: a model that
answers noise in every language is as fair as one in full precision. Nothing here
chooses models by it; `search.recommended` says what to do instead.
"""

import math

import numpy as np
from jaxtyping import Float

FULL_BITS = 16.0
UNITS = ("nats", "perplexity")


def efficiency(
    bits: Float[np.ndarray, " scheme"], *, full_bits: float = FULL_BITS
) -> Float[np.ndarray, " scheme"]:
    """Counts how many times smaller words are than in full precision.

    Definition: `full_bits / bits`. The notes also type in ratios of throughput, which
    `fair_efficiency` takes as well.

    Args:
        bits: mean word length of the weights.
        full_bits: that of full precision.

    Raises:
        ValueError: if a number of bits is not positive.

    Reference: our own definition, in place of the notes' typed numbers.
    """
    _positive(bits, "bits per weight")
    if not full_bits > 0:
        raise ValueError(f"full_bits must be above 0, got {full_bits}")
    return full_bits / bits


def fairness(
    disparity: Float[np.ndarray, " scheme"], *, capped: bool = False
) -> Float[np.ndarray, " scheme"]:
    """Turns a ratio of losses into the notes' fairness.

    Definition: `1 / disparity`; capped, at most 1, so that harming the language that
    had lost least is no gain.

    Args:
        disparity: loss of the low-resource languages over that of the others.
        capped: as in the notes' code of C-009; their text has no cap.

    Raises:
        ValueError: if a ratio is not positive, as where one side gains.

    Reference: quant-disparity repository, RESULTS_PAPER_DRAFT.md, section 2.4; capped:
        experiments/track-c-efficiency/exp_c009_pareto_frontier.py.
    """
    _positive(disparity, "disparity")
    inverse = 1.0 / disparity
    return np.minimum(inverse, 1.0) if capped else inverse


def fair_efficiency(
    efficiency: Float[np.ndarray, " scheme"],
    disparity: Float[np.ndarray, " scheme"],
    *,
    capped: bool = False,
) -> Float[np.ndarray, " scheme"]:
    """Computes the notes' fair-efficiency score (FES).

    Definition: `sqrt(efficiency * fairness)`. It orders schemes as `efficiency /
    disparity` does; losses enter by their ratio alone, so that multiplying all of them
    by any number leaves it as it is.

    Args:
        efficiency: how many times smaller or faster than in full precision.
        disparity: loss of the low-resource languages over that of the others.
        capped: as in `fairness`.

    Raises:
        ValueError: if an efficiency or a disparity is not positive.

    Reference: quant-disparity repository, RESULTS_PAPER_DRAFT.md, section 4.2.
    """
    _positive(efficiency, "efficiency")
    return np.sqrt(efficiency * fairness(disparity, capped=capped))


def disparity_behind(
    score: Float[np.ndarray, " scheme"], efficiency: Float[np.ndarray, " scheme"]
) -> Float[np.ndarray, " scheme"]:
    """Finds the disparity that a printed score implies.

    Definition: `efficiency / score^2`, the inverse of `fair_efficiency`.

    Args:
        score: as printed.
        efficiency: that it was computed with.

    Raises:
        ValueError: if a score or an efficiency is not positive.

    Reference: our own definition.
    """
    _positive(score, "score")
    _positive(efficiency, "efficiency")
    return efficiency / score**2


def uniformly_broken(bits: float, *, full_bits: float = FULL_BITS) -> float:
    """Scores a model that has lost everything, alike in all languages.

    Definition: `fair_efficiency` at a disparity of 1, `sqrt(full_bits / bits)`. Full
    precision scores 1, which is less at any smaller word.

    Args:
        bits: mean word length of the weights.
        full_bits: that of full precision.

    Raises:
        ValueError: if a number of bits is not positive.

    Reference: our own definition.
    """
    one = np.array([bits], np.float64)
    gain = efficiency(one, full_bits=full_bits)
    return float(fair_efficiency(gain, np.ones(1))[0])


def ratio(
    low: Float[np.ndarray, " scheme"],
    high: Float[np.ndarray, " scheme"],
    *,
    unit: str = "nats",
) -> Float[np.ndarray, " scheme"]:
    """Takes the ratio of what two sides lose, in one of the notes' two units.

    Definition: `low / high` of nats; of per cent of perplexity `(e^low - 1) / (e^high -
    1)`, which grows as `e^(low - high)` where losses are large.

    Args:
        low: nats per token that the low-resource side loses.
        high: nats per token that the other side loses.
        unit: one of `UNITS`.

    Raises:
        ValueError: if the unit is unknown, or a side does not lose.

    Reference: our own definition.
    """
    if unit not in UNITS:
        raise ValueError(f"unit {unit!r}: must be one of {', '.join(UNITS)}")
    _positive(low, "loss of the low side")
    _positive(high, "loss of the high side")
    return np.expm1(low) / np.expm1(high) if unit == "perplexity" else low / high


def turned_round(
    one: Float[np.ndarray, " scheme"], other: Float[np.ndarray, " scheme"]
) -> int:
    """Counts pairs of schemes that two scores put in opposite orders.

    Definition: pairs with `(a_i - a_j) (b_i - b_j) < 0`; ties count for nothing.

    Args:
        one: a score of each scheme, in any unit.
        other: another score of them.

    Raises:
        ValueError: if a score is not a number.

    Reference: Kendall 1938, Biometrika 30 (discordant pairs).
    """
    if math.isnan(float(np.sum(one) + np.sum(other))):
        raise ValueError("scores must be numbers, got NaN; leave those schemes out")
    first, second = (np.sign(np.subtract.outer(x, x)) for x in (one, other))
    return int(np.sum(first * second < 0)) // 2


def _positive(values: np.ndarray, what: str) -> None:
    """Refuses what is not above 0, NaN included."""
    wrong = values[~((values > 0) & np.isfinite(values))]
    if wrong.size:
        raise ValueError(
            f"{what} must be a finite number above 0, got {wrong.flat[0]:g}; the score "
            "has no value there"
        )
