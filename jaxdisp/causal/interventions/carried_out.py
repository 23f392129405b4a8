"""Every intervention on a variable, each before its placebo, and what it went by."""

import dataclasses

import jax
from jaxtyping import PRNGKeyArray

from jaxdisp.causal.interventions import (
    clamping,
    do_alignment,
    do_tokenization,
    duplication,
    projection,
)
from jaxdisp.causal.interventions.intervention import Intervention
from jaxdisp.causal.interventions.mediation import Mediation, mediate
from jaxdisp.measure import cube, readings
from jaxdisp.measure.corpus import Corpus
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer, quantize

TARGETS = ("T", "A", "R")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CarriedOut:
    """Interventions in order, placebos after what they belong to, and mediations."""

    interventions: tuple[Intervention, ...]
    mediations: tuple[Mediation, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """What interventions are carried out on.

    `reference` is a language by its place; `tap` is whose states alignment is of;
    `before` are readings of the text undisturbed.
    """

    model: Model
    corpus: Corpus
    quantizer: Quantizer
    tap: int
    reference: int
    key: PRNGKeyArray
    before: readings.Readings


def read_before(
    model: Model, corpus: Corpus, quantizer: Quantizer, tap: int
) -> readings.Readings:
    """Reads the text as it is, once for all interventions on it.

    Args:
        model: an open model.
        corpus: parallel text.
        quantizer: how the layers are rounded.
        tap: whose states alignment is of.

    Raises:
        FloatingPointError: if a loss is not finite.

    Reference: our own definition.
    """
    rounded = quantize(model, quantizer)
    return readings.read(model, cube.encode(model, corpus), rounded, tap=tap)


def carry_out(target: str, ground: Ground) -> CarriedOut:
    """Carries out all interventions on T, on A or on R.

    Definition: `do_tokenization` with the first way's effect on D taken apart by clamps
    of A and of R; `do_alignment`; `duplication`, then `projection`.

    Args:
        target: the variable that is set.
        ground: model and text.

    Raises:
        ValueError: if the target is none of these, or as the interventions.
        FloatingPointError: if a loss is not finite.

    Reference: our own definition.
    """
    ways = {"T": _tokenization, "A": _alignment, "R": _redundancy}
    if target not in ways:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, got {target}")
    return ways[target](ground)


def _tokenization(ground: Ground) -> CarriedOut:
    rounded = quantize(ground.model, ground.quantizer)
    cut_key, mediation_key = jax.random.split(ground.key)
    found = do_tokenization.cut_and_read(
        ground.model,
        ground.corpus,
        rounded,
        tap=ground.tap,
        key=cut_key,
        reference=ground.reference,
        before=ground.before,
    )
    mediations = []
    for clamp in (clamping.clamp_alignment, clamping.clamp_readout):
        held = clamp(
            ground.model,
            rounded,
            found[0],
            tap=ground.tap,
            reference=ground.reference,
            before=ground.before,
        )
        mediations.append(mediate(found[0].intervention, held, key=mediation_key))
    return CarriedOut(
        interventions=tuple(each.intervention for each in found),
        mediations=tuple(mediations),
    )


def _alignment(ground: Ground) -> CarriedOut:
    found = do_alignment.carry_out(
        ground.model,
        ground.corpus,
        quantize(ground.model, ground.quantizer),
        tap=ground.tap,
        key=ground.key,
        reference=ground.reference,
        before=ground.before,
    )
    return CarriedOut(interventions=found)


def _redundancy(ground: Ground) -> CarriedOut:
    keys = jax.random.split(ground.key)
    common = (ground.model, ground.corpus, ground.quantizer)
    tap, reference = ground.tap, ground.reference
    *drawn, nearest, placebo = duplication.carry_out(
        *common, tap=tap, reference=reference, key=keys[0], undisturbed=ground.before
    )
    projected = projection.carry_out(*common, tap=tap, reference=reference, key=keys[1])
    followed = [each for done in drawn for each in (done, placebo)]
    return CarriedOut(interventions=(*followed, nearest, *projected))
