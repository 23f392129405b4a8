"""Mirrored units: which minimal pairs a subject can be asked, and their scores."""

import numpy as np
from jaxtyping import Float, Int

from jaxdisp.claims.experiment import Subject
from jaxdisp.measure import agreement
from jaxdisp.measure.minimal_pairs import Pair, load_pairs, unit_numbers
from jaxdisp.result import result
from jaxdisp.stats.jackknife import jackknife_interval
from jaxdisp.stats.strata import strata_mean

LEAST_UNITS = 12
"""Per language: fewer cannot show much, even if every unit agrees."""


@result
class Units:
    """Scores of mirrored units in nats, each the mean over its pairs.

    `language` numbers the unit's language. `full` and `rounded` are after every layer,
    in full precision and with all layers quantized; `null` and `null_rounded` are the
    same after the last layer of a model with shuffled weights.
    """

    language: Int[np.ndarray, " unit"]
    full: Float[np.ndarray, "tap unit"]
    rounded: Float[np.ndarray, "tap unit"]
    null: Float[np.ndarray, " unit"]
    null_rounded: Float[np.ndarray, " unit"]


def usable(subject: Subject) -> tuple[tuple[Pair, ...], dict[str, int]]:
    """Finds the pairs that a subject can be asked, and counts those left out.

    Definition: all units of the corpus's languages whose texts fit into the context,
    in languages with at least 12 such units.

    Args:
        subject: whose corpus names the languages.

    Returns:
        The pairs, and the number of those left out by language.

    Reference: our own definition.
    """
    pairs = load_pairs(subject.corpus.languages)
    if not pairs:
        return (), {}
    texts = agreement.encode(subject.model, pairs)
    units = unit_numbers(pairs)
    too_long = {
        int(units[place // 2])
        for place, text in enumerate(texts.tokens)
        if len(text) > subject.model.config.context
    }
    fits = [int(unit) not in too_long for unit in units]
    kept: dict[str, set[int]] = {}
    for pair, unit, fit in zip(pairs, units, fits, strict=True):
        if fit:
            kept.setdefault(pair.language, set()).add(int(unit))
    enough = {name for name, members in kept.items() if len(members) >= LEAST_UNITS}
    chosen = [
        pair
        for pair, fit in zip(pairs, fits, strict=True)
        if fit and pair.language in enough
    ]
    left_out = {
        name: sum(pair.language == name for pair in pairs)
        - sum(pair.language == name for pair in chosen)
        for name in dict.fromkeys(pair.language for pair in pairs)
    }
    return tuple(chosen), left_out


def positive(
    scores: Float[np.ndarray, "*axes unit"],
) -> Float[np.ndarray, "*axes unit"]:
    """Marks units whose right forms are expected: 1, or a half where none is.

    Args:
        scores: in nats.

    Reference: our own definition; ties as in Mann and Whitney 1947.
    """
    return np.where(scores == 0, 0.5, (scores > 0).astype(float))


def language_mean(
    values: Float[np.ndarray, " unit *axes"], language: Int[np.ndarray, " unit"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Averages over units, every language weighing the same, with its interval.

    Args:
        values: of each unit, in any unit of measurement.
        language: number of each unit's language.

    Returns:
        The mean and its lower and upper bound.

    Reference: as `strata_mean` and `jackknife_interval`.
    """
    estimate, left_out = strata_mean(values, language)
    low, high = jackknife_interval(estimate, left_out)
    return estimate, low, high
