"""What each layer of a model costs each language, in the data and in resamples."""

import zlib

import jax
import numpy as np
from jaxtyping import Float

from jaxdisp.claims import losses
from jaxdisp.claims.evidence import Evidence
from jaxdisp.measure import disparity
from jaxdisp.result import result
from jaxdisp.search import simultaneous
from jaxdisp.stats import bootstrap

DRAWS = 2000


@result
class LayerDraws:
    """Losses in nats per sentence: row 0 is the data, the others are resampled texts.

    `alone` has one layer quantized, `spared` all others, `everything` all layers.
    """

    alone: Float[np.ndarray, "draw layer language"]
    spared: Float[np.ndarray, "draw layer language"]
    everything: Float[np.ndarray, "draw language"]


def resampled(evidence: Evidence) -> LayerDraws:
    """Resamples texts, jointly for all layers and languages.

    Args:
        evidence: of one model; its few sentences are read.

    Reference: as `claims.losses.layer_losses` and `bootstrap.resample`.
    """
    subject = evidence.subject
    found = losses.layer_losses(subject)
    stacked = np.concatenate([found.alone, found.spared, found.everything[None]])
    added = np.moveaxis(stacked - found.full, 2, 0)
    key = jax.random.fold_in(subject.key, zlib.crc32(b"layer draws"))
    draws = bootstrap.resample(
        added, np.array(subject.few.groups), key=key, draws=DRAWS
    )
    replicates = np.asarray(draws.replicate_sums, np.float64)
    sizes = np.asarray(draws.replicate_n_sentences, np.float64)
    means = np.concatenate(
        [added.mean(axis=0)[None], replicates / sizes[:, None, None]]
    )
    n_layers = len(found.alone)
    return LayerDraws(
        alone=means[:, :n_layers],
        spared=means[:, n_layers:-1],
        everything=means[:, -1],
    )


def sides(evidence: Evidence) -> Float[np.ndarray, "side language"] | None:
    """Weights of the languages in the low and in the high mean; None where unknown.

    Definition: as `disparity.contrast` without a reference: the half of the languages
    with the least training text against the half with the most.

    Args:
        evidence: of one model.

    Reference: as `disparity.contrast`.
    """
    subject = evidence.subject
    languages = subject.few.languages
    chosen = disparity.contrast(languages, subject.model.training_bytes)
    return None if chosen is None else disparity.weights_of(chosen, languages)


def texts(evidence: Evidence) -> int:
    """Counts the independent texts of the few sentences.

    Args:
        evidence: of one model.

    Reference: our own definition.
    """
    return len(set(evidence.subject.few.groups))


def bounds(draws: Float[np.ndarray, " draw"]) -> tuple[float, float]:
    """Takes the 95 % interval of percentiles, for statistics that have corners.

    Args:
        draws: of the statistic, without the data's own.

    Reference: Efron and Tibshirani 1993, An Introduction to the Bootstrap,
        section 13.3.
    """
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def band(
    draws: Float[np.ndarray, "draw comparison"], clusters: int
) -> tuple[Float[np.ndarray, " comparison"], Float[np.ndarray, " comparison"]]:
    """Finds a band that holds all of many comparisons at once, at 95 %.

    Definition: `x[0] -/+ c se`, with `se` the standard deviation of the draws and `c`
    the critical value of the largest `|x - x[0]| / se`. What grows with every
    comparison, such as their least or k-th least, lies between its values at both
    ends: so that the best of many is not taken for better than it is.

    Args:
        draws: of the comparisons; row 0 is the data.
        clusters: number of texts that were resampled.

    Reference: as `simultaneous.critical_values`.
    """
    spread = draws[1:].std(axis=0, ddof=1)
    away = np.abs(draws[1:] - draws[0])
    largest = np.max(away / np.where(spread > 0, spread, 1.0), axis=1)
    critical = simultaneous.critical_values(largest[None], clusters=clusters)[0]
    return draws[0] - critical * spread, draws[0] + critical * spread
