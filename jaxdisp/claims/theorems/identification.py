"""Whether P(D | do t) is P(D | t), and what the front door restores: theorem T4a.

Everything is worked out in the linear chain T > A > R > D with an unobserved common
cause U of variance 1, from its covariances: what no finite number of rows can improve.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy import special

from jaxdisp.claims.theorems import mediation_on_model as on_model
from jaxdisp.claims.theorems.theorem import (
    Check,
    Counterexample,
    Theorem,
    equal,
    together,
)
from jaxdisp.claims.theorems.uniforms import uniforms
from jaxdisp.result import result

Numbers = Float[np.ndarray, " instance"]

U, T, A, R, D = range(5)
ROUNDING = 1e-9
"""Relative; covariances of five variables are inverted."""


@result
class Chain:
    """Linear chains with a common cause, one per instance.

    `chain` are the coefficients of T>A, A>R and R>D, `common` those of U on T, A, R and
    D, `variances` those of the errors of T, A, R and D.
    """

    chain: Float[np.ndarray, "instance 3"]
    common: Float[np.ndarray, "instance 4"]
    variances: Float[np.ndarray, "instance 4"]


def covariance(found: Chain) -> Float[np.ndarray, "instance 5 5"]:
    """Works out the covariance of U, T, A, R and D.

    Definition: `(1 - B)^-1 diag(1, variances) (1 - B)^-T` with B the coefficients of
    each variable (row) on those before it.

    Args:
        found: chains.

    Reference: Bollen 1989, Structural Equations with Latent Variables, chapter 4.
    """
    n = len(found.chain)
    arrows = np.zeros((n, 5, 5))
    arrows[:, (T, A, R, D), U] = found.common
    arrows[:, (A, R, D), (T, A, R)] = found.chain
    errors = np.zeros((n, 5, 5))
    errors[:, range(5), range(5)] = np.column_stack([np.ones(n), found.variances])
    spread = np.linalg.inv(np.eye(5) - arrows)
    return spread @ errors @ np.swapaxes(spread, 1, 2)


def regression(
    covariances: Float[np.ndarray, "instance 5 5"], response: int, given: Sequence[int]
) -> Float[np.ndarray, "instance given"]:
    """Returns coefficients of the regression of one variable on others.

    Args:
        covariances: of all variables.
        response: number of the variable.
        given: numbers of the others.

    Reference: textbook definition.
    """
    among = covariances[:, given][:, :, given]
    with_response = covariances[:, given, response]
    return np.linalg.solve(among, with_response[..., None])[..., 0]


def front_door(
    covariances: Float[np.ndarray, "instance 5 5"], mediators: Sequence[int]
) -> Numbers:
    """Estimates the effect of T on D from what passes through mediators alone.

    Definition: the sum over mediators M of the slope of M on T times the coefficient of
    M in the regression of D on all mediators and T.

    Args:
        covariances: of all variables.
        mediators: their numbers.

    Reference: Pearl 1995, Biometrika 82, theorem 2, for linear equations.
    """
    onward = regression(covariances, D, (*mediators, T))[:, :-1]
    to = np.array([regression(covariances, m, (T,))[:, 0] for m in mediators]).T
    return np.sum(to * onward, axis=1)


def seeing_less_doing(found: Chain) -> Numbers:
    """Says by how much the slope of D on T is off its effect, U being on T and D alone.

    Definition: with the loadings `u_T` and `u_D` of U and `V = u_T^2 + var(e_T)`,
    `u_T u_D / V`.

    Args:
        found: chains.

    Reference: Pearl 2009, Causality, section 5.3 (omitted variable).
    """
    common = found.common
    return common[:, 0] * common[:, 3] / (common[:, 0] ** 2 + found.variances[:, 0])


def bias_by_alignment(found: Chain) -> Numbers:
    """Says by how much the front door through A is off.

    Definition: with `k = u_T / V`, `w = var(e_T) / V` the variance of U given T, and
    `c = u_A w / (u_A^2 w + var(e_A))` its slope on A given T, `(b_TA + k u_A) (b_AR
    b_RD + c (b_RD u_R + u_D)) - b_TA b_AR b_RD`: 0 for whatever else if `u_A = 0`.

    Args:
        found: chains.

    Reference: our own derivation, docs/theory.md.
    """
    to_a, to_r, to_d = found.chain.T
    on_t, on_a, on_r, on_d = found.common.T
    whole = on_t**2 + found.variances[:, 0]
    left = found.variances[:, 0] / whole
    slope = on_a * left / (on_a**2 * left + found.variances[:, 1])
    seen = to_a + on_a * on_t / whole
    return seen * (to_r * to_d + slope * (to_d * on_r + on_d)) - to_a * to_r * to_d


def bias_by_both(found: Chain) -> Numbers:
    """Says by how much the front door through A and R is off, if U leaves A alone.

    Definition: with `k` and `w` as in `bias_by_alignment` and `c = u_R w / (u_R^2 w +
    var(e_R))`, `k u_R (b_RD + c u_D)`: 0 if `u_R = 0`.

    Args:
        found: chains with `u_A = 0`.

    Reference: our own derivation, docs/theory.md.
    """
    on_t, _, on_r, on_d = found.common.T
    whole = on_t**2 + found.variances[:, 0]
    left = found.variances[:, 0] / whole
    slope = on_r * left / (on_r**2 * left + found.variances[:, 2])
    return on_t / whole * on_r * (found.chain[:, 2] + slope * on_d)


def touching(found: Chain, *nodes: int) -> Chain:
    """Leaves of U's arrows those to some nodes.

    Args:
        found: chains.
        nodes: their numbers.

    Reference: our own definition.
    """
    kept = np.isin([T, A, R, D], nodes)
    return dataclasses.replace(found, common=np.where(kept, found.common, 0.0))


def instances(key: PRNGKeyArray, n: int) -> Chain:
    """Draws chains; in every fourth U is strong, in every other fourth T hardly errs.

    Args:
        key: of the draws.
        n: how many.

    Reference: our own definition.
    """
    drawn = uniforms(key, n, 11)
    chain, common = special.ndtri(drawn[:, :3]), special.ndtri(drawn[:, 3:7])
    variances = 0.1 + 1.9 * drawn[:, 7:]
    common[::4] *= 10
    variances[1::4, 0] /= 100
    return Chain(chain=chain, common=common, variances=variances)


def check_identification(key: PRNGKeyArray, n: int) -> Check:
    """Compares what regressions and front doors find with effects, chain by chain.

    Args:
        key: of the chains.
        n: how many.

    Reference: docs/theory.md, T4a.
    """
    found = instances(key, n)
    effect = np.prod(found.chain, axis=1)

    def seen(chains: Chain) -> Numbers:
        return regression(covariance(chains), D, (T,))[:, 0]

    def through(chains: Chain, *mediators: int) -> Numbers:
        return front_door(covariance(chains), mediators)

    alone = touching(found)
    bow = touching(found, T, D)
    not_a = touching(found, T, R, D)
    return together(
        (
            equal(seen(alone), effect, ROUNDING),
            equal(seen(bow), effect + seeing_less_doing(bow), ROUNDING),
            equal(through(bow, A, R), effect, ROUNDING),
            equal(through(not_a, A), effect, ROUNDING),
            equal(through(not_a, A, R), effect + bias_by_both(not_a), ROUNDING),
            equal(through(found, A), effect + bias_by_alignment(found), ROUNDING),
        )
    )


def confounded_example() -> Chain:
    """Returns the chain of the notes' coefficients with a common cause of T and D.

    Reference: our own definition, with coefficients of the notes' theorem 4.
    """
    return Chain(
        chain=np.array([[0.92, 0.85, -1.0]]),
        common=np.array([[1.0, 0.0, 0.0, 1.0]]),
        variances=np.array([[1.0, 0.1, 0.1, 0.1]]),
    )


def _counterexample() -> Counterexample:
    found = confounded_example()
    effect = float(np.prod(found.chain))
    seen = float(regression(covariance(found), D, (T,))[0, 0])
    touched = dataclasses.replace(found, common=np.array([[1.0, 0.0, 1.0, 1.0]]))
    return Counterexample(
        text=f"with a common cause of T and D the slope of D on T is {seen:.3g} where "
        f"its effect is {effect:.3g}",
        values={
            "effect of T on D": effect,
            "slope of D on T": seen,
            "front door through A and R": float(
                front_door(covariance(found), (A, R))[0]
            ),
            "the same where U reaches R": float(
                front_door(covariance(touched), (A, R))[0]
            ),
            "through A alone where U reaches R": float(
                front_door(covariance(touched), (A,))[0]
            ),
        },
    )


THEOREMS: tuple[Theorem, ...] = (
    Theorem(
        id="T4a",
        title="What identifies the effect of T on D",
        claimed="The SCM T > A > R > D makes P(D | do(T)) testable, and tokenization's "
        "effect on disparity causal.",
        source="theory development, theory 4; formal proofs, theorem 4",
        failed_step="Independent errors are assumed and nowhere tested: a common cause "
        "of T and D, such as training data, makes P(D | do t) differ from P(D | t).",
        counterexample=_counterexample,
        statement="In the chain T > A > R > D: without unobserved common causes "
        "P(D | do t) = P(D | t). With one of T and D they differ, in the linear chain "
        "by u_T u_D / Var T in slope. The front door through A restores the effect if "
        "U does not touch A, and that through A and R together if U touches neither; "
        "each is off for almost all coefficients otherwise.",
        check=check_identification,
        on_model=on_model.identification,
        causes=True,
    ),
)
