"""Rows of the information-flow experiment: by layer, by language, and the trend."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxdisp.claims.experiment import Rows
from jaxdisp.measure.corpora import codes
from jaxdisp.measure.kept_information import Check, Kept
from jaxdisp.stats.jackknife import jackknife_interval


def layer_rows(
    languages: Sequence[str], kept: Sequence[Kept], control: Sequence[Kept]
) -> Rows:
    """Lists what is kept, one row per language and layer.

    Args:
        languages: their names.
        kept: of each language.
        control: of each language, in the model with shuffled weights.

    Reference: our own definition.
    """
    return [
        {
            "language": language,
            "layer": layer,
            "bits": _number(own.bits[layer]),
            "effective_bits": _number(own.signal[layer]),
            "noise": _number(own.noise[layer]),
            "moved": _number(own.moved[layer]),
            "control_bits": _number(null.bits[layer]),
        }
        for language, own, null in zip(languages, kept, control, strict=True)
        for layer in range(len(own.bits))
    ]


def language_rows(
    languages: Sequence[str],
    kept: Sequence[Kept],
    checks: Sequence[Check],
    columns: dict[str, Float[np.ndarray, " language"]],
    training_bytes: dict[str, int],
) -> Rows:
    """Lists what is kept after the last layer, one row per language.

    Args:
        languages: their names.
        kept: of each language.
        checks: of each language.
        columns: further numbers of each language, by name.
        training_bytes: of each language, where known.

    Reference: our own definition.
    """
    known = codes.matched(training_bytes, languages)
    last = np.array([each.bits[-1] for each in kept])
    low, high = jackknife_interval(
        last, np.stack([each.left_out[:, -1] for each in kept], axis=1)
    )
    return [
        {
            "language": language,
            "bits": _number(last[place]),
            "bits_low": _number(low[place]),
            "bits_high": _number(high[place]),
            "effective_bits": _number(kept[place].signal[-1]),
            "check_neighbours": _number(checks[place].neighbours),
            "check_gaussian": _number(checks[place].gaussian),
            **{name: _number(column[place]) for name, column in columns.items()},
            "training_bytes": known.get(language),
        }
        for place, language in enumerate(languages)
    ]


def trend_rows(kept: Sequence[Kept], control: Sequence[Kept]) -> Rows:
    """Lists the mean over languages with its interval over texts, one row per layer.

    Args:
        kept: of each language.
        control: of each language, in the model with shuffled weights.

    Reference: our own definition.
    """
    mean, null = (
        np.mean([each.bits for each in side], axis=0) for side in (kept, control)
    )
    low, high = jackknife_interval(
        mean, np.mean([each.left_out for each in kept], axis=0)
    )
    return [
        {
            "layer": layer,
            "bits": _number(mean[layer]),
            "bits_low": _number(low[layer]),
            "bits_high": _number(high[layer]),
            "control_bits": _number(null[layer]),
        }
        for layer in range(len(mean))
    ]


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
