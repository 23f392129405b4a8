"""Which share of an effect on D goes away when a mediator is put back."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jaxdisp.causal.interventions.clamping import HELD, Clamp
from jaxdisp.causal.interventions.intervention import Intervention
from jaxdisp.causal.interventions.measured_effects import DRAWS, LEVEL
from jaxdisp.stats import bca, bootstrap


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Mediation:
    """An effect on D taken apart, over languages and in each of them.

    In nats per sentence: `total` is the effect, `direct` what is left with the mediator
    put back, `indirect` their difference, `elsewhere` what the placebo of putting it
    back takes away. `share` is indirect over total, only if the total's interval leaves
    out zero and the mediator was held; else it is None and `refused` says why. In
    `by_language` each holds one number per language, shares included, NaN where the
    total's interval has zero in it.
    """

    mediator: str
    languages: tuple[str, ...]
    total: bca.Interval
    direct: bca.Interval
    indirect: bca.Interval
    elsewhere: bca.Interval
    share: bca.Interval | None
    refused: str
    by_language: dict[str, bca.Interval]


PARTS: tuple[str, ...] = ("total", "direct", "indirect", "elsewhere", "share")


def mediate(
    done: Intervention,
    clamp: Clamp,
    *,
    key: PRNGKeyArray,
    level: float = LEVEL,
    draws: int = DRAWS,
) -> Mediation:
    """Takes the effect of an intervention on D apart by a clamp of its mediator.

    Definition: with `D(t, m)` the degradation under cutting `t` with the mediator at
    `m`, and `t*`, `m*` undisturbed: total `D(t, m) - D(t*, m*)`, natural direct effect
    `D(t, m*) - D(t*, m*)`, indirect `D(t, m) - D(t, m*)`, the first less the second;
    means over sentences, and over languages. Intervals are BCa over texts, drawn for
    all languages and runs together.

    Args:
        done: the intervention.
        clamp: of the same intervention.
        key: of the draws.
        level: coverage aimed at.
        draws: number of resamples.

    Raises:
        ValueError: if there are fewer than two texts.

    Reference: Pearl 2001, Direct and indirect effects, section 3; Robins and Greenland
        1992, Epidemiology 3 (this indirect effect is their total one, with the text cut
        anew).
    """
    before = done.before["D"]
    runs = (done.after["D"], clamp.clamped.after["D"], clamp.placebo.after["D"])
    table = np.stack([run - before for run in runs]).transpose(2, 0, 1)
    drawn = bootstrap.resample(table, np.array(done.groups), key=key, draws=draws)
    over, each = bootstrap.interval(drawn, _parts, level=level)
    parts = dict(zip(PARTS, over, strict=True))
    by_language: dict[str, bca.Interval] = dict(zip(PARTS, each, strict=True))
    unclear = ~_leaves_out_zero(by_language["total"])
    share = by_language["share"]
    by_language["share"] = bca.Interval(
        **{
            name: jnp.where(unclear, jnp.nan, getattr(share, name))
            for name in ("estimate", "low", "high", "standard_error")
        }
    )
    refused = _refusal(clamp, parts["total"])
    return Mediation(
        mediator=clamp.mediator,
        languages=done.languages,
        total=parts["total"],
        direct=parts["direct"],
        indirect=parts["indirect"],
        elsewhere=parts["elsewhere"],
        share=None if refused else parts["share"],
        refused=refused,
        by_language=by_language,
    )


def _parts(
    sums: Float[Array, "run language"], n: Float[Array, ""]
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    means = bootstrap.mean(sums, n)

    def apart(total: Array, direct: Array, placebo: Array) -> tuple[Array, ...]:
        indirect = total - direct
        return total, direct, indirect, total - placebo, indirect / total

    return apart(*jnp.mean(means, axis=1)), apart(*means)


def _leaves_out_zero(found: bca.Interval) -> np.ndarray:
    return np.asarray((np.asarray(found.low) > 0) | (np.asarray(found.high) < 0))


def _refusal(clamp: Clamp, total: bca.Interval) -> str:
    if not clamp.held:
        return (
            f"{clamp.mediator} was not clamped: {clamp.left:.0%} of its change is "
            f"left, allowed are {HELD:.0%}"
        )
    if not _leaves_out_zero(total):
        return "the total effect's interval has zero in it"
    return ""
