"""Regressions on the scale of the link, with a constant for each language."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from jaxdisp.causal import graph as graphs
from jaxdisp.causal.design import Design
from jaxdisp.causal.graph import Pairs
from jaxdisp.stats import jackknife, within_groups

NOTHING = 1e-9
"""Spreads within languages this small a share of the whole are rounding."""


def linked(design: Design) -> dict[str, Float[np.ndarray, " row"]]:
    """Returns T, A, R, D after the link and the covariates, on their own scales.

    Args:
        design: of the model.

    Reference: our own definition.
    """
    names = (*graphs.NODES, *design.units.covariates)
    place = {name: number for number, name in enumerate(design.names)}
    scales = design.scales
    return {
        name: design.columns[:, place[name]] * scales.scale[name]
        + scales.location[name]
        for name in names
    }


def table(design: Design, names: Sequence[str]) -> Float[np.ndarray, "row column"]:
    """Returns some of `linked` side by side.

    Args:
        design: of the model.
        names: of the columns; there may be none.

    Reference: our own definition.
    """
    values, rows = linked(design), len(design.units.language)
    return np.array([values[name] for name in names]).reshape(len(names), rows).T


def groupings(design: Design) -> tuple[Int[np.ndarray, " row"], ...]:
    """Returns the languages of rows, or nothing where each language has one row.

    Args:
        design: of the model.

    Reference: our own definition.
    """
    return (design.units.language,) if design.units.repeated else ()


def varying_covariates(design: Design) -> tuple[str, ...]:
    """Lists the covariates that vary within languages; all if each has one row.

    Args:
        design: of the model.

    Reference: our own definition.
    """
    names = design.units.covariates
    if not names or not design.units.repeated:
        return names
    values = table(design, names)
    spread = within_groups.within(values, groupings(design)).std(axis=0)
    kept = spread > NOTHING * values.std(axis=0)
    return tuple(name for name, keep in zip(names, kept, strict=True) if keep)


def regress(
    design: Design,
    effect: str,
    cause: str,
    others: tuple[str, ...] = (),
    *,
    same_sentence: bool = False,
) -> within_groups.Slope:
    """Regresses one variable on another within languages, given others.

    Definition: `within_groups.slope` on the scale of the link, given `others` and
    covariates that vary within languages, with standard errors clustered by language;
    with `same_sentence` also given a constant for each sentence, which takes out
    whatever the sentence does alike in all languages.

    Args:
        design: of the model.
        effect: the response.
        cause: the exposure.
        others: further variables of T, A, R, D or covariates.
        same_sentence: compare translations of one sentence alone.

    Raises:
        ValueError: as `within_groups.slope`.

    Reference: Cameron and Miller 2015, Journal of Human Resources 50.
    """
    values = linked(design)
    covariates = [name for name in varying_covariates(design) if name != cause]
    controls = table(design, list(dict.fromkeys((*others, *covariates))))
    groups = groupings(design)
    if same_sentence:
        groups += (np.unique(design.units.sentences, return_inverse=True)[1],)
    return within_groups.slope(values[effect], values[cause], controls, groups)


def independences(
    design: Design,
    latent: Pairs = (),
    *,
    graph: graphs.Graph | None = None,
    level: float = 0.95,
) -> list[dict[str, object]]:
    """Checks what the graph says must not correlate against the rows.

    Definition: for each of `graph.implied_independences` the partial correlation within
    languages given covariates, `b |x| / |y|` with b, x and y those of
    `within_groups.slope`, and its interval from the error of b clustered by language.
    Of m independences each has the level `1 - (1 - level) / m`, so that all intervals
    of a true graph hold 0 in `level` of cases. One that holds 0 contradicts nothing,
    which is not to say that it confirms.

    Args:
        design: of the model.
        latent: pairs of nodes with a common cause that is not observed.
        graph: of any arrows; None is the design's.
        level: coverage of all intervals together.

    Returns:
        A row each: `x, y, given, correlation, low, high, contradicted`.

    Raises:
        ValueError: as `within_groups.slope`.

    Reference: Pearl 2009, Causality, section 1.2.3; Shipley 2000, Structural Equation
        Modeling 7 (tests of a basis set).
    """
    chosen = design.specification.graph if graph is None else graph
    implied = graphs.implied_independences(chosen, latent)
    rows = []
    for x, y, given in implied:
        found = regress(design, y, x, given)
        correlation = float(np.copysign(found.partial_r2**0.5, found.estimate))
        one = jackknife.bonferroni_level(len(implied), level)
        quantile = stats.t.isf((1 - one) / 2, found.robust_df)
        # |b| error / error has one unit, the correlation; t^2 = df r^2 / (1 - r^2)
        unit = float(np.sqrt((1 - found.partial_r2) / found.df)) / found.error
        half = float(quantile) * found.robust_error * unit
        rows.append(
            {
                "x": x,
                "y": y,
                "given": ", ".join(given),
                "correlation": correlation,
                "low": correlation - half,
                "high": correlation + half,
                "contradicted": abs(correlation) > half,
            }
        )
    return rows
