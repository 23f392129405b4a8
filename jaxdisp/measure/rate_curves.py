"""Curves of loss against word length: which points count, and how they fall.

Where rounding is a small noise, what is lost is in proportion to the noise's power, and
that to `4^-bits`. Points where the model has collapsed do not follow any law, and
losses that cannot be told from 0 have no logarithm; both are left out.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxdisp.measure.degradation import COLLAPSED
from jaxdisp.result import result
from jaxdisp.stats.jackknife import jackknife_interval
from jaxdisp.stats.model_choice import straight_line


@result
class Curve:
    """Logarithms of what is lost, at the word lengths that count.

    `bits` are those that the step is worth, `log_left_out` without each text; `kept`
    says which points of all these are.
    """

    bits: Float[np.ndarray, " point"]
    log: Float[np.ndarray, " point"]
    log_left_out: Float[np.ndarray, "text point"]
    kept: Bool[np.ndarray, " all"]


def text_means(
    values: Float[np.ndarray, " sentence *column"],
    groups: Int[np.ndarray, " sentence"],
) -> tuple[Float[np.ndarray, " *column"], Float[np.ndarray, " text *column"]]:
    """Averages over all sentences, and over those of all texts but one.

    Args:
        values: of each sentence, in any unit.
        groups: the text that each sentence belongs to.

    Raises:
        ValueError: if there are fewer than 2 texts.

    Reference: our own definition.
    """
    texts = np.unique(groups)
    if len(texts) < 2:
        raise ValueError(f"needs at least 2 texts, got {len(texts)}")
    left_out = np.stack([values[groups != text].mean(axis=0) for text in texts])
    return np.asarray(values.mean(axis=0)), left_out


def collapsed(
    loss: Float[np.ndarray, "bits language"],
    n_tokens: Float[np.ndarray, " language"],
    vocabulary: int,
) -> Bool[np.ndarray, "bits language"]:
    """Says where a model no longer predicts.

    Definition: the loss per token is above 0.9 ln V.

    Args:
        loss: in nats per sentence.
        n_tokens: predicted tokens per sentence, on average.
        vocabulary: number of tokens V.

    Reference: our own definition, as in `degradation.degradation`.
    """
    return loss / n_tokens > COLLAPSED * np.log(vocabulary)


def above_zero(
    mean: Float[np.ndarray, " *column"], left_out: Float[np.ndarray, " text *column"]
) -> Bool[np.ndarray, " *column"]:
    """Says which means can be told from 0, so that they have a logarithm.

    Definition: the lower bound of the jackknife's 95 % interval over texts is above 0,
    and so is the mean without any one text.

    Args:
        mean: in any unit.
        left_out: without each text.

    Reference: our own definition.
    """
    low, _ = jackknife_interval(mean, left_out)
    return np.asarray((low > 0) & np.all(left_out > 0, axis=0))


def counted(
    bits: Float[np.ndarray, " point"],
    mean: Float[np.ndarray, " point"],
    left_out: Float[np.ndarray, "text point"],
    usable: Bool[np.ndarray, " point"],
) -> Curve:
    """Keeps the points of a curve that are usable and can be told from 0.

    Definition: `above_zero`, up to the first usable point where that fails, since of
    many losses near 0 some are above it by chance. The last points kept are still too
    high on average, which makes a curve seem less steep.

    Args:
        bits: that the step of each point is worth, in ascending order.
        mean: in any unit.
        left_out: without each text.
        usable: where the model has not collapsed.

    Reference: our own definition.
    """
    clear = above_zero(mean, left_out)
    kept = usable & np.logical_and.accumulate(clear | ~usable)
    return Curve(
        bits=bits[kept],
        log=np.log(mean[kept]),
        log_left_out=np.log(left_out[:, kept]),
        kept=kept,
    )


def ratio(low: Curve, high: Curve, bits: Float[np.ndarray, " point"]) -> Curve:
    """Divides two curves at the points that both have.

    Definition: `ln low - ln high`.

    Args:
        low: the one divided.
        high: the one it is divided by.
        bits: of all points, kept or not.

    Reference: our own definition.
    """
    both = low.kept & high.kept
    one, other = both[low.kept], both[high.kept]
    return Curve(
        bits=bits[both],
        log=low.log[one] - high.log[other],
        log_left_out=low.log_left_out[:, one] - high.log_left_out[:, other],
        kept=both,
    )


def slope(curve: Curve) -> tuple[float, tuple[float, float]]:
    """Fits how a curve's logarithm changes per bit, with an interval over texts.

    Definition: the slope of a straight line, each point counting alike; the interval is
    the jackknife's.

    Args:
        curve: of at least 2 points.

    Raises:
        ValueError: if there are fewer.

    Reference: our own definition.
    """
    estimate = straight_line(curve.bits, curve.log).slope
    left_out = straight_line(curve.bits, curve.log_left_out).slope
    low, high = jackknife_interval(np.asarray(estimate), left_out)
    return float(estimate), (float(low), float(high))
