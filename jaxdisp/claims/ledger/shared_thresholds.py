"""Claims about one clipping threshold for many languages, and what it costs them."""

import numpy as np

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding, judge
from jaxdisp.claims.ledger import felt_facts, weight_facts
from jaxdisp.claims.ledger import law_numbers as numbers
from jaxdisp.claims.ledger.entry import Entry, Recomputed
from jaxdisp.claims.ledger.gaussian_thresholds import CHEAP
from jaxdisp.claims.ledger.kurtosis_thresholds import EXPONENT, FREEDOM
from jaxdisp.claims.ledger.law_numbers import GAUSSIAN, LAPLACE
from jaxdisp.claims.ledger.recorded import recorded
from jaxdisp.claims.theorems import clipping_on_model
from jaxdisp.stats.model_choice import straight_line

DISTANCES = (0.4, 0.1, 0.01)
"""How far off the best threshold, in standard deviations."""

LEAST_EFFECTIVE, MOST_EFFECTIVE = 28.3, 32.9
"""The notes' effective kurtoses, of Hindi and English in BLOOM (see A14)."""

OBSERVED = 5.0
"""Disparity that the notes explain: a low-resource language loses 5 times as much."""

DENSITIES = (1.0, 0.5, 0.25, 0.1)
OVER_LAYERS = "additive-noise objective of every matrix and language; jackknife over "
LANGUAGE_SPREAD = (
    "additive-noise objective of every matrix and language; the interval holds 95 %"
)

A15 = Claim(
    id="A15",
    statement="The disparity by a threshold that is not a language's own is "
    "proportional to |kurtosis ratio - 1|.",
    source="theory development, theorem LA-ACIQ; formal proofs, corollary of theorem 2",
    unit="share of the variation of ln regret that proportionality explains",
    method=OVER_LAYERS + "layers",
    support=0.9,
    least=0.9,
)
"""Nothing is sampled here, so that what is proportional leaves little unexplained."""

A16 = Claim(
    id="A16",
    statement="One threshold for all languages is what causes the disparity.",
    source="deep foundations, LA-ACIQ",
    unit="share of the languages' variation in ln error that is regret",
    method=OVER_LAYERS + "layers; one threshold that knows no language",
    support=0.5,
    least=0.5,
)

A17 = Claim(
    id="A17",
    statement="A language's best threshold minimises the error of rounding weights "
    "times its activations.",
    source="formal proofs, LA-ACIQ algorithm",
    unit="objective at that threshold over its least, less 1",
    method=LANGUAGE_SPREAD + " of matrices and languages",
)


def _recompute_a15() -> Recomputed:
    c = numbers.noise_constant()
    at = numbers.noise_threshold(LAPLACE, c)
    least = numbers.noise(at, LAPLACE, c)
    ratios = {
        off: (numbers.noise(at + off, LAPLACE, c) - least) / off**2 for off in DISTANCES
    }
    bounds = [
        numbers.tail(at + DISTANCES[0], LAPLACE) + c,
        numbers.tail(at, LAPLACE) + c,
    ]
    near, nearer = DISTANCES[1:]
    power = 2 + np.log(ratios[near] / ratios[nearer]) / np.log(near / nearer)
    values = {f"regret over squared distance {off:g}": x for off, x in ratios.items()}
    values |= {
        "lower bound at 0.4": bounds[0],
        "upper bound": bounds[1],
        "power of the distance": float(power),
    }
    proportional = abs(power - 1) < abs(power - 2)
    return Recomputed(values=values, verdict="holds" if proportional else "fails")


def _recompute_a16() -> Recomputed:
    c = numbers.noise_constant()
    values = {}
    for family in (FREEDOM, EXPONENT):
        light, heavy = (
            numbers.with_kurtosis(family, at)
            for at in (LEAST_EFFECTIVE, MOST_EFFECTIVE)
        )
        shared = numbers.noise_threshold(light, c)
        own = numbers.noise_threshold(heavy, c)
        lost = numbers.noise(shared, heavy, c) / numbers.noise(own, heavy, c) - 1
        values[f"regret, {family}"] = lost
    values |= {
        "notes' threshold at 28.3": numbers.formula(LEAST_EFFECTIVE),
        "notes' threshold at 32.9": numbers.formula(MOST_EFFECTIVE),
    }
    high, low = (numbers.noise_threshold(law, c) for law in (GAUSSIAN, LAPLACE))
    least = numbers.noise(high, GAUSSIAN, c)
    values |= {
        "kurtosis 0 and 3, shared": numbers.noise(high, LAPLACE, c) / least,
        "kurtosis 0 and 3, own": numbers.noise(low, LAPLACE, c) / least,
    }
    most = 1 + max(values[f"regret, {family}"] for family in (FREEDOM, EXPONENT))
    return Recomputed(values=values, verdict="holds" if most >= OBSERVED else "fails")


def _recompute_a17() -> Recomputed:
    c = numbers.noise_constant()
    values, costs = {}, []
    for density in DENSITIES:
        # a share of the products are weights, the others 0: only they are clipped
        notes = numbers.noise_threshold(GAUSSIAN, c / density)
        # the error is felt with the same weight on average wherever it occurs
        best = numbers.noise_threshold(GAUSSIAN, c)
        cost = numbers.noise(notes, GAUSSIAN, c) / numbers.noise(best, GAUSSIAN, c) - 1
        costs.append(cost)
        values |= {
            f"best, density {density:g}": best,
            f"notes, density {density:g}": notes,
            f"cost, density {density:g}": cost,
        }
    right = max(costs) < CHEAP
    return Recomputed(values=values, verdict="holds" if right else "fails")


def regrets(evidence: Evidence) -> dict[str, np.ndarray]:
    """Reads what shared thresholds cost each language, by matrix and language.

    Args:
        evidence: of one model.

    Returns:
        `layer` of each matrix; `intrinsic`, the least objective over the output's
        energy; the regrets `blind` and `average`.

    Raises:
        ValueError: if no matrix is rounded.

    Reference: as `clipping_on_model.regrets`.
    """
    found = clipping_on_model.regrets(evidence)
    if "layer" not in found:
        raise ValueError(weight_facts.NO_MATRICES)
    return {
        "layer": np.array(found["layer"]),
        "intrinsic": np.array(found["intrinsic"]),
        "blind": np.array(found["blind"]["regret"]),
        "average": np.array(found["average"]["regret"]),
    }


def _judge_a15(evidence: Evidence) -> Finding:
    found, felt = regrets(evidence), felt_facts.kurtoses(evidence)
    raw = np.array(felt["weights_by_matrix"])[:, None] + 3
    apart = np.abs((np.array(felt["tilted_by_matrix"]) + 3) / raw - 1)
    usable = (apart > 0) & (found["blind"] > 0)
    x, y = (
        np.log(np.where(usable, apart, 1)),
        np.log(np.where(usable, found["blind"], 1)),
    )

    def explained(kept: np.ndarray) -> float:
        here = usable[kept]
        left = y[kept][here] - x[kept][here]
        return 1 - float(np.var(left) / np.var(y[kept][here]))

    share, interval, n = weight_facts.over_layers(found["layer"].tolist(), explained)
    rise = float(straight_line(x[usable], y[usable]).slope)
    return judge(
        A15,
        share,
        interval,
        n,
        f"regret of a threshold that knows no language, against raw kurtosis as felt "
        f"over that of the weights; least squares has the power {rise:.2f}",
    )


def _share_of_regret(intrinsic: np.ndarray, regret: np.ndarray) -> float:
    """How much of the languages' variation in ln error goes with regret."""
    lost = np.log1p(regret)
    total = np.log(intrinsic) + lost
    total = total - total.mean(axis=1, keepdims=True)
    lost = lost - lost.mean(axis=1, keepdims=True)
    spread = float(np.sum(total * total))
    return float(np.sum(total * lost)) / spread if spread > 0 else 0.0


def _judge_a16(evidence: Evidence) -> Finding:
    found = regrets(evidence)
    if found["intrinsic"].shape[1] < 2:
        raise ValueError("needs at least 2 languages to differ, got 1")

    def share(kept: np.ndarray) -> float:
        return _share_of_regret(found["intrinsic"][kept], found["blind"][kept])

    estimate, interval, n = weight_facts.over_layers(found["layer"].tolist(), share)
    average = _share_of_regret(found["intrinsic"], found["average"])
    return judge(
        A16,
        estimate,
        interval,
        n,
        f"the rest would remain if every language had thresholds of its own; with the "
        f"best threshold for the mean language the share is {average:.2f}",
    )


def _judge_a17(evidence: Evidence) -> Finding:
    found = felt_facts.product_thresholds(evidence)
    peak = float(np.median(found["unit_peak"]))
    return weight_facts.spread(
        A17,
        np.ravel(found["unit_power"]),
        (-CHEAP, CHEAP),
        "activations scaled to a mean square of 1; scaled to a largest of 1, as the "
        f"notes have them, the median is {peak:.2g}",
    )


ENTRIES = (
    Entry(
        id=A15.id,
        statement=A15.statement,
        source=A15.source,
        correct="The regret is quadratic in how far the threshold is off, between "
        "(P + c) times the squared distance with P = Pr(|X| > a) at the larger and at "
        "the smaller of the two thresholds; the notes' own step 5 says so.",
        check="the Laplace law at distances of 0.4, 0.1 and 0.01 from its best "
        "threshold, between the bounds",
        verdict="fails",
        ground="counterexample",
        values=recorded(
            {
                "regret over squared distance 0.4": (0.00677, 5e-6),
                "regret over squared distance 0.1": (0.00755, 5e-6),
                "regret over squared distance 0.01": (0.00782, 5e-6),
                "lower bound at 0.4": (0.005021, 5e-7),
                "upper bound": (0.00785, 5e-6),
                "power of the distance": (1.98, 5e-3),
            }
        ),
        recompute=_recompute_a15,
        on_model=_judge_a15,
    ),
    Entry(
        id=A16.id,
        statement=A16.statement,
        source=A16.source,
        correct="With the notes' own range of effective kurtosis the regret is 4e-5 "
        "(Student) to 1.6e-3 (generalised Gaussian) of the error, not a factor of 5; "
        "even between kurtosis 0 and 3 a ratio of 2.19 of 3.37 remains if each has "
        "its own threshold.",
        check="additive-noise objective at 4 bits, at shared and at own thresholds",
        verdict="fails",
        ground="arithmetic",
        values=recorded(
            {
                "regret, student_t": (4.1e-5, 5e-7),
                "regret, generalised_gaussian": (1.53e-3, 5e-6),
                "notes' threshold at 28.3": (3.513, 5e-4),
                "notes' threshold at 32.9": (3.557, 5e-4),
                "kurtosis 0 and 3, shared": (3.37, 5e-3),
                "kurtosis 0 and 3, own": (2.19, 5e-3),
            }
        ),
        recompute=_recompute_a16,
        on_model=_judge_a16,
    ),
    Entry(
        id=A17.id,
        statement=A17.statement,
        source=A17.source,
        correct="The output's error weighs the squared error of every weight by the "
        "squared activation; it is not the error of rounding the product. With a "
        "random share of the activations at 1 and the others at 0 the best threshold "
        "stays at 2.56, and the algorithm gives 1.86 for a share of 0.1.",
        check="Gaussian weights under the additive-noise objective; the product is a "
        "mixture with 0",
        verdict="fails",
        ground="counterexample",
        values=recorded(
            {
                "best, density 1": (2.559, 5e-4),
                "notes, density 1": (2.559, 5e-4),
                "cost, density 1": (0.0, 1e-9),
                "best, density 0.5": (2.559, 5e-4),
                "notes, density 0.5": (2.36, 5e-3),
                "cost, density 0.5": (0.054, 5e-4),
                "best, density 0.25": (2.559, 5e-4),
                "notes, density 0.25": (2.15, 5e-3),
                "cost, density 0.25": (0.272, 5e-4),
                "best, density 0.1": (2.559, 5e-4),
                "notes, density 0.1": (1.86, 5e-3),
                "cost, density 0.1": (1.061, 5e-4),
            }
        ),
        recompute=_recompute_a17,
        on_model=_judge_a17,
    ),
)
"""Entries A15 to A17."""
