"""Rules of ranges against loops over groups, and the best of them against the rest."""

import functools as ft

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.quant import granularity, rules, sweep
from tests import oracles, strategies
from tests.quant import fair_oracles

RULES = "absmax", "percentile", "aciq_gaussian", "aciq_laplace", "exact"
GRIDS = "symmetric", "twos_complement", "midrise", "affine"
SHAPE, RUN = (24, 3), 16  # runs of 16 and of 8
GROUPINGS = {
    "tensor": ("tensor", 128, -1),
    "channel": ("channel", 128, -1),
    "group": ("group", RUN, -1),
    "rows": ("channel", 128, 0),
}
EPS = 2.0**-23

every_rule = pytest.mark.parametrize("rule", RULES)
every_grid = pytest.mark.parametrize("grid", GRIDS)
every_grouping = pytest.mark.parametrize("name", GROUPINGS)


def grouping_of(name):
    how, size, axis = GROUPINGS[name]
    return granularity.Grouping(granularity=how, group_size=size, channel_axis=axis)


def ranges_of(weight, bits, rule, grid="symmetric", name="group"):
    found = rules.ranges(
        jnp.asarray(weight, jnp.float32),
        jnp.int32(bits),
        rule=rule,
        grid=grid,
        grouping=grouping_of(name),
    )
    assert all(np.isfinite(leaf).all() for leaf in (found.low, found.high))
    return jax.tree.map(np.float64, found)


def rows_of(weight, name):
    """The values of each group, without what fills it up."""
    places = oracles.weight_groups(weight.shape, *GROUPINGS[name])
    return [np.array([weight[place] for place in one]) for one in places]


@ft.cache
def factor(rule, bits):
    laws = {
        "aciq_gaussian": fair_oracles.GAUSSIAN,
        "aciq_laplace": fair_oracles.LAPLACE,
    }
    law = laws[rule]
    spread = law.std() if rule == "aciq_gaussian" else law.expect(np.abs)
    return fair_oracles.aciq_factor(law, bits) * law.std() / spread


def expected_range(rule, values, bits):
    if rule == "absmax":
        return min(0.0, values.min()), max(0.0, values.max())
    if rule == "percentile":
        top = np.percentile(np.abs(values), 99.9)
    else:
        centred = values - values.mean()
        spread = values.std() if rule == "aciq_gaussian" else np.abs(centred).mean()
        top = factor(rule, bits) * spread
    return -top, top


def some_weight(shape=SHAPE):
    key = jax.random.key(2)
    values = fair_oracles.quantiles(scipy.stats.t(4, loc=0.2), shape[0] * shape[1])
    return np.float64(jax.random.permutation(key, jnp.float32(values)).reshape(shape))


@every_grouping
@pytest.mark.parametrize("rule", RULES[:4])
@settings(max_examples=20)
@given(x=strategies.arrays(SHAPE), bits=st.sampled_from([2, 4, 8]))
def test_ranges_equal_a_loop(name, rule, x, bits):
    found = ranges_of(x, bits, rule, name=name)
    for group, values in enumerate(rows_of(x, name)):
        low, high = expected_range(rule, values, bits)
        # A mean in float32 is off by some of its 24 bits, and so are distances from it.
        size = 60 * EPS * np.abs(values).max()
        assert found.low[group] == pytest.approx(low, rel=1e-5, abs=size)
        assert found.high[group] == pytest.approx(high, rel=1e-5, abs=size)
    assert found.low.shape == found.high.shape == (len(rows_of(x, name)),)


def test_published_factors_of_4_bits():
    assert factor("aciq_gaussian", 4) == pytest.approx(2.559136, abs=1e-6)
    assert factor("aciq_laplace", 4) == pytest.approx(5.0286, abs=1e-4)
    x = np.resize([3.0, 1.0, 1.0, 3.0], SHAPE)  # mean 2, deviation 1, all at distance 1
    for rule, top in (("aciq_gaussian", 2.559136), ("aciq_laplace", 5.0286)):
        found = ranges_of(x, 4, rule)
        np.testing.assert_allclose(found.high, top, rtol=2e-5)


@every_grid
@every_grouping
def test_exact_is_the_exact_optimum(grid, name):
    x = some_weight()
    found = ranges_of(x, 3, "exact", grid, name)
    for group, values in enumerate(rows_of(x, name)):
        with jax.enable_x64(True):
            best = sweep.exact_optimum(
                jnp.asarray(values), jnp.ones(len(values)), 3, grid=grid
            )
        step = (found.high[group] - found.low[group]) / {"midrise": 8, "affine": 7}.get(
            grid, 6
        )
        zero = np.round(-found.low[group] / step) if grid == "affine" else 0
        numbers = {
            "symmetric": np.arange(-3, 4),
            "twos_complement": np.arange(-4, 4),
            "midrise": np.arange(-4, 4) + 0.5,
            "affine": np.arange(8) - zero,
        }[grid]
        error = np.mean(np.abs(values[:, None] - numbers * step).min(axis=1) ** 2)
        # The search may stop at a cell whose bound is not above the best: its gap.
        assert float(best.error) * (1 - 1e-5) - 1e-12 <= error
        assert error <= float(best.error) * 1.02 + 1e-12


@every_rule
@every_grid
def test_what_fills_up_a_short_run_does_not_count(rule, grid):
    x = some_weight() + 0.5
    found = ranges_of(x, 4, rule, grid)
    alone = ranges_of(x[RUN:], 4, rule, grid)
    for one, other in ((found.low, alone.low), (found.high, alone.high)):
        np.testing.assert_allclose(one[1::2], other, rtol=1e-5)


@jax.jit
def errors_of_rules(x, bits):
    grouping = grouping_of("group")
    found = {}
    for rule in RULES:
        for grid in GRIDS:
            limits = rules.ranges(x, bits, rule=rule, grid=grid, grouping=grouping)
            rounded = granularity.round_groups(
                x, limits, bits, grid=grid, grouping=grouping
            )
            left = granularity.grouped((x - rounded) ** 2, grouping)
            found[rule, grid] = limits, jnp.sum(left, axis=1)
    return found


@given(x=strategies.arrays(SHAPE), bits=st.integers(2, 8))
def test_no_rule_is_better_than_exact(x, bits):
    found = errors_of_rules(jnp.asarray(x, jnp.float32), jnp.int32(bits))
    squares = np.array([np.sum(values**2) for values in rows_of(x, "group")])
    for grid in GRIDS:
        best = np.float64(found["exact", grid][1])
        for rule in RULES:
            other = np.float64(found[rule, grid][1])
            # Each value's error is off by an ulp or two of the value; see the optimum.
            slack = 16 * EPS * np.sqrt(best * squares) + (16 * EPS) ** 2 * squares
            assert (best <= other * (1 + 1e-5) + slack).all(), (grid, rule)


@every_grid
def test_an_outlier_makes_absmax_worse(grid):
    x = some_weight()
    x[3, 1] = 60.0  # in a run of 16: at 4 bits the others all round to a few levels
    found = errors_of_rules(jnp.asarray(x, jnp.float32), jnp.int32(2))
    absmax, exact = found["absmax", grid][1], found["exact", grid][1]
    assert (np.asarray(exact) <= 1.00001 * np.asarray(absmax)).all()
    assert exact[4] < 0.9 * absmax[4] or exact[2] < 0.9 * absmax[2]


def test_degenerate_groups_have_finite_ranges():
    for value in (0.0, -0.3, 1e6):
        found = errors_of_rules(jnp.full(SHAPE, value, jnp.float32), jnp.int32(4))
        for which, (limits, error) in found.items():
            for part in (limits.low, limits.high, error):
                assert np.isfinite(part).all(), (which, value)
            assert (np.asarray(limits.low) <= np.asarray(limits.high)).all()
            assert value != 0 or not np.asarray(limits.threshold).any()


@every_rule
def test_bits_are_data(rule):
    x, traces = jnp.asarray(some_weight(), jnp.float32), []

    @jax.jit
    def one(word):
        traces.append(None)
        return rules.ranges(
            x, word, rule=rule, grid="symmetric", grouping=grouping_of("group")
        )

    tops = np.stack([one(jnp.int32(word)).high for word in range(2, 9)])
    assert len(traces) == 1
    if rule in ("aciq_gaussian", "aciq_laplace"):
        assert (np.diff(tops, axis=0) > 0).all()  # more levels, less clipped
    for word in (2, 8):
        plain = rules.ranges(
            x, word, rule=rule, grid="symmetric", grouping=grouping_of("group")
        )
        np.testing.assert_allclose(plain.high, tops[word - 2], rtol=1e-6)


# --- mistakes -----------------------------------------------------------------------


@pytest.fixture
def unchecked():
    # With annotations enforced, a wrong word is refused before our own check.
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("bits", "rule", "grid", "message"),
    [
        (
            4,
            "mse",
            "symmetric",
            r"clipping must be one of absmax, .*, exact, got 'mse'",
        ),
        (9, "absmax", "symmetric", r"bits must be between 2 and 8, got 9"),
        (1, "exact", "symmetric", r"bits must be between 2 and 8, got 1"),
        (4, "exact", "nf4", r"grid must be affine or one of .* got 'nf4'"),
        (4, "absmax", "nf4", r"grid must be affine or one of .* got 'nf4'"),
    ],
)
def test_mistakes(bits, rule, grid, message):
    with pytest.raises(ValueError, match=message):
        rules.ranges(
            jnp.ones(SHAPE), bits, rule=rule, grid=grid, grouping=grouping_of("group")
        )
