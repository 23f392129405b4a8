"""Claims about rates and distortions: what bits keep, and how losses fall with them."""

import functools as ft
import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxdisp.claims.ledger import rate_facts
from jaxdisp.claims.ledger.entry import Entry, Recomputed
from jaxdisp.claims.ledger.recorded import REPOSITORY, recorded, taken_over
from jaxdisp.quant import laws, lloyd_max
from jaxdisp.quant.attainable_ratio import least_ratio_at_any_quality
from jaxdisp.stats import model_choice

SUITE = REPOSITORY + "theory-tracks/experiments/theory_validation_suite.py"
SUITE_BITS = np.array([2.0, 3.0, 4.0, 6.0, 8.0])
SUITE_LOSSES = 0.5 * 2.0 ** (-0.5 * SUITE_BITS)
"""The line that the suite types in as simulated disparity, and then fits."""

PRECISION_STUDY = {2: 7.89, 4: 0.37, 8: 1.31}
"""Disparity by word length, as printed in experiments/phase-5-minimal/RECONCILIATION.md
(Exp-078)."""


@ft.cache
def _uniform(count: int, family: laws.Family = "gaussian") -> float:
    """Least error of so many equally spaced levels, over the variance."""
    with jax.enable_x64(True):
        return float(
            lloyd_max.best_uniform(count, jnp.asarray(2.0), family=family).error
        )


@ft.cache
def best_of_sixteen() -> float:
    """Computes the least error of any 16 levels for a Gaussian, over its variance.

    Reference: `quant.lloyd_max`.
    """
    with jax.enable_x64(True):
        found = lloyd_max.lloyd_max(16, jnp.asarray(2.0), family="gaussian")
        return float(found.error)


def uniform_of(bits: int) -> float:
    """Computes the least error of 2^bits equally spaced levels for a Gaussian.

    Args:
        bits: word length.

    Reference: `quant.lloyd_max`.
    """
    return _uniform(2**bits)


def _shannon() -> Recomputed:
    uniform, best = uniform_of(4), best_of_sixteen()
    shannon = lloyd_max.gaussian_distortion(4.0)
    values = {
        "16 equal steps": uniform,
        "16 equal steps, bits": lloyd_max.effective_bits(uniform),
        "best 16 levels": best,
        "best 16 levels, bits": lloyd_max.effective_bits(best),
        "Shannon": shannon,
    }
    verdict = "holds" if shannon < best < uniform else "fails"
    return Recomputed(values=values, verdict=verdict)


def _halved() -> Recomputed:
    values = {
        f"{rate:g} bits": lloyd_max.gaussian_distortion(rate / 2)
        / lloyd_max.gaussian_distortion(rate)
        for rate in (1.0, 4.0, 8.0)
    }
    doubled = all(1.5 <= ratio <= 3 for ratio in values.values())
    return Recomputed(values=values, verdict="holds" if doubled else "fails")


def _removed() -> Recomputed:
    kept = {
        "15 equal steps": lloyd_max.effective_bits(_uniform(15)),
        "best 16 levels": lloyd_max.effective_bits(best_of_sixteen()),
    }
    claimed = 32 - math.log2(2.0**32 / 2.0**4)
    false = all(bits < claimed - 0.1 for bits in kept.values())
    return Recomputed(
        values={**kept, "claimed": claimed}, verdict="fails" if false else "holds"
    )


def _capacity() -> Recomputed:
    most = math.log2(16)
    kept = lloyd_max.effective_bits(uniform_of(4))
    # true only as an upper bound, unless all of it is used
    return Recomputed(
        values={"at most": most, "16 equal steps": kept},
        verdict="inconclusive" if kept < most else "holds",
    )


def _slope() -> Recomputed:
    bits = (2, 3, 9, 10)
    logs = {b: math.log(uniform_of(b)) for b in bits}
    refit = model_choice.straight_line(SUITE_BITS, np.log(SUITE_LOSSES))
    values = {
        "law": -2 * math.log(2.0),
        "best steps, 2 to 3 bits": logs[3] - logs[2],
        "best steps, 9 to 10 bits": logs[10] - logs[9],
        "amplitude": -math.log(2.0),
        "typed line, refitted": float(refit.slope),
    }
    *right, notes = values.values()
    near = min(abs(notes / slope - 1) for slope in right) < 0.15
    return Recomputed(values=values, verdict="holds" if near else "fails")


def _ratio() -> Recomputed:
    ratios = {
        bits: math.log(_uniform(2**bits, "laplace") / uniform_of(bits))
        for bits in (2, 10)
    }
    printed = math.log(PRECISION_STUDY[8] / PRECISION_STUDY[4])
    values = {
        "ln ratio at 2 bits": ratios[2],
        "ln ratio at 10 bits": ratios[10],
        "ln of printed ratios, 8 over 4 bits": printed,
    }
    falls = ratios[10] < ratios[2] and printed < 0
    return Recomputed(values=values, verdict="holds" if falls else "fails")


def _spoilt() -> Recomputed:
    low, high = np.array([3.0, 1.0]), np.array([1.0, 2.0])
    noise = np.array([1.0, 4.0**6])  # six bits fewer in the second group
    values = {
        "equal bits": float(low.sum() / high.sum()),
        "six bits fewer": float(low @ noise / (high @ noise)),
        "limit": float(least_ratio_at_any_quality(low, high).ratio),
        "reference loses": float(high @ noise / high.sum()),
    }
    fewer_is_fairer = values["six bits fewer"] < values["equal bits"]
    return Recomputed(values=values, verdict="fails" if fewer_is_fairer else "holds")


def _trainable() -> Recomputed:
    exponent = 1.82
    return Recomputed(
        values={"deeper per bit": 2.0**exponent, "8 bits over 4": 16.0**exponent},
        verdict="not applicable",
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        id="B1",
        statement="At R bits the least distortion is D(R) = sigma^2 2^(-2R).",
        source="deep foundations, 2.1; formal proofs, theorem 1, step 1",
        correct="This holds of a Gaussian source, squared error and blocks without "
        "limit; 16 equal steps at 4 bits leave 0.0115, as 3.22 bits of such a code "
        "would, and the best 16 levels 0.0095, as 3.36 bits would.",
        check="closed-form partial moments of the Gaussian law, Lloyd's algorithm, "
        "Max's tables of 1960",
        verdict="holds",
        ground="theorem",
        values=recorded(
            {
                "16 equal steps": (0.01154, 5e-6),
                "16 equal steps, bits": (3.22, 5e-3),
                "best 16 levels": (0.00950, 5e-6),
                "best 16 levels, bits": (3.36, 5e-3),
                "Shannon": (0.00391, 5e-6),
            }
        ),
        recompute=_shannon,
        on_model=rate_facts.shannon,
    ),
    Entry(
        id="B2",
        statement="Halving R roughly doubles D.",
        source="deep foundations, 2.1",
        correct="D(R / 2) / D(R) = 2^R: halving 1 bit doubles D, halving 4 bits "
        "multiplies it by 16 and halving 8 by 256; it is half a bit less that doubles "
        "D.",
        check="the formula of B1 at both rates",
        verdict="fails",
        ground="arithmetic",
        values=recorded(
            {"1 bits": (2.0, 0.0), "4 bits": (16.0, 0.0), "8 bits": (256.0, 0.0)}
        ),
        recompute=_halved,
        on_model=rate_facts.halved,
    ),
    Entry(
        id="B13",
        statement="Quantization to b bits removes log2(2^32 / 2^b) bits.",
        source="theory development, theorem 1, proof sketch, step 1",
        correct="That is storage and not information: what is kept of a weight is half "
        "the binary logarithm of signal over noise, 3.14 to 3.36 bits of a Gaussian "
        "at 4 bits, and no weight had 32 to lose.",
        check="least error of 15 equal steps (the grid of the notes' code) and of any "
        "16 levels for a Gaussian",
        verdict="fails",
        ground="arithmetic",
        values=recorded(
            {
                "15 equal steps": (3.14, 5e-3),
                "best 16 levels": (3.36, 5e-3),
                "claimed": (4.0, 0.0),
            }
        ),
        recompute=_removed,
        on_model=rate_facts.removed,
    ),
    Entry(
        id="B14",
        statement="Quantization is a noisy channel with a capacity of about B bits.",
        source="deep foundations, 3.1",
        correct="B bits per weight are the most that it can carry; of a Gaussian, "
        "16 equal steps carry 3.22 of 4 bits.",
        check="as B1; the bound is the number of codes",
        verdict="inconclusive",
        ground="condition",
        values=recorded({"at most": (4.0, 0.0), "16 equal steps": (3.22, 5e-3)}),
        recompute=_capacity,
        on_model=rate_facts.capacity,
    ),
    Entry(
        id="B16",
        statement="Disparity falls with bits at a slope of -ln 2 / 2 per bit, with "
        "R^2 = 1.",
        source=f"theory investigation, T-010; {SUITE}",
        correct="The power of rounding noise falls by -2 ln 2 = -1.386 per bit at a "
        "fixed threshold and by -1.155 to -1.270 from 2 to 10 bits at the best one, "
        "its amplitude by half of that; -0.347 with R^2 = 1 is a typed line that was "
        "fitted again.",
        check="least errors of equal steps for a Gaussian at successive word lengths; "
        "least squares of the suite's five typed points",
        verdict="fails",
        ground="arithmetic",
        values=recorded(
            {
                "law": (-1.386, 5e-4),
                "best steps, 2 to 3 bits": (-1.155, 5e-4),
                "best steps, 9 to 10 bits": (-1.270, 5e-4),
                "amplitude": (-0.693, 5e-4),
                "typed line, refitted": (-0.347, 5e-4),
            }
        ),
        recompute=_slope,
        on_model=taken_over("B16", "T-010b"),
        experiments=("T-010",),
    ),
    Entry(
        id="B17",
        statement="Disparity is a 2^(-b bits) (1 - c protected share).",
        source="theory investigation, T-010",
        correct="While noise is small a difference of losses falls as 4^-bits and a "
        "ratio of losses stays as it is; 1 - c p holds of random "
        "protected layers only. For weights of two laws the ratio may rise: Laplace "
        "over Gaussian errors from e^0.50 at 2 to e^1.41 at 10 bits, and the notes' "
        "own disparities of 0.37 at 4 and 1.31 at 8 bits rise, too.",
        check="least errors of equal steps for both laws; the printed study of "
        "precision (Exp-078)",
        verdict="fails",
        ground="counterexample",
        values=recorded(
            {
                "ln ratio at 2 bits": (0.50, 5e-3),
                "ln ratio at 10 bits": (1.41, 5e-3),
                "ln of printed ratios, 8 over 4 bits": (1.264, 5e-4),
            }
        ),
        recompute=_ratio,
        on_model=rate_facts.falling_ratio,
        experiments=("T-010",),
    ),
    Entry(
        id="B18",
        statement="Disparity is at least some f(information, bits, languages).",
        source="theory gap, 4; theory investigation, H4.1",
        correct="Without a floor on quality no such bound exists: ever more noise in "
        "the group of weights where the languages are most alike takes the ratio to "
        "min g_l / g_h of the groups whatever the bits are; theorems 5.1 to 5.3 bound "
        "it where quality is kept.",
        check="two groups, of which one is given six bits fewer: the ratio falls from "
        "1.33 to 0.50, below what equal bits have, while the reference loses 2731 "
        "times as much",
        verdict="fails",
        ground="counterexample",
        values=recorded(
            {
                "equal bits": (1.3333, 5e-5),
                "six bits fewer": (0.5003, 5e-5),
                "limit": (0.5, 1e-12),
                "reference loses": (2731.0, 0.01),
            }
        ),
        recompute=_spoilt,
        on_model=rate_facts.spoilt,
    ),
    Entry(
        id="B19",
        statement="The largest trainable depth goes as N^1.82.",
        source="theory gap, 4, after Blumenfeld, Gilboa and Soudry 2019",
        correct="That is others' result on the depth to which random networks with N "
        "levels of activations can be trained; it says nothing of languages or of "
        "rounding trained weights, and is not used.",
        check="only its arithmetic: 3.53 times as deep per bit, 155 times from 4 to 8 "
        "bits",
        verdict="not applicable",
        ground="cited",
        values=recorded(
            {"deeper per bit": (3.53, 5e-3), "8 bits over 4": (155.4, 0.05)}
        ),
        recompute=_trainable,
        no_data="it is about networks at random before training, of which a trained "
        "model says nothing",
    ),
)
"""Of section B, what is about rates, bits and distortion."""
