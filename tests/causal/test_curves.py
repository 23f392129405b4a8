"""Curves of a fit: against sums over paths, quantiles and areas written out."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest

from jaxdisp.causal import curves, effects, graph, posterior
from jaxdisp.causal.design import Specification
from jaxdisp.causal.posterior import Sampling
from tests.causal import serial

FEW = Sampling(draws=100, tuning=100, chains=2)


@pytest.fixture(scope="module")
def units():
    return serial.made(n_languages=4, n_sentences=25)


def fitted(units, link, **options):
    specification = Specification(link=link, **options)
    return posterior.fit(units, specification, key=jax.random.key(0), sampling=FEW)


@pytest.fixture(scope="module", params=["linear", "log"])
def found(request, units):
    return fitted(units, request.param)


def summed_over_paths(found):
    """The total effect, draw by draw, from coefficients in natural units."""
    return sum(
        np.prod(
            [found.coefficients[arrow] for arrow in itertools.pairwise(path)],
            axis=0,
        )
        for path in graph.paths(found.graph)
    ).ravel()


def test_setting_t_changes_d_by_the_coefficients_along_all_paths(found):
    at = np.array([0.5, 2.0])
    first, second = effects.set_to(found, at, most=10**6)
    total = summed_over_paths(found)
    if found.link == "linear":
        np.testing.assert_allclose(second - first, 1.5 * total, rtol=1e-9, atol=1e-9)
    else:
        change = np.log(second / first)
        np.testing.assert_allclose(change, np.log(4.0) * total, rtol=1e-9, atol=1e-9)


def test_the_curve_goes_through_d_of_the_data(found):
    """At the mean of T, after the link, D is that of a typical language."""
    column = found.units.columns
    known = {
        name: column[name] if found.link == "linear" else np.log(column[name])
        for name in "TD"
    }
    centre = known["T"].mean()
    at = np.array([centre if found.link == "linear" else np.exp(centre)])
    level = np.median(effects.set_to(found, at, most=10**6))
    level = level if found.link == "linear" else np.log(level)
    assert abs(level - known["D"].mean()) < known["D"].std()
    rows = curves.do_curve(found)
    assert len(rows) == curves.VALUES
    assert all(row["low"] <= row["median"] <= row["high"] for row in rows)
    low, high = np.quantile(column["T"], [0.025, 0.975])
    assert (rows[0]["T"], rows[-1]["T"]) == pytest.approx((low, high))


def test_fewer_draws_are_some_of_all(found):
    at = np.array([1.0])
    every = effects.set_to(found, at, most=10**6)[0]
    some = effects.set_to(found, at, most=50)[0]
    assert len(every) == 200
    np.testing.assert_allclose(some, every[::4], rtol=1e-12)


def test_the_prior_of_one_arrow_is_normal_with_the_ratio_of_scales(units):
    alone = fitted(units, "linear", graph=graph.read("T>D"))
    before = curves.prior(alone, key=jax.random.key(1), draws=4000)
    draws = effects.effects(before).draws["total"]
    scale = alone.design.scales.scale
    assert draws.shape == (1, 4000)
    assert draws.std() == pytest.approx(scale["D"] / scale["T"], rel=0.05)  # 4.5 SE
    assert abs(draws.mean()) < 4 * draws.std() / np.sqrt(4000)


def test_densities_have_area_one_and_are_high_where_draws_are(found):
    made = effects.effects(found)
    rows = curves.densities(made, made)
    names = {row["effect"] for row in rows}
    assert names == set(curves.SHOWN)
    for name in names:
        own = [
            row for row in rows if row["effect"] == name and row["of"] == "posterior"
        ]
        at, density = (
            np.array([row[key] for row in own]) for key in ("value", "density")
        )
        assert np.trapezoid(density, at) == pytest.approx(1.0, abs=0.02)
        peak = at[np.argmax(density)]
        low, high = np.quantile(made.draws[name], [0.1, 0.9])
        assert low < peak < high


def test_effects_that_are_none_have_no_density(units):
    chain = fitted(units, "linear", graph=graph.CHAIN)
    made = effects.effects(chain)
    names = {row["effect"] for row in curves.densities(made, made)}
    assert "natural_direct" not in names


def test_quantiles_of_the_data_are_those_of_numpy_and_of_a_true_model_inside(found):
    rows = curves.quantiles(found, key=jax.random.key(2))
    linear = found.link == "linear"
    for row in rows:
        values = found.units.columns[row["node"]]
        expected = np.quantile(values if linear else np.log(values), row["level"])
        assert row["observed"] == pytest.approx(expected, abs=1e-12)
        assert row["low"] <= row["median"] <= row["high"]
    if not linear:  # rows are exponentials of normal ones
        inside = [row["low"] <= row["observed"] <= row["high"] for row in rows]
        assert np.mean(inside) > 0.8


def test_a_node_without_equation_is_refused(units):
    roots = fitted(units, "linear", roots=False)
    with pytest.raises(ValueError, match="T has no equation"):
        curves.quantiles(roots, key=jax.random.key(0))


def test_all_curves_are_made(found):
    made = effects.effects(found)
    again = [curves.curves(found, made, key=jax.random.key(3)) for _ in range(2)]
    assert again[0] == again[1]
    assert set(again[0]) == {"densities", "do_curve", "predictive"}
    assert dataclasses.is_dataclass(found)
