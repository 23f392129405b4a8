"""Whether languages with little training text lose as much more at any word length."""

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from jaxdisp.claims.experiment import Rows
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.claims.word_lengths import POINTS, WORDS, Curves, curve, words
from jaxdisp.measure import rate_curves
from jaxdisp.stats.equivalence import margin_left
from jaxdisp.stats.jackknife import jackknife_interval

SPLITS = 200

SAME_RATIO = Claim(
    id="T-010c",
    statement="Languages with little training text lose the same multiple of what "
    "others lose at every word length.",
    source="theory of rounding noise; against the research notes, T-010",
    unit="what is left of 0.1 from a slope of 0",
    method="least squares of the log-ratio on bits; jackknife over texts",
    most=0.1,
)
"""A slope of 0.1 changes the ratio by a half over four bits."""


def decide(
    curves: Curves,
    groups: Int[np.ndarray, " sentence"],
    sides: Float[np.ndarray, "side language"],
    *,
    key: PRNGKeyArray,
    splits: int = SPLITS,
) -> tuple[Finding, Rows]:
    """Judges whether the log-ratio of two sides changes with bits.

    Definition: of the mean losses of both sides, at word lengths that count for both.

    Args:
        curves: as from `word_lengths.measure`.
        groups: the text that each sentence belongs to.
        sides: weights of each language in the low and the high mean; NaN if unknown.
        key: of random sides.
        splits: how many of these.

    Reference: our own definition.
    """
    n_texts = len(np.unique(groups))
    if not np.all(np.isfinite(sides)):
        reason = "needs how much text of each language the model was trained on"
        return not_applicable(SAME_RATIO, n_texts, reason), []
    loss, diverged = (
        _side_ratio(curves, table, groups, sides)
        for table in (curves.added, curves.divergence)
    )
    rows: Rows = []
    for name, found in (("loss", loss), ("divergence", diverged)):
        rows += _ratio_rows(name, found)
    if len(loss.log) < POINTS:
        reason = (
            f"needs at least {POINTS} word lengths at which both sides lose, got "
            f"{len(loss.log)}"
        )
        return not_applicable(SAME_RATIO, n_texts, reason), rows
    slope, interval = rate_curves.slope(loss)
    effect, within = margin_left(slope, interval, target=0.0, margin=SAME_RATIO.most)
    null = _random_splits(curves, groups, sides, key, splits)
    beside = ""
    if len(null):
        low, high = np.quantile(null, [0.025, 0.975])
        rows.append(
            {"measure": "loss", "bits": "slope of random sides"}
            | {"log_ratio": None, "low": float(low), "high": float(high)}
        )
        beside = f"; random sides {low:.2f} to {high:.2f}"
    if len(diverged.log) >= POINTS:
        other, (least, most) = rate_curves.slope(diverged)
        beside += f"; of the divergence {other:.2f} [{least:.2f}, {most:.2f}]"
    return (
        judge(
            SAME_RATIO,
            effect,
            within,
            n_texts,
            f"slope {slope:.2f} [{interval[0]:.2f}, {interval[1]:.2f}] per bit, "
            f"words of {words(loss)} bits{beside}",
        ),
        rows,
    )


def _side_ratio(
    curves: Curves, table: np.ndarray, groups: np.ndarray, sides: np.ndarray
) -> rate_curves.Curve:
    low, high = (curve(curves, table, groups, side) for side in sides)
    return rate_curves.ratio(low, high, curves.bits)


def _random_splits(
    curves: Curves,
    groups: np.ndarray,
    sides: np.ndarray,
    key: PRNGKeyArray,
    splits: int,
) -> np.ndarray:
    """Slopes of the log-ratio with languages on sides at random."""
    found = []
    n_languages = sides.shape[1]
    orders = np.argsort(np.asarray(jax.random.bits(key, (splits, n_languages))), axis=1)
    for order in orders:
        one = _side_ratio(curves, curves.added, groups, sides[:, order])
        if len(one.log) >= POINTS:
            found.append(rate_curves.slope(one)[0])
    return np.array(found)


def _ratio_rows(name: str, found: rate_curves.Curve) -> Rows:
    if not len(found.log):
        return []
    low, high = jackknife_interval(found.log, found.log_left_out)
    return [
        {
            "measure": name,
            "bits": str(word),
            "log_ratio": float(found.log[at]),
            "low": float(low[at]),
            "high": float(high[at]),
        }
        for at, word in enumerate(np.array(WORDS)[found.kept])
    ]
