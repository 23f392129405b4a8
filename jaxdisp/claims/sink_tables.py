"""Tables of attention sinks: by layer, by head, by language."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from jaxdisp.claims.experiment import Rows
from jaxdisp.result import result
from jaxdisp.stats.jackknife import jackknife_interval


@result
class Sinks:
    """What heads give one place, sentence by sentence, beyond chance.

    `first` is the start token, `other` a place drawn, and `chance` what uniform
    attention gives the start token; `shift` says by how much
    quantization moves what the start token gets, `rounded` what it gets then; `rank`
    and `rest` are directions of the maps with and without the start token. `null` is
    `first` of models with shuffled weights, averaged over heads and languages, on
    `few` of the sentences, by their places among all.
    """

    first: Float[np.ndarray, "layer head language sentence"]
    rounded: Float[np.ndarray, "layer head language sentence"]
    other: Float[np.ndarray, "layer head language sentence"]
    shift: Float[np.ndarray, "layer head language sentence"]
    rank: Float[np.ndarray, "layer head language sentence"]
    rest: Float[np.ndarray, "layer head language sentence"]
    chance: Float[np.ndarray, "language sentence"]
    null: Float[np.ndarray, "layer few"]
    few: Int[np.ndarray, " few"]
    text: Int[np.ndarray, " sentence"]


def layers(found: Sinks) -> Rows:
    """Lists what the first token gets in each layer, and how quantization moves it.

    Args:
        found: what places get.

    Reference: our own definition.
    """
    columns = {
        "excess": found.first.mean(axis=(1, 2)),
        "other_place": found.other.mean(axis=(1, 2)),
        "change": found.shift.mean(axis=(1, 2)),
        "quantized_excess": found.rounded.mean(axis=(1, 2)),
    }
    bounds = {name: _bounds(x, found.text) for name, x in columns.items()}
    null = found.null.mean(axis=1)
    return [
        {"layer": layer}
        | {
            name + suffix: float(each[number][layer])
            for name, each in bounds.items()
            for number, suffix in enumerate(("", "_low", "_high"))
        }
        | {"shuffled_weights": float(null[layer])}
        for layer in range(len(null))
    ]


def heads(found: Sinks) -> Rows:
    """Lists what the first token gets of each head, and the directions of its map.

    Args:
        found: what places get.

    Reference: our own definition.
    """
    chance = float(found.chance.mean())
    excess, rounded, shift, rank, rest = (
        each.mean(axis=(2, 3))
        for each in (found.first, found.rounded, found.shift, found.rank, found.rest)
    )
    return [
        {
            "layer": layer,
            "head": head,
            "weight": float(excess[layer, head]) + chance,
            "excess": float(excess[layer, head]),
            "quantized_weight": float(rounded[layer, head]) + chance,
            "change": float(shift[layer, head]),
            "directions": float(rank[layer, head]),
            "directions_without": float(rest[layer, head]),
        }
        for layer, head in np.ndindex(excess.shape)
    ]


def languages(
    found: Sinks, lost: Float[np.ndarray, " language"], names: Sequence[str]
) -> Rows:
    """Lists by how much sinks change in each language, and what it loses.

    Args:
        found: what places get.
        lost: nats per sentence.
        names: of the languages.

    Reference: our own definition.
    """
    change = _bounds(found.shift.mean(axis=(0, 1)), found.text)
    excess = found.first[1:].mean(axis=(0, 1, 3))
    return [
        {
            "language": name,
            "excess": float(excess[place]),
            "change": float(change[0][place]),
            "change_low": float(change[1][place]),
            "change_high": float(change[2][place]),
            "loss": float(lost[place]),
        }
        for place, name in enumerate(names)
    ]


def _bounds(
    values: Float[np.ndarray, "row sentence"], text: Int[np.ndarray, " sentence"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means over sentences with their intervals over texts."""
    left = np.stack([values[:, text != each].mean(axis=1) for each in np.unique(text)])
    estimate = values.mean(axis=1)
    return (estimate, *jackknife_interval(estimate, left))
