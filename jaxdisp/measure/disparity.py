"""Disparity: how unequally languages lose, always beside how much they lose."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from jaxdisp.measure.corpora import codes
from jaxdisp.measure.cube import Evaluation
from jaxdisp.measure.degradation import losses_added
from jaxdisp.result import result
from jaxdisp.stats import bca, bootstrap

CHANGES = ("mean", "worst", "max_min")
"""The measures whose change from one configuration to another is reported."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contrast:
    """Two sets of languages that are compared, and in words how they were chosen."""

    low: tuple[str, ...]
    high: tuple[str, ...]
    rule: str


@result
class Disparity:
    """How unequally languages lose, in nats per parallel sentence unless stated.

    `mean` and `worst` are over languages, `high` is the mean of the contrast's high
    side (NaN without a contrast); `difference` and `log_ratio` (no unit)
    compare the mean of the contrast's low side with that of its high side; `bounded` is
    whether both exceed zero, without which the log-ratio is unbounded; `max_min` is
    worst minus best; `gini` (no unit) is NaN where a language gains or none loses.
    """

    mean: bca.Interval
    worst: bca.Interval
    high: bca.Interval
    max_min: bca.Interval
    gini: bca.Interval
    difference: bca.Interval
    log_ratio: bca.Interval
    bounded: Bool[Array, " config"]
    worst_language: Int[Array, " config"]


def contrast(
    languages: Sequence[str],
    training_bytes: dict[str, int],
    reference: str | None = None,
) -> Contrast | None:
    """Chooses which languages are compared with which.

    Definition: with a reference language, all others against it. Without one, the half
    of the languages with the least training text against the half with the most (the
    middle one of an odd number belongs to neither). None where neither is known.

    Args:
        languages: the measured languages.
        training_bytes: bytes of training text per language, where known.
        reference: the language to compare with.

    Raises:
        ValueError: if the reference is not measured, or is the only one.

    Reference: our own definition.
    """
    if reference is not None:
        meant = codes.fitting(reference, {name: name for name in languages})
        others = tuple(name for name in languages if name not in meant)
        if len(meant) != 1 or not others:
            raise ValueError(
                f"reference {reference}: must be one of at least two measured "
                f"languages; measured: {', '.join(languages)}"
            )
        rule = f"the other languages against {meant[0]}"
        return Contrast(low=others, high=(meant[0],), rule=rule)
    known = codes.matched(training_bytes, languages)
    if len(languages) < 2 or any(name not in known for name in languages):
        return None
    ranked = sorted(languages, key=lambda name: (known[name], name))
    half = len(ranked) // 2
    return Contrast(
        low=tuple(ranked[:half]),
        high=tuple(ranked[-half:]),
        rule="the half of the languages with the least training text against the half "
        "with the most",
    )


def gini(losses: Float[Array, " language"]) -> Float[Array, ""]:
    """Measures inequality as the mean gap between two languages over twice the mean.

    Definition: `sum_ij |D_i - D_j| / (2 n^2 mean(D))`; NaN unless all are at least 0
    and their mean is positive.

    Args:
        losses: what each language loses, in any unit.

    Reference: Gini 1912; theory as in Sen 1973, On Economic Inequality, section 2.7.
    """
    gaps = jnp.abs(losses[:, None] - losses[None, :])
    average = jnp.mean(losses)
    defined = jnp.all(losses >= 0) & (average > 0)
    value = jnp.mean(gaps) / (2 * jnp.where(defined, average, 1.0))
    return jnp.where(defined, value, jnp.nan)


def log_ratio(sides: Float[Array, "config side"]) -> Float[Array, " config"]:
    """Takes the logarithm of what the low side loses over what the high side does.

    Definition: `ln(low / high)`, NaN unless both are positive.

    Args:
        sides: losses of the low and the high side, in any unit.

    Reference: our own definition.
    """
    defined = jnp.all(sides > 0, axis=-1)
    ratio = sides[:, 0] / jnp.where(defined, sides[:, 1], 1.0)
    return jnp.where(defined, jnp.log(jnp.where(defined, ratio, 1.0)), jnp.nan)


def measures(
    losses: Float[Array, "config language"],
    sides: Float[Array, "side language"] | None = None,
) -> dict[str, Array]:
    """Summarizes what languages lose, one number per configuration and measure.

    Definition: `mean`, `worst` and `max_min` (largest minus smallest) over languages,
    `gini`; and of the two weighted means `low_high = losses @ sides.T`: `high`,
    `difference = low - high` and `log_ratio = ln(low / high)`, NaN unless both are
    positive. Every search, too, looks for the smallest of one of these.

    Args:
        losses: what each language loses, in any unit.
        sides: weights of each language in the low and the high mean, each row summing
            to 1; without them the measures of two sides are missing.

    Reference: our own definition.
    """
    found = {
        "mean": jnp.mean(losses, axis=-1),
        "worst": jnp.max(losses, axis=-1),
        "max_min": jnp.ptp(losses, axis=-1),
        "gini": jax.vmap(gini)(losses),
    }
    if sides is None:
        return found
    low_high = losses @ sides.T
    return found | {
        "high": low_high[:, 1],
        "difference": low_high[:, 0] - low_high[:, 1],
        "log_ratio": log_ratio(low_high),
        "low_high": low_high,
    }


def disparity(
    evaluation: Evaluation,
    reference: Float[Array, "language sentence"],
    groups: Int[np.ndarray, " sentence"],
    *,
    weights: Float[np.ndarray, "side language"],
    key: PRNGKeyArray,
) -> Disparity:
    """Measures how unequally languages lose, resampling texts jointly for all of them.

    Definition: with `D[l]` the nats per sentence that language `l` loses, `low` and
    `high` the two weighted means of `weights`: `difference = low - high`,
    `log_ratio = ln(low / high)`. The interval of a maximum is too narrow when several
    languages are close to being the worst.

    Args:
        evaluation: losses of the configurations.
        reference: losses in full precision on the same sentences.
        groups: the text that each sentence belongs to.
        weights: of each language in the low and the high mean, each row summing to 1.
        key: randomness of the resampling; the same key gives the same resamples as
            `degradation.degradation`.

    Reference: our own definition; intervals as in `stats.bootstrap`.
    """
    added = losses_added(evaluation, reference)
    resamples = bootstrap.resample(added, groups, key=key)
    sides = jnp.asarray(weights, resamples.sums.dtype)

    def of_sums(sums: Array, n_sentences: Array) -> dict[str, Array]:
        return measures(sums / n_sentences, sides)

    found = bootstrap.interval(resamples, of_sums)
    sides_apart = found.pop("low_high")
    return Disparity(
        bounded=jnp.all(sides_apart.low > 0, axis=-1),
        worst_language=jnp.argmax(resamples.sums, axis=-1),
        **found,
    )


def disparity_change(
    evaluation: Evaluation,
    reference: Float[Array, "language sentence"],
    groups: Int[np.ndarray, " sentence"],
    *,
    target: int,
    key: PRNGKeyArray,
) -> dict[str, bca.Interval]:
    """Measures how level and inequality change from each configuration to one, paired.

    Definition: `mean`, `worst` and `max_min` of `disparity` in configuration `target`
    minus those in each, on the same resample of texts.

    Args:
        evaluation: losses of the configurations.
        reference: losses in full precision on the same sentences.
        groups: the text that each sentence belongs to.
        target: the configuration that is changed to.
        key: randomness of the resampling.

    Reference: our own definition; intervals as in `stats.bootstrap`.
    """
    added = losses_added(evaluation, reference)
    resamples = bootstrap.resample(added, groups, key=key)

    def changes(sums: Array, n_sentences: Array) -> dict[str, Array]:
        found = measures(sums / n_sentences)
        return {name: found[name][target] - found[name] for name in CHANGES}

    return bootstrap.interval(resamples, changes)


def weights_of(
    chosen: Contrast | None, languages: Sequence[str]
) -> Float[np.ndarray, "side language"]:
    """Turns a contrast into weights; without one, into NaN, which gives no numbers.

    Args:
        chosen: the contrast.
        languages: the measured languages.

    Reference: our own definition.
    """
    if chosen is None:
        return np.full((2, len(languages)), np.nan)
    rows = [
        [float(name in side) for name in languages]
        for side in (chosen.low, chosen.high)
    ]
    table = np.array(rows)
    return table / table.sum(axis=1, keepdims=True)


def levels_down(found: Disparity, base: int) -> Bool[Array, " config"]:
    """Flags configurations that are more equal only because more is lost.

    Definition: the range between languages is smaller than in configuration `base`
    while the mean loss, the worst, or that of the contrast's high side is larger.

    Args:
        found: disparity of all configurations.
        base: the one they are compared with.

    Reference: our own definition, after Parfit 1991, Equality or Priority?
    """
    more_equal = found.max_min.estimate < found.max_min.estimate[base]
    levels = (found.mean.estimate, found.worst.estimate, found.high.estimate)
    more_lost = jnp.any(jnp.stack([x > x[base] for x in levels]), axis=0)
    return more_equal & more_lost
