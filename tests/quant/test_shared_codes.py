"""Scales by language, errors of outputs, and what of a disparity is due to sharing."""

import hypothesis.extra.numpy as hnp
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.quant import disparity_split, output_error, shared_codes
from tests import strategies
from tests.quant import clipping_oracles

GROUPS, VALUES, INPUTS, OUTPUTS, TOKENS = 2, 12, 6, 4, 10
EPS = 2.0**-52

scales = jax.jit(shared_codes.language_scales)
full_error = jax.jit(output_error.output_error)
diagonal_error = jax.jit(output_error.diagonal_output_error)
split = jax.jit(disparity_split.split_disparity)
positive = st.floats(-6, 6).map(lambda power: 10**power)
all_levels = hnp.arrays(np.float64, 3, elements=positive)
codes = hnp.arrays(np.float64, (GROUPS, VALUES), elements=st.integers(-7, 7).map(float))


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def double(*arrays):
    return tuple(jnp.asarray(array, np.float64) for array in arrays)


@given(
    x=strategies.arrays((GROUPS, VALUES)),
    z=codes,
    weights=clipping_oracles.all_weights((GROUPS, VALUES)),
)
def test_scales_are_least_squares(x, z, weights):
    found = scales(*double(x, z, weights))
    for group, scale in enumerate(np.asarray(found)):
        root = np.sqrt(weights[group])
        column, wanted = root * z[group], root * x[group]
        if not column.any():
            assert scale == 1
            continue
        (expected,) = np.linalg.lstsq(column[:, None], wanted, rcond=None)[0]
        # Products of both signs may cancel; each is off by a few of 52 bits.
        size = np.abs(column) @ np.abs(wanted) / (column @ column)
        assert abs(scale - expected) <= 100 * EPS * size


@given(
    x=strategies.arrays((GROUPS, VALUES)),
    z=codes,
    weights=clipping_oracles.all_weights((GROUPS, VALUES)),
)
def test_own_scales_never_lose_more(x, z, weights):
    found = np.asarray(scales(*double(x, z, weights)))
    mine = np.sum(weights * (x - found[:, None] * z) ** 2, axis=1)
    shared = np.sum(weights * (x - z) ** 2, axis=1)
    # Where z fits already, rounding of the scale remains.
    slack = np.sum(weights * (x**2 + z**2), axis=1) * 100 * EPS
    assert (mine <= shared + slack).all()


def test_scales_by_hand():
    x = [[2.0, 4.0, 100.0], [1.0, 2.0, 3.0]]
    z = [[1.0, 2.0, 1.0], [0.0, 0.0, 5.0]]
    weights = [[1.0, 3.0, 0.0], [1.0, 1.0, 0.0]]
    assert scales(*double(x, z, weights)).tolist() == [2.0, 1.0]


samples = strategies.arrays((TOKENS, INPUTS))
changes = strategies.arrays((INPUTS, OUTPUTS))


@given(samples=samples, change=changes)
def test_output_error_is_that_of_samples(samples, change):
    second = samples.T @ samples / TOKENS
    expected = np.sum((samples @ change) ** 2) / TOKENS
    found = float(full_error(*double(change, second)))
    # Terms of both signs may cancel down to nothing.
    size = np.sum((np.abs(samples) @ np.abs(change)) ** 2)
    assert abs(found - expected) <= 100 * EPS * size
    assert found >= -100 * EPS * size  # a second moment has no negative direction


@given(square=hnp.arrays(np.float64, INPUTS, elements=positive), change=changes)
def test_uncorrelated_inputs_have_the_diagonal_error(square, change):
    surrogate = float(diagonal_error(*double(change, square)))
    found = float(full_error(*double(change, np.diag(square))))
    expected = sum(
        square[i] * change[i, j] ** 2 for i in range(INPUTS) for j in range(OUTPUTS)
    )
    assert found == pytest.approx(expected, rel=1e-13)
    assert surrogate == pytest.approx(expected, rel=1e-13)


def test_errors_of_one_sign_add_up_where_inputs_are_alike():
    # All inputs the same: S is all ones, and equal changes cost n times their diagonal.
    change, ones = np.full((INPUTS, OUTPUTS), -0.5), np.ones((INPUTS, INPUTS))
    surrogate = diagonal_error(*double(change, np.ones(INPUTS)))
    assert float(surrogate) == 0.25 * INPUTS * OUTPUTS
    assert float(full_error(*double(change, ones))) == INPUTS * float(surrogate)
    change[::2] *= -1  # and opposite ones cancel
    assert float(full_error(*double(change, ones))) == 0


@given(levels=all_levels, own=all_levels, reference=positive, own_reference=positive)
def test_disparity_splits_into_two_logs(levels, own, reference, own_reference):
    found = split(*double(levels, own, reference, own_reference))
    of = {name: np.log(part) for name, part in {"l": levels, "o": own}.items()}
    of |= {"r": np.log(reference), "s": np.log(own_reference)}
    exact = {"rtol": 0, "atol": 2e-14}  # ulps of logs up to 28
    np.testing.assert_allclose(found.total, of["l"] - of["r"], **exact)
    np.testing.assert_allclose(found.intrinsic, of["o"] - of["s"], **exact)
    expected = of["l"] - of["o"] - (of["r"] - of["s"])
    np.testing.assert_allclose(found.regret, expected, **exact)
    np.testing.assert_allclose(found.total, found.intrinsic + found.regret, **exact)


@given(levels=all_levels, own=all_levels)
def test_the_reference_has_no_disparity(levels, own):
    found = split(*double(levels, own, levels[0], own[0]))
    assert (found.total[0], found.intrinsic[0], found.regret[0]) == (0, 0, 0)
    alone = split(*double(levels, levels, own[0], own[0]))
    assert (np.asarray(alone.regret) == 0).all()  # nothing is shared
