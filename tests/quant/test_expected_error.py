"""The exact error of a grid for a law, and its best threshold."""

import functools as ft

import hypothesis.extra.numpy as hnp
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.quant import expected_error
from tests.quant import law_oracles

GRIDS = ("symmetric", "twos_complement", "midrise")
GENERAL = "generalised_gaussian"
CASES = [
    *((grid, "gaussian", 0.0) for grid in GRIDS),
    *((grid, GENERAL, shape) for grid in GRIDS for shape in (0.3, 1.0, 3.0)),
    ("twos_complement", "student_t", 2.5),  # as few programs as will do
]
AT = np.array([0.3, 1.0, 2.5, 3.5, 9.0, 40.0])

every_grid = pytest.mark.parametrize("grid", GRIDS)


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def numbers(value):
    return jnp.asarray(value, np.float64)


@ft.partial(jax.jit, static_argnames=("grid", "family"))
def curves(at, shape, bits, grid, family):
    """The error with its derivatives, and the clipping part, at six thresholds."""

    def one(at):
        args, where = (at, shape, bits), {"grid": grid, "family": family}
        return (
            expected_error.law_error(*args, **where),
            expected_error.clipping_part(*args, **where),
        )

    return jax.vmap(one)(at)


def errors(at, shape, bits, grid, family):
    curve, clipped = curves(numbers(at), numbers(shape), jnp.int32(bits), grid, family)
    parts = curve.value, curve.slope, curve.curvature, clipped
    return [np.asarray(part) for part in parts]


def best(shape, bits, grid, family):
    args = numbers(shape), jnp.int32(bits)
    found = expected_error.best_threshold(*args, grid=grid, family=family)
    return float(found.threshold), float(found.error)


@pytest.mark.parametrize(("grid", "family", "shape"), CASES)
def test_equals_quadrature_over_every_cell(grid, family, shape):
    density = law_oracles.magnitude_density(family, shape)
    for bits in (2, 3, 4, 8):
        value, _, _, clipped = errors(AT, shape, bits, grid, family)
        expected = [law_oracles.grid_error(at, bits, grid, density) for at in AT]
        # 1, D A and D^2 B, each of up to (threshold / step) partial moments good to
        # 12 digits, cancel
        np.testing.assert_allclose(value, expected, rtol=0, atol=2e-11)
        expected = [law_oracles.clipping_error(at, bits, grid, density) for at in AT]
        np.testing.assert_allclose(clipped, expected, rtol=0, atol=1e-11)


@every_grid
@given(
    shape=st.floats(0.2, 8),
    bits=st.integers(2, 8),
    at=hnp.arrays(np.float64, 2, elements=st.floats(0.1, 30)),
)
def test_derivatives_and_bounds(grid, shape, bits, at):
    h = 1e-4 * at
    around = np.concatenate([at - h, at, at + h])
    found = errors(around, shape, bits, grid, GENERAL)
    value, slope, curvature, clipped = (part.reshape(3, 2) for part in found)
    assert (clipped >= -1e-12).all()  # terms of up to 1 cancel
    assert (clipped <= value + 1e-11).all()
    # no worse than when everything goes to the two levels at or next to 0
    allowed = 1 + (around.reshape(3, 2) * 2.0 ** (1 - bits)) ** 2
    assert (value <= allowed).all()
    # Central differences: h^2 = 1e-8 over the squared width over which a border's
    # density bends, 1 / shape or less of it; rounding 1e-12 / h.
    bend = 1e-7 * (1 + shape) ** 4
    scale = 1 / at + np.abs(slope[1]) + np.abs(curvature[1]) * at
    noise = 1e-11 / h
    difference = (value[2] - value[0]) / (2 * h)
    assert (np.abs(slope[1] - difference) <= bend * scale + noise).all()
    difference = (slope[2] - slope[0]) / (2 * h)
    assert (np.abs(curvature[1] - difference) <= bend * scale / at + noise / at).all()


@pytest.mark.parametrize(
    ("grid", "threshold", "error"),
    # midrise: Max 1960, table II; the others from closed-form partial moments
    [
        ("symmetric", 2.474, 0.012889),
        ("twos_complement", 2.370, 0.011864),
        ("midrise", 2.682, 0.011543),
    ],
)
def test_published_optima_of_a_gaussian(grid, threshold, error):
    found = best(0.0, 4, grid, "gaussian")
    assert found[0] == pytest.approx(threshold, abs=5e-4)  # printed digits
    assert found[1] == pytest.approx(error, abs=5e-7)


@every_grid
@pytest.mark.parametrize(
    ("family", "shape", "bits"),
    [
        ("gaussian", 0.0, 2),
        (GENERAL, 0.2, 4),
        (GENERAL, 1.0, 3),
        (GENERAL, 3.0, 8),
    ],
)
def test_best_threshold_equals_a_search_on_quadrature(grid, family, shape, bits):
    density = law_oracles.magnitude_density(family, shape)
    expected = law_oracles.grid_optimum(bits, grid, density, np.geomspace(0.3, 90, 9))
    threshold, error = best(shape, bits, grid, family)
    # a search without derivatives knows a minimum to the root of the quadrature's
    # 1e-13, over a curvature of 1e-3 or so at 8 bits
    assert threshold == pytest.approx(expected[0], rel=1e-5)
    assert error == pytest.approx(expected[1], abs=1e-11)


def test_heavy_tails_take_wide_grids():
    threshold, _ = best(0.2, 4, "symmetric", GENERAL)
    assert threshold == pytest.approx(20.7, abs=0.05)


@every_grid
@settings(max_examples=15)  # each tries 512 thresholds
@given(
    shape=st.floats(0.15, 10),
    bits=st.integers(2, 8),
    factors=hnp.arrays(np.float64, 5, elements=st.floats(-3, 3).map(np.exp)),
)
def test_no_threshold_is_better(grid, shape, bits, factors):
    threshold, error = best(shape, bits, grid, GENERAL)
    at = threshold * np.append(factors, 1.0)
    value, slope, curvature, _ = errors(at, shape, bits, grid, GENERAL)
    assert value[-1] == pytest.approx(error, abs=1e-13)
    assert (error <= value + 1e-12).all()
    assert abs(slope[-1]) <= 1e-9  # bisected to the last digit, over a curvature < 10
    assert curvature[-1] > 0


def test_the_error_is_not_convex():
    value, _, curvature, _ = errors(17.0 * AT / AT[1], 0.0, 4, "symmetric", "gaussian")
    assert curvature[1] < 0
    assert value[-1] == pytest.approx(1, abs=1e-12)  # all values go to 0


@every_grid
def test_the_error_of_a_huge_threshold(grid):
    # E X^2 where 0 is a level, else levels at half a step on either side
    at = np.full(6, 1e4)
    value, *_ = errors(at, 0.0, 4, grid, "gaussian")
    half = 0.5 * at / 8 if grid == "midrise" else 0 * at
    expected = 1 - 2 * half * np.sqrt(2 / np.pi) + half**2
    np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_what_the_laplace_threshold_costs_a_gaussian():
    value, *_ = errors(2.83 * AT / AT[1], 0.0, 4, "symmetric", "gaussian")
    _, least = best(0.0, 4, "symmetric", "gaussian")
    assert value[1] / least - 1 == pytest.approx(0.111, abs=5e-4)


def test_float32():
    where = {"grid": "symmetric", "family": "gaussian"}
    wide = best(0.0, 4, **where)
    with jax.enable_x64(False):
        found = expected_error.best_threshold(jnp.float32(0), jnp.int32(4), **where)
    assert found.threshold.dtype == found.error.dtype == np.float32
    # Terms of size 1 cancel down to M, so it is off by some 2^-24; the threshold by
    # that over the curvature, about M / a^2, or its root where slopes are flat.
    assert float(found.error) == pytest.approx(wide[1], abs=1e-5)
    assert float(found.threshold) == pytest.approx(wide[0], rel=1e-3)


@pytest.fixture
def unchecked():
    # With annotations enforced, a wrong word is refused before our own check.
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", ["law_error", "clipping_part"])
def test_unknown_grid(name):
    message = (
        "must be symmetric, twos_complement or midrise, got 'affine'; .* take twos"
    )
    with pytest.raises(ValueError, match=message):
        getattr(expected_error, name)(
            numbers(1.0), numbers(0.0), 4, grid="affine", family="gaussian"
        )


@pytest.mark.usefixtures("unchecked")
def test_best_threshold_of_an_unknown_grid():
    with pytest.raises(ValueError, match=r"grid of a law must be .* got 'nf4'"):
        expected_error.best_threshold(numbers(0.0), 4, grid="nf4", family="gaussian")
