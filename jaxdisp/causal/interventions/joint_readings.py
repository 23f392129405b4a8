"""Readings of several interventions in one call: runs of one shape go together."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from jaxdisp.measure import readings
from jaxdisp.measure.readings import Edit, Readings
from jaxdisp.models import decoder
from jaxdisp.models.model import Model

Encoded = Sequence[Sequence[Sequence[int]]]
"""Token numbers by language and sentence, the start token first."""


def read_together(
    model: Model,
    texts: Sequence[Encoded],
    rounded: decoder.Parameters,
    *,
    tap: int,
    shifts: Sequence[Float[np.ndarray, "language sentence width"]] | None = None,
    shifted_at: int | None = None,
) -> tuple[Readings, ...]:
    """Reads several versions of one parallel text.

    Definition: `readings.read` of each, with an edit of its own, as one text in more
    languages.

    Args:
        model: an open model.
        texts: versions of the text.
        rounded: parameters of which the layers are taken for the rounded run.
        tap: whose states are averaged.
        shifts: what is added to the states of each version; None is nothing.
        shifted_at: the tap where it is added; None is `tap`.

    Raises:
        ValueError: as `readings.read`.
        FloatingPointError: if a loss is not finite.

    Reference: our own definition.
    """
    edit = None
    if shifts is not None:
        place = tap if shifted_at is None else shifted_at
        edit = Edit(tap=place, shift=np.concatenate(shifts).astype(np.float32))
    stacked = [sentences for text in texts for sentences in text]
    found = readings.read(model, stacked, rounded, tap=tap, edit=edit)
    ends = np.cumsum([len(text) for text in texts]).tolist()
    parts = [slice(a, b) for a, b in zip([0, *ends], ends, strict=False)]
    return tuple(
        Readings(
            full=found.full[part],
            rounded=found.rounded[part],
            n_tokens=found.n_tokens[part],
            means=found.means[part],
            readout=found.readout[part],
        )
        for part in parts
    )
