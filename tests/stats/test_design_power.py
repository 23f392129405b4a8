"""Power of designs: simulation against the closed form, and cells drawn one by one."""

import dataclasses
import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import power as peer

from jaxdisp.stats import design_power
from jaxdisp.stats.design_power import Components, Design

PARTS = Components(rows=1.0, clusters=2.0, columns=1.5, interaction=0.7, residual=3.0)
DESIGN = Design(rows=(5, 4), clusters=6, per_cluster=3)
DRAWS = 4000
OVER = ("rows", "clusters")

deviations = st.floats(0.0, 3.0)
parts = st.builds(
    Components,
    rows=st.floats(0.1, 3.0),
    clusters=deviations,
    columns=deviations,
    interaction=deviations,
    residual=st.floats(0.1, 3.0),
)
designs = st.builds(
    Design,
    rows=st.tuples(st.integers(2, 6), st.integers(2, 6)),
    clusters=st.integers(2, 12),
    per_cluster=st.integers(1, 8),
)


def whole_cells(key, design, components, effect, over):
    """P-values of studies whose cells are all drawn, by scipy's t tests."""
    n_rows, draws = sum(design.rows), 1500
    shape = draws, n_rows, design.clusters, design.per_cluster
    sizes = [(draws, n_rows, 1, 1), (draws, 1, shape[2], 1), (draws, 1, *shape[2:])]
    sizes += [(*shape[:3], 1), shape]
    scales = list(dataclasses.astuple(components))
    scales[0] *= over == "rows"
    ends = np.cumsum([math.prod(size) for size in sizes])
    drawn = np.asarray(jax.random.normal(key, (ends[-1],)))  # compiles but once
    cells = sum(
        scale * part.reshape(size)
        for scale, part, size in zip(
            scales, np.split(drawn, ends[:-1]), sizes, strict=True
        )
    )
    cells[:, : design.rows[0]] += effect
    one, other = cells[:, : design.rows[0]], cells[:, design.rows[0] :]
    if over == "rows":
        return stats.ttest_ind(one.mean((2, 3)), other.mean((2, 3)), axis=1).pvalue
    return stats.ttest_rel(one.mean((1, 3)), other.mean((1, 3)), axis=1).pvalue


def near(share, expected):
    # four Monte Carlo standard errors: wrong once in 16 000 seeds
    error = max(share.error, math.sqrt(expected * (1 - expected) / DRAWS))
    return abs(share.estimate - expected) < 4 * error


@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize("effect", [0.0, 1.5, 3.0])
def test_simulated_power_is_that_of_the_closed_form(over, effect):
    key = jax.random.key(1)
    studies = design_power.simulated(DESIGN, PARTS, key=key, over=over, draws=DRAWS)
    share = design_power.shown(studies, effect, DESIGN, over)
    assert near(share, design_power.normal_power(effect, DESIGN, PARTS, over=over))


@pytest.mark.parametrize("over", OVER)
def test_the_closed_form_is_the_share_where_every_cell_is_drawn(over):
    p = whole_cells(jax.random.key(2), DESIGN, PARTS, 2.0, over)
    expected = design_power.normal_power(2.0, DESIGN, PARTS, over=over)
    error = math.sqrt(expected * (1 - expected) / len(p))
    assert abs(np.mean(p < 0.05) - expected) < 4 * error


def test_rows_of_equal_groups_are_as_statsmodels_says():
    design = Design(rows=(6, 6), clusters=10, per_cluster=4)
    spread = math.sqrt(1 + 0.7**2 / 10 + 3.0**2 / 40)
    expected = peer.TTestIndPower().power(1.2 / spread, 6, 0.05)
    found = design_power.normal_power(1.2, design, PARTS)
    assert found == pytest.approx(expected, abs=1e-9)


@given(designs, parts, st.sampled_from(OVER), st.booleans())
def test_errors_are_right_whatever_the_law(design, components, over, skewed):
    expected = design_power.standard_error(design, components, over)
    draws = 2000
    studies = design_power.simulated(
        design,
        components,
        key=jax.random.key(4),
        over=over,
        draws=draws,
        skewed=skewed,
    )
    # a variance of so many, of few degrees of freedom or of exponential numbers: its
    # relative error is below sqrt((2 + 6) / draws), 6.4 %; five of those
    np.testing.assert_allclose(np.mean(studies.error**2), expected**2, rtol=0.33)
    np.testing.assert_allclose(np.var(studies.difference), expected**2, rtol=0.33)
    assert abs(np.mean(studies.difference)) < 5 * expected / math.sqrt(draws)


def test_what_rows_share_drops_out():
    alone = dataclasses.replace(PARTS, clusters=0.0, columns=0.0)
    for over in OVER:
        found = [
            design_power.simulated(DESIGN, each, key=jax.random.key(0), over=over)
            for each in (PARTS, alone)
        ]
        np.testing.assert_allclose(found[0].difference, found[1].difference, atol=1e-6)
        np.testing.assert_allclose(found[0].error, found[1].error, atol=1e-6)


@pytest.mark.parametrize("over", OVER)
def test_the_smallest_effect_is_shown_as_often_as_wanted(over):
    key = jax.random.key(3)
    studies = design_power.simulated(DESIGN, PARTS, key=key, over=over, draws=DRAWS)
    effect, low, high = design_power.smallest_effect(studies, 0.8, DESIGN, over)
    assert low < effect < high
    found = design_power.shown(studies, effect, DESIGN, over).estimate
    # it is the quantile of the same studies
    assert found == pytest.approx(0.8, abs=2 / DRAWS)
    assert low < exact_effect(over, 0.8) < high


def exact_effect(over, wanted):
    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        shown = design_power.normal_power(middle, DESIGN, PARTS, over=over)
        low, high = (middle, high) if shown < wanted else (low, middle)
    return low


def test_few_rows_far_out_change_the_power_of_rows_alone():
    """One in three such languages is not what a t test expects."""
    key = jax.random.key(5)
    shares = {
        over: [
            design_power.shown(
                design_power.simulated(
                    DESIGN, PARTS, key=key, over=over, skewed=skewed
                ),
                1.5,
                DESIGN,
                over,
            ).estimate
            for skewed in (False, True)
        ]
        for over in OVER
    }
    assert shares["rows"][0] != shares["rows"][1]
    assert shares["clusters"][0] == shares["clusters"][1]


def test_many_numbers_are_drawn_in_blocks():
    design = Design(rows=(2, 2), clusters=120_000, per_cluster=1)
    components = Components(rows=0.0, residual=1.0)
    found = design_power.simulated(
        design, components, key=jax.random.key(0), over="clusters", draws=100
    )
    expected = design_power.standard_error(design, components, "clusters")
    # of 120 000 clusters each error is right to 1 / sqrt(240 000); five of those
    np.testing.assert_allclose(found.error, expected, rtol=0.011)


def simulated(**changes):
    given = {"key": jax.random.key(0), "draws": 100} | changes
    return design_power.simulated(DESIGN, PARTS, **given)


NOTHING = Components(rows=0.0, clusters=1.0, residual=0.0)
REFUSED = [
    (
        lambda: design_power.degrees(
            Design(rows=(0, 3), clusters=2, per_cluster=1), "rows"
        ),
        "needs a row in both groups, a cluster and a column",
    ),
    (
        lambda: design_power.degrees(
            Design(rows=(1, 1), clusters=2, per_cluster=1), "rows"
        ),
        "over rows needs at least 3 rows in two groups",
    ),
    (
        lambda: design_power.degrees(
            Design(rows=(1, 1), clusters=1, per_cluster=1), "clusters"
        ),
        "over clusters needs at least 2 clusters",
    ),
    (
        lambda: design_power.standard_error(
            DESIGN, Components(rows=-1.0, residual=1.0), "rows"
        ),
        "must be finite and at least 0",
    ),
    (lambda: design_power.normal_power(1.0, DESIGN, NOTHING), "something that varies"),
    (
        lambda: design_power.simulated(DESIGN, NOTHING, key=jax.random.key(0)),
        "something that varies",
    ),
    (lambda: simulated(draws=99), "draws must be at least 100, got 99"),
    (
        lambda: design_power.shown(simulated(), 1.0, DESIGN, "rows", 1.0),
        "alpha must be above 0",
    ),
    (
        lambda: design_power.smallest_effect(simulated(), 0.01, DESIGN, "rows"),
        "power must be above alpha",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
