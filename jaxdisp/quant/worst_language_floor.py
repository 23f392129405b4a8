"""What the worst language must lose with so many bits, however they are spread.

In the model of `group_noise` with `u = 4^-b`, the largest loss is at least the mean
under any weights `nu` of languages, and by the inequality of arithmetic and geometric
means

    max_l D[l]  >=  N 4^-B prod_i (gbar[i] / n[i])^(n[i] / N),    gbar = sum nu[l] g[l],

with `B` the mean bits. The logarithm is concave in `nu`; its maximum is attained.
"""

import math

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Num

from jaxdisp.quant import group_noise, interior_point
from jaxdisp.result import result


@result
class Certificate:
    """All that is needed to check that some language loses at least `claim`.

    `mixture` are the weights `nu`; `idle_bits` are the fewest bits that a group is
    given which no language needs.
    """

    claim: Float[np.ndarray, ""]
    mean_bits: Float[np.ndarray, ""]
    idle_bits: Float[np.ndarray, ""]
    mixture: Float[np.ndarray, " language"]
    losses: Float[np.ndarray, "language group"]
    sizes: Float[np.ndarray, " group"]


@result
class Floor:
    """The least loss of the worst language, the bits that attain it, and the proof.

    `worst` is the largest of `losses` with these `bits`, which are not rounded and may
    be negative in groups that matter little.
    """

    bits: Float[np.ndarray, " group"]
    losses: Float[np.ndarray, " language"]
    worst: Float[np.ndarray, ""]
    certificate: Certificate

    @property
    def gap(self) -> Float[np.ndarray, ""]:
        """What the proof leaves open, as a share of the floor."""
        return np.asarray(self.worst / self.certificate.claim - 1)


def floor(
    losses: Num[ArrayLike, "language group"],
    sizes: Num[ArrayLike, " group"],
    *,
    mean_bits: float,
    idle_bits: float = 0.0,
) -> Floor:
    """Finds the least possible loss of the worst language with so many mean bits.

    Formula: the module's, at its largest over `nu`. With groups that no language needs
    it would be 0, since they could take endless noise: these are given `idle_bits`, and
    `N` and `B` are those of the other groups.

    Args:
        losses: `g`, what each language loses by group at 0 bits, in any unit.
        sizes: number of weights of each group.
        mean_bits: `B`, over all weights.
        idle_bits: fewest bits of a group that no language needs.

    Raises:
        ValueError: if no language loses anything, a loss is negative, a size not
            positive, or the bits are not finite.

    Reference: our own derivation; for one language it is the bit allocation of Huang
    and Schultheiss 1963, IEEE Transactions on Communications Systems 11.
    """
    g = group_noise.sensitivities(losses, "losses")
    share = group_noise.shares(sizes)
    if not (math.isfinite(mean_bits) and math.isfinite(idle_bits)):
        raise ValueError(
            f"mean_bits and idle_bits must be finite, got {mean_bits} and {idle_bits}"
        )
    needed = g.any(axis=0)
    if not needed.any():
        raise ValueError("losses are all 0: no language needs any group")
    spent = (mean_bits - share[~needed].sum() * idle_bits) / share[needed].sum()
    rows = g[:, needed]
    weights = share[needed] / share[needed].sum()
    felt = rows[rows.any(axis=1)]
    found = interior_point.largest_geometric_mean(
        weights,
        felt,
        np.ones(len(felt)),
        np.zeros_like(weights),
        2 / felt.max(axis=0),
    )
    bits = np.full(share.shape, float(idle_bits))
    free = -np.log2(found.noise) / 2
    bits[needed] = free + (spent - weights @ free)
    mixture = np.zeros(len(g))
    mixture[rows.any(axis=1)] = found.prices / found.prices.sum()
    lost = g[:, needed] @ 4.0 ** -bits[needed]
    certificate = Certificate(
        claim=_proved(mixture, rows, np.asarray(sizes, float)[needed], spent),
        mean_bits=np.asarray(float(mean_bits)),
        idle_bits=np.asarray(float(idle_bits)),
        mixture=mixture,
        losses=g,
        sizes=np.asarray(sizes, np.float64),
    )
    return Floor(
        bits=bits, losses=lost, worst=np.asarray(lost.max()), certificate=certificate
    )


def _proved(
    mixture: Float[np.ndarray, " language"],
    losses: Float[np.ndarray, "language group"],
    sizes: Float[np.ndarray, " group"],
    mean_bits: float,
) -> Float[np.ndarray, ""]:
    """Evaluates the formula at normalized weights, rounded down."""
    total = sizes.sum()
    terms = np.concatenate(
        [
            sizes / total * np.log(mixture @ losses),
            -sizes / total * np.log(sizes),
            [np.log(total), -mean_bits * math.log(4)],
            [1.0, -1.0],  # for the rounding of the exponential
        ]
    )
    return np.asarray(np.exp(group_noise.rounded_down(terms)))
