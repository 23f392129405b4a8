"""Claims E10 and E11: intervals by the bootstrap, and what the sample is."""

import dataclasses
import math

import jax
import numpy as np
from scipy import special, stats

from jaxdisp.claims import losses
from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding, judge
from jaxdisp.claims.ledger import protection, typed_tables
from jaxdisp.claims.ledger import published_runs as published
from jaxdisp.claims.ledger.entry import Entry, Recomputed
from jaxdisp.claims.ledger.recorded import recorded
from jaxdisp.stats import bootstrap

FAMILIES = {
    "Afro-Asiatic": "am ar he",
    "Atlantic-Congo": "sw yo",
    "Austroasiatic": "vi",
    "Indo-European": "de en es fr hi pl ru",
    "Japonic": "ja",
    "Koreanic": "ko",
    "Sino-Tibetan": "zh",
    "Turkic": "tr",
    "Uralic": "fi hu",
}
FAMILY_OF = {
    code: family for family, codes in FAMILIES.items() for code in codes.split()
}
"""Families of languages, as Glottolog has them, of those that the notes and the corpus
name."""

SIZES = {"suite": 8, "final validation": 10, "table": 12, "kurtosis": 14}
"""Languages by place; the draft speaks of 12."""

STUDIES, DRAWS, TEXTS = 2000, 1000, 12
"""Simulated studies of twelve texts, and resamples of each."""


def _percentile_coverage(n: int) -> float:
    """Coverage of a percentile interval of a mean, of normal data.

    Definition: the interval is `mean -/+ z s sqrt((n - 1) / n) / sqrt(n)` but for the
    noise of resampling, so `P(|t_{n-1}| < z sqrt((n - 1) / n))`.
    """
    z = float(special.ndtri(0.975))
    bound = z * math.sqrt((n - 1) / n)
    return 1 - 2 * float(special.stdtr(n - 1, -bound))


def _bootstrap() -> Recomputed:
    few, many = _percentile_coverage(12), _percentile_coverage(1000)
    return Recomputed(
        values={
            "coverage at n = 12": few,
            "coverage at n = 30": _percentile_coverage(30),
            "coverage at n = 1000": many,
        },
        verdict="holds"
        if few >= 0.945
        else "inconclusive"
        if many >= 0.945
        else "fails",
    )


def _coverage_here(evidence: Evidence) -> Finding:
    counted = evidence.kept("coverage of percentiles", lambda: _simulated(evidence))
    inside, n = counted["inside"], counted["studies"]
    low, high = stats.binomtest(inside, n).proportion_ci(method="wilson")
    claim = Claim(
        id="E10",
        statement="Percentile intervals of twelve values cover what they should",
        source="theory development, statistical rigor, 1",
        unit="coverage, 0.95 intended",
        method=f"{n} studies of {TEXTS} texts drawn from those of the corpus, {DRAWS} "
        "resamples each; Wilson's interval",
        support=0.94,
        least=0.94,
    )
    remark = f"of {n} intervals for the mean loss of a text {inside / n:.1%} cover it"
    return judge(claim, inside / n, (float(low), float(high)), n, remark)


def _simulated(evidence: Evidence) -> dict[str, int]:
    subject = evidence.subject
    found = losses.layer_losses(subject)
    lost = (found.everything - found.full).mean(axis=0)
    groups = np.array(subject.few.groups)
    means = np.array([lost[groups == text].mean() for text in np.unique(groups)])
    one, other = jax.random.split(protection.key_of(subject, "coverage"))
    chosen = np.asarray(jax.random.randint(one, (STUDIES, TEXTS), 0, len(means)))
    counts = bootstrap.draw_counts(other, n_clusters=TEXTS, draws=DRAWS) / TEXTS
    low, high = np.quantile(means[chosen] @ counts.T, [0.025, 0.975], axis=1)
    inside = (low <= means.mean()) & (means.mean() <= high)
    return {"inside": int(inside.sum()), "studies": STUDIES}


def _languages() -> Recomputed:
    named = {FAMILY_OF[code] for code in typed_tables.LANGUAGES}
    largest = max(
        sum(FAMILY_OF[code] == family for code in typed_tables.LANGUAGES)
        for family in named
    )
    sizes = list(SIZES.values())
    return Recomputed(
        values={
            "languages, least": float(min(sizes)),
            "languages, most": float(max(sizes)),
            "families in the table of twelve": float(len(named)),
            "languages of the largest family": float(largest),
        },
        verdict="holds" if set(sizes) == {12} and len(named) == 12 else "fails",
    )


def _languages_here(evidence: Evidence) -> Finding:
    languages = evidence.subject.corpus.languages
    known = [name for name in languages if name in FAMILY_OF]
    families = {FAMILY_OF[name] for name in known}
    unknown = len(languages) - len(known)
    least = len(families) + (1 if unknown else 0)
    said = f"; of {unknown} the family is not known here" if unknown else ""
    return Finding(
        id="E11",
        statement="Languages of the corpus are independent observations",
        source="theory development, statistical rigor",
        estimate=float(len(families)),
        unit="families of languages",
        interval=None,
        n=len(languages),
        method="families as in Glottolog, by the code of the language",
        verdict="fails"
        if len(families) < len(known)
        else "inconclusive"
        if unknown
        else "holds",
        reason=f"{len(languages)} languages of at least {least} families{said}",
    )


_E10 = Entry(
    id="E10",
    statement="The bootstrap of single values by percentiles gives 95 % intervals for "
    "all claims",
    source="theory development, statistical rigor, 1",
    correct="It resamples one array, so that a correlation, which needs pairs, cannot "
    "be "
    "had; and percentiles of twelve values cover 91 %. Pairs or clusters are to be "
    "resampled, and intervals corrected for few (BCa, Student's t).",
    check="the coverage of a mean of normal values in closed form",
    verdict="inconclusive",
    ground="condition",
    values=recorded(
        {
            "coverage at n = 12": (0.913, 5e-4),
            "coverage at n = 30": (0.936, 5e-4),
            "coverage at n = 1000": (0.950, 5e-4),
        }
    ),
    recompute=_bootstrap,
    on_model=_coverage_here,
)
_E11 = dataclasses.replace(
    _E10,
    id="E11",
    statement="The sample is 12 languages",
    source="theory development, statistical rigor",
    correct="It is 8, 10, 12 or 14 in different places. The twelve of the table are of "
    "six families, six of them Indo-European, and not independent of one another: "
    "tests have to permute families.",
    check=f"{published.RUNS['suite']}, exp080, {typed_tables.FILES['twelve']}, "
    "data/degradation.json, and Glottolog's families",
    verdict="fails",
    ground="contradiction",
    values=recorded(
        {
            "languages, least": (8, 0),
            "languages, most": (14, 0),
            "families in the table of twelve": (6, 0),
            "languages of the largest family": (6, 0),
        }
    ),
    recompute=_languages,
    on_model=_languages_here,
)
ENTRIES = (_E10, _E11)
"""Entries E10 and E11."""
