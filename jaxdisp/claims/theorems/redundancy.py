"""Theorems on redundancy: what it can save, and what it saves a readout.

T1a and P1 are about codes that may exploit redundancy, where it counts exponentially;
T1b is about a readout that averages errors, where it counts as the inverse.
"""

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jaxdisp.claims.theorems import coded_sources, redundancy_on_model
from jaxdisp.claims.theorems.redundancy_on_model import NOTES_STABILITY, notes_bound
from jaxdisp.claims.theorems.theorem import (
    Check,
    Counterexample,
    Theorem,
    compared,
    equal,
    together,
)

ROUNDING = 1e-9
"""Closed forms in float64; levels of 512 cells come from differences of tails."""

NOTES_REDUNDANCY = 3.8, 1.5
"""Of a language of high and one of low resources, in bits, in the notes."""

CHANNELS = 6


def least_error(
    variance: Float[np.ndarray, " source"],
    redundancy: Float[np.ndarray, " source"],
    bits: Float[np.ndarray, " source"],
) -> Float[np.ndarray, " source"]:
    """Bounds the error of every code of so many bits per component from below.

    Definition: `variance 4^-(bits + redundancy)`.

    Args:
        variance: mean square per component of the source.
        redundancy: `log2(2 pi e variance) / 2 - h / d`, h the differential entropy in
            bits and d the number of components.
        bits: per component.

    Returns:
        Mean squared error per component, in the unit of the variance.

    Reference: Shannon's lower bound, Cover and Thomas 2006, Elements of Information
        Theory, problem 10.8; in this form our own (theorem T1a of docs/theory.md).
    """
    return variance * 4.0 ** -(bits + redundancy)


def readout_error(
    correlation: Float[np.ndarray, " readout"],
    participation: Float[np.ndarray, " readout"],
) -> Float[np.ndarray, " readout"]:
    """Returns a readout's squared relative error over that of each of its channels.

    Definition: `rho + (1 - rho) / R`.

    Args:
        correlation: rho, of the errors of any two channels, between 0 and 1.
        participation: `R = (sum g)^2 / sum g^2` of the readout's weights.

    Reference: our own derivation (theorem T1b of docs/theory.md).
    """
    return correlation + (1 - correlation) / participation


def _below_shannon() -> Counterexample:
    one = np.ones(1)
    total = NOTES_REDUNDANCY[0] + NOTES_STABILITY
    claimed = float(notes_bound(one, NOTES_REDUNDANCY[0] * one, 4 * one)[0])
    errors = {
        "shannon": float(least_error(one, 0 * one, 4 * one)[0]),
        "equal steps": float(coded_sources.equal_steps()[4]),
        "best levels": float(coded_sources.best_levels()[4]),
    }
    most = {
        f"most R + delta, {name}": claimed * total / error
        for name, error in errors.items()
    }
    return Counterexample(
        text="An independent Gaussian weight of variance 1 at 4 bits, with the notes' "
        "R = 3.8 and delta = 0.1: the error is said to be at most 0.00300, but no code "
        "of 4 bits has an error below 0.00391, and the best 16 equally spaced levels "
        "have 0.01154.",
        values={"claimed": claimed} | errors | most,
    )


def _wrong_direction() -> Counterexample:
    high, low = (np.array([each]) for each in NOTES_REDUNDANCY)
    shares = {"0": 0.0, "0.1": 0.1, "0.5": 0.5, "1": 1.0}
    ratios = {
        f"ratio at rho {name}": float(
            (readout_error(rho := np.array([share]), low) / readout_error(rho, high))[0]
        )
        for name, share in shares.items()
    }
    claimed = (NOTES_REDUNDANCY[0] + NOTES_STABILITY) / (
        NOTES_REDUNDANCY[1] + NOTES_STABILITY
    )
    return Counterexample(
        text="Readouts of participation 3.8 and 1.5 whose channels' errors correlate "
        "with rho: the ratio of errors is 2.53 at rho = 0, 2.08 at 0.1, 1.32 at 0.5 "
        "and 1 at rho = 1. The notes say that it is at least 2.44; R_HR / R_LR is the "
        "most that it can be.",
        values=ratios
        | {
            "claimed at least": claimed,
            "at most": NOTES_REDUNDANCY[0] / NOTES_REDUNDANCY[1],
        },
    )


def _on_the_levels() -> Counterexample:
    high = float(coded_sources.equal_steps()[4])
    levels = np.arange(16) + 0.5 - 8
    low = float(np.mean((levels - np.clip(np.floor(levels), -8, 7) - 0.5) ** 2))
    return Counterexample(
        text="Q is the grid of 16 equally spaced levels that is best for a Gaussian. "
        "The source of the language of low resources takes the 16 levels as values: "
        "its error is 0, that of the Gaussian 0.01154, and their ratio is below every "
        "positive c R_HR / R_LR.",
        values={"low": low, "high": high, "ratio": low / high},
    )


def _check_least_error(key: PRNGKeyArray, n: int) -> Check:
    numbers, sources = jax.random.split(key)
    found = coded_sources.coded(sources, _bits(numbers, n))
    bound = least_error(found.variance, found.redundancy, found.bits)
    return compared(smaller=bound, larger=found.error, tolerance=ROUNDING)


def _bits(key: PRNGKeyArray, n: int) -> np.ndarray:
    return np.asarray(jax.random.randint(key, (n,), 2, 7))


def _check_readout(key: PRNGKeyArray, n: int) -> Check:
    weight, noise, share, best = jax.random.split(key, 4)
    g = np.exp(2 * np.asarray(jax.random.normal(weight, (2, n, CHANNELS)), np.float64))
    rho = np.asarray(jax.random.uniform(share, (n,)), np.float64)
    rho[::4], rho[1::8] = 0.0, 1.0  # where the bounds of the ratio are attained
    participation = g.sum(axis=2) ** 2 / np.sum(g**2, axis=2)
    order = np.argsort(participation, axis=0)
    low, high = np.take_along_axis(participation, order, axis=0)
    ratio = readout_error(rho, low) / readout_error(rho, high)
    one = np.ones(n)
    return together(
        (
            equal(
                _quadratic(g[0], rho), readout_error(rho, participation[0]), ROUNDING
            ),
            compared(smaller=one, larger=ratio, tolerance=ROUNDING),
            compared(smaller=ratio, larger=high / low, tolerance=ROUNDING),
            _unbiased(noise, best, n),
        )
    )


def _quadratic(g: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """Variance of `sum g e` over `(sum g)^2`, from the matrix of covariances."""
    m = g.shape[1]
    pairs = np.broadcast_to(rho[:, None, None], (len(g), m, m)).copy()
    pairs[:, np.arange(m), np.arange(m)] = 1.0
    return np.einsum("ni,nij,nj->n", g, pairs, g) / g.sum(axis=1) ** 2


def _unbiased(noise: PRNGKeyArray, weights: PRNGKeyArray, n: int) -> Check:
    """Independent errors: no unbiased readout beats the sum of signal-to-noise."""
    ratios = np.exp(np.asarray(jax.random.normal(noise, (n, CHANNELS)), np.float64))
    drawn = np.asarray(jax.random.normal(weights, (n, CHANNELS)), np.float64)
    # weights per unit of the channel's signal; every third readout is the best one
    share = np.where(np.arange(n)[:, None] % 3 == 0, ratios, ratios + 0.3 * drawn)
    share /= share.sum(axis=1, keepdims=True)
    error = np.sum(share**2 / ratios, axis=1)
    return compared(smaller=1 / ratios.sum(axis=1), larger=error, tolerance=ROUNDING)


def _check_ratio(key: PRNGKeyArray, n: int) -> Check:
    numbers, first, second = jax.random.split(key, 3)
    bits = _bits(numbers, n)
    low = coded_sources.coded(first, bits)
    high = coded_sources.coded(second, np.roll(bits, 2))
    # pairs of the same bits, but of different kinds of code
    high = jax.tree.map(lambda leaf: np.roll(leaf, -2), high)
    bound = ratio_bound(
        (low.variance, low.redundancy),
        (high.variance, high.redundancy),
        high.error,
        low.bits,
    )
    return compared(smaller=bound, larger=low.error / high.error, tolerance=ROUNDING)


def ratio_bound(
    low: tuple[Float[np.ndarray, " pair"], Float[np.ndarray, " pair"]],
    high: tuple[Float[np.ndarray, " pair"], Float[np.ndarray, " pair"]],
    error: Float[np.ndarray, " pair"],
    bits: Float[np.ndarray, " pair"],
) -> Float[np.ndarray, " pair"]:
    """Bounds the ratio of errors of two sources from below, by the second's code.

    Definition: `(variance_low / variance_high) 4^(R_high - R_low) / Gamma` with the
    inefficiency `Gamma = error / least_error` of the second source's code, at least 1.

    Args:
        low: variance and redundancy of the source whose error is bounded.
        high: those of the other one.
        error: measured, of the other one, in the unit of its variance.
        bits: per component, of both codes.

    Reference: our own derivation (theorem P1 of docs/theory.md).
    """
    inefficiency = error / least_error(*high, bits)
    return (low[0] / high[0]) * 4.0 ** (high[1] - low[1]) / inefficiency


THEOREMS = (
    Theorem(
        id="T1a",
        title="Redundancy and the least error of a code",
        claimed="Rounding to b bits has E|Q(w) - w|^2 <= C / (R + delta) for a "
        "language of redundancy R, with C = 3 sigma^2 4^-b.",
        source="formal proofs, theorem 1; theory development, theory 1",
        failed_step="Step 3 posits that redundancy divides the distortion by 1 + R / b "
        "though a rounding of single weights uses none; step 4 then needs C >= b, "
        "which is 0.0117 >= 4 at 4 bits.",
        counterexample=_below_shannon,
        statement="A source of d components with mean square sigma^2 and differential "
        "entropy h bits has R = log2(2 pi e sigma^2) / 2 - h / d >= 0, and every code "
        "of at most b bits per component has a mean squared error of at least "
        "sigma^2 4^-(b + R).",
        check=_check_least_error,
        on_model=redundancy_on_model.least_errors,
    ),
    Theorem(
        id="T1b",
        title="Redundancy and the error of a readout",
        claimed="eps_LR / eps_HR >= (R_HR + delta) / (R_LR + delta): error goes as the "
        "inverse of redundancy.",
        source="formal proofs, corollary of theorem 1",
        failed_step="Two upper bounds bound no ratio from below: equal errors satisfy "
        "both.",
        counterexample=_wrong_direction,
        statement="A readout sum g h of equal channels with weights g >= 0, whose "
        "errors have mean 0, equal variance and pairwise correlation rho in [0, 1], "
        "has rho + (1 - rho) / R of a channel's relative squared error, R = (sum g)^2 "
        "/ sum g^2. For R_HR >= R_LR therefore 1 <= eps_LR / eps_HR <= R_HR / R_LR, "
        "with equality on the right only at rho = 0 (or equal R). For independent "
        "errors no unbiased linear readout has less than 1 / sum SNR.",
        check=_check_readout,
        on_model=redundancy_on_model.duplicated_readouts,
        causes=True,
    ),
    Theorem(
        id="P1",
        title="Lower bound of disparity by redundancy",
        claimed="For any quantization Q of b bits there is a constant c_b with "
        "eps_LR / eps_HR >= c_b R_HR / R_LR.",
        source="theory development, proof sketch 1",
        failed_step="If c_b may depend on Q the statement is empty; if it may not, a "
        "source that takes the levels of Q as its values has no error.",
        counterexample=_on_the_levels,
        statement="Of two sources coded with b bits per component, with Gamma_HR = "
        "D_HR / (sigma_HR^2 4^-(b + R_HR)) >= 1 measured, D_LR / D_HR >= (sigma_LR^2 / "
        "sigma_HR^2) 4^(R_HR - R_LR) / Gamma_HR. It says something only where the code "
        "exploits the redundancy, Gamma_HR being much less than 4^(R_HR - R_LR).",
        check=_check_ratio,
        on_model=redundancy_on_model.measured_ratio,
    ),
)
