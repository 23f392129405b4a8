"""The kinds of bootstrap intervals, from values of a statistic on resamples."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

from jaxdisp.stats import bca

KINDS = ("percentile", "basic", "bca", "expanded", "studentized")

RELIABLE_FROM = {
    "percentile": 40,
    "basic": 100,
    "bca": 40,
    "expanded": 12,
    "studentized": 12,
}
"""Clusters from which each kind covers 93 % or nearly, with 95 % aimed at, of means,
ratios and correlations of rows without much skew: `benchmarks/interval_coverage.py`."""

ALIKE = 0.9
"""Effective clusters per cluster below which `expanded`, which widens for the number of
clusters, gains too little, and needs as many as `bca`."""

MOST_SKEW = 0.05
"""Acceleration that most means of lognormal rows exceed; no kind covers 93 % of these
with 12 or 40 rows."""

MOST_UNDEFINED = 0.1
"""Share of a tail's draws that may have no value; they move a bound by less."""

MOST_TIED = 0.5
"""Share of draws that may equal the estimate before z0 is what ties are counted as."""

Numbers = Float[np.ndarray, " *statistic"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class BootstrapInterval:
    """An interval, and what it rests on.

    `standard_error` is the standard deviation of the `replicates` (values in draws that
    have one), `left_out` the values without one cluster each; `bias` is z0, the median
    bias on z's scale; `acceleration` is None for kinds that do not use it;
    `undefined` counts the draws in which the statistic had no value, which are left
    out; `caution` says why the interval may not cover what it should, or is empty.
    """

    kind: str
    level: float
    estimate: Numbers
    low: Numbers
    high: Numbers
    standard_error: Numbers
    bias: Numbers
    acceleration: Numbers | None
    rows: int
    clusters: int
    draws: int
    undefined: int
    replicates: Float[np.ndarray, " used *statistic"]
    left_out: Float[np.ndarray, " cluster *statistic"]
    caution: str

    @property
    def reliable(self) -> bool:
        """Whether nothing is known to be wrong with it."""
        return not self.caution


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Resampled:
    """Values of the statistic: of the data, without each cluster, of each draw.

    `effective` is the number of clusters, where those that differ in size count less;
    `errors` are standard errors, of the data and then of each draw; `steps` says that
    the statistic without one cluster takes few values although clusters differ.
    """

    level: float
    rows: int
    effective: float
    estimate: Numbers
    left_out: Float[np.ndarray, " cluster *statistic"]
    drawn: Float[np.ndarray, " draw *statistic"]
    errors: Float[np.ndarray, " one_and_draw *statistic"] | None
    steps: bool


def interval_of(kind: str, data: Resampled) -> BootstrapInterval:
    """Finds one interval, and says what is doubtful about it.

    Definition: see `bootstrap_intervals.bootstrap_intervals`.

    Args:
        kind: one of `KINDS`.
        data: values of the statistic.

    Raises:
        ValueError: if the statistic has no value in too many draws or (if the kind
            needs it) without one cluster, or does not vary, or ties decide the kind.

    Reference: see `bootstrap_intervals.bootstrap_intervals`.
    """
    used, pivots = _used(kind, data)
    drawn = data.drawn[used]
    shape, clusters = data.estimate.shape, len(data.left_out)
    ordered = np.sort(_by_element(drawn), axis=1)
    centre = data.estimate.reshape(-1)
    skew = _acceleration(data) if kind in ("bca", "expanded") else None
    tied = _tied(ordered, centre)
    _check_ties(kind, ordered, tied)
    z0 = bca.bias(ordered, centre)
    if skew is not None:
        z = bca.half_width(data.level, clusters if kind == "expanded" else None)
        shares = np.stack([bca.adjusted(z0 + s, z0, skew) for s in (-z, z)])
    else:
        tail = (1 - data.level) / 2
        shares = np.repeat([[tail], [1 - tail]], len(centre), axis=1)
    source = ordered if pivots is None else np.sort(_by_element(pivots), axis=1)
    low, high = (bca.quantile(source, share) for share in shares)
    if kind == "basic":
        low, high = 2 * centre - high, 2 * centre - low
    if data.errors is not None and pivots is not None:
        error = data.errors[0].reshape(-1)
        low, high = centre - high * error, centre - low * error
    if np.any(low >= high):
        raise ValueError(
            f"the {kind} interval is one point: {100 * tied.max():.0f} % of draws give "
            "the estimate itself, as rows have many ties"
        )
    return BootstrapInterval(
        kind=kind,
        level=data.level,
        estimate=data.estimate,
        low=low.reshape(shape),
        high=high.reshape(shape),
        standard_error=np.asarray(drawn.std(axis=0, ddof=1)),
        bias=z0.reshape(shape),
        acceleration=None if skew is None else skew.reshape(shape),
        rows=data.rows,
        clusters=clusters,
        draws=len(data.drawn),
        undefined=len(data.drawn) - len(drawn),
        replicates=drawn,
        left_out=data.left_out,
        caution=_caution(kind, data, skew, shares, int(np.sum(~used))),
    )


def _used(
    kind: str, data: Resampled
) -> tuple[Bool[np.ndarray, " draw"], Float[np.ndarray, " used *statistic"] | None]:
    """Says in which draws the statistic has a value, and its studentized values."""
    values, pivots = data.drawn, None
    if kind == "studentized" and data.errors is not None:
        rounding = bca.ROUNDINGS * np.finfo(np.float64).eps
        if not np.all(data.errors[0] > rounding * np.abs(data.estimate)):
            raise ValueError(
                f"the statistic has standard error {data.errors[0]}: it cannot be "
                "studentized"
            )
        sound = data.errors[1:] > rounding * np.abs(data.drawn)
        scale = np.where(sound, data.errors[1:], 1.0)
        values = np.where(sound, (data.drawn - data.estimate) / scale, np.nan)
    what = "statistic" if kind != "studentized" else "studentized statistic"
    elements = values.reshape(len(values), -1)
    used = np.asarray(np.isfinite(elements).all(axis=1))
    undefined, allowed = int(np.sum(~used)), MOST_UNDEFINED * (1 - data.level) / 2
    if undefined > max(1, allowed * len(values)):
        raise ValueError(
            f"the {what} has no value in {undefined} of {len(values)} draws, more "
            f"than {100 * allowed:g} %: too few rows, or too few that differ"
        )
    if kind == "studentized":
        pivots = values[used]
    return used, pivots


def _by_element(x: np.ndarray) -> Float[np.ndarray, "element draw"]:
    return x.reshape(len(x), -1).T


def _acceleration(data: Resampled) -> Float[np.ndarray, " element"]:
    """Finds the acceleration; raises if the statistic needs every cluster."""
    table = data.left_out.reshape(len(data.left_out), -1)
    missing = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if len(missing):
        raise ValueError(
            f"the statistic has no value without cluster {missing[0]} (of those in "
            "order), which the acceleration needs: take the percentile kind"
        )
    return bca.acceleration(table)


def _tied(
    ordered: Float[np.ndarray, "element draw"], centre: Float[np.ndarray, " element"]
) -> Float[np.ndarray, " element"]:
    """Finds the share of draws that equal the estimate."""
    near = bca.ROUNDINGS * np.finfo(np.float64).eps * np.abs(ordered).max(axis=1)
    return np.mean(np.abs(ordered - centre[:, None]) <= near[:, None], axis=1)


def _check_ties(
    kind: str,
    ordered: Float[np.ndarray, "element draw"],
    tied: Float[np.ndarray, " element"],
) -> None:
    """Raises if the statistic does not vary, or its ties decide a kind."""
    near = bca.ROUNDINGS * np.finfo(np.float64).eps * np.abs(ordered).max(axis=1)
    if np.any(ordered[:, -1] - ordered[:, 0] <= near):
        raise ValueError(
            "the statistic, or an element of it, is the same in all draws: rows that "
            "do not differ give no interval"
        )
    if kind in ("bca", "expanded") and tied.max() > MOST_TIED:
        raise ValueError(
            f"{100 * tied.max():.0f} % of draws give the estimate itself, so that ties "
            f"decide the bias of the {kind} kind: take the percentile kind"
        )


def _caution(
    kind: str,
    data: Resampled,
    skew: Float[np.ndarray, " element"] | None,
    shares: Float[np.ndarray, "2 element"],
    undefined: int,
) -> str:
    """Says why the interval may not cover what it should."""
    clusters, found = len(data.left_out), []
    unlike = kind == "expanded" and data.effective < ALIKE * clusters
    needed = RELIABLE_FROM["bca" if unlike else kind]
    if data.effective < needed - 1e-9:
        what = "rows" if clusters == data.rows else "clusters"
        worth = f", worth {data.effective:.1f} of one size," * (
            data.effective < clusters - 0.05
        )
        found.append(
            f"{clusters} {what}{worth} are few: the {kind} kind covers what it should "
            f"from {needed}"
        )
    if skew is not None and np.max(np.abs(skew)) > MOST_SKEW:
        worst = float(skew[np.argmax(np.abs(skew))])
        found.append(
            f"acceleration {worst:.2f}, as of skewed rows, where intervals cover less "
            "than they should"
        )
    if data.steps and kind == "basic":
        found.append("the statistic changes in steps, for which this kind covers less")
    if data.steps and skew is not None:
        found.append(
            "the statistic changes in steps, so that the acceleration says nothing"
        )
    last = len(data.drawn) - undefined - 1
    if np.min(np.minimum(shares[0], 1 - shares[1])) * last < 1:
        found.append("a bound is among the last two draws: take more draws")
    if undefined:
        found.append(f"the statistic has no value in {undefined} draws, left out")
    return "; ".join(found)
