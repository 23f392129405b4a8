"""What the theorems on clipping say of a model, as findings on its matrices.

All of them rest on `clipping_on_model.regrets`. Units are the matrices; their intervals
come from leaving out layers, whose matrices share their inputs.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.claims.theorems.clipping_on_model import SHARED, regrets
from jaxdisp.measure.redundancy import rank_agreement
from jaxdisp.stats.equivalence import margin_left
from jaxdisp.stats.jackknife import jackknife_interval

LAYERS = 3
"""That leave something when one is left out."""

NOTICED = 0.1
"""A tenth more error, as a tenth of a bit less in two: what could matter at all."""

MARGIN = 0.25

_JACKKNIFE = "additive-noise objective of each matrix; jackknife over layers"

QUADRATIC = Claim(
    id="T2a",
    statement="What a threshold costs that is not a language's own goes as the square "
    "of its distance.",
    source="theorem T2a; research notes, LA-ACIQ",
    unit="what is left of 0.25 from an exponent of 2",
    method=f"languages within matrices, threshold of the weights alone; {_JACKKNIFE}",
    most=MARGIN,
)

ORDER = Claim(
    id="T2b",
    statement="Matrices of higher kurtosis need wider thresholds.",
    source="research notes, deep foundations, section 1.1; theorem T2b",
    unit="rank correlation",
    method=f"thresholds over root mean squares, over matrices; {_JACKKNIFE}",
    least=0.3,
)

BOUNDS = Claim(
    id="T2c",
    statement="The best threshold of every matrix and language is within the bounds of "
    "its moments.",
    source="theorem T2c",
    unit="logarithm of the least ratio to a bound",
    method="matrices and languages; not an interval of an estimate, but the least and "
    "the largest ratio of any",
)

APART = Claim(
    id="T2d",
    statement="One threshold is unfair: it costs some language a tenth more than its "
    "own would.",
    source="theorem T2d; research notes, LA-ACIQ",
    unit="largest regret of a language",
    method=f"mean over matrices, threshold of the weights alone; {_JACKKNIFE}",
    support=NOTICED,
    least=NOTICED,
)

FAIR = Claim(
    id="T2e",
    statement="One threshold can be chosen that costs no language a tenth more than "
    "its own would.",
    source="theorem T2e",
    unit="what is left of 0.1 above the largest regret",
    method=f"mean over matrices, threshold of least largest regret; {_JACKKNIFE}",
    most=NOTICED,
)


def costs(evidence: Evidence) -> Finding:
    """Finds the exponent with which regret grows with distance, within matrices.

    Definition: the slope of `ln regret` on `ln distance` over languages, both less the
    mean of their matrix.

    Args:
        evidence: of one model.

    Reference: our own definition.
    """
    found = regrets(evidence)
    blind = found["blind"]
    regret, distance = np.array(blind["regret"]), np.array(blind["distance"])
    few = _too_few(found)
    if few or not np.all(np.min(distance, axis=1, initial=1.0) > 0):
        return not_applicable(
            QUADRATIC, len(regret), few or "a language has the shared threshold itself"
        )
    logs = [_within(np.log(each)) for each in (distance, np.maximum(regret, 1e-300))]

    def slope(kept: np.ndarray) -> float:
        return float(np.sum(logs[0][kept] * logs[1][kept]) / np.sum(logs[0][kept] ** 2))

    exponent, interval = _over_layers(found, slope)
    estimate, left = margin_left(exponent, interval, target=2.0, margin=MARGIN)
    lower, upper = np.array(blind["lower"]), np.array(blind["upper"])
    slack = 1e-9 * regret + 1e-12  # rounding of J / J* - 1
    kept = (lower <= regret + slack) & (regret <= upper + slack)
    wide = np.median(upper / lower)
    return judge(
        QUADRATIC,
        estimate,
        left,
        len(regret),
        f"exponent {exponent:.2f}; {int(kept.sum())} of {kept.size} regrets are within "
        f"the bounds of T2a, which are {wide:.3f} apart in the median",
    )


def orders(evidence: Evidence) -> Finding:
    """Correlates the ranks of kurtosis and best threshold over matrices.

    Args:
        evidence: of one model.

    Reference: Spearman's correlation; our own comparison.
    """
    found = regrets(evidence)
    kurtosis = np.array(found["kurtosis"])
    threshold = np.array(found["blind"]["threshold"])
    few = _too_few(found)
    if few or np.ptp(kurtosis) == 0 or np.ptp(threshold) == 0:
        return not_applicable(ORDER, len(kurtosis), few or "all matrices are alike")

    def correlation(kept: np.ndarray) -> float:
        table = np.stack([kurtosis[kept], threshold[kept]])
        return float(rank_agreement(table, np.array([[0, 1]]))[0])

    estimate, interval = _over_layers(found, correlation)
    one, other = np.triu_indices(len(kurtosis), 1)
    signs = (kurtosis[one] - kurtosis[other]) * (threshold[one] - threshold[other])
    return judge(
        ORDER,
        estimate,
        (max(interval[0], -1.0), min(interval[1], 1.0)),
        len(kurtosis),
        f"excess kurtosis {kurtosis.min():.2f} to {kurtosis.max():.2f}, thresholds "
        f"{threshold.min():.2f} to {threshold.max():.2f}; {np.mean(signs < 0):.0%} of "
        "pairs of matrices are ordered the other way",
    )


def bounds(evidence: Evidence) -> Finding:
    """Compares every best threshold with what moments say of it.

    Args:
        evidence: of one model.

    Reference: our own definition (theorem T2c of docs/theory.md).
    """
    found = regrets(evidence)
    n = len(found["layer"])
    over = np.log(np.array(found["over_floor"], float))
    under = np.log(np.array(found["under_ceiling"], float))
    least = np.minimum(over, under)
    known = np.isfinite(least)
    if not np.any(known):
        return not_applicable(BOUNDS, n, "needs a matrix that is quantized and felt")
    least = least[known]
    return judge(
        BOUNDS,
        float(least.min()),
        (float(least.min()), float(least.max())),
        n,
        f"thresholds are {np.exp(over[known].min()):.2f} to "
        f"{np.exp(over[known].max()):.2f} times the lower bound, and the upper bound "
        f"is {np.exp(under[known].min()):.2f} to {np.exp(under[known].max()):.2f} "
        "times the threshold",
    )


def languages_apart(evidence: Evidence) -> Finding:
    """Averages over matrices what the threshold of the weights costs most.

    Definition: mean over matrices of the largest regret of a language.

    Args:
        evidence: of one model.

    Reference: our own definition (theorem T2d of docs/theory.md).
    """
    found = regrets(evidence)
    if few := _too_few(found):
        return not_applicable(APART, len(found["layer"]), few)
    estimate, interval = _largest(found, "blind")
    regret, languages = np.array(found["blind"]["regret"]), found["languages"]
    row, column = np.unravel_index(int(np.argmax(regret)), regret.shape)
    mean = regret.mean(axis=0)
    intrinsic = np.array(found["intrinsic"])
    spread = np.log(intrinsic.max(axis=1) / intrinsic.min(axis=1)).mean()
    correlation = _own_correlation(found)
    return judge(
        APART,
        estimate,
        interval,
        len(regret),
        f"on average {mean.min():.1%} ({languages[int(np.argmin(mean))]}) to "
        f"{mean.max():.1%} ({languages[int(np.argmax(mean))]}) by language, at most "
        f"{regret[row, column]:.0%} ({languages[column]}, layer {found['layer'][row]}, "
        f"{found['matrix'][row]}); with thresholds of their own languages would still "
        f"differ by {np.expm1(spread):.0%}; over languages, thresholds and felt "
        f"kurtosis have a rank correlation of {correlation:.2f} within matrices",
    )


def fair_thresholds(evidence: Evidence) -> Finding:
    """Averages over matrices what the fairest one threshold costs most.

    Args:
        evidence: of one model.

    Reference: our own definition (theorem T2e of docs/theory.md).
    """
    found = regrets(evidence)
    if few := _too_few(found):
        return not_applicable(FAIR, len(found["layer"]), few)
    largest, (low, high) = _largest(found, "fair")
    means = {
        kind: np.array(found[kind]["regret"]).max(axis=1).mean() for kind in SHARED
    }
    regret = np.array(found["fair"]["regret"])
    ordered = np.sort(regret, axis=1)
    tied = ordered[:, -1] - ordered[:, -2] <= 0.01 * ordered[:, -1]
    return judge(
        FAIR,
        NOTICED - largest,
        (NOTICED - high, NOTICED - low),
        len(regret),
        f"largest regret of a language: {means['blind']:.1%} with the threshold of the "
        f"weights alone, {means['average']:.1%} with that of the mean language and "
        f"{means['fair']:.1%} with the fairest; in {int(tied.sum())} of {len(regret)} "
        f"matrices two languages tie; at most {regret.max():.0%}",
    )


def _too_few(found: dict[str, Any]) -> str:
    layers = len(set(found["layer"]))
    if len(found["languages"]) < 2:
        return f"needs at least 2 languages, got {len(found['languages'])}"
    if layers < LAYERS:
        return f"needs at least {LAYERS} layers that are quantized, got {layers}"
    return ""


def _within(table: np.ndarray) -> np.ndarray:
    return table - table.mean(axis=1, keepdims=True)


def _largest(found: dict[str, Any], kind: str) -> tuple[float, tuple[float, float]]:
    worst = np.array(found[kind]["regret"]).max(axis=1)
    return _over_layers(found, lambda kept: float(worst[kept].mean()))


def _over_layers(
    found: dict[str, Any], statistic: Callable[[np.ndarray], float]
) -> tuple[float, tuple[float, float]]:
    """A statistic of rows, and its interval from leaving out layers."""
    layer = np.array(found["layer"])
    estimate = statistic(np.ones(len(layer), bool))
    without = np.array([statistic(layer != number) for number in np.unique(layer)])
    low, high = jackknife_interval(np.array(estimate), without)
    return estimate, (float(low), float(high))


def _own_correlation(found: dict[str, Any]) -> float:
    """Rank correlation of languages' thresholds and felt kurtosis, within matrices."""
    ranks = [stats.rankdata(np.array(found[name]), axis=1) for name in ("own", "felt")]
    own, felt = (_within(each) for each in ranks)
    scale = np.sqrt(np.sum(own**2) * np.sum(felt**2))
    return float(np.sum(own * felt) / scale) if scale > 0 else 0.0
