"""What an intervention did to T, A, R and D, with intervals over texts."""

import dataclasses
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jaxdisp.causal.interventions.intervention import Intervention
from jaxdisp.stats import bca, bootstrap

SCALES = ("change", "log ratio")

LEVEL = 0.95
DRAWS = 2000


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredEffects:
    """The effect of an intervention on each variable, by its name.

    `by_language` holds one effect per language, `overall` their mean. In the unit of
    the variable where `scale` is "change", and a logarithm of a ratio where it is "log
    ratio". With `beyond_placebo` the placebo's effect is subtracted.
    """

    scale: str
    beyond_placebo: bool
    languages: tuple[str, ...]
    by_language: dict[str, bca.Interval]
    overall: dict[str, bca.Interval]


def measure_effects(
    intervention: Intervention,
    placebo: Intervention | None = None,
    *,
    key: PRNGKeyArray,
    scale: str = "change",
    level: float = LEVEL,
    draws: int = DRAWS,
) -> MeasuredEffects:
    """Measures what an intervention changed, or changed beyond its placebo.

    Definition: per language `mean(after) - mean(before)` over sentences, or `ln
    (mean(after) / mean(before))`; less that of the placebo, if there is one. Over
    languages the mean. Intervals are BCa over texts that are drawn for all languages,
    variables and the placebo together, so that what a text has in common cancels. A
    ratio that is not positive, in the data or in a draw, has no logarithm: its bounds
    are NaN.

    Args:
        intervention: before and after.
        placebo: of the same sentences.
        key: of the draws.
        scale: of the effects.
        level: coverage aimed at.
        draws: number of resamples.

    Raises:
        ValueError: if the scale is unknown, the placebo is of other sentences or lacks
            a variable, or there are fewer than two texts.

    Reference: our own definition; intervals as in `bootstrap.interval`.
    """
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, got {scale}")
    pairs = [intervention] if placebo is None else [intervention, placebo]
    _check(pairs)
    names = tuple(intervention.before)
    states = [state for each in pairs for state in (each.after, each.before)]
    table = np.stack([[state[name].T for name in names] for state in states])
    table = np.moveaxis(table.astype(np.float64), 2, 0)
    if scale == "change":  # of large numbers, so that it is taken before any sum
        table = np.einsum("spvl,p->svl", table, SIGNS[: len(states)])
    drawn = bootstrap.resample(
        table, np.array(intervention.groups), key=key, draws=draws
    )
    statistic = _changes if scale == "change" else _log_ratios
    by_language, overall = bootstrap.interval(drawn, statistic, level=level)
    return MeasuredEffects(
        scale=scale,
        beyond_placebo=placebo is not None,
        languages=intervention.languages,
        by_language=_by_name(names, by_language),
        overall=_by_name(names, overall),
    )


def with_placebos(
    interventions: Sequence[Intervention],
) -> tuple[tuple[Intervention, tuple[Intervention, ...]], ...]:
    """Puts each intervention together with its placebos.

    Definition: the placebos of an intervention are those that come after it and before
    the next one.

    Args:
        interventions: in the order in which they were carried out.

    Raises:
        ValueError: if a placebo comes first.

    Reference: our own definition.
    """
    if interventions and interventions[0].placebo:
        raise ValueError(
            f"{interventions[0].kind} is a placebo of nothing; put what it belongs to "
            "before it"
        )
    made: list[tuple[Intervention, list[Intervention]]] = []
    for each in interventions:
        if each.placebo:
            made[-1][1].append(each)
        else:
            made.append((each, []))
    return tuple((done, tuple(placebos)) for done, placebos in made)


SIGNS = np.array([1.0, -1.0, -1.0, 1.0])
"""Of after and before, and of the placebo's."""


def _changes(
    sums: Float[Array, "variable language"], n: Float[Array, ""]
) -> tuple[Array, Array]:
    means = bootstrap.mean(sums, n)
    return means, jnp.mean(means, axis=1)


def _log_ratios(
    sums: Float[Array, "state variable language"], n: Float[Array, ""]
) -> tuple[Array, Array]:
    del n  # it is the same in numerator and denominator
    ratios = sums[0::2] / sums[1::2]
    logs = jnp.log(jnp.where(ratios > 0, ratios, jnp.nan))
    logs = logs[0] - logs[1] if len(logs) > 1 else logs[0]
    return logs, jnp.mean(logs, axis=1)


def _by_name(names: tuple[str, ...], found: bca.Interval) -> dict[str, bca.Interval]:
    return {
        name: bca.Interval(
            estimate=found.estimate[place],
            low=found.low[place],
            high=found.high[place],
            standard_error=found.standard_error[place],
        )
        for place, name in enumerate(names)
    }


def _check(pairs: list[Intervention]) -> None:
    first, last = pairs[0], pairs[-1]
    for name in ("languages", "groups"):
        if getattr(first, name) != getattr(last, name):
            raise ValueError(
                f"the placebo has other {name} than the intervention; measure both on "
                "the same sentences"
            )
    for each in (last.before, last.after, first.after):
        if tuple(each) != tuple(first.before):
            raise ValueError(
                f"variables differ: {', '.join(first.before)} before, "
                f"{', '.join(each)} elsewhere"
            )
