"""Predicting the degradation of a language from those of others."""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jaxdisp.causal.design import Design
from jaxdisp.causal.within_languages import linked, table
from jaxdisp.stats import jackknife, random_intercepts, regression, within_groups

Row = dict[str, object]

SETS = (("T",), ("T", "A", "R"))
LEAST_DF = 3
"""Degrees of freedom that the languages left must leave a regression of means."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeldOut:
    """How well languages are predicted by the others.

    `summaries` have the rows `method, predictors, r2, low, high, p_value, n`, and
    `languages` the rows `method, predictors, language, actual, predicted, low, high,
    by_mean`, on the scale of the link (logarithms under the log link). `refused` says
    what could not be predicted.
    """

    summaries: tuple[Row, ...]
    languages: tuple[Row, ...]
    refused: tuple[str, ...]


def held_out(
    design: Design,
    *,
    key: PRNGKeyArray,
    sets: Sequence[tuple[str, ...]] = SETS,
    draws: int = 10_000,
) -> HeldOut:
    """Predicts each language's mean D by the others, against the mean of the others.

    Definition: `r2 = 1 - sum (y - predicted)^2 / sum (y - mean of the others)^2` over
    languages, 0 for predictors that say nothing and below 0 for harmful ones. The
    method `means` is least squares of languages' means (one that is the same in all
    says nothing); `sentences` is a regression on the sentences of the other languages
    with a random constant each, applied to the means of the language left out. The
    interval of r2 is a jackknife over the languages' terms with predictions held as
    they are, which makes it somewhat short; `p_value` of `means` is how often permuted
    languages give as much, that of `sentences` how often changing the signs of `by mean
    less predicted` squared errors at random does.
    There are as many independent observations as languages, which are few.

    Args:
        design: of the model; its covariates join each set in a further one.
        key: of permutations and signs.
        sets: predictors, of T, A and R.
        draws: how many permutations and signs.

    Raises:
        ValueError: as `regression.fit`, of what is not refused.

    Reference: Allen 1974, Technometrics 16 (PRESS against the mean of the others);
        Phipson and Smyth 2010, arXiv:1603.05766 (p-values).
    """
    covariates = design.units.covariates
    whole = [*sets, *([(*sets[-1], *covariates)] if covariates and sets else [])]
    summaries: list[Row] = []
    languages: list[Row] = []
    refused = []
    for number, names in enumerate(whole):
        own = jax.random.fold_in(key, number)
        for method, predict in (("means", _by_means), ("sentences", _by_sentences)):
            if method == "sentences" and not design.units.repeated:
                continue
            try:
                summary, rows = predict(design, names, own, draws)
            except ValueError as error:
                refused.append(f"{method} by {', '.join(names)}: {error}")
                continue
            about: Row = {"method": method, "predictors": ", ".join(names)}
            summaries.append(about | summary)
            languages += [about | row for row in rows]
    return HeldOut(
        summaries=tuple(summaries), languages=tuple(languages), refused=tuple(refused)
    )


def _by_means(
    design: Design, names: tuple[str, ...], key: PRNGKeyArray, draws: int
) -> tuple[Row, list[Row]]:
    values = table(design, (*names, "D"))
    means = within_groups.group_means(values, design.units.language)
    # what is the same in all languages, such as lengths of reference sentences
    largest = np.max(np.abs(means), axis=0)
    varies = means.std(axis=0) > within_groups.ROUNDING * largest
    features, response = means[:, :-1][:, varies[:-1]], means[:, -1]
    n, p = features.shape
    if n < p + 2 + LEAST_DF:
        raise ValueError(
            f"{n} languages are too few for {p} predictors; needed are "
            f"{p + 2 + LEAST_DF}"
        )
    predicted = regression.leave_one_out(features) @ response
    if not np.all(np.isfinite(predicted)):
        alone = [design.units.languages[i] for i in np.flatnonzero(np.isnan(predicted))]
        raise ValueError(
            f"the others cannot say what is particular to {', '.join(alone)}"
        )
    found = regression.fit(features, response)
    null = regression.permutation_null(features, response, key=key, draws=draws)
    beyond = np.sum(null.loo_r2 >= found.loo_r2 - regression.EXACT)
    bounds = [(None, None)] * n
    p_value = float((1 + beyond) / (1 + draws))
    return _summary(design, response, predicted, bounds, p_value)


def _by_sentences(
    design: Design, names: tuple[str, ...], key: PRNGKeyArray, draws: int
) -> tuple[Row, list[Row]]:
    language, features = design.units.language, table(design, names)
    response = linked(design)["D"]
    means = within_groups.group_means(response[:, None], language)[:, 0]
    predicted, bounds = np.zeros(len(means)), []
    for number in range(len(means)):
        left = language == number
        found = random_intercepts.fit(features[~left], response[~left], language[~left])
        prediction = random_intercepts.predict(found, features[left])
        predicted[number] = prediction.mean
        bounds.append((prediction.low, prediction.high))
    gain = _by_mean_errors(means) ** 2 - (means - predicted) ** 2
    signs = np.asarray(jax.random.rademacher(key, (draws, len(means))), np.float64)
    # the same sum in another order differs by rounding
    tie = 1e-9 * np.sum(np.abs(gain))
    beyond = np.sum(signs @ gain >= np.sum(gain) - tie)
    p_value = float((1 + beyond) / (1 + draws))
    return _summary(design, means, predicted, bounds, p_value)


def _summary(
    design: Design,
    actual: Float[np.ndarray, " language"],
    predicted: Float[np.ndarray, " language"],
    bounds: Sequence[tuple[float | None, float | None]],
    p_value: float,
) -> tuple[Row, list[Row]]:
    errors, by_mean = (actual - predicted) ** 2, _by_mean_errors(actual) ** 2
    r2 = 1 - errors.sum() / by_mean.sum()
    without = 1 - (errors.sum() - errors) / (by_mean.sum() - by_mean)
    low, high = jackknife.jackknife_interval(np.asarray(r2), without)
    summary: Row = {
        "r2": float(r2),
        "low": float(low),
        "high": min(float(high), 1.0),
        "p_value": p_value,
        "n": len(actual),
    }
    rows: list[Row] = [
        {
            "language": name,
            "actual": float(actual[i]),
            "predicted": float(predicted[i]),
            "low": bounds[i][0],
            "high": bounds[i][1],
            "by_mean": float(actual[i] - _by_mean_errors(actual)[i]),
        }
        for i, name in enumerate(design.units.languages)
    ]
    return summary, rows


def _by_mean_errors(actual: np.ndarray) -> np.ndarray:
    n = len(actual)
    return (actual - actual.mean()) * n / (n - 1)
