"""What a posterior predicts of an intervention, beside what the intervention did."""

import dataclasses
import functools as ft
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy.stats import norm

from jaxdisp.causal.confounding import effect
from jaxdisp.causal.graph import NODES
from jaxdisp.causal.interventions.intervention import Intervention
from jaxdisp.causal.interventions.measured_effects import (
    MeasuredEffects,
    measure_effects,
    with_placebos,
)
from jaxdisp.causal.posterior import Posterior
from jaxdisp.stats import bca

Row = dict[str, Any]

LEVEL = 0.95
FAR = 2.0
"""Observed SDs of a variable beyond which setting it extrapolates."""

ARROWS = {"T": ("A", "R", "D"), "A": ("R", "D"), "R": ("D",)}
"""What setting a variable says of: its effects on those that come after it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Confrontation:
    """Predictions beside measurements.

    `arrows` has a row for each effect of a variable that was set, judged by the first
    way in which it was: `arrow, kind, amount, predicted, predicted_low, predicted_high,
    measured, measured_low, measured_high, moved, beyond_placebo, covered,
    n_languages, verdict, reason`; `moved` is how far the target was, in SDs of what
    was observed of it. `interventions` has such rows for every way, with verdicts of
    their own, and `languages` for every language, without them; `covered` there says
    whether the measurement lies in the predictive interval.
    """

    arrows: tuple[Row, ...]
    interventions: tuple[Row, ...]
    languages: tuple[Row, ...]


def confront(
    posterior: Posterior,
    interventions: Sequence[Intervention],
    *,
    key: PRNGKeyArray,
) -> Confrontation:
    """Predicts what each intervention does, and compares with what it did.

    Definition: an intervention that moved its target from x to x' in each sentence is
    predicted to change a later variable by `e (x' - x)` under the linear link and by
    the factor `(x' / x)^e` under the logarithmic ones, e the effect of the target on it
    over all paths, draw by draw. What is measured is the change less that of the
    placebo which follows the intervention, if one does; over sentences the mean, with
    BCa intervals over texts. The predictive interval adds the standard error of the
    measurement. An arrow `holds` if predicted and measured effects both exclude 0, on
    the same side, and do not exclude one another; `fails` if they exclude one another
    or both exclude 0 on different sides; else it is `inconclusive`. The intervals that
    decide are of 95 % over all arrows, or all ways by which they are seen (Bonferroni).
    A target moved by more than `FAR` SDs of what was observed of it makes the
    prediction an extrapolation, which the reason says.

    Args:
        posterior: from data in which nothing was set.
        interventions: carried out on a model, each perhaps followed by placebos.
        key: of the resamples, and of the errors of measurement.

    Raises:
        ValueError: if an intervention's target is unknown.

    Reference: Pearl 2009, Causality, section 3.2 (what `do` predicts); Gelman et al.
        2013, Bayesian Data Analysis, section 6.3 (predictive intervals).
    """
    pairs = [
        (done, placebos[0] if placebos else None)
        for done, placebos in with_placebos(interventions)
    ]
    first: dict[str, int] = {}
    for number, (done, _) in enumerate(pairs):
        if done.target not in ARROWS:
            raise ValueError(f"target must be T, A or R, got {done.target}")
        first.setdefault(done.target, number)
    n_arrows = sum(len(ARROWS[target]) for target in first)
    n_ways = sum(len(ARROWS[done.target]) for done, _ in pairs)
    arrows: list[Row] = []
    ways: list[Row] = []
    languages: list[Row] = []
    for number, (done, placebo) in enumerate(pairs):
        own = jax.random.fold_in(key, number)
        moved = _moved(posterior, done)
        measured = measure_effects(done, placebo, key=own)
        for outcome in ARROWS[done.target]:
            predicted = predict(posterior, done, outcome)
            noise = np.asarray(jax.random.normal(own, predicted.shape), np.float64)
            each = _by_language(done, outcome, predicted, noise, measured)
            over, found = predicted.mean(axis=1), measured.overall[outcome]
            row = _row(done, outcome, over, found)
            row["moved"] = moved
            row["beyond_placebo"] = placebo is not None
            row["covered"] = sum(bool(one["covered"]) for one in each)
            row["n_languages"] = len(each)
            judge = ft.partial(_verdict, over, found, noise[:, 0], moved)
            ways.append(row | judge(1 - (1 - LEVEL) / n_ways))
            languages += each
            if first[done.target] == number:
                arrows.append(row | judge(1 - (1 - LEVEL) / n_arrows))
    return Confrontation(
        arrows=tuple(arrows), interventions=tuple(ways), languages=tuple(languages)
    )


def predict(
    posterior: Posterior, done: Intervention, outcome: str
) -> Float[np.ndarray, "draw language"]:
    """Predicts by how much an intervention changes a variable, in each language.

    Definition: see `confront`; the mean over sentences.

    Args:
        posterior: from data in which nothing was set.
        done: what was set, from what to what.
        outcome: the variable.

    Reference: Pearl 2009, Causality, section 3.2.
    """
    strength = _strength(posterior, done.target, outcome).reshape(-1)
    before, after = done.before[done.target], done.after[done.target]
    if posterior.link == "linear":
        moved = (after - before).mean(axis=1)
        return strength[:, None] * moved[None]
    ratio = np.log(after / before)
    base = done.before[outcome]
    columns = [
        np.mean(own[None] * np.expm1(strength[:, None] * by[None]), axis=1)
        for own, by in zip(base, ratio, strict=True)
    ]
    return np.stack(columns, axis=1)


def _strength(posterior: Posterior, start: str, end: str) -> np.ndarray:
    """The effect of one node on another, over all paths."""
    fixed = posterior.design.fixed
    if not fixed:
        return effect(posterior, start, end)
    path = NODES[NODES.index(start) + 1 : NODES.index(end) + 1]
    scale = posterior.design.scales.scale
    by = math.prod(
        fixed[node][1] * scale[node] / scale[fixed[node][0]] for node in path
    )
    return np.full_like(posterior.sigma["D"], by)


def _moved(posterior: Posterior, done: Intervention) -> float:
    """How far a target was moved, in SDs of what was observed, mean over sentences."""
    before, after = done.before[done.target], done.after[done.target]
    if posterior.link != "linear":
        before, after = np.log(before), np.log(after)
    scale = posterior.design.scales.scale[done.target]
    return float(np.abs(after - before).mean() / scale)


def _row(
    done: Intervention,
    outcome: str,
    predicted: Float[np.ndarray, " draw"],
    measured: bca.Interval,
) -> Row:
    tail = (1 - LEVEL) / 2
    low, median, high = np.quantile(predicted, (tail, 0.5, 1 - tail)).tolist()
    return {
        "arrow": f"do({done.target})>{outcome}",
        "kind": done.kind,
        "amount": done.amount,
        "predicted": median,
        "predicted_low": low,
        "predicted_high": high,
        "measured": float(measured.estimate),
        "measured_low": float(measured.low),
        "measured_high": float(measured.high),
    }


def _by_language(
    done: Intervention,
    outcome: str,
    predicted: Float[np.ndarray, "draw language"],
    noise: Float[np.ndarray, "draw language"],
    measured: MeasuredEffects,
) -> list[Row]:
    """One row per language, with the interval that the measurement should lie in."""
    found = measured.by_language[outcome]
    tail = (1 - LEVEL) / 2
    rows = []
    for place, language in enumerate(measured.languages):
        one = bca.Interval(
            estimate=found.estimate[place],
            low=found.low[place],
            high=found.high[place],
            standard_error=found.standard_error[place],
        )
        error = float(one.standard_error) * noise[:, place]
        low, high = np.quantile(predicted[:, place] + error, (tail, 1 - tail)).tolist()
        row = _row(done, outcome, predicted[:, place], one)
        row |= {"language": language, "predictive_low": low, "predictive_high": high}
        row["covered"] = bool(low <= float(one.estimate) <= high)
        rows.append(row)
    return rows


def _verdict(
    predicted: Float[np.ndarray, " draw"],
    measured: bca.Interval,
    noise: Float[np.ndarray, " draw"],
    moved: float,
    level: float,
) -> dict[str, str]:
    """Whether prediction and measurement agree, and on an effect at all.

    The measurement's own interval is of 95 %; a stricter one is as much wider as a
    normal one would be.
    """
    tail = (1 - level) / 2
    low, high = np.quantile(predicted, (tail, 1 - tail)).tolist()
    estimate, error = float(measured.estimate), float(measured.standard_error)
    apart = predicted - (estimate + error * noise)
    less, more = np.quantile(apart, (tail, 1 - tail)).tolist()
    wider = float(norm.isf(tail) / norm.isf((1 - LEVEL) / 2))
    lowest = estimate + wider * (float(measured.low) - estimate)
    highest = estimate + wider * (float(measured.high) - estimate)
    foretold = np.sign(low) if low * high > 0 else 0.0
    seen = np.sign(lowest) if lowest * highest > 0 else 0.0
    if less > 0 or more < 0:
        how = "opposite to" if foretold * seen < 0 else "not"
        verdict, reason = "fails", f"what was measured is {how} what was predicted"
    elif foretold * seen < 0:
        verdict, reason = "fails", "predicted and measured effects are opposite"
    elif foretold * seen > 0:
        verdict, reason = (
            "holds",
            "an effect was predicted and measured, and they agree",
        )
    else:
        verdict = "inconclusive"
        reason = "neither the prediction nor the measurement excludes no effect"
        if foretold:
            reason = "predicted, but what was measured may be none"
        elif seen:
            reason = "measured, but what was predicted may be none"
    if moved > FAR:
        reason += f" (an extrapolation, by {moved:.1f} SDs of what was observed)"
    return {"verdict": verdict, "reason": reason}
