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

from jaxdisp.quant import granularity, optimum, rules
from tests import oracles, strategies
from tests.quant import clipping_oracles, fair_oracles

RULES = "absmax", "percentile", "aciq_gaussian", "aciq_laplace", "exact"
GRIDS = "symmetric", "midrise", "affine"  # rules ask little more of a grid
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
        if rule.startswith("aciq"):
            largest = np.abs(values).max()
            if np.ptp(values) == 0:  # equal values are not clipped
                low, high = -largest, largest
            elif np.ptp(values) < 100 * EPS * largest:
                continue  # which rounding makes equal, or not
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


@every_grid
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_exact_is_the_best_of_a_brute_search(grid, bits):
    x = some_weight()
    found = errors_of_rules(jnp.asarray(x, jnp.float32), jnp.int32(bits))
    for error, values in zip(found["exact", grid][1], rows_of(x, "group"), strict=True):
        equal = np.ones(len(values))
        least = clipping_oracles.least_error(values, equal, bits, grid, 20_000)
        # A gap may remain, and the brute search is coarse.
        assert float(error) <= 1.03 * least * len(values) + 1e-10
        assert float(error) >= least * len(values) * (1 - 0.1) - 1e-10


@every_grid
@pytest.mark.parametrize("bits", [2, 4])
def test_what_fills_up_a_short_run_does_not_count(grid, bits):
    # The same eight values, twice in the full run and once in the short one.
    x = np.tile(some_weight()[:8] + 0.5, (3, 1))
    found = errors_of_rules(jnp.asarray(x, jnp.float32), jnp.int32(bits))
    for rule in RULES:
        if rule != "percentile":  # which is between values: see the loop
            limits = found[rule, grid][0]
            for part in (limits.low, limits.high):
                np.testing.assert_allclose(part[::2], part[1::2], rtol=1e-5)


@ft.partial(jax.jit, static_argnames="grid")
def gaps_of_optima(x, bits, grid):
    grouping = grouping_of("group")
    best = jax.vmap(ft.partial(optimum.optimum, grid=grid), (0, 0, None))
    masses = granularity.grouped(jnp.ones_like(x), grouping)
    return best(granularity.grouped(x, grouping), masses, bits).gap


@given(x=strategies.arrays(SHAPE), bits=st.integers(2, 8))
def test_no_rule_is_better_than_exact(x, bits):
    given = jnp.asarray(x, jnp.float32), jnp.int32(bits)
    found = errors_of_rules(*given)
    rows = rows_of(x, "group")
    squares, counts = (np.array([of(row) for row in rows]) for of in (energy, len))
    tops = np.array([np.abs(row).max() for row in rows])
    for grid in GRIDS:
        best = np.float64(found["exact", grid][1])
        gap = counts * np.float64(gaps_of_optima(*given, grid))
        for rule in RULES:
            limits, other = jax.tree.map(np.float64, found[rule, grid])
            # Each value's error is off by an ulp or two of the value; see the optimum.
            slack = 16 * EPS * np.sqrt(best * squares) + (16 * EPS) ** 2 * squares
            # Above the largest magnitude is hardly searched: by chance a few values
            # may lie next to levels there. Below, the gap says what may be better.
            apart = limits.threshold > tops * (1 + 4 * EPS)
            good = best <= other * (1 + 1e-5) + gap + slack
            assert (good | apart).all(), (grid, rule)


def energy(values):
    return np.sum(values**2)


@every_grid
def test_an_outlier_makes_absmax_worse(grid):
    # One value of 3 among ones: over its own range, all ones round to 0 or to 3.
    x = 1.0 + 0.01 * np.arange(24.0)[:, None] * np.ones(SHAPE)
    x[3] = 2.6
    found = errors_of_rules(jnp.asarray(x, jnp.float32), jnp.int32(2))
    absmax, exact = (np.asarray(found[r, grid][1]) for r in ("absmax", "exact"))
    assert (exact[::2] < 0.8 * absmax[::2]).all()  # the runs with the outlier


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
    for word in (2, 8) if rule != "exact" else ():  # compiles slowly
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
        (4, "exact", "nf4", r"grid must be one of .* got 'nf4'"),
        (4, "absmax", "nf4", r"grid must be one of .* got 'nf4'"),
    ],
)
def test_mistakes(bits, rule, grid, message):
    with pytest.raises(ValueError, match=message):
        rules.ranges(
            jnp.ones(SHAPE), bits, rule=rule, grid=grid, grouping=grouping_of("group")
        )
