"""How strong an unobserved cause must be to overturn an arrow of the model."""

import networkx as nx
from scipy import stats

from jaxdisp.causal import graph as graphs
from jaxdisp.causal.design import Design
from jaxdisp.causal.within_languages import linked, regress, table, varying_covariates
from jaxdisp.stats import sensitivity, within_groups
from jaxdisp.stats.within_groups import Slope

Row = dict[str, object]

ALPHA = 0.05


def coefficients(design: Design) -> list[Row]:
    """Says for each arrow what an unobserved common cause must explain to overturn it.

    Definition: the regression of the effect on the cause, its other causes and the
    covariates within languages, `within_languages.regress`. `error`, `low` and `high`
    are clustered by language; `t`, `df` and `partial_r2` are those of independent
    errors, which the robustness values are defined by. `robustness_value` is the share
    of what is left of both cause and effect that a common cause must explain to make
    the estimate 0, `robustness_value_05` to make the 95 % interval hold 0, its
    critical value inflated for the dependence within languages. `same_sentence` is the
    estimate from translations of one sentence alone, which no property of the sentence
    confounds; None where it cannot be had.

    Args:
        design: of the model.

    Returns:
        A row each: `coefficient, estimate, error, low, high, t, df, partial_r2,
        robustness_value, robustness_value_05, same_sentence, same_sentence_low,
        same_sentence_high`.

    Raises:
        ValueError: as `within_groups.slope`.

    Reference: Cinelli and Hazlett 2020, JRSS B 82, section 4.
    """
    rows: list[Row] = []
    for cause, effect in _arrows(design):
        others = _others(design, cause, effect)
        found = regress(design, effect, cause, others)
        quantile = float(stats.t.isf(ALPHA / 2, found.robust_df))
        rows.append(
            {
                "coefficient": graphs.name((cause, effect)),
                "estimate": found.estimate,
                "error": found.robust_error,
                "low": found.estimate - quantile * found.robust_error,
                "high": found.estimate + quantile * found.robust_error,
                "t": found.t,
                "df": found.df,
                "partial_r2": found.partial_r2,
                "robustness_value": sensitivity.robustness_value(found.t, found.df),
                "robustness_value_05": _certain(found, quantile),
                **_same_sentence(design, cause, effect),
            }
        )
    return rows


def benchmarks(design: Design, *, times: float = 1.0) -> list[Row]:
    """Says what an unobserved cause as strong as an observed one would leave of arrows.

    Definition: `sensitivity.benchmark`, where what is observed are the covariates that
    vary within languages, and causes of the effect that come before the cause. Where
    `possible` is false, one so strong would leave the cause no variation of its own;
    there is then no adjusted estimate, and the sign is as good as flipped.

    Args:
        design: of the model.
        times: how many times as strong.

    Returns:
        A row each: `coefficient, covariate, times, r2_exposure, r2_outcome, estimate,
        adjusted_estimate, adjusted_t, possible, sign_flips`.

    Raises:
        ValueError: as `within_groups.slope`.

    Reference: Cinelli and Hazlett 2020, JRSS B 82, section 4.4.
    """
    rows: list[Row] = []
    whole = nx.DiGraph(design.specification.graph.edges)
    for cause, effect in _arrows(design):
        others = _others(design, cause, effect)
        found = regress(design, effect, cause, others)
        before = [node for node in others if node in nx.ancestors(whole, cause)]
        for name in (*before, *varying_covariates(design)):
            rest = tuple(other for other in others if other != name)
            bound = sensitivity.benchmark(
                found,
                regress(design, cause, name, rest).partial_r2,
                regress(design, effect, name, (cause, *rest)).partial_r2,
                times=times,
            )
            after = bound.adjusted if bound.possible else None
            rows.append(
                {
                    "coefficient": graphs.name((cause, effect)),
                    "covariate": name,
                    "times": times,
                    "r2_exposure": bound.r2_exposure,
                    "r2_outcome": bound.r2_outcome if after else None,
                    "estimate": found.estimate,
                    "adjusted_estimate": after.estimate if after else None,
                    "adjusted_t": after.t if after else None,
                    "possible": bound.possible,
                    "sign_flips": not after or after.estimate * found.estimate < 0,
                }
            )
    return rows


def levels(design: Design) -> tuple[list[Row], list[str]]:
    """Compares slopes within languages with those of languages' means.

    Definition: `within_groups.contrast`. An unobserved cause that differs between
    languages biases the second alone, and the difference shows it; the interval holds 0
    where nothing speaks for one.

    Args:
        design: of the model.

    Returns:
        A row for each arrow: `coefficient, within, between, difference, low, high,
        differs`; and why there is none, arrow by arrow.

    Raises:
        ValueError: as `within_groups.slope`.

    Reference: Mundlak 1978, Econometrica 46.
    """
    rows: list[Row] = []
    if not design.units.repeated:
        return rows, ["each language has one row, so there is no slope within it"]
    values, refused = linked(design), []
    for cause, effect in _arrows(design):
        used = (*_others(design, cause, effect), *design.units.covariates)
        try:
            found = within_groups.contrast(
                values[effect],
                values[cause],
                table(design, used),
                design.units.language,
            )
        except ValueError as error:
            refused.append(f"{graphs.name((cause, effect))}: {error}")
            continue
        rows.append(
            {
                "coefficient": graphs.name((cause, effect)),
                "within": found.within.estimate,
                "between": found.between.estimate,
                "difference": found.difference,
                "low": found.low,
                "high": found.high,
                "differs": not found.low <= 0 <= found.high,
            }
        )
    return rows, refused


def _arrows(design: Design) -> list[tuple[str, str]]:
    """Arrows in the order of their effects, and causes of one in that of nodes."""
    graph = design.specification.graph
    return [
        (cause, effect)
        for effect in graphs.order(graph)
        for cause in graphs.parents(graph, effect)
    ]


def _others(design: Design, cause: str, effect: str) -> tuple[str, ...]:
    causes = graphs.parents(design.specification.graph, effect)
    return tuple(node for node in causes if node != cause)


def _certain(found: Slope, quantile: float) -> float | None:
    """The robustness value of the interval; None where no test can be had."""
    if found.df < 2:
        return None
    inflation = 1.0
    if found.robust_df != found.df:
        usual = float(stats.t.isf(ALPHA / 2, found.df - 1))
        inflation = found.robust_error / found.error * quantile / usual
    return sensitivity.robustness_value(
        found.t, found.df, alpha=ALPHA, inflation=inflation
    )


def _same_sentence(design: Design, cause: str, effect: str) -> Row:
    names = ("same_sentence", "same_sentence_low", "same_sentence_high")
    sentences, nothing = design.units.sentences, dict.fromkeys(names)
    if not design.units.repeated or len(set(sentences)) == len(sentences):
        return {**nothing}
    others = _others(design, cause, effect)
    try:
        found = regress(design, effect, cause, others, same_sentence=True)
    except ValueError:
        return {**nothing}
    half = float(stats.t.isf(ALPHA / 2, found.robust_df)) * found.robust_error
    b = found.estimate
    return dict(zip(names, (b, b - half, b + half), strict=True))
