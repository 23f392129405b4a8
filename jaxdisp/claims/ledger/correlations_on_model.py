"""What a model's data say of the notes' correlations: claims D8 to D11, D13 and D14."""

import itertools

import numpy as np
from scipy import stats

from jaxdisp.claims import cause_tables
from jaxdisp.claims.cause_tables import Causes, Units
from jaxdisp.claims.evidence import Judge
from jaxdisp.claims.finding import Claim, Finding, Verdict, judge
from jaxdisp.claims.ledger import typed_tables as typed
from jaxdisp.claims.ledger.causality_on_model import claim
from jaxdisp.claims.theorems.mediation_on_model import BY_LANGUAGES
from jaxdisp.stats import within_groups

STRONG = 0.9
"""A correlation below this is not nearly perfect."""

LEFT = -0.098
FISHER = "means of languages; Fisher's 95 % interval"


def _within(asked: Claim, causes: Causes) -> Finding:
    units = cause_tables.units(causes, "T", "D")
    r, (low, high), n = cause_tables.correlated(units, "T", "D")
    remark = f"within languages r(T, D) = {r:.3g}, where the notes have -0.998"
    return judge(asked, -r, (-high, -low), n, remark)


def _means(causes: Causes, *names: str) -> list[np.ndarray]:
    units = cause_tables.units(causes, *names)
    return [cause_tables.language_means(units, name) for name in names]


def _correlation(
    one: np.ndarray, other: np.ndarray, *controls: np.ndarray
) -> tuple[float, tuple[float, float]]:
    """Correlates means of languages, given others, with Fisher's interval."""
    given = np.array(controls).reshape(len(controls), len(one)).T
    found = within_groups.slope(other, one, given)
    r = float(np.copysign(np.sqrt(found.partial_r2), found.estimate))
    inside = float(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    return r, typed.fisher_interval(inside, len(one), given=len(controls))


def _across(asked: Claim, causes: Causes) -> Finding:
    quality, lost = _means(causes, "T", "D")
    r, (low, high) = _correlation(quality, lost)
    alignment, again = _means(causes, "A", "D")
    other, around = _correlation(alignment, again)
    remark = (
        f"over languages r(T, D) = {r:.3g}, where the notes have -0.924; alignment of "
        f"states has {other:.3g} [{around[0]:.2g}, {around[1]:.2g}]"
    )
    return judge(asked, -r, (-high, -low), len(lost), remark)


def _given_resources(asked: Claim, causes: Causes) -> Finding:
    quality, lost, training = _means(causes, "T", "D", "log_training_bytes")
    r, interval = _correlation(quality, lost, training)
    remark = f"over languages, given log training bytes, r(T, D) = {r:.3g}"
    return cause_tables.compared_with(asked, LEFT, r, interval, len(lost), remark)


def _one_column(asked: Claim, causes: Causes) -> Finding:
    units = cause_tables.units(causes, "T", "A")
    r, interval, n = cause_tables.correlated(units, "T", "A")
    remark = f"measured apart, T and A correlate by {r:.3g} within languages"
    return cause_tables.compared_with(asked, 1.0, r, interval, n, remark)


def _fertility(asked: Claim, causes: Causes) -> Finding:
    tokens, lost = _means(causes, "relative_tokens", "D")
    r, interval = _correlation(tokens, lost)
    units = cause_tables.units(causes, "relative_tokens", "D")
    inside, around, _ = cause_tables.correlated(units, "relative_tokens", "D")
    remark = (
        f"over languages r = {r:.3g}; within them {inside:.3g} "
        f"[{around[0]:.2g}, {around[1]:.2g}]"
    )
    return cause_tables.compared_with(asked, 0.0, r, interval, len(lost), remark)


def pair_differences(
    found: Units, name: str, level: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compares languages in pairs, text by text.

    Definition: means over the rows of a language and a text; of each pair of languages
    the mean difference over texts that both have, and Student's interval.

    Args:
        found: units.
        name: of the column.
        level: coverage of each interval.

    Returns:
        Differences (first less second), and their bounds, of the pairs in the order of
        `itertools.combinations`; NaN where fewer than 2 texts are shared.

    Reference: textbook definition.
    """
    languages, texts = int(found.language.max()) + 1, int(found.text.max()) + 1
    cell = found.language * texts + found.text
    size = languages * texts
    counts = np.bincount(cell, minlength=size)
    sums = np.bincount(cell, weights=found.columns[name], minlength=size)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    table = means.reshape(languages, texts)
    rows = []
    for i, j in itertools.combinations(range(languages), 2):
        gaps = table[i] - table[j]
        gaps = gaps[np.isfinite(gaps)]
        if len(gaps) < 2:
            rows.append((np.nan, np.nan, np.nan))
            continue
        error = float(np.std(gaps, ddof=1)) / np.sqrt(len(gaps))
        half = float(stats.t.isf((1 - level) / 2, len(gaps) - 1)) * error
        rows.append((gaps.mean(), gaps.mean() - half, gaps.mean() + half))
    middle, low, high = np.array(rows, np.float64).T
    return middle, low, high


def _monotone(asked: Claim, causes: Causes) -> Finding:
    units = cause_tables.units(causes, "A", "D")
    n = int(units.language.max()) + 1
    n_pairs = n * (n - 1) // 2
    level = 1 - 0.05 / (2 * n_pairs)
    signs, certain = [], []
    for name in ("A", "D"):
        middle, low, high = pair_differences(units, name, level)
        signs.append(np.sign(middle))
        certain.append((low > 0) | (high < 0))
    against = signs[0] * signs[1] > 0
    resolved = certain[0] & certain[1]
    beyond = int(np.sum(against & resolved))
    verdict: Verdict = "inconclusive"
    if beyond:
        verdict = "fails"
    elif not np.any(against) and np.all(resolved):
        verdict = "holds"
    return Finding(
        id=asked.id,
        statement=asked.statement,
        source=asked.source,
        estimate=float(np.mean(against)),
        unit=asked.unit,
        interval=None,
        n=n_pairs,
        method=asked.method,
        verdict=verdict,
        reason=f"{int(np.sum(against))} of {n_pairs} pairs go the other way, {beyond} "
        f"of the {int(np.sum(resolved))} in which both differences are certain",
    )


within: Judge = cause_tables.answered(
    claim(
        "D8",
        "Within a language better tokenized sentences lose less, by a correlation that "
        "is nearly perfect.",
        "-r(T, D) within languages",
        BY_LANGUAGES,
        least=STRONG,
        most=1.0,
    ),
    _within,
)
"""Whether T and D correlate nearly perfectly within languages."""

across: Judge = cause_tables.answered(
    claim(
        "D9",
        "Languages that are better tokenized lose less.",
        "-r(T, D) over languages",
        FISHER,
        most=1.0,
    ),
    _across,
)
"""Whether T and D correlate over languages."""

given_resources: Judge = cause_tables.answered(
    claim(
        "D10",
        "Given resources, tokenization and degradation correlate by -0.098.",
        "partial r(T, D) over languages",
        FISHER,
    ),
    _given_resources,
)
"""What correlation is left given training text."""

one_column: Judge = cause_tables.answered(
    claim(
        "D11",
        "Tokenization quality and alignment are one variable.",
        "r(T, A) within languages",
        BY_LANGUAGES,
    ),
    _one_column,
)
"""Whether T and A are one variable."""

fertility: Judge = cause_tables.answered(
    claim(
        "D13",
        "Tokens that a language needs do not go with its degradation.",
        "r(tokens relative to the reference, D) over languages",
        FISHER,
    ),
    _fertility,
)
"""Whether fertility goes with degradation."""

monotone: Judge = cause_tables.answered(
    claim(
        "D14",
        "Of two languages the better aligned one loses less.",
        "share of pairs the other way",
        "pairs of languages, text by text; Student's intervals that hold for all pairs "
        "and both variables together",
    ),
    _monotone,
)
"""Whether alignment orders languages by degradation."""
