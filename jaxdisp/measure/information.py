"""Entropy and information of activations, as if they were Gaussian.

All of it is in nats (divide by `ln 2` for bits), of one token, for all channels given.
Differential entropies depend on the units of the channels, information does not.

Estimates from a sample are corrected for its size exactly if the sample is of
independent Gaussian tokens. Tokens of a text depend on each other, so that the
correction is somewhat too small; intervals have to come from texts left out.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy import special

UNIT_ENTROPY = 0.5 * float(np.log(2 * np.pi * np.e))
"""Entropy of a Gaussian channel of variance 1, in nats."""

ROUNDING = 1e-12
"""A smaller share of the largest variance is what rounding float32 states leaves."""


def gaussian_entropy(
    covariance: Float[np.ndarray, "*batch channel channel"],
    n: int | Int[np.ndarray, "*batch"] | None = None,
) -> Float[np.ndarray, "*batch"]:
    """Finds the differential entropy of Gaussians, in nats.

    Definition: `h = (d ln(2 pi e) + ln det C) / 2`; of a sample's covariance (divided
    by n - 1) minus `b / 2`, where `b = E ln det S - ln det C = sum_{i=1}^d
    digamma((n - i) / 2) - d ln((n - 1) / 2)`, which is negative. Minus infinity where
    the covariance is singular.

    Args:
        covariance: of the channels, in any unit.
        n: how many independent tokens each was estimated from; None if it is known.

    Raises:
        ValueError: if there are no more tokens than channels.

    Reference: Ahmed and Gokhale 1989, IEEE Transactions on Information Theory 35,
        section III (the unbiased estimate); Cover and Thomas 2006, theorem 8.4.1.
    """
    channels = covariance.shape[-1]
    sign, size = np.linalg.slogdet(covariance.astype(np.float64))
    size = np.where(sign > 0, size, -np.inf)
    bias = _log_determinant_bias(channels, n)
    return np.asarray(channels * UNIT_ENTROPY + (size - bias) / 2)


def _log_determinant_bias(
    channels: int, n: int | Int[np.ndarray, "*batch"] | None
) -> Float[np.ndarray, "*batch"]:
    """Expected logarithm of a sample's determinant over that of the truth."""
    if n is None:
        return np.zeros(())
    count = np.asarray(n)
    if np.any(count <= channels):
        raise ValueError(
            f"the entropy of {channels} channels needs more tokens than that, got "
            f"{count.min()}"
        )
    halves = (count[..., None] - np.arange(1, channels + 1)) / 2
    expected = np.sum(special.digamma(halves), axis=-1)
    return np.asarray(expected - channels * np.log((count - 1) / 2))


def gaussian_information(
    covariance: Float[np.ndarray, "*batch channel channel"],
    first: int,
    n: int | Int[np.ndarray, "*batch"] | None = None,
) -> Float[np.ndarray, "*batch"]:
    """Finds the mutual information of two sets of channels, in nats.

    Definition: `I = h(X) + h(Y) - h(X, Y)`, each a `gaussian_entropy`; without the
    correction for n it is `-1/2 sum_i ln(1 - r_i^2)` over canonical correlations. What
    is corrected is a bias of about `d_X d_Y / (2 n)`; corrected values may be negative.
    Infinite where one set determines a channel of the other. If X and Y are not jointly
    Gaussian but each of them is Gaussian, it is a lower bound.

    Args:
        covariance: of X and Y together, those of X first.
        first: number of channels of X.
        n: how many independent tokens each was estimated from; None if it is known.

    Raises:
        ValueError: if X or Y has no channel, or there are no more tokens than channels.

    Reference: Cover and Thomas 2006, example 8.5.1; Foster and Grassberger 2011,
        arXiv:1011.4200 (the bound).
    """
    if not 0 < first < covariance.shape[-1]:
        raise ValueError(
            f"of {covariance.shape[-1]} channels, {first} can not be one side of two"
        )
    left = gaussian_entropy(covariance[..., :first, :first], n)
    right = gaussian_entropy(covariance[..., first:, first:], n)
    both = gaussian_entropy(covariance, n)
    # a singular side makes the whole singular, and nothing can be said of it
    defined = np.isfinite(left) & np.isfinite(right)
    sides = np.where(defined, left, 0.0) + np.where(defined, right, 0.0)
    return np.where(defined, sides - np.where(defined, both, 0.0), np.nan)


def signal_information(
    signal: Float[np.ndarray, "*channel"], noise: Float[np.ndarray, "*channel"]
) -> Float[np.ndarray, "*channel"]:
    """Finds how many nats of a Gaussian channel survive noise of a given power.

    Definition: `ln(signal / noise) / 2`: the rate at which a Gaussian of this variance
    is described up to an error of this power, the number of effective bits if divided
    by `ln 2`. What is lost between two of them is half the logarithm of what the ratio
    of signal to noise fell by. Negative where noise exceeds the signal; infinite
    without noise.

    Args:
        signal: variance of each channel.
        noise: mean square of what was added to it, in the same unit.

    Reference: Cover and Thomas 2006, theorem 10.3.2 (the rate of a Gaussian source).
    """
    with np.errstate(divide="ignore"):
        return np.asarray(0.5 * (np.log(signal) - np.log(noise)))


def principal_axes(
    covariance: Float[np.ndarray, "channel channel"], count: int
) -> tuple[Float[np.ndarray, " axis"], Float[np.ndarray, "channel axis"]]:
    """Finds the directions of the largest variance, and these variances.

    Definition: the eigenvectors of the largest eigenvalues, largest first, each with a
    sign that makes its entry of largest size positive.

    Args:
        covariance: of the channels, in any unit.
        count: how many.

    Raises:
        ValueError: if there are not as many channels.

    Reference: Jolliffe 2002, Principal Component Analysis, section 1.1.
    """
    if not 1 <= count <= len(covariance):
        raise ValueError(
            f"of {len(covariance)} channels, {count} principal components were asked"
        )
    variance, axes = np.linalg.eigh(covariance.astype(np.float64))
    variance, axes = variance[::-1][:count], axes[:, ::-1][:, :count]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(count)]
    return variance, axes * np.sign(largest)


def correlations(
    covariance: Float[np.ndarray, "*batch channel channel"],
) -> Float[np.ndarray, "*batch channel channel"]:
    """Divides a covariance by the deviations of the channels, to be free of units.

    Definition: `C[i, j] / sqrt(C[i, i] C[j, j])`; a channel that is constant correlates
    with none, itself included.

    Args:
        covariance: of the channels, in any unit.

    Reference: textbook definition.
    """
    variance = np.diagonal(covariance, axis1=-2, axis2=-1).astype(np.float64)
    varies = variance > 0
    inverse = np.where(varies, 1 / np.sqrt(np.where(varies, variance, 1.0)), 0.0)
    return covariance * inverse[..., :, None] * inverse[..., None, :]
