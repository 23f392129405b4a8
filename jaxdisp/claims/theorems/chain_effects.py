"""What a chain A > R > D can correlate, and its elasticities: theorems T4e and T4f."""

import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy import special

from jaxdisp.claims.theorems import mediation_on_model as on_model
from jaxdisp.claims.theorems.reciprocal_laws import NOTES, weighted_median
from jaxdisp.claims.theorems.theorem import (
    Check,
    Counterexample,
    Theorem,
    compared,
    equal,
    together,
)
from jaxdisp.claims.theorems.uniforms import uniforms
from jaxdisp.result import result

Numbers = Float[np.ndarray, " instance"]

ROUNDING = 1e-9
"""Relative; singular values, and the trapezoid rule for what is smooth."""

GRID = np.arange(-7.4375, 7.5, 0.125)
"""Of a standard normal variable: without 0, of which there is no reciprocal."""

STRONGEST = 0.97
"""Correlation up to which the grid follows the law of R given A."""

NOISE = np.array([-1.0, 0.0, 1.0])
"""Errors of D, in units of their size, equally likely."""

FUNCTIONS = (
    lambda x: x,
    np.tanh,
    lambda x: np.exp(-np.abs(x)),
    lambda x: np.sin(2 * x),
    lambda x: np.sign(x - 0.5),
    lambda x: np.clip(x, -2.0, 2.0) ** 3,
)


def maximal_correlation(
    joint: Float[np.ndarray, "instance one other"],
) -> Numbers:
    """Finds the largest correlation that functions of two variables can have.

    Definition: the second singular value of `P(x, y) / sqrt(P(x) P(y))`.

    Args:
        joint: probabilities of pairs of values.

    Reference: Witsenhausen 1975, SIAM Journal on Applied Mathematics 28.
    """
    one = joint.sum(axis=2, keepdims=True)
    other = joint.sum(axis=1, keepdims=True)
    return np.linalg.svd(joint / np.sqrt(one * other), compute_uv=False)[:, 1]


@result
class Scene:
    """A Gaussian pair (A, R), D = 1 / R + error, and a function of each end.

    `correlation` is that of A and R, `noise` the size of D's errors; `first` and `last`
    number the functions f of A and g of D. Where `inverted`, D has no error and g
    begins by taking the reciprocal, so that R is seen as it is.
    """

    correlation: float
    noise: float
    first: int
    last: int
    inverted: bool


def seen_correlation(scene: Scene) -> float:
    """Correlates f(A) with g(D) in a chain whose A and R are Gaussian.

    Definition: sums over a grid of A and R with the weights of their density, and over
    the errors of D.

    Args:
        scene: the chain and the functions.

    Reference: textbook definition.
    """
    rho = scene.correlation
    squares = GRID[:, None] ** 2 - 2 * rho * np.outer(GRID, GRID) + GRID**2
    weights = np.exp(-squares / (2 * (1 - rho**2)))
    weights /= weights.sum()
    f = FUNCTIONS[scene.first](GRID)
    degradation = 1 / GRID[:, None] + scene.noise * NOISE
    if scene.inverted:
        degradation = np.repeat(GRID[:, None], len(NOISE), axis=1)
    g = FUNCTIONS[scene.last](degradation)
    of_a, of_r = weights.sum(axis=1), weights.sum(axis=0)
    f = f - of_a @ f
    g = g - of_r @ g.mean(axis=1)
    spread = (of_a @ f**2) * (of_r @ np.mean(g**2, axis=1))
    return float(f @ weights @ g.mean(axis=1) / np.sqrt(spread))


def chains(
    key: PRNGKeyArray, n: int, states: int = 5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws chains A > R > D of few values; in every third D is R under other names.

    Args:
        key: of the draws.
        n: how many.
        states: values of each variable.

    Returns:
        Joint probabilities of A and R, of R and D, and of A and D.

    Reference: our own definition.
    """
    drawn = (-np.log(uniforms(key, n, 2 * states**2))) ** 3
    joint, onward = np.moveaxis(drawn.reshape(n, 2, states, states), 1, 0)
    joint = joint / joint.sum(axis=(1, 2), keepdims=True)
    onward[::3] = np.roll(np.eye(states), 1, axis=1)
    onward /= onward.sum(axis=2, keepdims=True)
    middle = joint.sum(axis=1)
    return joint, middle[:, :, None] * onward, joint @ onward


def scenes(key: PRNGKeyArray, n: int) -> list[Scene]:
    """Draws Gaussian chains; in every fourth f and g are those that attain the bound.

    Args:
        key: of the draws.
        n: how many.

    Reference: our own definition.
    """
    numbers = uniforms(key, n, 4)
    ends = (len(FUNCTIONS) * numbers[:, 2:]).astype(int)
    return [
        Scene(
            correlation=float(STRONGEST * (2 * numbers[row, 0] - 1)),
            noise=float(numbers[row, 1]),
            first=int(row % 4 and ends[row, 0]),
            last=int(row % 4 and ends[row, 1]),
            inverted=row % 4 == 0,
        )
        for row in range(n)
    ]


def check_correlations(key: PRNGKeyArray, n: int) -> Check:
    """Compares what the ends of chains correlate with what their links do.

    Args:
        key: of the chains.
        n: how many of few values, and how many Gaussian.

    Reference: docs/theory.md, T4e.
    """
    first, last, ends = chains(key, n)
    links = maximal_correlation(first) * maximal_correlation(last)
    drawn = scenes(key, n)
    seen = np.array([abs(seen_correlation(scene)) for scene in drawn])
    bound = np.array([abs(scene.correlation) for scene in drawn])
    return together(
        (
            compared(maximal_correlation(ends), links, ROUNDING),
            compared(seen, bound, ROUNDING),
        )
    )


def elasticity(
    direct: Float[np.ndarray, "instance 3"], chain: Float[np.ndarray, "instance 3"]
) -> Numbers:
    """Gives the elasticity of D in T, of its mean and of its median.

    Definition: with `ln A = a ln T`, `ln R = q ln T + r ln A` and `ln D = p ln T +
    s ln A - d ln R` but for errors, `p + a s - d (q + a r)`; in a chain `-a r d`.

    Args:
        direct: q, s and p of the arrows that leave out a link.
        chain: a, r and d.

    Reference: docs/theory.md, T4f.
    """
    q, s, p = direct.T
    a, r, d = chain.T
    return p + a * s - d * (q + a * r)


@result
class Logs:
    """Models that are linear in logarithms, with errors of any law.

    `direct` and `chain` as `elasticity` takes them; `errors` are those of ln A, ln R
    and ln D, `weights` their probabilities, `t` where T is set and `times` its change.
    """

    direct: Float[np.ndarray, "instance 3"]
    chain: Float[np.ndarray, "instance 3"]
    errors: Float[np.ndarray, "instance 3 node"]
    weights: Float[np.ndarray, "instance 3 node"]
    t: Numbers
    times: Numbers


def degradations(
    found: Logs, t: Numbers
) -> tuple[Float[np.ndarray, "instance node"], Float[np.ndarray, "instance node"]]:
    """Runs the models under do(T = t), with every combination of errors.

    Args:
        found: models.
        t: where T is set.

    Returns:
        Values of D and their probabilities.

    Reference: our own definition.
    """
    q, s, p = found.direct.T[:, :, None, None, None]
    a, r, d = found.chain.T[:, :, None, None, None]
    log_t = np.log(t)[:, None, None, None]
    log_a = a * log_t + found.errors[:, 0, :, None, None]
    log_r = q * log_t + r * log_a + found.errors[:, 1, None, :, None]
    log_d = p * log_t + s * log_a - d * log_r + found.errors[:, 2, None, None, :]
    one, two, three = np.moveaxis(found.weights, 1, 0)
    mass = one[:, :, None, None] * two[:, None, :, None] * three[:, None, None, :]
    return np.exp(log_d).reshape(len(t), -1), mass.reshape(len(t), -1)


def logs(key: PRNGKeyArray, n: int, nodes: int = 5) -> Logs:
    """Draws models that are linear in logarithms; every second is a chain.

    Args:
        key: of the draws.
        n: how many.
        nodes: values of each error.

    Reference: our own definition.
    """
    drawn = uniforms(key, n, 8 + 6 * nodes)
    slopes, ends = special.ndtri(drawn[:, :6]), 0.2 + 2.8 * drawn[:, 6:8]
    slopes[::2, :3] = 0.0
    others = drawn[:, 8:].reshape(n, 2, 3, nodes)
    mass = -np.log(others[:, 1])
    return Logs(
        direct=slopes[:, :3],
        chain=np.abs(slopes[:, 3:]),
        errors=special.ndtri(others[:, 0]),
        weights=mass / mass.sum(axis=2, keepdims=True),
        t=ends[:, 0],
        times=1 + ends[:, 1],
    )


def check_elasticities(key: PRNGKeyArray, n: int) -> Check:
    """Compares elasticities of mean and median of D with products of coefficients.

    Args:
        key: of the models.
        n: how many.

    Reference: docs/theory.md, T4f.
    """
    found = logs(key, n)
    before, mass = degradations(found, found.t)
    after, _ = degradations(found, found.t * found.times)
    formula = elasticity(found.direct, found.chain)

    def measured(ends: tuple[Numbers, Numbers]) -> Numbers:
        return np.log(ends[1] / ends[0]) / np.log(found.times)

    means = (np.sum(mass * before, axis=1), np.sum(mass * after, axis=1))
    medians = (weighted_median(before, mass), weighted_median(after, mass))
    chain = found.direct[:, 2] == 0
    product = -np.prod(found.chain, axis=1)
    return together(
        (
            equal(measured(means), formula, ROUNDING),
            equal(measured(medians), formula, ROUNDING),
            equal(np.where(chain, product, formula), formula, ROUNDING),
        )
    )


def _too_strong() -> Counterexample:
    bound, claimed = NOTES["b2"], 0.924
    pair = np.zeros((1, 3, 2))
    pair[0, (0, 1, 2), (1, 0, 1)] = (0.25, 0.5, 0.25)  # R = A^2, A in -1, 0, 1
    values = np.array([-1.0, 0.0, 1.0])
    linear = float(values @ pair[0] @ np.array([0.0, 1.0]))
    return Counterexample(
        text=f"no Gaussian chain with r(A, R) = {bound} has r(A, D) = -{claimed}; one "
        f"with R = A^2 may have any between f(A) and D, though r(A, R) = {linear:g}",
        values={
            "bound": bound,
            "claimed": claimed,
            "covariance of A and A^2": linear,
            "maximal correlation of A and A^2": float(maximal_correlation(pair)[0]),
        },
    )


def _not_a_share() -> Counterexample:
    product = NOTES["b1"] * NOTES["b2"]
    ends = [NOTES["gamma"] / (product * t) for t in (1.0, 2.0)]
    found = float(np.log(ends[1] / ends[0]) / np.log(2.0))
    return Counterexample(
        text=f"in the notes' model without errors the elasticity of D in T is "
        f"{found:.3g} whatever b1 and b2 are; {product:.3g} is the slope of R on T",
        values={"elasticity": found, "b1 b2": product},
    )


THEOREMS: tuple[Theorem, ...] = (
    Theorem(
        id="T4e",
        title="What the ends of a chain can correlate",
        claimed="T > A > R > D with r(A, R) = 0.85, and alignment correlates with "
        "degradation by -0.924.",
        source="formal proofs, theorem 4; theory development, statistical rigor",
        failed_step="The coefficients are taken from different places; no chain whose "
        "A and R are Gaussian has both.",
        counterexample=_too_strong,
        statement="If A and D are independent given R, |corr(f(A), g(D))| <= "
        "rho_max(A, R) rho_max(R, D) for all f and g, with rho_max the maximal "
        "correlation; for Gaussian (A, R) it is at most |r_AR|. A larger correlation "
        "of A and D refutes the chain.",
        check=check_correlations,
        on_model=on_model.falsifier,
        causes=True,
    ),
    Theorem(
        id="T4f",
        title="Elasticities along a chain",
        claimed="The total mediated effect is b1 b2 = 0.78 of T > D.",
        source="formal proofs, theorem 4, empirical support",
        failed_step="b1 b2 is the slope of R on T and has units; it is no share, and D "
        "= gamma / R has not been used.",
        counterexample=_not_a_share,
        statement="If A = T^a e^e1, R = A^r e^e2 and D = gamma R^-d e^e3 with errors "
        "independent of T, the mean (where finite) and the median of D under do(T = t) "
        "both have the elasticity -a r d in t; with direct arrows, p + a s - d (q + "
        "a r). In the notes' model without errors it is -1.",
        check=check_elasticities,
        on_model=on_model.elasticity,
        causes=True,
    ),
)
