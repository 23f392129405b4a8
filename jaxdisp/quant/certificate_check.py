"""Checks of stored certificates: one pass of additions, none of the solvers' code.

A claim may be below the bound that its prices prove, never above. A certificate whose
numbers prove nothing (a negative price, loss or size) has the bound NaN and does not
hold.
"""

import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from jaxtyping import Bool, Float

from jaxdisp.quant import bit_allocation, protection_certificate, worst_language_floor
from jaxdisp.result import result

# of the size of the terms; logarithms are off by less
ROUNDING = 2e-15


@result
class Check:
    """What the prices of a certificate prove, and whether the claim is within it."""

    bound: Float[np.ndarray, ""]
    holds: Bool[np.ndarray, ""]


def check_protection(certificate: protection_certificate.Certificate) -> Check:
    """Checks that protecting less than the claimed share cannot meet the limit.

    Formula: `y sum v - sum (y c - n / N)_+` with `v = sum nu[l] (g[l] - k g[h])` and
    `c = (1 - r) v`, in exact fractions. With an infinite price, `sum v - sum c_+ > 0`
    proves that no protection meets it.

    Args:
        certificate: as stored.

    Reference: our own derivation.
    """
    one = certificate
    numbers = (one.losses, one.reference, one.mixture, one.limit, one.residual)
    if not (_proper(*numbers) and all(one.sizes > 0) and one.price >= 0):
        return _verdict(math.nan, one.claim)
    if not all(one.residual < 1):
        return _verdict(math.nan, one.claim)
    kept = [1 - Fraction(r) for r in one.residual.tolist()]
    endless = math.isinf(one.price)
    price = Fraction(1) if endless else Fraction(float(one.price))
    limit, sizes = Fraction(float(one.limit)), [Fraction(n) for n in one.sizes.tolist()]
    nu = [Fraction(weight) for weight in one.mixture.tolist()]
    total, weights = Fraction(0), sum(sizes)
    for group, base in enumerate(one.reference.tolist()):
        lost = sum(
            part * (Fraction(g) - limit * Fraction(base))
            for part, g in zip(nu, one.losses[:, group].tolist(), strict=True)
        )
        free = 0 if endless else sizes[group] / weights
        total += price * lost - max(price * kept[group] * lost - free, Fraction(0))
    if endless:
        return _verdict(math.inf if total > 0 else 0.0, one.claim)
    total = max(total, Fraction(0))
    holds = math.isfinite(one.claim) and Fraction(float(one.claim)) <= total
    return Check(bound=np.asarray(float(total)), holds=np.asarray(holds))


def check_bits(certificate: bit_allocation.Certificate) -> Check:
    """Checks that fewer than the claimed mean bits cannot meet the limits.

    Formula: `sum_i min {-(w / 2) log2 u + r u} - z q`, with
    `r = sum_l y[l] (g[l] - k g[h]) + z g[h]`, less what the terms may be off by.

    Args:
        certificate: as stored.

    Reference: our own derivation.
    """
    one = certificate
    z, limit = float(one.quality_price), float(one.limit)
    numbers = (one.losses, one.reference, one.prices, z, limit, one.bits_range)
    if not (_proper(*numbers) and all(one.sizes > 0)):
        return _verdict(math.nan, one.claim)
    fewest, most = (4.0**-bits for bits in one.bits_range.tolist())
    weights = math.fsum(one.sizes)
    terms, sizes = [], []
    for group, base in enumerate(one.reference.tolist()):
        pieces = [z * base]
        for price, g in zip(one.prices.tolist(), one.losses[:, group], strict=True):
            pieces += [price * float(g), -price * limit * base]
        w, r = float(one.sizes[group]) / weights, math.fsum(pieces)
        best = w / (2 * math.log(2) * r) if r > 0 else math.inf
        u = min(max(best, most), fewest)
        terms += [-w / 2 * math.log2(u), r * u]
        sizes += [abs(terms[-2]), *(abs(piece) * u for piece in pieces)]
    spent = z * float(one.quality) if z > 0 else 0.0
    return _verdict(_lower_end([*terms, -spent], [*sizes, spent]), one.claim)


def check_floor(certificate: worst_language_floor.Certificate) -> Check:
    """Checks that some language loses at least what is claimed.

    Formula: `ln D = ln N - B ln 4 + sum (n / N) ln(gbar / n)` over the groups that some
    language needs, less what the terms may be off by.

    Args:
        certificate: as stored; its weights of languages are divided by their sum.

    Reference: our own derivation.
    """
    one = certificate
    if not _proper(one.losses, one.mixture) or not all(one.sizes > 0):
        return _verdict(math.nan, one.claim)
    total_weight = math.fsum(one.mixture)
    felt = []
    for group, size in enumerate(one.sizes.tolist()):
        column = one.losses[:, group].tolist()
        mean = math.fsum(
            nu * g for nu, g in zip(one.mixture.tolist(), column, strict=True)
        )
        if any(column):
            felt.append((size, mean))
    if not felt or total_weight <= 0 or any(mean <= 0 for _, mean in felt):
        return _verdict(0.0, one.claim)
    needed = math.fsum(size for size, _ in felt)
    idle = math.fsum(one.sizes) - needed
    bits = math.fsum(
        [
            float(one.mean_bits) * (needed + idle) / needed,
            -float(one.idle_bits) * idle / needed,
        ]
    )
    terms = [math.log(needed), -bits * math.log(4), -math.log(total_weight)]
    for size, mean in felt:
        terms += [size / needed * math.log(mean), -size / needed * math.log(size)]
    # the 1.0 is for the rounding of the exponential
    sizes = [1.0, *map(abs, terms)]
    return _verdict(math.exp(_lower_end(terms, sizes)), one.claim)


def _proper(*numbers: np.ndarray | float) -> bool:
    """Says whether all numbers are finite and at least 0."""
    return all(bool(np.all(np.isfinite(x) & (np.asarray(x) >= 0))) for x in numbers)


def _lower_end(terms: Iterable[float], sizes: Iterable[float]) -> float:
    """Sums terms to a number that is surely not above their exact sum."""
    return math.fsum(terms) - ROUNDING * math.fsum(sizes)


def _verdict(bound: float, claim: np.ndarray) -> Check:
    """Compares a claim with the bound; nothing is within NaN."""
    return Check(bound=np.asarray(bound), holds=np.asarray(bool(float(claim) <= bound)))
