"""Redundancy of hidden states: estimators that are not of one quantity, kept apart.

The research notes call five things redundancy. Each has its estimator and its name
here, and nothing makes one of another. `I(X; Y) - H(Y | X)`, which the notes prove
their bound for, is not offered: it is no redundancy (for Y independent of X it is
`-H(Y)`), and neither term can be estimated for the text of a language model.

Functions take the states of one language, `[token, channel]`.
"""

import functools as ft
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy import special, stats

from jaxdisp.models import decoder
from jaxdisp.models.model import Model
from jaxdisp.stats import spectra

TOKENS_PER_CHANNEL = 4
"""For all eigenvalues of a covariance, whose bias is known; below it is large."""

TOKENS_PER_CORRELATED = 10
"""For a correlation matrix, whose shrinkage is otherwise most of the answer."""

ROWS = 512


def head_redundancy(loss: float, n_tokens: int, vocabulary: int) -> float:
    """Says how much of a uniform guess's loss the model saves.

    Definition: `1 - loss / (n_tokens ln vocabulary)`: 1 for text foretold exactly, 0
    for uniform guesses, negative below. It depends on how text is cut into tokens.

    Args:
        loss: in nats, over all tokens.
        n_tokens: predicted.
        vocabulary: how many tokens there are.

    Raises:
        ValueError: if there is no token or a single one to choose from.

    Reference: Shannon 1951, Prediction and entropy of printed English, section 1.
    """
    if n_tokens < 1 or vocabulary < 2:
        raise ValueError(
            f"needs at least 1 token of a vocabulary of 2, got {n_tokens} of "
            f"{vocabulary}"
        )
    return 1 - loss / (n_tokens * float(np.log(vocabulary)))


def covariance(
    states: Float[np.ndarray, "token channel"],
) -> Float[np.ndarray, "channel channel"]:
    """Computes the unbiased covariance of channels, in float64.

    Definition: `sum (x - mean)(x - mean)' / (n - 1)`.

    Args:
        states: of one language, in any unit.

    Raises:
        ValueError: if there are fewer than 2 tokens.

    Reference: textbook definition.
    """
    if len(states) < 2:
        raise ValueError(f"a covariance needs at least 2 tokens, got {len(states)}")
    centred = states.astype(np.float64) - states.mean(axis=0, dtype=np.float64)
    return centred.T @ centred / (len(states) - 1)


def gaussian_redundancy(
    moments: Float[np.ndarray, "channel channel"], n_tokens: int
) -> float:
    """Measures redundancy as the bits per channel that a Gaussian code would save.

    Definition: `(1 / 2) log2 (arithmetic / geometric mean)` of the covariance's
    eigenvalues. This is `(1 / 2) log2(2 pi e sigma^2) - h / d` with the entropy h of a
    Gaussian, which no other law of this covariance exceeds: a lower bound of the R of a
    rate-distortion bound `D >= sigma^2 4^-(b + R)`. The log-determinant is freed of
    its bias for n independent Gaussian tokens, `sum_i digamma((n - i) / 2) + d log(2 /
    (n - 1))`, i = 1 ... d. Tokens of a text depend on one another, so that some remains
    (upwards, at most as much again).

    Args:
        moments: unbiased covariance of d channels.
        n_tokens: that it is from.

    Returns:
        Bits per channel; infinite if the states lie in fewer than d dimensions.

    Raises:
        ValueError: if there are fewer than 4 tokens per channel.

    Reference: Cover and Thomas 2006, Elements of Information Theory, theorems 8.6.5 and
        10.3.3; Goodman 1963, Annals of Mathematical Statistics 34 (the bias).
    """
    width = len(moments)
    if n_tokens < TOKENS_PER_CHANNEL * width:
        raise ValueError(
            f"needs at least {TOKENS_PER_CHANNEL * width} tokens, "
            f"{TOKENS_PER_CHANNEL} per channel, got {n_tokens}"
        )
    values = np.linalg.eigvalsh(moments)
    if values[0] <= width * np.finfo(np.float64).eps * values[-1]:
        return float("inf")
    free = n_tokens - 1
    bias = special.digamma((n_tokens - np.arange(1, width + 1)) / 2).sum()
    bias += width * np.log(2 / free)
    nats = np.log(values.mean()) - (np.log(values).sum() - bias) / width
    return float(nats / (2 * np.log(2)))


def total_correlation(states: Float[np.ndarray, "token channel"]) -> float:
    """Measures how much channels say of one another, as of a Gaussian.

    Definition: `-(1 / (2 d)) log2 det C`, bits per channel, with C the correlation
    matrix of the channels, shrunk towards none: `(1 - s) C + s 1`, `s = min(1, (sum_t
    |z_t|^4 - n tr C^2) / (n^2 |C - 1|^2))`. These are channels, or any directions given
    beforehand; principal components of the same tokens do not correlate, whatever they
    are of. A constant channel says nothing of others.

    Args:
        states: of d channels.

    Raises:
        ValueError: if there are fewer than 10 tokens per channel.

    Reference: Watanabe 1960, IBM Journal 4; Ledoit and Wolf 2004, Journal of
        Multivariate Analysis 88, section 3.3 (shrinkage, of standardized channels).
    """
    n, width = states.shape
    if n < TOKENS_PER_CORRELATED * width:
        raise ValueError(
            f"needs at least {TOKENS_PER_CORRELATED * width} tokens, "
            f"{TOKENS_PER_CORRELATED} per channel, got {n}"
        )
    z = states.astype(np.float64) - states.mean(axis=0, dtype=np.float64)
    scale = np.sqrt(np.mean(z**2, axis=0))
    z /= np.where(scale > 0, scale, 1.0)
    found = z.T @ z / n
    np.fill_diagonal(found, 1.0)
    off = np.sum((found - np.eye(width)) ** 2)
    noise = np.sum(np.sum(z**2, axis=1) ** 2) / n**2 - np.sum(found**2) / n
    shrinkage = float(np.clip(noise / off, 0.0, 1.0)) if off > 0 else 1.0
    shrunk = (1 - shrinkage) * found + shrinkage * np.eye(width)
    sign, log_determinant = np.linalg.slogdet(shrunk)
    if sign <= 0:
        return float("inf")
    return float(-log_determinant / (2 * width * np.log(2)))


def spare_dimensions(moments: Float[np.ndarray, "channel channel"]) -> float:
    """Says which share of the dimensions states leave unused.

    Definition: `1 - PR / d`, with `PR = (tr S)^2 / tr S^2` the participation ratio of
    the covariance's eigenvalues; 0 where all directions vary alike.

    Args:
        moments: covariance of d channels.

    Reference: `stats.spectra.participation_ratio`; as a redundancy our own definition.
    """
    values = np.maximum(np.linalg.eigvalsh(moments), 0.0)
    return 1 - spectra.participation_ratio(values) / len(moments)


def readout_participation(
    gradient: Float[np.ndarray, "token channel"],
    states: Float[np.ndarray, "token channel"],
) -> float:
    """Counts the channels that share in a readout, as its relative error does.

    Definition: with contributions `c = g h` of each token's channels, `R = (sum |c|)^2
    / sum c^2`, between 1 and d; over tokens the harmonic mean, because independent
    errors of equal relative size make a relative error of `1 / R` in the readout.
    Tokens without any contribution are left out.

    Args:
        gradient: of what is read out, by state.
        states: of the same tokens.

    Raises:
        ValueError: if no token has a contribution.

    Reference: our own definition; `E(dz)^2 / z^2 = (s^2 / h^2) / R` is the variance of
        a weighted sum.
    """
    shares = np.abs(gradient.astype(np.float64) * states)
    total = shares.sum(axis=1)
    counted = total > 0
    if not np.any(counted):
        raise ValueError("no state contributes to what is read out")
    shares = shares[counted] / total[counted, None]
    return float(1 / np.mean(np.sum(shares**2, axis=1)))


def readout_gradient(
    model: Model,
    states: Float[np.ndarray, "token width"],
    following: Int[np.ndarray, " token"],
) -> Float[np.ndarray, "token width"]:
    """Differentiates the log-probability of the next token by the last hidden state.

    Definition: `d log softmax(readout(h))[following] / d h`, final norm included.

    Args:
        model: an open model.
        states: after the last layer.
        following: the token after each.

    Reference: gradient times input is Shrikumar et al. 2017, arXiv:1605.01713, section
        2.2; the gradient itself is reverse-mode differentiation.
    """
    found = np.zeros(states.shape, np.float32)
    for first in range(0, len(states), ROWS):
        part = slice(first, first + ROWS)
        lacking = max(0, first + ROWS - len(states))
        gradient = _gradient(
            model.params["outside"],
            jnp.asarray(np.pad(states[part], ((0, lacking), (0, 0)))),
            jnp.asarray(np.pad(following[part], (0, lacking))),
            architecture=model.architecture,
            config=model.config,
        )
        found[part] = np.asarray(gradient, np.float32)[: ROWS - lacking]
    return found


@ft.partial(jax.jit, static_argnames=("architecture", "config"))
def _gradient(
    outside: Any,
    states: Float[Array, "token width"],
    following: Int[Array, " token"],
    *,
    architecture: decoder.Architecture,
    config: Any,
) -> Float[Array, "token width"]:
    def total(rows: Array) -> Array:
        predictions = architecture.readout(outside, rows[None], config)[0]
        chances = jax.nn.log_softmax(predictions.astype(jnp.float32))
        return jnp.sum(jnp.take_along_axis(chances, following[:, None], axis=1))

    with jax.default_matmul_precision("float32"):
        return jax.grad(total)(states)


def noise_redundancy(
    variances: Float[np.ndarray, " level"], added: Float[np.ndarray, " level"]
) -> float:
    """Says how much noise a model bears before it loses a nat.

    Definition: `1 / slope` of the line through the origin that fits the loss added by
    noise, `slope = sum v D / sum v^2`; infinite where the slope is not positive. What
    quantization costs is the loss added by another noise, so that this is circular as
    an explanation of it.

    Args:
        variances: of the noise, relative to the power of the states.
        added: loss at each of them, in nats.

    Raises:
        ValueError: if no variance is positive.

    Reference: our own definition; the slope is half the trace of the Hessian times the
        noise, as in Bishop 1995, Neural Computation 7, equation 8.
    """
    square = float(np.sum(variances**2))
    if square <= 0:
        raise ValueError("needs a variance above 0")
    slope = float(np.sum(variances * added)) / square
    return 1 / slope if slope > 0 else float("inf")


def rank_agreement(
    estimates: Float[np.ndarray, "estimator language"],
    pairs: Int[np.ndarray, "pair 2"],
) -> Float[np.ndarray, " pair"]:
    """Correlates the ranks that pairs of estimators give to languages.

    Definition: Spearman's correlation of `estimates[i]` with `estimates[j]`.

    Args:
        estimates: each in its own unit, none the same for all languages.
        pairs: numbers of estimators.

    Reference: Spearman 1904, American Journal of Psychology 15.
    """
    ranks = stats.rankdata(estimates, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    ranks /= np.linalg.norm(ranks, axis=1, keepdims=True)
    return np.sum(ranks[pairs[:, 0]] * ranks[pairs[:, 1]], axis=1)
