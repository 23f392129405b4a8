"""Claims about grids and the errors they make: their steps, noise and convexity."""

import numpy as np

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding
from jaxdisp.claims.ledger import law_numbers as numbers
from jaxdisp.claims.ledger import weight_facts
from jaxdisp.claims.ledger.entry import Entry, Recomputed
from jaxdisp.claims.ledger.gaussian_thresholds import CHEAP, SPREAD
from jaxdisp.claims.ledger.law_numbers import GAUSSIAN
from jaxdisp.claims.ledger.recorded import recorded
from jaxdisp.quant.additive_noise import Step
from jaxdisp.quant.expected_error import LawGrid

TOP = 7
"""The top level of 15, in steps."""

A5 = Claim(
    id="A5",
    statement="INT4 has the step 2 a / 2^B (formal proofs), 2 a / (2^B - 1) (deep "
    "foundations), and a / 7 (the experiments' code).",
    source="formal proofs, theorem 1; deep foundations, section 1.1; quant-disparity "
    "repository: lib/laaciq.py",
    unit="error with a / 7 over that with 2 a / 2^B, less 1",
    method=SPREAD + "; nothing clipped",
)

A6 = Claim(
    id="A6",
    statement="The mean squared error is the clipping error plus step^2 / 12.",
    source="deep foundations, section 1.1",
    unit="exact error over clipping error plus step^2 / 12, less 1",
    method=SPREAD + "; at the threshold with the least of the latter",
)

A7 = Claim(
    id="A7",
    statement="The mean squared error of a quantizer is convex in the threshold.",
    source="deep foundations, section 3.3",
    unit="rise of the error above its own chord, over the mean square",
    method=SPREAD + "; at 48 thresholds up to 15 times the largest weight",
)


def _recompute_a5() -> Recomputed:
    counts: dict[Step, int] = {"cells": 2**4, "levels": 2**4 - 1, "symmetric": 2**4 - 2}
    steps = {
        name: float(np.sqrt(12 * numbers.noise_constant(step=name))) for name in counts
    }
    # the repository divides by a step of 2 a / 15 and rounds: +- 7.5 goes to +- 8
    ends = np.round(np.array([-1.0, 1.0]) / steps["levels"])
    values = {f"step over a, {name}": step for name, step in steps.items()}
    values |= {
        "levels of the repository's rounding": float(ends[1] - ends[0] + 1),
        "its outer level over a": float(ends[1] * steps["levels"]),
    }
    same = max(steps.values()) / min(steps.values()) - 1 < CHEAP
    return Recomputed(values=values, verdict="holds" if same else "fails")


def _recompute_a6() -> Recomputed:
    steps: tuple[tuple[Step, LawGrid], ...] = (
        ("cells", "midrise"),
        ("levels", "midrise"),
        ("symmetric", "symmetric"),
    )
    values = {}
    for step, grid in steps:
        c = numbers.noise_constant(step=step)
        least = numbers.noise(numbers.noise_threshold(GAUSSIAN, c), GAUSSIAN, c)
        exact = numbers.best(GAUSSIAN, grid).error
        values |= {f"least J, {step}": least, f"J over exact, {step}": least / exact}
    heavy = numbers.Law("generalised_gaussian", 0.2)
    values |= {
        "threshold by J, exponent 0.2": numbers.noise_threshold(
            heavy, numbers.noise_constant()
        ),
        "exact threshold, exponent 0.2": numbers.best(heavy).threshold,
    }
    good = abs(values["J over exact, symmetric"] - 1) < 2 * CHEAP
    apart = (
        values["exact threshold, exponent 0.2"]
        > 2 * (values["threshold by J, exponent 0.2"])
    )
    if good and apart:
        return Recomputed(values=values, verdict="inconclusive")
    return Recomputed(values=values, verdict="holds" if good else "fails")


def _rises_over(points: list[float], values: list[float]) -> float:
    """How far a curve at the middle of three points is above the outer two's chord."""
    (a, b, c), (u, v, w) = points, values
    return v - (u + (b - a) / (c - a) * (w - u))


def _signs_error(threshold: float) -> float:
    """Exact error of weights that are +1 or -1, on 15 levels."""
    step = threshold / TOP
    return float((1.0 - step * np.clip(np.round(1.0 / step), -TOP, TOP)) ** 2)


def _counted_noise(threshold: float, c: float) -> float:
    """J of two sizes at 2 bits, with noise counted only for what is not clipped."""
    sizes, shares = np.array([0.2, 1.0]), np.array([0.97, 0.03])
    clipped = np.sum(shares * np.maximum(sizes - threshold, 0.0) ** 2)
    kept = np.sum(shares[sizes <= threshold])
    return float(clipped + c * threshold**2 * kept)


def _recompute_a7() -> Recomputed:
    bend = [(at, float(numbers.curve(at, GAUSSIAN).curvature)) for at in (16.3, 16.4)]
    turn = np.interp(0.0, [-bend[0][1], -bend[1][1]], [bend[0][0], bend[1][0]])
    chord = [10.0, 20.0, 40.0]
    rise = _rises_over(chord, [numbers.error(at, GAUSSIAN) for at in chord])
    zeros = sum(_signs_error(TOP / level) < 1e-12 for level in range(1, TOP + 1))
    away = [_signs_error(TOP / (level + 0.5)) for level in range(1, TOP)]
    coarse = numbers.noise_constant(2)
    places = np.linspace(0.3, 0.9, 1201)
    second = places[np.argmin([_counted_noise(at, coarse) for at in places])]
    first = 0.2  # where the many weights stop being clipped, and their noise begins
    c = numbers.noise_constant()
    values = {
        "Gaussian: concave from": float(turn),
        "Gaussian: rise over the chord from 10 to 40": rise,
        "weights of +1 and -1: minima of value 0": float(zeros),
        "and the least error between them": min(away),
        "J of the Gaussian: least curvature": 2 * c,
        "repository's J: second minimum": float(second),
        "repository's J: jump at 0.2": _counted_noise(first, coarse)
        - _counted_noise(first - 1e-9, coarse),
    }
    convex = rise <= 0 and zeros == 1
    return Recomputed(values=values, verdict="holds" if convex else "fails")


def _judge_a5(evidence: Evidence) -> Finding:
    facts = weight_facts.matrices(evidence)
    quantizer = evidence.subject.quantizer
    return weight_facts.spread(
        A5,
        facts["grids_apart"],
        (-CHEAP, CHEAP),
        f"the run's own grid is {quantizer.grid} with {quantizer.bits} bits, of which "
        f"a group uses {max(facts['levels'])} levels at most; within 1 % counts as the "
        "same quantizer",
    )


def _judge_a6(evidence: Evidence) -> Finding:
    facts = weight_facts.matrices(evidence)
    ratio = np.array(facts["noise_error"]) / np.array(facts["noise_value"])
    return weight_facts.spread(
        A6,
        ratio - 1.0,
        (-2 * CHEAP, 2 * CHEAP),
        f"at most {100 * np.max(np.abs(ratio - 1)):.2g} % apart; within 2 % counts as "
        "equal",
    )


def _judge_a7(evidence: Evidence) -> Finding:
    facts = weight_facts.matrices(evidence)
    minima = facts["minima"]
    return weight_facts.spread(
        A7,
        facts["bulge"],
        (-np.inf, 1e-6),
        f"{_counted(min(minima), max(minima))} in the range that was looked at",
    )


def _counted(least: int, most: int) -> str:
    if least == most == 1:
        return "one minimum"
    return f"{least} to {most} minima"


ENTRIES = (
    Entry(
        id=A5.id,
        statement=A5.statement,
        source=A5.source,
        correct="These are three quantizers, whose errors differ by up to 31 %, and "
        "the repository's rounding with the second step has 17 levels, which 4 bits "
        "do not hold; one has to be chosen and named.",
        check="the steps side by side; counting the levels of round(clip(x) / step)",
        verdict="fails",
        ground="contradiction",
        values=recorded(
            {
                "step over a, cells": (0.125, 1e-9),
                "step over a, levels": (0.13333, 5e-6),
                "step over a, symmetric": (0.142857, 5e-7),
                "levels of the repository's rounding": (17.0, 0.0),
                "its outer level over a": (1.067, 5e-4),
            }
        ),
        recompute=_recompute_a5,
        on_model=_judge_a5,
    ),
    Entry(
        id=A6.id,
        statement=A6.statement,
        source=A6.source,
        correct="That is an approximation for many levels and light tails: at the "
        "optimum of 4 bits and a Gaussian law it is within 1 % if the step is that of "
        "the grid, and for heavy tails its optimum is far from the true one.",
        check="closed partial moments of the laws; the exact error by its cells",
        verdict="inconclusive",
        ground="condition",
        values=recorded(
            {
                "least J, cells": (0.010493, 5e-7),
                "least J, levels": (0.011651, 5e-7),
                "least J, symmetric": (0.013024, 5e-7),
                "J over exact, cells": (0.909, 5e-4),
                "J over exact, levels": (1.009, 5e-4),
                "J over exact, symmetric": (1.010, 5e-4),
                "threshold by J, exponent 0.2": (8.8, 0.05),
                "exact threshold, exponent 0.2": (20.7, 0.05),
            }
        ),
        recompute=_recompute_a6,
        on_model=_judge_a6,
    ),
    Entry(
        id=A7.id,
        statement=A7.statement,
        source=A7.source,
        correct="The additive-noise objective J is convex for every law with a "
        "variance; the error itself is convex for none on a grid with a level at 0, as "
        "it is bounded by E X^2, which it tends to, and nor is the repository's "
        "variant that counts noise only for what is not clipped.",
        check="curvature in closed form; weights of +1 and -1 have an error of 0 at "
        "seven thresholds and more between them; the variant has two minima",
        verdict="fails",
        ground="counterexample",
        values=recorded(
            {
                "Gaussian: concave from": (16.33, 5e-3),
                "Gaussian: rise over the chord from 10 to 40": (0.16467, 5e-6),
                "weights of +1 and -1: minima of value 0": (7.0, 0.0),
                "and the least error between them": (0.005917, 5e-7),
                "J of the Gaussian: least curvature": (0.0026042, 5e-8),
                "repository's J: second minimum": (0.598, 5e-4),
                "repository's J: jump at 0.2": (0.00081, 5e-6),
            }
        ),
        recompute=_recompute_a7,
        on_model=_judge_a7,
    ),
)
"""Entries A5 to A7."""
