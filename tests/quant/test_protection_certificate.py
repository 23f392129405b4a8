"""The smallest protected share: greedy, linear program, dual, and all sets."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.quant import certificate_check, protection_certificate
from tests.quant import certificate_oracles as oracles

# the linear program of the oracle meets its limits to 1e-7 of the largest coefficient
LP = 1e-6
least = protection_certificate.least_protection
least_of_all = protection_certificate.least_protection_of_languages
residuals = hnp.arrays(np.float64, oracles.GROUPS, elements=st.floats(0, 0.6))
cases = {
    "losses": oracles.one_language,
    "reference": oracles.references,
    "sizes": oracles.sizes,
    "share": oracles.shares,
}


def limit_of(losses, reference, share):
    """A share of the ratio without protection, of the worst language."""
    ratio = np.atleast_2d(losses).sum(axis=1).max() / reference.sum()
    return share * ratio if ratio > 0 else share


@given(**cases)
def test_greedy_is_the_linear_program_is_the_dual(losses, reference, sizes, share):
    limit = limit_of(losses, reference, share)
    found = least(losses, reference, sizes, limit=limit)
    expected = oracles.primal(losses, reference, sizes, limit)
    assert found.fraction == pytest.approx(expected, abs=LP)
    # 6 groups of coefficients up to 1e4 times the marginal one, of 52 bits
    dual = oracles.dual_maximum(losses, reference, sizes, limit)
    assert found.fraction == pytest.approx(dual, abs=1e-9)
    whole = oracles.integer(losses, reference, sizes, limit)
    assert found.fraction <= whole + 1e-9
    noise = 1 - found.protected
    assert 0 <= noise.min() <= noise.max() <= 1
    allowed = limit * oracles.lost(reference, noise)
    assert oracles.lost(losses, noise) <= allowed + 1e-12 * losses.sum()
    assert bool(found.already_reached) == (found.price == 0)
    assert not found.unreachable


@given(**cases, residual=residuals)
def test_residual_noise(losses, reference, sizes, share, residual):
    limit = limit_of(losses, reference, share)
    found = least(losses, reference, sizes, limit=limit, residual=residual)
    expected = oracles.primal(losses, reference, sizes, limit, residual)
    bare = least(losses, reference, sizes, limit=limit)
    assert found.fraction >= bare.fraction - 1e-12
    if expected is None:
        assert found.unreachable
        assert np.isinf([found.fraction, found.price]).all()
        assert np.isnan(found.protected).all()
    elif not found.unreachable:  # within the tolerance of the program
        assert found.fraction == pytest.approx(expected, abs=1e-5)


@settings(max_examples=30)
@given(
    losses=oracles.languages,
    reference=oracles.references,
    sizes=oracles.sizes,
    share=oracles.shares,
)
def test_several_languages(losses, reference, sizes, share):
    limit = limit_of(losses, reference, share)
    found = least_of_all(losses, reference, sizes, limit=limit)
    assert found.fraction == pytest.approx(
        oracles.primal(losses, reference, sizes, limit), abs=LP
    )
    # the duals of HiGHS are a vertex, exact to rounding
    assert -LP < found.gap < LP
    alone = [least(g, reference, sizes, limit=limit).fraction for g in losses]
    assert found.fraction >= max(alone) - LP
    whole = oracles.integer(losses, reference, sizes, limit)
    assert found.certificate.claim <= whole
    assert certificate_check.check_protection(found.certificate).holds


@given(**cases, residual=residuals)
def test_one_language_as_several(losses, reference, sizes, share, residual):
    limit = limit_of(losses, reference, share)
    one = least(losses, reference, sizes, limit=limit, residual=residual)
    found = least_of_all(losses[None], reference, sizes, limit=limit, residual=residual)
    assert found.fraction == one.fraction
    np.testing.assert_array_equal(found.protected, one.protected)
    if one.unreachable:
        assert np.isnan(found.gap)
        assert np.isinf(found.certificate.price)
    else:
        assert 0 <= found.gap <= 1e-9
        assert found.certificate.price == one.price


def test_what_no_protection_reaches_has_a_proof():
    losses = np.array([[4.0, 4.0, 4.0], [1.0, 1.0, 7.0]])
    reference, sizes = np.ones(3), np.ones(3)
    for rows in (losses, losses[:1], losses[1:]):
        found = least_of_all(rows, reference, sizes, limit=0.5, residual=0.25)
        assert np.isinf([found.fraction, found.certificate.claim]).all()
        assert certificate_check.check_protection(found.certificate).holds


@given(**cases, factor=st.floats(1, 3))
def test_a_stricter_limit_needs_no_less(losses, reference, sizes, share, factor):
    limit = limit_of(losses, reference, share)
    strict = least(losses, reference, sizes, limit=limit).fraction
    loose = least(losses, reference, sizes, limit=limit * factor).fraction
    assert loose <= strict + 1e-12


@given(
    losses=hnp.arrays(np.float64, (5, oracles.GROUPS), elements=oracles.some_zeros),
    reference=hnp.arrays(np.float64, (5, oracles.GROUPS), elements=oracles.positive),
    sizes=oracles.sizes,
    limit=st.floats(0.1, 3),
)
def test_draws_are_taken_one_by_one(losses, reference, sizes, limit):
    found = least(losses, reference, sizes, limit=limit, residual=0.2)
    for draw in range(5):
        one = least(losses[draw], reference[draw], sizes, limit=limit, residual=0.2)
        np.testing.assert_allclose(found.fraction[draw], one.fraction, rtol=1e-13)
        np.testing.assert_allclose(found.price[draw], one.price, rtol=1e-13)
        np.testing.assert_allclose(found.protected[draw], one.protected, rtol=1e-13)


def test_published_numbers():
    """`theory.md` 5.1: ratio 1.316 without protection; 25.4 %, 42.2 % and 50 %."""
    language, reference = oracles.NOTES_LANGUAGE, oracles.NOTES_REFERENCE
    assert language.sum() / reference.sum() == pytest.approx(1.316, abs=5e-4)
    for limit, share in ((1.22, 0.254), (1.1, 0.422), (1.0, 0.5)):
        found = least(language, reference, np.ones(12), limit=limit)
        assert found.fraction == pytest.approx(share, abs=5e-4)


def test_by_hand():
    # v = 2, 1, -1 at k = 1: half of the first group of two weights meets sum v = 2
    found = least(np.array([3.0, 2, 0]), np.ones(3), np.array([1, 1, 2]), limit=1.0)
    assert found.protected.tolist() == [1.0, 0.0, 0.0]
    assert found.fraction == 0.25
    assert found.price == 0.125
    none = least(np.ones(3), np.ones(3), np.ones(3), limit=1.0)
    assert (none.fraction, none.price) == (0, 0)
    assert none.already_reached
    # above 0.3 by one rounding
    equal = least(np.full(3, 0.1 + 0.2), np.ones(3), np.ones(3), limit=0.3)
    assert equal.already_reached
    all_of_it = least(np.full(3, 2.0), np.ones(3), np.ones(3), limit=1.0)
    assert all_of_it.fraction == 1


def test_a_claim_from_draws():
    draws = np.array([0.5, np.inf, 0.1, 0.4, 0.2, 0.3, 0.6, 0.7, 0.8, 0.9, 1.0])
    claim = protection_certificate.claim_of_draws
    assert claim(draws, confidence=0.88) == 0.2
    assert claim(draws, confidence=0.85) == 0.2
    assert claim(draws, confidence=0.01) == 1.0
    assert claim(np.full(200, np.inf)) == np.inf


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limit": 0.0}, r"limit must be a positive number, got 0\.0"),
        ({"limit": np.nan}, "limit must be a positive number, got nan"),
        ({"residual": 1.0}, r"residual must be at least 0 and below 1.*got \[1\.0\]"),
        ({"residual": -0.1}, r"residual must be at least 0 and below 1"),
        (
            {"sizes": np.array([1.0, 0.0])},
            r"sizes must be positive.*got \[1\.0, 0\.0\]",
        ),
        (
            {"losses": np.array([[1.0, -0.25]])},
            r"losses must be at least 0, 1 of 2 are negative \(the least is -0\.25\); "
            "set them to 0 and report how many were",
        ),
        ({"reference": np.array([-1.0, 2.0])}, "reference must be at least 0, 1 of 2"),
        ({"losses": np.array([[1.0, np.nan]])}, "losses must be finite, 1 are not"),
    ],
)
def test_mistakes(change, message):
    right = {
        "losses": np.ones((1, 2)),
        "reference": np.ones(2),
        "sizes": np.ones(2),
        "limit": 1.0,
    }
    with pytest.raises(ValueError, match=message):
        least_of_all(**right | change)
    one = right | change
    with pytest.raises(ValueError, match=message):
        least(**one | {"losses": one["losses"][0]})


def test_mistakes_about_draws():
    claim = protection_certificate.claim_of_draws
    with pytest.raises(ValueError, match="confidence must be between 0 and 1, got 1"):
        claim(np.ones(3), confidence=1.0)
    with pytest.raises(ValueError, match="got 2 draws of which 1 are not numbers"):
        claim(np.array([1.0, np.nan]))
