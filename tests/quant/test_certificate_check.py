"""Checks accept what the solvers claim, and refuse anything above it."""

import dataclasses

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.quant import (
    bit_allocation,
    certificate_check,
    protection_certificate,
    worst_language_floor,
)
from tests.quant import certificate_oracles as oracles

# relative raises of a claim; 1e-6 is far above what rounding may leave open
raised = st.one_of(st.just(1e-6), st.floats(1e-6, 10))


def changed(certificate, **fields):
    return dataclasses.replace(
        certificate, **{name: np.asarray(value) for name, value in fields.items()}
    )


def refuses_more(check, certificate, factor):
    """The claim holds, as do smaller ones; larger ones do not."""
    claim = float(certificate.claim)
    assert check(certificate).holds
    assert check(certificate).bound >= claim
    smaller = claim - factor * abs(claim)
    assert check(changed(certificate, claim=smaller)).holds
    if claim > 1e-5:
        assert not check(changed(certificate, claim=claim * (1 + factor))).holds
    assert not check(changed(certificate, claim=np.inf)).holds
    assert not check(changed(certificate, claim=np.nan)).holds


@given(
    losses=oracles.languages,
    reference=oracles.references,
    sizes=oracles.sizes,
    share=oracles.shares,
    residual=st.sampled_from([0.0, 0.1]),
    factor=raised,
)
def test_protection(losses, reference, sizes, share, residual, factor):
    for rows in (losses, losses[:1]):
        limit = share * max(rows.sum(axis=1).max() / reference.sum(), 0.1)
        found = protection_certificate.least_protection_of_languages(
            rows, reference, sizes, limit=limit, residual=residual
        )
        certificate = found.certificate
        if np.isinf(certificate.claim):
            assert certificate_check.check_protection(certificate).holds
            continue
        refuses_more(certificate_check.check_protection, certificate, factor)
        # any price proves something true, if less
        worse = changed(certificate, price=certificate.price * 1.1)
        bound = certificate_check.check_protection(worse).bound
        assert bound <= found.fraction + 1e-6


@settings(max_examples=25)
@given(
    losses=hnp.arrays(np.float64, (2, oracles.GROUPS), elements=oracles.some_zeros),
    reference=oracles.references,
    sizes=oracles.sizes,
    bits=hnp.arrays(np.float64, oracles.GROUPS, elements=st.floats(2.5, 7)),
    factor=raised,
)
def test_bits(losses, reference, sizes, bits, factor):
    noise = 4.0**-bits
    found = bit_allocation.least_bits(
        losses,
        reference,
        sizes,
        limit=1.01 * max((losses @ noise).max() / (reference @ noise), 0.1),
        quality=1.01 * float(reference @ noise),
        bits_range=(2, 8),
    )
    refuses_more(certificate_check.check_bits, found.certificate, factor)


@given(
    losses=oracles.languages,
    sizes=oracles.sizes,
    mean_bits=st.floats(0, 5),
    factor=raised,
)
def test_floor(losses, sizes, mean_bits, factor):
    if losses.any():
        found = worst_language_floor.floor(losses, sizes, mean_bits=mean_bits)
        refuses_more(certificate_check.check_floor, found.certificate, factor)


def certificates():
    losses, reference, sizes = np.array([[3.0, 2, 1]]), np.ones(3), np.ones(3)
    protection = protection_certificate.least_protection_of_languages(
        losses, reference, sizes, limit=1.5
    )
    bits = bit_allocation.least_bits(
        losses, reference, sizes, limit=1.5, quality=0.1, bits_range=(1, 8)
    )
    floor = worst_language_floor.floor(losses, sizes, mean_bits=4.0)
    return protection.certificate, bits.certificate, floor.certificate


CHECKS = (
    certificate_check.check_protection,
    certificate_check.check_bits,
    certificate_check.check_floor,
)
WRONG = [
    (0, "price", -1.0),
    (0, "price", np.nan),
    (0, "mixture", [-1.0]),
    (0, "limit", -1.0),
    (0, "residual", [0.0, 0.0, 1.0]),
    (0, "residual", [0.0, 0.0, np.nan]),
    (0, "losses", [[1.0, -1.0, 1.0]]),
    (0, "reference", [1.0, np.inf, 1.0]),
    (0, "sizes", [1.0, 0.0, 1.0]),
    (1, "prices", [-1.0]),
    (1, "quality_price", -1.0),
    (1, "quality", np.nan),
    (1, "reference", [1.0, -1.0, 1.0]),
    (1, "sizes", [1.0, 1.0, -1.0]),
    (2, "mixture", [-1.0]),
    (2, "losses", [[1.0, np.nan, 1.0]]),
    (2, "sizes", [1.0, 1.0, 0.0]),
    (2, "mean_bits", np.nan),
]


@pytest.mark.parametrize(("which", "field", "value"), WRONG)
def test_numbers_that_prove_nothing(which, field, value):
    certificate, check = certificates()[which], CHECKS[which]
    assert check(certificate).holds
    found = check(changed(certificate, **{field: value}))
    assert not found.holds
    assert np.isnan(found.bound)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_claim_for_other_losses_is_refused(which):
    certificate, check = certificates()[which], CHECKS[which]
    halved = changed(certificate, losses=certificate.losses / 2)
    assert not check(halved).holds


def test_an_infinite_claim_needs_a_proof():
    certificate = certificates()[0]
    check = certificate_check.check_protection
    endless = changed(certificate, price=np.inf, claim=np.inf)
    assert not check(endless).holds
    assert check(changed(endless, residual=np.full(3, 0.9))).holds


def test_bits_of_groups_that_nobody_needs_count():
    found = worst_language_floor.floor(
        np.array([[1.0, 0.0], [3.0, 0.0]]), np.ones(2), mean_bits=4.0, idle_bits=2.0
    )
    refuses_more(certificate_check.check_floor, found.certificate, 1e-6)


def test_a_floor_without_a_needed_group_is_zero():
    certificate = certificates()[2]
    found = certificate_check.check_floor(changed(certificate, losses=np.zeros((1, 3))))
    assert found.bound == 0
    idle = changed(certificate, mixture=[0.0])
    assert certificate_check.check_floor(idle).bound == 0
