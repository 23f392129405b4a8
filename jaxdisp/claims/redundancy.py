"""Do languages whose representations are redundant lose less, and by which law?

The research notes say that the error of a language goes as the inverse of its
redundancy, and call five things redundancy. Each has its own estimator in
`measure.redundancy`; the one of the rate-distortion bound, which was named before
anything was measured, decides. That bound has the loss go as `4^-R` with R in bits, an
averaging readout as `1 / R`.

Channels are those of the states after the last layer, which the readout reads; noise is
put on the states in the middle of the model. The start token is left out.
"""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from jaxdisp.claims import losses
from jaxdisp.claims.experiment import Experiment, Outcome, Rows, Subject
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.measure import cube, redundancy, redundancy_estimates
from jaxdisp.measure.redundancy_estimates import KINDS
from jaxdisp.search import lattice
from jaxdisp.stats import bootstrap, regression
from jaxdisp.stats.correlation import rank_correlation
from jaxdisp.stats.jackknife import bonferroni_level, jackknife_interval

LANGUAGES = 6
"""Languages that it takes: with fewer, leaving one out leaves too few to correlate."""

PRIMARY = "gaussian"

EXACT = 1e-12
"""Shares of squared errors below this are rounding."""

LOSES_LESS = Claim(
    id="redundancy",
    statement="Languages with more redundant representations lose less.",
    source="research notes, redundancy bound (theorem 1)",
    unit="rank correlation, sign turned",
    method="Spearman over languages, which are related and so count for fewer; "
    "languages shuffled",
    least=0.3,
)
"""Less than 0.3 is less than a tenth of the variance of ranks: not worth the name."""

INVERSE = Claim(
    id="redundancy-b",
    statement="What a language loses goes as 1/R rather than as 4^-R.",
    source="research notes, redundancy bound (theorem 1)",
    unit="log ratio of squared errors, 4^-R over 1/R",
    method="least squares with a constant, each language predicted by the others; "
    "jackknife over languages",
)
"""Below 0 the other law predicts better."""

ONE_QUANTITY = Claim(
    id="redundancy-c",
    statement="The notes' definitions of redundancy measure one thing.",
    source="research notes, redundancy (five definitions)",
    unit="mean rank correlation",
    method="Spearman of estimators of different kinds, averaged over pairs; jackknife "
    "over languages",
    support=0.5,
    least=0.5,
)
"""Estimators of one quantity share more than a quarter of the variance of ranks."""

CLAIMS = (LOSES_LESS, INVERSE, ONE_QUANTITY)


def _run(subject: Subject) -> Outcome:
    n = len(subject.corpus.languages)
    if n < LANGUAGES:
        few = f"needs at least {LANGUAGES} languages, got {n}"
        return Outcome(
            findings=tuple(not_applicable(claim, n, few) for claim in CLAIMS), tables={}
        )
    noise, labels = jax.random.split(subject.key)
    n_layers = subject.model.config.n_layers
    full, everything = np.asarray(
        cube.evaluate(
            subject.model,
            subject.corpus,
            lattice.uniform(n_layers),
            [losses.rounded(subject)],
            stride=subject.stride,
        ).nll,
        np.float64,
    )
    estimates, missing = redundancy_estimates.measured(
        subject.model, subject.corpus, full, key=noise, stride=subject.stride
    )
    return decide(
        everything - full,
        np.array(subject.corpus.groups),
        estimates,
        subject.corpus.languages,
        missing=missing,
        key=labels,
    )


def decide(
    added: Float[np.ndarray, "language sentence"],
    groups: Int[np.ndarray, " sentence"],
    estimates: dict[str, Float[np.ndarray, " language"]],
    languages: tuple[str, ...],
    *,
    missing: str = "",
    key: PRNGKeyArray,
    draws: int = 5000,
) -> Outcome:
    """Judges the three claims from losses and redundancies of languages.

    Definition: the loss is the mean in nats per sentence. The first claim holds if the
    interval of the rank correlation of the Gaussian redundancy with it, sign turned,
    lies above 0, and fails below 0.3; other estimators are in the table, corrected for
    their number. The second takes the log ratio of the sums of squared errors of
    languages left out, of `a 4^-R + b` over `a / R + b`. The third averages rank
    correlations over pairs of estimators of different kinds.

    Args:
        added: what quantizing every layer costs, in nats.
        groups: text of each sentence.
        estimates: by estimator; those that are not finite are left out.
        languages: names.
        missing: why estimators are missing.
        key: of resamples and of languages shuffled.
        draws: how often languages are shuffled.

    Reference: our own definition.
    """
    loss = added.mean(axis=1)
    usable = {
        name: values
        for name, values in estimates.items()
        if np.all(np.isfinite(values)) and np.ptp(values) > 0
    }
    texts, labels = jax.random.split(key)
    correlations = _correlation_rows(loss, usable, labels, draws)
    shapes, inverse = _shapes(loss, usable.get(PRIMARY), missing)
    pairs, agreement = _agreement(usable, len(languages), missing)
    return Outcome(
        findings=(
            _loses_less(correlations, len(languages), missing),
            inverse,
            agreement,
        ),
        tables={
            "languages": _language_rows(added, groups, estimates, languages, texts),
            "correlations": correlations,
            "shapes": shapes,
            "agreement": pairs,
        },
    )


def _correlation_rows(
    loss: np.ndarray, usable: dict[str, np.ndarray], key: PRNGKeyArray, draws: int
) -> Rows:
    others = max(1, len(usable) - (PRIMARY in usable))
    rows: Rows = []
    if np.ptp(loss) == 0:
        return rows
    for number, (name, values) in enumerate(usable.items()):
        level = 0.95 if name == PRIMARY else bonferroni_level(others)
        found = rank_correlation(
            values,
            loss,
            key=jax.random.fold_in(key, number),
            draws=draws,
            level=level,
        )
        rows.append(
            {
                "estimator": name,
                "kind": KINDS[name],
                "rank_correlation": found.estimate,
                "low": found.low,
                "high": found.high,
                "level": level,
                "p_shuffled": found.p_value,
                "circular": int(name == "noise"),
            }
        )
    return rows


def _loses_less(correlations: Rows, n: int, missing: str) -> Finding:
    own = [row for row in correlations if row["estimator"] == PRIMARY]
    if not own:
        return not_applicable(
            LOSES_LESS, n, missing or "redundancy or loss is constant"
        )
    row = own[0]
    p = row["p_shuffled"]
    chance = f"as strong in {p:.0%} of shuffled languages" if p > 0.05 else None
    return judge(
        LOSES_LESS,
        -row["rank_correlation"],
        (-row["high"], -row["low"]),
        n,
        f"bits of Gaussian redundancy and nats lost have a rank correlation of "
        f"{row['rank_correlation']:.2f} (shuffled languages: p = {p:.2g})",
        control=chance,
    )


def _shapes(
    loss: np.ndarray, bits: np.ndarray | None, missing: str
) -> tuple[Rows, Finding]:
    n = len(loss)
    if bits is None or np.ptp(loss) == 0:
        return [], not_applicable(
            INVERSE, n, missing or "redundancy or loss is constant"
        )
    if np.any(bits <= 0):
        return [], not_applicable(INVERSE, n, "needs redundancies above 0 bits")
    laws = {"1/R": 1 / bits, "4^-R": 4.0**-bits}
    rows: Rows = []
    for name, law in laws.items():
        found = regression.fit(law[:, None], loss)
        left = np.sum((loss - found.fitted) ** 2)
        rows.append(
            {
                "law": name,
                "slope": float(found.slopes[0]),
                "r2": found.r2,
                "loo_r2": found.loo_r2,
                "aicc": float(n * np.log(left / n) + 6 + 24 / (n - 4)),
            }
        )
    everyone = np.ones(n, bool)
    gained = _gained(loss, laws, everyone)
    left_out = np.array(
        [_gained(loss, laws, np.arange(n) != language) for language in range(n)]
    )
    low, high = jackknife_interval(np.array(gained), left_out)
    useless = rows[0]["loo_r2"] <= 0 or rows[0]["slope"] <= 0
    return rows, judge(
        INVERSE,
        gained,
        (float(low), float(high)),
        n,
        f"languages left out: R2 {rows[0]['loo_r2']:.2f} by 1/R, "
        f"{rows[1]['loo_r2']:.2f} by 4^-R",
        control="1/R predicts no better than a constant does" if useless else None,
    )


def _gained(loss: np.ndarray, laws: dict[str, np.ndarray], kept: np.ndarray) -> float:
    """The log of squared errors by 4^-R over those by 1/R; 0 where both are exact."""
    inverse, power = (
        1 - float(regression.loo_r2(law[kept, None], loss[None, kept])[0]) + EXACT
        for law in laws.values()
    )
    return float(np.log(power / inverse))


def _agreement(
    usable: dict[str, np.ndarray], n: int, missing: str
) -> tuple[Rows, Finding]:
    names = list(usable)
    pairs = [
        (one, other)
        for place, one in enumerate(names)
        for other in names[place + 1 :]
        if KINDS[one] != KINDS[other]
    ]
    if len({KINDS[name] for name in names}) < 3:
        few = f"needs estimators of 3 kinds, got {len({KINDS[x] for x in names})}"
        return [], not_applicable(ONE_QUANTITY, n, f"{few}; {missing}".rstrip("; "))
    table = np.array(list(usable.values()))
    places = np.array([[names.index(one), names.index(other)] for one, other in pairs])
    every = redundancy.rank_agreement(table, places)
    left_out = np.array(
        [
            redundancy.rank_agreement(np.delete(table, language, 1), places).mean()
            for language in range(n)
        ]
    )
    low, high = jackknife_interval(np.array(every.mean()), left_out)
    rows: Rows = [
        {
            "first": one,
            "second": other,
            "rank_correlation": float(value),
        }
        for (one, other), value in zip(pairs, every, strict=True)
    ]
    least, most = int(np.argmin(every)), int(np.argmax(every))
    return rows, judge(
        ONE_QUANTITY,
        float(every.mean()),
        (float(low), float(high)),
        n,
        f"{len(pairs)} pairs, from {every[least]:.2f} ({' and '.join(pairs[least])}) "
        f"to {every[most]:.2f} ({' and '.join(pairs[most])})",
    )


def _language_rows(
    added: np.ndarray,
    groups: np.ndarray,
    estimates: dict[str, np.ndarray],
    languages: tuple[str, ...],
    key: PRNGKeyArray,
) -> Rows:
    bounds = bootstrap.interval(bootstrap.resample(added.T, groups, key=key))
    low, high = np.asarray(bounds.low, float), np.asarray(bounds.high, float)

    def own(place: int) -> dict[str, Any]:
        values = {name: float(column[place]) for name, column in estimates.items()}
        return {name: x if np.isfinite(x) else None for name, x in values.items()}

    return [
        {
            "language": language,
            "degradation": float(added[place].mean()),
            "degradation_low": float(low[place]),
            "degradation_high": float(high[place]),
        }
        | {name.replace(" ", "_"): value for name, value in own(place).items()}
        for place, language in enumerate(languages)
    ]


EXPERIMENT = Experiment(
    id="redundancy",
    title="Redundancy of representations and what languages lose",
    question="Do languages with more redundant representations lose less when all "
    "layers are rounded, does the loss go as 1/R or as 4^-R, and do definitions of "
    "redundancy agree?",
    support="The rank correlation of Gaussian redundancy with nats lost per sentence "
    "is below 0; languages left out are predicted better by 1/R; estimators of "
    "different kinds have a mean rank correlation above 0.5.",
    refutation="The rank correlation is above -0.3; 4^-R predicts better; the mean "
    "rank correlation is below 0.5.",
    control="Languages shuffled.",
    run=_run,
)
