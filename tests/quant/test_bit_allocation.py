"""The fewest bits: its proof, a general solver, and what cannot be met."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.quant import bit_allocation, certificate_check
from tests.quant import certificate_oracles as oracles

RANGE = (2.0, 8.0)
least = bit_allocation.least_bits
cases = {
    "losses": hnp.arrays(np.float64, (2, oracles.GROUPS), elements=oracles.some_zeros),
    "reference": oracles.references,
    "sizes": oracles.sizes,
    "target": hnp.arrays(np.float64, oracles.GROUPS, elements=st.floats(2.5, 7)),
    "demanding": st.booleans(),
}


def demands(losses, reference, target, *, demanding):
    """Limits that the bits `target` meet with 1 % to spare."""
    noise = 4.0**-target
    base = reference @ noise
    return {
        "limit": 1.01 * max((losses @ noise).max() / base, 0.1),
        "quality": 1.01 * base if demanding else np.inf,
        "bits_range": RANGE,
    }


@settings(max_examples=40)
@given(**cases)
def test_allocation_meets_its_demands_and_its_proof(
    losses, reference, sizes, target, demanding
):
    asked = demands(losses, reference, target, demanding=demanding)
    found = least(losses, reference, sizes, **asked)
    # 1e-11 nats between the two sides, and 1e-14 of terms up to 1e3
    assert -1e-12 <= found.gap <= 1e-9
    share = sizes / sizes.sum()
    assert found.mean_bits == pytest.approx(share @ found.bits, rel=1e-14)
    assert found.mean_bits <= share @ target + 1e-9
    assert ((RANGE[0] <= found.bits) & (found.bits <= RANGE[1])).all()
    noise = 4.0**-found.bits
    base = oracles.lost(reference, noise)
    assert base <= asked["quality"] * (1 + 1e-11)
    for g in losses:
        size = oracles.lost(g, noise) + asked["limit"] * base
        assert oracles.lost(g, noise) - asked["limit"] * base <= 1e-11 * size
    assert certificate_check.check_bits(found.certificate).holds


@settings(max_examples=15)
@given(**cases)
def test_a_general_solver_finds_nothing_better(
    losses, reference, sizes, target, demanding
):
    asked = demands(losses, reference, target, demanding=demanding)
    found = least(losses, reference, sizes, **asked)
    expected = oracles.least_bits(losses, reference, sizes, **asked, start=target)
    # it may stop early, and violate its limits by 1e-7 of what is lost at the start
    assert found.mean_bits <= expected + 1e-5


def test_a_general_solver_finds_the_same():
    language, reference = oracles.NOTES_LANGUAGE, oracles.NOTES_REFERENCE
    asked = {"limit": 1.2, "quality": 8.15 * 4.0**-4, "bits_range": RANGE}
    start = np.full(12, 6.0)
    start[reference > 0.5] = 7
    found = least(language[None], reference, np.ones(12), **asked)
    expected = oracles.least_bits(
        language[None], reference, np.ones(12), **asked, start=start
    )
    # SLSQP stops when a step gains less than 1e-12, a few such steps away
    assert found.mean_bits == pytest.approx(expected, abs=1e-7)


def test_one_language_without_box_is_water_filling():
    """u = w q / g: all groups lose the same per weight."""
    g = np.array([1.0, 4.0, 16.0, 64.0])
    found = least(
        g[None], g, np.ones(4), limit=2.0, quality=4 * 4.0**-6, bits_range=(0, 20)
    )
    # log2 of noise in steps of 2 is bits in steps of 1, of mean 6 + 3 / 2
    np.testing.assert_allclose(found.bits, [6, 7, 8, 9], atol=1e-4)
    assert found.mean_bits == pytest.approx(7.5, abs=1e-9)
    np.testing.assert_array_equal(found.certificate.prices, [0.0])


EQUAL = (np.ones((1, 3)), np.ones(3), np.ones(3))


def test_what_the_fewest_bits_meet_is_free():
    found = least(*EQUAL, limit=1.0, quality=1.0, bits_range=(2, 8))
    assert found.bits.tolist() == [2.0, 2.0, 2.0]
    assert found.gap == pytest.approx(0, abs=1e-12)


def test_equal_languages_can_be_held_equal():
    found = least(*EQUAL, limit=1.0, quality=0.01, bits_range=(2, 8))
    assert found.mean_bits == pytest.approx(np.log2(300) / 2, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"quality": 1e-6},
            r"no bits from 2 to 8 keep the reference's loss within 1e-06: it is at "
            r"least 4\.578e-05; raise the quality or the most bits",
        ),
        (
            {"limit": 1e-6},
            r"no bits from 2 to 8 keep language 0 \(counted from 0\) within the limit",
        ),
        (
            # either alone can be met, by ruining or by sparing the second group
            {
                "losses": np.array([[1.0, 0.0, 0.0]]),
                "limit": 2e-3,
                "quality": 1e-3,
            },
            r"no bits from 2 to 8 keep every language within 0\.002 times the",
        ),
        ({"quality": 0.0}, r"quality must be a positive loss or infinite, got 0\.0"),
        ({"bits_range": (8, 2)}, r"bits_range must rise from .* got \(8, 2\)"),
        ({"bits_range": (2, 33)}, "bits_range must rise from at least 0 to at most 32"),
        ({"limit": -1.0}, "limit must be a positive number, got -1"),
        ({"reference": np.array([1.0, -1, 1])}, "reference must be at least 0, 1 of 3"),
    ],
)
def test_mistakes(change, message):
    right = {
        "losses": np.ones((2, 3)),
        "reference": np.ones(3),
        "sizes": np.ones(3),
        "limit": 1.0,
        "quality": 0.01,
        "bits_range": (2, 8),
    }
    with pytest.raises(ValueError, match=message):
        least(**right | change)
