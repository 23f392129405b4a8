"""Theorems on clipping one law: the best threshold, a wrong one, two, and moments.

With `G(a) = E(|X| - a)_+`, `P(a) = Pr(|X| > a)` and `J(a) = E(|X| - a)_+^2 + c a^2`.
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy import optimize

from jaxdisp.claims.theorems import clipping_findings, felt_laws
from jaxdisp.claims.theorems.felt_laws import Laws
from jaxdisp.claims.theorems.theorem import (
    Check,
    Counterexample,
    Theorem,
    compared,
    together,
)
from jaxdisp.quant import additive_noise, laws

ROUNDING = 1e-9
"""J is known to 1e-15 of itself; thresholds are at least 5 % apart, so that what is
compared is no less than 1e-6 of it."""

BITS = 4


def excess_bounds(
    at: Float[np.ndarray, " law"],
    best: Float[np.ndarray, " law"],
    high_bend: Float[np.ndarray, " law"],
    low_bend: Float[np.ndarray, " law"],
) -> tuple[Float[np.ndarray, " law"], Float[np.ndarray, " law"]]:
    """Bounds what a threshold costs that is not the best one.

    Definition: `(P(max) + c) (a - a*)^2` and `(P(min) + c) (a - a*)^2`, `max` and `min`
    of a and a*.

    Args:
        at: threshold a.
        best: threshold a* that minimises J.
        high_bend: `P + c` at the larger of the two.
        low_bend: the same at the smaller.

    Returns:
        Lower and upper bound of `J(a) - J(a*)`.

    Reference: our own derivation (theorem T2a of docs/theory.md).
    """
    square = (at - best) ** 2
    return high_bend * square, low_bend * square


def moment_bounds(
    law: Laws,
) -> tuple[Float[np.ndarray, " law"], Float[np.ndarray, " law"]]:
    """Bounds the best threshold by moments.

    Definition: `E|X| / (1 + c)` from below, and from above the least of `sigma /
    (2 sqrt c)` and `sigma (27 K / (256 c))^(1/4)`, sigma^2 the mean square and K the
    mean fourth power over its square.

    Args:
        law: any.

    Reference: our own derivation (theorem T2c of docs/theory.md).
    """
    mean, square, fourth = (
        np.sum(law.share * law.size**order, axis=1) for order in (1, 2, 4)
    )
    ceiling = np.minimum(
        np.sqrt(square / (4 * law.c)), (27 * fourth / (256 * law.c)) ** 0.25
    )
    return mean / (1 + law.c), ceiling


def threshold(family: laws.Family, excess: float, c: float) -> float:
    """Finds the best threshold of a law of given kurtosis, in standard deviations.

    Args:
        family: which laws.
        excess: excess kurtosis.
        c: constant of the noise.

    Reference: as `additive_noise.law_threshold`.
    """
    with jax.enable_x64(True):
        shape = laws.shape_of(jnp.asarray(excess), family=family)
        found = additive_noise.law_threshold(shape, jnp.asarray(c), family=family)
        return float(found)


def one_value(kurtosis: float, c: float) -> float:
    """Finds the best threshold of a law of 0 and two opposite values, and variance 1.

    Definition: with K the raw kurtosis the values are `+-sqrt K`, of probability 1 / K
    together, so that `a* = sqrt(K) / (1 + c K)`.

    Args:
        kurtosis: K, at least 1.
        c: constant of the noise.

    Reference: our own derivation, from `c a = G(a)`.
    """
    return math.sqrt(kurtosis) / (1 + c * kurtosis)


def noise(bits: int) -> float:
    """Returns the constant of the noise of 2^bits cells.

    Args:
        bits: word length.

    Reference: as `additive_noise.noise_constant`.
    """
    with jax.enable_x64(True):
        return float(additive_noise.noise_constant(bits, step="cells"))


def _quadratic() -> Counterexample:
    c = noise(BITS)
    with jax.enable_x64(True):
        best = threshold("laplace", 3.0, c)

        def excess(at: float) -> float:
            levels = [
                additive_noise.law_objective(
                    jnp.asarray(a), jnp.zeros(()), jnp.asarray(c), family="laplace"
                ).value
                for a in (at, best)
            ]
            return float(levels[0] - levels[1])

        half, tenth = excess(best - 0.5), excess(best - 0.05)
    return Counterexample(
        text="Laplace weights at 4 bits: a threshold half a standard deviation too "
        "small costs 121 times as much as one that is a tenth of that too small. A "
        "cost in proportion to the mistake would be 10 times as much.",
        values={"half": half, "twentieth": tenth, "ratio": half / tenth},
    )


def _order_by_bits() -> Counterexample:
    coarse, fine = 1 / 3, 1 / 12
    found = {
        f"{family} at c = {name}": threshold(family, 0.0, c)
        for family in ("gaussian", "laplace")
        for name, c in (("1/3", coarse), ("1/12", fine))
    }

    def difference(at: float) -> float:
        return mean_excess(at, "gaussian") - mean_excess(at, "laplace")

    crossing = optimize.root_scalar(difference, bracket=(0.3, 2.0), xtol=1e-12).root
    return Counterexample(
        text="Laplace weights have the larger kurtosis. At c = 1/3 their best "
        "threshold is the smaller, 0.742 against the Gaussian's 0.766; at c = 1/12 "
        "(1 bit) and below it is the larger. Their G cross at 0.933 standard "
        "deviations.",
        values=found | {"crossing": float(crossing)},
    )


def mean_excess(at: float, family: laws.Family) -> float:
    """Evaluates `G(a) = E(|X| - a)_+` of a law of variance 1 without a shape.

    Definition: `S - a P`.

    Args:
        at: a, in standard deviations.
        family: Gaussian or Laplace.

    Reference: as `quant.laws`.
    """
    with jax.enable_x64(True):
        a, shape = jnp.asarray(at), jnp.zeros(())
        first = laws.first_moment(a, shape, family=family)
        return float(first - a * laws.tail(a, shape, family=family))


def _same_kurtosis() -> Counterexample:
    c = noise(BITS)
    return Counterexample(
        text="At 4 bits and excess kurtosis 3 the best threshold is 3.556 standard "
        "deviations for a Laplace law, 3.485 for Student's t with 6 degrees of freedom "
        "and 2.431 for a law of three values, which is less than the Gaussian's 2.559 "
        "at kurtosis 0. Of three values it falls with kurtosis beyond 765.",
        values={
            "laplace": threshold("laplace", 3.0, c),
            "student": threshold("student_t", 3.0, c),
            "three values": one_value(6.0, c),
            "gaussian": threshold("gaussian", 0.0, c),
            "three values, 764": one_value(764.0 + 3, c),
            "three values, 765": one_value(765.0 + 3, c),
            "three values, 2000": one_value(2000.0 + 3, c),
        },
    )


def _check_excess(key: PRNGKeyArray, n: int) -> Check:
    drawn, moved = jax.random.split(key)
    law = felt_laws.drawn(drawn, n)
    best = felt_laws.best(law)
    step = np.asarray(jax.random.uniform(moved, (n,)), np.float64) * 2 - 1
    at = best * np.exp(step + 0.05 * np.sign(step))
    lost = felt_laws.curves(law, at).value - felt_laws.curves(law, best).value
    lower, upper = excess_bounds(
        at,
        best,
        high_bend=felt_laws.curves(law, np.maximum(at, best)).bend,
        low_bend=felt_laws.curves(law, np.minimum(at, best)).bend,
    )
    square = (at - best) ** 2
    return together(
        (
            compared(smaller=lower, larger=lost, tolerance=ROUNDING),
            compared(smaller=lost, larger=upper, tolerance=ROUNDING),
            compared(smaller=law.c * square, larger=lower, tolerance=ROUNDING),
            compared(smaller=upper, larger=(1 + law.c) * square, tolerance=ROUNDING),
        )
    )


def _check_comparison(key: PRNGKeyArray, n: int) -> Check:
    one, two, spread = jax.random.split(key, 3)
    first = felt_laws.drawn(one, n)
    second = dataclasses.replace(felt_laws.drawn(two, n), c=first.c)
    ahead = felt_laws.apart(felt_laws.best(first), felt_laws.best(second))
    # c a - G(a) of the first law, at the threshold of the second
    excess = -felt_laws.curves(first, felt_laws.best(second)).slope / 2
    share = np.asarray(jax.random.uniform(spread, first.size.shape), np.float64)
    wider = Laws(
        size=np.concatenate(
            [first.size * (1 + share), first.size * (1 - share)], axis=1
        ),
        share=np.concatenate([first.share, first.share], axis=1) / 2,
        c=first.c,
    )
    return together(
        (
            _ordered(ahead, excess, first.c),
            compared(
                smaller=felt_laws.best(first),
                larger=felt_laws.best(wider),
                tolerance=ROUNDING,
            ),
        )
    )


def _ordered(ahead: np.ndarray, excess: np.ndarray, c: np.ndarray) -> Check:
    """Checks that both have one sign, and the second is between c and 1 + c of it."""
    product, square = ahead * excess, ahead**2
    return together(
        (
            compared(smaller=c * square, larger=product, tolerance=ROUNDING),
            compared(smaller=product, larger=(1 + c) * square, tolerance=ROUNDING),
        )
    )


def _check_moments(key: PRNGKeyArray, n: int) -> Check:
    law = felt_laws.drawn(key, n)
    found = felt_laws.best(law)
    floor, ceiling = moment_bounds(law)
    return together(
        (
            compared(smaller=floor, larger=found, tolerance=ROUNDING),
            compared(smaller=found, larger=ceiling, tolerance=ROUNDING),
        )
    )


THEOREMS = (
    Theorem(
        id="T2a",
        title="The best threshold, and the cost of another",
        claimed="The disparity of a threshold that is not a language's own is in "
        "proportion to |kappa_1 / kappa_2 - 1|.",
        source="theory development, theorem LA-ACIQ; formal proofs, corollary of "
        "theorem 2",
        failed_step="Step 5 of the proof has the cost in proportion to the squared "
        "difference of thresholds, the statement to the first power of a difference "
        "of kurtoses, on which thresholds do not depend alone.",
        counterexample=_quadratic,
        statement="If E X^2 is finite and c > 0, J is strongly convex with one minimum "
        "a*, the root of c a = G(a), and (P(max) + c) (a - a*)^2 <= J(a) - J(a*) <= "
        "(P(min) + c) (a - a*)^2 for every a >= 0, with max and min of a and a*.",
        check=_check_excess,
        on_model=clipping_findings.costs,
    ),
    Theorem(
        id="T2b",
        title="Which of two laws needs the larger threshold",
        claimed="alpha* = sigma g(kappa) with g increasing: higher kurtosis, wider "
        "clipping.",
        source="deep foundations, section 1.1; formal proofs, theorem 2, step 3",
        failed_step="No step shows that kurtosis orders the tails that G sums up; at "
        "equal variance no two laws have G ordered everywhere.",
        counterexample=_order_by_bits,
        statement="a*_1 > a*_2 if and only if G_1(a*_2) > c a*_2; it suffices that "
        "|X_1| exceeds |X_2| in the increasing convex order. Two different laws of one "
        "variance are never so ordered: each needs the larger threshold at some c, so "
        "that no order by kurtosis holds at every c.",
        check=_check_comparison,
        on_model=clipping_findings.orders,
    ),
    Theorem(
        id="T2c",
        title="What moments say of the best threshold",
        claimed="Kurtosis determines the optimal threshold.",
        source="deep foundations, sections 1.1 and 2.3",
        failed_step="The condition c a = G(a) depends on the whole tail.",
        counterexample=_same_kurtosis,
        statement="E|X| / (1 + c) <= a* <= min(sigma / (2 sqrt c), sigma (27 K / (256 "
        "c))^(1/4)) with the raw kurtosis K; each bound is attained by a law.",
        check=_check_moments,
        on_model=clipping_findings.bounds,
    ),
)
