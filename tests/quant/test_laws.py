"""Laws of weights against scipy's densities, and what holds for every law."""

import functools as ft

import hypothesis.extra.numpy as hnp
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.quant import laws
from tests.quant import law_oracles

FAMILIES = ("gaussian", "laplace", "generalised_gaussian", "student_t")
EXPONENTS, FREEDOMS = (0.3, 0.5, 1.0, 2.0, 3.0), (2.5, 3.0, 5.0, 30.0)
LAWS = [
    ("gaussian", 0.0),
    ("laplace", 0.0),
    *(("generalised_gaussian", shape) for shape in EXPONENTS),
    *(("student_t", shape) for shape in FREEDOMS),
]
AT = np.array([0.0, 1e-3, 0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0])
SHAPES = {
    "gaussian": st.just(0.0),
    "laplace": st.just(0.0),
    "generalised_gaussian": st.floats(0.15, 20),
    "student_t": st.floats(2.1, 1e3),
}

every_law = pytest.mark.parametrize(("family", "shape"), LAWS)
every_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


@ft.partial(jax.jit, static_argnames="family")
def parts(at, shape, family):
    def one(at):
        args, law = (at, shape), {"family": family}
        return (
            laws.density(*args, **law),
            laws.tail(*args, **law),
            laws.first_moment(*args, **law),
            laws.second_moment(*args, **law),
        )

    return jax.vmap(one)(at)


def numbers(value):
    return jnp.asarray(value, np.float64)


@every_law
def test_equals_quadrature_of_scipys_density(family, shape):
    density = law_oracles.magnitude_density(family, shape)
    found, *moments = parts(numbers(AT), numbers(shape), family)
    # special functions of jax are good to 12 digits of the result; log-gammas of
    # size 100 add 1e-14 each
    np.testing.assert_allclose(found, density(AT), rtol=1e-11)
    for order, moment in enumerate(moments):
        expected = law_oracles.partial_moment(order, AT, density)
        # the quadrature stops at 1e-25
        np.testing.assert_allclose(moment, expected, rtol=1e-10, atol=1e-24)
    assert float(moments[0][0]) == pytest.approx(1, rel=1e-12)
    assert float(moments[2][0]) == pytest.approx(1, rel=1e-12)  # the variance


def in_both_widths(shape, family):
    """From 0.1 on; nearer to 0 the tail of Student's t is good to 1e-3 in float32."""
    wide = parts(numbers(AT), numbers(shape), family)
    with jax.enable_x64(False):
        single = parts(jnp.asarray(AT, np.float32), np.float32(shape), family)
    assert {part.dtype for part in single} == {np.dtype(np.float32)}
    return [part[2:] for part in single], [part[2:] for part in wide]


@every_law
def test_float32_keeps_four_digits(family, shape):
    for found, expected in zip(*in_both_widths(shape, family), strict=True):
        # 2^-24 times exponents of about 100; below 1e-30 they grow
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-30)


def test_float32_of_the_most_degrees_of_freedom():
    pairs = in_both_widths(laws.MOST_FREEDOM, "student_t")
    for found, expected in zip(*pairs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("exponent", "same"), [(1.0, "laplace"), (2.0, "gaussian")])
def test_families_that_meet(exponent, same):
    found = parts(numbers(AT), numbers(exponent), "generalised_gaussian")
    expected = parts(numbers(AT), numbers(0.0), same)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-24)


def test_many_degrees_of_freedom_are_the_gaussian():
    found = parts(numbers(AT), numbers(laws.MOST_FREEDOM), "student_t")
    expected = parts(numbers(AT), numbers(0.0), "gaussian")
    for one, other in zip(found, expected, strict=True):
        # the laws differ by about a^4 / (4 freedom), 0.064 at 4 deviations
        np.testing.assert_allclose(one[:7], other[:7], rtol=0.07)


@every_family
@given(data=st.data(), at=hnp.arrays(np.float64, 3, elements=st.floats(0.05, 9)))
def test_partial_moments_are_integrals_of_the_density(family, data, at):
    shape = data.draw(SHAPES[family])
    around = np.sort(at) * (1 + 1e-4 * np.array([[-1], [0], [1]]))
    found = parts(numbers(around.ravel()), numbers(shape), family)
    f, *moments = (np.asarray(part).reshape(3, 3) for part in found)
    at = around[1]
    for order, moment in enumerate(moments):
        slope = (moment[2] - moment[0]) / (around[2] - around[0])
        # Central difference: (1e-4)^2 / 6 of the third derivative, which is that of
        # f times the squared logarithmic slope; rounding 1e-12 / 1e-4 of the moment.
        bend = 1 + np.abs(np.log((f[2] + 1e-300) / (f[0] + 1e-300)) / 2e-4)
        slack = 1e-8 * bend**2 * at**order * f[1] + 1e-8 * moment[1] / at + 1e-30
        assert (np.abs(slope + at**order * f[1]) <= slack).all()


@every_family
@given(data=st.data(), at=hnp.arrays(np.float64, 9, elements=st.floats(0, 30)))
def test_what_holds_for_every_law(family, data, at):
    shape, at = data.draw(SHAPES[family]), np.sort(at)
    found = parts(numbers(at), numbers(shape), family)
    f, tail, first, second = (np.asarray(part) for part in found)
    more, least = 1 + 1e-10, 1e-30  # digits of the special functions
    for part in (f, tail, first, second):
        assert (part >= 0).all()
        assert (part[1:] <= more * part[:-1] + least).all()
    assert (tail <= more).all()
    assert (second <= more).all()
    # Markov's and Cauchy's inequalities above the threshold
    assert (at * tail <= more * first + least).all()
    assert (at * first <= more * second + least).all()
    assert (first**2 <= more * tail * second + least).all()


@every_law
def test_excess_kurtosis_equals_quadrature(family, shape):
    found = float(laws.excess_kurtosis(numbers(shape), family=family))
    if family == "student_t" and shape <= 4:
        assert found == np.inf
        return
    expected = law_oracles.excess_kurtosis(family, shape)
    # raw kurtosis to 12 digits, then 3 is taken off
    assert found == pytest.approx(expected, rel=1e-11, abs=1e-11)


shape_of = jax.jit(laws.shape_of, static_argnames="family")


@given(shape=st.floats(laws.LEAST_EXPONENT, laws.MOST_EXPONENT))
def test_shape_of_inverts_the_kurtosis_of_exponents(shape):
    law, _ = law_oracles.standard("generalised_gaussian", shape)
    found = shape_of(numbers(law.stats("k")), family="generalised_gaussian")
    # Kurtosis is good to about 1e-13 relative and flattens as shape^-2 / 2 towards the
    # uniform law, where its slope by the logarithm of the shape is 1e-3 at 50.
    assert float(found) == pytest.approx(shape, rel=1e-9)


@given(shape=st.floats(4.01, laws.MOST_FREEDOM))
def test_shape_of_inverts_the_kurtosis_of_freedoms(shape):
    law, _ = law_oracles.standard("student_t", shape)
    found = shape_of(numbers(law.stats("k")), family="student_t")
    assert float(found) == pytest.approx(shape, rel=1e-11)


def test_shape_of_takes_the_nearest():
    def of(kurtosis, family):
        return float(shape_of(numbers(kurtosis), family=family))

    assert of(-1.9, "generalised_gaussian") == pytest.approx(laws.MOST_EXPONENT)
    assert of(1e9, "generalised_gaussian") == pytest.approx(laws.LEAST_EXPONENT)
    assert of(-0.5, "student_t") == pytest.approx(laws.MOST_FREEDOM)
    assert of(np.inf, "student_t") == 4
    assert of(7.0, "gaussian") == of(7.0, "laplace") == 0


def test_kurtosis_ranges():
    # of the uniform law -1.2, which the exponent 50 nearly is
    least, most = laws.kurtosis_range("generalised_gaussian")
    assert least == pytest.approx(law_oracles.excess_kurtosis(*LONG), rel=1e-9)
    assert -1.2 < least < -1.19
    law, _ = law_oracles.standard("generalised_gaussian", laws.LEAST_EXPONENT)
    assert most == pytest.approx(float(law.stats("k")), rel=1e-9)
    assert laws.kurtosis_range("gaussian") == (0, 0)
    assert laws.kurtosis_range("laplace") == (3, 3)
    least, most = laws.kurtosis_range("student_t")
    assert 0 < least < 0.01
    assert most == np.inf


LONG = ("generalised_gaussian", laws.MOST_EXPONENT)


@pytest.mark.parametrize(
    ("kurtosis", "family"),
    [
        (0.0, "gaussian"),
        (3.0, "laplace"),
        (-1.1, "generalised_gaussian"),
        (171.0, "generalised_gaussian"),
        (0.1, "student_t"),
        (1e9, "student_t"),
    ],
)
def test_kurtosis_that_a_family_has(kurtosis, family):
    laws.check_kurtosis(kurtosis, family)


@pytest.mark.parametrize(
    ("kurtosis", "family", "allowed"),
    [
        (-0.5, "student_t", "0.006024 to inf"),
        (1.0, "gaussian", "0 alone"),
        (0.0, "laplace", "3 alone"),
        (-1.25, "generalised_gaussian", r"-1\.196 to 2\.824e\+06"),
        (1e7, "generalised_gaussian", r"-1\.196 to 2\.824e\+06"),
        (float("nan"), "generalised_gaussian", r"-1\.196 to"),
        (float("inf"), "student_t", "0.006024 to inf"),
    ],
)
def test_kurtosis_that_no_law_of_a_family_has(kurtosis, family, allowed):
    message = f"no {family} law has excess kurtosis {kurtosis:g}; allowed: {allowed}"
    with pytest.raises(ValueError, match=message.replace("e+07", r"e\+07")):
        laws.check_kurtosis(kurtosis, family)


@pytest.fixture
def unchecked():
    # With annotations enforced, a wrong word is refused before our own check.
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
def test_unknown_law():
    message = "law must be one of gaussian, laplace, generalised_gaussian, student_t"
    with pytest.raises(ValueError, match=f"{message}, got cauchy"):
        laws.check_kurtosis(1.0, "cauchy")
