"""Claims about grids over the whole range: NumPy, and planted measurements."""

import numpy as np
import pytest
from scipy import stats

from jaxdisp.claims.ledger import whole_range as claims
from tests.claims.ledger import laws_by_quadrature as oracle
from tests.claims.ledger import planted


def judged(name, known):
    (entry,) = (each for each in claims.ENTRIES if each.id == name)
    return entry.on_model(known)


def test_nothing_is_clipped_by_the_range_of_the_data():
    beyond = {"share of Gaussian weights beyond 2.83": 2 * stats.norm.sf(2.83)}
    oracle.agrees(claims.ENTRIES, "A18", beyond)
    x = stats.norm.ppf((np.arange(4096) + 0.5) / 4096)
    step = x.max() / 7
    errors = np.abs(np.clip(np.round(x / step), -7, 7) * step - x) / step
    oracle.agrees(claims.ENTRIES, "A18", {"largest error in steps": errors.max()})


def test_relative_errors_are_those_of_numpy_at_every_scale():
    n = claims.N_GAUSSIAN
    x = stats.norm.ppf((np.arange(n) + 0.5) / n)
    found = {"crest factor squared over 588": x.max() ** 2 / np.mean(x**2) / 588}
    for scale in (0.01, 1.0, 30.0):
        w = scale * x
        step = np.abs(w).max() / 7
        lost = np.mean((np.round(w / step) * step - w) ** 2) / np.mean(w**2)
        found[f"relative error times {scale:g}"] = lost
    variances, peaks = np.array(claims.TYPED_VARIANCES), np.array(claims.TYPED_PEAKS)
    r = stats.pearsonr(variances, peaks**2 / variances)[0]
    oracle.agrees(claims.ENTRIES, "A21", found | {"correlation, typed statistics": r})


def test_where_nothing_is_clipped_clipping_explains_nothing():
    none = planted.evidence({"weights of matrices": {"clipped": [0.0] * 3}})
    assert judged("A18", none).verdict == "fails"
    some = planted.evidence({"weights of matrices": {"clipped": [0.01] * 3}})
    assert judged("A18", some).verdict == "inconclusive"


def test_the_scale_of_weights_is_judged_by_the_experiment():
    known = planted.evidence(findings=[planted.finding("T-002d", "fails")])
    found = judged("A21", known)
    assert (found.id, found.verdict) == ("A21", "fails")
    with pytest.raises(ValueError, match="needs finding T-002d"):
        judged("A21", planted.evidence())
