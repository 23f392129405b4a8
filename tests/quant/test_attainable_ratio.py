"""The smallest ratio for a share of weights, and for none, against linear programs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.quant import attainable_ratio, protection_certificate
from tests.quant import certificate_oracles as oracles

least = attainable_ratio.least_disparity
ruined = attainable_ratio.least_ratio_at_any_quality
cases = {
    "losses": oracles.one_language,
    "reference": oracles.references,
    "sizes": oracles.sizes,
}


@given(**cases, fraction=st.floats(0, 1), residual=st.sampled_from([0.0, 0.3]))
def test_ratio_equals_the_linear_fractional_program(
    losses, reference, sizes, fraction, residual
):
    found = least(losses, reference, sizes, fraction=fraction, residual=residual)
    expected = oracles.least_ratio_for(losses, reference, sizes, fraction, residual)
    # HiGHS meets its limits to 1e-7, and ratios go up to 1e4
    assert found.ratio == pytest.approx(expected, rel=1e-5, abs=1e-5)
    noise = 1 - (1 - residual) * found.protected
    assert found.protected @ sizes <= fraction * sizes.sum() * (1 + 1e-12)
    ratio = oracles.lost(losses, noise) / oracles.lost(reference, noise)
    assert ratio == pytest.approx(float(found.ratio), rel=1e-10, abs=1e-14)


@given(**cases, share=oracles.shares)
def test_it_is_the_converse_of_the_least_protection(losses, reference, sizes, share):
    now = losses.sum() / reference.sum()
    limit = share * now
    if limit <= ruined(losses, reference).ratio:
        return  # all would have to be protected, which leaves no ratio
    needed = protection_certificate.least_protection(
        losses, reference, sizes, limit=limit
    )
    bought = least(losses, reference, sizes, fraction=min(1.0, float(needed.fraction)))
    # a share that is off by rounding buys that much less, of up to 1e4 per share
    assert bought.ratio == pytest.approx(min(limit, now), rel=1e-8)


@given(**cases, less=st.floats(0, 1), more=st.floats(0, 1))
def test_more_protection_never_buys_less(losses, reference, sizes, less, more):
    less, more = sorted((less, more))
    loose = least(losses, reference, sizes, fraction=less).ratio
    strict = least(losses, reference, sizes, fraction=more).ratio
    assert strict <= loose * (1 + 1e-12)


@given(**cases)
def test_ends(losses, reference, sizes):
    nothing = least(losses, reference, sizes, fraction=0.0)
    assert nothing.ratio == losses.sum() / reference.sum()
    assert not nothing.protected.any()
    everything = least(losses, reference, sizes, fraction=1.0)
    smallest = min(a / b for a, b in zip(losses, reference, strict=True))
    assert everything.ratio == pytest.approx(smallest, rel=1e-12)


@given(losses=oracles.one_language, reference=oracles.one_language)
def test_endless_noise_in_one_group(losses, reference):
    if not reference.any():
        return
    found = ruined(losses, reference)
    noise = np.ones(oracles.GROUPS)
    # 1e30 times the noise of others, which lose up to 1e4 times as much
    noise[found.group] = 1e30
    ratio = oracles.lost(losses, noise) / oracles.lost(reference, noise)
    assert ratio == pytest.approx(float(found.ratio), rel=1e-9, abs=1e-20)
    for group in range(oracles.GROUPS):
        assert losses[group] >= found.ratio * reference[group] * (1 - 1e-15)


def test_published_toy_has_nothing_below_one():
    found = ruined(oracles.NOTES_LANGUAGE, oracles.NOTES_REFERENCE)
    assert found.ratio == 1


@pytest.mark.parametrize("fraction", [-0.1, 1.1, np.nan])
def test_mistaken_fractions(fraction):
    with pytest.raises(ValueError, match="fraction must be from 0 to 1, got"):
        least(np.ones(2), np.ones(2), np.ones(2), fraction=fraction)


def test_mistaken_losses():
    message = "the reference language loses nothing in any group"
    with pytest.raises(ValueError, match=message):
        ruined(np.ones(2), np.zeros(2))
    with pytest.raises(ValueError, match=message):
        least(np.ones(2), np.zeros(2), np.ones(2), fraction=0.5)
    with pytest.raises(ValueError, match="losses must be at least 0, 1 of 2"):
        ruined(np.array([1.0, -1.0]), np.ones(2))
