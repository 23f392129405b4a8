import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.claims import finding

CLAIM = finding.Claim(
    id="T-000",
    statement="It is so.",
    source="nobody",
    unit="nats",
    method="looking",
    least=0.2,
)


def judged(low, high, **changes):
    estimate = (low + high) / 2
    return finding.judge(CLAIM, estimate, (low, high), 7, "seen", **changes)


@pytest.mark.parametrize(
    ("low", "high", "verdict", "reason"),
    [
        (0.1, 0.5, "holds", "seen; all of it is above 0"),
        (-0.1, 0.1, "fails", "seen; all of it is below 0.2"),
        (0.05, 0.15, "fails", "seen; all of it is below 0.2"),
        (-0.1, 0.5, "inconclusive", "seen; it does not exclude 0; data like"),
        (-0.1, 0.2, "inconclusive", "an effect of 0.21 four times in five"),
    ],
)
def test_verdicts(low, high, verdict, reason):
    found = judged(low, high)
    assert (found.verdict, found.n, found.unit) == (verdict, 7, "nats")
    assert reason in found.reason
    assert found.interval == (low, high)


def test_a_control_that_shows_the_effect_as_well_leaves_it_open():
    found = judged(0.1, 0.5, control="shuffled weights 0.4 [0.2, 0.6]")
    assert found.verdict == "inconclusive"
    assert "the control shows it as well: shuffled weights 0.4" in found.reason
    assert judged(-0.2, 0.1, control="anything").verdict == "fails"


@given(st.floats(-2, 2), st.floats(0, 2), st.floats(-1, 1), st.floats(0, 1))
def test_nothing_both_holds_and_fails(low, width, support, more):
    claim = dataclasses.replace(CLAIM, support=support, least=support + more)
    found = finding.judge(claim, low, (low, low + width), 3, "seen")
    holds = low > support and low + width >= claim.least
    fails = low + width < claim.least
    expected = "fails" if fails else "holds" if holds else "inconclusive"
    assert found.verdict == expected


def test_what_agreement_within_a_margin_would_take():
    """An interval of -/+ 0.2 around perfect agreement, with a margin of 0.1."""
    claim = dataclasses.replace(CLAIM, least=0.0, most=0.1)
    found = finding.judge(claim, 0.1, (-0.1, 0.1), 3, "seen")
    assert found.verdict == "inconclusive"
    # 0.2 wide: (0.2 x 0.715 / 0.1)^2
    assert found.reason.endswith(
        "takes about 2 times as many to show, four times in five, what is within 0.1"
    )


@pytest.mark.parametrize("bounds", [(1.0, 0.0), (float("nan"), 1.0)])
def test_refuses_what_is_no_interval(bounds):
    with pytest.raises(ValueError, match=r"T-000: an interval of \["):
        finding.judge(CLAIM, 0.0, bounds, 3, "seen")


def test_not_applicable_has_no_number():
    found = finding.not_applicable(CLAIM, 3, "needs at least 10 tokens, got 3")
    assert found.verdict == "not applicable"
    assert (found.estimate, found.interval) == (None, None)
    assert found.reason == "needs at least 10 tokens, got 3"
