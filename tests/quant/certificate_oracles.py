"""Slow float64 answers about protection, bits and ratios, which share no code.

Also the strategies of their tests: losses by group over several orders of magnitude.
"""

import itertools

import hypothesis.extra.numpy as hnp
import numpy as np
import scipy.optimize
from hypothesis import strategies as st

GROUPS, LANGUAGES = 6, 3
positive = st.floats(-2, 2).map(lambda power: 10**power)
some_zeros = st.one_of(positive, st.just(0.0))
sizes = hnp.arrays(np.float64, GROUPS, elements=st.integers(1, 1000).map(float))
references = hnp.arrays(np.float64, GROUPS, elements=positive)
one_language = hnp.arrays(np.float64, GROUPS, elements=some_zeros)
languages = hnp.arrays(np.float64, (LANGUAGES, GROUPS), elements=some_zeros)
shares = st.floats(0.1, 1.2)

# the notes' own importances: gateways, a bottleneck of four layers, others
NOTES_REFERENCE = np.array([1.0, *[0.5] * 5, *[0.8] * 4, 0.5, 0.95])
NOTES_LANGUAGE = NOTES_REFERENCE * np.where(NOTES_REFERENCE > 0.5, 1.5, 1.0)


def lost(g, noise):
    """What is lost, one product at a time."""
    return sum(float(one) * float(power) for one, power in zip(g, noise, strict=True))


def primal(losses, reference, sizes, limit, residual=0.0):
    """The least fraction by a linear program over protected shares; None if there is no
    way to meet the limit."""
    left = 1 - np.broadcast_to(residual, len(sizes))
    rows, needs = [], []
    for g in np.atleast_2d(losses):
        v = np.array([a - limit * b for a, b in zip(g, reference, strict=True)])
        size = max(abs(v).max(), 1e-300)
        rows.append(-v * left / size)
        needs.append(-v.sum() / size)
    found = scipy.optimize.linprog(
        np.array(sizes) / sum(sizes),
        A_ub=np.array(rows),
        b_ub=np.array(needs),
        bounds=(0, 1),
        method="highs-ds",
    )
    return found.fun if found.status == 0 else None


def integer(losses, reference, sizes, limit):
    """The least fraction if groups are protected as a whole, by trying all sets."""
    best = np.inf
    for chosen in itertools.product([0, 1], repeat=len(sizes)):
        noise = [1 - x for x in chosen]
        rows = np.atleast_2d(losses)
        allowed = limit * lost(reference, noise)
        if all(lost(g, noise) <= allowed * (1 + 1e-12) for g in rows):
            size = sum(n for n, x in zip(sizes, chosen, strict=True) if x)
            best = min(best, size / sum(sizes))
    return best


def dual_maximum(losses, reference, sizes, limit):
    """The largest dual value over the prices where one of its terms starts to count."""
    total = sum(sizes)
    v = [a - limit * b for a, b in zip(losses, reference, strict=True)]
    prices = [0.0] + [
        n / total / one for n, one in zip(sizes, v, strict=True) if one > 0
    ]
    return max(
        y * sum(v)
        - sum(max(y * one - n / total, 0) for n, one in zip(sizes, v, strict=True))
        for y in prices
    )


def least_ratio_for(losses, reference, sizes, fraction, residual=0.0):
    """The smallest ratio with a share of weights protected, by the linear-fractional
    program of Charnes and Cooper: noise and one more variable scaled so that the
    reference loses 1."""
    left = 1 - np.broadcast_to(residual, len(sizes))
    share = np.array(sizes) / sum(sizes)
    # D = sum g (t - left x) with x <= t, sum share x <= p t
    costs = np.append(-losses * left, losses.sum())
    found = scipy.optimize.linprog(
        costs,
        A_ub=np.vstack(
            [
                np.c_[np.eye(len(sizes)), -np.ones(len(sizes))],
                np.append(share, -fraction),
            ]
        ),
        b_ub=np.zeros(len(sizes) + 1),
        A_eq=np.append(-reference * left, reference.sum())[None],
        b_eq=[1.0],
        bounds=(0, None),
    )
    return found.fun


def least_bits(losses, reference, sizes, *, limit, quality, bits_range, start):
    """The least mean bits by sequential quadratic programming in bits."""
    share = np.array(sizes) / sum(sizes)
    scale = reference @ 4.0**-start

    def slacks(bits):
        noise = 4.0**-bits
        base = reference @ noise
        rows = [(limit * base - g @ noise) / scale for g in losses]
        if np.isfinite(quality):
            rows.append((quality - base) / scale)
        return np.array(rows)

    found = scipy.optimize.minimize(
        lambda bits: share @ bits,
        start,
        jac=lambda _: share,
        method="SLSQP",
        bounds=[bits_range] * len(sizes),
        constraints={"type": "ineq", "fun": slacks},
        options={"maxiter": 1000, "ftol": 1e-12},
    )
    return found.fun if slacks(found.x).min() > -1e-7 else np.inf


def floor_at(losses, sizes, mean_bits, mixture):
    """The worst-language floor at given weights, multiplied out."""
    total = sum(sizes)
    value = total * 4.0**-mean_bits
    for group, size in enumerate(sizes):
        value *= (lost(mixture, losses[:, group]) / size) ** (size / total)
    return value


def least_worst(losses, sizes, mean_bits):
    """The least loss of the worst of two languages, over a fine grid of mixtures.

    For each mixture the noise powers in proportion to n / gbar are best; the worst
    language's loss is then an upper bound, and the least over mixtures is the optimum.
    """
    share = np.array(sizes) / sum(sizes)
    best = np.inf
    for weight in np.linspace(0, 1, 20001)[1:-1]:
        mean = weight * losses[0] + (1 - weight) * losses[1]
        noise = share / mean
        noise = noise * 4.0**-mean_bits / np.exp(share @ np.log(noise))
        best = min(best, max(losses @ noise))
    return best


def sets(groups, size):
    """All sets of groups of a size, as masks."""
    for chosen in itertools.combinations(range(groups), size):
        yield np.isin(np.arange(groups), chosen)
