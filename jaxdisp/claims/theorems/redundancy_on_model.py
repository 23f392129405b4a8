"""Values of the theorems on redundancy on a model: bounds of codes of its states."""

from typing import Any

import numpy as np
from jaxtyping import Float

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.claims.theorems.state_codes import state_codes
from jaxdisp.measure.disparity import Contrast, contrast
from jaxdisp.stats.equivalence import margin_left
from jaxdisp.stats.jackknife import jackknife_interval

NOTES_STABILITY = 0.1
"""Delta of the notes, where they use their bound."""

MARGIN = 0.15

LEAST = Claim(
    id="T1a",
    statement="Hidden states of every language are coded with more error than the "
    "rate-distortion bound of their redundancy.",
    source="theorem T1a; research notes, formal proofs, theorem 1",
    unit="bits per channel above the bound",
    method="states after the last layer, mean over languages; entropy of a Gaussian; "
    "jackknife over texts",
)

RATIO = Claim(
    id="P1",
    statement="By its redundancy alone, what is coded of languages of little text has "
    "a larger error than what is coded of others.",
    source="theorem P1; research notes, theory development, proof sketch 1",
    unit="logarithm of the ratio that is guaranteed",
    method="states after the last layer, geometric means over languages, measured "
    "inefficiency of the languages of much text; jackknife over texts",
)
"""Above 0 the bound proves a disparity; below, it allows the opposite."""

COPIES = Claim(
    id="T1b",
    statement="What is lost goes as the inverse of redundancy that is set by force.",
    source="theorem T1b; research notes, formal proofs, corollary of theorem 1",
    unit="what is left of 0.15 from an elasticity of -1",
    method="fewest copies of all channels, each rounded stochastically; interval of "
    "the change over the texts of the sentences, the loss before taken as known",
    most=MARGIN,
)
"""The inverse at rho = 0; what is lost is a loss, of which the error is but a cause."""


def notes_bound(
    variance: Float[np.ndarray, " *source"],
    redundancy: Float[np.ndarray, " *source"],
    bits: Float[np.ndarray, " *source"],
    stability: float = NOTES_STABILITY,
) -> Float[np.ndarray, " *source"]:
    """Returns what the notes say that an error of rounding cannot exceed.

    Definition: `3 variance 4^-bits / (redundancy + stability)`.

    Args:
        variance: of the weights.
        redundancy: in bits.
        bits: word length.
        stability: delta of the notes, 0.1 where they use the bound and `bits` where
            they prove it.

    Reference: the research notes under test, formal proofs, theorem 1.
    """
    return 3 * variance * 4.0**-bits / (redundancy + stability)


def least_errors(evidence: Evidence) -> Finding:
    """Compares what rounding states costs with what any code would cost.

    Definition: `log2(error / least) / 2` bits, `least = sigma^2 4^-(b + R)`, R of a
    Gaussian with the states' covariance. True R are larger, so that an error below the
    bound would say that states are not Gaussian.

    Args:
        evidence: of one model.

    Reference: our own definition (theorem T1a of docs/theory.md).
    """
    found = state_codes(evidence)
    if "missing" in found:
        return not_applicable(LEAST, 0, found["missing"])
    error, least, variance = _tables(found)
    above = 0.5 * np.log2(error / least)
    left_out = _left_out(found)
    without = 0.5 * np.log2(left_out["error"] / left_out["least"]).mean(axis=1)
    estimate = np.array(above[-1].mean())
    low, high = jackknife_interval(estimate, without)
    redundancy = 0.5 * np.log2(variance * 4.0 ** -found["bits"] / least)
    effective = 0.5 * np.log2(variance / error)
    said = notes_bound(variance, redundancy, np.full_like(variance, found["bits"]))
    broken, below = int(np.sum(error > said)), int(np.sum(error < least))
    return judge(
        LEAST,
        float(estimate),
        (float(low), float(high)),
        len(without),
        f"{found['bits']} bits are worth {effective.min():.2f} to "
        f"{effective.max():.2f}; R is {redundancy.min():.2f} to {redundancy.max():.2f} "
        f"bits; of {error.size} layers and languages {below} are below the bound and "
        f"{broken} above the notes' bound 3 sigma^2 4^-b / (R + {NOTES_STABILITY})",
        control=f"{below} are below it, being no Gaussians" if below else None,
    )


def measured_ratio(evidence: Evidence) -> Finding:
    """Bounds the ratio of errors of languages of little text to others' by redundancy.

    Definition: `ln bound = mean ln least_LR - mean ln error_HR`, means over the
    languages of each side of `disparity.contrast`: P1 for geometric means, since it
    holds of every pair. The Gaussian entropy is the largest of all laws of a
    covariance, so that the true bound is lower: a bound below 1 is surely below 1, and
    one above 1 is an approximation.

    Args:
        evidence: of one model.

    Reference: our own definition (theorem P1 of docs/theory.md).
    """
    model = evidence.subject.model
    languages = evidence.subject.few.languages
    chosen = contrast(languages, model.training_bytes)
    if chosen is None:
        return not_applicable(
            RATIO, len(languages), "needs the bytes of training text of each language"
        )
    found = state_codes(evidence)
    if "missing" in found:
        return not_applicable(RATIO, 0, found["missing"])
    error, least = (np.log(each) for each in _tables(found)[:2])
    low, high = _sides(found, chosen)
    bound = least[:, low].mean(axis=1) - error[:, high].mean(axis=1)
    measured = error[:, low].mean(axis=1) - error[:, high].mean(axis=1)
    gamma = error[-1, high].mean() - least[-1, high].mean()
    fair = least[-1, low].mean() - least[-1, high].mean()
    left = {name: np.log(each) for name, each in _left_out(found).items()}
    without = left["least"][:, low].mean(axis=1) - left["error"][:, high].mean(axis=1)
    interval = jackknife_interval(np.array(bound[-1]), without)
    best = int(np.argmax(bound))
    return judge(
        RATIO,
        float(bound[-1]),
        (float(interval[0]), float(interval[1])),
        len(without),
        f"{chosen.rule}: a ratio of at least {np.exp(bound[-1]):.3g} is guaranteed, "
        f"{np.exp(measured[-1]):.3g} was measured; codes that lose nothing would have "
        f"{np.exp(fair):.3g}, but those of much text have {np.exp(gamma):.3g} times "
        f"the least error; the most of any layer is {np.exp(bound[best]):.3g} (layer "
        f"{found['layers'][best]})",
    )


def duplicated_readouts(evidence: Evidence) -> Finding:
    """Reads from interventions how the loss falls when each channel has copies.

    Definition: the elasticity `ln(D_after / D_before) / ln m` of the loss by the number
    m of copies, which multiplies R; T1b has the error of readouts at -1 where errors of
    copies are independent, and at 0 where they are the same.

    Args:
        evidence: with the causes inferred, whose interventions are read.

    Reference: our own definition (theorem T1b of docs/theory.md).
    """
    rows = [
        row
        for row in (evidence.causes or {}).get("interventions") or []
        if row["target"] == "R" and row["variable"] == "D"
    ]
    copies = [row for row in rows if row["kind"] == "duplication, stochastic"]
    if not copies:
        return not_applicable(
            COPIES, 0, "needs redundancy set by force: infer causes with interventions"
        )
    row = min(copies, key=lambda each: each["amount"])
    before, m = row["before"], row["amount"]
    ends = [before + row[name] for name in ("low", "high", "change")]
    if not (before > 0 and min(ends) > 0):
        return not_applicable(
            COPIES, 1, f"needs losses above 0, got {before:.3g} and {min(ends):.3g}"
        )
    steeper, flatter, elasticity = (np.log(end / before) / np.log(m) for end in ends)
    estimate, interval = margin_left(
        float(elasticity), (float(steeper), float(flatter)), target=-1.0, margin=MARGIN
    )
    n = int((evidence.causes or {}).get("intervention_sentences") or 1)
    return judge(COPIES, estimate, interval, n, _copies_seen(rows, copies, elasticity))


def _copies_seen(
    rows: list[dict[str, Any]], copies: list[dict[str, Any]], elasticity: float
) -> str:
    losses = ", ".join(
        f"{row['after']:.3g} with {row['amount']:g}"
        for row in sorted(copies, key=lambda each: each["amount"])
    )
    same = [row for row in rows if row["kind"] == "duplication, rounded to nearest"]
    nearest = "".join(
        f"; to the nearest level {row['before']:.3g} becomes {row['after']:.3g}"
        for row in same
    )
    return (
        f"elasticity {elasticity:.2f}: {copies[0]['before']:.3g} nats per sentence "
        f"without copies, {losses}{nearest}"
    )


def _tables(found: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    error, least, variance = (
        np.array(found[name]) for name in ("error", "least", "variance")
    )
    return error, least, variance


def _left_out(found: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.array(table) for name, table in found["left_out"].items()}


def _sides(found: dict[str, Any], chosen: Contrast) -> tuple[np.ndarray, np.ndarray]:
    low, high = (
        np.array([language in side for language in found["languages"]])
        for side in (chosen.low, chosen.high)
    )
    return low, high
