"""The best assignments of the additive model, in order, with what the others reach.

Layers are decided one by one. For each total that the sizes decided so far may have, a
table says how little the rest can add to a few mixtures of the aims: by dynamic
programming over the totals, which is exact for a mean. A beginning is dropped once
enough others end below what it can reach at best.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxdisp.result import result
from jaxdisp.search import additive_bound
from jaxdisp.search.additive_bound import Certificate, Limit, Problem

STATES = 4096
"""Totals of sizes to tell apart; where there are more, sizes are rounded down first."""
WIDTH = 4096
ROUNDING = 1e-12
# of the largest that an aim can be; sums are off by less


@result
class Candidates:
    """The best assignments found in the additive model, best first.

    No allowed assignment that is not listed is below `rest`, infinite if there is none,
    so that the first `proved` are the best there are, ties aside. Unlike the claim of
    the certificate, this cannot be checked without searching again.
    """

    assignments: Int[np.ndarray, "candidate layer"]
    values: Float[np.ndarray, " candidate"]
    rest: Float[np.ndarray, ""]
    proved: int
    certificate: Certificate

    @property
    def complete(self) -> bool:
        """Whether the whole list is proved."""
        return self.proved == len(self.values)

    @property
    def floor(self) -> Float[np.ndarray, ""]:
        """What no allowed assignment is below: by the search or by the certificate."""
        searched = np.minimum(self.values[0], self.rest)
        return np.asarray(np.maximum(searched, self.certificate.claim))

    @property
    def gap(self) -> Float[np.ndarray, ""]:
        """The best found minus what the certificate proves."""
        return np.asarray(self.values[0] - self.certificate.claim)


@result
class _Rest:
    """What the layers that are not decided yet can add, for each total of the others.

    `totals` are of rounded sizes; `least` is for each mixture by itself, infinite if
    the limit cannot be met; `aims` and `size` are of the choice best for the first.
    """

    totals: Int[np.ndarray, " state"]
    least: Float[np.ndarray, "mixture state"]
    aims: Float[np.ndarray, "state aim"]
    size: Int[np.ndarray, " state"]


@result
class _Begun:
    """Assignments of the first layers: `used` are their sizes, `total` rounded ones."""

    assignments: Int[np.ndarray, "begun decided"]
    aims: Float[np.ndarray, "begun aim"]
    used: Int[np.ndarray, " begun"]
    total: Int[np.ndarray, " begun"]


def candidates(problem: Problem, count: int, *, width: int = WIDTH) -> Candidates:
    """Lists the best allowed assignments of the additive model.

    Definition: the `count` smallest of `additive_bound.values`, ties in lexicographic
    order; fewer if there are not so many. At most `width` beginnings are kept; what the
    others can reach limits `rest`.

    Args:
        problem: what is to be small, within which limit.
        count: how many to list.
        width: beginnings kept at a time; raised to `count`.

    Raises:
        ValueError: if `count` is not positive.

    Reference: Land and Doig 1960, An automatic method of solving discrete programming
        problems, Econometrica 28; bounds as Geoffrion 1974, section 3.
    """
    if count < 1:
        raise ValueError(f"at least 1 candidate must be asked for, got {count}")
    certificate = additive_bound.bound(problem)
    terms, sizes = problem.terms, problem.limit.sizes
    mixtures = _mixtures(certificate.mixture)
    spread = np.ptp(np.tensordot(mixtures[0], terms, 1), axis=1)
    order = np.argsort(-spread, kind="stable")  # what decides most comes first
    terms, sizes = terms[:, order], sizes[order]
    limit = Limit(sizes=sizes, most=problem.limit.most, exactly=problem.limit.exactly)
    unit, tables = _tables(np.tensordot(mixtures, terms, 1), terms, limit)
    slack = ROUNDING * np.sum(np.max(np.abs(terms), axis=(0, 2)))
    cheapest = _after(np.min(sizes, axis=1))
    begun = _Begun(
        assignments=np.zeros((1, 0), np.int16),  # most of what is copied
        aims=np.zeros((1, len(terms))),
        used=np.zeros(1, int),
        total=np.zeros(1, int),
    )
    rest, ends = np.inf, np.zeros(1)
    for layer, table in enumerate(tables[1:]):
        begun = _longer(begun, terms[:, layer], sizes[layer], sizes[layer] // unit)
        begun = _taken(begun, _open(begun, table, limit.most - int(cheapest[layer])))
        floors, ends = _reach(begun, table, mixtures, limit.most)
        floors = ends if layer == len(order) - 1 else floors
        kept = _kept(floors, ends, count, max(count, width), slack)
        dropped = np.delete(floors, kept)
        rest = min(rest, dropped.min(initial=np.inf) - slack)
        begun, ends = _taken(begun, kept), ends[kept]
    found = begun.assignments[:, np.argsort(order)].astype(int)
    ranked = np.lexsort((*found.T[::-1], ends))
    beyond = ends[ranked[count:]]
    rest = min(rest, beyond.min(initial=np.inf))
    best = found[ranked[:count]]
    predicted = additive_bound.values(problem, best)
    return Candidates(
        assignments=best,
        values=predicted,
        rest=np.asarray(rest),
        proved=int(np.sum(predicted <= rest + 3 * slack)),
        certificate=certificate,
    )


def _mixtures(
    mixture: Float[np.ndarray, " aim"],
) -> Float[np.ndarray, "mixture aim"]:
    """Returns the weights of the certificate, then each aim that they count alone."""
    counted = np.eye(len(mixture))[mixture > 0]
    whole = (mixture / mixture.sum())[None]
    return np.vstack([whole, counted]) if len(counted) > 1 else counted


def _after(sizes: Int[np.ndarray, " layer"]) -> Int[np.ndarray, " layer"]:
    """Adds up the sizes of all later layers."""
    return np.sum(sizes) - np.cumsum(sizes)


def _tables(
    mixed: Float[np.ndarray, "mixture layer version"],
    terms: Float[np.ndarray, "aim layer version"],
    limit: Limit,
) -> tuple[int, list[_Rest]]:
    """Returns the unit that sizes are rounded down to, and a table for each beginning.

    Rounding down allows more, so that what is left is still a lower bound.
    """
    unit, totals = 1, _totals(limit)
    while totals is None:
        unit *= 2
        rounded = limit.sizes // unit, limit.most // unit
        totals = _totals(Limit(sizes=rounded[0], most=rounded[1], exactly=False))
    last = totals[-1]
    met = last == limit.most if limit.exactly else last <= limit.most // unit
    tables = [
        _Rest(
            totals=last,
            least=np.where(met, 0.0, np.inf)[None].repeat(len(mixed), axis=0),
            aims=np.zeros((len(last), len(terms))),
            size=np.zeros(len(last), int),
        )
    ]
    for layer in reversed(range(terms.shape[1])):
        sizes = limit.sizes[layer]
        after = tables[-1]
        sums = totals[layer][:, None] + sizes // unit
        place, there = _places(after.totals, sums)
        later = np.where(there, after.least[:, place], np.inf)
        least = mixed[:, layer, None, :] + later  # mixture state version
        choice = np.argmin(least[0], axis=1)
        chosen = place[np.arange(len(sums)), choice]
        table = _Rest(
            totals=totals[layer],
            least=np.min(least, axis=2),
            aims=terms[:, layer, choice].T + after.aims[chosen],
            size=sizes[choice] + after.size[chosen],
        )
        tables.append(table)
    return unit, tables[::-1]


def _totals(limit: Limit) -> list[Int[np.ndarray, " state"]] | None:
    """Lists the totals of the first layers that can still fit, unless too many."""
    found = [np.zeros(1, int)]
    for row, after in zip(
        limit.sizes, _after(np.min(limit.sizes, axis=1)), strict=True
    ):
        sums = np.unique(found[-1][:, None] + row)
        found.append(sums[sums <= limit.most - after])
        if len(found[-1]) > STATES and not limit.exactly:
            return None
    return found


def _places(
    totals: Int[np.ndarray, " state"], wanted: Int[np.ndarray, "*any"]
) -> tuple[Int[np.ndarray, "*any"], Bool[np.ndarray, "*any"]]:
    """Finds totals in a sorted list, and says which are there."""
    place = np.minimum(np.searchsorted(totals, wanted), len(totals) - 1)
    return place, totals[place] == wanted


def _longer(
    begun: _Begun,
    terms: Float[np.ndarray, "aim version"],
    sizes: Int[np.ndarray, " version"],
    rounded: Int[np.ndarray, " version"],
) -> _Begun:
    """Decides the next layer in every way."""
    versions = np.tile(np.arange(len(sizes), dtype=np.int16), len(begun.used))
    parents = np.arange(len(begun.used)).repeat(len(sizes))
    return _Begun(
        assignments=np.column_stack([begun.assignments[parents], versions]),
        aims=begun.aims[parents] + terms.T[versions],
        used=begun.used[parents] + sizes[versions],
        total=begun.total[parents] + rounded[versions],
    )


def _open(begun: _Begun, table: _Rest, room: int) -> Bool[np.ndarray, " begun"]:
    """Flags what can still meet the limit."""
    place, there = _places(table.totals, begun.total)
    return there & np.isfinite(table.least[0, place]) & (begun.used <= room)


def _taken(
    begun: _Begun,
    rows: Bool[np.ndarray, " begun"] | Int[np.ndarray, " kept"],
) -> _Begun:
    return _Begun(
        assignments=begun.assignments[rows],
        aims=begun.aims[rows],
        used=begun.used[rows],
        total=begun.total[rows],
    )


def _reach(
    begun: _Begun, table: _Rest, mixtures: Float[np.ndarray, "mixture aim"], most: int
) -> tuple[Float[np.ndarray, " begun"], Float[np.ndarray, " begun"]]:
    """Finds what no end of each beginning is below, and what one of its ends has."""
    place, _ = _places(table.totals, begun.total)
    floors = np.max(mixtures @ begun.aims.T + table.least[:, place], axis=0)
    ends = np.max(begun.aims + table.aims[place], axis=1)
    # the end is the best for rounded sizes and may be too large
    return floors, np.where(begun.used + table.size[place] <= most, ends, np.inf)


def _kept(
    floors: Float[np.ndarray, " begun"],
    ends: Float[np.ndarray, " begun"],
    count: int,
    width: int,
    slack: float,
) -> Int[np.ndarray, " kept"]:
    """Chooses the beginnings that may lead to one of the best.

    If they are too many, half are taken by what they can reach, so that the others are
    known to be above that, and half by what they do reach.
    """
    enough = np.partition(ends, count - 1)[count - 1] if len(ends) >= count else np.inf
    places = np.flatnonzero(floors <= enough + slack)
    if len(places) <= width:
        return places
    places = places[np.argsort(floors[places], kind="stable")]
    half = width // 2
    others = places[half:][np.argsort(ends[places[half:]], kind="stable")]
    return np.concatenate([places[:half], others[: width - half]])
