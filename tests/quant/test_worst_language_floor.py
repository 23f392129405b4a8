"""The floor of the worst language: any allocation is above it, and one is on it."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.quant import certificate_check, worst_language_floor
from tests.quant import certificate_oracles as oracles

bits_of_groups = hnp.arrays(np.float64, oracles.GROUPS, elements=st.floats(0, 10))


@given(
    losses=oracles.languages,
    sizes=oracles.sizes,
    bits=bits_of_groups,
    mixture=hnp.arrays(np.float64, oracles.LANGUAGES, elements=st.floats(0.01, 1)),
)
def test_floor_is_attained_and_no_allocation_is_below(losses, sizes, bits, mixture):
    if not losses.any():
        return
    share = sizes / sizes.sum()
    found = worst_language_floor.floor(losses, sizes, mean_bits=float(share @ bits))
    claim = found.certificate.claim
    # 1e-11 nats between the two sides
    assert -1e-12 <= found.gap <= 1e-10
    assert share @ found.bits == pytest.approx(share @ bits, rel=1e-12, abs=1e-12)
    mine = [oracles.lost(g, 4.0**-found.bits) for g in losses]
    np.testing.assert_allclose(found.losses, mine, rtol=1e-12)
    assert found.worst == found.losses.max()
    others = [oracles.lost(g, 4.0**-bits) for g in losses]
    assert claim <= max(others) * (1 + 1e-12)
    if losses.any(axis=0).all():
        mixed = oracles.floor_at(losses, sizes, share @ bits, mixture / mixture.sum())
        assert mixed <= claim * (1 + 1e-10)
        best = oracles.floor_at(losses, sizes, share @ bits, found.certificate.mixture)
        assert best == pytest.approx(float(claim), rel=1e-11)
    assert certificate_check.check_floor(found.certificate).holds


@settings(max_examples=5)
@given(
    losses=hnp.arrays(np.float64, (2, oracles.GROUPS), elements=oracles.positive),
    sizes=oracles.sizes,
)
def test_two_languages_on_a_grid(losses, sizes):
    found = worst_language_floor.floor(losses, sizes, mean_bits=4.0)
    expected = oracles.least_worst(losses, sizes, 4.0)
    # steps of 5e-5 in the mixture, where losses differ by up to 1e4
    assert found.worst <= expected * (1 + 1e-10)
    assert found.worst == pytest.approx(expected, rel=0.05)


def test_by_hand():
    # swapped sensitivities: the mixture is even, gbar = 2.5 in both groups
    found = worst_language_floor.floor(
        np.array([[1.0, 4.0], [4.0, 1.0]]), np.ones(2), mean_bits=3.0
    )
    # a gap of 1e-11 in a strictly concave logarithm leaves its root in the mixture
    np.testing.assert_allclose(found.certificate.mixture, [0.5, 0.5], atol=1e-4)
    assert found.worst == pytest.approx(2 * 2.5 / 64, rel=1e-10)
    np.testing.assert_allclose(found.bits, [3, 3], atol=1e-4)


def test_groups_that_nobody_needs_get_the_fewest_bits():
    losses = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    found = worst_language_floor.floor(losses, np.array([1, 2, 1]), mean_bits=3.0)
    np.testing.assert_allclose(found.bits, [6, 0, 6], atol=1e-4)
    assert found.worst == pytest.approx(2 * 4.0**-6, rel=1e-10)
    kept = worst_language_floor.floor(
        losses, np.array([1, 2, 1]), mean_bits=3.0, idle_bits=2.0
    )
    np.testing.assert_allclose(kept.bits, [4, 2, 4], atol=1e-4)
    assert kept.worst == pytest.approx(2 * 4.0**-4, rel=1e-10)
    assert certificate_check.check_floor(kept.certificate).holds


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"losses": np.zeros((2, 3))}, "losses are all 0: no language needs any group"),
        ({"losses": -np.ones((2, 3))}, "losses must be at least 0, 6 of 6"),
        ({"sizes": np.array([1, 2, -3])}, "sizes must be positive numbers of weights"),
        (
            {"mean_bits": np.inf},
            r"mean_bits and idle_bits must be finite, got inf and 0",
        ),
        (
            {"idle_bits": np.nan},
            "mean_bits and idle_bits must be finite, got 4.0 and nan",
        ),
    ],
)
def test_mistakes(change, message):
    right = {"losses": np.ones((2, 3)), "sizes": np.ones(3), "mean_bits": 4.0}
    with pytest.raises(ValueError, match=message):
        worst_language_floor.floor(**right | change)
