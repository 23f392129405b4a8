"""Claims about grids over the whole range of the data, where nothing is clipped."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding
from jaxdisp.claims.ledger import law_numbers as numbers
from jaxdisp.claims.ledger import weight_facts
from jaxdisp.claims.ledger.entry import Entry, Recomputed
from jaxdisp.claims.ledger.gaussian_thresholds import SPREAD
from jaxdisp.claims.ledger.law_numbers import GAUSSIAN
from jaxdisp.claims.ledger.recorded import recorded, taken_over
from jaxdisp.claims.relative_error import SCALES
from jaxdisp.quant import grids, relative_error

TOP = 7
"""The top level of 15, in steps."""

TYPED_VARIANCES = (
    0.039, 0.015, 0.008, 0.010, 0.011, 0.012, 0.013, 0.014, 0.016, 0.019, 0.022, 0.026
)  # fmt: skip
TYPED_PEAKS = (
    0.89, 0.67, 0.54, 0.58, 0.61, 0.63, 0.65, 0.68, 0.71, 0.76, 0.82, 0.91
)  # fmt: skip
"""Of 12 layers, as typed in quant-disparity:
experiments/phase-5-minimal/exp090_theory_relative_error.py."""

SUITE_CORRELATION = 0.9919566791823364
"""Of T-002 in quant-disparity:
theory-tracks/experiments/theory_validation_results.json."""

N_GAUSSIAN = 450_000
"""Weights in the example; the largest is then 4.73 standard deviations."""

A18 = Claim(
    id="A18",
    statement="The languages' losses come about because clipping is too aggressive for "
    "low-resource languages.",
    source="formal proofs, theorem 2, step 4",
    unit="share of weights that the run clips",
    method=SPREAD,
)

A21 = Claim(
    id="A21",
    statement="Weights with a high variance have less relative error.",
    source="theory gap, section 1; theory investigation, H1.2",
    unit="minus the elasticity to the variance",
    method="all matrices scaled by 0.01 and 30; jackknife over layers",
)


def _rounded(x: np.ndarray, threshold: float | None = None) -> np.ndarray:
    """Rounds to 15 levels in float64, over the range of the data if none is given."""
    with jax.enable_x64(True):
        values = jnp.asarray(x)
        limits = grids.extent(values)
        if threshold is not None:
            limits = grids.within(jnp.asarray(threshold))
        return np.asarray(grids.round_trip(values, limits, 4, grid="symmetric"))


def _recompute_a18() -> Recomputed:
    x = numbers.gaussian_points(4096)
    peak = float(np.max(np.abs(x)))
    largest = np.max(np.abs(_rounded(x) - x)) * TOP / peak
    clipped = float(np.mean(np.abs(x) > peak))
    values = {
        "share clipped by the range of the data": clipped,
        "largest error in steps": float(largest),
        "share of Gaussian weights beyond 2.83": numbers.tail(2.83, GAUSSIAN),
    }
    nothing = clipped == 0 and largest <= 0.5 + 1e-9
    return Recomputed(values=values, verdict="fails" if nothing else "inconclusive")


def _recompute_a21() -> Recomputed:
    x = numbers.gaussian_points(N_GAUSSIAN)
    errors = {}
    for scale in SCALES:
        with jax.enable_x64(True):
            of, rounded = jnp.asarray(scale * x), jnp.asarray(_rounded(scale * x))
            errors[scale] = float(relative_error.relative_error(of, rounded))
    crest = float(np.max(np.abs(x)) / np.sqrt(np.mean(x**2)))
    variances, peaks = np.array(TYPED_VARIANCES), np.array(TYPED_PEAKS)
    typed = np.corrcoef(variances, (peaks / TOP) ** 2 / 12 / variances)[0, 1]
    values = {f"relative error times {at:g}": found for at, found in errors.items()}
    values |= {
        "crest factor squared over 588": crest**2 / (12 * TOP**2),
        "correlation, typed statistics": float(typed),
        "correlation, validation suite": SUITE_CORRELATION,
    }
    slope = np.log(errors[SCALES[-1]] / errors[SCALES[0]])
    return Recomputed(values=values, verdict="holds" if slope < -1e-6 else "fails")


def _judge_a18(evidence: Evidence) -> Finding:
    facts = weight_facts.matrices(evidence)
    rule = evidence.subject.quantizer.clipping
    found = weight_facts.spread(
        A18, facts["clipped"], (1e-12, 1.0), f"ranges are by the rule {rule}"
    )
    if found.verdict == "fails":
        return dataclasses.replace(
            found, reason=f"{found.reason}; what is not clipped loses nothing by it"
        )
    return dataclasses.replace(
        found,
        verdict="inconclusive",
        reason=f"{found.reason}; that there is clipping does not say what it costs "
        "(A16 does)",
    )


ENTRIES = (
    Entry(
        id=A18.id,
        statement=A18.statement,
        source=A18.source,
        correct="The experiments lay the grid over the range of the data, so that no "
        "weight is clipped and no error exceeds half a step: clipping explains "
        "nothing in them.",
        check="range and rounding as in the repository's code (scale = max |w| / 7)",
        verdict="fails",
        ground="arithmetic",
        values=recorded(
            {
                "share clipped by the range of the data": (0.0, 0.0),
                "largest error in steps": (0.5, 5e-3),
                "share of Gaussian weights beyond 2.83": (0.00465, 5e-6),
            }
        ),
        recompute=_recompute_a18,
        on_model=_judge_a18,
    ),
    Entry(
        id=A21.id,
        statement=A21.statement,
        source=A21.source,
        correct="A grid over the range of the data makes the same relative error "
        "whatever the scale, about the squared crest factor over 588; the repository "
        "has the correlation with both signs, from typed statistics and from random "
        "matrices.",
        check="the same weights times 0.01, 1 and 30; the repository's typed "
        "statistics correlated anew",
        verdict="fails",
        ground="arithmetic",
        values=recorded(
            {
                "relative error times 0.01": (0.03804, 5e-5),
                "relative error times 1": (0.03804, 5e-5),
                "relative error times 30": (0.03804, 5e-5),
                "crest factor squared over 588": (0.03807, 5e-5),
                "correlation, typed statistics": (-0.904, 5e-4),
                "correlation, validation suite": (0.992, 5e-4),
            }
        ),
        recompute=_recompute_a21,
        on_model=taken_over("A21", "T-002d"),
        experiments=("T-002",),
    ),
)
"""Entries A18 and A21."""
