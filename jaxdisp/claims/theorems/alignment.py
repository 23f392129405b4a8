"""Whether languages that are closer to English lose less."""

import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jaxdisp.claims.theorems import alignment_on_model
from jaxdisp.claims.theorems import group_instances as drawn
from jaxdisp.claims.theorems.theorem import Check, Counterexample, Theorem, equal

INPUTS, OUTPUTS, TOKENS = 4, 3, 6

ROUNDING = 1e-11
"""Sums of a hundred terms of float64, whose differences lose two digits."""


def loss(
    change: Float[np.ndarray, "output input"],
    share: float,
    moments: tuple[Float[np.ndarray, "input input"], Float[np.ndarray, "input input"]],
) -> float:
    """Evaluates what a language that mixes two others loses by an error of weights.

    Definition: `tr(E (a S_en + (1 - a) S_other))` with `E = C' C`.

    Args:
        change: `C`, of the weights.
        share: `a`, how much of the language is as English is.
        moments: second moments of inputs, of English and of what is not English.

    Reference: our own definition.
    """
    mixed = share * moments[0] + (1 - share) * moments[1]
    return float(np.trace(change.T @ change @ mixed))


def _example() -> Counterexample:
    """Two inputs, one for English and one for the rest; three quantizers."""
    moments = np.diag([1.0, 0.0]), np.diag([0.0, 1.0])
    energies = {
        "the same everywhere": (0.05, 0.05),
        "small where English is": (0.1, 1.0),
        "large where English is": (1.1, 0.1),
    }
    values = {
        f"{name}, alignment {share:g}": loss(
            np.diag(np.sqrt(energy)), share, (moments[0], moments[1])
        )
        for name, energy in energies.items()
        for share in (0.0, 0.5, 1.0)
    }
    return Counterexample(
        text="English uses the first of two inputs, another language the second. If "
        "rounding errs more in the weights of the first, as where English has the "
        "outliers, a language that becomes as English is goes from a loss of 0.1 to "
        "0.6 and 1.1: it loses more, not less.",
        values=values,
    )


def _check(key: PRNGKeyArray, n: int) -> Check:
    """Compares losses over tokens with the slope by traces.

    Of every four instances one has errors only where English has nothing (there the
    loss falls to 0), one only where English has all, and one the same everywhere.
    """
    keys = drawn.keys(key, 4)
    english, other = (
        drawn.normal(each, (n, TOKENS, INPUTS)) * [2.0, 2.0, 0.3, 0.3][::turn]
        for each, turn in zip(keys[:2], (1, -1), strict=True)
    )
    change = drawn.normal(keys[2], (n, OUTPUTS, INPUTS))
    kind = (np.arange(n) % 4)[:, None, None]
    first = np.arange(INPUTS) < INPUTS // 2
    english = np.where((kind == 1) | (kind == 2), english * first, english)
    change = np.where(kind == 1, change * ~first, change)
    change = np.where(kind == 2, change * first, change)
    change = np.where(kind == 3, np.eye(OUTPUTS, INPUTS), change)
    low, high = np.sort(drawn.uniform(keys[3], (2, n)), axis=0)

    def lost(states: np.ndarray) -> np.ndarray:
        errors = np.einsum("noi,nti->nto", change, states)
        return (errors**2).sum(axis=2).mean(axis=1)

    def mixture(share: np.ndarray) -> np.ndarray:
        return share * lost(english) + (1 - share) * lost(other)

    inner = np.einsum("noi,noj->nij", change, change)
    moments_en, moments_other = (
        np.einsum("nti,ntj->nij", x, x) / TOKENS for x in (english, other)
    )
    slope = np.einsum("nij,nji->n", inner, moments_en - moments_other)
    return equal(mixture(high), mixture(low) + (high - low) * slope, ROUNDING)


THEOREMS: tuple[Theorem, ...] = (
    Theorem(
        id="T5",
        title="When alignment lowers what a language loses",
        claimed="If A_1 > A_2, then D_1 < D_2 under any uniform quantization.",
        source="theory development, proof sketch 3 (alignment-disparity monotonicity)",
        failed_step="Step 3, that quantization preserves what is optimal for English, "
        "is an assumption on the errors of the weights, and no uniform quantizer looks "
        "at English.",
        counterexample=_example,
        statement="If D = tr(E S), with E = C'C of the error C of the weights and S "
        "the second moment of a language's inputs, and S = a S_en + (1 - a) S_other, "
        "then D is affine in the alignment a with the slope tr(E (S_en - S_other)): it "
        "falls exactly if errors are smaller in the directions that English uses.",
        check=_check,
        on_model=alignment_on_model.judge_operator,
    ),
)
