"""Claims about the notes' bound of errors by redundancy, and the steps of its proof."""

import math

import numpy as np

from jaxdisp.claims.ledger import redundancy_facts
from jaxdisp.claims.ledger.entry import Entry, Recomputed
from jaxdisp.claims.ledger.rate_distortion_claims import best_of_sixteen, uniform_of
from jaxdisp.claims.ledger.recorded import REPOSITORY, recorded
from jaxdisp.claims.theorems.redundancy import (
    NOTES_REDUNDANCY,
)
from jaxdisp.claims.theorems.redundancy_on_model import NOTES_STABILITY, notes_bound
from jaxdisp.quant import lloyd_max

BITS = 4
TYPED = REPOSITORY + "theory/redundancy_formalization.py"
TYPED_REDUNDANCY = np.array([4.2, 3.8, 3.9, 3.5, 2.1, 1.9, 1.4, 1.1])
TYPED_LOSS = np.array([0.08, 0.12, 0.10, 0.15, 0.28, 0.31, 0.38, 0.42])
TYPED_ALIGNMENT = np.array([1.0, 0.92, 0.94, 0.85, 0.52, 0.48, 0.35, 0.28])
"""Of eight languages, as typed in there."""


def inverse_ratio(high: float, low: float, stability: float) -> float:
    """Computes the ratio of errors that the notes predict from two redundancies.

    Definition: `(R_HR + delta) / (R_LR + delta)`.

    Args:
        high: redundancy of the language of high resources, in bits.
        low: that of the other.
        stability: delta.

    Reference: the research notes under test, formal proofs, corollary of theorem 1.
    """
    return (high + stability) / (low + stability)


def unit_bound(redundancy: float, bits: int = BITS) -> float:
    """Evaluates the notes' bound for a weight of variance 1.

    Args:
        redundancy: in bits.
        bits: word length.

    Reference: as `redundancy_on_model.notes_bound`.
    """
    one = np.ones(1)
    return float(notes_bound(one, redundancy * one, bits * one)[0])


def _constant(bits: int) -> float:
    """The notes' C_b of a weight of variance 1."""
    return unit_bound(1.0 - NOTES_STABILITY, bits)


def _below_shannon() -> Recomputed:
    bound, constant = unit_bound(NOTES_REDUNDANCY[0]), _constant(BITS)
    shannon = lloyd_max.gaussian_distortion(float(BITS))
    values = {
        "bound": bound,
        "Shannon": shannon,
        "R + delta, 16 equal steps": constant / uniform_of(BITS),
        "R + delta, best 16 levels": constant / best_of_sixteen(),
        "R + delta, any code": constant / shannon,
    }
    verdict = "fails" if bound < shannon else "holds"
    return Recomputed(values=values, verdict=verdict)


def _granular() -> Recomputed:
    step = 6.0 / 2**BITS  # from -3 to 3 standard deviations
    values = {"C_4": _constant(BITS), "step^2 / 12": step**2 / 12}
    same = math.isclose(values["C_4"], values["step^2 / 12"], rel_tol=1e-12)
    return Recomputed(values=values, verdict="holds" if same else "fails")


def _taylor() -> Recomputed:
    constant, redundancy = _constant(BITS), 1.0
    identity = 1 / (1 + redundancy / BITS) - BITS / (BITS + redundancy)
    # b / (b + R) <= C_b / (R + delta) with delta = b is b <= C_b
    values = {
        "left": float(BITS),
        "right": constant,
        "left over right": BITS / constant,
        "first step, difference": identity,
    }
    verdict = "holds" if constant >= BITS else "fails"
    return Recomputed(values=values, verdict=verdict)


def _stability() -> Recomputed:
    proved = inverse_ratio(*NOTES_REDUNDANCY, stability=float(BITS))
    used = inverse_ratio(*NOTES_REDUNDANCY, stability=NOTES_STABILITY)
    same = math.isclose(proved, used, rel_tol=0.01)
    return Recomputed(
        values={"delta = 4": proved, "delta = 0.1": used},
        verdict="holds" if same else "fails",
    )


def _predicted() -> Recomputed:
    high = float(TYPED_REDUNDANCY[TYPED_ALIGNMENT > 0.8].mean())
    low = float(TYPED_REDUNDANCY[TYPED_ALIGNMENT < 0.5].mean())
    values = {
        "formal proofs": inverse_ratio(*NOTES_REDUNDANCY, stability=NOTES_STABILITY),
        "code": inverse_ratio(high, low, NOTES_STABILITY),
    }
    # two sets of typed inputs give two predictions
    same = math.isclose(*values.values(), rel_tol=0.01)
    return Recomputed(values=values, verdict="holds" if same else "not applicable")


def _some_constant() -> Recomputed:
    # an error that grows with redundancy, against all that is meant
    redundancy = np.array([0.5, 1.5, 2.5, 3.8])
    error = redundancy**2
    constant = float(np.max(error * (redundancy + NOTES_STABILITY)))
    room = constant / (redundancy + NOTES_STABILITY) - error
    least = max(0.0, -float(np.min(room)))
    return Recomputed(
        values={"C": constant, "violation": least},
        verdict="holds" if least < 1e-9 * constant else "fails",
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        id="B3",
        statement="E|Q_b(w) - w|^2 <= C_b / (R + delta), given the language.",
        source="formal proofs, theorem 1",
        correct="The left side does not depend on the language, and the bound holds "
        "only of R + delta <= C_b / error: 1.015 for 16 equal steps, 3 for any code; "
        "with the notes' R = 3.8 it is below what Shannon allows any code of 4 bits.",
        check="the bound of a Gaussian weight of variance 1, against rate-distortion "
        "theory, Lloyd's algorithm and equal steps",
        verdict="fails",
        ground="counterexample",
        values=recorded(
            {
                "bound": (0.00300, 1e-5),
                "Shannon": (0.00391, 5e-6),
                "R + delta, 16 equal steps": (1.015, 5e-4),
                "R + delta, best 16 levels": (1.233, 5e-4),
                "R + delta, any code": (3.0, 1e-12),
            }
        ),
        recompute=_below_shannon,
        on_model=redundancy_facts.bound_left,
    ),
    Entry(
        id="B4",
        statement="C_b = 3 sigma^2 2^(-2b).",
        source="formal proofs, theorem 1",
        correct="As arithmetic this is right, being the noise of rounding with 2^b "
        "steps from -3 to 3 sigma; there is no redundancy in it, and no clipping.",
        check="step^2 / 12",
        verdict="holds",
        ground="arithmetic",
        values=recorded({"C_4": (0.01172, 5e-6), "step^2 / 12": (0.01172, 5e-6)}),
        recompute=_granular,
        no_data="it is a definition; B3 compares the error of rounding with it",
    ),
    Entry(
        id="B5",
        statement="By Taylor's formula for small R, 1 / (1 + R / b) is about b / (b + "
        "R), which is at most C_b / (R + delta) with delta = b.",
        source="formal proofs, theorem 1, step 4",
        correct="The first step is an identity, of all R; the second says that b <= "
        "C_b, 4 <= 0.0117 at 4 bits, which is wrong by a factor of 341.",
        check="both sides at 4 bits",
        verdict="fails",
        ground="arithmetic",
        values=recorded(
            {
                "left": (4.0, 0.0),
                "right": (0.0117, 5e-5),
                "left over right": (341.0, 0.5),
                "first step, difference": (0.0, 1e-12),
            }
        ),
        recompute=_taylor,
        no_data="it is a step of a proof",
    ),
    Entry(
        id="B6",
        statement="delta is the same in the proof of theorem 1 and in its validation.",
        source="formal proofs, theorem 1, step 4 and validation",
        correct="The proof takes delta = b, the validation delta = 0.1; the predicted "
        "ratio is 1.418 with the one and 2.4375 with the other.",
        check="the corollary's ratio with either",
        verdict="fails",
        ground="contradiction",
        values=recorded({"delta = 4": (1.418, 5e-4), "delta = 0.1": (2.4375, 5e-5)}),
        recompute=_stability,
        no_data="the two numbers contradict each other whatever a model does",
    ),
    Entry(
        id="B7",
        statement="The theory predicts a ratio of 2.4 between languages.",
        source=f"formal proofs, theorem 1, validation; {TYPED}",
        correct="3.9 / 1.6 = 2.4375 is right as arithmetic, but both redundancies were "
        "typed in, and the repository's own code prints 2.52 from others.",
        check="the corollary's ratio of both sets of typed redundancies",
        verdict="not applicable",
        ground="construction",
        values=recorded({"formal proofs": (2.4375, 5e-5), "code": (2.52, 5e-3)}),
        recompute=_predicted,
        on_model=redundancy_facts.predicted_ratio,
    ),
    Entry(
        id="B12",
        statement="There is a C with error <= C / (R + delta).",
        source="theory development, theorem 1, claim",
        correct="True and empty: C = max error (R + delta) will do whatever the errors "
        "are, also where they grow with R; a bound must name its constant.",
        check="errors that grow with the square of R satisfy it",
        verdict="holds",
        ground="arithmetic",
        values=recorded({"C": (56.316, 5e-4), "violation": (0.0, 1e-9)}),
        recompute=_some_constant,
        no_data="every model satisfies it, whatever its languages lose",
    ),
)
"""Of section B, the bound."""
