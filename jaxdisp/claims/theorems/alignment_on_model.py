"""Whether rounding errs less in the directions that the reference language uses."""

from typing import Any

import numpy as np
from jaxtyping import Float

from jaxdisp.causal.variables import reference_language
from jaxdisp.claims import losses
from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.measure import matrix_errors, mean_field
from jaxdisp.stats.jackknife import bonferroni_level, jackknife_interval

LEAST_TEXTS, LEAST_LANGUAGES = 3, 2

OPERATOR = Claim(
    id="T5",
    statement="Rounding errs less, in every matrix, on what the reference language "
    "uses than on what the other languages do, so that alignment lowers losses.",
    source="theory development, proof sketch 3",
    unit="log of the error on other languages over that on the reference, least matrix",
    method="tr(E S) per token of E the squared change of a matrix and S the second "
    "moment of its inputs; delete-a-text jackknife, upper ends corrected for matrices",
)


def slopes(evidence: Evidence) -> dict[str, Any]:
    """Measures by matrix and layer the operator condition of theorem T5.

    Definition: `log` is `ln tr(E S_other) / tr(E S_ref)`, with `S_other` the mean over
    languages but the reference, per token: positive where the slope
    `tr(E (S_ref - S_other))` is negative, which the notes need. `low` and `high` are
    its 95 % interval over texts, `sure_high` the upper end corrected for the number of
    matrices. `relative` is the same of errors over the power of the output.

    Args:
        evidence: of one model; its few sentences are read.

    Returns:
        `reference`, `texts`, and by row `layer`, `matrix` and these; no rows where
        there are too few texts or languages. Matrices that rounding does not change
        are left out.

    Reference: our own definition.
    """
    return evidence.kept("operator condition", lambda: _slopes(evidence))


def _slopes(evidence: Evidence) -> dict[str, Any]:
    subject = evidence.subject
    corpus = subject.few
    text = np.unique(corpus.groups, return_inverse=True)[1]
    member = np.eye(int(text.max()) + 1)[text]
    name = reference_language(corpus, subject.model.training_bytes)
    found: dict[str, Any] = {"reference": name, "texts": member.shape[1], "rows": []}
    if member.shape[1] < LEAST_TEXTS or len(corpus.languages) < LEAST_LANGUAGES:
        return found
    tokens, by_matrix = matrix_errors.matrix_errors(
        subject.model, corpus, losses.rounded(subject), stride=subject.stride
    )
    reference = corpus.languages.index(name)
    counts = mean_field.with_left_out(tokens @ member)
    if not np.all(counts > 0):
        return found
    sums = {
        path: [mean_field.with_left_out(x @ member) for x in (each.error, each.power)]
        for path, each in by_matrix.items()
    }
    n_rows = sum(int(np.sum(_changed(error))) for error, _ in sums.values())
    for path, (error, power) in sums.items():
        logs = [
            _log_ratio(x, reference) for x in (error / counts, error / _positive(power))
        ]
        for layer in np.flatnonzero(_changed(error)).tolist():
            found["rows"].append(
                {"layer": layer, "matrix": ".".join(path[1:-1])}
                | _row(logs[0][layer], n_rows)
                | {"relative": float(logs[1][layer, 0])}
            )
    return found


def _changed(error: Float[np.ndarray, "layer language all"]) -> np.ndarray:
    """Layers in which the matrix makes an error in every language."""
    return np.all(error > 0, axis=(1, 2))


def _positive(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 1.0)


def _log_ratio(
    error: Float[np.ndarray, "layer language all"], reference: int
) -> Float[np.ndarray, "layer all"]:
    others = np.delete(error, reference, axis=1).mean(axis=1)
    own = error[:, reference]
    return np.log(_positive(others)) - np.log(_positive(own))


def _row(logs: Float[np.ndarray, " all"], n_rows: int) -> dict[str, float]:
    estimate = np.asarray(logs[0])
    low, high = jackknife_interval(estimate, logs[1:])
    level = bonferroni_level(n_rows)
    sure = jackknife_interval(estimate, logs[1:], level=level)[1]
    return {
        "log": float(estimate),
        "low": float(low),
        "high": float(high),
        "sure_high": float(sure),
    }


def judge_operator(evidence: Evidence) -> Finding:
    """Judges whether alignment lowers losses by what rounding does in every matrix.

    Definition: the least of the matrices' log ratios; its interval goes from the least
    lower end (no correction is needed for what must hold of all) to the least upper end
    corrected for the number of matrices.

    Args:
        evidence: of one model.

    Reference: Berger 1982, Technometrics 24 (intersection-union tests); our own
        definition.
    """
    found = slopes(evidence)
    rows = found["rows"]
    if not rows:
        return not_applicable(
            OPERATOR,
            found["texts"],
            f"needs {LEAST_TEXTS} texts of {LEAST_LANGUAGES} languages with tokens in "
            "every one, and matrices that rounding changes",
        )
    least = min(rows, key=lambda row: row["log"])
    against = sum(row["sure_high"] < 0 for row in rows)
    right = sum(row["low"] > 0 for row in rows)
    relative = sum(row["relative"] > 0 for row in rows)
    said = (
        f"of {len(rows)} matrices rounding errs less on {found['reference']} in "
        f"{sum(row['log'] > 0 for row in rows)} (surely: {right}) and surely more in "
        f"{against}; least in {least['matrix']} of layer {least['layer']}. Relative to "
        f"outputs it errs less in {relative}"
    )
    bounds = min(row["low"] for row in rows), min(row["sure_high"] for row in rows)
    return judge(OPERATOR, least["log"], bounds, found["texts"], said)
