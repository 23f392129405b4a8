import dataclasses

import numpy as np
from scipy import stats

from jaxdisp.claims import families, finding, registry

CLAIM = finding.Claim(
    id="T-001", statement="It is so.", source="nobody", unit="nats", method="looking"
)


def found(identifier, estimate, half, support=0.0):
    claim = dataclasses.replace(CLAIM, id=identifier, support=support)
    interval = (estimate - half, estimate + half)
    return finding.judge(claim, estimate, interval, 9, "seen")


FOUND = [
    found("T-001", 3.0, 1.0),
    found("T-001b", 1.0, 2.0),
    found("T-010d", 2.0, 1.0, support=2.5),
    found("mean-field-c", -4.0, 1.0),
    found("redundancy", 0.5, 1.0),
]
EXPERIMENTS = [experiment.id for experiment in registry.EXPERIMENTS]


def corrected(findings):
    return families.corrected(findings, EXPERIMENTS)


def test_every_finding_with_an_interval_has_a_row():
    missing = finding.not_applicable(CLAIM, 3, "too few")
    rows = corrected([*FOUND, missing])
    assert [row["id"] for row in rows] == [each.id for each in FOUND]
    assert [row["family"] for row in rows] == [
        "T-001",
        "T-001",
        "T-010",
        "mean-field",
        "redundancy",
    ]
    assert [row["direction"] for row in rows] == [
        "above",
        "above",
        "below",
        "below",
        "above",
    ]
    quantile = stats.norm.isf(0.025)
    distance = np.array([3.0, 0.5, 0.5, 4.0, 0.5]) * quantile
    expected = 2 * stats.norm.sf(distance)
    np.testing.assert_allclose([row["p_value"] for row in rows], expected, rtol=1e-9)
    np.testing.assert_allclose(
        [row["bonferroni"] for row in rows], np.minimum(1, 5 * expected), rtol=1e-9
    )
    for row in rows:
        assert set(families.PROCEDURES) <= set(row)
        assert row["p_value"] <= row["hierarchical"] <= 1


def test_the_bound_is_that_of_the_claim():
    bounds = [row["bound"] for row in corrected(FOUND)]
    assert bounds == [0.0, 0.0, 2.5, 0.0, 0.0]
    nobody = dataclasses.replace(FOUND[2], bound=None)
    (row,) = corrected([nobody])
    assert (row["bound"], row["direction"]) == (0.0, "above")
    assert finding.not_applicable(CLAIM, 3, "too few").bound is None


def test_one_that_holds_by_itself_may_not_in_a_run():
    weak = found("T-002", 1.05, 1.0)
    assert weak.verdict == "holds"
    many = [found(f"T-00{k}", 0.1, 1.0) for k in (3, 4, 5, 6)]
    row = corrected([weak, *many])[0]
    assert row["p_value"] < 0.05 < row["holm"]


def test_nothing_to_correct():
    assert corrected([]) == []
    assert corrected([finding.not_applicable(CLAIM, 3, "too few")]) == []
