"""Slow float64 answers about thresholds that languages share, which share no code."""

import itertools

import numpy as np
import scipy.optimize
import scipy.stats

POINTS, ROUNDS = 33, 13


def noise(x, weights, at, c):
    """The additive-noise objective by language: `at` has a threshold per group."""
    excess = np.maximum(np.abs(x) - at[..., None], 0.0)
    clipped = np.einsum("lgv,...gv->l...", weights, excess**2)
    return clipped + c * np.einsum("lgv,...g->l...", weights, at**2)


def noise_slopes(x, weights, at, c):
    """Its derivatives by each group's threshold."""
    excess = np.maximum(np.abs(x) - at[:, None], 0.0)
    total = c * weights.sum(axis=2) * at
    return 2 * (total - np.einsum("lgv,gv->lg", weights, excess))


def energy(x, weights):
    """What each language loses if all is rounded to 0."""
    return np.array(
        [
            sum(p * v * v for p, v in zip(one.flat, x.flat, strict=True))
            for one in weights
        ]
    )


def zoomed(cost, low, high):
    """Where a convex function, evaluated on many points at once, is least.

    Of evenly spaced points the least has a minimum between its neighbours; 13 times
    the interval shrinks to a sixteenth, which is 1e-15 of it.
    """
    for _ in range(ROUNDS):
        points = np.linspace(low, high, POINTS, axis=-1)
        best = np.argmin(cost(points), axis=-1)[..., None]
        low = np.take_along_axis(points, np.maximum(best - 1, 0), -1)[..., 0]
        high = np.take_along_axis(points, np.minimum(best + 1, POINTS - 1), -1)[..., 0]
    return (low + high) / 2


def own_noise(x, weights, c):
    """Thresholds by language and group if each could choose, and what it then loses."""
    tops = np.abs(x).max(axis=1)
    at = np.zeros(weights.shape[:2])
    for language, group in np.ndindex(at.shape):
        one = x[group : group + 1], weights[language : language + 1, group : group + 1]
        at[language, group] = zoomed(
            lambda points, one=one: noise(*one, points[..., None], c)[0],
            np.zeros(()),
            tops[group],
        )
    lost = [noise(x, weights, mine, c)[which] for which, mine in enumerate(at)]
    return at, np.array(lost)


def denominators(x, weights, c, aim):
    """What an aim divides by: energies, or what is lost with own thresholds."""
    over = own_noise(x, weights, c)[1] if aim == "regret" else energy(x, weights)
    return np.where(over > 0, over, 1.0)


def least_noise(x, weights, c, aim):
    """The least mean or maximum for one or two groups, by searches within searches."""
    over = denominators(x, weights, c, aim)
    tops = np.abs(x).max(axis=1)

    def cost(*at):
        levels = noise(x, weights, np.stack(np.broadcast_arrays(*at), -1), c)
        levels = levels / over.reshape(-1, *[1] * (levels.ndim - 1))
        return levels.mean(axis=0) if aim == "average" else levels.max(axis=0)

    def best_second(first):
        low = np.zeros_like(first)
        return zoomed(lambda at: cost(first[..., None], at), low, low + tops[1])

    if len(tops) == 1:
        first = zoomed(cost, np.zeros(()), tops[0])
        return float(cost(first))
    first = zoomed(lambda at: cost(at, best_second(at)), np.zeros(()), tops[0])
    return float(cost(first, best_second(first)))


def least_noise_of_many_groups(x, weights, c, aim):
    """The least maximum by scipy's SLSQP: least `t` with no level above it."""
    over = denominators(x, weights, c, aim)
    tops = np.abs(x).max(axis=1)
    room = {
        "type": "ineq",
        "fun": lambda z: z[-1] - noise(x, weights, z[:-1] * tops, c) / over,
        "jac": lambda z: np.c_[
            -noise_slopes(x, weights, z[:-1] * tops, c) * tops / over[:, None],
            np.ones(len(over)),
        ],
    }
    start = np.append(np.full(len(tops), 0.5), 10.0)
    unit = np.append(np.zeros(len(tops)), 1.0)
    options = {"ftol": 1e-15, "maxiter": 1000}
    found = scipy.optimize.minimize(
        lambda z: z @ unit,
        start,
        jac=lambda z: 0 * z + unit,
        constraints=room,
        options=options,
    )
    assert found.success, found.message
    return float((noise(x, weights, found.x[:-1] * tops, c) / over).max())


def bound_of_pairs(levels, own, slopes):
    """What languages alone, or two with opposite slopes, prove about one threshold.

    Two convex functions, mixed so that their slopes cancel, are least right here.
    """
    proofs = [*own]
    for one, other in itertools.permutations(range(len(levels)), 2):
        if slopes[one] < 0 < slopes[other]:
            share = slopes[other] / (slopes[other] - slopes[one])
            proofs.append(share * levels[one] + (1 - share) * levels[other])
    return max(proofs)


def quantiles(law, count):
    """Evenly spread quantiles of a law."""
    return law.ppf((np.arange(count) + 0.5) / count)


def rounded(x, top, bits, grid):
    """Every value at the nearest level written out; halves upwards."""
    half = 2 ** (bits - 1)
    numbers = {
        "symmetric": np.arange(-half + 1, half),
        "twos_complement": np.arange(-half, half),
        "midrise": np.arange(-half, half) + 0.5,
    }[grid]
    listed = numbers * top / (half if grid == "midrise" else half - 1)
    return listed[np.abs(x[..., None] - listed).argmin(axis=-1)]


def squared_errors(x, weights, tops, bits, grid):
    """The weighted squared error of rounding, by language; a threshold per group."""
    total = np.zeros(len(weights))
    for group, top in enumerate(tops):
        left = (x[group] - rounded(x[group], top, bits, grid)) ** 2
        total += [sum(one[group] * left) for one in weights]
    return total


def aciq_factor(law, bits):
    """The best threshold for a law over its deviation, by minimising a quadrature."""
    deviation, c = law.std(), 1 / (12 * 4 ** (bits - 1))
    # Tails from the upper quantiles of a fine grid would be rough; scipy integrates.

    def cost(top):
        clipped = law.expect(
            lambda v: (v - top) ** 2, lb=top, epsabs=1e-13, epsrel=1e-11
        )
        return 2 * clipped + c * top**2

    found = scipy.optimize.minimize_scalar(
        cost, bounds=(0.3, 25), method="bounded", options={"xatol": 1e-8}
    )
    return found.x / deviation


GAUSSIAN, LAPLACE = scipy.stats.norm, scipy.stats.laplace(scale=1.0)
