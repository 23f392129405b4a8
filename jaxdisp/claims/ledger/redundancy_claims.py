"""Claims about redundancy: what it is, and what errors and ratios have of it."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from jaxdisp.claims.ledger import redundancy_facts
from jaxdisp.claims.ledger.entry import Entry, Recomputed
from jaxdisp.claims.ledger.recorded import recorded, taken_over
from jaxdisp.claims.ledger.redundancy_bound import (
    BITS,
    TYPED_LOSS,
    TYPED_REDUNDANCY,
    inverse_ratio,
    unit_bound,
)
from jaxdisp.claims.theorems.redundancy import (
    NOTES_REDUNDANCY,
    least_error,
    readout_error,
)
from jaxdisp.claims.theorems.redundancy_on_model import NOTES_STABILITY

OBSERVED = 204.6 / 48.2
"""Ratio of degradations in the notes' summary, 4.24."""


def _lower_bound() -> Recomputed:
    high, low = (unit_bound(each) for each in NOTES_REDUNDANCY)
    error = high  # of both languages: below the one bound, at the other
    claimed = inverse_ratio(*NOTES_REDUNDANCY, stability=NOTES_STABILITY)
    zero = np.zeros(1)
    one, other = (
        float(readout_error(zero, np.array([each]))[0]) for each in NOTES_REDUNDANCY
    )
    values = {
        "ratio": error / error,
        "claimed at least": claimed,
        "averaging, at most": other / one,
    }
    allowed = error <= high and error <= low
    fails = allowed and values["ratio"] < claimed
    return Recomputed(values=values, verdict="fails" if fails else "holds")


def _discrepancy() -> Recomputed:
    bound = inverse_ratio(*NOTES_REDUNDANCY, stability=NOTES_STABILITY)
    contradicts = bound > OBSERVED
    return Recomputed(
        values={"observed": OBSERVED, "lower bound": bound},
        verdict="holds" if contradicts else "fails",
    )


def entropy(table: Sequence[tuple[int, ...]], places: Sequence[int]) -> float:
    """Computes the entropy in bits of some columns of equally likely rows.

    Definition: `-sum p log2 p` over the values that the columns take together.

    Args:
        table: equally likely rows.
        places: columns.

    Reference: Cover and Thomas 2006, equation 2.1.
    """
    counts: dict[tuple[int, ...], int] = {}
    for row in table:
        key = tuple(row[place] for place in places)
        counts[key] = counts.get(key, 0) + 1
    shares = [count / len(table) for count in counts.values()]
    return -sum(share * math.log2(share) for share in shares)


def _definitions() -> Recomputed:
    # one fair bit on three pathways, and an output that has nothing to do with it
    table = [(x, x, x, y) for x, y in itertools.product((0, 1), repeat=2)]
    paths, output = (0, 1, 2), (3,)
    both = entropy(table, (*paths, *output))
    shared = entropy(table, paths) + entropy(table, output) - both
    values = {
        "I(X; Y) - H(Y | X)": shared - (both - entropy(table, paths)),
        "H_max - H": len(paths) - entropy(table, paths),
        "information between pathways": entropy(table, (0,))
        + entropy(table, (1,))
        - entropy(table, (0, 1)),
        "pathways": float(len(paths)),
    }
    same = np.ptp(list(values.values())) == 0
    return Recomputed(values=values, verdict="holds" if same else "fails")


def _linear() -> Recomputed:
    high, low = (np.array([each]) for each in NOTES_REDUNDANCY)
    ratios = {
        f"rho = {rho:g}": float(
            (
                readout_error(np.array([rho]), low)
                / readout_error(np.array([rho]), high)
            )[0]
        )
        for rho in (0.0, 0.1, 0.5, 1.0)
    }
    typed = np.corrcoef(1 / (TYPED_REDUNDANCY + NOTES_STABILITY), TYPED_LOSS)[0, 1]
    by_redundancy = ratios["rho = 0"] == NOTES_REDUNDANCY[0] / NOTES_REDUNDANCY[1]
    always = by_redundancy and np.ptp(list(ratios.values())) == 0
    verdict = "holds" if always else "inconclusive" if by_redundancy else "fails"
    return Recomputed(values={**ratios, "typed r": float(typed)}, verdict=verdict)


def _rate() -> Recomputed:
    one = np.ones(1)
    high, low = (
        float(least_error(one, each * one, BITS * one)[0]) for each in NOTES_REDUNDANCY
    )
    claimed = inverse_ratio(*NOTES_REDUNDANCY, stability=NOTES_STABILITY)
    values = {"rate-distortion": low / high, "notes": claimed}
    same = math.isclose(low / high, claimed, rel_tol=0.1)
    return Recomputed(values=values, verdict="holds" if same else "fails")


ENTRIES: tuple[Entry, ...] = (
    Entry(
        id="B8",
        statement="For R_1 > R_2, error_2 / error_1 >= (R_1 + delta) / (R_2 + delta).",
        source="formal proofs, corollary of theorem 1",
        correct="Two upper bounds imply no lower bound on a ratio: equal errors "
        "satisfy both. Of a readout that averages errors the ratio is at most R_1 "
        "/ R_2, the opposite direction (theorem T1b).",
        check="equal errors under both bounds; the averaging readout at R = 3.8 and "
        "1.5",
        verdict="fails",
        ground="counterexample",
        values=recorded(
            {
                "ratio": (1.0, 0.0),
                "claimed at least": (2.4375, 5e-5),
                "averaging, at most": (2.53, 5e-3),
            }
        ),
        recompute=_lower_bound,
        on_model=redundancy_facts.ratio_above,
    ),
    Entry(
        id="B9",
        statement="The observed ratio of 4.24 against 2.4 is a discrepancy that other "
        "factors must explain.",
        source="formal proofs, theorem 1, validation",
        correct="The corollary claims a lower bound, which 4.24 >= 2.4375 satisfies; "
        "there is no discrepancy to explain.",
        check="both numbers",
        verdict="fails",
        ground="contradiction",
        values=recorded({"observed": (4.24, 5e-3), "lower bound": (2.4375, 5e-5)}),
        recompute=_discrepancy,
        no_data="it is about two numbers of the notes",
    ),
    Entry(
        id="B10",
        statement="Redundancy is one quantity: I(X; Y) - H(Y | X, context), H_max - H, "
        "information between pathways, the number of pathways.",
        source="formal proofs, theorem 1; theory development, theorem 1 and graph; "
        "deep foundations, 3.1",
        correct="They are different quantities; the first is no redundancy, being "
        "negative of an output that has nothing to do with the input, and cannot be "
        "estimated for text. Each estimator has a name of its own here.",
        check="all of them for one fair bit on three pathways, with an independent "
        "output",
        verdict="fails",
        ground="contradiction",
        values=recorded(
            {
                "I(X; Y) - H(Y | X)": (-1.0, 1e-12),
                "H_max - H": (2.0, 1e-12),
                "information between pathways": (1.0, 1e-12),
                "pathways": (3.0, 0.0),
            }
        ),
        recompute=_definitions,
        on_model=taken_over("B10", "redundancy-c"),
        experiments=("redundancy",),
    ),
    Entry(
        id="B11",
        statement="Error against 1 / R is a straight line, and the ratio between "
        "languages follows from R.",
        source="theory development, theorem 1, testable prediction",
        correct="An upper bound implies neither. Of a readout that averages errors the "
        "line has an intercept rho and the ratio follows from R only at rho = 0 "
        "(theorem T1b); the notes' r = 0.972 is between two typed columns.",
        check="the averaging readout at four correlations; the typed columns",
        verdict="inconclusive",
        ground="condition",
        values=recorded(
            {
                "rho = 0": (2.53, 5e-3),
                "rho = 0.1": (2.08, 5e-3),
                "rho = 0.5": (1.32, 5e-3),
                "rho = 1": (1.0, 1e-12),
                "typed r": (0.972, 5e-4),
            }
        ),
        recompute=_linear,
        on_model=taken_over("B11", "redundancy-b"),
        experiments=("redundancy",),
    ),
    Entry(
        id="B15",
        statement="The redundancy bound is a rate-distortion statement: lower R, "
        "higher distortion.",
        source="deep foundations, 2.1",
        correct="In rate-distortion theory R is the rate; redundancy enters as 4^-R "
        "and only through codes that exploit it (theorem T1a): R = 3.8 against 1.5 is "
        "a factor of 24.3, not 2.4.",
        check="Shannon's lower bound at both redundancies",
        verdict="fails",
        ground="theorem",
        values=recorded({"rate-distortion": (24.3, 0.05), "notes": (2.4375, 5e-5)}),
        recompute=_rate,
        on_model=taken_over("B15", "redundancy"),
        experiments=("redundancy",),
    ),
)
"""Of section B, what is about redundancy itself."""
