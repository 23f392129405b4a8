"""The best scalar quantizers against Max's tables, quadrature and each other."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from jaxdisp.quant import expected_error, lloyd_max

LAWS: dict[str, Any] = {
    "gaussian": stats.norm(),
    "laplace": stats.laplace(scale=math.sqrt(0.5)),
}
# Max 1960, tables I and II, as printed there: the fourth digit of some is off by one
MAX = {2: 0.3634, 3: 0.1902, 4: 0.1175, 8: 0.03454, 15: 0.01073, 16: 0.009497}
UNIFORM = {2: 0.3634, 4: 0.1188, 8: 0.03744, 16: 0.01154}


def best(of, count, family="gaussian"):
    with jax.enable_x64(True):
        found = of(count, jnp.asarray(2.0), family=family)
        return np.asarray(found.levels), float(found.error), float(found.moved)


@pytest.mark.parametrize("count", MAX)
def test_equals_the_table_of_max(count):
    assert best(lloyd_max.lloyd_max, count)[1] == pytest.approx(MAX[count], rel=1e-3)


@pytest.mark.parametrize("count", UNIFORM)
def test_uniform_equals_the_table_of_max(count):
    found = best(lloyd_max.best_uniform, count)[1]
    assert found == pytest.approx(UNIFORM[count], rel=1e-3)


def by_quadrature(levels, law):
    """Integrates the squared error cell by cell, with borders between magnitudes."""
    borders = [0.0, *((levels[1:] + levels[:-1]) / 2), 40.0]
    return 2 * sum(
        integrate.quad(
            lambda x, at=level: (x - at) ** 2 * law.pdf(x), low, high, epsabs=1e-12
        )[0]
        for level, low, high in zip(levels, borders[:-1], borders[1:], strict=True)
    )


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(sorted(LAWS)),
    st.lists(st.floats(0.01, 1.5), min_size=1, max_size=6),
    st.booleans(),
)
def test_distortion_is_the_integral(family, gaps, with_zero):
    gaps = gaps + [0.5] * (6 - len(gaps))  # one shape to compile
    gaps[0] = 0.0 if with_zero else gaps[0]
    levels = np.cumsum(gaps)
    with jax.enable_x64(True):
        found = float(
            lloyd_max.distortion(jnp.asarray(levels), jnp.asarray(2.0), family=family)
        )
    # quadrature over [0, 40] to 1e-12 per cell
    assert found == pytest.approx(by_quadrature(levels, LAWS[family]), abs=1e-9)


@pytest.mark.parametrize("family", LAWS)
@pytest.mark.parametrize("count", [5, 8])
def test_every_level_is_the_mean_of_its_cell(family, count):
    levels, error, moved = best(lloyd_max.lloyd_max, count, family)
    law = LAWS[family]
    borders = [0.0, *((levels[1:] + levels[:-1]) / 2), 40.0]
    for place, level in enumerate(levels):
        if level == 0:  # the cell around 0 has its mirror image in it
            continue
        low, high = borders[place], borders[place + 1]
        first = integrate.quad(lambda x: x * law.pdf(x), low, high)[0]
        mean = first / (law.cdf(high) - law.cdf(low))
        assert level == pytest.approx(mean, abs=1e-8)
    assert moved <= lloyd_max.TOLERANCE
    # no neighbour is better
    assert error <= min(
        by_quadrature(levels + shift * np.eye(len(levels))[-1], law)
        for shift in (-0.01, 0.01)
    )


@pytest.mark.parametrize("family", LAWS)
@pytest.mark.parametrize(
    ("bits", "grid"), [(2, "midrise"), (6, "midrise"), (4, "symmetric")]
)
def test_uniform_is_the_best_threshold_of_the_grid(family, bits, grid):
    count = 2**bits - (grid == "symmetric")
    levels, error, _ = best(lloyd_max.best_uniform, count, family)
    with jax.enable_x64(True):
        other = expected_error.best_threshold(
            jnp.asarray(2.0), bits, grid=grid, family=family
        )
        threshold, least = float(other.threshold), float(other.error)
    assert error == pytest.approx(least, rel=1e-9)
    # a midrise threshold is half a step beyond the outermost level; flat minimum
    beyond = (levels[1] - levels[0]) / 2 if grid == "midrise" else 0.0
    assert levels[-1] + beyond == pytest.approx(threshold, rel=1e-4)


def test_best_is_between_shannon_and_uniform():
    for count in (2, 4, 16):
        best_error = best(lloyd_max.lloyd_max, count)[1]
        assert lloyd_max.gaussian_distortion(math.log2(count)) < best_error
        assert best_error <= best(lloyd_max.best_uniform, count)[1] + 1e-12


@given(st.floats(0.0, 12.0))
def test_effective_bits_undo_the_distortion(bits):
    back = lloyd_max.effective_bits(lloyd_max.gaussian_distortion(bits))
    assert back == pytest.approx(bits, abs=1e-14)


def test_is_found_in_single_precision_too():
    found = lloyd_max.lloyd_max(16, jnp.asarray(2.0), family="gaussian")
    # single precision knows partial moments to 1e-7 of 1
    assert float(found.error) == pytest.approx(0.009501, abs=2e-6)


def test_refuses():
    shape = jnp.asarray(2.0)
    for count in (1, 65):
        with pytest.raises(ValueError, match="2 to 64"):
            lloyd_max.lloyd_max(count, shape, family="gaussian")
    with pytest.raises(ValueError, match="2 or more"):
        lloyd_max.best_uniform(1, shape, family="gaussian")
    for wrong in (0.0, math.nan):
        with pytest.raises(ValueError, match="above 0"):
            lloyd_max.effective_bits(wrong)
    for wrong in (-1.0, math.nan):
        with pytest.raises(ValueError, match="0 or more"):
            lloyd_max.gaussian_distortion(wrong)
