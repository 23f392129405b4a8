"""What no set can be below in the additive model, against a list of all sets."""

import dataclasses
import fractions
import math
import time
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from jaxdisp.search import additive_bound as additive
from tests.search import guided_oracles as oracles

WEIGHTS = np.array([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]])
SIZES = [[100, 30, 20], [50, 15, 10], [100, 30, 20], [70, 40, 10]]
LOSSES = oracles.table(seed=1, layers=4, versions=3, languages=3)
# of sums of a few numbers of order 1, in another order
ROUNDING = 1e-12


@st.composite
def problems(draw, most_layers=5):
    """A table of losses, sizes, a limit that something meets, and an objective."""
    layers = draw(st.integers(1, most_layers))
    losses = [
        [[0.0] * 3, *(draw(st.tuples(*[numbers()] * 3)) for _ in range(2))]
        for _ in range(layers)
    ]
    name = draw(st.sampled_from(additive.OBJECTIVES))
    if draw(st.booleans()):
        keep = draw(st.integers(0, layers))
        return np.array(losses, float), additive.keeping(layers, keep), name
    choices = st.sampled_from([1, 2, 3, 7, 8, 50])
    sizes = [draw(st.tuples(*[choices] * 3)) for _ in range(layers)]
    low, high = (sum(map(f, sizes)) for f in (min, max))
    most = draw(st.integers(low, high + 1))
    return np.array(losses, float), additive.within_bytes(np.array(sizes), most), name


def numbers():
    """Ties, gains and losses of different sizes."""
    return st.one_of(
        st.sampled_from([0.0, 0.25, 1.0, -0.5]), st.floats(-1, 4).map(lambda x: x / 3)
    )


def stated(losses, limit, name):
    return additive.problem(losses, limit, objective=name, weights=WEIGHTS)


def ranking(losses, limit, name):
    sizes = limit.sizes.tolist()
    known = losses[:, : len(sizes[0])].tolist()
    return oracles.ranked(
        known, sizes, limit.most, limit.exactly, name, WEIGHTS.tolist()
    )


@given(case=problems())
def test_no_allowed_set_is_below_the_bound(case):
    certificate = additive.bound(stated(*case))
    check = additive.verify(certificate)
    assert check.holds
    assert check.bound == certificate.claim
    least = ranking(*case)[0][0]
    assert certificate.claim <= least + ROUNDING


@given(case=problems(), step=st.floats(1e-9, 10))
def test_a_raised_claim_is_refused(case, step):
    certificate = additive.bound(stated(*case))
    for claim in (
        math.nextafter(certificate.claim, math.inf),
        certificate.claim + step,
        math.inf,
        math.nan,
    ):
        raised = dataclasses.replace(certificate, claim=np.asarray(claim))
        assert not additive.verify(raised).holds
    lowered = dataclasses.replace(
        certificate, claim=np.asarray(certificate.claim - step)
    )
    assert additive.verify(lowered).holds


@given(
    case=problems(),
    mixture=st.lists(st.floats(0.01, 1), min_size=6, max_size=6),
    price=st.floats(0, 1),
)
def test_any_mixture_and_price_prove_something_true(case, mixture, price):
    one = additive.bound(stated(*case))
    nu = np.array(mixture[: len(one.mixture)])
    other = dataclasses.replace(one, mixture=nu, price=np.asarray(price))
    proved = additive.verify(other).bound
    assert proved <= ranking(*case)[0][0] + ROUNDING
    # the linear program's are the best, up to the solver's tolerance
    assert proved <= one.claim + 1e-6


@given(case=problems())
def test_what_is_proved_equals_fractions(case):
    losses, limit, _ = case
    one = additive.bound(stated(losses, limit, "worst"))
    exact = oracles.relaxation(
        losses[:, : limit.sizes.shape[1]].tolist(),
        limit.sizes.tolist(),
        limit.most,
        one.mixture.tolist(),
        float(one.price),
    )
    assert fractions.Fraction(float(one.claim)) <= exact
    assert exact < fractions.Fraction(math.nextafter(one.claim, math.inf))


def test_layers_that_may_be_split_reach_the_bound():
    """The relaxation itself, as a linear program in another form: no slack is left."""
    sizes, most = np.array(SIZES), 150
    one = additive.bound(stated(LOSSES, additive.within_bytes(sizes, most), "worst"))
    # x and the worst loss t, as a feasibility problem bisected over t
    low, high = -10.0, 10.0
    for _ in range(50):
        middle = (low + high) / 2
        rows = np.vstack([LOSSES.reshape(12, 3).T, sizes.ravel()])
        found = optimize.linprog(
            np.zeros(12),
            A_ub=rows,
            b_ub=[middle] * 3 + [most],
            A_eq=np.kron(np.eye(4), np.ones(3)),
            b_eq=np.ones(4),
        )
        low, high = (low, middle) if found.status == 0 else (middle, high)
    # the solver accepts constraints violated by 1e-7
    np.testing.assert_allclose(one.claim, high, rtol=0, atol=2e-6)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_units_change_nothing(scale):
    limit = additive.within_bytes(np.array(SIZES), 150)
    huge = additive.within_bytes(np.array(SIZES) * 10**9, 150 * 10**9)
    one = additive.bound(stated(LOSSES, limit, "worst"))
    for other in (limit, huge):
        found = additive.bound(stated(LOSSES * scale, other, "worst"))
        np.testing.assert_allclose(found.claim / scale, one.claim, rtol=1e-9)


def test_a_mean_of_equal_layers_leaves_no_gap():
    """A price of one kept layer, and a mean: the relaxation takes whole layers."""
    one = additive.bound(stated(LOSSES, additive.keeping(4, 2), "mean"))
    least = np.sort(LOSSES[:, 1].mean(axis=1))[:2].sum()
    np.testing.assert_allclose(one.claim, least, rtol=1e-9)


@given(case=problems())
def test_values_and_what_is_allowed(case):
    losses, limit, name = case
    versions = limit.sizes.shape[1]
    everything = np.array(
        oracles.words([[0] * versions] * len(losses), most=0, exactly=True)
    )
    flags = additive.allowed(limit, everything)
    expected = oracles.words(limit.sizes.tolist(), limit.most, limit.exactly)
    assert [tuple(row) for row in everything[flags].tolist()] == expected
    found = additive.values(stated(*case), everything)
    measured = [
        oracles.objective(losses.tolist(), word, name, WEIGHTS.tolist())
        for word in everything.tolist()
    ]
    np.testing.assert_allclose(found, measured, rtol=0, atol=ROUNDING)


def test_a_version_that_the_limit_does_not_know_is_not_allowed():
    rows = np.array([[0, 1, 2], [0, 1, 1]])
    assert additive.allowed(additive.keeping(3, 1), rows).tolist() == [False, True]


def test_prices_that_prove_nothing():
    one = additive.bound(
        stated(LOSSES, additive.within_bytes(np.array(SIZES), 150), "worst")
    )
    assert one.price > 0
    nothing = [
        {"price": np.asarray(-0.1)},
        {"price": np.asarray(np.nan)},
        {"mixture": np.zeros(3)},
        {"mixture": np.array([1.0, -0.1, 0.1])},
        {"mixture": np.array([1.0, np.inf, 0.1])},
    ]
    for change in nothing:
        check = additive.verify(
            dataclasses.replace(one, claim=np.asarray(-1e9), **change)
        )
        assert np.isnan(check.bound)
        assert not check.holds


def test_keeping_more_may_cost_more():
    """Where protection does harm only a negative price proves what it costs."""
    losses = np.zeros((3, 2, 3))
    losses[:, 1] = -1.0
    one = additive.bound(stated(losses, additive.keeping(3, 2), "worst"))
    assert one.price < 0
    np.testing.assert_allclose(one.claim, -1.0, rtol=1e-9)
    assert additive.verify(one).holds


def test_32_layers_are_bounded_and_checked_in_under_a_second():
    losses = oracles.table(seed=2, layers=32, versions=3, languages=12)
    limit = additive.within_bytes(np.tile([1000, 500, 260], (32, 1)), 16_000)
    began = time.process_time()
    assert additive.verify(additive.bound(additive.problem(losses, limit))).holds
    assert time.process_time() - began < 1


def test_an_unsolved_program_is_said(monkeypatch):
    failed = types.SimpleNamespace(status=4, message="numbers went wrong")
    monkeypatch.setattr(optimize, "linprog", lambda *_, **__: failed)
    problem = stated(LOSSES, additive.keeping(4, 2), "worst")
    with pytest.raises(
        RuntimeError, match=r"^the linear program was not solved: numbers went wrong$"
    ):
        additive.bound(problem)


def test_limits_that_nothing_meets():
    message = (
        r"^no assignment has layers of at most 59 bytes; the cheapest takes 60: raise "
        "the budget or quantize to fewer bits$"
    )
    with pytest.raises(ValueError, match=message):
        additive.within_bytes(np.array(SIZES), 59)
    assert additive.within_bytes(np.array(SIZES), 60).most == 60
    for keep in (-1, 13):
        message = rf"^between 0 and all 12 layers can be protected, got {keep}$"
        with pytest.raises(ValueError, match=message):
            additive.keeping(12, keep)


def test_problems_that_cannot_be_stated():
    limit = additive.keeping(4, 2)
    names = "mean, worst, low, high, difference, max_min"
    message = rf"^objective 'log_ratio': must be one of {names}$"
    with pytest.raises(ValueError, match=message):
        additive.problem(LOSSES, limit, objective="log_ratio")
    message = r"^objective 'low' needs the weights of two sides$"
    with pytest.raises(ValueError, match=message):
        additive.problem(LOSSES, limit, objective="low")
    message = (
        r"^losses are of 4 layers in 3 versions and the limit is for 5 in 2; give both "
        "for the same model$"
    )
    with pytest.raises(ValueError, match=message):
        additive.problem(LOSSES, additive.keeping(5, 2))
    unmeasured = LOSSES.copy()
    unmeasured[2, 2] = np.nan
    assert np.isfinite(additive.problem(unmeasured, limit).losses).all()
    message = (
        r"^layer 2 in version 2 was not measured by itself; measure the row in which "
        "it alone is quantized$"
    )
    with pytest.raises(ValueError, match=message):
        additive.problem(unmeasured, additive.within_bytes(np.array(SIZES), 150))
