"""Draws of scales against numerical integration of their density."""

import jax
import numpy as np
import pytest
import scipy.integrate
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.causal import collapsed, design, scale_draws
from jaxdisp.causal.design import Specification
from tests.causal import drawn_units


def selected_of(units, node=3):
    made = design.make_design(units, Specification(link="linear"))
    grams = collapsed.make_grams(made.columns, units.language, len(units.languages))
    return collapsed.select(grams, made.equations[node])


def drawn(selected, n_scales, chains=4, draws=2000, seed=0):
    shape = (chains, draws + scale_draws.FIRST, n_scales + 2)
    with jax.enable_x64(True):
        uniforms = np.asarray(jax.random.uniform(jax.random.key(seed), shape))
    return scale_draws.draw_scales(selected, n_scales, uniforms)


@pytest.mark.parametrize("n_languages", [3, 8])
def test_draws_have_the_mean_and_sd_of_the_density(n_languages):
    selected = selected_of(drawn_units.make(n_languages=n_languages, n_sentences=6))
    logs, density = drawn(selected, 2)
    assert logs.shape == (4, 2000, 2)
    axes = [np.linspace(-3, 1, 161), np.linspace(-12, 3, 301)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    heights = scale_draws.log_density(selected, points.reshape(-1, 2))
    weights = np.exp(heights - heights.max()).reshape(161, 301)

    def mean(values):
        top = scipy.integrate.simpson(
            scipy.integrate.simpson(weights * values, axes[1]), axes[0]
        )
        whole = scipy.integrate.simpson(
            scipy.integrate.simpson(weights, axes[1]), axes[0]
        )
        return top / whole

    for place in range(2):
        expected = mean(points[..., place])
        sd = np.sqrt(mean((points[..., place] - expected) ** 2))
        own = logs[..., place]
        # at least half of 8000 draws are independent: 4.5 standard errors
        assert abs(own.mean() - expected) < 4.5 * sd / np.sqrt(4000)
        assert own.std() == pytest.approx(sd, rel=0.1)
    np.testing.assert_allclose(
        density.reshape(-1), scale_draws.log_density(selected, logs.reshape(-1, 2))
    )


def test_one_scale_has_the_law_of_a_regression_without_languages():
    units = drawn_units.make(n_languages=12, n_sentences=1)
    logs, _ = drawn(selected_of(units), 1)
    axis = np.linspace(-3, 2, 2001)
    heights = scale_draws.log_density(selected_of(units), axis[:, None])
    weights = np.exp(heights - heights.max())
    expected = np.sum(weights * axis) / np.sum(weights)
    sd = np.sqrt(np.sum(weights * (axis - expected) ** 2) / np.sum(weights))
    assert abs(logs.mean() - expected) < 4.5 * sd / np.sqrt(4000)


@settings(max_examples=10)
@given(st.integers(0, 1000), st.integers(3, 6), st.integers(3, 60))
def test_next_to_all_proposals_are_accepted(seed, n_languages, n_sentences):
    units = drawn_units.make(seed, n_languages=n_languages, n_sentences=n_sentences)
    logs, _ = drawn(selected_of(units), 2, chains=1, draws=500)
    moved = np.mean(np.any(np.diff(logs[0], axis=0) != 0, axis=1))
    assert moved > 0.6


def test_a_posterior_much_narrower_than_the_first_cells_is_found():
    units = drawn_units.make(n_languages=3, n_sentences=3000)
    logs, _ = drawn(selected_of(units), 2, draws=500)
    # the SD of log sigma is 1 / sqrt(2 n), .007
    assert logs[..., 0].std() == pytest.approx(1 / np.sqrt(2 * 9000), rel=0.15)


def test_more_scales_than_can_be_laid_out_are_refused():
    selected = selected_of(drawn_units.make(n_sentences=5))
    with pytest.raises(ValueError, match="1 or 2 scales and two more numbers, got 3"):
        scale_draws.draw_scales(selected, 3, np.zeros((1, 20, 5)))
