"""Mediators held where they were while the text is cut anew: mediation by patching.

Under do(T) every variable on the way to D may move. Here one of them is put back by a
shift of hidden states, in full precision and rounded, while T stays as it was set. What
then goes away of the effect on D went through what was put back. That is more than one
number: A is a function of the sentences' centred mean states at the tap, all of which
are put back, and R is moved by a shift of the last states, which moves predictions as
well. So each clamp has a placebo, a shift as long in the direction that belongs to a
sentence of another text, and says how well it held its variable.
"""

import dataclasses

import numpy as np
from jaxtyping import Float

from jaxdisp.causal.interventions import steering
from jaxdisp.causal.interventions.do_tokenization import CutAndRead
from jaxdisp.causal.interventions.intervention import Intervention
from jaxdisp.causal.interventions.joint_readings import read_together
from jaxdisp.causal.interventions.readout_direction import readout_slope
from jaxdisp.causal.variables import variables
from jaxdisp.measure.readings import Readings
from jaxdisp.models import decoder
from jaxdisp.models.model import Model

HELD = 0.1
"""Of a variable's change, root mean square, that a clamp may leave."""

EVALUATIONS = 3
FARTHEST = 0.5
"""Of the length of a sentence's last states, at most, for R to be put back."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Clamp:
    """do(T) with one variable put back, and the placebo of putting it back.

    `left` is the root mean square of what is left of the variable's change, over that
    of the change; `held` says whether that is at most `HELD`.
    """

    mediator: str
    clamped: Intervention
    placebo: Intervention
    left: float
    held: bool


def clamp_alignment(
    model: Model,
    rounded: decoder.Parameters,
    done: CutAndRead,
    *,
    tap: int,
    reference: int,
    before: Readings,
) -> Clamp:
    """Holds the centred mean state of every sentence, and so A, where it was.

    Definition: all tokens of a sentence but the start are shifted at `tap` by its mean
    state undisturbed less that under do(T), less the average of this over the
    language's sentences: A does not know of what they have in common, and that stays as
    do(T) made it. The centred mean state, and with it A, then is what it was. The
    placebo shifts by as much in the direction of another text's sentence
    (`steering.another`).

    Args:
        model: an open model.
        rounded: parameters of which the layers are taken for the rounded run.
        done: the intervention on T.
        tap: whose states alignment is of.
        reference: the language to which T is relative, by its place.
        before: undisturbed readings at the same tap.

    Raises:
        ValueError: if all sentences are of one text.
        FloatingPointError: if a loss is not finite.

    Reference: Vig et al. 2020, arXiv:2004.12265, section 4 (direct effect by patching
        the mediator back); Pearl 2001, section 3.
    """
    back = before.means - done.readings.means
    back = back - back.mean(axis=1, keepdims=True)
    shifts = [back, _elsewhere(back, done.intervention.groups)]
    encoded = done.recut.encoded
    clamped, placebo = read_together(
        model, [encoded] * 2, rounded, tap=tap, shifts=shifts
    )
    return _clamp("A", done.intervention, before, (clamped, placebo), reference)


def clamp_readout(
    model: Model,
    rounded: decoder.Parameters,
    done: CutAndRead,
    *,
    tap: int,
    reference: int,
    before: Readings,
) -> Clamp:
    """Holds R of every sentence as near as a shift of its last states can.

    Definition: all tokens of a sentence but the start are shifted at the last tap along
    `readout_direction.readout_slope`, as far as makes R what it was. How far is sought
    for each sentence by the secant method on 1 / R, from 0 and Newton's step, within
    `FARTHEST`; of `EVALUATIONS` the one nearest to what it was is taken. There may be
    none that is near: see `Clamp.left`. The placebo shifts by as much in the direction
    of another text's sentence.

    Args:
        model: an open model.
        rounded: parameters of which the layers are taken for the rounded run.
        done: the intervention on T.
        tap: whose states alignment is of.
        reference: the language to which T is relative, by its place.
        before: undisturbed readings at `tap`.

    Raises:
        ValueError: if all sentences are of one text.
        FloatingPointError: if a loss is not finite.

    Reference: our own definition; the secant method is Press et al. 2007, section 9.2.
    """
    slope = readout_slope(model, done.recut.encoded)
    steepness = steering.lengths(slope.direction)
    direction = steering.with_length(slope.direction, np.ones(steepness.shape))
    farthest = FARTHEST * slope.size

    def shifted(directions: np.ndarray, by: np.ndarray) -> Readings:
        return read_together(
            model,
            [done.recut.encoded],
            rounded,
            tap=tap,
            shifts=[directions * by[..., None].astype(np.float32)],
            shifted_at=model.config.n_layers,
        )[0]

    found, at = done.readings, np.zeros(steepness.shape)
    earlier, earlier_miss = at, 1 / found.readout - 1 / before.readout
    miss = earlier_miss
    by = -miss / np.where(steepness > 0, steepness, np.inf)
    for _ in range(EVALUATIONS):
        by = np.clip(by, -farthest, farthest)
        now = shifted(direction, by)
        now_miss = 1 / now.readout - 1 / before.readout
        better = np.abs(now_miss) < np.abs(miss)
        found = _chosen(better, now, found)
        at, miss = np.where(better, by, at), np.where(better, now_miss, miss)
        following = _secant(earlier, earlier_miss, by, now_miss)
        earlier, earlier_miss, by = by, now_miss, following
    away = shifted(_elsewhere(direction, done.intervention.groups), at)
    return _clamp("R", done.intervention, before, (found, away), reference)


def _secant(
    a: np.ndarray, miss_a: np.ndarray, b: np.ndarray, miss_b: np.ndarray
) -> np.ndarray:
    """Where a line through two misses is 0; b where it has no slope."""
    slope = miss_b - miss_a
    steep = slope != 0
    return b - np.where(steep, miss_b * (b - a) / np.where(steep, slope, 1.0), 0.0)


def _chosen(better: np.ndarray, now: Readings, found: Readings) -> Readings:
    """Sentence by sentence one of two readings; each is read by itself."""
    return Readings(
        full=np.where(better, now.full, found.full),
        rounded=np.where(better, now.rounded, found.rounded),
        n_tokens=found.n_tokens,
        means=np.where(better[..., None], now.means, found.means),
        readout=np.where(better, now.readout, found.readout),
    )


def _elsewhere(
    shift: Float[np.ndarray, "language sentence width"], groups: tuple[int, ...]
) -> Float[np.ndarray, "language sentence width"]:
    """Shifts as long, in the directions that belong to sentences of other texts."""
    others = shift[:, steering.another(groups)]
    return steering.with_length(others, steering.lengths(shift))


def _clamp(
    mediator: str,
    done: Intervention,
    before: Readings,
    runs: tuple[Readings, Readings],
    reference: int,
) -> Clamp:
    clamped, placebo = (
        dataclasses.replace(
            done,
            kind=f"{done.kind}, {mediator} {how}",
            placebo=how != "clamped",
            after=variables(run, before, reference=reference),
        )
        for how, run in zip(("clamped", "shifted elsewhere"), runs, strict=True)
    )
    undisturbed = done.before[mediator]
    change = np.sqrt(np.mean((done.after[mediator] - undisturbed) ** 2))
    left = np.sqrt(np.mean((clamped.after[mediator] - undisturbed) ** 2))
    share = float(left / change) if change > 0 else 0.0
    return Clamp(
        mediator=mediator,
        clamped=clamped,
        placebo=placebo,
        left=share,
        held=share <= HELD,
    )
