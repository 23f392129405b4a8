"""The notes' bound and its corollary, with redundancies of a model's states."""

import numpy as np

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding, judge
from jaxdisp.claims.ledger.protection import sides_of
from jaxdisp.claims.theorems.redundancy_on_model import NOTES_STABILITY, notes_bound
from jaxdisp.claims.theorems.state_codes import state_codes
from jaxdisp.stats.equivalence import margin_left
from jaxdisp.stats.jackknife import jackknife_interval

NOTES_RATIO = 2.4375
"""(3.8 + 0.1) / (1.5 + 0.1)."""

METHOD = (
    "states after the last layer, rounded to the run's bits; R of a Gaussian with "
    "their covariance; jackknife over texts"
)

BOUND = Claim(
    id="B3",
    statement="The error of rounding is at most C_b / (R + delta).",
    source="research notes, formal proofs, theorem 1",
    unit="logarithm of the bound over the error",
    method=f"{METHOD}; mean over languages",
)

PREDICTED = Claim(
    id="B7",
    statement="Redundancies predict a ratio of 2.4 between languages.",
    source="research notes, formal proofs, corollary of theorem 1",
    unit="what is left of a half from 2.44",
    method=METHOD,
    most=0.5,
)

ABOVE = Claim(
    id="B8",
    statement="The ratio of two languages' errors is at least (R_1 + delta) / (R_2 + "
    "delta).",
    source="research notes, formal proofs, corollary of theorem 1",
    unit="logarithm of the ratio of errors over that of redundancies",
    method=f"{METHOD}; mean over pairs of languages",
)


def bound_left(evidence: Evidence) -> Finding:
    """Judges the notes' bound with redundancies that were measured.

    Definition: `ln(C_b / ((R + delta) D))`, the mean over languages, of states after
    the last layer: D is the relative error of their rounding, `C_b = 3 4^-b`, R the
    redundancy of a Gaussian with their covariance. Negative where the error is larger
    than the notes allow.

    Args:
        evidence: of one model.

    Raises:
        ValueError: if there is too little text for redundancies.

    Reference: our own definition.
    """
    error, spare = _states(evidence)
    bits = state_codes(evidence)["bits"]
    room = np.log(
        notes_bound(np.ones_like(spare), spare, np.full_like(spare, bits)) / error
    )
    by_text = room[1:].mean(axis=1)
    low, high = jackknife_interval(np.array(room[0].mean()), by_text)
    return judge(
        BOUND,
        float(room[0].mean()),
        (float(low), float(high)),
        len(by_text),
        f"relative errors {error[0].min():.3g} to {error[0].max():.3g}, R "
        f"{spare[0].min():.2f} to {spare[0].max():.2f} bits; {int(np.sum(room[0] < 0))}"
        f" of {room.shape[1]} languages break the bound",
    )


def predicted_ratio(evidence: Evidence) -> Finding:
    """Judges the notes' predicted ratio with redundancies that were measured.

    Definition: `(R_HR + delta) / (R_LR + delta)`, R averaged over the languages of
    either side; how far it is from the notes' 2.44 of a margin of a half.

    Args:
        evidence: of one model whose training text is known.

    Raises:
        ValueError: if there is too little text, or nobody knows the sides.

    Reference: the research notes, formal proofs, corollary of theorem 1.
    """
    _, spare = _states(evidence)
    sides = sides_of(evidence.subject)
    if np.isnan(sides).any():
        raise ValueError("needs to know how much text of each language was trained on")
    low_side, high_side = sides @ (spare + NOTES_STABILITY).T
    ratio = high_side / low_side
    low, high = jackknife_interval(np.array(ratio[0]), ratio[1:])
    effect, within = margin_left(
        float(ratio[0]), (float(low), float(high)), target=NOTES_RATIO, margin=0.5
    )
    return judge(
        PREDICTED,
        effect,
        within,
        len(ratio) - 1,
        f"measured redundancies give {ratio[0]:.3f} [{low:.3f}, {high:.3f}]",
    )


def ratio_above(evidence: Evidence) -> Finding:
    """Judges whether ratios of errors are at least the notes' ratios of redundancies.

    Definition: over all pairs of languages with `R_1 > R_2`, the mean of
    `ln(D_2 / D_1) - ln((R_1 + delta) / (R_2 + delta))`.

    Args:
        evidence: of one model.

    Raises:
        ValueError: if there is too little text for redundancies.

    Reference: the research notes, formal proofs, corollary of theorem 1.
    """
    error, spare = _states(evidence)
    one, other = np.triu_indices(error.shape[1], 1)
    # pairs keep the order that they have with all of the text
    swap = spare[0, one] < spare[0, other]
    one, other = np.where(swap, other, one), np.where(swap, one, other)
    claimed = np.log(
        (spare[:, one] + NOTES_STABILITY) / (spare[:, other] + NOTES_STABILITY)
    )
    above = np.log(error[:, other] / error[:, one]) - claimed
    means = above.mean(axis=1)
    low, high = jackknife_interval(np.array(means[0]), means[1:])
    return judge(
        ABOVE,
        float(means[0]),
        (float(low), float(high)),
        len(means) - 1,
        f"{np.mean(above[0] < 0):.0%} of {above.shape[1]} pairs of languages are below "
        "the ratio that is claimed",
    )


def _states(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Relative errors and redundancies; the first row is of all texts.

    The others are without a block of texts, but for the variance, which is of all.
    """
    found = state_codes(evidence)
    if "missing" in found:
        raise ValueError(found["missing"])
    variance = np.array(found["variance"][-1])
    error, least = (
        np.array([found[name][-1], *found["left_out"][name]])
        for name in ("error", "least")
    )
    spare = 0.5 * np.log2(variance * 4.0 ** -found["bits"] / least)
    return error / variance, spare
