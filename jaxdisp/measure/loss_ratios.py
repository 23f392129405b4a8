"""The ratio of what two sides lose, in the four units that the same run can be put in.

Per cent of perplexity is what the research notes report; it is the exponential of nats
per token, and so is the ratio of two of them. Tokens and bytes differ between languages
that say the same; parallel sentences do not.
"""

import numpy as np
from jaxtyping import Float

from jaxdisp.measure import scores
from jaxdisp.result import result

UNITS = ("perplexity", "token", "byte", "sentence")


@result
class Size:
    """How much text a side has: predicted tokens, bytes and parallel sentences."""

    tokens: float
    bytes: float
    sentences: float


@result
class Ratios:
    """What the low side loses over what the other does, by unit."""

    perplexity: Float[np.ndarray, " scheme"]
    token: Float[np.ndarray, " scheme"]
    byte: Float[np.ndarray, " scheme"]
    sentence: Float[np.ndarray, " scheme"]


def nats(percent: Float[np.ndarray, " *any"]) -> Float[np.ndarray, " *any"]:
    """Turns per cent of perplexity gained into nats per token lost.

    Definition: `ln(1 + percent / 100)`.

    Args:
        percent: `100 (PPL_q / PPL - 1)`.

    Raises:
        ValueError: if one is not above -100.

    Reference: our own definition.
    """
    if not np.all(percent > -100):
        raise ValueError(
            "per cent of perplexity must be above -100, got "
            f"{float(np.min(percent)):g}; no perplexity is below 0"
        )
    return np.log1p(percent / 100)


def ratios(
    low: Float[np.ndarray, " scheme"],
    high: Float[np.ndarray, " scheme"],
    *,
    low_size: Size,
    high_size: Size,
) -> Ratios:
    """Takes the ratio of two sides' losses in each unit.

    Definition: with nats per token d and n_unit of a side, `low n_token / n_unit` over
    the same of the other side; of perplexity `(e^low - 1) / (e^high - 1)`.

    Args:
        low: nats per token that the low side loses, by scheme.
        high: nats per token that the other side loses.
        low_size: text of the low side.
        high_size: text of the other side, of the same content.

    Raises:
        ValueError: if a side does not lose.

    Reference: our own definition.
    """
    token = scores.ratio(low, high)
    by_unit = {
        unit: token
        * (low_size.tokens / getattr(low_size, unit))
        / (high_size.tokens / getattr(high_size, unit))
        for unit in ("bytes", "sentences")
    }
    return Ratios(
        perplexity=scores.ratio(low, high, unit="perplexity"),
        token=token,
        byte=by_unit["bytes"],
        sentence=by_unit["sentences"],
    )
