"""Slow float64 answers about thresholds that languages share, which share no code."""

import itertools

import numpy as np
import scipy.optimize
import scipy.stats

POINTS, ROUNDS = 33, 15


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

    Of evenly spaced points the least has a minimum between its neighbours; 15 times
    the interval shrinks to a sixteenth, which leaves 1e-18 of it.
    """
    for _ in range(ROUNDS):
        points = np.linspace(low, high, POINTS, axis=-1)
        best = np.argmin(cost(points), axis=-1)[..., None]
        low = np.take_along_axis(points, np.maximum(best - 1, 0), -1)[..., 0]
        high = np.take_along_axis(points, np.minimum(best + 1, POINTS - 1), -1)[..., 0]
    return (low + high) / 2


def own_noise(x, weights, c):
    """Thresholds by language and group if each could choose, and what it then loses."""
    tops = np.where(weights > 0, np.abs(x), 0).max(axis=2)  # the largest that is felt
    at = np.zeros(weights.shape[:2])
    for language, group in np.ndindex(at.shape):
        one = x[group : group + 1], weights[language : language + 1, group : group + 1]
        at[language, group] = zoomed(
            lambda points, one=one: noise(*one, points[..., None], c)[0],
            np.zeros(()),
            tops[language, group],
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
    """The least maximum, and a bound below it, by cutting planes.

    Convex functions lie above their tangents; the least of the largest tangent so far
    is a linear program, whose solution is where the next tangents are taken.
    """
    over = denominators(x, weights, c, aim)
    tops = np.abs(x).max(axis=1)
    at, least, planes, ends = tops / 2, np.inf, [], []
    for _ in range(300):
        levels = noise(x, weights, at, c) / over
        slopes = noise_slopes(x, weights, at, c) / over[:, None]
        least = min(least, levels.max())
        planes.append(np.c_[slopes, -np.ones(len(over))])
        ends.append(slopes @ at - levels)
        found = scipy.optimize.linprog(
            np.append(np.zeros(len(tops)), 1.0),
            A_ub=np.concatenate(planes),
            b_ub=np.concatenate(ends),
            bounds=[*((0, top) for top in tops), (0, None)],
        )
        at, bound = found.x[:-1], found.fun
        if least - bound < 1e-7 * least:
            break
    return least, bound


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


def squared_errors(x, weights, tops, bits, grid):
    """The weighted squared error of rounding, by language; a threshold per group.

    With `tops` of several rows, of which each has a threshold per group, rows first.
    """
    tops = np.asarray(tops)
    half = 2 ** (bits - 1)
    numbers = {
        "symmetric": np.arange(-half + 1, half),
        "twos_complement": np.arange(-half, half),
        "midrise": np.arange(-half, half) + 0.5,
    }[grid]
    listed = numbers / (half if grid == "midrise" else half - 1)
    middles = (listed[1:] + listed[:-1]) / 2
    total = 0.0
    for group, values in enumerate(x):
        top = tops[..., group, None]
        share = values / np.where(top > 0, top, np.inf)
        left = (values - listed[np.searchsorted(middles, share)] * top) ** 2
        total = total + left @ weights[:, group].T
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
