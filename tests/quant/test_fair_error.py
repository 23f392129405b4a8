"""Thresholds for all languages under the exact error: attained, proved, nearly best."""

import functools as ft

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jaxdisp.quant import fair_error, grids, sweep
from tests import strategies
from tests.quant import clipping_oracles, fair_oracles

LANGUAGES, GROUPS, VALUES, MANY = 3, 2, 12, 2000
SHAPE = GROUPS, VALUES
AIMS = "average", "minimax", "regret"
GRIDS = "symmetric", "twos_complement", "midrise"
ULP = 2.0**-23

# Each is compiled, which takes a second or two.
every_aim_or_grid = pytest.mark.parametrize(
    ("aim", "grid"),
    [*((aim, "symmetric") for aim in AIMS), *(("minimax", grid) for grid in GRIDS[1:])],
)
every_grid = pytest.mark.parametrize("grid", GRIDS)
all_bits = st.sampled_from([2, 3, 4, 8])
problems = {
    "x": strategies.arrays(SHAPE),
    "weights": clipping_oracles.all_weights((LANGUAGES, *SHAPE)),
    "bits": all_bits,
}
some = settings(max_examples=25)
error_levels = jax.jit(fair_error.error_levels, static_argnames="grid")


def single(*arrays):
    return tuple(jnp.asarray(array, jnp.float32) for array in arrays)


def solved(x, weights, bits, aim, grid):
    found = fair_error.fair_ranges(
        *single(x, weights), jnp.int32(bits), aim=aim, grid=grid
    )
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(np.float32)}
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
    return jax.tree.map(np.float64, found)


def errors_at(x, weights, tops, bits, grid):
    limits = jax.vmap(grids.within)(*single(tops))
    found = error_levels(*single(x, weights), limits, jnp.int32(bits), grid=grid)
    return np.float64(found)


def aimed(levels, aim):
    return levels.mean(axis=0) if aim == "average" else levels.max(axis=0)


def slack(error, energy):
    """What rounding of levels and sums in float32 adds to a weighted squared error.

    Each value is off by an ulp or two of itself; see the tests of `optimum`.
    """
    off = 16 * ULP
    return 2 * off * np.sqrt(error * energy) + off**2 * energy + off * error


def squares_are_normal(x):
    """Whether squares of errors that matter are above what float32 takes for 0."""
    return not x.any() or np.abs(x).max() > 1e-12


def denominators(x, weights, own, aim):
    over = own if aim == "regret" else fair_oracles.energy(x, weights)
    return np.where(over > 0, over, 1.0)


def exact_own(x, weights, bits, grid):
    """The least error of each language over all thresholds, by sorting."""
    total = np.zeros(len(weights))
    with jax.enable_x64(True):
        for language, group in np.ndindex(weights.shape[:2]):
            mass = jnp.asarray(weights[language, group], np.float64)
            values = jnp.asarray(x[group], np.float64)
            best = sweep.exact_optimum(values, mass, bits, grid=grid)
            total[language] += float(best.error) * weights[language, group].sum()
    return total


@ft.cache
def smooth(groups=1):
    """Quantiles of a Gaussian in any order; languages that feel them differently."""
    x = fair_oracles.quantiles(scipy.stats.norm, MANY)
    x = np.float64(jax.random.permutation(jax.random.key(1), jnp.float32(x)))
    x = x.reshape(groups, -1) * (1 + np.arange(groups))[:, None]
    size = np.abs(x)
    return x, np.stack([np.ones_like(x), 0.1 + size**2, 1 / (0.5 + size)])


@ft.cache
def errors_between(bits, grid, low, high, count):
    """By language, errors of evenly spaced thresholds of the smooth values."""
    tops = np.linspace(low, high, count)[:, None]
    return fair_oracles.squared_errors(*smooth(), tops, bits, grid).T


@ft.cache
def exact_own_of_smooth(bits, grid, groups=1):
    return exact_own(*smooth(groups), bits, grid)


# --- generated inputs ---------------------------------------------------------------


@every_grid
@given(**problems, shares=st.tuples(st.floats(0, 2), st.floats(0, 2)))
def test_levels_are_the_errors_of_the_nearest_levels(grid, x, weights, bits, shares):
    assume(squares_are_normal(x))
    tops = np.float32(np.array(shares) * np.abs(x).max(axis=1)).astype(float)
    weights = np.float64(np.float32(weights))
    tops[tops < 1e-25] = 0  # whose steps are subnormal in float32
    found = errors_at(x, weights, tops, bits, grid)
    expected = fair_oracles.squared_errors(x, weights, tops, bits, grid)
    largest = fair_oracles.energy(x, weights) + weights.sum(axis=2) @ tops**2
    assert (np.abs(found - expected) <= slack(expected, largest)).all()


@every_aim_or_grid
@some
@given(**problems)
def test_value_is_attained_and_bounded(aim, grid, x, weights, bits):
    assume(squares_are_normal(x))
    weights = np.float64(np.float32(weights))
    found = solved(x, weights, bits, aim, grid)
    energy = fair_oracles.energy(x, weights)
    errors = errors_at(x, weights, found.thresholds, bits, grid)
    allowed = slack(errors, energy)
    if aim != "regret":
        over = denominators(x, weights, None, aim)
        assert (np.abs(found.levels * over - errors) <= allowed).all()
        absmax = errors_at(x, weights, np.abs(x).max(axis=1), bits, grid)
        worse = aimed((absmax + slack(absmax, energy)) / over, aim)
        assert found.value <= worse * (1 + 1e-6)
        # the bound covers thresholds from the least mean magnitude that is felt
        total = np.maximum(weights.sum(axis=2), 1e-300)
        felt = np.einsum("lgv,gv->lg", weights, np.abs(x)) / total
        top = np.abs(x).max(axis=1)
        low = np.minimum(np.where(felt > 0, felt, np.inf).min(axis=0), top)
        shares = np.stack(np.meshgrid(*[np.linspace(0, 1, 45)] * 2), -1).reshape(-1, 2)
        tried = low + shares * (top - low)
        lost = fair_oracles.squared_errors(x, weights, tried, bits, grid)
        most = (lost + slack(lost, energy)) / over
        assert found.bound <= aimed(most.T, aim).min()
    assert found.value == pytest.approx(aimed(found.levels, aim), rel=1e-5)
    assert found.bound <= found.value * (1 + 1e-5)
    if found.value > 0:
        share = (found.value - found.bound) / found.value
        assert found.gap == pytest.approx(share, rel=1e-5, abs=1e-5)
    assert (found.mix >= 0).all()
    assert found.mix.sum() == pytest.approx(1, rel=1e-4)


@every_grid
@some
@given(x=strategies.arrays(SHAPE), bits=all_bits)
def test_own_is_not_below_the_exact_optimum(grid, x, bits):
    weights = np.ones((LANGUAGES, *SHAPE))
    found = solved(x, weights, bits, "minimax", grid)
    energy = fair_oracles.energy(x, weights)
    over = np.where(energy > 0, energy, 1.0)
    least = exact_own(x, weights, bits, grid)
    assert (found.own * over >= least - slack(least, energy)).all()


@every_aim_or_grid
@some
@given(x=strategies.arrays(SHAPE), bits=all_bits)
def test_zeros_and_languages_that_feel_nothing(aim, grid, x, bits):
    x[0] = 0
    weights = np.ones((LANGUAGES, *SHAPE))
    weights[1] = 0
    found = solved(x, weights, bits, aim, grid)
    assert found.thresholds[0] == 0
    assert found.levels[1] == found.own[1] == 0
    nothing = solved(0 * x, weights, bits, aim, grid)
    assert nothing.value == nothing.bound == nothing.gap == 0
    assert (nothing.thresholds == 0).all()


# --- many values of a smooth law ----------------------------------------------------


@every_aim_or_grid
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_is_the_best_of_a_dense_grid(aim, grid, bits):
    x, weights = smooth()
    found = solved(x, weights, bits, aim, grid)
    own = exact_own_of_smooth(bits, grid)
    energy = fair_oracles.energy(x, weights)
    # `own` is the fixed point from one of 64 candidates: that may be another dip.
    mine = solved(x, weights, bits, "minimax", grid).own * energy
    assert (mine >= own * (1 - 1e-5)).all()
    assert (mine <= own * (1 + (1e-3 if bits < 8 else 0.1))).all()
    over = denominators(x, weights, mine, aim)[:, None]
    low, top = np.abs(x).mean(), np.abs(x).max()
    least = aimed(errors_between(bits, grid, low, top, MANY) / over, aim).min()
    common = aimed(errors_between(bits, grid, top / 200, top, 200) / over, aim).min()
    assert found.bound <= least * (1 + 1e-5)
    # Of 2000 thresholds some are by chance better than the chosen candidate.
    assert least * (1 - 5e-3) <= found.value <= least * (1 + 5e-3)
    assert found.value <= common * (1 + 5e-3)
    assert found.gap <= 0.1 or bits == 8  # where M is rough


def test_own_is_no_more_than_what_sharing_costs():
    # Of languages that are alike, none loses anything by sharing.
    x, weights = smooth()
    for bits in (4, 8):
        for which in range(LANGUAGES):
            mass = np.stack([weights[which]] * LANGUAGES)
            found = solved(x, mass, bits, "minimax", "symmetric")
            assert (found.own <= found.levels * (1 + 1e-5)).all()


def test_groups_are_solved_together():
    x, weights = smooth(2)
    found = solved(x, weights, 4, "minimax", "symmetric")
    over = fair_oracles.energy(x, weights)[:, None]
    shares = np.stack(np.meshgrid(*[np.linspace(0.4, 1, 40)] * 2), -1).reshape(-1, 2)
    tops = shares * np.abs(x).max(axis=1)
    lost = fair_oracles.squared_errors(x, weights, tops, 4, "symmetric").T / over
    assert found.bound <= lost.max(axis=0).min()
    assert found.value <= lost.max(axis=0).min() * (1 + 1e-3)
    levels = errors_at(x, weights, found.thresholds, 4, "symmetric") / over[:, 0]
    assert found.value == pytest.approx(levels.max(), rel=1e-5)


def test_aims_differ():
    x, weights = smooth()
    found = {aim: solved(x, weights, 3, aim, "symmetric") for aim in AIMS}
    energy = fair_oracles.energy(x, weights)
    lost = {
        aim: errors_at(x, weights, one.thresholds, 3, "symmetric") / energy
        for aim, one in found.items()
    }
    own = exact_own_of_smooth(3, "symmetric") / energy
    for aim in AIMS[1:]:
        assert lost["average"].mean() < lost[aim].mean()
        assert lost["minimax"].max() <= lost[aim].max() * (1 + 1e-6)
        assert (lost["regret"] / own).max() < (lost["average"] / own).max()


def test_what_no_language_feels_does_not_matter():
    # What fills up a short run is 0 and felt by none. It lowers the mean magnitude,
    # where candidates begin, so that they are others, but about as good.
    x, weights = smooth()
    padded = np.pad(x, ((0, 0), (0, MANY // 10)))
    masses = np.pad(weights, ((0, 0), (0, 0), (0, MANY // 10)))
    one = solved(x, weights, 4, "minimax", "symmetric")
    other = solved(padded, masses, 4, "minimax", "symmetric")
    assert other.value == pytest.approx(one.value, rel=1e-3)
    np.testing.assert_allclose(other.own, one.own, rtol=1e-3)
    np.testing.assert_allclose(other.thresholds, one.thresholds, rtol=0.02)


# --- mistakes -----------------------------------------------------------------------


@pytest.fixture
def unchecked():
    # With annotations enforced, a wrong word is refused before our own check.
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("aim", "grid", "bits", "message"),
    [
        ("minimax", "affine", 4, r"the affine grid has no single threshold; use symm"),
        ("mean", "symmetric", 4, r"one of average, minimax, regret, got 'mean'"),
        ("minimax", "symmetric", 9, r"bits must be between 2 and 8, got 9"),
        ("minimax", "nf4", 4, r"grid must be affine or one of .* got 'nf4'"),
    ],
)
def test_mistakes(aim, grid, bits, message):
    x, weights = single(np.ones(SHAPE), np.ones((LANGUAGES, *SHAPE)))
    with pytest.raises(ValueError, match=message):
        fair_error.fair_ranges(x, weights, bits, aim=aim, grid=grid)
