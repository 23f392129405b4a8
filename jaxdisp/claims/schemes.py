"""Schemes of rounding a model, by the notes' score and by what is recommended instead.

Beside schemes that are measured stands one that nobody would want: a model of one bit
per weight whose guesses are uniform, in every language alike.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from jaxdisp.claims.experiment import Subject
from jaxdisp.claims.ledger.protection import sides_of
from jaxdisp.measure import cube, scores
from jaxdisp.models import storage
from jaxdisp.search import lattice, recommended, sweep

NOISE = "1 bit, noise"
FULL = "full precision"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Schemes:
    """Schemes with their sizes, what languages lose, and the score in both units.

    `bits` are per weight that can be rounded and `n_bytes` of all that can be; `worst`
    and `mean` are over languages, in nats per parallel sentence. `score` has a column
    for each unit of `scores.UNITS`, NaN where a side does not lose; full precision,
    where none loses, scores 1 as in the notes.
    """

    names: tuple[str, ...]
    bits: Float[np.ndarray, " scheme"]
    n_bytes: Float[np.ndarray, " scheme"]
    worst: Float[np.ndarray, " scheme"]
    mean: Float[np.ndarray, " scheme"]
    score: Float[np.ndarray, "scheme unit"]


def measured(subject: Subject, words: Sequence[int]) -> Schemes:
    """Measures words of several lengths, with and without the first and last layer.

    Definition: all layers rounded, or all but the first and the last, by the subject's
    quantizer with each number of bits; losses on its few sentences; the disparity of
    the score is the low over the high side, in either unit per token.

    Args:
        subject: model, text and quantizer; its training text must be known.
        words: numbers of bits.

    Raises:
        ValueError: if nobody knows the sides, or a number of bits is out of range.

    Reference: our own definition.
    """
    sides = sides_of(subject)
    if np.isnan(sides).any():
        raise ValueError("needs to know how much text of each language was trained on")
    n_layers = subject.model.config.n_layers
    quantizers = [dataclasses.replace(subject.quantizer, bits=bits) for bits in words]
    names, rows = [FULL], [lattice.uniform(n_layers, 1)]
    for version, bits in enumerate(words, start=1):
        sets = [(), (0, n_layers - 1)]
        rows.append(lattice.protecting(sets, n_layers, rest=version))
        names += [f"{bits} bits", f"{bits} bits, ends kept"]
    sites = np.concatenate(rows)
    nll = np.asarray(
        sweep.evaluate(
            subject.model, subject.few, sites, quantizers, stride=subject.stride
        ).nll,
        np.float64,
    )
    tokens = np.asarray(cube.sizes(subject.model, subject.few)[0], np.float64)
    # what a uniform guess loses against full precision
    noise = tokens * np.log(subject.model.config.vocabulary) - nll[0]
    added = np.concatenate([nll - nll[0], noise[None]])
    per_sentence = added.mean(axis=2)
    low, high = (added.sum(axis=2) @ sides.T / (tokens.sum(axis=1) @ sides.T)).T
    bits = storage.effective_bits(
        subject.model, quantizers, lattice.with_outside(sites, 0)
    )
    bits = np.append(bits, 1.0)
    return Schemes(
        names=(*names, NOISE),
        bits=bits,
        n_bytes=bits * storage.count_quantizable(subject.model, quantizers) / 8,
        worst=per_sentence.max(axis=1),
        mean=per_sentence.mean(axis=1),
        score=_scores(bits, low, high),
    )


def _scores(
    bits: Float[np.ndarray, " scheme"],
    low: Float[np.ndarray, " scheme"],
    high: Float[np.ndarray, " scheme"],
) -> Float[np.ndarray, "scheme unit"]:
    """Scores in both units; the last scheme treats all languages alike."""
    found = np.full((len(bits), len(scores.UNITS)), np.nan)
    lose = (low > 0) & (high > 0)
    gain = scores.efficiency(bits)
    for column, unit in enumerate(scores.UNITS):
        ratio = scores.ratio(low[lose], high[lose], unit=unit)
        found[lose, column] = scores.fair_efficiency(gain[lose], ratio)
    found[0], found[-1] = 1.0, scores.uniformly_broken(float(bits[-1]))
    return found


def first_by_score(schemes: Schemes, unit: str) -> str:
    """Names the scheme that the score puts first.

    Args:
        schemes: as from `measured`.
        unit: one of `scores.UNITS`.

    Reference: our own definition.
    """
    column = schemes.score[:, scores.UNITS.index(unit)]
    return schemes.names[int(np.nanargmax(column))]


def turned_round(schemes: Schemes) -> tuple[int, int]:
    """Counts pairs of schemes that the two units of the score put in opposite orders.

    Args:
        schemes: as from `measured`.

    Returns:
        How many, and of how many pairs.

    Reference: as `scores.turned_round`.
    """
    scored = schemes.score[np.isfinite(schemes.score).all(axis=1)]
    n = len(scored)
    return scores.turned_round(scored[:, 0], scored[:, 1]), n * (n - 1) // 2


def choose(schemes: Schemes, floor: float) -> recommended.Recommended:
    """Finds the schemes worth having where no language may lose more than a floor.

    Args:
        schemes: as from `measured`.
        floor: the most that a language may lose, in nats per parallel sentence.

    Raises:
        ValueError: if the floor is not a number.

    Reference: as `search.recommended`.
    """
    return recommended.recommended(
        schemes.n_bytes, worst=schemes.worst, mean=schemes.mean, floor=floor
    )
