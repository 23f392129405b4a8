"""do(A): hidden states moved towards or away from a reference language, at one tap."""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jaxdisp.causal.interventions import steering
from jaxdisp.causal.interventions.intervention import Intervention
from jaxdisp.causal.interventions.joint_readings import read_together
from jaxdisp.causal.variables import variables
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import cube, readings
from jaxdisp.models import decoder
from jaxdisp.models.model import Model

SENTENCE = "reference's sentence"
MEAN = "reference's mean"
KINDS = (SENTENCE, MEAN)
RANDOM, WRONG = "random direction", "another sentence"
UNIT = "distance to the reference's"
UNCENTRED = "A uncentred"

WAYS = ((SENTENCE, 0.5), (SENTENCE, -0.5), (MEAN, 0.5))
"""Carried out by default: A up, A down, and what leaves A at the tap as it is."""


def carry_out(
    model: Model,
    corpus: corpora.Corpus,
    rounded: decoder.Parameters,
    *,
    tap: int,
    key: PRNGKeyArray,
    reference: int,
    before: readings.Readings | None = None,
    ways: Sequence[tuple[str, float]] = WAYS,
) -> tuple[Intervention, ...]:
    """Moves every language but the reference, each followed by its placebos.

    Definition: shifts are `steering.towards_sentence` or `towards_mean`, the placebo
    is `random_shift`, and of moves towards a sentence also `towards_another_sentence`.
    Every language is measured against the others as they were, so that each is moved as
    if alone. One placebo serves equal strengths towards and away. Beside T, A, R and D
    there is `A uncentred`, `steering.uncentred_cosines`, since A does not see a shift
    of a language's mean at the tap where it is made.

    Args:
        model: an open model.
        corpus: parallel text.
        rounded: parameters of which the layers are taken for the rounded run.
        tap: where states are moved, and whose states alignment is of.
        key: of the random directions.
        reference: the language moved to, by its place; it is left out of the result.
        before: undisturbed readings of the same text at the same tap; None reads them.
        ways: kinds and strengths.

    Raises:
        ValueError: if a kind is unknown, or all sentences are of one text.
        FloatingPointError: if a loss is not finite.

    Reference: our own definition.
    """
    encoded = cube.encode(model, corpus)
    if before is None:
        before = readings.read(model, encoded, rounded, tap=tap)
    moves = _moves(before.means, reference, corpus.groups, ways, key)
    shifts: list[np.ndarray] = []
    which = [_place_of(shift, shifts) for _, _, shift, _ in moves]
    found = read_together(
        model, [encoded] * len(shifts), rounded, tap=tap, shifts=shifts
    )
    others = [place for place in range(len(encoded)) if place != reference]
    undisturbed = _measured(before, before, reference)
    return tuple(
        Intervention(
            target="A",
            kind=kind,
            amount=strength,
            unit=UNIT,
            placebo=placebo,
            languages=tuple(corpus.languages[place] for place in others),
            groups=corpus.groups,
            before={name: x[others] for name, x in undisturbed.items()},
            after={
                name: x[others]
                for name, x in _measured(found[place], before, reference).items()
            },
        )
        for (kind, strength, _, placebo), place in zip(moves, which, strict=True)
    )


def _moves(
    means: Float[np.ndarray, "language sentence width"],
    reference: int,
    groups: tuple[int, ...],
    ways: Sequence[tuple[str, float]],
    key: PRNGKeyArray,
) -> list[tuple[str, float, Float[np.ndarray, "language sentence width"], bool]]:
    """Kind, strength, shift, and whether it is a placebo."""
    made = []
    keys = jax.random.split(key, len(KINDS))
    for kind, strength in ways:
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind}")
        if kind == SENTENCE:
            shift = steering.towards_sentence(means, reference, strength)
        else:
            shift = steering.towards_mean(means, reference, strength)
        own = keys[KINDS.index(kind)]
        random = steering.random_shift(means, shift, key=own)
        made.append((kind, strength, shift, False))
        made.append((f"{RANDOM}, as to {kind}", strength, random, True))
        if kind == SENTENCE and strength > 0:
            wrong = steering.towards_another_sentence(
                means, reference, strength, groups
            )
            made.append((f"{WRONG}, as to {kind}", strength, wrong, True))
    return made


def _place_of(shift: np.ndarray, shifts: list[np.ndarray]) -> int:
    """Where a shift is among those to be read; it is put there if it is new."""
    for place, known in enumerate(shifts):
        if np.array_equal(known, shift):
            return place
    shifts.append(shift)
    return len(shifts) - 1


def _measured(
    found: readings.Readings, before: readings.Readings, reference: int
) -> dict[str, Float[np.ndarray, "language sentence"]]:
    other = None if found is before else before
    return variables(found, other, reference=reference) | {
        UNCENTRED: steering.uncentred_cosines(found.means, before.means, reference)
    }
