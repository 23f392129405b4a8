"""The additive-noise objective and the threshold where it is least, for laws."""

import functools as ft

import hypothesis.extra.numpy as hnp
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.quant import additive_noise, laws
from tests.quant import law_oracles

LAWS = [
    ("gaussian", 0.0),
    ("laplace", 0.0),
    ("generalised_gaussian", 0.3),
    ("generalised_gaussian", 3.0),
    ("student_t", 2.5),
    ("student_t", 30.0),
]
SHAPED = st.one_of(
    st.tuples(st.just("generalised_gaussian"), st.floats(0.15, 20)),
    st.tuples(st.just("student_t"), st.floats(2.1, 1e3)),
)
ANY_LAW = st.sampled_from([("gaussian", 0.0), ("laplace", 0.0)]) | SHAPED
BITS = st.integers(2, 8)

every_law = pytest.mark.parametrize(("family", "shape"), LAWS)


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def numbers(value):
    return jnp.asarray(value, np.float64)


def constant(bits, step="cells"):
    return law_oracles.cell_width(bits, step) ** 2 / 12


def law_threshold(family, shape, c):
    args = numbers(shape), numbers(c)
    return float(additive_noise.law_threshold(*args, family=family))


@ft.partial(jax.jit, static_argnames="family")
def law_curve(at, shape, c, family):
    curve = ft.partial(additive_noise.law_objective, family=family)
    return jax.vmap(curve, (0, None, None))(at, shape, c)


@pytest.mark.parametrize("step", ["cells", "levels", "symmetric"])
def test_noise_constant(step):
    for bits in range(2, 9):
        found = additive_noise.noise_constant(jnp.int32(bits), step=step)
        assert float(found) == pytest.approx(constant(bits, step), rel=1e-15)
        assert found == additive_noise.noise_constant(bits, step=step)


@pytest.mark.parametrize(
    ("family", "shape", "bits", "step", "expected", "digits"),
    [
        ("gaussian", 0.0, 4, "cells", 2.559136, 6),
        ("gaussian", 0.0, 4, "levels", 2.522539, 6),
        ("gaussian", 0.0, 4, "symmetric", 2.483119, 6),
        ("laplace", 0.0, 2, "cells", 2.8307 * laws.LAPLACE_SCALE, 4),  # in ACIQ: 2.83
        ("laplace", 0.0, 3, "cells", 3.8972 * laws.LAPLACE_SCALE, 4),
        ("laplace", 0.0, 4, "cells", 5.0286 * laws.LAPLACE_SCALE, 4),
        ("generalised_gaussian", 0.5, 4, "cells", 5.414735, 6),
        ("student_t", 5.0, 4, "cells", 3.780396, 6),
    ],
)
def test_published_thresholds(family, shape, bits, step, expected, digits):
    found = law_threshold(family, shape, constant(bits, step))
    assert found == pytest.approx(expected, abs=0.51 * 10**-digits)


@every_law
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_law_threshold_equals_a_search_on_quadrature(family, shape, bits):
    density, c = law_oracles.magnitude_density(family, shape), constant(bits)
    expected = law_oracles.noise_optimum(c, density)
    # a search without derivatives knows a minimum to the root of the quadrature's eps
    assert law_threshold(family, shape, c) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_laplace_threshold_is_lambert_w(bits):
    expected = scipy.special.lambertw(1 / constant(bits)).real
    found = law_threshold("laplace", 0.0, constant(bits)) / laws.LAPLACE_SCALE
    assert found == pytest.approx(expected, rel=1e-14)
    same = law_threshold("generalised_gaussian", 1.0, constant(bits))
    assert same == pytest.approx(found * laws.LAPLACE_SCALE, rel=1e-11)


@every_law
def test_law_objective_equals_quadrature(family, shape):
    density, c, at = law_oracles.magnitude_density(family, shape), 0.01, 0.7
    tops = at * np.array([0.0, 0.5, 1.0, 3.0, 10.0])
    found = law_curve(numbers(tops), numbers(shape), numbers(c), family)
    expected = [law_oracles.noise_objective(top, c, density) for top in tops]
    # Q, a S and a^2 P, up to 1, cancel; each is good to 12 digits
    np.testing.assert_allclose(found.value, expected, rtol=0, atol=1e-11)


@given(law=ANY_LAW, bits=BITS, at=st.floats(0.01, 20))
def test_law_objective_is_convex_and_its_derivatives_agree(law, bits, at):
    family, shape = law
    h, c = 1e-4 * at, constant(bits)
    around = numbers([at - 2 * h, at - h, at, at + h, at + 2 * h])
    found = law_curve(around, numbers(shape), numbers(c), family)
    value, slope, curvature = map(
        np.asarray, (found.value, found.slope, found.curvature)
    )
    assert (curvature >= 2 * c).all()
    # Third derivatives are 2 f, of at most 2 (u / a) P or so with u the logarithmic
    # slope; they are symmetric and thus enter with h^2.
    bound = 1e-5 * curvature[2] + 1e-30
    assert abs((slope[3] - slope[1]) / (2 * h) - curvature[2]) <= bound
    # rounding of the value, 1e-13 over h
    bound = 1e-5 * (abs(slope[2]) + curvature[2] * h) + 1e-12 / h
    assert abs((value[3] - value[1]) / (2 * h) - slope[2]) <= bound


@given(law=ANY_LAW, bits=BITS, factors=hnp.arrays(float, 4, elements=st.floats(0, 4)))
def test_law_error_of_another_threshold_is_between_parabolas(law, bits, factors):
    (family, shape), c = law, constant(bits)
    best = law_threshold(family, shape, c)
    at = best * np.append(factors, 1.0)
    given = numbers(shape), numbers(c), family
    cost = np.asarray(law_curve(numbers(at), *given).value)
    cost = cost[:-1] - cost[-1]
    density = law_oracles.magnitude_density(family, shape)
    low, high = (
        c + law_oracles.partial_moment(0, end(at[:-1], best), density)
        for end in (np.maximum, np.minimum)
    )
    square = (at[:-1] - best) ** 2
    slack = 1e-11 * (1 + c * at[:-1] ** 2)  # see the test of the objective
    assert (low * square <= cost + slack).all()
    assert (cost <= high * square + slack).all()


@given(law=ANY_LAW, bits=BITS)
def test_law_threshold_is_within_its_bounds(law, bits):
    (family, shape), c = law, constant(bits)
    found = law_threshold(family, shape, c)
    density = law_oracles.magnitude_density(family, shape)
    assert found >= law_oracles.partial_moment(1, 0.0, density) / (1 + c) * (1 - 1e-9)
    assert found <= 0.5 / np.sqrt(c)
    if family != "student_t" or shape > 4:
        law, _ = law_oracles.standard(family, shape)
        kurtosis = float(law.stats("k")) + 3
        assert found <= (27 * kurtosis / (256 * c)) ** 0.25


@given(law=SHAPED, bits=BITS)
def test_law_threshold_in_float32(law, bits):
    (family, shape), c = law, constant(bits)
    with jax.enable_x64(False):
        args = np.float32(shape), np.float32(c)
        found = additive_noise.law_threshold(*args, family=family)
    assert found.dtype == np.float32
    # 2^-24 times log-gammas of half the degrees of freedom, up to 3000
    expected = law_threshold(family, shape, c)
    assert float(found) == pytest.approx(expected, rel=2e-3 if shape > 30 else 1e-4)


@pytest.mark.parametrize("family", ["gaussian", "laplace", "student_t"])
def test_derivative_of_law_threshold_by_the_constant(family):
    best = ft.partial(additive_noise.law_threshold, family=family)
    c, h = constant(4), 1e-6
    slope = jax.grad(best, 1)(numbers(5.0), numbers(c))
    ends = [law_threshold(family, 5.0, c * (1 + way * h)) for way in (1, -1)]
    # central difference: rounding 1e-16 / 1e-6 against a slope of order 1 / c
    difference = np.subtract(*ends) / (2 * h * c)
    assert float(slope) == pytest.approx(difference, rel=1e-6)


def test_derivatives_of_law_threshold_by_shape_and_constant():
    family, c, h = "generalised_gaussian", constant(4), 1e-6
    best = ft.partial(additive_noise.law_threshold, family=family)
    slopes = jax.jit(jax.grad(best, (0, 1)))
    for shape in (0.5, 2.0, 3.0):
        by_shape, by_c = slopes(numbers(shape), numbers(c))
        ends = [law_threshold(family, shape + way * h, c) for way in (1, -1)]
        # central differences: h^2, and rounding 1e-14 / h
        expected = np.subtract(*ends) / (2 * h)
        assert float(by_shape) == pytest.approx(expected, rel=1e-6)
        ends = [law_threshold(family, shape, c * (1 + way * h)) for way in (1, -1)]
        expected = np.subtract(*ends) / (2 * h * c)
        assert float(by_c) == pytest.approx(expected, rel=1e-6)


@pytest.mark.xfail(reason="jax has no derivative of betainc by its parameters")
def test_derivative_of_law_threshold_by_degrees_of_freedom():
    best, h = ft.partial(law_threshold, "student_t", c=constant(4)), 1e-6
    of = ft.partial(additive_noise.law_threshold, family="student_t")
    slope = jax.grad(of)(numbers(5.0), numbers(constant(4)))
    difference = (best(5.0 + h) - best(5.0 - h)) / (2 * h)
    assert float(slope) == pytest.approx(difference, rel=1e-6)


lambert_w = jax.jit(additive_noise.lambert_w)


@given(x=st.one_of(st.floats(1e-20, 1e300), st.floats(-20, 300).map(lambda p: 10**p)))
def test_lambert_w(x):
    found = float(lambert_w(numbers(x)))
    # ln x, up to 700, less ln w
    assert found == pytest.approx(scipy.special.lambertw(x).real, rel=1e-12)
    slope = float(jax.grad(lambert_w)(numbers(x)))
    assert slope == pytest.approx(found / (x * (1 + found)), rel=1e-12)


def test_lambert_w_of_zero():
    assert lambert_w(numbers(0.0)) == 0
    assert lambert_w(numbers(np.e)) == pytest.approx(1, rel=1e-15)


def test_generalised_gaussian_thresholds_fall_in_the_end():
    shapes, c = np.geomspace(0.4, 0.1, 57), constant(4)
    found = np.array([law_threshold("generalised_gaussian", s, c) for s in shapes])
    kurtosis = law_oracles.standard("generalised_gaussian", shapes)[0].stats("k")
    best = found.argmax()
    assert found[best] == pytest.approx(9.18, abs=5e-3)
    assert 1.3e4 < kurtosis[best] < 2.2e4
    assert (np.diff(found[: best + 1]) > 0).all()
    assert (np.diff(found[best:]) < 0).all()
    assert found[-1] == pytest.approx(7.68, abs=5e-3)


def test_kurtosis_does_not_determine_the_threshold():
    c = constant(4)
    assert law_oracles.excess_kurtosis("student_t", 7.0) == pytest.approx(2)
    assert law_oracles.excess_kurtosis("student_t", 6.0) == pytest.approx(3)
    assert law_threshold("student_t", 6.0, c) == pytest.approx(3.485, abs=5e-4)
    assert law_threshold("laplace", 0.0, c) == pytest.approx(3.556, abs=5e-4)


@pytest.fixture
def unchecked():
    # With annotations enforced, a wrong word is refused before our own check.
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
def test_unknown_step():
    message = "step must be one of cells, levels, symmetric, got 'wide'"
    with pytest.raises(ValueError, match=message):
        additive_noise.noise_constant(4, step="wide")
