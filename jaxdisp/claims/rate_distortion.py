"""How fast does what is lost fall with bits, and do languages lose alike at each?

In theory rounding noise has a power in proportion to the step squared, a small noise
costs in proportion to its power, and so each bit divides the loss by four, in every
language alike. The research notes have half a bit's worth of amplitude in its place, a
slope of -ln 2 / 2. Bits are counted by the step of the grid (`step_bits`), since a
symmetric grid of 3 bits has but 6 steps.
"""

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from jaxdisp.claims import (
    protected_share,
    ratio_by_bits,
    shannon_limit,
    word_lengths,
)
from jaxdisp.claims.experiment import Experiment, Outcome, Rows, Subject
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.claims.word_lengths import POINTS, WORDS, Curves
from jaxdisp.measure import disparity, rate_curves
from jaxdisp.stats import model_choice
from jaxdisp.stats.equivalence import margin_left
from jaxdisp.stats.jackknife import jackknife_interval

TEXTS = 5
POINTS_OF_FLOOR = 5
"""As AICc of three parameters and a variance takes them."""

LAW = -2 * np.log(2.0)
NOTES = -np.log(2.0) / 2
MARGIN = 0.15

FOURFOLD = Claim(
    id="T-010",
    statement="Each bit divides what is lost by four.",
    source="theory of rounding noise; research notes, T-010",
    unit="what is left of 0.15 from the law's slope",
    method="least squares of the log of the mean over languages on bits; jackknife "
    "over texts",
    most=MARGIN,
)
"""Within 15 % of the slope is by 3.2 to 4.9 per bit: four, and not three or five."""

HALF = dataclasses.replace(
    FOURFOLD,
    id="T-010b",
    statement="Each bit divides what is lost by the square root of two.",
    source="research notes, T-010",
    unit="what is left of 0.15 from the notes' slope",
)

FLOOR = Claim(
    id="T-010d",
    statement="Some divergence from full precision remains however many bits there "
    "are.",
    source="floor model, beside the law",
    unit="floor's share at 8 bits",
    method="least squares of logarithms of u 4^-bits + w; jackknife over texts; AICc",
    least=0.1,
)
"""A floor that is less than a tenth of what remains at 8 bits is of no consequence."""

DIVERGENCE = dataclasses.replace(
    FOURFOLD,
    id="T-010f",
    statement="Each bit divides the divergence from the full-precision predictions by "
    "four.",
    source="theory of rounding noise",
)
"""What is lost on text that the model itself would write, so that it is known better
than what is lost on a given text, which near full precision may even be gained."""

CLAIMS = (
    FOURFOLD,
    HALF,
    ratio_by_bits.SAME_RATIO,
    FLOOR,
    protected_share.LINEAR,
    DIVERGENCE,
)


def _run(subject: Subject) -> Outcome:
    n_texts = len(set(subject.few.groups))
    if n_texts < TEXTS:
        lacking = f"needs at least {TEXTS} texts, got {n_texts}"
        return Outcome(
            findings=tuple(not_applicable(claim, n_texts, lacking) for claim in CLAIMS),
            tables={},
        )
    splits, shares = jax.random.split(subject.key)
    curves = word_lengths.measure(subject)
    contrast = disparity.contrast(subject.few.languages, subject.model.training_bytes)
    found = decide(
        curves,
        np.array(subject.few.groups),
        subject.few.languages,
        disparity.weights_of(contrast, subject.few.languages),
        key=splits,
    )
    linear = protected_share.run(subject, key=shares)
    return Outcome(
        findings=(*found.findings[:-1], linear.findings[0], found.findings[-1]),
        tables=found.tables
        | linear.tables
        | {"shannon": shannon_limit.rows(subject.model, subject.quantizer)},
    )


def decide(
    curves: Curves,
    groups: Int[np.ndarray, " sentence"],
    languages: tuple[str, ...],
    sides: Float[np.ndarray, "side language"],
    *,
    key: PRNGKeyArray,
    splits: int = ratio_by_bits.SPLITS,
) -> Outcome:
    """Judges how fast losses fall, and whether their ratio does.

    Definition: word lengths count at which no language has collapsed and the mean loss
    is above 0 by its interval (`rate_curves.above_zero`); for the ratio, both sides'.

    Args:
        curves: as from `word_lengths.measure`.
        groups: the text that each sentence belongs to.
        languages: their names.
        sides: weights of each language in the low and the high mean; NaN if unknown.
        key: of random splits of the languages.
        splits: how many of these.

    Reference: our own definition.
    """
    everyone = np.full((1, len(languages)), 1 / len(languages))
    loss, diverged = (
        word_lengths.curve(curves, table, groups, everyone[0])
        for table in (curves.added, curves.divergence)
    )
    floor, models = _floor(diverged)
    ratio, ratios = ratio_by_bits.decide(curves, groups, sides, key=key, splits=splits)
    return Outcome(
        findings=(
            _slope(FOURFOLD, LAW, loss),
            _slope(HALF, NOTES, loss),
            ratio,
            floor,
            _slope(DIVERGENCE, LAW, diverged),
        ),
        tables={
            "curves": _curve_rows(curves, groups, languages),
            "slopes": _slope_rows(curves, groups, languages),
            "ratios": ratios,
            "models": models,
        },
    )


def _slope(claim: Claim, law: float, curve: rate_curves.Curve) -> Finding:
    n_texts = len(curve.log_left_out)
    if len(curve.log) < POINTS:
        return not_applicable(
            claim,
            n_texts,
            f"needs at least {POINTS} word lengths with a loss above 0 and no "
            f"collapse, got {len(curve.log)}",
        )
    slope, (low, high) = rate_curves.slope(curve)
    effect, within = margin_left(
        slope / law, (high / law, low / law), target=1.0, margin=MARGIN
    )
    return judge(
        claim,
        effect,
        within,
        n_texts,
        f"slope {slope:.2f} [{low:.2f}, {high:.2f}] per bit against {law:.2f}, from "
        f"words of {word_lengths.words(curve)} bits",
    )


def _floor(curve: rate_curves.Curve) -> tuple[Finding, Rows]:
    n_texts, n = len(curve.log_left_out), len(curve.log)
    if n < POINTS_OF_FLOOR:
        reason = (
            f"needs at least {POINTS_OF_FLOOR} word lengths without collapse, got {n}"
        )
        return not_applicable(FLOOR, n_texts, reason), []
    x, y = 4.0**-curve.bits, np.exp(curve.log)
    left = model_choice.above_floor(x, np.exp(curve.log_left_out))
    whole = model_choice.above_floor(x, y)
    low, high = jackknife_interval(whole.share, left.share)
    # u x + q x^2 over x^2 is a floor plus something in proportion to 1 / x
    curved = model_choice.above_floor(1 / x, y / x**2)
    squares = {
        "law": (model_choice.proportional(x, y), 1),
        "law above a floor": (whole.squares, 2),
        "law and its square": (curved.squares, 2),
        "free slope": (model_choice.straight_line(curve.bits, curve.log).squares, 2),
    }
    rows: Rows = [
        {
            "model": name,
            "parameters": parameters,
            "root_mean_square": float(np.sqrt(left_over / n)),
            "aicc": float(model_choice.aicc(left_over, n, parameters)),
        }
        for name, (left_over, parameters) in squares.items()
    ]
    best = min(rows, key=lambda row: row["aicc"])
    without, with_floor = rows[0]["aicc"], rows[1]["aicc"]
    return (
        judge(
            FLOOR,
            float(whole.share),
            (float(low), float(high)),
            n_texts,
            f"AICc {with_floor:.1f} with a floor, {without:.1f} without; best of four: "
            f"{best['model']}, {best['aicc']:.1f} (residuals "
            f"{100 * best['root_mean_square']:.1f} %)",
            control="AICc prefers the law" if without <= with_floor else None,
        ),
        rows,
    )


def _curve_rows(curves: Curves, groups: np.ndarray, languages: tuple[str, ...]) -> Rows:
    rows: Rows = []
    tables = {"loss": curves.added, "divergence": curves.divergence}
    for name, table in tables.items():
        mean, left_out = rate_curves.text_means(table, groups)
        low, high = jackknife_interval(mean, left_out)
        for word, bits in enumerate(WORDS):
            for at, language in enumerate(languages):
                rows.append(
                    {
                        "measure": name,
                        "language": language,
                        "bits": bits,
                        "step_bits": float(curves.bits[word]),
                        "value": float(mean[word, at]),
                        "low": float(low[word, at]),
                        "high": float(high[word, at]),
                        "collapsed": int(curves.collapsed[word, at]),
                    }
                )
    return rows


def _slope_rows(curves: Curves, groups: np.ndarray, languages: tuple[str, ...]) -> Rows:
    n = len(languages)
    weights = {"mean": np.full(n, 1 / n)} | dict(zip(languages, np.eye(n), strict=True))
    rows: Rows = []
    for name, table in (("loss", curves.added), ("divergence", curves.divergence)):
        for language, weight in weights.items():
            curve = word_lengths.curve(curves, table, groups, weight)
            row: dict[str, Any] = {
                "measure": name,
                "language": language,
                "words": word_lengths.words(curve),
            }
            values: tuple[float | None, ...] = (None, None, None, None)
            if len(curve.log) >= POINTS:
                slope, (low, high) = rate_curves.slope(curve)
                # in bits of the word instead of bits that the step is worth
                named = np.array(WORDS, float)[curve.kept]
                plain = model_choice.straight_line(named, curve.log).slope
                values = (slope, low, high, float(plain))
            names = ("slope", "low", "high", "slope_per_bit_of_word")
            rows.append(row | dict(zip(names, values, strict=True)))
    return rows


EXPERIMENT = Experiment(
    id="T-010",
    title="Loss against word length",
    question="How does what is lost fall with bits and with the protected share, and "
    "does the ratio between languages change?",
    support="The slope of the log of the loss is within 15 % of -2 ln 2 per bit by its "
    "interval; that of the log-ratio within 0.1 of 0; half the layers protected lose "
    "within 0.1 of half.",
    refutation="The interval lies outside of that; for the notes' law, outside of 15 % "
    "of -ln 2 / 2; a floor of less than a tenth of what remains at 8 bits.",
    control="Languages on random sides; the model without what it learned has nothing "
    "to lose and is not measured.",
    run=_run,
    passes=5,
)
